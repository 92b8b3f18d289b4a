"""The teaching services as they may live: each alone in a database of its own, or all together in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import psycopg
import pytest
from clones import Clones
from conftest import APP, TestServer
from mentorbase import Database, Settings
from mentorbase.migrate import migrate
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, new_database

TEACHER, COLLEAGUE, ADMIN = 101, 102, 103
STUDENTS = list(range(201, 221))
CLIENTS = 16


@dataclass(frozen=True)
class Home:
    """A test's own database: a superuser's connection, the application's DSN and DAO, and who lives beside."""

    admin: psycopg.Connection
    dsn: str
    db: Database
    together: bool

    def system(self, statement: str) -> None:
        """Run a statement as a superuser in the name of the system."""
        with self.admin.transaction():
            self.admin.execute("SET LOCAL mentorbase.actor = 'system'")
            self.admin.execute(statement)


@pytest.fixture(scope="session")
def template_of(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[Callable[[str], str]]:
    """The name of a database that has this service alone, made when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def template(service: str) -> str:
            name = f"{pg_template.dbname}_{service}_alone"
            migrate(as_deploy(stack.enter_context(new_database(pg_server, name))), [service])
            return name

        yield template


@pytest.fixture
def build(
    request: pytest.FixtureRequest,
    clones: Clones,
    pg_template: NoopExecutor,
    template_of: Callable[[str], str],
) -> Iterator[Callable[[bool], Home]]:
    """Make the test's database; True: the service beside all others."""
    service = request.path.parent.name
    with ExitStack() as stack:

        def home(together: bool) -> Home:
            template = pg_template.template_dbname if together else template_of(service)
            admin = stack.enter_context(clones.one(f"{template}_home", template))
            admin.autocommit = True
            dsn = make_conninfo(admin.info.dsn, user=APP)
            settings = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=CLIENTS)
            db = stack.enter_context(Database.connect(dsn, settings=settings))
            house = Home(admin, dsn, db, together)
            _people(house, service)
            return house

        yield home


@pytest.fixture(params=["alone", "together"])
def home(request: pytest.FixtureRequest, build: Callable[[bool], Home]) -> Home:
    """The service that the test's folder is named after: alone, then beside all others."""
    return build(request.param == "together")


@pytest.fixture
def alone(build: Callable[[bool], Home]) -> Home:
    """The service without the others."""
    return build(False)


@pytest.fixture
def together(build: Callable[[bool], Home]) -> Home:
    """The service beside the others."""
    return build(True)


def _people(house: Home, service: str) -> None:
    """Whom a service must know before it can be used: everybody where foreign keys ask, else its own."""
    if house.together:
        house.system(
            "INSERT INTO auth.users (telegram_id, first_name)"
            " SELECT i, 'Person' FROM generate_series(101, 103) AS i"
            " UNION ALL SELECT i, 'Person' FROM generate_series(201, 220) AS i"
        )
    if house.together and service != "teachers":
        house.system("INSERT INTO teachers.teachers (telegram_id) VALUES (101), (102)")
    if service == "students" or (house.together and service == "groups"):
        house.system("INSERT INTO students.students (telegram_id) SELECT generate_series(201, 220)")
