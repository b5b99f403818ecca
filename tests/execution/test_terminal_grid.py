"""The terminal compared with a minimal one: a grid of characters with styles."""

from __future__ import annotations

import re
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.execution.terminal import Terminal
from jupyter_runtimed.execution.terminal_line import COLOUR, style_with

Seen: TypeAlias = "list[tuple[str, str]]"

TOKENS = st.sampled_from(
    [
        "a", "b", "é", "\n", "\n", "\r", "\b", "\r\n", "\x1b[A", "\x1b[B", "\x1b[2C", "\x1b[G",
        "\x1b[K", "\x1b[2K", "\x1b[J", "\x1b[31m", "\x1b[1m", "\x1b[0m", "\x1b[0;32m",
    ]
)  # fmt: skip
_TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)


class Grid:
    def __init__(self) -> None:
        self.lines: list[Seen] = [[]]
        self.row = self.column = 0
        self.style = ""

    def play(self, text: str) -> None:
        for args, final, char in _TOKEN.findall(text):
            if char:
                self.put(char)
            else:
                self.control(args, final)

    def put(self, char: str) -> None:
        if char == "\n":
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append([])
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, self.column - 1)
        else:
            line = self.lines[self.row]
            line += [(" ", "")] * (self.column - len(line))
            line[self.column : self.column + 1] = [(char, self.style)]
            self.column += 1

    def control(self, args: str, final: str) -> None:
        line = self.lines[self.row]
        match final:
            case "m":
                self.style = style_with(self.style, args, f"\x1b[{args}m")
            case "A":
                self.row = max(0, self.row - 1)
            case "B":
                self.row = min(len(self.lines) - 1, self.row + 1)
            case "C":
                self.column += int(args)
            case "G":
                self.column = 0
            case "K":
                del line[0 if args == "2" else self.column :]
            case "J":
                del line[self.column :]
                del self.lines[self.row + 1 :]

    def seen(self) -> Seen:
        return [cell for line in self.lines for cell in [("\n", ""), *line]][1:]


def seen(text: str) -> Seen:
    """Return the visible characters of the text, each with its style."""
    cells: Seen = []
    style, at = "", 0
    for colour in COLOUR.finditer(text):
        cells += [(char, style) for char in text[at : colour.start()]]
        style, at = style_with(style, colour[1], colour[0]), colour.end()
    cells += [(char, style) for char in text[at:]]
    return [(char, "" if char == "\n" else own) for char, own in cells]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(TOKENS, max_size=8).map("".join), max_size=5))
def test_the_terminal_shows_the_same_as_the_grid(pieces: list[str]) -> None:
    terminal, grid, text = Terminal(), Grid(), ""
    for piece in pieces:
        edit = terminal.feed(piece)
        text = text[: len(text) - edit.back] + edit.text
        grid.play(piece)
        assert seen(text) == grid.seen()
