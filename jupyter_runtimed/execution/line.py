"""One line of a terminal: characters and the style of each.

A style is the text of the colour sequences in force: all since the last reset.
"""

from __future__ import annotations

import re
from typing import Final

COLOUR: Final = re.compile(r"\x1b\[([0-9;:]*)m")
_RESET: Final = "\x1b[0m"
_LONGEST_STYLE: Final = 128


class Line:
    """One line, in one of two forms.

    As long as it is only appended to, `raw` is its text, colours included: shown as the program
    wrote it. Once `overwritten`, it is the characters in `_chars` with a style for each; `_styles`
    is None while all have that in force where the line begins.
    """

    __slots__ = ("_chars", "_styles", "entry", "exit", "overwritten", "raw", "width")

    def __init__(self, entry: str = "") -> None:
        self.entry = self.exit = entry
        """The styles in force where it begins, and after `raw`."""
        self.raw = ""
        self.width = 0
        self.overwritten = False
        self._chars = ""
        self._styles: list[str] | None = None

    def extend(self, text: str, style: str) -> int:
        """Append text with colours (only while `raw` is the text), `style` after it; its width."""
        self.raw += text
        self.exit = style
        width = len(COLOUR.sub("", text))
        self.width += width
        return width

    def put(self, column: int, text: str, style: str) -> None:
        """Write text without colours over what is there."""
        if not self.overwritten and column == self.width and self.exit == style:
            self.raw += text
            self.width += len(text)
            return
        self.take_apart()
        if column > self.width:
            self._replace(self.width, " " * (column - self.width), "")
        self._replace(column, text, style)

    def erase(self, what: int, column: int) -> None:
        """0: from the cursor to the end; 1: up to the cursor; 2: all."""
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
        """From here on each character has its style."""
        if self.overwritten:
            return
        self.overwritten, raw, self.raw = True, self.raw, ""
        style, at, self.width = self.entry, 0, 0
        for colour in COLOUR.finditer(raw):
            self._replace(self.width, raw[at : colour.start()], style)
            style, at = style_with(style, colour[1], colour[0]), colour.end()
        self._replace(self.width, raw[at:], style)

    def render(self, following: str) -> str:
        """The line as text, with what changes the style to that of what follows it."""
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
    """The style in force after a colour sequence: all sequences since the last reset."""
    if args.strip("0;") == "":
        return ""
    if args.startswith(("0;", ";")):
        return raw
    # A program that changes colours without ever resetting them must not grow this for ever.
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
