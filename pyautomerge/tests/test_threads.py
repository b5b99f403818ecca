"""Documents are safe in any thread, and long work leaves Python free."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from people import id_of

from pyautomerge import ROOT, Document, SyncState, Text

TIMEOUT_SECONDS = 60


def together(*works: Callable[[], object]) -> None:
    """All at once, from one starting line; errors are raised."""
    line = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        line.wait(TIMEOUT_SECONDS)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(run, work) for work in works]:
            future.result(TIMEOUT_SECONDS)


def test_many_threads_write_one_document(doc: Document) -> None:
    text = id_of(doc, "text")

    def write() -> None:
        for _ in range(100):
            doc.splice_text(text, 0, 0, "x")
            doc.to_py()
            doc.commit()

    together(*[write] * 4)
    assert doc.text(text) == "x" * 400 + "hello"


def test_documents_that_merge_each_other_at_once_do_not_lock(doc: Document) -> None:
    docs = [doc, doc.fork(), doc.fork()]

    def work(mine: Document, *others: Document) -> Callable[[], None]:
        def run() -> None:
            for n in range(60):
                mine.put(ROOT, mine.actor.hex(), n)
                for other in others:
                    mine.merge(other)

        return run

    a, b, c = docs
    together(work(a, b, c, a), work(b, c, a), work(c, a, b))
    for one in docs:
        for other in docs:
            one.merge(other)
    assert a.heads() == b.heads() == c.heads()


def test_one_state_in_two_threads_does_not_lock(doc: Document) -> None:
    other, here, there = doc.fork(), SyncState(), SyncState()

    def send() -> None:
        for n in range(100):
            doc.put(ROOT, "n", n)
            if (message := doc.generate_sync_message(here)) is not None:
                other.receive_sync_message(there, message)
            if (message := other.generate_sync_message(there)) is not None:
                doc.receive_sync_message(here, message)
            here.encode(), here.shared_heads, there.their_heads

    together(send, send, doc.save, other.save)


def test_python_goes_on_while_a_document_loads_and_saves() -> None:
    doc = Document()
    cells = doc.put(ROOT, "cells", {})
    assert cells is not None
    for n in range(300):
        doc.put(cells, f"{n}", {"source": Text("x = 1234567\n" * 33)})
    data = doc.save()
    loaded = threading.Event()
    turns = []

    def count() -> None:
        while not loaded.is_set():
            turns.append(None)

    def load() -> None:
        # A thread that held Python's lock all the time would let the other in only between calls.
        start = len(turns)
        Document.load(data)
        during = len(turns) - start
        loaded.set()
        assert during > 100

    together(count, load)
