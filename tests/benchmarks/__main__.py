"""``python -m tests.benchmarks``: every benchmark, with what it ran on. Exit 1 if a limit broke."""

from __future__ import annotations

import platform
import sys

from tests.benchmarks import cors, flows, log_line


def main() -> int:
    """Run them all."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    # All of them, whatever the first ones say.
    kept = [each.report() for each in (flows, log_line, cors)]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
