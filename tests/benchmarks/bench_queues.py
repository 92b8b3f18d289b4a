"""Queues against SELECT-then-UPDATE, and the size of a claim; prints figures, asserts only what no clock decides.

``pytest tests/benchmarks/bench_queues.py -n 0 -s``; a million rows with ``QUEUE_ROWS=1000000 QUEUE_DEAD=200000``.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from psycopg import sql
from queues.adapters import ADAPTERS, BUFFERS, Adapter
from queues.conftest import made
from queues.test_plans import BEGINNING, claim, done, fill, highest, old_snapshot

WORKERS, SECONDS, ROUNDS = 8, 2.0, 3
WORK = (0.0, 0.005)  # seconds that a bot is busy with one webhook: not at all, or asking another service
ROWS, DEAD = int(os.environ.get("QUEUE_ROWS", 50_000)), int(os.environ.get("QUEUE_DEAD", 50_000))


LEASE = "lease_until = now() + interval '60 s', lease_token = gen_random_uuid()"
NAIVE = {
    "notifications": (
        "SELECT id FROM notifications.notifications WHERE status = 'pending' AND channel = 'telegram'"
        " ORDER BY id LIMIT 8",
        f"UPDATE notifications.notifications SET status = 'processing', {LEASE} WHERE id = ANY (%s)",
    ),
    "getcourse.notifications": (
        "SELECT id FROM getcourse.notifications WHERE status = 'pending' ORDER BY id + 0 LIMIT 8",
        f"UPDATE getcourse.notifications SET status = 'processing', {LEASE} WHERE id = ANY (%s)",
    ),
    "getcourse.webhook_events": (
        "SELECT id FROM getcourse.webhook_events WHERE processed = FALSE ORDER BY id LIMIT 8",
        "UPDATE getcourse.webhook_events SET processed = TRUE, processed_at = NOW() WHERE id = ANY (%s)",
    ),
}
"""What the documents' bot does: read what is pending, then mark it."""


@pytest.fixture(params=ADAPTERS)
def queue(request: pytest.FixtureRequest, admin: psycopg.Connection) -> Adapter:
    """Each queue of the database."""
    return made(request.param, admin)


def ours(queue: Adapter, conn: psycopg.Connection, until: float) -> list[int]:
    """Claims as a worker makes them."""
    taken, last = [], 0
    while time.monotonic() < until:
        rows = conn.execute(queue.claim, [last, BEGINNING, 0]).fetchall()
        taken += [row[0] for row in rows]
        last = max([last, *(row[0] - 500 for row in rows)])
    return taken


def select_then_update(queue: Adapter, conn: psycopg.Connection, until: float) -> list[int]:
    """As `NAIVE`."""
    select, update = NAIVE[queue.name]
    taken = []
    while time.monotonic() < until:
        ids = [row[0] for row in conn.execute(select).fetchall()]
        conn.execute(update, [ids])
        taken += ids
    return taken


def run(queue: Adapter, admin: psycopg.Connection, way) -> tuple[int, int]:
    """Unique items and items taken more than once, by eight clients."""
    if queue.name == "getcourse.webhook_events":  # the rival's own, for its order; it costs the others an entry more
        admin.execute(
            "CREATE INDEX IF NOT EXISTS webhook_events_rival_idx ON getcourse.webhook_events (id) WHERE NOT processed"
        )
    admin.execute(sql.SQL("TRUNCATE {} CASCADE").format(queue.identifier()))
    fill(queue, admin, 60_000)
    admin.execute(sql.SQL("VACUUM ANALYZE {}").format(queue.identifier()))
    conns = [psycopg.connect(admin.info.dsn, autocommit=True) for _ in range(WORKERS)]
    try:
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(lambda conn: way(queue, conn, until), conns)
            taken = Counter(item for items in found for item in items)
    finally:
        for conn in conns:
            conn.close()
    return len(taken), sum(taken.values()) - len(taken)


def test_eight_workers(queue: Adapter, admin: psycopg.Connection) -> None:
    unique = Counter()
    for _ in range(ROUNDS):
        for way in (ours, select_then_update):
            items, twice = run(queue, admin, way)
            unique[way.__name__] += items
            print(f"\n{way.__name__}: {items / SECONDS:.0f} unique items/s, {twice} taken again", end="")  # noqa: T201
            if way is ours:
                assert twice == 0
    ratio = unique["ours"] / unique["select_then_update"]
    print(f"\n{queue.name}: ratio of unique items {ratio:.1f}")  # noqa: T201


def claim_and_finish(queue: Adapter, conn: psycopg.Connection, until: float, work: float) -> list[int]:
    """A webhook worker's round; what a webhook asks for takes some time and leaves nothing."""
    taken, last = [], 0
    while time.monotonic() < until:
        rows = conn.execute(
            "SELECT id, lease_token FROM getcourse.claim_webhooks(8, '60 s', %s) ORDER BY id", [last]
        ).fetchall()
        for row in rows:
            time.sleep(work)
            conn.execute("SELECT id FROM getcourse.finish_webhook(%s, %s, 'done')", row)
            taken.append(row[0])
        last = max([last, *(row[0] - 500 for row in rows)])
    return taken


