"""One database with a million bookings for all that is measured there; what uses it goes to one worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from conftest import TestServer
from mentorbase.generate.tutormax import TutorWorld
from plans.loaded import CALLS, Volume, large_tables
from plans.volume import load
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database
from tutormax.platform import fill


@pytest.fixture(scope="session")
def volume(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[Volume]:
    """A database with a million bookings, which nothing changes."""
    with new_database(pg_server, f"{pg_template.dbname}_volume", pg_template.template_dbname) as dsn:
        known: dict[str, dict[str, Any]] = {}
        with psycopg.connect(dsn, autocommit=True) as admin:
            fill(admin, TutorWorld(6_000, 1, datetime.now(UTC).date(), tutors=400))
            load(admin)
            for service, module in CALLS.items():
                known[service] = {}
                for name, query in module.KNOWN.items():
                    [[known[service][name]]] = admin.execute(query.format(**known[service])).fetchall()
            growing = large_tables(admin)
        yield Volume(dsn, growing, known)
