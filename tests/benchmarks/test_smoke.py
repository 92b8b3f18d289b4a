"""Every benchmark still runs. What it measures is not looked at: the README keeps that."""

from __future__ import annotations

import psycopg
import pytest
from benchmarks import bench_queues, bench_reads, bench_statistics, bench_transitions, bench_writes, racing
from benchmarks.racing import Race
from mentorbase.generate import Scale
from plans.volume import load

SHORT = Race(rounds=1, seconds=0.02)


@pytest.fixture
def filled(admin: psycopg.Connection) -> str:
    load(admin, Scale.TINY)
    return admin.info.dsn


def test_reads(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_reads, "find_pgbench", lambda: None)
    monkeypatch.setattr(bench_reads, "IDS", range(1, 10))
    assert len("\n".join(bench_reads.sync_table(filled, SHORT)).splitlines()) == 13
    assert len("\n".join(bench_reads.async_table(filled, SHORT, clients=(2,))).splitlines()) == 9


def test_steps_from_python(filled: str) -> None:
    assert len("\n".join(bench_transitions.orm_table(filled, SHORT)).splitlines()) == 2


def test_steps_by_pgbench(filled: str) -> None:
    program = racing.find_pgbench()
    if not program:
        pytest.skip("there is no pgbench on this machine")
    bench_transitions.ready(filled)
    assert racing.pgbench(program, filled, bench_transitions.STEPS, times=2)(0.02) > 0
    assert racing.pgbench(program, filled, bench_transitions.BARE, times=2)(0.02) > 0


def test_statistics(admin: psycopg.Connection, filled: str) -> None:
    admin.execute(bench_statistics.DOCUMENTED)
    assert len(bench_statistics.buffer_lines(admin)) == 4
    assert len(bench_statistics.scan_lines(admin, 1)[0].splitlines()) == 2


def test_both_views_count_the_same(admin: psycopg.Connection, filled: str) -> None:
    admin.execute(bench_statistics.DOCUMENTED)
    counted = [
        admin.execute(
            "SELECT relationship_id, total_bookings, completed_sessions, confirmed_sessions, pending_sessions"
            f" FROM {view} ORDER BY 1"
        ).fetchall()
        for view in bench_statistics.VIEWS.values()
    ]
    assert counted[0] == counted[1]


def test_writes(filled: str) -> None:
    lines = bench_writes.copy_tables(filled, SHORT, Scale.TINY)
    assert [len(part.splitlines()) for part in lines] == [3, 3]


def test_queues() -> None:
    assert bench_queues.WORKERS == 8
