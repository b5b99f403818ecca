"""One scenario in each file: `TITLE`, `VARIANTS`, and `run(stage, variant) -> Tally`.

`QUICK_VARIANTS`, where a scenario has them, replace the others with `--quick`.
"""

from __future__ import annotations

from types import ModuleType

from . import (
    closed_tab,
    editor,
    git,
    hub_restart,
    kill_9,
    kill_in_save,
    no_fsync,
    offline,
    read_only,
    steady_saves,
    two_programs,
)

SCENARIOS: tuple[ModuleType, ...] = (
    kill_9,
    closed_tab,
    editor,
    git,
    offline,
    steady_saves,
    read_only,
    two_programs,
    kill_in_save,
    no_fsync,
    hub_restart,
)
