"""Failing calls of the operating system, in turn or by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

STEPS = (
    "open", "write", "fsync", "fdatasync", "lseek", "ftruncate", "close", "stat", "fstat",
    "chmod", "chown", "listxattr", "getxattr", "setxattr", "replace", "rename", "link", "unlink",
    "access", "mkdir", "utime",
)  # fmt: skip


class FailingCalls:
    """Wraps `os` for the code under test.

    `fails` returns the error number of a call from its name and arguments; None lets the call pass.
    As on a real disk, a failing write has written half of its bytes, and a file whose closing fails
    is closed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: os.PathLike[str]) -> None:
        self.fails: Callable[..., int | None] = lambda *_: None
        self._folder = os.fspath(folder)
        for name in STEPS:
            if hasattr(os, name):
                monkeypatch.setattr(os, name, self._around(name, getattr(os, name)))

    def _around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            about = args[0] if args else None
            inside = isinstance(about, int) or self._folder in os.fspath(about)
            error = self.fails(name, *args) if inside else None
            if error is None:
                return real(*args, **options)
            if name == "access":
                return False
            if name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            if name == "close":
                real(*args)
            raise OSError(error, os.strerror(error))

        return call
