"""Several clients at the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")
PATIENCE = 30.0


def outcome(job: Callable[[], T]) -> T | Exception:
    """What *job* returns or raises."""
    try:
        return job()
    except Exception as error:
        return error


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Start every job at the same moment and return what became of each."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T | Exception:
        barrier.wait(PATIENCE)
        return outcome(job)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def behind(
    conn: psycopg.Connection, lock: str, jobs: Sequence[Callable[[], T]], params: Sequence[Any] = ()
) -> list[T | Exception]:
    """Run *lock* in a transaction, start every job, wait until all that go no further wait, and let go."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        with conn.transaction():
            conn.execute(lock, params)
            futures = [pool.submit(outcome, job) for job in jobs]
            wait_until_stuck(conn, futures)
        return [future.result() for future in futures]


def wait_until_stuck(conn: psycopg.Connection, futures: Sequence[Future[Any]]) -> None:
    """Wait until each job is done or waits for a lock of this database."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        waiting = conn.execute(
            """
            SELECT count(DISTINCT waiting.pid)
            FROM pg_locks AS waiting JOIN pg_locks AS held USING (pid)
            WHERE NOT waiting.granted
                AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        ).fetchone()
        assert waiting
        if waiting[0] + sum(future.done() for future in futures) >= len(futures):
            return
        time.sleep(0.005)
    raise TimeoutError("the jobs neither finish nor wait")
