"""Edits with more operations than the server accepts at once."""

from __future__ import annotations

import pytest

from jupyter_runtimed.protocol import frames
from tests.support.network import Network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "CHANGE_OPS", 1_000)


def test_several_large_edits_sent_together_arrive() -> None:
    net = Network("")
    ana, ben = net.join("ana"), net.join("ben")
    net.cut("ana")
    for letter in "abc":
        ana.type("c0", letter * 600)
    net.heal("ana")
    net.run_until_quiet()
    assert ben.source("c0") == "a" * 600 + "b" * 600 + "c" * 600
    net.assert_converged()


def test_a_too_large_edit_is_reported_and_delays_nothing() -> None:
    net = Network("", "")
    ana, ben = net.join("ana"), net.join("ben")
    ana.type("c0", "a" * 1_001)
    ana.type("c1", "lost and reported")
    net.run_until_quiet()
    assert [dropped_edit.code for dropped_edit in ana.dropped] == ["too-large"]
    ana.type("c1", "more")
    net.run_until_quiet()
    assert "more" in ben.source("c1")
    net.assert_converged()
