"""Each webhook is processed exactly once in effect, whoever dies; the benchmark has a hundred thousand."""

from __future__ import annotations

from getcourse.racing import deliveries, race


def test_three_thousand_webhooks_by_eight_writers_and_eight_workers_two_of_them_killed(dsn, admin, tmp_path):
    told = deliveries(2500, 500)
    found = race(admin, dsn, tmp_path / "journal", told, patience=120)
    assert (found.stored, found.duplicates) == (2500, 500)
    assert (found.processed, found.effects, found.processed_twice) == (2500, 2500, 0)
    assert found.killed == 2
