"""Marking a database that has everything but the marks: compared, object by object, before it is believed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from mentorbase.catalog import describe
from mentorbase.embedded import find_binaries
from mentorbase.errors import SetupError
from mentorbase.migrate import GUARD_LOCK, history, migrate, rollback, stamp, status
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql.executors import NoopExecutor

from .migrating import AUTH, PLATFORM, Source, refused

APPLY = Path(__file__).parents[2] / "sql" / "apply.sql"


@pytest.fixture
def owner(base: str, conn: psycopg.Connection, pg_template: NoopExecutor) -> Iterator[str]:
    """The DSN of `base` for its owner: a login that may create databases, was given the roles, and is no superuser."""
    name = f"stamp_{conn.info.dbname}"
    conn.execute(f"CREATE ROLE {name} LOGIN CREATEDB")
    conn.execute(f"ALTER DATABASE {conn.info.dbname} OWNER TO {name}")
    # Roles are administered by who made them: here that is the login of `pg_template`.
    conn.execute(f"GRANT mentorbase_owner TO {name}")
    yield make_conninfo(base, user=name)
    conn.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
    conn.execute(f"DROP OWNED BY {name} CASCADE")
    conn.execute(f"DROP ROLE {name}")


@pytest.fixture
def built(owner: str) -> str:
    """The same, built by sql/apply.sql as a reviewer would: everything, and no marks."""
    command = [find_binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", owner, "-f", APPLY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return owner


def databases(conn: psycopg.Connection) -> set[str]:
    return {name for (name,) in conn.execute("SELECT datname FROM pg_database")}


def forget(conn: psycopg.Connection) -> None:
    conn.execute("DROP TABLE _mentorbase_checksum, _yoyo_migration, _yoyo_log, _yoyo_version, yoyo_lock")


def marked(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('public._mentorbase_checksum')").fetchone() == (None,):
            return {}
        rows = connection.execute(
            "SELECT migration_id, origin FROM _yoyo_migration LEFT JOIN _mentorbase_checksum USING (migration_hash)"
        )
        return dict(rows.fetchall())


def test_a_database_built_by_hand_is_marked_and_nothing_is_run(built: str, conn: psycopg.Connection) -> None:
    all_ids = [m.id for m in status(built)]
    before, beside = describe(conn), databases(conn)
    assert stamp(built) == all_ids
    assert marked(built) == dict.fromkeys(all_ids, "stamped")
    assert (describe(conn), databases(conn)) == (before, beside)
    assert [(change.operation, change.migration_id) for change in history(built)] == [("mark", id_) for id_ in all_ids]
    assert stamp(built) == []
    assert migrate(built) == []
    assert rollback(built, None) == all_ids[::-1]
    assert describe(conn) == {}


def test_a_database_that_differs_is_refused_with_the_first_differences(built: str, conn: psycopg.Connection) -> None:
    beside = databases(conn)
    conn.execute("COMMENT ON SCHEMA auth IS NULL")
    conn.execute("GRANT SELECT ON auth.users TO PUBLIC")
    first = "missing: comment on schema auth; unexpected: grant table auth.users to PUBLIC"
    message = f"the database is not what the migrations make. It differs in this: {first}"
    with refused(message, "Correct it by hand and try again"):
        stamp(built)
    for number in range(5):
        conn.execute(f"CREATE SCHEMA a_{number}")
    with pytest.raises(SetupError, match=r"make\. It differs in \d+ places, first: (([^;]+; ){4})[^;]+$"):
        stamp(built)
    assert (marked(built), databases(conn)) == ({}, beside)


def test_one_service_can_be_marked_alone(owner: str, conn: psycopg.Connection) -> None:
    alone = migrate(owner, ["auth"])
    forget(conn)
    with pytest.raises(SetupError, match=r"It differs in \d+ places, first: missing: "):
        stamp(owner)
    assert stamp(owner, ["auth"]) == alone
    assert migrate(owner, ["auth"]) == []


def test_other_services_that_have_their_marks_do_not_disturb(owner: str, conn: psycopg.Connection) -> None:
    *_, last = migrate(owner, ["auth"])
    migrate(owner, ["mentoring"])
    conn.execute("DELETE FROM _yoyo_migration WHERE migration_id = %s", [last])
    assert stamp(owner, ["auth"]) == [last]


def test_what_a_killed_yoyo_applied_but_did_not_mark_is_marked(owner: str, conn: psycopg.Connection) -> None:
    *_, last = migrate(owner)
    conn.execute("DELETE FROM _yoyo_migration WHERE migration_id = %s", [last])
    assert stamp(owner) == [last]
    assert marked(owner) == {m.id: "applied" for m in status(owner)} | {last: "stamped"}


def test_an_edited_file_that_makes_the_same_is_accepted(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE SCHEMA a")
    source.add(AUTH, "CREATE TABLE a.b (id int)", PLATFORM)
    migrate(base, source=source.root)
    source.add(AUTH, "CREATE TABLE a.b (id integer)", PLATFORM)
    with pytest.raises(SetupError, match=f"{AUTH} was applied to database "):
        migrate(base, source=source.root)
    assert stamp(base, source=source.root) == [AUTH]
    assert migrate(base, source=source.root) == []
    assert marked(base) == {PLATFORM: "applied", AUTH: "stamped"}


def test_an_edited_file_that_makes_something_else_is_not(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE SCHEMA a")
    source.add(AUTH, "CREATE TABLE a.b (id int)", PLATFORM)
    migrate(base, source=source.root)
    source.add(AUTH, "CREATE TABLE a.b (id bigint)", PLATFORM)
    with refused(
        "the database is not what the migrations make. It differs in this: different: column a.b.id | bigint | integer"
    ):
        stamp(base, source=source.root)


def test_the_scratch_database_of_a_killed_run_is_replaced(built: str, conn: psycopg.Connection) -> None:
    (oid,) = conn.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or (0,)
    name = f"mentorbase_scratch_{oid}"
    with psycopg.connect(built, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(make_conninfo(built, dbname=name)) as connection:
        connection.execute("CREATE SCHEMA platform")
    assert stamp(built) != []
    assert name not in databases(conn)


def test_a_login_that_may_not_create_databases_compares_with_a_private_server(
    built: str, conn: psycopg.Connection
) -> None:
    conn.execute(f"ALTER ROLE {conninfo_to_dict(built)['user']} NOCREATEDB")
    conn.execute("CREATE SCHEMA more")
    found = "It differs in this: unexpected: grant schema more to postgres; unexpected: schema more"
    with pytest.raises(SetupError, match=found):
        stamp(built)
    conn.execute("DROP SCHEMA more")
    assert stamp(built) == [m.id for m in status(built)]


@pytest.mark.parametrize("programs", ["none", "other"])
def test_without_a_place_to_compare_nothing_is_marked(
    built: str, conn: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: str
) -> None:
    conn.execute(f"ALTER ROLE {conninfo_to_dict(built)['user']} NOCREATEDB")
    version = conn.info.server_version // 10000
    folder = tmp_path
    if programs == "other":
        folder = next((f for f in Path("/usr/lib/postgresql").glob("*/bin") if f.parent.name != str(version)), None)
        if folder is None:
            pytest.skip("there is one version of PostgreSQL on this machine")
    monkeypatch.setenv("MENTORBASE_PG_BIN", str(folder))
    hint = f"ALTER ROLE ... CREATEDB), or have PostgreSQL {version} on this machine"
    with refused("the login may not create the scratch database to compare with", hint):
        stamp(built)
    assert marked(built) == {}


def test_a_login_that_may_not_look_is_refused(built: str, role: str, conn: psycopg.Connection) -> None:
    conn.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    with refused("the role has not enough rights: permission denied for schema platform"):
        stamp(make_conninfo(built, user=role))


def test_another_migrator_is_waited_for(built: str, conn: psycopg.Connection) -> None:
    conn.execute("SELECT pg_advisory_lock(%s, 1)", [GUARD_LOCK])
    with refused("another migrator is at work"):
        stamp(built, wait_seconds=0.3)
