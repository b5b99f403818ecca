"""The merge base of a file that another program wrote: one case for each rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import golden
from tests.support.merge_bases import play

CASES = golden.read("merge_bases.json")["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_write_of_a_program_has_the_base_and_the_result_of_the_vectors(
    case: dict[str, Any],
) -> None:
    for number, (step, observed) in enumerate(zip(case["steps"], play(case), strict=True), 1):
        if "program" in step:
            assert observed == step["expect"], f"step {number}"
