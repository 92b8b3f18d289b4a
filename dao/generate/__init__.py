"""A platform that has run for five years, made up: people, bookings, groups, lessons, notifications, tutors, a bot.

Deterministic: a scale, a seed and a day make the same rows on every server. A few people are busy and most are not.
What is made obeys the rules of the database, which hold while it is loaded; nobody is in two places at once.

Each service is a module with a function ``loads``; `SERVICES` lists them in the order of their references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from ..clients import connected
from ..errors import SetupError
from . import auth, calendar, getcourse, groups, mentoring, notifications, quests, students, teachers, tutormax
from .load import Load
from .world import Scale, World

__all__ = ["SERVICES", "Generated", "Load", "Scale", "World", "generate", "transactions"]

Progress = Callable[[str, int, int | None], None]
"""Told the table, how many of its rows are sent, and how many there will be if that is known."""

SERVICES: Final = (auth, mentoring, teachers, students, groups, calendar, notifications, tutormax, getcourse, quests)

_LINES = 2_000
"""Lines in one message to the server."""

_SETTINGS: Final[LiteralString] = """
SET mentorbase.bulk_load = on;
SET timezone = 'UTC';
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
"""
_NEXT_IDS: Final = """
SELECT setval(s.name, s.last)
FROM (
    SELECT pg_get_serial_sequence({name}, 'id') AS name, (SELECT max(id) FROM {table}) AS last
) AS s
WHERE s.name IS NOT NULL AND s.last IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Generated:
    """What `generate` has made.

    Attributes:
        as_of: the day that the rows speak of as today.
        rows: how many were loaded, by table; what triggers added to them is not counted.
    """

    scale: Scale
    seed: int
    as_of: date
    rows: dict[str, int] = field(default_factory=dict)


def generate(
    dsn: str, scale: Scale, *, seed: int = 1, as_of: date | None = None, progress: Progress | None = None
) -> Generated:
    """Fill a migrated database that has no people yet.

    Not all at once: if it is stopped, make a new database and begin again.

    Args:
        dsn: libpq connection string or URI; the login must be a member of ``mentorbase_owner``.
        as_of: the day (UTC) that the rows speak of as today; by default the server's own.
        progress: told after every few thousand rows, and at the end of each table.

    Raises:
        SetupError: the database lacks migrations or holds people already, the login may not do this, or *as_of* lies
            in the future.
    """
    with connected(dsn, "generate") as conn:
        try:
            today = _look(conn)
            if as_of and as_of > today:
                raise SetupError("the day lies in the future", "Give --as-of a day that is over, or leave it out")
            done = Generated(scale, seed, as_of or today)
            conn.execute(_SETTINGS)
            for loads in transactions(World(scale, seed, done.as_of)):
                with conn.transaction():
                    for load in loads:
                        done.rows[load.table] = done.rows.get(load.table, 0) + _copy(conn, load, progress)
            # So that indexes alone answer, and plans are right, from the first query on.
            for table in done.rows:
                conn.execute(sql.SQL("VACUUM (ANALYZE) {}").format(_identifier(table)))
            tutormax.finish(conn, done.as_of)
            getcourse.finish(conn)
        except psycopg.errors.InsufficientPrivilege as error:
            raise SetupError(
                "this login may not fill the database", "Use the login that deploys, or GRANT mentorbase_owner to it"
            ) from error
    return done


def transactions(world: World) -> Iterator[tuple[Load, ...]]:
    """Yield what is to be loaded, one transaction after another."""
    for service in SERVICES:
        yield from service.loads(world)


def copy(conn: psycopg.Connection[tuple[object, ...]], load: Load, progress: Progress | None = None) -> int:
    """Send the rows of *load*, and return how many there were."""
    table, staging = _identifier(load.table), sql.Identifier("pg_temp", "staged_rows")
    columns = sql.SQL(", ").join(map(sql.Identifier, load.columns))
    if load.staged:
        make = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
        conn.execute(make.format(staging, columns, table))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(staging if load.staged else table, columns)
    sent, lines = 0, load.rows()
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        while some := "".join(islice(lines, _LINES)):
            stream.write(some)
            sent += some.count("\n")
            if progress:
                progress(load.table, sent, load.count)
    if load.staged:
        conn.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(table, columns, columns, staging))
        conn.execute(sql.SQL("DROP TABLE {}").format(staging))
    if progress:
        progress(load.table, sent, sent)  # the count before was an estimate of some
    if "id" in load.columns:
        name = load.table
        conn.execute(sql.SQL(_NEXT_IDS).format(name=sql.Literal(name), table=table))
    return sent


def _copy(conn: psycopg.Connection[tuple[object, ...]], load: Load, progress: Progress | None) -> int:
    conn.execute(sql.SQL("SET LOCAL mentorbase.actor = {}").format(sql.Literal(load.actor)))
    switch = sql.SQL("ALTER TABLE {} {} TRIGGER {}")
    for trigger in load.without:
        conn.execute(switch.format(_identifier(load.table), sql.SQL("DISABLE"), sql.Identifier(trigger)))
    sent = copy(conn, load, progress)
    for trigger in load.without:
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        conn.execute(switch.format(_identifier(load.table), sql.SQL("ENABLE"), sql.Identifier(trigger)))
    return sent


def _look(conn: psycopg.Connection[tuple[object, ...]]) -> date:
    """Return the server's day, if the database is one to fill."""
    (missing,) = conn.execute(
        "SELECT string_agg(name, ', ' ORDER BY name) FROM unnest(%s::text[]) AS name"
        " WHERE to_regnamespace(name) IS NULL",
        [[service.__name__.rpartition(".")[2] for service in SERVICES]],
    ).fetchone() or (None,)
    if missing:
        raise SetupError(f"the database lacks migrations: it has no {missing}", "Run mentorbase migrate first")
    [used, now] = conn.execute("SELECT EXISTS (SELECT FROM auth.users), now()").fetchone() or (True, None)
    if used:
        raise SetupError(
            "this database already holds people, and rows are made up for an empty one only",
            "Name a new database with --dsn",
        )
    assert isinstance(now, datetime)
    return now.astimezone(UTC).date()


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
