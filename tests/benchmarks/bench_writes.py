"""Bookings written: one by one and by COPY, with our indexes and triggers against tables with fewer of them.

``pytest tests/benchmarks/bench_writes.py -n 0 -s --scale 1m``; COPY brings 300,000 bookings at that scale.
Rates are of time and, where the server is on this machine, of its processor time, which neighbours disturb less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from benchmarks.racing import Race, find_pgbench, pgbench, show, table
from mentorbase.generate import Scale, World, transactions
from schema.support import as_deploy

BOOKINGS = "mentoring.subject_schedule"
MOST = 300_000
# Dropped and made again, the first has what the documents' table has: columns and a key.
_TABLES = """
DROP TABLE IF EXISTS public.bare, public.indexed;
CREATE TABLE public.bare (LIKE mentoring.subject_schedule INCLUDING DEFAULTS INCLUDING IDENTITY);
ALTER TABLE public.bare ADD PRIMARY KEY (id);
CREATE TABLE public.indexed (LIKE mentoring.subject_schedule INCLUDING ALL) WITH (fillfactor = 90);
ALTER TABLE public.indexed
ADD FOREIGN KEY (subject_id, mentor_id) REFERENCES mentoring.subjects (id, user_id),
ADD FOREIGN KEY (relationship_id, mentor_id, user_id) REFERENCES mentoring.mentor_mentee (id, mentor_id, mentee_id),
ADD FOREIGN KEY (user_id) REFERENCES auth.users (id);
GRANT INSERT ON public.bare, public.indexed TO mentorbase_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO mentorbase_owner
"""
TABLES = {
    "the table with indexes and foreign keys, no triggers": "public.indexed",
    "mentorbase": BOOKINGS,
    "a bare table": "public.bare",
}
_ONE = (
    "\\set day random(1, 1000)\nINSERT INTO {} (subject_id, mentor_id, user_id, relationship_id, booked_date, ends_at)"
    " VALUES ({}, now() + :day * interval '1 day', now() + :day * interval '1 day' + interval '1 hour');\n"
)


def empty(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        for name in (BOOKINGS, f"{BOOKINGS}_history"):
            admin.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
            admin.execute(f"TRUNCATE {name}")
            admin.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")
        for statement in _TABLES.split(";"):
            admin.execute(statement)
        admin.execute("CHECKPOINT")


def processor_time(pid: int) -> float:
    """Seconds that a process of this machine has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copy_tables(dsn: str, race: Race, scale: Scale, most: int = MOST) -> list[str]:
    [load] = [
        load
        for loads in transactions(World(scale, 1, datetime.now(UTC).date()))
        for load in loads
        if load.table == BOOKINGS
    ]
    data = "".join(line for line, _ in zip(load.rows(), range(most), strict=False)).encode()
    rows = data.count(b"\n")
    worked: dict[str, list[float]] = {name: [] for name in TABLES}

    def rival(name: str) -> Callable[[float], float]:
        def run(_: float) -> float:
            empty(dsn)
            with psycopg.connect(as_deploy(dsn), autocommit=True) as conn:
                conn.execute("SET mentorbase.actor = 'system'")
                conn.execute("SET mentorbase.bulk_load = on")
                before, started = processor_time(conn.info.backend_pid), time.perf_counter()
                statement = f"COPY {TABLES[name]} ({', '.join(load.columns)}) FROM STDIN"
                with conn.cursor() as cursor, cursor.copy(statement) as stream:
                    for first in range(0, len(data), 1 << 20):
                        stream.write(data[first : first + (1 << 20)])
                took = time.perf_counter() - started
                worked[name].append(rows / max(0.01, processor_time(conn.info.backend_pid) - before))
            return rows / took

        return run

    rates = race.run({name: rival(name) for name in TABLES})
    base = next(iter(TABLES))
    by_work = {name: found[1:] for name, found in worked.items()}  # without that of getting ready
    return [
        table(f"COPY of {rows:,}, time", rates, base),
        table(f"COPY of {rows:,}, server's processor time", by_work, base),
    ]


def insert_table(dsn: str, race: Race) -> list[str]:
    program = find_pgbench()
    if not program:
        pytest.skip("there is no pgbench on this machine")
    empty(dsn)
    with psycopg.connect(dsn, autocommit=True) as admin:
        [[values]] = admin.execute(
            "SELECT concat_ws(', ', s.id, m.mentor_id, m.mentee_id, m.id) FROM mentoring.mentor_mentee AS m"
            " INNER JOIN mentoring.subjects AS s ON m.mentor_id = s.user_id WHERE m.status = 'active'"
            " ORDER BY 1 LIMIT 1"
        ).fetchall()
    rivals = {
        name: pgbench(program, as_deploy(dsn), "SET mentorbase.actor = 'system';\n" + _ONE.format(where, values))
        for name, where in TABLES.items()
    }
    return [table("INSERT of one, after a SET", race.run(rivals), next(iter(TABLES)))]


def test_bookings_by_copy(filled: str, race: Race, scale: Scale) -> None:
    show("Bookings by COPY", *copy_tables(filled, race, scale))


def test_bookings_one_by_one(filled: str, race: Race) -> None:
    show("Bookings one by one", *insert_table(filled, race))
