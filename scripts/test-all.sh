#!/bin/sh
# Run the tests once under every Python version named, each in an environment of its own.
#
#   scripts/test-all.sh "3.10 3.11" [pytest arguments]
#
# A version that this machine lacks is reported, not failed; a version that fails does not
# stop the others. The last lines are one verdict for each version.
set -eu

versions=$1
shift
verdicts=''
status=0

for version in $versions; do
    if ! scripts/find-python.sh "$version" >/dev/null 2>&1; then
        verdict='NOT FOUND, NOT TESTED'
    elif ! ${MAKE:-make} --no-print-directory ".venvs/$version/.stamp"; then
        verdict='FAILED: no environment'
        status=1
    else
        echo "==== Python $version"
        if ".venvs/$version/bin/python" -m pytest "$@"; then
            verdict='passed'
        else
            verdict='FAILED'
            status=1
        fi
    fi
    verdicts="$verdicts$(printf '%-6s %s' "$version" "$verdict")
"
done

printf '\n%s' "$verdicts"
case $verdicts in
    *passed* | *FAILED*) exit "$status" ;;
    *) echo 'no Python found at all' >&2; exit 1 ;;
esac
