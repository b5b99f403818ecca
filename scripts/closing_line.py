"""Adds up the reports of a test run and prints ``N passed, N failed, N skipped``.

Reads ``build/reports``: JUnit XML from pytest and vitest, plain text from ``cargo test``.
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
    """(passed, failed, skipped) of one JUnit file; a file cut short counts as one failure."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError:
        return 0, 1, 0
    cases = list(root.iter("testcase"))
    failed = sum(c.find("failure") is not None or c.find("error") is not None for c in cases)
    skipped = sum(c.find("skipped") is not None for c in cases)
    return len(cases) - failed - skipped, failed, skipped


def cargo(path: Path) -> tuple[int, int, int]:
    """(passed, failed, ignored) over all test binaries of one ``cargo test``."""
    rows = [tuple(map(int, found)) for found in CARGO_RESULT.findall(path.read_text())]
    passed, failed, ignored = (
        (sum(column) for column in zip(*rows, strict=True)) if rows else (0,) * 3
    )
    return passed, failed, ignored


def main() -> int:
    """Print the line; the exit code says whether anything ran and nothing failed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/reports")
    counts = [junit(path) for path in sorted(folder.glob("*.xml"))]
    counts += [cargo(path) for path in sorted(folder.glob("*.txt"))]
    passed, failed, skipped = (sum(c[i] for c in counts) for i in range(3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
