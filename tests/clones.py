"""A database for each test: copied from a migrated template, or a copy whose last test left nothing but rows.

To copy a database takes longer than most tests. So a copy serves one test after another: the rows that a test made are
deleted and its sequences begin again, where the server's own counts say that this is all. After anything else (DDL, a
changed setting, a grant, statistics, many rows) the copy is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pytest_postgresql.janitor import DatabaseJanitor

# Deleted rows stay in their files. The planner takes a table that was never analyzed for one of ten pages at least, so
# up to there it cannot tell. A test that counts pages itself says so (`untouched`).
MOST_BYTES = 10 * 8192

_END_OTHERS = """
SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# A session has told its counts when it is gone, also of what it rolled back.
_WRITTEN = """
SELECT c.oid::regclass::text, s.changed, pg_relation_size(c.oid), c.relnamespace = 'pg_catalog'::regnamespace
FROM pg_class AS c
CROSS JOIN LATERAL (
    SELECT
        pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
) AS s (made, changed)
WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared AND s.made + s.changed > 0
"""
_FILLED = """
SELECT oid::regclass::text, pg_relation_size(oid) FROM pg_class
WHERE relkind IN ('r', 'm') AND relnamespace <> 'pg_catalog'::regnamespace AND pg_relation_size(oid) > 0
"""
_SEQUENCES = "SELECT seqrelid::regclass::text, seqstart, pg_sequence_last_value(seqrelid) FROM pg_sequence"
# What belongs to a database and is not in it; xmin is another one after an ALTER DATABASE or a GRANT.
_OUTSIDE = """
SELECT d.xmin::text,
    EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = d.oid),
    EXISTS (SELECT FROM pg_prepared_xacts WHERE database = d.datname)
FROM pg_database AS d
WHERE d.datname = current_database()
"""


class CopiedDatabase(DatabaseJanitor):
    """Copies the template's files, which takes half the time of sending them through the log; by one connection."""

    def __init__(self, conn: psycopg.Connection, **where: Any) -> None:
        super().__init__(**where)
        self._conn = conn

    def _build_create_database_sql(self) -> sql.Composed:
        return super()._build_create_database_sql() + sql.SQL(" STRATEGY file_copy")

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg.Cursor]:
        with self._conn.cursor() as cursor:
            yield cursor


@dataclass
class Clone:
    """A copy, and how it was at first.

    Attributes:
        template: the oid of what it was copied from.
        conn: a connection for the next test.
        filled: the tables that have rows, and their size.
        first: the first transaction that is not of the template.
        used: whether a test had it.
    """

    database: CopiedDatabase
    dsn: str
    template: int
    conn: psycopg.Connection
    filled: Mapping[str, int]
    first: int
    sequences: Mapping[str, tuple[int, int | None]]
    outside: tuple[Any, ...]
    used: bool = False

    @classmethod
    def make(cls, database: CopiedDatabase, dsn: str, template: int) -> Clone:
        database.init()
        conn = psycopg.connect(dsn)
        filled: dict[str, int] = dict(conn.execute(_FILLED).fetchall())
        [[first]] = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()
        found = cls(database, dsn, template, conn, filled, first, _sequences(conn), _outside(conn))
        conn.rollback()
        return found

    def clean(self) -> bool:
        """Make it as it was at first; False if it must be dropped."""
        self.used = True
        self.conn.close()
        self.conn = psycopg.connect(self.dsn, autocommit=True)
        self.conn.execute(_END_OTHERS)
        written = self.conn.execute(_WRITTEN).fetchall()
        if any(self._is_spoilt(*table) for table in written) or _outside(self.conn) != self.outside:
            return False
        sequences = [name for name, now in _sequences(self.conn).items() if now != self.sequences[name]]
        if written or sequences:
            self._delete([name for name, *_ in written], sequences)
        self.conn.autocommit = False
        return True

    def _is_spoilt(self, table: str, changed: int, size: int, is_catalog: bool) -> bool:
        before = self.filled.get(table, 0)
        return is_catalog or size - before > MOST_BYTES or (before > 0 and changed > 0)

    def _delete(self, tables: list[str], sequences: list[str]) -> None:
        statements = ["SET LOCAL session_replication_role = replica"]  # without triggers
        statements += [f"DELETE FROM {table} WHERE xmin::text::bigint >= {self.first}" for table in tables]
        for name in sequences:
            start, last = self.sequences[name]
            statements.append(f"SELECT setval('{name}', {start if last is None else last}, {last is not None})")
        statements.append("SELECT pg_stat_force_next_flush()")
        self.conn.execute("; ".join(statements).encode())
        self.conn.execute("SELECT pg_stat_reset()")

    def drop(self) -> None:
        self.conn.close()
        self.database.drop()


def _sequences(conn: psycopg.Connection) -> dict[str, tuple[int, int | None]]:
    return {name: (start, last) for name, start, last in conn.execute(_SEQUENCES)}


def _outside(conn: psycopg.Connection) -> tuple[Any, ...]:
    return conn.execute(_OUTSIDE).fetchone() or ()


class Clones:
    """The databases of a run by name, each of one test at a time."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._conn = psycopg.connect(server.dsn(), autocommit=True)
        self._kept: dict[str, Clone] = {}

    @contextmanager
    def one(self, name: str, template: str, *, untouched: bool = False) -> Iterator[psycopg.Connection]:
        """A superuser's connection to a copy of the database *template*, in which there is nothing else.

        Args:
            untouched: no test has used it.
        """
        clone = self._take(name, template, untouched)
        try:
            yield clone.conn
        finally:
            self._give_back(clone)

    def close(self) -> None:
        for clone in self._kept.values():
            clone.drop()
        self._conn.close()

    def _take(self, name: str, template: str, untouched: bool) -> Clone:
        [[oid]] = self._conn.execute("SELECT oid FROM pg_database WHERE datname = %s", [template]).fetchall()
        found = self._kept.pop(name, None)
        if found and found.template == oid and not (untouched and found.used):
            return found
        if found:
            found.drop()
        where = {"host": self._server.host, "port": self._server.port, "user": self._server.user, "dbname": name}
        database = CopiedDatabase(self._conn, **where, template_dbname=template)
        return Clone.make(database, self._server.dsn(name), oid)

    def _give_back(self, clone: Clone) -> None:
        try:
            clean = clone.clean()
        except psycopg.Error:  # it may let nobody in
            clean = False
        if clean:
            self._kept[clone.database.dbname] = clone
        else:
            clone.drop()


def clone_of(template: str) -> Callable[..., Any]:
    """A fixture: a superuser's connection to a clone of the database of the fixture *template*."""

    @pytest.fixture
    def clone(request: pytest.FixtureRequest, clones: Clones) -> Iterator[psycopg.Connection]:
        found = request.getfixturevalue(template)
        untouched = request.node.get_closest_marker("untouched") is not None
        with clones.one(found.dbname, found.template_dbname, untouched=untouched) as conn:
            yield conn

    return clone
