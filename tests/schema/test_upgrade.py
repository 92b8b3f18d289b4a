"""A database of any earlier version, with rows in it, becomes one of this version; also by way of a newer server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import DEPLOY, TestServer, ensure_login
from mentorbase import embedded
from mentorbase.backup import backup, restore
from mentorbase.check import Level, check
from mentorbase.errors import SetupError
from mentorbase.migrate import migrate
from schema.releases import add_files, put, releases
from schema.support import Rows, as_deploy, people, rows

CAME = [state for state, ids in enumerate(releases()) if state and any(".0001." in id_ for id_ in ids)]
"""The releases that brought services."""

# The first state, the one in which half of the services were still to come, and the last before this one.
STATES = [0, CAME[0] - 1, len(releases()) - 2]
ON_ANOTHER_SERVER = CAME[1] - 1


def make(dsn: str, state: int, written: Rows, source: Path) -> Rows:
    """Make a database as an earlier version left it, and return its rows."""
    for release in releases()[: state + 1]:
        add_files(source, release)
    migrate(as_deploy(dsn), source=source)
    with psycopg.connect(dsn, autocommit=True) as conn:
        put(conn, written)
        made = rows(conn)
    assert [table for table, its_rows in made.items() if not its_rows] == []
    return people(made)


def lost(before: Rows, after: Rows) -> dict[str, Counter[str]]:
    """The rows of before that are no longer there; columns that came since do not count."""
    gone = {}
    for table, its_rows in before.items():
        columns = its_rows[0].keys() if its_rows else ()
        now = Counter(json.dumps({column: row[column] for column in columns}) for row in after[table])
        gone[table] = Counter(json.dumps(row) for row in its_rows) - now
    return {table: missing for table, missing in gone.items() if missing}


def wrong(dsn: str) -> list[str]:
    return [finding.message for finding in check(dsn) if finding.level in (Level.DIFFERENT, Level.SKIPPED)]


@pytest.mark.parametrize("state", STATES, ids=lambda state: releases()[state][-1])
def test_an_earlier_database_with_rows_becomes_one_of_this_version(
    empty: str, tmp_path: Path, written: Rows, state: int
) -> None:
    before = make(empty, state, written, tmp_path)

    migrate(as_deploy(empty))

    assert wrong(empty) == []
    with psycopg.connect(empty) as conn:
        assert lost(before, rows(conn)) == {}


@pytest.fixture
def old_server(pg_server: TestServer) -> Iterator[embedded.Server]:
    with psycopg.connect(pg_server.dsn()) as conn:
        if conn.info.server_version < 160000:
            pytest.skip("the server under test is no newer")
    try:
        embedded.find_binaries(15)
    except SetupError:
        pytest.skip("there is no PostgreSQL 15 beside the one under test; CI has both")
    with embedded.server(version=15) as running:
        yield running


def test_a_dump_of_an_earlier_version_from_postgresql_15_becomes_one_of_this_version_on_a_newer_server(
    old_server: embedded.Server, empty: str, tmp_path: Path, written: Rows
) -> None:
    with psycopg.connect(old_server.dsn(), autocommit=True) as conn:
        ensure_login(conn, DEPLOY, "CREATEROLE NOSUPERUSER")
        conn.execute(f"CREATE DATABASE old OWNER {DEPLOY}")
    before = make(old_server.dsn("old"), ON_ANOTHER_SERVER, written, tmp_path / "source")

    backup(old_server.dsn("old", DEPLOY), tmp_path / "dump")
    restore(as_deploy(empty), tmp_path / "dump")
    migrate(as_deploy(empty))

    assert wrong(empty) == []
    with psycopg.connect(empty) as conn:
        assert lost(before, rows(conn)) == {}


def test_a_row_that_is_lost_or_changed_is_found() -> None:
    before = {"auth.users": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]}
    after = {"auth.users": [{"id": 1, "name": "a", "since": None}, {"id": 2, "name": "other", "since": None}]}
    assert sum(lost(before, after)["auth.users"].values()) == 2
    assert lost(before, {"auth.users": [{"since": None, **row} for row in before["auth.users"]]}) == {}
