"""Compare the engine with PyPI's `automerge` and `pycrdt`, and print one table.

    python bench/engine.py            # everything, in about three minutes
    python bench/engine.py --quick    # one round, without 10,000 cells

The benchmark builds a notebook of cells with 400 characters of source each, saves it, loads it, and
types into it. A keystroke covers all work between two users except the network: making the change,
encoding it, applying it to a second document, and finding the changed place there.

The other engines are installed from PyPI into `bench/.venvs`; the engine of this project is the one
installed for the running interpreter. Each number is the median of three runs, which run one after
the other in separate processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
CHARS_PER_CELL = 400
DOCUMENTS_HELD = 5
KEYSTROKES = 200
SEED = 7


def sources(cells: int) -> list[str]:
    """Return Python-like sources, which compress like code and not like one repeated line."""
    rng = random.Random(SEED)
    words = ["frame", "total", "for", "in", "range", "print", "value", "plot", "mean", "return"]
    out = []
    for _ in range(cells):
        text = ""
        while len(text) < CHARS_PER_CELL:
            line = " ".join(rng.choices(words, k=rng.randrange(2, 6)))
            text += f"{line} = {rng.randrange(10_000)}\n"
        out.append(text[:CHARS_PER_CELL])
    return out


class Engine(Protocol):
    """The measured operations, implemented with each library."""

    def build(self, texts: list[str]) -> Any: ...
    def save(self, doc: Any) -> bytes: ...
    def load(self, data: bytes) -> Any: ...
    def typist(self, doc: Any, reader: Any, cell: str) -> Callable[[str], float]:
        """Return a function that types one character and returns the seconds for a keystroke."""

    def text(self, doc: Any, cell: str) -> str: ...


class PyAutomerge:
    def __init__(self) -> None:
        import pyautomerge

        self.lib = pyautomerge

    def build(self, texts: list[str]) -> Any:
        doc = self.lib.Document()
        cells = doc.put("_root", "cells", {})
        for number, text in enumerate(texts):
            cell = {"source": self.lib.Text(text), "metadata": {}, "kind": "code"}
            doc.put(cells, f"cell-{number}", cell)
        doc.commit()
        return doc

    def save(self, doc: Any) -> bytes:
        return doc.save()

    def load(self, data: bytes) -> Any:
        return self.lib.Document.load(data)

    def _source(self, doc: Any, cell: str) -> str:
        return doc.get(doc.get(doc.get("_root", "cells").id, cell).id, "source").id

    def text(self, doc: Any, cell: str) -> str:
        return doc.text(self._source(doc, cell))

    def typist(self, doc: Any, reader: Any, cell: str) -> Callable[[str], float]:
        source, position = self._source(doc, cell), 100

        def press(key: str) -> float:
            nonlocal position
            start = time.perf_counter()
            doc.splice_text(source, position, 0, key)
            doc.commit()
            message = doc.last_local_change().bytes
            (patch,) = reader.apply_changes([message])
            seen = patch.path, patch.prop, patch.text
            took = time.perf_counter() - start
            assert seen == (("cells", cell, "source"), position, key)
            position += 1
            return took

        return press


class ReleaseCandidate:
    """PyPI's `automerge`: inserts characters one by one and syncs.

    The library has no text splice and cannot apply a change.
    """

    def __init__(self) -> None:
        from automerge import core

        self.lib = core

    def build(self, texts: list[str]) -> Any:
        lib, doc = self.lib, self.lib.Document()
        with doc.transaction() as tx:
            cells = tx.put_object(lib.ROOT, "cells", lib.ObjType.Map)
            for number, text in enumerate(texts):
                cell = tx.put_object(cells, f"cell-{number}", lib.ObjType.Map)
                source = tx.put_object(cell, "source", lib.ObjType.Text)
                for at, char in enumerate(text):
                    tx.insert(source, at, lib.ScalarType.Str, char)
                tx.put_object(cell, "metadata", lib.ObjType.Map)
                tx.put(cell, "kind", lib.ScalarType.Str, "code")
        return doc

    def save(self, doc: Any) -> bytes:
        return doc.save()

    def load(self, data: bytes) -> Any:
        return self.lib.Document.load(data)

    def _source(self, doc: Any, cell: str) -> bytes:
        _, cells = doc.get(self.lib.ROOT, "cells")
        _, obj = doc.get(cells, cell)
        return doc.get(obj, "source")[1]

    def text(self, doc: Any, cell: str) -> str:
        return doc.text(self._source(doc, cell))

    def typist(self, doc: Any, reader: Any, cell: str) -> Callable[[str], float]:
        lib, position = self.lib, 100
        source = self._source(doc, cell)
        here, there = lib.SyncState(), lib.SyncState()

        def hear() -> None:
            answer = reader.generate_sync_message(there)
            if answer is not None:
                doc.receive_sync_message(here, lib.Message.decode(answer.encode()))

        while (hello := doc.generate_sync_message(here)) is not None:
            reader.receive_sync_message(there, lib.Message.decode(hello.encode()))
            hear()

        def press(key: str) -> float:
            nonlocal position
            before = reader.get_heads()
            start = time.perf_counter()
            with doc.transaction() as tx:
                tx.insert(source, position, lib.ScalarType.Str, key)
            message = doc.generate_sync_message(here).encode()
            reader.receive_sync_message(there, lib.Message.decode(message))
            patches = reader.diff(before, reader.get_heads())
            took = time.perf_counter() - start
            assert patches
            position += 1
            hear()
            return took

        return press


class PyCrdt:
    def __init__(self) -> None:
        import pycrdt

        self.lib = pycrdt

    def build(self, texts: list[str]) -> Any:
        lib = self.lib
        doc = lib.Doc()
        cells = doc.get("cells", type=lib.Map)
        with doc.transaction():
            for number, text in enumerate(texts):
                cell = {"source": lib.Text(text), "metadata": lib.Map(), "kind": "code"}
                cells[f"cell-{number}"] = lib.Map(cell)
        return doc

    def save(self, doc: Any) -> bytes:
        return doc.get_update()

    def load(self, data: bytes) -> Any:
        doc = self.lib.Doc()
        doc.get("cells", type=self.lib.Map)
        doc.apply_update(data)
        return doc

    def text(self, doc: Any, cell: str) -> str:
        return str(doc.get("cells", type=self.lib.Map)[cell]["source"])

    def typist(self, doc: Any, reader: Any, cell: str) -> Callable[[str], float]:
        source, position = doc.get("cells", type=self.lib.Map)[cell]["source"], 100
        messages: list[bytes] = []
        seen: list[Any] = []
        self.subscriptions = [
            doc.observe(lambda event: messages.append(event.update)),
            reader.get("cells", type=self.lib.Map).observe_deep(
                lambda events: seen.extend((event.path, event.delta) for event in events)
            ),
        ]

        def press(key: str) -> float:
            nonlocal position
            messages.clear(), seen.clear()
            start = time.perf_counter()
            source.insert(position, key)
            reader.apply_update(messages[0])
            ((path, delta),) = seen
            took = time.perf_counter() - start
            assert list(path) == [cell, "source"]
            assert delta == [
                {"retain": position},
                {"insert": key},
            ]
            position += 1
            return took

        return press


ENGINES: dict[str, Callable[[], Engine]] = {
    "pyautomerge": PyAutomerge,
    "automerge 1.0.0rc1": ReleaseCandidate,
    "pycrdt": PyCrdt,
}
REQUIREMENTS = {"automerge 1.0.0rc1": "automerge==1.0.0rc1", "pycrdt": "pycrdt"}


def resident_bytes() -> int:
    if sys.platform != "linux":
        sys.exit("memory is read from /proc: this benchmark needs Linux")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def measure(engine: Engine, cells: int, keystrokes: int) -> dict[str, float]:
    """Measure once; return seconds and bytes by figure."""
    texts = sources(cells)

    def timed(work: Callable[[], Any]) -> tuple[float, Any]:
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result

    build, doc = timed(lambda: engine.build(texts))
    save, data = timed(lambda: engine.save(doc))
    load, reader = timed(lambda: engine.load(data))
    before = resident_bytes()
    held = [engine.load(data) for _ in range(DOCUMENTS_HELD)]
    memory = (resident_bytes() - before) / len(held)
    cell = f"cell-{cells // 2}"
    press = engine.typist(doc, reader, cell)
    press("a")
    presses = [press("b") for _ in range(keystrokes)]
    assert engine.text(doc, cell) == engine.text(reader, cell)
    return {
        "build": build,
        "save": save,
        "load": load,
        "bytes": len(data),
        "memory": memory,
        "keystroke": statistics.median(presses),
        "slow keystroke": statistics.quantiles(presses, n=100)[98],
    }


# ---------------------------------------------------------------- separate processes


def pythons() -> list[str]:
    """Return interpreters, this one first; PyPI's `automerge` has no wheels after Python 3.12."""
    found = [shutil.which(f"python3.{minor}") for minor in (12, 11, 10)]
    return [sys.executable, *(path for path in found if path)]


