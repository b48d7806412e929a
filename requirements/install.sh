#!/bin/sh
# Make .venv with what the lock files say and nothing else: `install.sh run` to serve and fit, `install.sh dev` to test as well.
set -eu
cd "$(dirname "$0")/.."
kind=$1
stamp=.venv/.installed-$kind
wanted=$(cat pyproject.toml requirements/*.txt | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Discern needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    ./requirements/debian.sh python3-venv
fi
echo "Installing what the lock files say into .venv ..." >&2
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
if [ "$kind" = dev ]; then locks="-r requirements/dev.txt"; else locks="-r requirements/analysis.txt"; fi
# shellcheck disable=SC2086  (one word a lock file)
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/build.txt $locks
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
if [ "$kind" = dev ]; then
    # The tests start hundreds of processes: without compiled files, as where PYTHONDONTWRITEBYTECODE is set, each would compile what it imports.
    .venv/bin/python -W ignore -m compileall -qq -j 0 .venv/lib || true  # some packages carry templates that are not Python
fi
echo "$wanted" >"$stamp"
