"""Migrators of several databases of one cluster at once: they make and grant the same roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from mentorbase.catalog import describe
from mentorbase.embedded import Server, server
from mentorbase.migrate import migrate, rollback
from psycopg import sql

from .migrating import child

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
