"""Convert nbformat files and models of the contents API to content values and back.

`read` and `write` convert files; `write` keeps the bytes of unchanged parts. `IncrementalWriter`
writes one file repeatedly at lower cost. `from_model` and `to_model` convert models of the contents
API.
"""

from __future__ import annotations

from ..mime import GetBlob, Limits, PutBlob
from .incremental_writer import IncrementalWriter
from .read import FileContent, from_model, read
from .to_nbformat import to_model
from .write import write

__all__ = [
    "FileContent",
    "GetBlob",
    "IncrementalWriter",
    "Limits",
    "PutBlob",
    "from_model",
    "read",
    "to_model",
    "write",
]
