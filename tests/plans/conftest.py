"""What is measured, and through what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from conftest import TestServer
from plans.jdbc import Client
from plans.loaded import CALLS, Volume, large_tables
from plans.volume import load
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database


@pytest.fixture(scope="module")
def volume(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[Volume]:
    """A database with a million bookings, which nothing changes."""
    with new_database(pg_server, f"{pg_template.dbname}_volume", pg_template.template_dbname) as dsn:
        known: dict[str, dict[str, Any]] = {}
        with psycopg.connect(dsn, autocommit=True) as admin:
            load(admin)
            for service, module in CALLS.items():
                known[service] = {}
                for name, query in module.KNOWN.items():
                    [[known[service][name]]] = admin.execute(query.format(**known[service])).fetchall()
            growing = large_tables(admin)
        yield Volume(dsn, growing, known)


@pytest.fixture(scope="session")
def jdbc(pg_server: TestServer, pg_template: NoopExecutor) -> Client:
    """Connects as DBeaver does; skips where Java, the driver or JPype is missing."""
    del pg_template  # which makes the logins
    return Client(pg_server)
