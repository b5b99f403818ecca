"""Times of a run in the cell metadata, as JupyterLab's option to record timing writes them."""

from __future__ import annotations

from datetime import datetime, timezone

from ..document.content import Run


def timing(run: Run) -> dict[str, str]:
    """Return a cell's `execution` metadata: ISO 8601 times in UTC, empty without a start."""
    if run.started_at is None:
        return {}
    started = _iso(run.started_at)
    times = {
        "iopub.status.busy": started,
        "iopub.execute_input": started,
        "shell.execute_reply.started": started,
    }
    if run.finished_at is not None:
        finished = _iso(run.finished_at)
        if run.state == "lost":
            return times | {"execution_failed": finished}
        times |= {"shell.execute_reply": finished, "iopub.status.idle": finished}
    return times


def _iso(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
