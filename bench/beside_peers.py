"""Run this project and other systems in a comparison harness; print one table and the ratios.

The harness is a folder with ``bench.py``, ``report.py`` and a package ``peerbench`` whose
``drivers`` subclass ``Driver``, ``Client`` and ``Runner``. ``PEERBENCH_DIR`` is its folder, and
``PEERBENCH_VENVS`` the folder with the environments of the other systems.

    python bench/beside_peers.py                      # S1 to S6, this project and the relay
    python bench/beside_peers.py --systems jupyter-collaboration,raw-relay S1 S2

The harness starts child processes that find systems by name. The script therefore runs a copy of
the harness that includes ``peerbench_driver.py``; the original stays unchanged.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NAME = "jupyter-runtimed"
HERE = Path(__file__).resolve().parent

JOBS: dict[str, list[list[str]]] = {
    "S1": [["S1", "--cells", str(cells)] for cells in (10, 100, 1000)],
    "S2": [["S2", "--readers", str(readers)] for readers in (10, 100)],
    "S3": [["S3", "--cells", "1000", "--reps", "7"]],
    "S4": [
        ["S4", "--workload", load] for load in ("lines100k", "flush10k", "stream10m", "display10m")
    ],
    "S5": [["S5rooms"], ["S5edits", "--edits", "10000"]],
    "S6": [["S6", "--edits", "100", "--delay", delay] for delay in ("0", "0.3", "3")],
}
REGISTRATION = """
from peerbench_driver import RuntimedRoomsDriver
DRIVERS[RuntimedRoomsDriver.name] = RuntimedRoomsDriver
"""


def copy_of_harness(folder: Path) -> Path:
    """Copy the harness into ``folder`` and add this driver to its catalogue."""
    original = os.environ.get("PEERBENCH_DIR")
    if not original or not Path(original, "peerbench", "drivers").is_dir():
        sys.exit("PEERBENCH_DIR must name the folder of the harness (with bench.py and peerbench/)")
    copy = folder / "harness"
    shutil.copytree(original, copy, copy_function=shutil.copy)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with (copy / "peerbench" / "drivers" / "__init__.py").open("a") as file:
        file.write(REGISTRATION)
    return copy


def measured(harness: Path, system: str, job: list[str], runs: int) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines of the harness, one for each successful run."""
    search = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    venvs = os.environ.get("PEERBENCH_VENVS", "venvs")
    env = os.environ | {"PYTHONPATH": search, "PEERBENCH_VENVS": str(Path(venvs).resolve())}
    for run in range(runs):
        done = subprocess.run(
            [sys.executable, "bench.py", system, *job, "--quiet", "20", "--work", harness / "work"],
            cwd=harness, env=env, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        said = f"{system} {' '.join(job)} run {run + 1}"
        if done.returncode == 0:
            print(said, file=sys.stderr, flush=True)
            yield json.loads(done.stdout.splitlines()[-1])
        else:
            print(f"{said}: {done.stderr.strip()[-1500:]}", file=sys.stderr, flush=True)


def report(harness: Path, lines: Path) -> str:
    """Return the tables of the harness without the empty ones."""
    env = os.environ | {"PYTHONPATH": str(HERE)}
    text = subprocess.run(
        [sys.executable, "report.py", lines],
        cwd=harness, env=env, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    sections = text.split("### ")
    return "".join(f"### {part}" for part in sections if part.count("\n|") > 2)


Figure = Callable[[dict[str, Any]], Any]
FIGURES: dict[str, dict[str, Figure]] = {
    "S1": {"p50 ms": lambda r: r["p50_ms"], "p99 ms": lambda r: r["p99_ms"]},
    "S2": {"p50 ms": lambda r: r["p50_ms"], "p99 ms": lambda r: r["p99_ms"]},
    "S3": {
        "cold ms": lambda r: r["cold"]["p50_ms"],
        "warm ms": lambda r: r["warm"]["p50_ms"],
        "bytes": lambda r: r["wire_rx_bytes"],
    },
    "S4": {
        "seconds": lambda r: r["last_output_s"],
        "missing characters": lambda r: r["expected_chars"] - r["chars"],
        "others' edits worst ms": lambda r: r.get("probe_edit_during", {}).get("max_ms"),
    },
    "S5rooms": {"MB per room": lambda r: r["rows"][-1]["mb_per_room"]},
    "S5edits": {"edits per s": lambda r: r["edits_per_s"]},
    "S6": {"edits lost": lambda r: r["lost"]},
}
Results = dict[tuple[str, str], dict[str, list[dict[str, Any]]]]


def ratios(results: Results) -> Iterator[str]:
    """Yield Markdown rows: medians of each system, and the ratio of this project to the other."""
    yield "| scenario | figure | this project | beside | its figure | ratio |"
    yield "|---|---|---|---|---|---|"
    for (scenario, options), by_system in results.items():
        for figure, of in FIGURES[scenario].items():
            ours = median_of(by_system.get(NAME, []), of)
            for system, rows in by_system.items():
                theirs = median_of(rows, of)
                if system != NAME and ours is not None and theirs is not None:
                    ratio = f"{ours / theirs:.2f}" if theirs else "-"
                    title = f"{scenario} {options}".strip()
                    yield f"| {title} | {figure} | {ours:g} | {system} | {theirs:g} | {ratio} |"


def median_of(rows: list[dict[str, Any]], figure: Figure) -> float | None:
    values = [value for value in map(figure, rows) if value is not None]
    return float(statistics.median(values)) if values else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(JOBS)} (default: all)")
    parser.add_argument(
        "--systems", default="raw-relay", help="comma-separated, beside this project"
    )
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if unknown := set(options.parts) - JOBS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    results: Results = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="peerbench-") as folder:
        harness = copy_of_harness(Path(folder))
        lines = harness / "results.jsonl"
        for part in options.parts or JOBS:
            for job in JOBS[part]:
                for system in [NAME, *filter(None, options.systems.split(","))]:
                    for line in measured(harness, system, job, options.runs):
                        key = (line["scenario"], " ".join(job[1:]))
                        results[key][system].append(line["result"])
                        with lines.open("a") as file:
                            file.write(json.dumps(line) + "\n")
        if lines.exists():
            print(report(harness, lines))
    print("### Ratios, ours to theirs (medians)\n")
    print("\n".join(ratios(results)))


if __name__ == "__main__":
    main()
