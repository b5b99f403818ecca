"""What a system under measurement offers, and which there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from harness.process import Server


def nothing() -> None:
    """The callback of a client that nobody watches."""


def plain_text(outputs: Iterable[dict[str, Any]]) -> str:
    """What nbformat outputs say: standard output, and the plain text of displays."""
    parts = []
    for output in outputs:
        if output.get("name") == "stdout":
            parts.append("".join(output["text"]))
        elif "data" in output:
            parts.append("".join(output["data"].get("text/plain", "")))
    return "".join(parts)


class Client(ABC):
    """One live copy of one notebook. Cells are counted from 0; text is ASCII."""

    #: Called each time something from elsewhere has been applied to the copy.
    on_change: Callable[[], None] = staticmethod(nothing)

    @abstractmethod
    async def insert(self, cell: int, position: int, text: str) -> None:
        """Edit the copy and hand the change to the socket."""

    @abstractmethod
    def source(self, cell: int) -> str: ...

    @abstractmethod
    def length(self, cell: int) -> int:
        """Length of a cell's source, without reading it."""

    @abstractmethod
    def received_bytes(self) -> int:
        """TCP payload that came in so far, or the body where there is no socket that stays."""

    @abstractmethod
    async def close(self) -> None: ...


class Printer(ABC):
    """Runs cells of one notebook, and sees their output as another window of it does."""

    on_change: Callable[[], None] = staticmethod(nothing)

    @abstractmethod
    async def run(self, cell: int) -> None:
        """Ask for the run; return when it was asked for."""

    @abstractmethod
    async def text(self, cell: int) -> str:
        """Everything that the cell has shown so far, as the second window holds or fetches it."""

    @abstractmethod
    def finished(self) -> bool:
        """Whether the system has said that the run is over."""

    @abstractmethod
    async def close(self) -> None: ...


class System(ABC):
    """One kind of server with its clients. ``server`` is running while it is measured."""

    name: ClassVar[str]

    def __init__(self, server: Server) -> None:
        self.server = server

    @staticmethod
    @abstractmethod
    def launch() -> Server:
        """A server of this kind, not started yet."""

    @abstractmethod
    async def open(self, path: str) -> Client:
        """A client that holds the whole notebook."""

    async def printer(self, path: str, sources: list[str]) -> Printer:
        """A kernel for the notebook, started and ready, and a second window to look at."""
        raise NotImplementedError(f"{self.name} runs nothing")
