"""Documents are thread-safe, and long calls release Python's global lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from actors import id_of

from pyautomerge import ROOT, Document, SyncState, Text

TIMEOUT_SECONDS = 60


def run_concurrently(*works: Callable[[], object]) -> None:
    """Start all functions at the same moment in threads, and raise their errors."""
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

    run_concurrently(*[write] * 4)
    assert doc.text(text) == "x" * 400 + "hello"


def test_documents_that_merge_each_other_concurrently_do_not_deadlock(doc: Document) -> None:
    docs = [doc, doc.fork(), doc.fork()]

    def work(mine: Document, *others: Document) -> Callable[[], None]:
        def run() -> None:
            for n in range(60):
                mine.put(ROOT, mine.actor.hex(), n)
                for other in others:
                    mine.merge(other)

        return run

    a, b, c = docs
    run_concurrently(work(a, b, c, a), work(b, c, a), work(c, a, b))
    for one in docs:
        for other in docs:
            one.merge(other)
    assert a.heads() == b.heads() == c.heads()


def test_one_sync_state_in_two_threads_does_not_deadlock(doc: Document) -> None:
    other, here, there = doc.fork(), SyncState(), SyncState()

    def send() -> None:
        for n in range(100):
            doc.put(ROOT, "n", n)
            if (message := doc.generate_sync_message(here)) is not None:
                other.receive_sync_message(there, message)
            if (message := other.generate_sync_message(there)) is not None:
                doc.receive_sync_message(here, message)
            here.encode(), here.shared_heads, there.their_heads

    run_concurrently(send, send, doc.save, other.save)


def test_other_threads_run_while_a_document_loads() -> None:
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
        # If `load` held the global lock, the other thread would run only before and after the call.
        start = len(turns)
        Document.load(data)
        during = len(turns) - start
        loaded.set()
        assert during > 100

    run_concurrently(count, load)
