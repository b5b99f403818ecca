r"""Terminal emulation of a stream: carriage returns, backspaces, erased lines, cursor moves.

`Terminal.feed(text)` returns the change of the shown text as an `Edit`: a number of characters to
remove from the end, and text to append. Only the last lines can change, as on a screen that
scrolls; a line that scrolls off the screen is settled, and the terminal drops it.

Colour sequences (`\x1b[...m`) have no width. A line with appended text only keeps them as the
program wrote them; an overwritten line gets new sequences from the style of each character. Other
escape sequences (titles, cursor shapes, colours of the window) are dropped.

A character is one code point; wide and combining characters have no special treatment. The shown
text does not depend on how the input is cut into pieces, unless `forget` is called.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final, NamedTuple

from .terminal_line import COLOUR, Line, style_after, style_with

SCREEN_LINES: Final = 64

_SPECIAL = re.compile(r"[\r\x08]|\x1b(?!\[[0-9;:]*m)")
_TOKEN = re.compile(
    r"\x1b\[(?P<args>[0-?]{0,64})[ -/]{0,8}(?P<final>[@-~])"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # OSC and the like: nothing to show
    r"|\x1b[ -/]+[0-~]|\x1b[0-Z\\^_`-~]"  # other escapes of two or more characters
    r"|(?P<single>[\n\r\x08\x1b])"
    r"|(?P<plain>[^\n\r\x08\x1b]+)"
)
_UNFINISHED = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[ -/]{0,8}|[\]PX^_][^\x07\x1b]{0,4096}\x1b?)\Z"
)
_WIDEST: Final = 10_000


class Edit(NamedTuple):
    """Remove `back` characters from the end of the shown text, then append `text`."""

    back: int
    text: str


class Terminal:
    """The last lines of one stream."""

    def __init__(self, text: str = "", *, lines: int = SCREEN_LINES) -> None:
        """Start with the shown text `text` and the cursor at its end.

        `lines` is the height of the screen.
        """
        self._lines: deque[Line] = deque([Line()])
        self._height = lines
        self._row = self._column = 0
        self._style = ""  # style of the next character
        self._held = ""  # incomplete escape sequence at the end of the last input
        self._settled: list[str] = []  # lines that scrolled off during this feed
        if text:
            self._append(text)

    def feed(self, text: str) -> Edit:
        text = (self._held + text).replace("\r\n", "\n")
        self._held = ""
        if not text:
            return Edit(0, "")
        if self._is_plain(text):
            self._append(text)
            return Edit(0, text)
        if (unfinished := _UNFINISHED.search(text)) is not None:
            self._held, text = unfinished[0], text[: unfinished.start()]
        return self._play(text)

    def forget(self, keep: int) -> None:
        """Settle lines until at most `keep` shown characters can change."""
        excess = len(self._render()) - keep
        while excess > 0 and self._row > 0:
            self._scroll()
            excess -= len(self._settled[-1])
        if excess > 0:
            self._lines = deque([Line(self._style)])
            self._row = self._column = 0
        self._settled.clear()

    # ------------------------------------------------------------ text without controls

    def _is_plain(self, text: str) -> bool:
        """Whether appending the text is enough, because it moves no cursor and erases nothing."""
        last = self._lines[-1]
        if self._row != len(self._lines) - 1 or self._column != last.width:
            return False
        if not last.overwritten and last.exit != self._style:
            return False
        if "\x1b" not in text:
            return "\r" not in text and "\x08" not in text
        return not last.overwritten and _SPECIAL.search(text) is None

    def _append(self, text: str) -> None:
        # Process only the last screen of a large text.
        first, *rest = text.rsplit("\n", self._height)
        if "\n" in first:
            self._style = style_after(self._style, first)
            self._lines.clear()
            self._row = -1
        else:
            self._write(first)
        for line in rest:
            self._lines.append(Line(self._style))
            self._row += 1
            self._column = 0
            self._write(line)
        while len(self._lines) > self._height:
            self._scroll()
        self._settled.clear()

    def _write(self, text: str) -> None:
        """Append text with colour sequences but without controls to the last line."""
        if "\x1b" not in text:
            self._lines[-1].put(self._column, text, self._style)
            self._column += len(text)
            return
        self._style = style_after(self._style, text)
        self._column += self._lines[-1].extend(text, self._style)

    # ------------------------------------------------------------ text with controls

    def _play(self, text: str) -> Edit:
        before = self._render()
        for token in _TOKEN.finditer(text):
            if (plain := token["plain"]) is not None:
                self._lines[self._row].put(self._column, plain, self._style)
                self._column += len(plain)
            elif (single := token["single"]) is not None:
                self._control(single)
            elif (final := token["final"]) is not None:
                self._sequence(final, token["args"], token[0])
        after = "".join(self._settled) + self._render()
        self._settled.clear()
        if after.startswith(before):
            return Edit(0, after[len(before) :])
        # Replace whole lines, so that a repeatedly drawn line is replaced in one piece.
        common = after.rfind("\n", 0, _common_prefix(before, after)) + 1
        return Edit(len(before) - common, after[common:])

    def _control(self, char: str) -> None:
        match char:
            case "\n":
                self._down()
            case "\r":
                self._column = 0
            case "\x08":
                self._column = max(0, self._column - 1)
            case _:
                pass  # an escape character without a sequence

    def _down(self) -> None:
        self._column = 0
        if self._row < len(self._lines) - 1:
            self._row += 1
            return
        self._lines.append(Line(self._style))
        self._row += 1
        while len(self._lines) > self._height:
            self._scroll()

    def _sequence(self, final: str, args: str, raw: str) -> None:
        if final == "m":
            self._colour(args, raw)
            return
        count = _number(args)
        by = min(count or 1, _WIDEST)
        match final:
            case "A" | "F":
                self._row = max(0, self._row - by)
            case "B" | "E":
                self._row = min(len(self._lines) - 1, self._row + by)
            case "C":
                self._column = min(self._column + by, _WIDEST)
            case "D":
                self._column = max(0, self._column - by)
            case "G":
                self._column = by - 1
            case "H" | "f":
                self._go_to(by)
                self._column = min(_number(args.partition(";")[2]) or 1, _WIDEST) - 1
            case "d":
                self._go_to(by)
            case "K":
                self._lines[self._row].erase(count, self._column)
            case "J":
                self._erase_screen(count)
            case _:
                pass  # a sequence without effect on the shown text
        if final in "EF":
            self._column = 0

    def _go_to(self, row: int) -> None:
        """Move to a row of the screen, counted from 1; a row beyond the screen is the last line."""
        if row <= self._height:
            while len(self._lines) < row:
                self._lines.append(Line(self._style))
        self._row = min(len(self._lines), row) - 1

    def _colour(self, args: str, raw: str) -> None:
        if not COLOUR.fullmatch(raw):
            return
        before, self._style = self._style, style_with(self._style, args, raw)
        line = self._lines[self._row]
        at_its_end = self._column == line.width and line.exit == before
        if at_its_end and not line.overwritten:
            line.extend(raw, self._style)
        else:
            line.take_apart()

    def _erase_screen(self, what: int) -> None:
        if what == 0:
            self._lines[self._row].erase(0, self._column)
            while len(self._lines) > self._row + 1:
                self._lines.pop()
        elif what == 1:
            for index in range(self._row):
                self._lines[index].erase(2, 0)
            self._lines[self._row].erase(1, self._column)
        else:
            self._lines = deque([Line(self._lines[0].entry)])
            self._row = 0

    # ------------------------------------------------------------ shown text

    def _scroll(self) -> None:
        """Settle the first line."""
        line = self._lines.popleft()
        self._settled.append(line.render(self._lines[0].entry) + "\n")
        self._row = max(0, self._row - 1)

    def _render(self) -> str:
        styles = [line.entry for line in self._lines]
        styles.append(self._style)
        return "\n".join(map(Line.render, self._lines, styles[1:]))


def _number(args: str) -> int:
    digits = args.partition(";")[0]
    return int(digits[:6]) if digits.isdecimal() else 0


def _common_prefix(a: str, b: str) -> int:
    """Return the length of the common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
