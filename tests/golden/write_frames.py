"""Write frames.json: one frame of each shape, as bytes and as the decoded value.

Python and TypeScript tests read the file; it changes only with the wire protocol. In `frame`, bytes
are written as `{"$bytes": hex}`.

    python tests/golden/write_frames.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgpack

from jupyter_runtimed.ids import Epoch
from jupyter_runtimed.protocol.frames import (
    Ack,
    Call,
    Change,
    Event,
    Frame,
    Hello,
    Presence,
    Refuse,
    Reply,
    Sync,
    Welcome,
    encode,
)

PATH = Path(__file__).with_name("frames.json")
A, B = "0a" * 32, "fe" * 32
PREFIX, PROOF = bytes(range(16)), bytes(range(16, 32))
EPOCH = Epoch("3f2c")
HELD = {"notebook": (EPOCH, (A, B)), "runtime": (Epoch("r-1"), ())}

FRAMES: dict[str, Frame] = {
    "first hello": Hello(client="tests", kind="agent"),
    "hello again": Hello("tests", "browser", HELD, ((PREFIX, PROOF),)),
    "welcome": Welcome(
        room="r1",
        path="Übung/заметки 📓.ipynb",
        server="0.1.0",
        session="s1",
        user={"username": "ana", "name": "Ana", "color": None},
        role="runner",
        actor=PREFIX,
        proof=PROOF,
        docs=HELD,
        limits={"frame": 64 << 20, "inline": 8192},
        saved=True,
    ),
    "whole document": Sync("notebook", EPOCH, full=True, data=b"\x85\x6f\x4a\x83", heads=(A,)),
    "nothing missed": Sync("runtime", Epoch("r-1"), full=False, data=b"", heads=()),
    "change": Change("notebook", bytes(range(256))),
    "long change": Change("runtime", b"\xff" * 300),
    "ack": Ack("notebook", (A, B)),
    "refuse": Refuse("notebook", (A,), "read-only", "viewers cannot edit"),
    "run": Call(1, "run", {"cells": ["c1", "c2"], "stop_on_error": True}, (A, B)),
    "call without arguments": Call(2**32, "interrupt"),
    "reply": Reply(1, {"runs": ["run-1"]}),
    "failed reply": Reply(2, None, {"code": "no-kernel", "message": "start one first"}),
    "event": Event("saved", {"hash": "ab", "last_modified": "2026-01-01T00:00:00Z", "heads": [A]}),
    "presence": Presence(
        "s1",
        {
            "user": {"username": "ana", "name": "Ana", "color": "#aa0000"},
            "kind": "browser",
            "cell": "c1",
            "cursors": [["2@00", "5@00"]],
        },
    ),
    "own presence": Presence("", {"cell": "c1", "doing": "editing"}),
    "presence ends": Presence("s1", None),
}


def plain(value: object) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def golden() -> list[dict[str, Any]]:
    made = [(name, encode(frame)) for name, frame in FRAMES.items()]
    return [
        {"name": name, "hex": data.hex(), "frame": plain(msgpack.unpackb(data, raw=False))}
        for name, data in made
    ]


if __name__ == "__main__":
    PATH.write_text(json.dumps(golden(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
