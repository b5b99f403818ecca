"""The browser part uses the close codes and error codes of the Python package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from jupyter_runtimed.errors import REFUSALS, RefusalCode, all_errors, error_named
from jupyter_runtimed.protocol.close_codes import CloseCode

SOURCES = Path(__file__).parents[2] / "labextension" / "src"
OF_THE_BROWSER = {"connection-lost", "epoch", "offline"}
"""Codes that the browser part gives to its own failures."""
OWN_CODES = range(4000, 5000)


def source() -> str:
    """Return the code of the browser part without its comments."""
    text = "\n".join(path.read_text() for path in sorted(SOURCES.rglob("*.ts")))
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def test_every_close_code_of_the_browser_is_a_close_code_of_the_server() -> None:
    found = {int(number) for number in re.findall(r"\b4[0-9]{3}\b", source())}
    assert {CloseCode.BAD_FRAME, CloseCode.NO_SUCH_ROOM} <= found
    assert found <= set(CloseCode)


def test_a_close_code_has_one_name_in_both_languages() -> None:
    names = re.findall(r"\b([A-Z][A-Z_]+)\s*[:=]\s*(4[0-9]{3})\b", source())
    assert names
    assert {name: int(code) for name, code in names} == {
        name: CloseCode[name].value for name, _ in names
    }


def test_every_error_code_of_the_browser_is_an_error_code_of_the_server() -> None:
    text = source()
    found = set(re.findall(r"\bcode(?: ===|:) '([a-z-]+)'", text))
    found |= set(re.findall(r"^export const (?:OFFLINE|LOST) = '([a-z-]+)'", text, re.MULTILINE))
    known = {kind.code for kind in all_errors()} | set(get_args(RefusalCode))
    assert "read-only" in found
    assert found <= known | OF_THE_BROWSER


def test_every_refusal_code_has_a_meaning() -> None:
    assert set(REFUSALS) == set(get_args(RefusalCode))


@pytest.mark.parametrize("code", sorted({kind.code for kind in all_errors()} - {"closed"}))
def test_the_error_of_a_code_has_this_code(code: str) -> None:
    assert error_named(code, "why").code == code
