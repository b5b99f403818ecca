"""The Python client's machine in the conversations that both clients are checked by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden import write_documents
from tests.support import golden
from tests.support.conversations import BLANK, play, steps_before

VECTORS = golden.read("conversations.json")
BROWSER_ONLY = {"stored": [], "reconnect": []}


def of_python(conversation: dict[str, Any]) -> bool:
    return conversation.get("only") != "typescript"


@pytest.mark.parametrize(
    "conversation", list(filter(of_python, VECTORS["conversations"])), ids=lambda one: one["name"]
)
def test_each_step_of_a_conversation_leads_to_what_the_vectors_say(
    conversation: dict[str, Any],
) -> None:
    begin = steps_before(VECTORS, conversation)
    steps = [*begin, *conversation["steps"]]
    state = BLANK
    for number, (step, observed) in enumerate(zip(steps, play(conversation, begin), strict=True)):
        then = golden.expected_of("python", step.get("then", {})) | BROWSER_ONLY
        state = state | then
        expected = state | {key: then.get(key, []) for key in ("events", "sent")}
        assert BROWSER_ONLY | observed == expected, f"step {number - len(begin) + 1}: {step}"


def test_every_difference_between_the_clients_has_a_reason_and_every_reason_a_step() -> None:
    cited = set()
    for conversation in VECTORS["conversations"]:
        for step in conversation["steps"]:
            differs = not {"python", "typescript"}.isdisjoint(step.get("then", {}))
            assert differs == ("differs" in step), (conversation["name"], step)
            cited.update([step["differs"]] if differs else [])
    assert cited == set(VECTORS["differences"])


def test_the_documents_of_the_vectors_are_what_a_room_makes_today() -> None:
    assert golden.read("documents.json") == write_documents.documents()
