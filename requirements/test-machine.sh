#!/bin/sh
# What the tests need beyond Python: a PostgreSQL server to start, Chromium, the TypeScript compiler, and Node with other people's client libraries.
# Found where they are, installed where they are not.
set -eu
cd "$(dirname "$0")/.."
missing=""
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then missing="$missing postgresql"; fi
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then missing="$missing chromium"; fi
if ! command -v npm >/dev/null; then missing="$missing nodejs npm"; fi
if ! command -v tsc >/dev/null; then missing="$missing node-typescript"; fi
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  (one word a package)
    ./requirements/debian.sh $missing
fi
if ! cmp -s tests/node/package-lock.json tests/node/node_modules/.installed; then
    # Not `npm ci`: it insists on optional packages for other machines, which not every registry has.
    (cd tests/node && npm install --no-save --silent && cp package-lock.json node_modules/.installed)
fi
