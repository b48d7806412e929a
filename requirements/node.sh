#!/bin/sh
# Node, and the packages of tests/node: esbuild, which builds the widget, and other people's client libraries, which the tests run.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then ./requirements/debian.sh nodejs npm; fi
if ! cmp -s tests/node/package-lock.json tests/node/node_modules/.installed; then
    # Not `npm ci`: it insists on optional packages for other machines, which not every registry has.
    (cd tests/node && npm install --no-save --silent && cp package-lock.json node_modules/.installed)
fi
