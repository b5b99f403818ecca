"""Add up the reports of a test run and print ``N passed, N failed, N skipped``.

The reports are in ``build/reports``: JUnit XML of pytest and vitest, plain text of ``cargo test``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

CARGO_RESULT = re.compile(
    r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE
)


def junit(path: Path) -> tuple[int, int, int]:
    """Return (passed, failed, skipped) of a JUnit file; an incomplete file is one failure."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError:
        return 0, 1, 0
    cases = list(root.iter("testcase"))
    failed = sum(c.find("failure") is not None or c.find("error") is not None for c in cases)
    skipped = sum(c.find("skipped") is not None for c in cases)
    return len(cases) - failed - skipped, failed, skipped


def cargo(path: Path) -> tuple[int, int, int]:
    """Return (passed, failed, ignored) over all test binaries of one ``cargo test``."""
    rows = [tuple(map(int, found)) for found in CARGO_RESULT.findall(path.read_text())]
    passed, failed, ignored = (
        (sum(column) for column in zip(*rows, strict=True)) if rows else (0,) * 3
    )
    return passed, failed, ignored


def main() -> int:
    """Print the line; return 0 if at least one test passed and none failed, else 1."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/reports")
    counts = [junit(path) for path in sorted(folder.glob("*.xml"))]
    counts += [cargo(path) for path in sorted(folder.glob("*.txt"))]
    passed, failed, skipped = (sum(c[i] for c in counts) for i in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
