"""Every frame survives encoding and decoding; decoding rejects everything else."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_runtimed.errors import BadFrame
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.protocol.frames import (
    CHANGE_BYTES,
    SMALL_BYTES,
    Ack,
    Call,
    Change,
    Event,
    Hello,
    Presence,
    Refuse,
    Reply,
    Sync,
    Welcome,
    decode,
    encode,
)

GOLDEN = Path(__file__).parent.parent / "golden"

text = st.text(max_size=20)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
heads = st.lists(hashes, max_size=3).map(tuple)
docs = st.sampled_from(["notebook", "runtime"])
held = st.dictionaries(docs, st.tuples(text, heads))
prefix = st.binary(min_size=16, max_size=16)
data = st.binary(max_size=200)
json_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
body = st.dictionaries(text, json_value, max_size=4)
error = st.fixed_dictionaries({"code": text, "message": text})
presence = st.fixed_dictionaries(
    {},
    optional={
        "user": st.dictionaries(text, st.none() | text, max_size=3),
        "kind": text,
        "cell": text,
        "cursors": st.lists(st.tuples(text, text).map(list), max_size=3),
        "doing": text,
    },
)
call_id = st.integers(0, 2**64 - 1)

any_frame = st.one_of(
    st.builds(
        Hello,
        client=text,
        kind=st.sampled_from(["browser", "agent"]),
        docs=held,
        tickets=st.lists(st.tuples(prefix, data), max_size=3).map(tuple),
    ),
    st.builds(
        Welcome,
        room=text,
        path=text,
        server=text,
        session=text,
        user=st.dictionaries(text, st.none() | text, max_size=3),
        role=st.sampled_from(["viewer", "editor", "runner"]),
        actor=prefix,
        proof=data,
        docs=held,
        limits=st.dictionaries(text, st.integers(0, 2**40), max_size=3),
        saved=st.booleans(),
    ),
    st.builds(Sync, docs, text, st.booleans(), data, heads),
    st.builds(Change, docs, data),
    st.builds(Ack, docs, heads),
    st.builds(Refuse, docs, heads, text, text),
    st.builds(Call, call_id, text, body, heads),
    st.builds(Reply, call_id, json_value, st.none() | error),
    st.builds(Event, text, body),
    st.builds(Presence, text, st.none() | presence),
)


@given(any_frame)
def test_every_frame_is_read_as_it_was_written(frame: frames.Frame) -> None:
    assert decode(encode(frame)) == frame


def test_the_golden_frames_are_what_this_version_writes_and_reads() -> None:
    spec = importlib.util.spec_from_file_location("write_frames", GOLDEN / "write_frames.py")
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    golden = json.loads((GOLDEN / "frames.json").read_text(encoding="utf-8"))
    assert golden == writer.golden()
    for entry in golden:
        assert decode(bytes.fromhex(entry["hex"])) == writer.FRAMES[entry["name"]]


def _damaged(whole: bytes, random_: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(random_.randint(1, 4)):
        place = random_.randrange(len(data)) if data else 0
        match random_.randrange(4):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = bytes([random_.randrange(256)])
            case 2:
                data[place:place] = random_.randbytes(random_.randint(1, 8))
            case _:
                del data[place : place + random_.randint(1, 8)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_raise_only_bad_frame(seed: int) -> None:
    random_ = random.Random(seed)
    golden = [bytes.fromhex(e["hex"]) for e in json.loads((GOLDEN / "frames.json").read_text())]
    for _ in range(200):
        junk = _damaged(random_.choice(golden), random_)
        if random_.random() < 0.1:
            junk = random_.randbytes(random_.randint(0, 60))
        with contextlib.suppress(BadFrame):
            assert isinstance(decode(junk), frames.Frame)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({}, "an array"),
        ([], "an array"),
        ([1], "an array"),
        (["hallo", 1], "please reload"),
        (["change", "notebook"], "3 elements"),
        (["change", "other", b""], "neither notebook nor runtime"),
        (["change", "notebook", "text"], "not bytes"),
        (["ack", "notebook", ["AB" * 32]], "not a change hash"),
        (["ack", "notebook", "ab" * 32], "not list"),
        (["call", -1, "run", {}, []], "negative"),
        (["call", True, "run", {}, []], "not int"),
        (["call", 1, "run", [], []], "not dict"),
        (["hello", {"protocol": 1, "client": "c", "kind": "robot"}], "neither browser nor agent"),
        (["hello", {"protocol": "1", "client": "c", "kind": "agent"}], "not int"),
        (["reply", 1, None, {"code": 3, "message": "m"}], "reply error code"),
        (["reply", 1, None, {"code": "c"}], "reply error message"),
        (["hello", {"protocol": 1, "client": "c", "kind": "agent", "tickets": [[b""]]}], "ticket"),
        (
            ["hello", {"protocol": 1, "client": "c", "kind": "agent", "docs": {"x": ["", []]}}],
            "neither",
        ),
        (["reply", 1, None, {"code": "x"}], "reply error message"),
        (["sync", "notebook", "e", 1, b"", []], "not bool"),
        (["presence", "s", []], "not dict"),
        (["presence", "", {"cell": 5}], "presence cell is not str"),
        (["presence", "", {"cell": None}], "presence cell is not str"),
        (["presence", "", {"cell": "x" * 201}], "presence cell is longer than 200"),
        (["presence", "", {"doing": ["x"]}], "presence doing is not str"),
        (["presence", "", {"doing": "x" * 101}], "presence doing is longer than 100"),
        (["presence", "", {"cursors": "x"}], "presence cursors is not list"),
        (["presence", "", {"cursors": [["a"]]}], "a presence cursor is .anchor, head."),
        (["presence", "", {"cursors": [["a", 1]]}], "presence cursor is not str"),
        (["presence", "", {"cursors": [["a", "b" * 201]]}], "longer than 200"),
        (["presence", "", {"cursors": [["é" * 100, "x"]] * 64 + [["é" * 100] * 2] * 9}], "cap"),
        (["presence", "s", {"cursors": [["é" * 100] * 2] * 64}], "cursors of 25600 bytes"),
        (["presence", "", {"junk": "x" * (16 << 10)}], "the cap is"),
    ],
)
def test_a_bad_frame_says_what_is_wrong(parts: object, complaint: str) -> None:
    with pytest.raises(BadFrame, match=complaint):
        decode(msgpack.packb(parts))


def test_text_that_is_not_unicode_is_not_sent() -> None:
    with pytest.raises(BadFrame, match="cannot be sent"):
        encode(Call(1, "answer", {"text": "\ud800"}))


class TestSize:
    def test_a_frame_over_the_cap_is_refused_by_its_length(self) -> None:
        with pytest.raises(BadFrame, match="the cap is 10"):
            decode(b"\xff" * 11, cap_bytes=10)

    def test_large_changes_and_whole_documents_pass(self) -> None:
        for frame in (
            Change("notebook", bytes(SMALL_BYTES * 3)),
            Sync(
                "runtime",
                frames.Epoch("e"),
                full=True,
                data=bytes(SMALL_BYTES * 3),
                heads=("ab" * 32,),
            ),
        ):
            assert decode(encode(frame)) == frame

    def test_frames_of_other_kinds_have_a_small_limit(self) -> None:
        with pytest.raises(BadFrame, match=f"a call frame of .* the cap is {SMALL_BYTES}"):
            decode(encode(Call(1, "answer", {"text": "x" * SMALL_BYTES})))

    @pytest.mark.parametrize(
        "bomb",
        [
            b"\x93\xa6change\xa8notebook\xdd"
            + (SMALL_BYTES * 2).to_bytes(4, "big")
            + b"\x90" * SMALL_BYTES * 2,
            b"\xdd" + (SMALL_BYTES * 2).to_bytes(4, "big") + b"\x90" * SMALL_BYTES * 2,
            b"\x96\xa4sync\xa8notebook\xa1e\xc3\xc4\x00" + b"\x90" * SMALL_BYTES * 2,
            b"\x92\xa5hello" + b"\x80" * SMALL_BYTES * 2,
            b"\xc1" * SMALL_BYTES * 2,
        ],
    )
    def test_a_decompression_bomb_is_refused_before_unpacking(
        self, bomb: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unpacked(*_: object, **__: object) -> None:
            raise AssertionError("unpacked")

        monkeypatch.setattr(frames.msgpack, "unpackb", unpacked)
        assert len(bomb) < CHANGE_BYTES
        with pytest.raises(BadFrame):
            decode(bomb)


def test_only_known_fields_of_a_presence_are_kept() -> None:
    cursors = [["1@a", "2@b"]] * 70
    state = {"cell": "c", "cursors": cursors, "doing": "x", "other": {"a": [1]}}
    read = decode(msgpack.packb(["presence", "", state]))
    assert read == Presence("", {"cell": "c", "cursors": cursors[:64], "doing": "x"})
