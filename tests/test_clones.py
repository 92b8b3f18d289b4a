"""Nothing that a test does to its database reaches the next one."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from clones import Clones
from conftest import APP, TestServer
from psycopg import sql
from pytest_postgresql.executors import NoopExecutor

PERSON = "INSERT INTO auth.users (first_name) VALUES ('Anna')"


@pytest.fixture(scope="module")
def copies(pg_server: TestServer) -> Iterator[Clones]:
    found = Clones(pg_server)
    yield found
    found.close()


def everything(conn: psycopg.Connection) -> object:
    """The rows of each table with their versions, each sequence, what is kept of the database, and figures."""
    tables = conn.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace <> 'pg_catalog'::regnamespace"
    ).fetchall()
    rows = [conn.execute(f"SELECT xmin::text, t::text FROM {name} AS t ORDER BY ctid").fetchall() for (name,) in tables]
    sequences = conn.execute("SELECT seqrelid::regclass, pg_sequence_last_value(seqrelid) FROM pg_sequence ORDER BY 1")
    kept = conn.execute("SELECT datacl::text, datconnlimit FROM pg_database WHERE datname = current_database()")
    settings = conn.execute("SELECT count(*) FROM pg_db_role_setting")
    figures = conn.execute("SELECT relname, relpages, reltuples FROM pg_class WHERE relnamespace > 16384 ORDER BY 1")
    return tables, rows, *(found.fetchall() for found in (sequences, kept, settings, figures))


def number(conn: psycopg.Connection) -> int:
    [[oid]] = conn.execute("SELECT oid::bigint FROM pg_database WHERE datname = current_database()").fetchall()
    return int(oid)


@pytest.fixture(scope="module")
def at_first(copies: Clones, pg_template: NoopExecutor) -> object:
    with copies.one(f"{pg_template.dbname}_copy", pg_template.template_dbname) as conn:
        return everything(conn)


@pytest.mark.parametrize(
    ("statement", "again"),
    [
        ("SELECT 1", True),
        (PERSON, True),
        (f"{PERSON}; UPDATE auth.users SET first_name = 'Bella'; DELETE FROM auth.users", True),
        (f"BEGIN; {PERSON}; ROLLBACK", True),
        (f"BEGIN; {PERSON}", True),
        ("SELECT nextval('auth.users_id_seq')", True),
        ("SELECT setval('auth.users_id_seq', 4711)", True),
        ("INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES ('a', 1, 'days', 'A.')", True),
        ("UPDATE mentoring.settings SET value = value + 1", False),
        ("DELETE FROM platform.refusals", False),
        ("INSERT INTO auth.users (first_name) SELECT 'Anna' FROM generate_series(1, 2000)", False),
        ("SET session_replication_role = replica; TRUNCATE auth.users CASCADE", False),
        ("ANALYZE mentoring.settings", False),
        ("CREATE TABLE more ()", False),
        ("CREATE OR REPLACE VIEW auth.more AS SELECT 1 AS one", False),
        ("COMMENT ON TABLE auth.users IS 'Other'", False),
        (f"REVOKE SELECT ON auth.users FROM auth_app; {PERSON}", False),
        ("ALTER TABLE auth.users DISABLE TRIGGER ALL", False),
        ("ALTER SEQUENCE auth.users_id_seq INCREMENT 7", False),
        ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = UTC', current_database()); END $$", False),
        ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 7', current_database()); END $$", False),
        (
            f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {APP}', current_database()); END $$",
            False,
        ),
    ],
)
def test_what_a_test_did_is_gone(
    copies: Clones, pg_template: NoopExecutor, at_first: object, statement: str, again: bool
) -> None:
    name = f"{pg_template.dbname}_copy"
    with copies.one(name, pg_template.template_dbname) as conn:
        used = number(conn)
        with psycopg.connect(conn.info.dsn, autocommit=True) as other:
            other.execute("SET mentorbase.actor = 'system'")
            other.execute(sql.SQL(statement))  # type: ignore[arg-type]
    with copies.one(name, pg_template.template_dbname) as conn:
        assert everything(conn) == at_first
        assert (number(conn) == used) is again


def test_a_session_that_goes_on_is_ended_before_what_it_wrote_is_counted(
    copies: Clones, pg_template: NoopExecutor
) -> None:
    name = f"{pg_template.dbname}_copy"
    with copies.one(name, pg_template.template_dbname) as conn:
        other = psycopg.connect(conn.info.dsn, autocommit=True)
        other.execute(PERSON)
    with pytest.raises(psycopg.errors.AdminShutdown):
        other.execute(PERSON)
    with copies.one(name, pg_template.template_dbname) as conn:
        assert conn.execute("SELECT count(*) FROM auth.users").fetchone() == (0,)
    other.close()


def test_the_copy_of_another_template_of_the_same_name_is_another_one(
    copies: Clones, pg_server: TestServer, pg_template: NoopExecutor
) -> None:
    name, template = f"{pg_template.dbname}_copy", f"{pg_template.dbname}_other"
    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        for table in ("first", "second"):
            conn.execute(f"DROP DATABASE IF EXISTS {template}")
            conn.execute(f"CREATE DATABASE {template}")
            with psycopg.connect(pg_server.dsn(template)) as made:
                made.execute(f"CREATE TABLE {table} ()")
            with copies.one(name, template) as copy:
                assert copy.execute("SELECT relname FROM pg_class WHERE relname IN ('first', 'second')").fetchall() == [
                    (table,)
                ]
        conn.execute(f"DROP DATABASE {template}")
