"""nbformat files and models to and from content values: the whole of it in one place.

`read` and `write` are for files, byte-stable, and `Again` for who writes one file time after time;
`from_model` and `to_model` are for the contents API.
"""

from __future__ import annotations

from .ipynb_again import Again
from .ipynb_read import FileContent, from_model, read
from .ipynb_shape import to_model
from .ipynb_write import write
from .mime import GetBlob, Limits, PutBlob

__all__ = [
    "Again",
    "FileContent",
    "GetBlob",
    "Limits",
    "PutBlob",
    "from_model",
    "read",
    "to_model",
    "write",
]
