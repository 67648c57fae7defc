"""Check that a built wheel holds the whole package and nothing else.

Knows file names and metadata only; it never imports what it checks.
"""

import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent


def expected_files() -> set[str]:
    """Every source file of the package, as the wheel should name it."""
    sources = (ROOT / "dualware").rglob("*")
    return {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if path.is_file() and "__pycache__" not in path.parts
    }


def problems(wheel: Path) -> list[str]:
    """Each fault of the wheel, as one sentence."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    licence = any(name.endswith("/licenses/LICENSE") for name in metadata)
    expected = expected_files()
    if not wheel.stem.endswith("-any"):
        # A compiled one holds extension modules beside the sources that they were made of.
        metadata |= {name for name in names if name.endswith((".so", ".pyd"))}
    return [
        *(f"missing from the wheel: {name}" for name in sorted(expected - names)),
        *(f"unexpected in the wheel: {name}" for name in sorted(names - metadata - expected)),
        *([] if "dualware/py.typed" in names else ["the wheel is not typed: no dualware/py.typed"]),
        *([] if licence else ["the wheel holds no licence"]),
    ]


def main() -> int:
    """Check the wheel named on the command line."""
    wheel = Path(sys.argv[1])
    found = problems(wheel)
    print(*found or [f"{wheel.name}: whole, typed, licensed"], sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
