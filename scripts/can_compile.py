"""Tell whether this interpreter can compile extensions: exit status 0, or 1 and one line why not.

Knows where a C compiler and Python's headers should be. Must never compile anything itself.
"""

import shutil
import sys
import sysconfig
from pathlib import Path


def main() -> int:
    """Look for both."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if shutil.which(compiler) is None:
        print(f"there is no C compiler, {compiler}", file=sys.stderr)
    elif not header.is_file():
        print(f"there are no headers of Python, {header.name}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
