"""One database and one book of it for the run; tests only read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import TestServer
from docs.reading import Element, read
from mentorbase.catalog import describe
from mentorbase.docs import Written, write
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, new_database


@pytest.fixture(scope="session")
def documented(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[str]:
    """The superuser's DSN of a migrated database without rows."""
    with new_database(pg_server, f"{pg_template.dbname}_book", pg_template.template_dbname) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def objects(documented: str) -> dict[str, str]:
    """What the database is made of, as `mentorbase check` sees it; names without quotes."""
    with psycopg.connect(documented) as conn:
        return {key.replace('"', ""): definition for key, definition in describe(conn).items()}


@pytest.fixture(scope="session")
def written(documented: str, tmp_path_factory: pytest.TempPathFactory) -> Written:
    # No right to change anything is needed.
    dsn = make_conninfo(as_deploy(documented), options="-c default_transaction_read_only=on")
    return write(dsn, tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="session")
def folder(written: Written) -> Path:
    return written.index.parent


@pytest.fixture(scope="session")
def pages(folder: Path) -> dict[str, Element]:
    """Every page by its file's name."""
    return {file.name: read(file) for file in sorted(folder.glob("*.html"))}


@pytest.fixture(scope="session")
def strange(pg_server: TestServer, pg_template: NoopExecutor, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The book of a database with objects that nobody describes, a comment like HTML, and a classified column."""
    with new_database(pg_server, f"{pg_template.dbname}_strange", pg_template.template_dbname) as dsn:
        with psycopg.connect(dsn) as conn:
            conn.execute("SET ROLE mentorbase_owner")
            conn.execute("CREATE TABLE auth.loose (id bigint CONSTRAINT loose_check CHECK (id > 0))")
            conn.execute("CREATE INDEX loose_idx ON auth.loose (id)")
            conn.execute("CREATE TYPE auth.colour AS ENUM ('red')")
            conn.execute("CREATE FUNCTION auth.f(text) RETURNS int LANGUAGE sql RETURN 1")
            conn.execute("COMMENT ON COLUMN auth.users.first_name IS NULL")
            conn.execute("""COMMENT ON TABLE auth.users IS '<script>alert(1)</script> & "more".'""")
            conn.execute(
                """
                CREATE TABLE IF NOT EXISTS platform.column_inventory AS
                SELECT 'auth' AS schema_name, 'users' AS table_name, 'username' AS column_name, 'personal' AS class
                """
            )
        return write(as_deploy(dsn), tmp_path_factory.mktemp("strange"))
