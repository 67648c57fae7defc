#!/bin/sh
# Install wrk, which loads the servers of tests/benchmarks/loopback.py: Debian's package.
#
# Does nothing where it is there. Needs apt-get and the right to use it (as root, or by sudo).
set -eu

! command -v wrk >/dev/null 2>&1 || exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo 'No apt-get here: install wrk by hand (https://github.com/wg/wrk)' >&2
    exit 1
}
sudo=
test "$(id -u)" = 0 || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends wrk
