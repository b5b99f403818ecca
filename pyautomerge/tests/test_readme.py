"""The example of the README runs and prints the documented lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_tour_runs_and_prints_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", README.read_text(), re.DOTALL)
    exec(compile(code, str(README), "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "splice ('cell', 'source') 7 hello",
        "delete ('cell', 'source') 12 2",
    ]
