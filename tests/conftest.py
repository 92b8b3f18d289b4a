"""One server and one migrated template for the run; each test has a database to itself, cloned from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pgbouncer
import psycopg
import pytest
from clones import Clones, clone_of
from mentorbase.database import Database
from mentorbase.embedded import server
from mentorbase.migrate import migrate
from mentorbase.settings import Settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories

DEPLOY, APP, READER = "test_deploy", "test_app", "test_reader"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pgbouncer", action="store_true", help="let the DAO reach the server through pgbouncer")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--pgbouncer"):
        os.environ["DB_PGBOUNCER"] = "true"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.getoption("--pgbouncer") and item.get_closest_marker("direct"):
        pytest.skip("about what pgbouncer takes away")


@dataclass(frozen=True)
class TestServer:
    """What pytest-postgresql needs to know of the server, and a DSN for the rest."""

    __test__ = False

    host: str
    port: int = 5432
    user: str = "postgres"
    password: str | None = None
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str | None = None

    def dsn(self, dbname: str = "postgres", user: str | None = None) -> str:
        return make_conninfo(
            host=self.host, port=self.port, dbname=dbname, user=user or self.user, password=self.password
        )


def ensure_login(conn: psycopg.Connection, name: str, options: str = "") -> None:
    if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        conn.execute(f"CREATE ROLE {name} LOGIN {options}")


@pytest.fixture(scope="session")
def pg_server() -> Iterator[TestServer]:
    """An embedded server, or the one of MENTORBASE_TEST_DSN (a superuser that local logins can connect beside)."""
    if dsn := os.environ.get("MENTORBASE_TEST_DSN"):
        given = conninfo_to_dict(dsn)
        found = TestServer(
            host=str(given["host"]),
            port=int(given.get("port") or 5432),
            user=str(given.get("user") or "postgres"),
            password=str(given["password"]) if given.get("password") else None,
        )
        yield found
    else:
        with server(tcp=True) as embedded:  # which JDBC needs
            yield TestServer(host=str(embedded.socket_dir), port=embedded.port)


def _load(*, host: str, port: int, user: str, dbname: str, password: str | None, autocommit: bool) -> None:
    """Migrate the template as a deployment would: as a login that is no superuser."""
    admin = make_conninfo(host=host, port=port, user=user, dbname=dbname, password=password)
    with psycopg.connect(admin, autocommit=True) as conn:
        ensure_login(conn, DEPLOY, "CREATEROLE NOSUPERUSER")
        conn.execute(f"ALTER DATABASE {dbname} OWNER TO {DEPLOY}")
    migrate(make_conninfo(admin, user=DEPLOY))
    with psycopg.connect(admin, autocommit=True) as conn:
        ensure_login(conn, APP)
        ensure_login(conn, READER)
        conn.execute(f"GRANT mentorbase_app TO {APP}")
        conn.execute(f"GRANT mentorbase_reader TO {READER}")


@pytest.fixture(scope="session")
def clones(pg_server: TestServer) -> Iterator[Clones]:
    """The databases of the tests."""
    found = Clones(pg_server)
    yield found
    found.close()


pg_template = factories.postgresql_noproc(
    depends_on="pg_server", dbname="mentorbase_test", load=[_load], load_autocommit=True
)
postgresql = clone_of("pg_template")


@pytest.fixture
def admin(postgresql: psycopg.Connection) -> psycopg.Connection:
    """A superuser's connection to the test's own database, autocommit."""
    postgresql.autocommit = True
    return postgresql


@pytest.fixture
def direct_dsn(admin: psycopg.Connection) -> str:
    """The test's own database, as an application's login: a member of mentorbase_app and nothing else."""
    return make_conninfo(admin.info.dsn, user=APP)


@pytest.fixture(scope="session")
def bouncer(pg_server: TestServer) -> Iterator[Path]:
    """The folder of the socket of a pgbouncer in transaction mode."""
    with pgbouncer.pgbouncer(pg_server.host, pg_server.port, [APP, DEPLOY]) as folder:
        yield folder


@pytest.fixture
def bounced_dsn(direct_dsn: str, bouncer: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same through pgbouncer, for a DAO that was told so."""
    monkeypatch.setenv("DB_PGBOUNCER", "true")
    return make_conninfo(direct_dsn, host=str(bouncer), port=pgbouncer.PORT)


@pytest.fixture
def dsn(request: pytest.FixtureRequest) -> str:
    """What applications connect to: the server, or with --pgbouncer what stands in front of it."""
    found: str = request.getfixturevalue("bounced_dsn" if request.config.getoption("--pgbouncer") else "direct_dsn")
    return found


@pytest.fixture
def reader(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """An analyst's connection: a member of mentorbase_reader and nothing else."""
    with psycopg.connect(make_conninfo(admin.info.dsn, user=READER), autocommit=True) as conn:
        yield conn


@pytest.fixture
def app(direct_dsn: str) -> Iterator[psycopg.Connection]:
    """A bare psycopg connection of the application, autocommit."""
    with psycopg.connect(direct_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    """The DAO on the test's own database, as the application; a pool that keeps one connection is made sooner."""
    with Database.connect(dsn, settings=Settings.load().model_copy(update={"db_pool_min_size": 1})) as database:
        yield database


@pytest.fixture
def people(admin: psycopg.Connection) -> list[int]:
    """Ids of twenty people, 1 to 20."""
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute(
            "INSERT INTO auth.users (id, first_name) SELECT i, 'Person ' || i FROM generate_series(1, 20) AS i"
        )
    admin.execute("SELECT setval(pg_get_serial_sequence('auth.users', 'id'), 20)")
    return list(range(1, 21))


@pytest.fixture
def empty_dsn(pg_server: TestServer) -> Iterator[str]:
    """An empty database, owned by a login that is no superuser."""
    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        ensure_login(conn, DEPLOY, "CREATEROLE NOSUPERUSER")
        conn.execute(f"CREATE DATABASE empty_test OWNER {DEPLOY}")
        yield make_conninfo(pg_server.dsn("empty_test"), user=DEPLOY)
        conn.execute("DROP DATABASE empty_test WITH (FORCE)")
