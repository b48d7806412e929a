#!/bin/sh
# What the tests need beyond Python: a PostgreSQL server to start, Chromium, Firefox, WebKit with a display to show it on, the TypeScript
# compiler, PgBouncer, nginx, Caddy, promtool, the libraries that WeasyPrint draws with, and Node with its packages.
# Found where they are, installed where they are not.
set -eu
cd "$(dirname "$0")/.."
missing=""
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then missing="$missing postgresql"; fi
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then missing="$missing chromium"; fi
if ! command -v firefox-esr >/dev/null && ! command -v firefox >/dev/null; then missing="$missing firefox-esr"; fi
if ! command -v WebKitWebDriver >/dev/null; then missing="$missing webkit2gtk-driver"; fi
if ! command -v Xvfb >/dev/null; then missing="$missing xvfb"; fi
for program in pgbouncer nginx caddy; do
    if ! command -v "$program" >/dev/null && ! [ -x "/usr/sbin/$program" ]; then missing="$missing $program"; fi
done
if ! command -v promtool >/dev/null; then missing="$missing prometheus"; fi
if ! command -v tsc >/dev/null; then missing="$missing node-typescript"; fi
for library in libpango-1.0-0:libpango-1.0.so.0 libpangoft2-1.0-0:libpangoft2-1.0.so.0 libharfbuzz-subset0:libharfbuzz-subset.so.0; do
    if ! ldconfig -p | grep -q "${library#*:}"; then missing="$missing ${library%%:*}"; fi
done
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  (one word a package)
    ./requirements/debian.sh $missing
fi
./requirements/node.sh
