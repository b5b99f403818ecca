"""Options and fixtures of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--seeds", type=int, help="how many simulated stories of each kind to run")
    group.addoption("--first-seed", type=int, default=0, help="the seed of the first of them")
    group.addoption("--steps", default="", help="only these steps of the story, as 3,17,40")
