"""The first change of every document, as constant bytes.

If two peers create the same key concurrently, the keys conflict and one of the two objects is
hidden. All documents therefore start from the same bytes in Python and in TypeScript
(`labextension/src/document/seeds.ts`); both check their hash. A seed never changes; a later schema
adds a change after it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from ..crdt import Document, load
from ..errors import DocumentError

NOTEBOOK_SEED: Final = (
    "hW9KgzB6ti8BTQAQAAAAAAAAAAAAAAAAAAAAAAEBAAAABhUdNAFCBFYEVwFwAnwGc2NoZW1h"
    "CG1ldGFkYXRhBWV4dHJhBWNlbGxzBH8BAwB/FAMAAQQA"
)
NOTEBOOK_SHA256: Final = "2a764c812c1dd62ee18e94f1ad19c7a76c29d795a6e6651557f2f70328492ab1"
RUNTIME_SEED: Final = (
    "hW9Kg28GzKcBUgAQAAAAAAAAAAAAAAAAAAAAAAEBAAAABhUgNAFCBlYEVwFwAnsGc2NoZW1h"
    "Bmtlcm5lbAVxdWV1ZQVjZWxscwRydW5zBX0BAAICAH8UBAABBQA="
)
RUNTIME_SHA256: Final = "40f384d95441509b218be5a63ea2e1c429ad3efe6f90f2a3005b632de03fe482"


def _frozen(text: str, sha256: str) -> bytes:
    data = base64.b64decode(text)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DocumentError(
            "the first change of a document is damaged in the package; install the package again"
        )
    return data


def notebook() -> bytes:
    return _frozen(NOTEBOOK_SEED, NOTEBOOK_SHA256)


def runtime() -> bytes:
    return _frozen(RUNTIME_SEED, RUNTIME_SHA256)


def empty_notebook(actor: bytes) -> Document:
    """Return a document that holds only the notebook seed."""
    return load(notebook(), actor=actor)


def empty_runtime(actor: bytes) -> Document:
    return load(runtime(), actor=actor)
