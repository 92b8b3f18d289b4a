"""Statistics against the documented view as written, over the same tables with an index for each foreign key.

``pytest tests/benchmarks/bench_statistics.py -n 0 -s --scale 1m``; 10m takes some twenty minutes and 15 GB of disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import psycopg
from benchmarks.racing import Race, show, table
from mentorbase.generate import Scale
from psycopg import sql

# Its IN in the join condition runs row by row, and COUNT(ss.id) forbids an index-only scan.
DOCUMENTED = """
CREATE OR REPLACE VIEW public.documented_statistics AS
SELECT
    mm.id AS relationship_id, mm.mentor_id, mm.mentee_id, mm.status,
    COUNT(ss.id) AS total_bookings,
    SUM(CASE WHEN ss.status = 'completed' THEN 1 ELSE 0 END) AS completed_sessions,
    SUM(CASE WHEN ss.status = 'confirmed' THEN 1 ELSE 0 END) AS confirmed_sessions,
    SUM(CASE WHEN ss.status = 'pending' THEN 1 ELSE 0 END) AS pending_sessions,
    MAX(ss.booked_date) AS last_session_date,
    MIN(ss.booked_date) AS first_session_date
FROM mentoring.mentor_mentee AS mm
LEFT JOIN mentoring.subject_schedule AS ss
    ON (ss.user_id = mm.mentee_id AND ss.subject_id IN (SELECT id FROM mentoring.subjects WHERE user_id = mm.mentor_id))
GROUP BY mm.id, mm.mentor_id, mm.mentee_id, mm.status
"""
VIEWS = {"the documented view": "public.documented_statistics", "mentorbase": "mentoring.mentor_mentee_statistics"}
WHOLE = (
    "SELECT sum(total_bookings), sum(completed_sessions), sum(confirmed_sessions), sum(pending_sessions),"
    " max(last_session_date), min(first_session_date) FROM {}"
)
KNOWN = {
    "one relationship": "SELECT 'relationship_id', relationship_id FROM mentoring.subject_schedule"
    " WHERE relationship_id IS NOT NULL GROUP BY 2 ORDER BY abs(count(*) - 20), 2 LIMIT 1",
    "a board of fifteen": "SELECT 'mentor_id', mentor_id FROM mentoring.mentor_mentee"
    " GROUP BY 2 ORDER BY abs(count(*) - 15), 2 LIMIT 1",
}


def buffers(conn: psycopg.Connection, statement: sql.Composed) -> int:
    conn.execute(statement)
    [[found]] = conn.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + statement).fetchall()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def buffer_lines(conn: psycopg.Connection) -> list[str]:
    lines = []
    for what, known in KNOWN.items():
        [[column, value]] = conn.execute(known).fetchall()
        for name, view in VIEWS.items():
            statement = sql.SQL("SELECT * FROM {} WHERE {} = {}").format(
                sql.SQL(view), sql.Identifier(column), sql.Literal(value)
            )
            lines.append(f"| {what} | {name} | {buffers(conn, statement)} buffers | |")
    return lines


def scan_lines(conn: psycopg.Connection, rounds: int) -> list[str]:
    def whole(view: str) -> Callable[[float], float]:
        def run(_: float) -> float:
            started = time.perf_counter()
            conn.execute(WHOLE.format(view))
            return 1 / (time.perf_counter() - started)

        return run

    rates = Race(rounds, 1).run({name: whole(view) for name, view in VIEWS.items()})
    seconds = {name: [1 / rate for rate in found] for name, found in rates.items()}
    times = " against ".join(f"{sorted(found)[len(found) // 2]:.2f} s" for found in seconds.values())
    return [table(f"full scan, {times}", rates, "the documented view", unit=" scans/s")]


def test_statistics(filled: str, scale: Scale, race: Race) -> None:
    with psycopg.connect(filled, autocommit=True) as conn:
        conn.execute(DOCUMENTED)
        # Ten million take the documented view a minute.
        rounds = 1 if scale is Scale.TEN_MILLION else min(race.rounds, 3)
        show(f"Statistics, {scale} bookings", *buffer_lines(conn), *scan_lines(conn, rounds))
