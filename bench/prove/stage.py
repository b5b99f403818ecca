"""Servers, users and notebooks of one system for the scenarios; all end with the stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

from .person import Person
from .systems import TOKEN, Server, System


@dataclass
class Stage:
    system: System
    environment: Path
    folder: Path
    quick: bool
    hub: Path | None = None
    """The environment with JupyterHub and its proxy."""
    pictures: Path | None = None
    """A folder for a picture of each page, taken when its person closes the page."""
    scenario: str = ""
    remarks: list[str] = field(default_factory=list)
    """Notes about the scenario, which the table shows beside the numbers."""
    browser: Browser = field(init=False)
    _used: int = 0
    _shared: Server | None = None
    _reader: Person | None = None
    _reader_started: float = 0.0

    def new_folder(self) -> Path:
        self._used += 1
        folder = self.folder / str(self._used)
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def server(self) -> Iterator[Server]:
        """Return the server that all scenarios share. It ends if a scenario fails."""
        if self._shared is None:
            self._shared = Server(self.environment, self.new_folder())
            self._shared.start()
        try:
            yield self._shared
        except BaseException:
            self.close()
            raise

    @contextmanager
    def own_server(
        self, *, root: Path | None = None, config: str = "", token: str = TOKEN
    ) -> Iterator[Server]:
        """Return a server with a separate folder or configuration for one scenario."""
        server = Server(self.environment, self.new_folder(), root=root, config=config, token=token)
        try:
            server.start()
            yield server
        finally:
            server.stop()

    def close(self) -> None:
        self._end_reader()
        if self._shared is not None:
            self._shared.stop()
            self._shared = None

    @contextmanager
    def person(
        self, address: str = "", *, log_in: Callable[[Page], None] | None = None
    ) -> Iterator[Person]:
        """Return a person with a new browser profile who has the notebook at this address open."""
        person = Person(self.browser)
        try:
            if log_in is not None:
                log_in(person.page)
            if address:
                person.open(address)
            yield person
        finally:
            self._picture(person)
            person.close()

    def opened_again(self, server: Server, path: str) -> str:
        """Return the text of a notebook that a person opens later, in another browser.

        This person only reads, and keeps the window for the next notebook, until the server ends.
        Return "" if the notebook is no longer in its folder.
        """
        if not (server.root / path).exists():
            beside = ", ".join(sorted(each.name for each in (server.root / path).parent.iterdir()))
            self.remarks.append(f"the notebook is gone; its folder has {beside or 'nothing'}")
            return ""
        if self._reader is None or self._reader_started != server.started:
            self._end_reader()
            self._reader, self._reader_started = Person(self.browser), server.started
            self._reader.open(server.page(path))
        else:
            self._reader.open_here(path)
        text = self._reader.settled_text()
        self._picture(self._reader)
        return text

    def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _picture(self, person: Person) -> None:
        if self.pictures is not None:
            self._used += 1
            person.take_picture(
                self.pictures / f"{self.scenario} {self.system.name} {self._used}.png"
            )


def write_notebook(place: Path, *sources: str) -> None:
    """Write a notebook of code cells without a server."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "execution_count": None,
                        "id": f"cell-{index}",
                        "metadata": {},
                        "outputs": [],
                        "source": source.splitlines(keepends=True),
                    }
                    for index, source in enumerate(sources)
                ],
                "metadata": {
                    "kernelspec": {
                        "display_name": "Python 3 (ipykernel)",
                        "language": "python",
                        "name": "python3",
                    },
                    "language_info": {"name": "python"},
                },
                "nbformat": 4,
                "nbformat_minor": 5,
            },
            indent=1,
        )
        + "\n"
    )
