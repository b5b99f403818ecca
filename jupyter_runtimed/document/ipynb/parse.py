"""Parse a notebook file into its top-level members and its cells, with their positions in the text.

The errors explain why a file is not a notebook. This module does not check the cells.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass

from ...errors import NotebookError
from .. import json_text
from ..json_text import Span

_BOM = "\ufeff"
_BLANK = re.compile("[\ufeff \t\r\n]*")
_CELLS = frozenset({"cells"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed JSON object; `open` and `close` are the positions of its braces in `text`.

    If the value of the member `cells` is a list, it is parsed as a list of `Place`.
    """

    text: str
    open: int
    close: int
    members: list[Span]
    decoder: json.JSONDecoder

    def top(self) -> dict[str, object]:
        """Return the members, `cells` as a list of values; the last of duplicate keys wins."""
        found = {place.key: place.parsed for place in self.members}
        if isinstance(found.get("cells"), list):
            found["cells"] = [place.parsed for place in self.cells()]
        return found

    def cells(self) -> list[Span]:
        places = [place.parsed for place in self.members if place.key == "cells"]
        return places[-1] if places and isinstance(places[-1], list) else []

    def free(self) -> None:
        """Free the cells one by one, because freeing all at once would block all other threads.

        The caller may not use the cells afterwards.
        """
        cells = self.cells()
        while cells:
            cells.pop()


def text_of(data: bytes) -> str:
    """Return the text of a file with its byte order mark. Raises `NotebookError`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = " (it looks like UTF-16)" if data[:2] in _UTF16 else ""
        raise NotebookError(
            f"the file is not UTF-8 text{hint}: byte {error.start} cannot be read; "
            "save it as UTF-8, or restore it from a checkpoint"
        ) from None


def is_blank(text: str) -> bool:
    """Whether the text holds only white space."""
    return _BLANK.fullmatch(text) is not None


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def parse(text: str, *, exact: bool = False) -> Parsed:
    """Parse the top level of a notebook's text. Raises `NotebookError`.

    `exact` keeps the digits of numbers out of Python's range (`jsontext.EXACT`).
    """
    try:
        return _parse(text, json_text.EXACT if exact else json_text.QUICK)
    except json.JSONDecodeError as error:
        raise NotebookError(_not_json(text, error)) from None
    except RecursionError:
        raise NotebookError(
            "the file is nested too deeply to be a notebook; restore it from a checkpoint"
        ) from None
    except ValueError:
        # Python refuses to convert an integer with this many digits.
        return parse(text, exact=True)


def _parse(text: str, decoder: json.JSONDecoder) -> Parsed:
    start = json_text.skip(text, 1 if text.startswith(_BOM) else 0)
    if text[start : start + 1] != "{":
        decoder.raw_decode(text, start)
        raise NotebookError(
            "the file is JSON but not a notebook: it does not hold an object; "
            "open it as a text file to see what it is"
        )
    members, close = json_text.members(text, start, decoder=decoder, leave=_CELLS)
    rest = json_text.skip(text, close + 1)
    if rest != len(text):
        raise json.JSONDecodeError("Extra data", text, rest)
    return Parsed(text, start, close, members, decoder)


def _not_json(text: str, error: json.JSONDecodeError) -> str:
    if "<<<<<<<" in text and ">>>>>>>" in text:
        return (
            f"the file holds merge conflict marks and is not JSON (line {error.lineno}); "
            "resolve the conflict in a text editor, then open it again"
        )
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        return (
            f"the file ends in the middle of its JSON (line {error.lineno}); it was probably cut "
            "off during a write: restore it from a checkpoint or from version control"
        )
    return (
        f"the file is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
        "repair it in a text editor, or restore it from a checkpoint"
    )
