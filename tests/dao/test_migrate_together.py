"""What others do at the same time: migrators of other databases make and grant the same roles; a race is run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from children import child
from mentorbase.catalog import describe
from mentorbase.embedded import Server, server
from mentorbase.migrate import migrate, rollback
from psycopg import sql

from .migrating import PLATFORM, Source, refused

ROUNDS, DATABASES = 3, 5
SERVICES = ["auth"]  # with platform: every service makes its role in the same way
DEPLOYER = "together"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A server of its own, whose roles nobody else needs."""
    with server() as running, psycopg.connect(running.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {DEPLOYER} LOGIN CREATEROLE")
        yield running


@pytest.fixture
def admin(cluster: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def databases(cluster: Server, admin: psycopg.Connection) -> Iterator[list[str]]:
    """Empty databases; at the end there is neither a database nor a role of ours."""
    names = [f"together_{number}" for number in range(DATABASES)]
    for name in names:
        admin.execute(f"CREATE DATABASE {name} OWNER {DEPLOYER}")
    yield [cluster.dsn(name, DEPLOYER) for name in names]
    for name in names:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for role in roles(admin):
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def roles(admin: psycopg.Connection) -> set[str]:
    """The roles that migrations make."""
    rows = admin.execute("SELECT rolname FROM pg_roles WHERE oid >= 16384 AND rolname <> %s", [DEPLOYER])
    return {name for (name,) in rows}


def at_once(work: Callable[..., object], dsns: list[str], *more: object) -> None:
    """Run *work* for each database, in a process each."""
    processes = [child(work, dsn, *more) for dsn in dsns]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(dsns)


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("made_before", [False, True], ids=["roles are new", "roles are there"])
def test_several_databases_are_migrated_at_once(
    cluster: Server, admin: psycopg.Connection, databases: list[str], made_before: bool, round_: int
) -> None:
    if made_before:
        # What a DBA makes before is not granted yet: that is where they meet.
        for role in ("mentorbase_owner", "mentorbase_app", "mentorbase_reader"):
            admin.execute(f"SET ROLE {DEPLOYER}")
            admin.execute(f"CREATE ROLE {role}")
            admin.execute("RESET ROLE")
    at_once(migrate, databases, SERVICES)
    descriptions = []
    for dsn in databases:
        with psycopg.connect(dsn) as connection:
            descriptions.append(describe(connection))
    assert all(description == descriptions[0] for description in descriptions)
    at_once(rollback, databases, None)
    assert "mentorbase_owner" in roles(admin)


def fails(times: int, state: str) -> str:
    """A statement that fails so many times; a sequence keeps count, since it is not rolled back."""
    fail = f"IF nextval('public.tries') <= {times} THEN RAISE EXCEPTION 'lost' USING ERRCODE = '{state}'; END IF;"
    return f"DO $$ BEGIN {fail} END $$"


@pytest.mark.parametrize("state", ["40001", "40P01", "XX000"])
def test_who_loses_a_race_tries_again(base: str, source: Source, conn: psycopg.Connection, state: str) -> None:
    conn.execute("CREATE SEQUENCE tries")
    source.add(PLATFORM, f"CREATE TABLE a (x int);\n{fails(4, state)}", down=f"DROP TABLE a;\n{fails(9, state)}")
    assert migrate(base, source=source.root) == [PLATFORM]
    assert rollback(base, source=source.root) == [PLATFORM]
    assert conn.execute("SELECT last_value FROM tries").fetchone() == (10,)


@pytest.mark.parametrize(
    ("state", "head", "tries"),
    [("40001", "", 5), ("22012", "", 1), ("23505", "", 1), ("40001", "-- transactional: false\n", 1)],
    ids=["a race that does not end", "another error", "a duplicate key", "no transaction"],
)
def test_nothing_else_is_tried_again_nor_a_race_for_ever(
    base: str, source: Source, conn: psycopg.Connection, state: str, head: str, tries: int
) -> None:
    conn.execute("CREATE SEQUENCE tries")
    source.add(PLATFORM, fails(99, state), head=head)
    with refused(f"migration {PLATFORM} failed: lost"):
        migrate(base, source=source.root)
    assert conn.execute("SELECT last_value FROM tries").fetchone() == (tries,)
