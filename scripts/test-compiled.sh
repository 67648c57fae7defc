#!/bin/sh
# Run the tests of the compiled build, in the tree where it was compiled, with the tools of .venv.
#
#   scripts/test-compiled.sh [pytest arguments]
#
# A machine that can't compile says so loudly: nothing is tested by hand then, and CI fails.
set -eu

if ! .venv/bin/python scripts/can_compile.py; then
    echo 'THE COMPILED BUILD IS NOT TESTED' >&2
    test -z "${CI:-}"
    exit
fi
${MAKE:-make} --no-print-directory .venvs/compiled/.stamp
root=$PWD
cd .venvs/compiled
# Before the path of the editable package, in child processes too.
PYTHONPATH=$PWD exec "$root/.venv/bin/python" -m pytest "$@"
