"""One line of a terminal: its characters and their styles.

A style is the text of all colour sequences since the last reset.
"""

from __future__ import annotations

import re
from typing import Final

COLOUR: Final = re.compile(r"\x1b\[([0-9;:]*)m")
_RESET: Final = "\x1b[0m"
_LONGEST_STYLE: Final = 128


class Line:
    """A line in one of two forms.

    A line with appended text only keeps the text of the program in `raw`, including colour
    sequences. An `overwritten` line keeps its characters in `_chars` and a style for each in
    `_styles`; `_styles` is None while all characters have the style `entry`.
    """

    __slots__ = ("_chars", "_styles", "entry", "exit", "overwritten", "raw", "width")

    def __init__(self, entry: str = "") -> None:
        self.entry = self.exit = entry
        """Style at the start of the line (`entry`) and after `raw` (`exit`)."""
        self.raw = ""
        self.width = 0
        self.overwritten = False
        self._chars = ""
        self._styles: list[str] | None = None

    def extend(self, text: str, style: str) -> int:
        """Append text with colour sequences; return its width.

        `style` is the style after the text. Only valid for a line that is not `overwritten`.
        """
        self.raw += text
        self.exit = style
        width = len(COLOUR.sub("", text))
        self.width += width
        return width

    def put(self, column: int, text: str, style: str) -> None:
        """Write text without colour sequences at `column` over existing characters."""
        if not self.overwritten and column == self.width and self.exit == style:
            self.raw += text
            self.width += len(text)
            return
        self.take_apart()
        if column > self.width:
            self._replace(self.width, " " * (column - self.width), "")
        self._replace(column, text, style)

    def erase(self, what: int, column: int) -> None:
        """Erase from the cursor to the end (`what` 0), up to the cursor (1), or all (2)."""
        if what == 0 and column >= self.width:
            return
        self.take_apart()
        if what == 1:
            self._replace(0, " " * min(column + 1, self.width), "")
            return
        self.width = column if what == 0 else 0
        self._chars = self._chars[: self.width]
        if self._styles is not None:
            del self._styles[self.width :]
        if not self._chars:
            self.raw, self.exit, self.overwritten, self._styles = "", self.entry, False, None

    def take_apart(self) -> None:
        """Convert the line to characters with a style each."""
        if self.overwritten:
            return
        self.overwritten, raw, self.raw = True, self.raw, ""
        style, at, self.width = self.entry, 0, 0
        for colour in COLOUR.finditer(raw):
            self._replace(self.width, raw[at : colour.start()], style)
            style, at = style_with(style, colour[1], colour[0]), colour.end()
        self._replace(self.width, raw[at:], style)

    def render(self, following: str) -> str:
        """Return the line as text, ending in the change to the style `following`."""
        if not self.overwritten:
            return self.raw + _change(self.exit, following)
        if self._styles is None:
            return self._chars + _change(self.entry, following)
        style, parts = self.entry, []
        for char, own in zip(self._chars, self._styles, strict=True):
            if own != style:
                parts.append(_change(style, own))
                style = own
            parts.append(char)
        return "".join(parts) + _change(style, following)

    def _replace(self, column: int, text: str, style: str) -> None:
        if self._styles is None and style != self.entry and text:
            self._styles = [self.entry] * len(self._chars)
        if self._styles is not None:
            self._styles[column : column + len(text)] = [style] * len(text)
        self._chars = self._chars[:column] + text + self._chars[column + len(text) :]
        self.width = len(self._chars)


# ---------------------------------------------------------------- styles


def style_with(style: str, args: str, raw: str) -> str:
    """Return the style after a colour sequence: all sequences since the last reset."""
    if args.strip("0;") == "":
        return ""
    if args.startswith(("0;", ";")):
        return raw
    # Bound the style of a program that never resets its colours.
    return style + raw if len(style) < _LONGEST_STYLE and raw != style else raw


def style_after(style: str, text: str) -> str:
    for colour in COLOUR.finditer(text):
        style = style_with(style, colour[1], colour[0])
    return style


def _change(before: str, after: str) -> str:
    if before == after:
        return ""
    if before and after.startswith(before):
        return after[len(before) :]
    return (_RESET if before else "") + after
