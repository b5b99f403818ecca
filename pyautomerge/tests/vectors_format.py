"""The content of a document in the JSON form that both languages write (see `js/tree.mjs`)."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

from pyautomerge import ROOT, Counter, Document, Obj, Uint

VECTORS = Path(__file__).parent / "vectors"
AUTHORS = ("python", "javascript")


def tree(doc: Document, obj: str = ROOT) -> Any:
    """Return the content; all numbers have one form, because JavaScript has one number type."""
    match doc.kind(obj):
        case "text":
            return {"text": doc.text(obj)}
        case "list":
            return {"list": [leaf(doc, value) for _, value in doc.items(obj)]}
        case _:
            return {"map": {str(key): leaf(doc, value) for key, value in sorted(doc.items(obj))}}


def leaf(doc: Document, value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case Obj():
            return tree(doc, value.id)
        case str():
            return {"str": value}
        case int() | float():
            return {"number": value}
        case Uint():
            return {"number": value.value}
        case Counter():
            return {"counter": value.value}
        case datetime():
            return {"time": round(value.timestamp() * 1000)}
        case bytes():
            return {"bytes": value.hex()}
    raise AssertionError(value)


def encode(data: bytes) -> str:
    return b64encode(data).decode()


def decode(text: str) -> bytes:
    return b64decode(text)


def read(author: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((VECTORS / f"from-{author}.json").read_text())
    return result
