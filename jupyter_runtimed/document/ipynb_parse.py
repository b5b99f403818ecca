"""The bytes of a notebook file as its top level and its cells, each with its place in the text.

Says what is wrong with a file that is no notebook; does not look into cells.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass

from ..errors import NotebookError
from . import jsontext
from .jsontext import Place

_BOM = "\ufeff"
_BLANK = re.compile("[\ufeff \t\r\n]*")
_CELLS = frozenset({"cells"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that is a JSON object: `open` and `close` are the places of its braces.

    The value of `cells` is a list of `Place`, if it is a list.
    """

    text: str
    open: int
    close: int
    members: list[Place]
    decoder: json.JSONDecoder

    def top(self) -> dict[str, object]:
        """The members that count (of duplicates, the last); `cells` as a list of values."""
        found = {place.key: place.parsed for place in self.members}
        if isinstance(found.get("cells"), list):
            found["cells"] = [place.parsed for place in self.cells()]
        return found

    def cells(self) -> list[Place]:
        places = [place.parsed for place in self.members if place.key == "cells"]
        return places[-1] if places and isinstance(places[-1], list) else []

    def let_go(self) -> None:
        """Nobody needs the cells any more. Freed at once they would hold up every other thread."""
        cells = self.cells()
        while cells:
            cells.pop()


def text_of(data: bytes) -> str:
    """The text of a file, a byte order mark included. Raises NotebookError."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = " (it looks like UTF-16)" if data[:2] in _UTF16 else ""
        raise NotebookError(
            f"the file is not UTF-8 text{hint}: byte {error.start} cannot be read; "
            "save it as UTF-8, or restore it from a checkpoint"
        ) from None


def is_blank(text: str) -> bool:
    """Whether there is nothing but white space."""
    return _BLANK.fullmatch(text) is not None


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def parse(text: str, *, exact: bool = False) -> Parsed:
    """The top level of a notebook's text. Raises NotebookError."""
    try:
        return _parse(text, jsontext.EXACT if exact else jsontext.QUICK)
    except json.JSONDecodeError as error:
        raise NotebookError(_not_json(text, error)) from None
    except RecursionError:
        raise NotebookError(
            "the file is nested too deeply to be a notebook; restore it from a checkpoint"
        ) from None
    except ValueError:
        # An integer of more digits than Python converts.
        return parse(text, exact=True)


def _parse(text: str, decoder: json.JSONDecoder) -> Parsed:
    start = jsontext.skip(text, 1 if text.startswith(_BOM) else 0)
    if text[start : start + 1] != "{":
        decoder.raw_decode(text, start)
        raise NotebookError(
            "the file is JSON but not a notebook: it does not hold an object; "
            "open it as a text file to see what it is"
        )
    members, close = jsontext.members(text, start, decoder=decoder, leave=_CELLS)
    rest = jsontext.skip(text, close + 1)
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
            "off while it was written: restore it from a checkpoint or from version control"
        )
    return (
        f"the file is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
        "mend it in a text editor, or restore it from a checkpoint"
    )
