from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from benchmarks.racing import Race
from conftest import APP, DEPLOY, TestServer, ensure_login
from mentorbase.embedded import server
from mentorbase.generate import Scale
from mentorbase.migrate import migrate
from plans.volume import load
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, new_database


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scale", type=Scale, default=Scale.SMALL, help="of the database: tiny, small, 1m or 10m")
    parser.addoption("--rounds", type=int, default=7, help="how often each rival runs")
    parser.addoption("--seconds", type=float, default=1.0, help="how long it runs each time")


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    return request.config.getoption("--scale")


@pytest.fixture(scope="session")
def race(request: pytest.FixtureRequest) -> Race:
    return Race(request.config.getoption("--rounds"), request.config.getoption("--seconds"))


@pytest.fixture(scope="module")
def filled(pg_server: TestServer, pg_template: NoopExecutor, scale: Scale) -> Iterator[str]:
    """A database of the asked size, which a module's benchmarks share; the superuser's DSN."""
    with new_database(pg_server, f"{pg_template.dbname}_bench", pg_template.template_dbname) as dsn:
        with psycopg.connect(dsn, autocommit=True) as admin:
            load(admin, scale)
        yield dsn


@pytest.fixture(scope="module")
def durable(scale: Scale) -> Iterator[str]:
    """The same on a server of its own that keeps its data on disk, and waits for it at each commit."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mentorbase-bench-", dir="/var/tmp")))
        folder.chmod(0o755)  # the account that runs the server enters it
        kept = stack.enter_context(server(folder / "home"))
        with psycopg.connect(kept.dsn(), autocommit=True) as conn:
            ensure_login(conn, DEPLOY, "CREATEROLE")
            conn.execute(f"CREATE DATABASE bench OWNER {DEPLOY}")
        dsn = kept.dsn("bench")
        migrate(as_deploy(dsn))
        with psycopg.connect(dsn, autocommit=True) as admin:
            ensure_login(admin, APP)
            admin.execute(f"GRANT mentorbase_app TO {APP}")
            load(admin, scale)
        yield dsn
