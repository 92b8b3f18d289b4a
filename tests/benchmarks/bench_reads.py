"""Typed reads: a point, a page of 20, and the largest page, which is 500 rows.

``pytest tests/benchmarks/bench_reads.py -n 0 -s --scale 1m``; needs the extra ``bench``, and pgbench for the floor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import cycle
from typing import Any

import psycopg
from benchmarks import orm
from benchmarks.racing import Race, find_pgbench, per_second, pgbench, show, table
from conftest import APP
from mentorbase import Database, Mentoring
from mentorbase.mentoring import BEGINNING, END
from mentorbase.settings import Settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

PAGES = {"a page of 20": 20, "a page of 500": 500}
CLIENTS = (1, 8, 32)
IDS = range(1, 200)
USUAL, BEST = "SQLAlchemy ORM", "SQLAlchemy ORM, at its best"
"""A session for each unit of work, as is usual; and one session on one connection, without transactions."""
POINT, PAGE = Mentoring.relationship.sql.sql.decode(), Mentoring.mentor_bookings.sql.sql.decode()


def url(dsn: str, driver: str) -> str:
    parts = conninfo_to_dict(dsn)
    return (
        f"postgresql+{driver}://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts.get('port', 5432)}"
    )


def script(text: str, **values: str) -> str:
    """A named query as pgbench takes it."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    statement = " ".join(lines)
    for name, value in values.items():
        statement = statement.replace(f"%({name})s", value)
    return statement


@contextmanager
def sync_rivals(dsn: str, mentor: int) -> Iterator[dict[str, dict[str, Callable[[float], float]]]]:
    """Of each read, whoever does it."""
    app = make_conninfo(dsn, user=APP)
    program = find_pgbench()
    engine = create_engine(url(app, "psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    pooled = create_engine(url(app, "psycopg"))
    with (
        psycopg.connect(app, autocommit=True) as ours,
        psycopg.connect(app, autocommit=True) as bare,
        Database.connect(app, settings=Settings(db_pool_min_size=1)) as db,
        Session(engine) as session,
    ):
        mentoring, ids = Mentoring(ours), cycle(IDS)

        def rows(size: int) -> dict[str, Any]:
            return {"mentor_id": mentor, "from_date": BEGINNING, "until": END, "after_id": 0, "page_size": size}

        def usual(statement: Any) -> None:
            with Session(pooled) as one:
                one.scalars(statement).all()

        def best(statement: Any) -> None:
            session.scalars(statement).all()
            session.expunge_all()

        found: dict[str, dict[str, Callable[[float], float]]] = {
            "a point": {
                "mentorbase": per_second(lambda: mentoring.relationship(next(ids))),
                "mentorbase, by the pool": per_second(lambda: db.mentoring.relationship(next(ids))),
                "psycopg, tuples": per_second(lambda: bare.execute(POINT, {"relationship_id": next(ids)}).fetchall()),
                USUAL: per_second(lambda: usual(orm.one(next(ids)))),
                BEST: per_second(lambda: best(orm.one(next(ids)))),
            }
        }
        if program:
            point = "\\set id random(1, 199)\n" + script(POINT, relationship_id=":id") + ";"
            found["a point"] = {"pgbench": pgbench(program, app, point)} | found["a point"]
        for what, size in PAGES.items():
            found[what] = {
                "mentorbase": per_second(lambda size=size: mentoring.mentor_bookings(mentor, page_size=size)),
                "psycopg, tuples": per_second(lambda size=size: bare.execute(PAGE, rows(size)).fetchall()),
                USUAL: per_second(lambda size=size: usual(orm.page(mentor, size))),
                BEST: per_second(lambda size=size: best(orm.page(mentor, size))),
            }
            if program:
                page = script(
                    PAGE, mentor_id=str(mentor), from_date="'1970-01-01 00:00:00+00'", until="'9999-01-01 00:00:00+00'",
                    after_id="0", page_size=str(size),
                )  # fmt: skip
                found[what] = {"pgbench": pgbench(program, app, page + ";")} | found[what]
        yield found
    engine.dispose()
    pooled.dispose()


def sync_table(dsn: str, race: Race, mentor: int = 1) -> list[str]:
    with sync_rivals(dsn, mentor) as found:
        return [table(what, race.run(rivals), next(iter(rivals))) for what, rivals in found.items()]


def together(calls: list[Callable[[], Awaitable[object]]], runner: asyncio.Runner) -> Callable[[float], float]:
    """A rival of so many tasks, each of which calls its own."""

    async def client(until: float, mine: Callable[[], Awaitable[object]]) -> int:
        done = 0
        while time.perf_counter() < until:
            await mine()
            done += 1
        return done

    async def run(seconds: float) -> float:
        started = time.perf_counter()
        counts = await asyncio.gather(*(client(started + seconds, call) for call in calls))
        return sum(counts) / (time.perf_counter() - started)

    return lambda seconds: runner.run(run(seconds))


def async_table(dsn: str, race: Race, mentor: int = 1, clients: tuple[int, ...] = CLIENTS) -> list[str]:
    app = make_conninfo(dsn, user=APP)
    lines = []
    with asyncio.Runner() as runner:

        async def prepare(stack: AsyncExitStack) -> tuple[list[Mentoring[Any]], AsyncEngine, list[AsyncSession]]:
            ours = [
                Mentoring(await stack.enter_async_context(await psycopg.AsyncConnection.connect(app, autocommit=True)))
                for _ in range(max(clients))
            ]
            engine = create_async_engine(url(app, "asyncpg"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
            stack.push_async_callback(engine.dispose)
            pooled = create_async_engine(url(app, "asyncpg"), pool_size=max(clients))
            stack.push_async_callback(pooled.dispose)
            return ours, pooled, [await stack.enter_async_context(AsyncSession(engine)) for _ in range(max(clients))]

        stack = AsyncExitStack()
        ours, pooled, sessions = runner.run(prepare(stack))
        ids = cycle(IDS)

        def of_ours(mentoring: Mentoring[Any], size: int | None) -> Callable[[], Awaitable[object]]:
            if size is None:
                return lambda: mentoring.relationship(next(ids))
            return lambda: mentoring.mentor_bookings(mentor, page_size=size)

        def statement(size: int | None) -> Any:
            return orm.one(next(ids)) if size is None else orm.page(mentor, size)

        def usual(size: int | None) -> Callable[[], Awaitable[object]]:
            async def load() -> None:
                async with AsyncSession(pooled) as session:
                    (await session.scalars(statement(size))).all()

            return load

        def best(session: AsyncSession, size: int | None) -> Callable[[], Awaitable[object]]:
            async def load() -> None:
                (await session.scalars(statement(size))).all()
                session.expunge_all()

            return load

        try:
            for what, size in ({"a point": None} | PAGES).items():
                for number in clients:
                    rivals = {
                        f"{USUAL}, asyncpg": together([usual(size)] * number, runner),
                        f"{BEST}, asyncpg": together([best(one, size) for one in sessions[:number]], runner),
                        "mentorbase": together([of_ours(one, size) for one in ours[:number]], runner),
                    }
                    lines.append(table(f"{what}, {number} at once", race.run(rivals), next(iter(rivals))))
        finally:
            runner.run(stack.aclose())
    return lines


def test_synchronous_reads(filled: str, race: Race) -> None:
    show("Reads, one client", *sync_table(filled, race))


def test_asynchronous_reads(filled: str, race: Race) -> None:
    show("Reads, asynchronous", *async_table(filled, race))
