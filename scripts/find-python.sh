#!/bin/sh
# Print the path of a Python that runs, is new enough, and can make virtual environments.
#
#   scripts/find-python.sh          the first of 3.13, 3.12, 3.11, 3.10, python3
#   scripts/find-python.sh 3.12     that version and no other
#
# A name on PATH proves nothing: pyenv's shims exist for versions that are not switched on.
# So every candidate is run. When none will do: exit status 1 and one line on standard error.
set -eu

wanted=${1:-}
pyenv=$(dirname "$(command -v pyenv || echo "${HOME:-}/.pyenv/bin/pyenv")")/..

probe='
import ensurepip, sys, venv
wanted = sys.argv[1]
found = "%d.%d" % sys.version_info[:2]
sys.exit(sys.version_info < (3, 10) or wanted not in ("", found) or print(sys.executable))
'

candidates() {
    for version in ${wanted:-3.13 3.12 3.11 3.10}; do
        echo "python$version"
    done
    test -n "$wanted" || echo python3
    for version in ${wanted:-3.13 3.12 3.11 3.10}; do
        for path in "${PYENV_ROOT:-$pyenv}/versions/$version".*/bin/"python$version"; do
            echo "$path"
        done
    done
}

candidates | {
    while IFS= read -r candidate; do
        "$candidate" -c "$probe" "$wanted" 2>/dev/null && exit 0
    done
    echo "No Python ${wanted:-3.10 or newer} that runs was found" >&2
    exit 1
}
