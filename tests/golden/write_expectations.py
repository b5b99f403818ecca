"""Write what both clients do now into the vectors. Read the difference before you commit it.

Plays the vectors with the Python client here and with the browser client in vitest. Results that
both have stand once; a result of one client stands under `python` or `typescript`.

    python tests/golden/write_expectations.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import conversations, golden, rebases  # noqa: E402

Json = dict[str, Any]
PER_STEP = ("events", "sent", "stored", "reconnect")
BROWSER = ("stored", "reconnect")
"""Results that only the browser client has. In Python the connection layer reconnects."""


def of_the_browser(variable: str) -> Any:
    """Return the results of the browser client, which its tests write to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "observed.json"
        subprocess.run(
            ["npx", "vitest", "run", "test/golden"], cwd=ROOT / "labextension",
            env={**os.environ, variable: str(path)}, capture_output=True, check=False,
        )  # fmt: skip
        return json.loads(path.read_text(encoding="utf-8"))


def joined(python: Json, typescript: Json) -> Json:
    """Join the results of both sides: equal ones once, the others by side."""
    common = {k: v for k, v in python.items() if k in typescript and typescript[k] == v}
    common |= {k: v for k, v in typescript.items() if k in BROWSER}
    sides = {"python": python, "typescript": typescript}
    rest = {
        side: {k: v for k, v in does.items() if k not in common} for side, does in sides.items()
    }
    return common | {side: does for side, does in rest.items() if does}


def news(state: Json, observed: Json) -> Json:
    """Return the results that differ from `state`, and update `state` with them."""
    changed = {key: value for key, value in observed.items() if value not in (state[key], [])}
    state.update({key: value for key, value in changed.items() if key not in PER_STEP})
    return changed


def write_conversations() -> None:
    vectors = golden.read("conversations.json")
    browser = of_the_browser("OBSERVED_CONVERSATIONS")
    for conversation in vectors["conversations"]:
        begin = conversations.steps_before(vectors, conversation)
        only = conversation.get("only")
        python = None if only == "typescript" else conversations.play(conversation, begin)
        typescript = None if only == "python" else browser[conversation["name"]]
        states = [dict(conversations.BLANK) for _ in range(2)]
        sides = zip(python or typescript, typescript or python, strict=True)
        for at, both in enumerate(sides):
            then = joined(*(news(*one) for one in zip(states, both, strict=True)))
            if at >= len(begin):
                step = conversation["steps"][at - len(begin)]
                step.pop("then", None)
                if then:
                    step["then"] = then
    golden.write("conversations.json", vectors)


def write_rebases() -> None:
    vectors = golden.read("rebase.json")
    browser = of_the_browser("OBSERVED_REBASES")
    for case in vectors["cases"]:
        case["expect"] = joined(rebases.play(case, vectors["start"]), browser[case["name"]])
    golden.write("rebase.json", vectors)


if __name__ == "__main__":
    write_conversations()
    write_rebases()
