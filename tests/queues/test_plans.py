"""A claim stays small: buffers of every kind of page that it touches, index entries that it makes included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql
from queues.adapters import BUFFERS, Adapter

pytestmark = pytest.mark.untouched

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def buffers(conn: psycopg.Connection, statement: str, params: list) -> int:
    """What one execution touches, once the session knows its catalog."""
    conn.execute(statement, params)
    (plan,) = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, params).fetchone()
    found = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return sum(found[f"Shared {kind} Blocks"] for kind in ("Hit", "Read"))


def claim(queue: Adapter, conn: psycopg.Connection, after_id: int = 0, due=BEGINNING, due_id: int = 0) -> int:
    return buffers(conn, queue.claim, [after_id, due, due_id])


def highest(queue: Adapter, conn: psycopg.Connection) -> int:
    return conn.execute(sql.SQL("SELECT coalesce(max(id), 0) FROM {}").format(queue.identifier())).fetchone()[0]


@contextmanager
def old_snapshot(dsn: str) -> Iterator[None]:
    """A reader that has begun and does not end: nothing that dies from now on can be removed."""
    with psycopg.connect(dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.execute("SELECT txid_current_snapshot()")
        yield


def fill(queue: Adapter, conn: psycopg.Connection, items: int) -> None:
    """Items that are pending, without triggers, as fast as a test can."""
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(queue.bulk % items)


def done(queue: Adapter, conn: psycopg.Connection) -> None:
    """Everything has been claimed and sent, as fast as a test can."""
    sent = queue.word("sent")
    lease = "lease_until = now() + interval '1 minute', lease_token = gen_random_uuid()"
    table = queue.identifier()
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        for status in ("processing", "sending"):
            if queue.word(status):
                conn.execute(
                    sql.SQL("UPDATE {} SET status = %s, " + lease + " WHERE status <> %s").format(table),
                    [queue.word(status), sent],
                )
        conn.execute(
            sql.SQL("UPDATE {} SET status = %s, " + queue.sent + ", lease_until = NULL WHERE status <> %s").format(
                table
            ),
            [sent, sent],
        )


def test_a_claim_of_an_empty_queue(queue, admin):
    assert claim(queue, admin) <= 20


@pytest.mark.parametrize("analyzed", [True, False])
def test_a_claim_beside_many_that_are_done(queue, admin, analyzed):
    """As many as a test can afford; the benchmark has a million."""
    fill(queue, admin, 50_000)
    if not analyzed:  # statistics of a queue that was full
        admin.execute(sql.SQL("ANALYZE {}").format(queue.identifier()))
    done(queue, admin)
    if analyzed:
        admin.execute(sql.SQL("VACUUM ANALYZE {}").format(queue.identifier()))
    last = highest(queue, admin)
    assert claim(queue, admin, last) <= 20
    fill(queue, admin, 100)
    assert claim(queue, admin, last) <= BUFFERS


def test_a_claim_while_an_old_snapshot_holds_dead_rows(queue, admin, dsn):
    with old_snapshot(dsn):
        fill(queue, admin, 50_000)
        done(queue, admin)
        last = highest(queue, admin)
        fill(queue, admin, 1000)
        assert claim(queue, admin, last) <= BUFFERS
        # With the margin that workers keep.
        assert claim(queue, admin, last + 16) <= BUFFERS
        (now,) = admin.execute("SELECT now()").fetchone()
        assert buffers(admin, queue.recover, [now]) <= 50
        # Break: without a place it reads them all.
        assert claim(queue, admin) > 2 * BUFFERS


def test_a_claim_while_many_wait_for_later(queue, admin):
    fill(queue, admin, 20_000)
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            sql.SQL("UPDATE {} SET status = %s, next_attempt_at = now() + interval '1 hour'").format(
                queue.identifier()
            ),
            [queue.word("waiting")],
        )
    last = highest(queue, admin)
    assert claim(queue, admin, last) <= 20
    fill(queue, admin, 100)
    assert claim(queue, admin, last) <= BUFFERS


def test_a_claim_of_what_was_due_while_an_old_snapshot_holds_dead_rows(queue, admin, dsn):
    table = queue.identifier()
    with old_snapshot(dsn):
        fill(queue, admin, 30_000)
        with admin.transaction():
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute(
                sql.SQL(
                    "UPDATE {} SET status = %s, next_attempt_at = now() - interval '1 hour' + id * interval '1 ms'"
                ).format(table),
                [queue.word("waiting")],
            )
            admin.execute(
                sql.SQL("UPDATE {} SET status = %s, " + queue.sent + " WHERE id <= 29000").format(table),
                [queue.word("sent")],
            )
        due, last = admin.execute(
            sql.SQL("SELECT next_attempt_at, id FROM {} WHERE id = 29000").format(table)
        ).fetchone()
        assert claim(queue, admin, 30_000, due, last) <= BUFFERS
        assert claim(queue, admin, 30_000) > 2 * BUFFERS


@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
def test_dead_letters_are_replayed_so_many_at_once_whatever_the_plan(queue, admin, plans):
    """Asked again for each row, a list that passes over what has just changed goes on to the next ones."""
    fill(queue, admin, 500)
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(sql.SQL("UPDATE {} SET status = 'dead'").format(queue.identifier()))
    admin.execute(f"SET plan_cache_mode = {plans}")
    for unused in ("nestloop", "hashjoin mergejoin", "hashjoin mergejoin hashagg sort material indexscan bitmapscan"):
        for way in unused.split():
            admin.execute(f"SET enable_{way} = off")
        for _ in range(2):
            assert admin.execute(queue.replay_dead_sql, [10]).fetchone() == (10,)
        admin.execute("DISCARD PLANS")
    waiting = sql.SQL("SELECT count(*), max(id) - min(id) FROM {} WHERE status::text = %s").format(queue.identifier())
    assert admin.execute(waiting, [queue.word("waiting")]).fetchone() == (60, 59)
