"""The store's bench works, and its table has every aim."""

from test_benches import printed


def test_what_keeping_every_edit_costs_is_measured() -> None:
    out = printed("store.py", "--quick")
    rows = [line.split(" | ") for line in out.splitlines() if " | at most " in line]
    assert len(rows) == 9
    assert all(row[3].startswith(("met", "missed")) for row in rows)
