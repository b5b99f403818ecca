"""Automerge documents in Python: a thin, typed binding of the Automerge core.

Shapes used throughout:

* An **object id** (`ObjId`) is a string: `"_root"` or `"<counter>@<actor hex>"`, as in Automerge JS.
* A **change hash** (`ChangeHash`) is 64 lower-case hex digits; **heads** are a list of them, sorted.
* An **actor** is 1 to 64 bytes, passed and returned as `bytes`.
* A **position** in text counts in the document's `text_unit`; in lists it counts elements.
* A **scalar** is `None | bool | int | float | str | bytes | datetime | Counter | Uint`.
  Python `int` is an Automerge `int` (64 bit, signed); out of range raises `OverflowError`.
* A value to write may be nested: `dict` makes a map, `list` a list, `Text("...")` collaborative text.
  A plain `str` is always a scalar string, never text.
* A value read back with `get` is a scalar or an `Obj` (id and kind); `to_py` reads whole trees.

Every method is safe to call from any thread; a document is used by one thread at a time and
another waits. `load`, `save`, `merge`, `diff`, `apply_changes` and sync release the GIL.

What one call may make of bytes is bounded, all their chunks together: a `DecodeError` says that
they stand for more, before any of them is decoded. "Copied" bytes are those that are inflated and
those of strings that several operations share.

* `Document.load`: 134 million operations and 64 for each byte; 256 MiB copied and 32 for each byte.
* `load_incremental`, `apply_changes`, `receive_sync_message`, and `decode` of a change or a sync
  message: 8 million operations and 64 for each byte, but at most 67 million; 16 MiB copied and 32
  for each byte, but at most 256 MiB.
* `Change.decode_all`: `max_ops` operations; copied bytes as the former.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias, final

__all__ = [
    "CORE_VERSION",
    "ROOT",
    "AutomergeError",
    "Change",
    "ChangeHash",
    "Counter",
    "DecodeError",
    "Document",
    "DuplicateActorError",
    "Heads",
    "InvalidCursorError",
    "InvalidHeadsError",
    "InvalidObjectError",
    "Kind",
    "Obj",
    "ObjId",
    "Op",
    "Patch",
    "Prop",
    "PyValue",
    "Scalar",
    "SyncMessage",
    "SyncState",
    "Text",
    "TextUnit",
    "Uint",
    "Value",
    "__version__",
]

ObjId: TypeAlias = str
ChangeHash: TypeAlias = str
Heads: TypeAlias = list[ChangeHash]
Prop: TypeAlias = str | int
Kind: TypeAlias = Literal["map", "list", "text", "table"]
TextUnit: TypeAlias = Literal["unicode", "utf16", "utf8"]
Scalar: TypeAlias = "bool | int | float | str | bytes | datetime | Counter | Uint | None"
Value: TypeAlias = "Scalar | Text | dict[str, Value] | list[Value]"
PyValue: TypeAlias = "Scalar | dict[str, PyValue] | list[PyValue]"

ROOT: Final[ObjId]
CORE_VERSION: Final[str]
"""Version of the Automerge core (the Rust crate) that this binding was built with."""
__version__: Final[str]

# ---------------------------------------------------------------- errors

class AutomergeError(Exception):
    """Base class of the exceptions of this package."""

class DecodeError(AutomergeError):
    """Invalid bytes of a document, change, sync message, sync state or cursor."""

class InvalidObjectError(AutomergeError):
    """The object id is malformed or unknown, or the object has the wrong kind for the call."""

class InvalidHeadsError(AutomergeError):
    """A change hash is malformed or names a change that this document does not hold."""

class DuplicateActorError(AutomergeError):
    """Two different changes carry one actor and sequence number: an actor id was used twice."""

class InvalidCursorError(AutomergeError):
    """The cursor is malformed or does not belong to this object."""

# ---------------------------------------------------------------- values

@final
class Text:
    """A value to write: collaborative text with this initial content."""
    def __new__(cls, value: str = "", /) -> Text: ...
    @property
    def value(self) -> str: ...

@final
class Counter:
    """A counter, as a value to write and as read back."""
    def __new__(cls, value: int = 0, /) -> Counter: ...
    @property
    def value(self) -> int: ...

@final
class Uint:
    """An unsigned 64-bit integer (Automerge keeps it apart from `int`)."""
    def __new__(cls, value: int, /) -> Uint: ...
    @property
    def value(self) -> int: ...

@final
class Obj:
    """A reference to a map, list or text inside a document."""
    @property
    def id(self) -> ObjId: ...
    @property
    def kind(self) -> Kind: ...

# ---------------------------------------------------------------- patches

@final
class Patch:
    """One visible change, in the order in which it happened.

    `action` says which of the other attributes are set (the rest are None):

    * `"put"`: `prop`, `value`; a map key or list index was set
    * `"insert"`: `prop` (index), `values`; list elements were inserted
    * `"delete"`: `prop`, `length` (1 for map keys)
    * `"splice"`: `prop` (position), `text`; text was inserted
    * `"increment"`: `prop`, `by`
    * `"conflict"`: `prop`
    * `"mark"`: nothing else; reported so that callers can ignore it knowingly

    `path` holds the props from the root to `obj` (not including `prop`).
    A `value` that is a map, list or text is an `Obj`; its content comes in later patches.
    """
    @property
    def action(
        self,
    ) -> Literal["put", "insert", "delete", "splice", "increment", "conflict", "mark"]: ...
    @property
    def obj(self) -> ObjId: ...
    @property
    def path(self) -> tuple[Prop, ...]: ...
    @property
    def prop(self) -> Prop | None: ...
    @property
    def value(self) -> Scalar | Obj: ...
    @property
    def values(self) -> list[Scalar | Obj] | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def length(self) -> int | None: ...
    @property
    def by(self) -> int | None: ...

# ---------------------------------------------------------------- changes

@final
class Op:
    """One operation of a change, decoded and not (necessarily) applied.

    `obj` is the object that it works on, `key` the map key (`str`), or for lists and text the id
    of the element that it refers to (`"_head"` or an op id). `id` is the operation's own id, and,
    for `make`, the id of the new object. `pred` are the ids of the operations it overwrites.
    """
    @property
    def id(self) -> ObjId: ...
    @property
    def action(self) -> Literal["make", "set", "delete", "increment", "mark"]: ...
    @property
    def obj(self) -> ObjId: ...
    @property
    def key(self) -> str: ...
    @property
    def is_map_key(self) -> bool: ...
    @property
    def insert(self) -> bool: ...
    @property
    def kind(self) -> Kind | None:
        """For `make`: what is made."""
    @property
    def value(self) -> Scalar: ...
    @property
    def pred(self) -> list[ObjId]: ...

@final
class Change:
    """One change: who, when, what, and upon which versions."""
    @staticmethod
    def decode(data: bytes, /) -> Change:
        """Read one change chunk. Raises `DecodeError`, also when bytes follow it."""
    @staticmethod
    def decode_all(data: bytes, /, *, max_ops: int = 2_000_000) -> list[Change]:
        """Read concatenated chunks (changes, bundles or whole documents) as single changes.

        Raises `DecodeError`, also when they hold more than `max_ops` operations between them (one
        that overwrites several others counts as so many): nothing is decoded then. Time and
        memory grow with the operations, not with the bytes; a server chooses here what a client
        may cost it.
        """
    @property
    def hash(self) -> ChangeHash: ...
    @property
    def actor(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def start_op(self) -> int: ...
    @property
    def time(self) -> int:
        """What the author wrote: seconds since the epoch by convention of Automerge, 0 if unset."""
    @property
    def message(self) -> str | None: ...
    @property
    def deps(self) -> Heads: ...
    @property
    def op_count(self) -> int: ...
    @property
    def ops(self) -> list[Op]: ...
    @property
    def distinct_ops(self) -> list[Op]:
        """As `ops`, but only the first of neighbouring ones that insert one character each into one
        text or list, or that delete elements of one. Every operation on a map is in it.

        Enough to judge a change by, and cheap for long text."""
    @property
    def bytes(self) -> bytes:
        """The change chunk, uncompressed or compressed as it was read."""

# ---------------------------------------------------------------- sync

@final
class SyncState:
    """What one side remembers of its conversation with one peer."""
    def __new__(cls, *, read_only: bool = False) -> SyncState: ...
    @staticmethod
    def decode(data: bytes, /) -> SyncState: ...
    def encode(self) -> bytes:
        """The part that outlives a connection (the shared heads)."""
    @property
    def shared_heads(self) -> Heads: ...
    @property
    def their_heads(self) -> Heads | None: ...
    @property
    def in_flight(self) -> bool: ...
    @property
    def read_only(self) -> bool:
        """True: what the peer sends is never applied."""
    @property
    def peer_read_only(self) -> bool: ...
    def set_read_only(self, read_only: bool, /) -> None: ...

@final
class SyncMessage:
    """A sync message, decoded: to look at it before it is received."""
    @staticmethod
    def decode(data: bytes, /) -> SyncMessage: ...
    @property
    def heads(self) -> Heads: ...
    @property
    def need(self) -> Heads: ...
    @property
    def changes(self) -> list[Change]: ...

# ---------------------------------------------------------------- documents

@final
class Document:
    def __new__(cls, *, actor: bytes | None = None, text_unit: TextUnit = "unicode") -> Document:
        """An empty document. Without `actor`, a fresh random one is taken."""
    @staticmethod
    def load(
        data: bytes, /, *, actor: bytes | None = None, text_unit: TextUnit = "unicode"
    ) -> Document:
        """Read a document, or concatenated document and change chunks. Raises `DecodeError`."""

    actor: bytes
    """The author of this document's next change; setting it commits what is pending."""
    @property
    def text_unit(self) -> TextUnit: ...

    # -- versions
    def heads(self) -> Heads: ...
    @property
    def change_count(self) -> int:
        """How many changes the document holds."""
    @property
    def max_op(self) -> int:
        """The highest operation number in the document: an honest next change starts one above."""
    def has(self, hash: ChangeHash, /) -> bool:  # noqa: A002
        """Is this change part of the document?"""
    def fork(self, *, actor: bytes | None = None) -> Document:
        """An independent copy with an actor of its own (random unless given)."""
    def fork_at(
        self, heads: Sequence[ChangeHash], /, *, actor: bytes | None = None
    ) -> Document: ...
    def merge(self, other: Document, /) -> list[Patch]:
        """Take in all changes of `other`; what became visible is returned."""

    # -- bytes
    def save(self) -> bytes: ...
    def save_after(self, heads: Sequence[ChangeHash], /) -> bytes:
        """The changes after `heads`, as concatenated chunks (empty if there are none)."""
    def save_incremental(self) -> bytes:
        """The changes since the last `save`, `save_incremental` or load."""
    def load_incremental(self, data: bytes, /) -> list[Patch]:
        """Apply concatenated chunks. All or nothing: on `DecodeError` nothing was applied."""
    def apply_changes(self, changes: Iterable[Change | bytes], /) -> list[Patch]:
        """Apply changes; ones whose dependencies are missing wait inside the document."""
    def changes_after(self, heads: Sequence[ChangeHash], /) -> list[Change]: ...
    def change(self, hash: ChangeHash, /) -> Change | None: ...  # noqa: A002
    def missing_deps(self, heads: Sequence[ChangeHash] = ..., /) -> Heads:
        """Changes that are named (as dependencies of waiting changes, or in `heads`) but not held."""
    def last_local_change(self) -> Change | None: ...

    # -- reading; `heads` reads the document as it was then
    def get(
        self, obj: ObjId, prop: Prop, /, *, heads: Sequence[ChangeHash] | None = None
    ) -> Scalar | Obj:
        """The value at a key or index. Raises `KeyError` / `IndexError` when there is none."""
    def get_all(
        self, obj: ObjId, prop: Prop, /, *, heads: Sequence[ChangeHash] | None = None
    ) -> list[tuple[Scalar | Obj, ObjId]]:
        """All concurrent values at a key or index with the ids of their operations, winner last."""
    def keys(self, obj: ObjId, /, *, heads: Sequence[ChangeHash] | None = None) -> list[str]: ...
    def items(
        self, obj: ObjId, /, *, heads: Sequence[ChangeHash] | None = None
    ) -> list[tuple[Prop, Scalar | Obj]]: ...
    def length(self, obj: ObjId, /, *, heads: Sequence[ChangeHash] | None = None) -> int: ...
    def text(self, obj: ObjId, /, *, heads: Sequence[ChangeHash] | None = None) -> str: ...
    def to_py(self, obj: ObjId = ..., /, *, heads: Sequence[ChangeHash] | None = None) -> PyValue:
        """A whole tree; text comes as `str`."""
    def kind(self, obj: ObjId, /) -> Kind: ...
    def path(self, obj: ObjId, /) -> tuple[Prop, ...] | None:
        """The props from the root to this object; None if it (or an ancestor) is not visible."""
    def parent(self, obj: ObjId, /) -> tuple[ObjId, Prop] | None:
        """The object that holds this one, and where, also if it was deleted; None for the root."""

    # -- writing; pending until `commit` (any read of versions or bytes commits too)
    def put(self, obj: ObjId, prop: Prop, value: Value, /) -> ObjId | None:
        """Set a key or index; nested values are written whole. The new object's id, if one was made."""
    def insert(self, obj: ObjId, index: int, values: Sequence[Value], /) -> list[ObjId | None]: ...
    def delete(self, obj: ObjId, prop: Prop, /) -> None: ...
    def splice_text(self, obj: ObjId, position: int, delete: int, text: str = "", /) -> None: ...
    def update_text(self, obj: ObjId, text: str, /) -> None:
        """Turn the text into `text` by its smallest difference (grapheme clusters)."""
    def increment(self, obj: ObjId, prop: Prop, by: int, /) -> None: ...
    def commit(self, *, message: str | None = None, time: int = 0) -> ChangeHash | None:
        """Close the pending operations as one change; None if there were none."""
    def rollback(self) -> int:
        """Drop the pending operations; how many there were."""
    @property
    def pending_ops(self) -> int: ...

    # -- looking at change
    def diff(self, before: Sequence[ChangeHash], after: Sequence[ChangeHash], /) -> list[Patch]: ...

    # -- cursors
    def cursor(
        self,
        obj: ObjId,
        position: int | Literal["start", "end"],
        /,
        *,
        move: Literal["before", "after"] = "after",
        heads: Sequence[ChangeHash] | None = None,
    ) -> str:
        """A stable reference to a place in text or a list, in the form that Automerge JS uses.

        `move` says where it goes when its element is deleted."""
    def cursor_position(
        self, obj: ObjId, cursor: str, /, *, heads: Sequence[ChangeHash] | None = None
    ) -> int: ...

    # -- sync
    def generate_sync_message(self, state: SyncState, /) -> bytes | None: ...
    def receive_sync_message(self, state: SyncState, message: bytes, /) -> list[Patch]: ...
