"""Streams as a terminal shows them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_runtimed.execution.terminal import Terminal

RED, GREEN, RESET = "\x1b[31m", "\x1b[32m", "\x1b[0m"
UP, ERASE_LINE, ERASE_END = "\x1b[A", "\x1b[2K", "\x1b[K"


def shown(*pieces: str, lines: int = 64) -> str:
    terminal, text = Terminal(lines=lines), ""
    for piece in pieces:
        edit = terminal.feed(piece)
        assert edit.back <= len(text)
        text = text[: len(text) - edit.back] + edit.text
    return text


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("plain\ntext", "plain\ntext"),
        ("10%\r20%", "20%"),
        ("long line\rshort", "shortline"),
        ("long line\r" + ERASE_END + "short", "short"),
        ("long line" + ERASE_LINE + "\rshort", "short"),
        ("abc\b\bX", "aXc"),
        ("\b\b", ""),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("one\ntwo\n" + UP + ERASE_LINE + "2\n", "one\n2\n"),
        ("one\ntwo" + UP + "\rONE\n\nthree", "ONE\ntwo\nthree"),
        ("one\ntwo\nthree\x1b[2A\x1b[J", "one  ".rstrip()),
        ("a\x1b[3Cb", "a   b"),
        ("abc\x1b[1Gx", "xbc"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b(Btext", "text"),
        ("screen\nfull\x1b[2J\x1b[Hnew", "new"),
        ("one\ntwo\nthree\x1b[2;2HWO\x1b[1;1HO\x1b[;3HE\x1b[3fT", "OnE\ntWO\nThree"),
        ("one\n\x1b[3;3Hx", "one\n\n  x"),
        ("one\x1b[2Gw\x1b[2dx", "owe\n  x"),
        ("one\ntwo\x1b[999;1Hx", "one\nxwo"),
    ],
)
def test_control_characters_act_as_in_a_terminal(printed: str, expected: str) -> None:
    assert shown(printed) == expected


def test_colours_stay_where_the_program_put_them() -> None:
    text = f"{RED}error{RESET}: \x1b[1;4mbold\x1b[22m\n{GREEN}"
    assert shown(text) == text


def test_colours_of_overwritten_text_do_not_leak() -> None:
    assert shown(f"{RED}abc{RESET}\rX") == f"X{RED}bc{RESET}"
    assert shown(f"{RED}50%{RESET}\r{GREEN}99%{RESET} ok") == f"{GREEN}99%{RESET} ok"
    assert shown(f"{RED}a\nbcd\rX{RESET}") == f"{RED}a\nXcd{RESET}"
    flood = RED + "a\n" * 100
    assert shown(flood, f"bc\rX{RESET}d") == flood + f"X{RESET}d"


def test_a_control_sequence_may_come_in_two_pieces() -> None:
    assert shown("a\x1b", "[3", "1mb") == f"a{RED}b"
    assert shown("a\nb\x1b", "[A", "\rX") == "X\nb"


def test_a_colour_of_an_earlier_line_continues() -> None:
    pieces = (f"ab\ncd{UP}{RED}\n\x1b[2C", "\x1b[1mX")
    assert shown(*pieces) == shown("".join(pieces)) == f"ab{RED}{RESET}\ncd{RED}\x1b[1mX"


def test_nested_progress_bars_each_keep_their_line() -> None:
    pieces = ["\router 0%"]
    for outer in range(3):
        pieces.append("\n")
        pieces += [f"\rinner {inner}%" for inner in range(0, 101, 20)]
        pieces.append(f"\x1b[A\router {outer + 1}/3")
    assert shown(*pieces) == "outer 3/3\ninner 100%"


def test_the_cursor_goes_no_higher_than_the_screen() -> None:
    text = "".join(f"{n}\n" for n in range(10))
    assert shown(text + "\x1b[99AX", lines=4) == "0\n1\n2\n3\n4\n5\n6\nX\n8\n9\n"


def test_a_line_that_is_drawn_again_is_replaced_in_one_piece() -> None:
    terminal = Terminal()
    terminal.feed("before\n 10%")
    edit = terminal.feed("\r 11%")
    assert edit == (4, " 11%")
    assert terminal.feed("\r 11%") == (0, "")


def test_plain_text_is_appended_as_it_is() -> None:
    terminal = Terminal()
    text = "".join(f"line {n}\n" for n in range(100_000))
    assert terminal.feed(text) == (0, text)


def test_a_settled_line_cannot_change() -> None:
    terminal = Terminal()
    terminal.feed("one\ntwo\nthree")
    terminal.forget(8)
    assert terminal.feed("\x1b[5A\rX").back <= 9


PIECES = st.sampled_from(
    [
        "a", "bc", "é", "😀", "\n", "\r", "\r\n", "\b", "\t", "\x1b", "[", "m", "3", ";",
        RED, GREEN, RESET, "\x1b[m", "\x1b[1;34m", UP, "\x1b[2A", "\x1b[B", "\x1b[2C", "\x1b[D",
        "\x1b[G", "\x1b[H", "\x1b[3;2H", "\x1b[2d", "\x1b[J", "\x1b[1J", "\x1b[2J",
        ERASE_END, "\x1b[1K", ERASE_LINE,
        "\x1b[?25l", "\x1b]0;t\x07", "\x1b]8;;u\x1b\\", "\x1b(B", "\x1b[>4;2m",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40), st.lists(st.integers(0, 200), max_size=6), st.integers(1, 5))
def test_how_the_text_is_cut_into_pieces_does_not_matter(
    tokens: list[str], places: list[int], lines: int
) -> None:
    text = "".join(tokens)
    cuts = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    assert shown(*pieces, lines=lines) == shown(text, lines=lines)
