#!/bin/sh
# Install Debian packages, as root or through sudo; say which ones are needed where neither is possible.
set -eu
if [ "$(id -u)" = 0 ]; then as_root=""; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=sudo; else
    echo "These Debian packages are needed; install them and try again: apt-get install $*" >&2
    exit 1
fi
echo "Installing $* ..." >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
