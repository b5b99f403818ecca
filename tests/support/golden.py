"""The vectors in `tests/golden` that Python and TypeScript tests read alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent.parent / "golden"
WIDTH = 120


def read(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def write(name: str, value: object) -> None:
    (GOLDEN / name).write_text(_layout(value, 0) + "\n", encoding="utf-8")


def _layout(value: object, depth: int) -> str:
    """JSON in which everything that fits on a line stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + depth <= WIDTH or not isinstance(value, (dict, list)):
        return line
    indent, outer = " " * (depth + 1), " " * depth
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {_layout(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(indent + entry for entry in entries) + f"\n{outer}}}"
    items = [_layout(item, depth + 1) for item in value]
    return "[\n" + ",\n".join(indent + item for item in items) + f"\n{outer}]"


def expected_of(side: str, expected: dict[str, Any]) -> dict[str, Any]:
    """The part of an expectation that is common to both sides, and the part of one side."""
    common = {key: value for key, value in expected.items() if key not in ("python", "typescript")}
    return {**common, **expected.get(side, {})}
