"""A migrator that is killed leaves nothing that the next run cannot finish."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from children import child
from conftest import DEPLOY, TestServer, ensure_login
from mentorbase.catalog import describe, differences
from mentorbase.migrate import migrate, rollback
from psycopg import sql

from .migrating import AUTH, PLATFORM, Source, applied, eventually, tables

KILLS_OF_A_DATABASE = 5

Work = Callable[[str], object]


# -- At random moments


@dataclass
class Found:
    """All that a migrator leaves behind, as text: objects, rows, marks."""

    catalog: dict[str, str]
    rows: dict[str, int]
    marks: list[tuple[str, bool]]
    unfinished: list[str]


def look(dsn: str) -> Found:
    with psycopg.connect(dsn, autocommit=True) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema|public)'"
        ).fetchall()
        count = sql.SQL("SELECT count(*) FROM {}")
        rows = {}
        for name in names:
            (rows[".".join(name)],) = connection.execute(count.format(sql.Identifier(*name))).fetchone() or (0,)
        marks = connection.execute(
            """
            SELECT migration_id, origin = 'applied'
            FROM _yoyo_migration LEFT JOIN _mentorbase_checksum USING (migration_hash)
            ORDER BY migration_id
            """
        ).fetchall()
        locks = connection.execute("SELECT pid::text FROM yoyo_lock").fetchall()
        invalid = connection.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall()
        return Found(describe(connection), rows, marks, [name for (name,) in locks + invalid])


@contextmanager
def database(server: TestServer) -> Iterator[str]:
    name = f"killed_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        ensure_login(connection, DEPLOY, "CREATEROLE NOSUPERUSER")
        connection.execute(f"CREATE DATABASE {name} OWNER {DEPLOY}")
        try:
            yield server.dsn(name, DEPLOY)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def seconds(work: Work, dsn: str) -> float:
    start = time.monotonic()
    work(dsn)
    return time.monotonic() - start


def interrupted(work: Work, dsn: str, after: float) -> bool:
    process = child(work, dsn)
    process.join(after)
    process.kill()
    process.join()
    assert process.exitcode in (0, -9)
    return process.exitcode != 0


@pytest.fixture
def chain(source: Source) -> Source:
    """Ten migrations with a moment in the middle of each; one of them has no transaction."""
    needed: list[str] = []
    for number in range(10):
        id_, table = f"platform.{number:04}.step", f"step_{number}.things"
        up = [
            f"CREATE SCHEMA step_{number}",
            f"CREATE TABLE {table} (id int PRIMARY KEY, name text)",
            f"INSERT INTO {table} SELECT i, 'name ' || i FROM generate_series(1, 100) AS i",
            "SELECT pg_sleep(0.02)",
            f"COMMENT ON TABLE {table} IS 'Number {number}'",
        ]
        source.add(id_, ";\n".join(up), *needed, down=f"DROP TABLE {table};\nDROP SCHEMA step_{number}")
        needed = [id_]
    drop = "DROP INDEX CONCURRENTLY IF EXISTS step_9.things_name_idx"
    up = [drop, "CREATE INDEX CONCURRENTLY things_name_idx ON step_9.things (name)"]
    source.add("platform.0010.index", ";\n".join(up), *needed, down=drop, head="-- transactional: false\n")
    source.table("platform.0011.last", "platform.0010.index")
    return source


@pytest.mark.parametrize(("shipped", "kills"), [(False, 30), (True, 20)], ids=["own", "shipped"])
def test_killed_at_any_moment_the_next_run_ends_where_an_undisturbed_one_does(
    pg_server: TestServer, chain: Source, shipped: bool, kills: int
) -> None:
    source, services = (None, ["mentoring"]) if shipped else (chain.root, [])
    up = partial(migrate, services=services, source=source, wait_seconds=30)
    down = partial(rollback, count=None, source=source, wait_seconds=30)
    seed = random.randrange(2**32)
    try:
        with database(pg_server) as dsn:
            seconds_up = seconds(up, dsn)
            undisturbed = look(dsn)
            seconds_down = seconds(down, dsn)
        moments = random.Random(seed)
        for _ in range(kills // KILLS_OF_A_DATABASE):
            with database(pg_server) as dsn:
                killed = 0
                while killed < KILLS_OF_A_DATABASE:
                    work, longest = moments.choice([(up, seconds_up), (up, seconds_up), (down, seconds_down)])
                    killed += interrupted(work, dsn, after=moments.uniform(0, longest))
                up(dsn)
                found = look(dsn)
                assert differences(undisturbed.catalog, found.catalog) == []
                assert found == undisturbed
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


# -- At the moments that matter

PAUSE = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
CREATE TRIGGER pause AFTER INSERT OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION pause();
"""


@contextmanager
def killed_at(conn: psycopg.Connection, table: str, work: Work, dsn: str) -> Iterator[None]:
    """Kill *work* while it writes to *table*; the body sees what the server makes of that."""
    conn.execute(sql.SQL(PAUSE).format(sql.Identifier(table)))
    process = child(work, dsn)
    asleep = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    eventually(lambda: conn.execute(asleep).fetchone())
    process.kill()
    process.join()
    conn.execute(f"DROP TRIGGER pause ON {table}")  # waits for the killed one's transaction
    conn.execute("DROP FUNCTION pause()")
    yield


@pytest.mark.parametrize("table", ["_yoyo_migration", "_yoyo_log", "_mentorbase_checksum"])
def test_killed_while_it_marks_the_migration_is_undone_too(
    base: str, house: Source, conn: psycopg.Connection, table: str
) -> None:
    migrate(base, ["platform"], source=house.root)
    with killed_at(conn, table, partial(migrate, services=["auth"], source=house.root), base):
        assert tables(base) == {"platform_0001_init"}
        assert applied(base, house) == [PLATFORM]
    assert migrate(base, ["auth"], source=house.root) == [AUTH]


@pytest.mark.parametrize("table", ["_yoyo_migration", "_yoyo_log", "_mentorbase_checksum"])
def test_killed_while_it_takes_the_mark_away_the_rollback_is_undone_too(
    base: str, house: Source, conn: psycopg.Connection, table: str
) -> None:
    migrate(base, ["auth"], source=house.root)
    with killed_at(conn, table, partial(rollback, source=house.root), base):
        assert tables(base) == {"platform_0001_init", "auth_0001_init"}
        assert applied(base, house) == [PLATFORM, AUTH]
    assert rollback(base, None, source=house.root) == [AUTH, PLATFORM]
