"""Metrics over growing numbers of sessions, one tutor's statistics, and a bulk load; prints figures.

``pytest tests/benchmarks/bench_tutormax.py -n 0 -s``; ``TUTORMAX_SIZES=1000000,3000000,10000000`` for the large ones.
Asserts only what no clock decides.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import TestServer
from mentorbase import SYSTEM, Database, NewEvent, NewSession, load_rows
from mentorbase.generate import copy
from mentorbase.generate.tutormax import TutorWorld, tutors
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database

SIZES = [int(size) for size in os.environ.get("TUTORMAX_SIZES", "20000,60000,200000").split(",")]
TODAY = datetime.now(UTC).date()
BUFFERS = 40
"""Of one tutor's statistics, however many sessions there are."""

STATISTICS = """
EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)
SELECT s.sessions, f.rating
FROM (
    SELECT count(*) AS sessions FROM tutormax.sessions
    WHERE tutor_id = 'tutor_00010' AND scheduled_start > now() - interval '30 days' AND scheduled_start <= now()
) AS s
CROSS JOIN (
    SELECT avg(overall_rating) AS rating FROM tutormax.student_feedback
    WHERE tutor_id = 'tutor_00010' AND submitted_at > now() - interval '30 days' AND submitted_at <= now()
) AS f
"""


def test_a_full_run_grows_with_the_sessions(pg_server: TestServer, pg_template: NoopExecutor) -> None:
    number = SIZES[-1] // 1_000
    for size in SIZES:
        name = f"{pg_template.dbname}_bench"
        with (
            new_database(pg_server, name, pg_template.template_dbname) as dsn,
            psycopg.connect(dsn, autocommit=True) as conn,
        ):
            conn.execute("SET mentorbase.actor = 'system'")
            conn.execute("SET timezone = 'UTC'")
            started = time.monotonic()
            for some in tutors(TutorWorld(size, 1, TODAY, tutors=number)):
                for load in some:
                    if load.table.rpartition(".")[2] in ("tutors", "students", "sessions", "student_feedback"):
                        copy(conn, load)
            conn.execute("VACUUM (ANALYZE) tutormax.sessions, tutormax.student_feedback, tutormax.tutors")
            loaded = time.monotonic() - started
            print(f"\n{size} sessions, {number} tutors: loaded in {loaded:.0f} s", end="")  # noqa: T201
            for what, day in {"first": 2, "full": 1}.items():
                started = time.monotonic()
                conn.execute("SELECT tutormax.compute_performance_metrics(%s)", [TODAY - timedelta(days=day)])
                taken = time.monotonic() - started
                print(f"; {what} run {taken:.2f} s", end="")  # noqa: T201
            print(f", {taken / size * 1e6:.2f} s a million", end="")  # noqa: T201
            started = time.monotonic()
            conn.execute("SELECT tutormax.compute_performance_metrics(%s)", [TODAY - timedelta(days=1)])
            print(f"; again {time.monotonic() - started:.2f} s", end="")  # noqa: T201
            [[found]] = conn.execute(STATISTICS).fetchall()
            plan = found[0]["Plan"]
            pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            print(f"; statistics of a tutor {pages} buffers", end="")  # noqa: T201
            assert pages <= BUFFERS


@pytest.mark.parametrize("bad", [0, 10])
def test_a_bulk_load(db: Database, bad: int) -> None:
    number = 50_000
    with db.transaction(actor=SYSTEM) as tx:
        for i in range(100):
            tx.tutormax.save_tutor(f"t{i}", name="T", email=f"{i}@example.com")
        tx.tutormax.save_student("s", name="S")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    sessions = [
        NewSession(
            f"s{i}", "nobody" if i % (number // bad) == 7 else f"t{i % 100}", "s", "x", start + timedelta(hours=i)
        )
        if bad
        else NewSession(f"s{i}", f"t{i % 100}", "s", "x", start + timedelta(hours=i))
        for i in range(number)
    ]
    events = [NewEvent(f"t{i % 100}", "login", start + timedelta(minutes=i), "web", f"{i}") for i in range(number)]
    for rows in (sessions, events, events):
        started = time.monotonic()
        with db.transaction() as tx:
            done = load_rows(tx, rows, keep_good=True)
        rate = number / (time.monotonic() - started)
        print(f"\n{type(rows[0]).__name__}: {rate:,.0f} rows/s, {len(done.refused)} refused", end="")  # noqa: T201
    assert done.repeated == number
