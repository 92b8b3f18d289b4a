"""Metrics over growing numbers of sessions and tutors, their memory, one tutor's statistics, and a bulk load.

``pytest tests/benchmarks/bench_tutormax.py -n 0 -s``; ``TUTORMAX_SIZES=1000000,3000000,10000000`` for the large ones,
which take some 15 GB of disk. Prints figures, asserts only what no clock decides.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from conftest import TestServer
from mentorbase import SYSTEM, Database, NewEvent, NewSession, load_rows
from mentorbase.tutormax import Tutormax
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database

SIZES = [int(size) for size in os.environ.get("TUTORMAX_SIZES", "20000,60000,200000").split(",")]
PER_TUTOR = 1000
"""Sessions over two years, on average; the busiest tutor has several times as many."""
TODAY = datetime.now(UTC).date()
BUFFERS = 40
"""Of one tutor's statistics, however many sessions there are."""

PEOPLE = """
INSERT INTO tutormax.tutors (tutor_id, name, email, onboarding_date)
SELECT format('tutor_%%s', i), 'Tutor', format('tutor_%%s@example.com', i), now() - interval '731 days'
FROM generate_series(0, %(tutors)s - 1) AS i;
INSERT INTO tutormax.students (student_id, name)
SELECT format('student_%%s', i), 'Student' FROM generate_series(0, 10 * %(tutors)s - 1) AS i;
"""

# In the order of time, as they come; few tutors teach much.
SESSIONS = """
INSERT INTO tutormax.sessions (
    session_id, tutor_id, student_id, subject, scheduled_start, duration_minutes, session_number, status,
    engagement_score, learning_objectives_met
)
SELECT
    format('session_%%s', i),
    format('tutor_%%s', floor(%(tutors)s * power(random(), 1.3))),
    format('student_%%s', floor(10 * %(tutors)s * random())),
    (ARRAY['Mathematics', 'Physics', 'English', 'Python'])[1 + mod(i, 4)],
    now() - (1 - i / %(sessions)s::double precision) * interval '730 days',
    60,
    1 + mod(i, 20),
    (ARRAY['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed',
    'no_show_tutor', 'rescheduled'])[1 + floor(10 * random())::integer]::tutormax.session_status,
    round(random()::numeric, 2),
    random() < 0.8
FROM generate_series(0, %(sessions)s - 1) AS i
"""

FEEDBACK = """
INSERT INTO tutormax.student_feedback (
    session_id, tutor_id, student_id, overall_rating, is_first_session, submitted_at
)
SELECT
    s.session_id, s.tutor_id, s.student_id, 1 + floor(5 * sqrt(random()))::integer, s.session_number = 1,
    s.scheduled_start + interval '2 hours'
FROM tutormax.sessions AS s
WHERE s.status = 'completed' AND random() < 0.5
"""


def load(conn: psycopg.Connection, sessions: int) -> None:
    """Sessions and feedback, without triggers; their indexes are made at the end."""
    tutors = sessions // PER_TUTOR
    indexes = conn.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index AS i"
        " WHERE i.indrelid IN ('tutormax.sessions'::regclass, 'tutormax.student_feedback'::regclass)"
        " AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)"
    ).fetchall()
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}")
        for statements in (PEOPLE, SESSIONS, FEEDBACK):
            for statement in statements.split(";\n"):
                if statement.strip():
                    conn.execute(statement, {"tutors": tutors, "sessions": sessions})
        for _, made in indexes:
            conn.execute(made)
    for table in ("sessions", "student_feedback", "tutors"):
        conn.execute(f"VACUUM (ANALYZE) tutormax.{table}")


@contextmanager
def peak_of_memory(pid: int) -> Iterator[list[int]]:
    """The most private memory of a process, in MB, looked at every 20 ms; what it shares with others is not its own."""
    found, done = [0], Event()

    def watch() -> None:
        while not done.wait(0.02):
            status = Path(f"/proc/{pid}/status").read_text()
            found[0] = max(found[0], int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) // 1024)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def temporary_files(conn: psycopg.Connection) -> int:
    """How many the database has written so far; what a session did is counted once it has ended or is idle."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    time.sleep(1.5)
    [[found]] = conn.execute("SELECT temp_files FROM pg_stat_database WHERE datname = current_database()").fetchall()
    return int(found)


def pages_of_statistics(conn: psycopg.Connection, tutor: str) -> int:
    """What a call of get_tutor_statistics over 30 days touches, once the session knows the catalog."""
    text = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + Tutormax.get_tutor_statistics.sql.sql.decode()
    for _ in range(2):
        [[found]] = conn.execute(text, {"tutor_id": tutor, "days_back": 30}).fetchall()
    return int(found[0]["Plan"]["Shared Hit Blocks"] + found[0]["Plan"]["Shared Read Blocks"])


def test_a_full_run_grows_with_the_sessions(pg_server: TestServer, pg_template: NoopExecutor) -> None:
    for size in SIZES:
        name = f"{pg_template.dbname}_bench"
        with (
            new_database(pg_server, name, pg_template.template_dbname) as dsn,
            psycopg.connect(dsn, autocommit=True) as conn,
        ):
            conn.execute("SET mentorbase.actor = 'system'")
            conn.execute("SET timezone = 'UTC'")
            started = time.monotonic()
            load(conn, size)
            loaded = time.monotonic() - started
            print(f"\n{size} sessions, {size // PER_TUTOR} tutors: loaded in {loaded:.0f} s", end="")  # noqa: T201

            before = temporary_files(conn)
            with psycopg.connect(dsn, autocommit=True) as worker, peak_of_memory(worker.info.backend_pid) as memory:
                for what, day in {"first run": 2, "full run": 1, "again": 1}.items():
                    started = time.monotonic()
                    [[made]] = worker.execute(
                        "SELECT rows_computed FROM tutormax.compute_performance_metrics(%s)",
                        [TODAY - timedelta(days=day)],
                    ).fetchall()
                    taken = time.monotonic() - started
                    print(f"; {what} {taken:.2f} s, {made} rows", end="")  # noqa: T201
                    assert made == (0 if what == "again" else 3 * (size // PER_TUTOR))
            [[work_mem]] = conn.execute("SHOW work_mem").fetchall()
            spilled = temporary_files(conn) - before
            print(f"; {memory[0]} MB and {spilled} temporary files at work_mem {work_mem}", end="")  # noqa: T201
            busiest, usual = (pages_of_statistics(conn, f"tutor_{n}") for n in (0, size // PER_TUTOR // 2))
            print(f"; statistics {usual} buffers, of the busiest tutor {busiest}", end="")  # noqa: T201
            [[bytes_of]] = conn.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchall()
            print(f"; {bytes_of}", end="")  # noqa: T201
            assert usual <= BUFFERS


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
