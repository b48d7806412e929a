#!/bin/sh
# Build the image and see it work, without a container engine and without an image registry: `make image-test`, as root.
# A Debian made by debootstrap is the base. The image migrates and answers /healthz as a user without rights on a read-only root.
set -eu
cd "$(dirname "$0")/.."
work=${IMAGE_WORK:-/var/tmp/discern-image}
port=${IMAGE_PORT:-18080}
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
command -v buildah >/dev/null && command -v debootstrap >/dev/null || ./requirements/debian.sh buildah debootstrap
mkdir -p "$work"

if ! buildah inspect --type image localhost/discern-base >/dev/null 2>&1; then
    [ -e "$work/base.done" ] || { rm -rf "$work/base" && debootstrap --variant=minbase bookworm "$work/base" >"$work/debootstrap.log" && touch "$work/base.done"; }
    base=$(buildah from scratch)
    buildah add --quiet "$base" "$work/base" / >/dev/null
    buildah commit --quiet "$base" discern-base >/dev/null
    buildah rm "$base" >/dev/null
fi

# Behind a private certificate authority pip needs to know it while it builds; these two mounts do not enter the image.
printf '[global]\ncert = /run/ca.crt\n' >"$work/pip.conf"
authority=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
buildah build --quiet --format docker --build-arg BASE=localhost/discern-base \
    -v "$authority:/run/ca.crt:ro" -v "$work/pip.conf:/etc/pip.conf:ro" -t discern . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
echo "built: $(buildah images --format '{{.Size}}' localhost/discern)"

container=$(buildah from localhost/discern)
root=$(buildah mount "$container")
tidy() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
    wait
    umount "$root/var/lib/discern" "$root/tmp" "$root/dev" "$root" 2>/dev/null || true
    buildah rm "$container" >/dev/null
}
trap tidy EXIT
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /dev "$root/dev"
mount -t tmpfs -o size=64m tmpfs "$root/tmp"
mount -t tmpfs -o size=64m,uid=10001,gid=10001 tmpfs "$root/var/lib/discern"

inside() { # replaces its shell, so that what runs in the background can be ended: call it in parentheses
    exec chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/opt/discern/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 \
        DISCERN_DATABASE_URL=sqlite:////var/lib/discern/discern.db DISCERN_SECRET_KEYS="$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" "$@"
}
if (inside sh -c 'echo x >/opt/discern/x') 2>/dev/null; then echo "the root can be written to" >&2; exit 1; fi
echo "user: $(inside id -u), root: read-only"
(inside discern migrate)
inside discern serve --bind "127.0.0.1:$port" &
server=$!
for _ in $(seq 150); do
    if curl --silent --fail "http://127.0.0.1:$port/healthz"; then echo; (inside discern --help) >/dev/null; echo "the image works"; exit 0; fi
    kill -0 "$server"
    sleep 0.2
done
echo "no answer within 30 seconds" >&2
exit 1
