"""Databases that tests of the catalog only read, so that all of them share one."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from conftest import TestServer
from mentorbase.catalog import describe
from mentorbase.migrate import migrate
from pytest_postgresql.executors import NoopExecutor
from schema.support import SERVICES, Rows, as_deploy, fill, know_the_catalog, new_database, people, rows


@pytest.fixture(scope="session")
def catalog(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[psycopg.Connection]:
    """A superuser's connection to a migrated database without rows, autocommit."""
    with (
        new_database(pg_server, f"{pg_template.dbname}_catalog", pg_template.template_dbname) as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        know_the_catalog(conn)
        yield conn


@pytest.fixture
def sandbox(catalog: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The same connection, in a transaction that leaves nothing."""
    with catalog.transaction(force_rollback=True):
        yield catalog


@pytest.fixture(scope="session")
def described(catalog: psycopg.Connection) -> dict[str, str]:
    return describe(catalog)


@pytest.fixture(scope="session")
def unlinked(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[psycopg.Connection]:
    """As `catalog`, of a database that has every service but not the links between them."""
    with new_database(pg_server, f"{pg_template.dbname}_unlinked") as dsn:
        migrate(as_deploy(dsn), SERVICES)
        with psycopg.connect(dsn, autocommit=True) as conn:
            know_the_catalog(conn)
            yield conn


@pytest.fixture
def empty(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[str]:
    """The superuser's DSN of a new database without anything."""
    with new_database(pg_server, f"{pg_template.dbname}_empty") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def written(pg_server: TestServer, pg_template: NoopExecutor) -> Rows:
    """What people have written: the rows of a database that has some in every table."""
    with (
        new_database(pg_server, f"{pg_template.dbname}_written", pg_template.template_dbname) as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        fill(conn)
        return people(rows(conn))
