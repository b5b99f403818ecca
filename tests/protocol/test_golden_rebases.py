"""The Python client's rebase in the cases that both clients are checked by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import golden
from tests.support.rebases import play

VECTORS = golden.read("rebase.json")


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_own_edits_on_a_fresh_copy_give_what_the_vectors_say(case: dict[str, Any]) -> None:
    assert play(case, VECTORS["start"]) == golden.expected_of("python", case["expect"])


def test_every_difference_between_the_rebases_has_a_reason_and_every_reason_a_case() -> None:
    cited = set()
    for case in VECTORS["cases"]:
        differs = not {"python", "typescript"}.isdisjoint(case["expect"])
        assert differs == ("differs" in case), case["name"]
        cited.update([case["differs"]] if differs else [])
    assert cited == set(VECTORS["differences"])
