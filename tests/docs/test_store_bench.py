"""The store's benchmark works, and its table has every aim."""

from test_benches import printed


def test_the_store_benchmark_measures_the_cost_of_every_edit() -> None:
    out = printed("store.py", "--quick")
    rows = [line.split(" | ") for line in out.splitlines() if " | at most " in line]
    assert len(rows) == 9
    assert all(row[3].startswith(("met", "missed")) for row in rows)
