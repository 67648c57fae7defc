"""``python -m tests.benchmarks``: every benchmark, with what it ran on. Exit 1 if a limit broke."""

from __future__ import annotations

import os
import platform
import sys

from tests.benchmarks import compression, cors, flows, import_time, log_line, loopback, stacks

# Where glibc gives memory back and fetches it again, page faults decide what coding a body takes.
PINNED = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456"}


def main() -> int:
    """Run them all."""
    if os.environ.get("MALLOC_TRIM_THRESHOLD_") is None:
        os.execve(sys.executable, [sys.executable, "-m", "tests.benchmarks"], os.environ | PINNED)
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    # All of them, whatever the first ones say; last the one whose peers leave something behind.
    reports = (flows, log_line, cors, compression, import_time, loopback, stacks)
    kept = [each.report() for each in reports]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