def interpreter(name: str) -> str | None:
    """Return an interpreter with this engine, or None if the engine cannot be installed."""
    if name not in REQUIREMENTS:
        if importlib.util.find_spec("pyautomerge") is None:
            sys.exit("install the engine first: pip install ./pyautomerge")
        return sys.executable
    place = VENVS / REQUIREMENTS[name].replace("=", "-")
    python = place / "bin" / "python"
    if (place / "ready").exists():
        return str(python)
    for base in pythons():
        subprocess.run([base, "-m", "venv", "--clear", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
        if subprocess.run([*install, REQUIREMENTS[name]], check=False).returncode == 0:
            (place / "ready").touch()
            return str(python)
    return None


def run(name: str, cells: int, rounds: int) -> dict[str, float] | None:
    python = interpreter(name)
    if python is None:
        return None
    command = [python, __file__, "--engine", name, "--cells", str(cells)]
    results = []
    for number in range(rounds):
        print(f"{name}, {cells} cells, run {number + 1} of {rounds}", file=sys.stderr)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        results.append(json.loads(output))
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


# ---------------------------------------------------------------- the table


def shown(value: float, unit: str) -> str:
    scale = {"ms": 1e3, "kB": 1e-3, "MB": 1e-6}[unit]
    return (
        f"{value * scale:,.3g} {unit}" if value * scale < 1000 else f"{value * scale:,.0f} {unit}"
    )


def ratio(value: float) -> str:
    return f"{value:,.0f}x" if value >= 10 else f"{value:.2g}x"


Results = dict[tuple[str, int], "dict[str, float] | None"]


def row(label: str, key: str, unit: str, cells: int, results: Results) -> str:
    own = results["pyautomerge", cells]
    assert own is not None
    columns = [label, shown(own[key], unit)]
    for peer in REQUIREMENTS:
        theirs = results.get((peer, cells))
        if theirs is None:
            columns += ["-", "-"]
        else:
            columns += [shown(theirs[key], unit), ratio(theirs[key] / own[key])]
    return "| " + " | ".join(columns) + " |"


def table(results: Results, sizes: list[int]) -> str:
    whole = 1000
    heading = ["", "pyautomerge"]
    for peer in REQUIREMENTS:
        heading += [peer, "to ours"]
    lines = ["| " + " | ".join(heading) + " |", "|" + " --- |" * len(heading)]
    for label, key, unit in (
        ("build", "build", "ms"),
        ("load", "load", "ms"),
        ("save", "save", "ms"),
        ("saved", "bytes", "kB"),
        ("memory of a loaded document", "memory", "MB"),
    ):
        lines.append(row(f"{label}, {whole:,} cells", key, unit, whole, results))
    lines += [
        row(f"keystroke p50, {cells:,} cells", "keystroke", "ms", cells, results) for cells in sizes
    ]
    lines.append(row(f"keystroke p99, {whole:,} cells", "slow keystroke", "ms", whole, results))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, at most 1,000 cells")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--cells", type=int, default=1000, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        slow = options.engine in REQUIREMENTS and options.engine != "pycrdt"
        keystrokes = 20 if slow else KEYSTROKES
        print(json.dumps(measure(ENGINES[options.engine](), options.cells, keystrokes)))
        return
    sizes = [10, 100, 1000] if options.quick else [10, 100, 1000, 10_000]
    results: Results = {}
    for cells in sizes:
        for name in ENGINES:
            if cells > 1000 and name == "automerge 1.0.0rc1":
                continue
            results[name, cells] = run(name, cells, 1 if options.quick else 3)
    print(table(results, sizes))


if __name__ == "__main__":
    main()
