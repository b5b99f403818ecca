"""Run the scenarios on the systems and print one table. `make prove` calls this."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from . import environments, mount
from .scenarios import SCENARIOS, hub_restart, no_fsync
from .stage import Stage
from .systems import SYSTEMS
from .table import Result, table, write_into

SOURCE = Path(__file__).resolve().parents[2]
PAGES = (SOURCE / "README.md", SOURCE / "docs" / "prove.md")


def main() -> int:
    options = _options()
    started = time.monotonic()
    systems = [each for each in SYSTEMS if each.name in options.systems]
    scenarios = [each for each in SCENARIOS if _name(each) in options.scenarios]
    if options.quick:
        scenarios = [each for each in scenarios if getattr(each, "QUICK_VARIANTS", each.VARIANTS)]
    folder = Path(options.environments)
    places = {each: environments.environment(folder, each, SOURCE) for each in systems}
    hub = environments.hub_environment(folder) if hub_restart in scenarios else None
    made = time.monotonic()
    print(f"environments made in {_minutes(made - started)}", file=sys.stderr, flush=True)
    rows: dict[str, dict[str, Result]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="prove-") as work,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        stages = [
            Stage(each, places[each], Path(work, each.name), options.quick, hub, options.pictures)
            for each in systems
        ]
        for stage, results in zip(
            stages, pool.map(partial(_prove, scenarios), stages), strict=True
        ):
            system = stage.system
            version = environments.version(places[system], system.distribution)
            for title, result in results:
                rows.setdefault(title, {})[f"{system.name} {version}"] = result
    text = table(
        rows,
        date=dt.datetime.now(dt.timezone.utc).date().isoformat(),
        took=_minutes(time.monotonic() - made),
        quick=options.quick,
    )
    print(text)
    for page in PAGES if options.write else ():
        write_into(page, text)
    return 0


def _prove(scenarios: Sequence[ModuleType], stage: Stage) -> list[tuple[str, Result]]:
    """Run all scenarios on one system, with a separate browser."""
    with _chromium() as stage.browser, closing(stage):
        return [
            (scenario.TITLE.format(variant), _run(scenario, stage, variant))
            for scenario, variant in _variants(scenarios, quick=stage.quick)
        ]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def _run(scenario: ModuleType, stage: Stage, variant: Any) -> Result:
    """Run one scenario on one system; a failure of the scenario is its result."""
    begun = time.monotonic()
    stage.scenario = f"{_name(scenario)} {variant}".strip()
    result: Result
    if scenario is no_fsync and (missing := mount.unavailable()):
        result = f"not run: {missing}"
    else:
        try:
            stage.remarks.clear()
            result = scenario.run(stage, variant).noting(*stage.remarks)
        except Exception as error:  # noqa: BLE001 -- the other cells of the table are still wanted
            result = f"did not finish: {type(error).__name__}: {error}".splitlines()[0][:120]
    took = time.monotonic() - begun
    print(
        f"{took:5.1f} s  {stage.scenario:22} {stage.system.name:26} {result}",
        file=sys.stderr,
        flush=True,
    )
    return result


def _variants(scenarios: Iterable[ModuleType], *, quick: bool) -> Iterator[tuple[ModuleType, Any]]:
    for scenario in scenarios:
        usual = scenario.VARIANTS
        for variant in getattr(scenario, "QUICK_VARIANTS", usual) if quick else usual:
            yield scenario, variant


@contextmanager
def _chromium() -> Iterator[Browser]:
    """A Chromium that ends with the block; `CHROMIUM` names its program."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prove", description=__doc__)
    names = [each.name for each in SYSTEMS]
    scenarios = [_name(each) for each in SCENARIOS]
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer repetitions, and not the longest scenarios")
    add("--systems", type=_names(names), default=names, help=", ".join(names))
    add("--scenarios", type=_names(scenarios), default=scenarios, help=", ".join(scenarios))
    add("--jobs", type=int, default=2, help="how many systems at the same time (2)")
    add("--environments", default=str(SOURCE / "build" / "prove"), help="where they are made")
    add("--pictures", type=Path, help="a folder for a picture of each page at its end")
    add("--write", action="store_true", help="write the table into the README and the docs")
    return parser.parse_args()


def _names(known: list[str]) -> Any:
    def chosen(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {known}")
        return names

    return chosen


def _name(scenario: ModuleType) -> str:
    return scenario.__name__.rpartition(".")[2]


if __name__ == "__main__":
    sys.exit(main())
