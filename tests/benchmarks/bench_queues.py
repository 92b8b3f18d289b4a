"""Queues against SELECT-then-UPDATE, and the size of a claim; prints figures, asserts only what no clock decides.

``pytest tests/benchmarks/bench_queues.py -n 0 -s``; a million rows with ``QUEUE_ROWS=1000000 QUEUE_DEAD=200000``.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg import sql
from queues.adapters import NOTIFICATIONS
from queues.test_plans import LIMIT, claim, done, highest, old_snapshot

WORKERS, SECONDS, BATCH, ROUNDS = 8, 2.0, 8, 3
ROWS, DEAD = int(os.environ.get("QUEUE_ROWS", 50_000)), int(os.environ.get("QUEUE_DEAD", 50_000))


def ours(conn: psycopg.Connection, until: float) -> list[int]:
    """Claims as a worker makes them."""
    taken, last = [], 0
    while time.monotonic() < until:
        rows = conn.execute("SELECT id FROM notifications.claim('telegram', %s, '60 s', %s)", [BATCH, last]).fetchall()
        taken += [row[0] for row in rows]
        last = max([last, *(row[0] - 500 for row in rows)])
    return taken


def select_then_update(conn: psycopg.Connection, until: float) -> list[int]:
    """What the documents' bot does: read what is pending, then mark it."""
    taken = []
    while time.monotonic() < until:
        rows = conn.execute(
            "SELECT id FROM notifications.notifications WHERE status = 'pending' AND channel = 'telegram'"
            " ORDER BY id LIMIT %s",
            [BATCH],
        ).fetchall()
        ids = [row[0] for row in rows]
        conn.execute(
            "UPDATE notifications.notifications SET status = 'processing', lease_until = now() + interval '60 s',"
            " lease_token = gen_random_uuid() WHERE id = ANY (%s)",
            [ids],
        )
        taken += ids
    return taken


def run(admin: psycopg.Connection, way) -> tuple[int, int]:
    """Unique items and items taken more than once, by eight clients."""
    admin.execute("TRUNCATE notifications.notifications")
    admin.execute(NOTIFICATIONS.bulk % 60_000)
    admin.execute("VACUUM ANALYZE notifications.notifications")
    conns = [psycopg.connect(admin.info.dsn, autocommit=True) for _ in range(WORKERS)]
    try:
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(WORKERS) as pool:
            taken = Counter(item for items in pool.map(lambda conn: way(conn, until), conns) for item in items)
    finally:
        for conn in conns:
            conn.close()
    return len(taken), sum(taken.values()) - len(taken)


def test_eight_workers(admin: psycopg.Connection) -> None:
    unique = Counter()
    for _ in range(ROUNDS):
        for way in (ours, select_then_update):
            items, twice = run(admin, way)
            unique[way.__name__] += items
            print(f"\n{way.__name__}: {items / SECONDS:.0f} unique items/s, {twice} taken again", end="")  # noqa: T201
            if way is ours:
                assert twice == 0
    print(f"\nratio of unique items: {unique['ours'] / unique['select_then_update']:.1f}")  # noqa: T201


def test_buffers_of_a_claim(admin: psycopg.Connection, dsn: str) -> None:
    admin.execute("SET mentorbase.actor = 'system'")
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            "INSERT INTO notifications.notifications"
            " (recipient_telegram_id, template_code, channel, body, status, sent_at)"
            " SELECT 1 + mod(i, 1000), 'x', 'telegram', 'News.', 'sent', now() FROM generate_series(1, %s) AS i",
            [ROWS],
        )
    found = {f"beside {ROWS} done rows": 0}
    admin.execute(NOTIFICATIONS.bulk % 1000)
    found[f"beside {ROWS} done rows"] = claim(NOTIFICATIONS, admin)
    found["an empty channel"] = claim(NOTIFICATIONS, admin, highest(NOTIFICATIONS, admin))
    with old_snapshot(dsn):
        admin.execute(NOTIFICATIONS.bulk % DEAD)
        done(NOTIFICATIONS, admin)
        last = highest(NOTIFICATIONS, admin)
        admin.execute(NOTIFICATIONS.bulk % 1000)
        found[f"an old snapshot, {DEAD} dead rows, from its place"] = claim(NOTIFICATIONS, admin, last)
        found["the same, with a worker's margin of 500 ids"] = claim(NOTIFICATIONS, admin, last - 500 + 16)
        found["the same, from the beginning (a sweep)"] = claim(NOTIFICATIONS, admin)
    for what, number in found.items():
        print(f"\n{what}: {number} buffers", end="")  # noqa: T201
    (size,) = admin.execute(
        sql.SQL("SELECT pg_size_pretty(pg_total_relation_size(%s::regclass))"), ["notifications.notifications"]
    ).fetchone()
    print(f"\n{size}")  # noqa: T201
    del found["the same, from the beginning (a sweep)"]
    assert max(found.values()) <= LIMIT
