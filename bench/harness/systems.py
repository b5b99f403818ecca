"""The interface of a measured system."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from harness.process import Server


def nothing() -> None:
    """Do nothing: the default callback of a client."""


def plain_text(outputs: Iterable[dict[str, Any]]) -> str:
    """Return the text of nbformat outputs: standard output, and the plain text of displays."""
    parts = []
    for output in outputs:
        if output.get("name") == "stdout":
            parts.append("".join(output["text"]))
        elif "data" in output:
            parts.append("".join(output["data"].get("text/plain", "")))
    return "".join(parts)


class Client(ABC):
    """One live copy of one notebook. Cell indices start at 0; text is ASCII."""

    #: Called after the copy applied a change of another client.
    on_change: Callable[[], None] = staticmethod(nothing)

    @abstractmethod
    async def insert(self, cell: int, position: int, text: str) -> None:
        """Edit the copy and write the change to the socket."""

    @abstractmethod
    def source(self, cell: int) -> str: ...

    @abstractmethod
    def length(self, cell: int) -> int:
        """Return the length of a cell's source without reading the source."""

    @abstractmethod
    def received_bytes(self) -> int:
        """Return the received TCP payload in bytes, or the size of the body without a WebSocket."""

    @abstractmethod
    async def close(self) -> None: ...


class Printer(ABC):
    """Runs cells of one notebook and receives their output as a second window does."""

    on_change: Callable[[], None] = staticmethod(nothing)

    @abstractmethod
    async def run(self, cell: int) -> None:
        """Request a run; return after the request was sent."""

    @abstractmethod
    async def text(self, cell: int) -> str:
        """Return all text of the cell's output that the second window holds or fetches."""

    @abstractmethod
    def finished(self) -> bool:
        """Whether the system reported the end of the run."""

    @abstractmethod
    async def close(self) -> None: ...


class System(ABC):
    """One kind of server with its clients. ``server`` runs during the measurement."""

    name: ClassVar[str]

    def __init__(self, server: Server) -> None:
        self.server = server

    @staticmethod
    @abstractmethod
    def launch() -> Server:
        """Return a server of this kind that is not started."""

    @abstractmethod
    async def open(self, path: str) -> Client:
        """Return a client that holds the whole notebook."""

    async def printer(self, path: str, sources: list[str]) -> Printer:
        """Start a kernel for the notebook; return a printer with a second window."""
        raise NotImplementedError(f"{self.name} runs nothing")
