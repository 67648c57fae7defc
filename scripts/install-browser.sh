#!/bin/sh
# Install the browser that tests/browser drives, with the driver that fits it: Debian's packages.
#
# Does nothing where both are there. Needs apt-get and the right to use it (as root, or by sudo).
set -eu

for program in chromium chromedriver; do
    command -v "$program" >/dev/null 2>&1 || missing=yes
done
test -n "${missing:-}" || exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo 'No apt-get here: install chromium and chromedriver by hand' >&2
    exit 1
}
sudo=
test "$(id -u)" = 0 || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver
