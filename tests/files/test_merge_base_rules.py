"""Each rule of the merge base is needed: without it, its case has another result."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_runtimed.room.file import merge_base
from tests.support import golden
from tests.support.merge_bases import play

CASES = {case["name"]: case for case in golden.read("merge_bases.json")["cases"]}


def holds(case: dict[str, Any]) -> bool:
    return all(
        observed == step["expect"]
        for step, observed in zip(case["steps"], play(case), strict=True)
        if "program" in step
    )


@pytest.mark.parametrize("rule", merge_base.COST_RULES[:-1], ids=lambda rule: rule.name)
def test_a_case_needs_each_rule_of_the_cost(
    rule: merge_base.CostRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = tuple(other for other in merge_base.COST_RULES if other is not rule)
    monkeypatch.setattr(merge_base, "COST_RULES", rest)
    assert not holds(CASES[rule.case])


@pytest.mark.parametrize("criterion", merge_base.CRITERIA, ids=lambda criterion: criterion.name)
def test_a_case_needs_each_criterion(
    criterion: merge_base.Criterion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = tuple(other for other in merge_base.CRITERIA if other is not criterion)
    monkeypatch.setattr(merge_base, "CRITERIA", rest)
    assert not holds(CASES[criterion.case])
