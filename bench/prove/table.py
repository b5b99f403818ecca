"""The results as one Markdown table, and its insertion into the README and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .tally import Tally

START = "<!-- prove: written by `make prove ARGS=--write` -->"
END = "<!-- prove: end -->"

Result = Tally | str
"""The tally of a scenario, or the reason why it could not run."""


def table(
    rows: Mapping[str, Mapping[str, Result]], *, date: str, took: str, quick: bool = False
) -> str:
    """Return a table with a line for each scenario and a column for each system."""
    systems = list(dict.fromkeys(name for results in rows.values() for name in results))
    head = ["of what", *systems]
    lines = [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *(
            "| " + " | ".join([title, *(_cell(results.get(name)) for name in systems)]) + " |"
            for title, results in rows.items()
        ),
    ]
    notes = sorted(
        {
            f"{name}, {title}: {'; '.join(result.notes)}"
            for title, results in rows.items()
            for name, result in results.items()
            if isinstance(result, Tally) and result.notes
        }
    )
    said = ["", *(f"- {note}" for note in notes)] if notes else []
    command = "make prove ARGS=--quick" if quick else "make prove"
    return "\n".join([*lines, *said, "", f"Measured on {date}, in {took}, with `{command}`."])


def _cell(result: Result | None) -> str:
    if result is None:
        return "not run"
    if isinstance(result, str):
        return result
    harm = [
        f"**{number} {name}**"
        for number, name in (
            (result.lost, "lost"),
            (result.duplicated, "duplicated"),
            (result.unwanted, "let through"),
        )
        if number
    ]
    said = [f"{result.refused} refused"] if result.refused else []
    return f"{', '.join([*harm, *said]) or '0'} of {result.of}"


def write_into(page: Path, text: str) -> None:
    """Replace the text between the two marks of a page."""
    before, start, rest = page.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{page} has no place for the table: it needs {START!r} and {END!r}")
    page.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}")
