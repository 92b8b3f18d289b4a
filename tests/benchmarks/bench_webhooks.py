"""A hundred thousand webhooks, a fifth of them told again, by eight writers and eight workers, two of them killed.

``pytest tests/benchmarks/bench_webhooks.py -n 0 -s``; fewer with ``WEBHOOKS=10000``.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from getcourse.racing import deliveries, race

TOLD = int(os.environ.get("WEBHOOKS", 100_000))


def test_every_webhook_is_processed_once_in_effect(dsn: str, admin: psycopg.Connection, tmp_path: Path) -> None:
    again = TOLD // 5
    found = race(admin, dsn, tmp_path / "journal", deliveries(TOLD - again, again), patience=3600)
    print(f"\n{TOLD} webhooks in {found.seconds:.0f} s: {found}")  # noqa: T201
    assert (found.stored, found.duplicates, found.processed) == (TOLD - again, again, TOLD - again)
    assert (found.effects, found.processed_twice, found.killed) == (TOLD - again, 0, 2)
