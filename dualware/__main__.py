"""``python -m dualware``: the command line. Must never be anything but its door."""

import sys

from dualware.cli import main

if __name__ == "__main__":
    sys.exit(main())
