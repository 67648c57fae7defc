"""``python -m tests.benchmarks [TREE…]``: every benchmark, with what it ran on.

Then once more in each TREE, a copy in which the package is compiled. Exit 1 if a limit broke.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import compression, cors, flows, import_time, log_line, loopback, stacks
from tests.builds import COMPILED

# Where glibc gives memory back and fetches it again, page faults decide what coding a body takes.
PINNED = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456"}


def main() -> int:
    """Run them all."""
    if os.environ.get("MALLOC_TRIM_THRESHOLD_") is None:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:]],
            os.environ | PINNED,
        )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    build = "compiled" if COMPILED else "interpreted"
    print(f"{python}, {platform.machine()}: dualware {build}", flush=True)
    # All of them, whatever the first ones say; last the one whose peers leave something behind.
    reports = (flows, log_line, cors, compression, import_time, loopback, stacks)
    kept = [each.report() for each in reports]
    kept += [_once_more(Path(tree).resolve()) for tree in sys.argv[1:]]
    return 0 if all(kept) else 1


def _once_more(tree: Path) -> bool:
    """The same in another tree. Returns whether every limit is kept there."""
    print(flush=True)
    # Servers that are started there find the package of the tree.
    environment = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "tests.benchmarks"]
    return subprocess.run(command, cwd=tree, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