def select_and_mark_each(queue: Adapter, conn: psycopg.Connection, until: float, work: float) -> list[int]:
    """The same of the documents' bot: read what is pending, mark each once it is processed."""
    taken = []
    while time.monotonic() < until:
        for row in conn.execute(NAIVE[queue.name][0]).fetchall():
            time.sleep(work)
            conn.execute(
                "UPDATE getcourse.webhook_events SET processed = TRUE, processed_at = NOW() WHERE id = %s", row
            )
            taken.append(row[0])
    return taken


def claim_and_finish_together(queue: Adapter, conn: psycopg.Connection, until: float, at_most: int) -> list[int]:
    """Webhooks that ask for nothing, those of a claim reported in one call."""
    taken, last = [], 0
    while time.monotonic() < until:
        rows = conn.execute(
            "SELECT id, lease_token FROM getcourse.claim_webhooks(%s, '60 s', %s) ORDER BY id", [at_most, last]
        ).fetchall()
        if rows:
            ids = [row[0] for row in rows]
            conn.execute("SELECT getcourse.finish_webhooks(%s, %s)", [ids, rows[0][1]])
            taken += ids
            last = max(last, ids[-1] - 500)
    return taken


def test_eight_workers_that_finish_webhooks_together(admin: psycopg.Connection) -> None:
    queue = ADAPTERS["getcourse.webhook_events"]
    ways = {
        "each by itself": partial(claim_and_finish, work=0.0),
        "eight": partial(claim_and_finish_together, at_most=8),
        "32": partial(claim_and_finish_together, at_most=32),
        "SELECT, then UPDATE of each": partial(select_and_mark_each, work=0.0),
        "SELECT, then UPDATE of all eight": select_then_update,
    }
    unique = Counter()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            items, twice = run(queue, admin, way)
            unique[name] += items
            print(f"\n{name}: {items / SECONDS:.0f} unique items/s, {twice} taken again", end="")  # noqa: T201
            assert twice == 0 or "SELECT" in name
    for name in list(ways)[:3]:
        ratios = [f"{unique[name] / unique[rival]:.1f}" for rival in list(ways)[3:]]
        print(f"\nwebhooks without work, finished {name}: ratio of unique items {', '.join(ratios)}")  # noqa: T201


@pytest.mark.parametrize("work", WORK)
def test_eight_workers_that_finish_webhooks(admin: psycopg.Connection, work: float) -> None:
    unique = Counter()
    for _ in range(ROUNDS):
        for way in (claim_and_finish, select_and_mark_each):
            items, twice = run(ADAPTERS["getcourse.webhook_events"], admin, partial(way, work=work))
            unique[way.__name__] += items
            print(f"\n{way.__name__}: {items / SECONDS:.0f} unique items/s, {twice} taken again", end="")  # noqa: T201
            if way is claim_and_finish:
                assert twice == 0
    ratio = unique["claim_and_finish"] / unique["select_and_mark_each"]
    print(f"\nwebhooks, {1000 * work:.0f} ms of work each, then finished: ratio of unique items {ratio:.1f}")  # noqa: T201


def test_buffers_of_a_claim(queue: Adapter, admin: psycopg.Connection, dsn: str) -> None:
    fill(queue, admin, ROWS)
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            sql.SQL("UPDATE {} SET status = %s, " + queue.sent).format(queue.identifier()), [queue.word("sent")]
        )
    admin.execute(sql.SQL("VACUUM ANALYZE {}").format(queue.identifier()))
    found = {f"beside {ROWS} done rows": 0}
    fill(queue, admin, 1000)
    found[f"beside {ROWS} done rows"] = claim(queue, admin)
    found["an empty channel"] = claim(queue, admin, highest(queue, admin))
    with old_snapshot(dsn):
        fill(queue, admin, DEAD)
        done(queue, admin)
        last = highest(queue, admin)
        fill(queue, admin, 1000)
        found[f"an old snapshot, {DEAD} dead rows, from its place"] = claim(queue, admin, last)
        found["the same, with a worker's margin of 500 ids"] = claim(queue, admin, last - 500 + 16)
        found["the same, from the beginning (a sweep)"] = claim(queue, admin)
    for what, number in found.items():
        print(f"\n{queue.name}, {what}: {number} buffers", end="")  # noqa: T201
    (size,) = admin.execute(
        sql.SQL("SELECT pg_size_pretty(pg_total_relation_size(%s::regclass))"), [".".join(queue.table)]
    ).fetchone()
    print(f"\n{size}")  # noqa: T201
    del found["the same, from the beginning (a sweep)"]
    assert max(found.values()) <= BUFFERS
