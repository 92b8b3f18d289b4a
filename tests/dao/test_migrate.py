"""The migrator: what it applies, what it refuses, and what happens when two of them meet or one is killed."""

from __future__ import annotations

import os
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlparse
from mentorbase import migrate as module
from mentorbase import resources
from mentorbase.connection import explain_connection
from mentorbase.embedded import server
from mentorbase.errors import SetupError
from mentorbase.migrate import (
    APPLICATION_NAME,
    GUARD_LOCK,
    Migration,
    history,
    migrate,
    plan_migrate,
    plan_rollback,
    rollback,
    services,
    stamp,
    status,
    yoyo_uri,
)
from old_server import VERSION, old_server
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from yoyo.connections import parse_uri

from .migrating import (
    AUTH,
    LINKS,
    MENTORING,
    PLATFORM,
    SECOND,
    Source,
    applied,
    eventually,
    finish,
    in_process,
    refused,
    runs,
    tables,
    yoyo,
)

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(resources.folder("migrations").glob("*/*.sql"))
KEYWORDS = {
    *("ALTER", "COMMENT", "CREATE", "DO", "DROP", "GRANT", "RESET", "REVOKE", "SET"),
    *("CALL", "DELETE", "INSERT", "SELECT", "UPDATE"),
}

# -- Applying


def test_everything_is_applied_once_in_the_order_of_dependencies(base: str, house: Source) -> None:
    first = migrate(base, source=house.root)
    assert sorted(first) == sorted([PLATFORM, AUTH, MENTORING, SECOND, LINKS])
    assert first[0] == PLATFORM
    assert first[-1] == LINKS
    assert first.index(MENTORING) < first.index(SECOND)
    assert {name.replace(".", "_") for name in first} == tables(base)
    assert migrate(base, source=house.root) == []


def test_a_named_service_comes_with_platform_only(base: str, house: Source) -> None:
    assert migrate(base, ["mentoring"], source=house.root) == [PLATFORM, MENTORING, SECOND]
    assert migrate(base, ["auth", "mentoring"], source=house.root) == [AUTH]


def test_links_alone_brings_what_it_depends_on(base: str, house: Source) -> None:
    assert set(migrate(base, ["links"], source=house.root)) == {PLATFORM, AUTH, MENTORING, SECOND, LINKS}


def test_services_start_with_platform_and_end_with_links(house: Source) -> None:
    assert services(source=house.root) == ["platform", "auth", "mentoring", "links"]


def test_an_empty_folder_applies_nothing(base: str, source: Source) -> None:
    assert services(source=source.root) == []
    assert migrate(base, source=source.root) == []


def test_a_folder_with_glob_characters_is_read(base: str, tmp_path: Path) -> None:
    odd = Source(tmp_path / "a [b] *?")
    odd.table(PLATFORM)
    assert migrate(base, source=odd.root) == [PLATFORM]


def test_progress_is_told_before_and_after_each(base: str, house: Source) -> None:
    seen: list[tuple[str, int, int]] = []
    migrate(base, ["auth"], source=house.root, progress=lambda *step: seen.append(step))
    assert seen == [(PLATFORM, 0, 2), (PLATFORM, 1, 2), (AUTH, 1, 2), (AUTH, 2, 2)]
    seen.clear()
    rollback(base, source=house.root, progress=lambda *step: seen.append(step))
    assert seen == [(AUTH, 0, 1), (AUTH, 1, 1)]


def test_rows_of_a_select_and_yoyos_log_are_not_printed(
    base: str, source: Source, capfd: pytest.CaptureFixture[str]
) -> None:
    source.add(PLATFORM, "SELECT 1 AS noise;\nSELECT set_config('a.b', 'noise', false)")
    source.add("platform.0002.x", "CREATE TABLE a (x int);\nSELECT 1 / 0", PLATFORM, head="-- transactional: false\n")
    with refused("migration platform.0002.x failed: division by zero"):
        migrate(base, source=source.root)
    assert capfd.readouterr() == ("", "")


def test_percent_signs_colons_and_dollar_quotes_reach_the_server_unchanged(base: str, source: Source) -> None:
    table = "CREATE TABLE a (x text DEFAULT '100%s :id %(a)s; ')"
    body = f"{table};\nDO $$ BEGIN INSERT INTO a DEFAULT VALUES; END; $$"
    source.add(PLATFORM, body)
    migrate(base, source=source.root)
    with psycopg.connect(base) as connection:
        assert connection.execute("SELECT x FROM a").fetchall() == [("100%s :id %(a)s; ",)]


def test_two_folders_with_the_same_ids_do_not_mix(base: str, tmp_path: Path) -> None:
    first, second = Source(tmp_path / "1"), Source(tmp_path / "2")
    for source in (first, second):
        source.table(PLATFORM)
        source.table(AUTH, PLATFORM)
    second.table("links.0001.init", AUTH)
    assert services(source=first.root) == ["platform", "auth"]
    assert status(base, source=first.root) == [Migration(i, i.split(".")[0], None) for i in (PLATFORM, AUTH)]
    assert migrate(base, source=second.root) == [PLATFORM, AUTH, "links.0001.init"]
    assert rollback(base, None, source=second.root) == ["links.0001.init", AUTH, PLATFORM]


@pytest.mark.parametrize("setting", ["SET LOCAL ROLE pg_monitor", "SET search_path = ''", "SET LOCAL search_path = ''"])
def test_a_migration_may_change_its_session(base: str, source: Source, setting: str) -> None:
    source.add(PLATFORM, f"CREATE TABLE public.a (x int);\n{setting}", down=f"DROP TABLE public.a;\n{setting}")
    assert migrate(base, source=source.root) == [PLATFORM]
    assert applied(base, source) == [PLATFORM]
    assert rollback(base, source=source.root) == [PLATFORM]
    assert applied(base, source) == []


def test_a_role_named_like_a_service_keeps_sight_of_what_is_applied(base: str, source: Source, role: str) -> None:
    with psycopg.connect(base) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} OWNER TO {role}")
    owner = make_conninfo(base, user=role)
    source.add(f"{role}.0001.init", f"CREATE SCHEMA {role}", down=f"DROP SCHEMA {role}")
    assert migrate(owner, source=source.root) == [f"{role}.0001.init"]
    assert migrate(owner, source=source.root) == []
    assert applied(base, source) == [f"{role}.0001.init"]


# -- Rolling back


def test_rolling_back_takes_the_newest_and_all_of_it_can_come_again(base: str, house: Source) -> None:
    up = migrate(base, source=house.root)
    assert rollback(base, source=house.root) == [LINKS]
    assert rollback(base, 2, source=house.root) == up[-2:-4:-1]
    assert rollback(base, None, source=house.root) == up[-4::-1]
    assert tables(base) == set()
    assert rollback(base, None, source=house.root) == []
    assert migrate(base, source=house.root) == up


def test_newest_means_applied_last(base: str, house: Source) -> None:
    migrate(base, source=house.root)
    house.table("auth.0002.more", AUTH)
    migrate(base, source=house.root)
    assert rollback(base, source=house.root) == ["auth.0002.more"]


def test_a_named_service_is_rolled_back_without_platform(base: str, house: Source) -> None:
    migrate(base, ["mentoring"], source=house.root)
    assert rollback(base, None, ["mentoring"], source=house.root) == [SECOND, MENTORING]
    assert applied(base, house) == [PLATFORM]


@pytest.mark.parametrize(
    ("service", "needed", "dependent"),
    [("mentoring", SECOND, LINKS), ("platform", PLATFORM, "(auth|mentoring).0001.init")],
)
def test_what_others_depend_on_is_not_rolled_back(
    base: str, house: Source, service: str, needed: str, dependent: str
) -> None:
    up = migrate(base, source=house.root)
    message = f"{needed} cannot be rolled back: {dependent} is applied and depends on it"
    with pytest.raises(SetupError, match=message):
        rollback(base, None, [service], source=house.root)
    assert set(applied(base, house)) == set(up)


def test_a_migration_without_a_rollback_file_is_kept(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a (x int)", down=None)
    migrate(base, source=source.root)
    with refused(f"{PLATFORM} cannot be rolled back: it has no .rollback.sql"):
        rollback(base, source=source.root)
    assert applied(base, source) == [PLATFORM]


def test_a_failing_rollback_leaves_everything_and_names_itself(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a (x int)", down="DROP TABLE a;\nDROP TABLE nothing")
    migrate(base, source=source.root)
    with refused(f'the rollback of {PLATFORM} failed: table "nothing" does not exist', "Nothing of it was kept"):
        rollback(base, source=source.root)
    assert (tables(base), applied(base, source)) == ({"a"}, [PLATFORM])


def test_a_newer_database_is_not_rolled_back(base: str, house: Source) -> None:
    house.table("auth.0002.future", AUTH)
    migrate(base, source=house.root)
    (house.root / "auth" / "auth.0002.future.sql").unlink()
    with refused("the database has migration auth.0002.future, which this version of mentorbase has not"):
        rollback(base, None, source=house.root)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_a_mistake_of_the_caller(base: str, house: Source, count: int) -> None:
    with pytest.raises(ValueError, match="count must be at least 1"):
        rollback(base, count, source=house.root)


# -- Status


def test_status_tells_applied_from_pending_and_changes_nothing(base: str, house: Source) -> None:
    before = status(base, source=house.root)
    assert [m.applied_at for m in before] == [None] * 5
    assert "_yoyo_migration" not in str(tables(base))
    with psycopg.connect(base) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    migrate(base, ["auth"], source=house.root)
    after = {m.id: m for m in status(base, source=house.root)}
    assert {m.id for m in after.values() if m.applied_at} == {PLATFORM, AUTH}
    when = after[AUTH].applied_at
    assert when is not None
    assert when.tzinfo is UTC
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=1)
    assert [m.id for m in status(base, ["auth"], source=house.root)] == [PLATFORM, AUTH]
    assert after[LINKS] == Migration(LINKS, "links", None)


# -- Failing


def test_a_failing_migration_leaves_nothing_and_names_itself(base: str, house: Source) -> None:
    house.add("auth.0002.bad", "CREATE TABLE kept (x int);\nINSERT INTO kept VALUES ('secret')", AUTH)
    with refused(
        'migration auth.0002.bad failed: invalid input syntax for type integer: "secret"',
        "Nothing of it was kept",
    ):
        migrate(base, ["auth"], source=house.root)
    assert applied(base, house) == [PLATFORM, AUTH]
    assert "kept" not in tables(base)
    house.table("auth.0002.bad", AUTH)
    assert migrate(base, ["auth"], source=house.root) == ["auth.0002.bad"]


def test_a_constraint_that_fails_at_commit_leaves_nothing(base: str, source: Source) -> None:
    table = "CREATE TABLE a (x int CONSTRAINT a_key UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    source.add(PLATFORM, f"{table};\nINSERT INTO a VALUES (1), (1)")
    with refused(f'migration {PLATFORM} failed: duplicate key value violates unique constraint "a_key"'):
        migrate(base, source=source.root)
    assert (tables(base), applied(base, source)) == (set(), [])


def test_a_lost_connection_leaves_nothing_and_says_why(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a (x int);\nSELECT pg_terminate_backend(pg_backend_pid())")
    with refused(f"migration {PLATFORM} failed: terminating connection due to administrator command"):
        migrate(base, source=source.root)
    assert (tables(base), applied(base, source)) == (set(), [])


def test_a_migration_outside_a_transaction_says_that_part_may_have_stayed(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a (x int);\nSELECT 1 / 0", head="-- transactional: false\n")
    with refused(f"migration {PLATFORM} failed: division by zero", "part of it may have stayed"):
        migrate(base, source=source.root)
    assert applied(base, source) == []


def test_an_unknown_service_is_refused_with_the_known_ones(base: str, house: Source) -> None:
    hint = "Known are: platform, auth, mentoring, links"
    for call in (migrate, status):
        with refused('there is no service "billing"', hint):
            call(base, ["auth", "billing"], source=house.root)
    with refused('there is no service "billing"', hint):
        rollback(base, 1, ["billing"], source=house.root)


def test_an_unknown_dependency_is_refused(base: str, source: Source) -> None:
    source.table(AUTH, "platform.0009.none")
    with pytest.raises(SetupError, match=r"auth\.0001\.init depends on platform\.0009\.none, which does not exist"):
        migrate(base, source=source.root)


def test_a_dependency_known_from_another_folder_only_is_refused(base: str, tmp_path: Path) -> None:
    first, second = Source(tmp_path / "1"), Source(tmp_path / "2")
    first.table("platform.0007.elsewhere")
    status(base, source=first.root)
    second.table(AUTH, "platform.0007.elsewhere")
    with pytest.raises(SetupError, match=f"{AUTH} depends on platform.0007.elsewhere, which does not exist"):
        migrate(base, source=second.root)


def test_a_circle_of_dependencies_is_refused(base: str, source: Source) -> None:
    source.table(PLATFORM, AUTH)
    source.table(AUTH, PLATFORM)
    with pytest.raises(SetupError, match="the migrations cannot be read"):
        migrate(base, source=source.root)


def test_a_missing_folder_is_refused(base: str, tmp_path: Path) -> None:
    with refused(f"there is no folder of migrations at {tmp_path / 'none'}"):
        migrate(base, source=tmp_path / "none")


def test_an_old_server_is_refused(house: Source) -> None:
    message = f"the server is PostgreSQL {VERSION}, too old"
    with old_server() as dsn:
        for call in (migrate, status, rollback, plan_migrate, plan_rollback, stamp, history):
            with refused(message, "mentorbase needs PostgreSQL 15 or newer"):
                call(dsn, source=house.root)


# -- Waiting for each other


def test_four_processes_at_once_apply_each_migration_once(base: str, house: Source) -> None:
    house.add("platform.0002.slow", "CREATE TABLE slow (x int);\nSELECT pg_sleep(0.3)", PLATFORM)
    processes = [in_process(base, house) for _ in range(4)]
    done = [migration for process in processes for migration in finish(process)]
    assert sorted(done) == sorted([PLATFORM, AUTH, MENTORING, SECOND, LINKS, "platform.0002.slow"])
    assert len(applied(base, house)) == 6
    with psycopg.connect(base) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT migration_id) FROM _yoyo_log").fetchone() == (6, 6)
        assert connection.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)


def test_who_waits_too_long_is_told_who_is_at_work(base: str, house: Source, conn: psycopg.Connection) -> None:
    conn.execute("SET application_name = 'the other one'")
    conn.execute("SELECT pg_advisory_lock(%s, 1)", [GUARD_LOCK])
    hint = f"pg_terminate_backend({conn.info.backend_pid}), application_name 'the other one'"
    with refused("another migrator is at work", hint):
        migrate(base, source=house.root, wait_seconds=0.3)
    assert applied(base, house) == []
    conn.execute("SELECT pg_advisory_unlock_all()")
    assert migrate(base, source=house.root, wait_seconds=0) != []


def test_a_statement_that_outlived_its_migrator_is_waited_for(
    base: str, house: Source, conn: psycopg.Connection
) -> None:
    conn.execute("SELECT pg_advisory_lock_shared(%s, 2)", [GUARD_LOCK])
    with refused("another migrator is at work", f"pg_terminate_backend({conn.info.backend_pid})"):
        migrate(base, source=house.root, wait_seconds=0.3)
    assert applied(base, house) == []


def test_a_migrator_shows_its_name(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a AS SELECT current_setting('application_name') AS name")
    migrate(base, source=source.root)
    with psycopg.connect(base) as connection:
        assert connection.execute("SELECT name FROM a").fetchone() == (APPLICATION_NAME,)


def test_a_killed_migrator_blocks_nobody_and_leaves_nothing(base: str, house: Source, conn: psycopg.Connection) -> None:
    house.add("links.0002.slow", "CREATE TABLE slow (x int);\nSELECT pg_sleep(60)", LINKS)
    with in_process(base, house) as process:
        eventually(runs(conn, "%pg_sleep(60)%"))
        process.kill()
        process.communicate()
    assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (1,)
    assert "links.0002.slow" not in applied(base, house)
    house.add("links.0002.slow", "CREATE TABLE slow (x int)", LINKS)
    assert migrate(base, source=house.root, wait_seconds=20) == ["links.0002.slow"]


def test_the_lock_row_of_a_dead_yoyo_is_broken(base: str, house: Source) -> None:
    migrate(base, ["platform"], source=house.root)
    with psycopg.connect(base) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now() - interval '1 hour', 4242)")
    assert migrate(base, ["auth"], source=house.root, wait_seconds=0) == [AUTH]


def test_the_lock_row_of_a_living_yoyo_is_respected(base: str, house: Source, conn: psycopg.Connection) -> None:
    migrate(base, ["platform"], source=house.root)
    conn.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now() AT TIME ZONE 'UTC', 4242)")
    with refused("another migrator is at work", "yoyo, process 4242, holds its lock"):
        migrate(base, ["auth"], source=house.root, wait_seconds=0.3)
    conn.execute("DELETE FROM yoyo_lock")
    assert migrate(base, ["auth"], source=house.root) == [AUTH]


def test_a_plain_yoyo_is_kept_out_while_a_migrator_works(base: str, house: Source, conn: psycopg.Connection) -> None:
    rows: list[Any] = []

    def look(migration_id: str, done: int, total: int) -> None:
        rows.append(conn.execute("SELECT locked, pid FROM yoyo_lock").fetchall())

    migrate(base, ["platform"], source=house.root, progress=look)
    assert rows == [[(1, -os.getpid())]] * 2
    assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)


def test_a_lock_held_by_others_is_given_up_and_explained(base: str, source: Source, conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE busy (x int)")
    source.add(PLATFORM, "CREATE TABLE a (x int);\nALTER TABLE busy ADD COLUMN y int")
    hasty = make_conninfo(base, options="-c lock_timeout=200ms")
    with conn.transaction():
        conn.execute("LOCK TABLE busy IN ACCESS SHARE MODE")
        hint = "Nothing of it was kept. End the session that holds it"
        with refused(f"migration {PLATFORM} waited too long for a lock", hint):
            migrate(hasty, source=source.root)
        assert (tables(base), applied(base, source)) == ({"busy"}, [])
    assert migrate(hasty, source=source.root) == [PLATFORM]


def test_lock_timeout_is_set_where_nobody_set_it(base: str, source: Source) -> None:
    source.add(PLATFORM, "CREATE TABLE a AS SELECT current_setting('lock_timeout') AS t")
    migrate(base, source=source.root)
    with psycopg.connect(base) as connection:
        assert connection.execute("SELECT t FROM a").fetchone() == (module.LOCK_TIMEOUT,)


def test_an_index_built_concurrently_does_not_wait_for_the_waiting_migrator(
    base: str, source: Source, conn: psycopg.Connection
) -> None:
    source.add(PLATFORM, "CREATE TABLE a (x int)")
    source.add(
        "platform.0002.index",
        "SELECT pg_sleep(0.5);\nCREATE INDEX CONCURRENTLY a_x_idx ON a (x)",
        PLATFORM,
        head="-- transactional: false\n",
    )
    hasty = make_conninfo(base, options="-c lock_timeout=3s")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(migrate, hasty, source=source.root)
        eventually(runs(conn, "%pg_sleep(0.5)%"))
        second = pool.submit(migrate, hasty, source=source.root)
        assert first.result(30) == [PLATFORM, "platform.0002.index"]
        assert second.result(30) == []
    assert conn.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_x_idx'::regclass").fetchone() == (True,)


def test_many_threads_read_and_migrate_at_once(pg_server: Any, base: str, house: Source) -> None:
    barrier = threading.Barrier(4)

    def work() -> list[str]:
        barrier.wait()
        return migrate(base, source=house.root)

    with ThreadPoolExecutor(4) as pool:
        results = [future.result(60) for future in [pool.submit(work) for _ in range(4)]]
    assert sorted(map(len, results)) == [0, 0, 0, 5]


# -- Connections


def test_no_server(tmp_path: Path, house: Source) -> None:
    with refused("no server listens at 127.0.0.1:1"):
        migrate("host=127.0.0.1 port=1 password=hunter2", source=house.root)
    with refused(f"no server listens at {tmp_path}/.s.PGSQL.5432"):
        status(f"host={tmp_path}", source=house.root)


def test_an_unknown_host(house: Source) -> None:
    with refused("the host name is unknown"):
        migrate("postgresql://user:hunter2@no-such-host.invalid/base", source=house.root)


def test_a_server_that_does_not_answer(house: Source) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with refused("the server did not answer in time"):
            migrate(f"host=127.0.0.1 port={port} connect_timeout=2", source=house.root)


def test_a_missing_database(pg_server: Any, house: Source) -> None:
    with refused('database "no {such}" does not exist'):
        migrate(pg_server.dsn("no {such}"), source=house.root)


def test_a_missing_role(base: str, house: Source) -> None:
    with refused('role "nobody_here" does not exist or may not log in'):
        migrate(make_conninfo(base, user="nobody_here"), source=house.root)


def test_a_role_that_may_not_log_in(base: str, house: Source) -> None:
    with refused('role "pg_monitor" does not exist or may not log in'):
        migrate(make_conninfo(base, user="pg_monitor"), source=house.root)


def test_a_role_that_may_not_connect(base: str, role: str, conn: psycopg.Connection, house: Source) -> None:
    conn.execute(f"REVOKE CONNECT ON DATABASE {conn.info.dbname} FROM PUBLIC")
    with refused(f'role "{role}" may not connect to database "{conn.info.dbname}"'):
        migrate(make_conninfo(base, user=role), source=house.root)


def test_a_role_that_may_not_create(base: str, role: str, house: Source) -> None:
    hint = "Connect as the owner of the database or as a superuser"
    with refused("the role has not enough rights: permission denied for schema public", hint):
        migrate(make_conninfo(base, user=role), source=house.root)


def test_a_role_that_may_not_do_what_a_migration_does(
    base: str, role: str, conn: psycopg.Connection, source: Source
) -> None:
    conn.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    source.add(PLATFORM, "CREATE SCHEMA a")
    message = f"migration {PLATFORM} failed: permission denied for database {conn.info.dbname}"
    with refused(message, "Connect as the owner"):
        migrate(make_conninfo(base, user=role), source=source.root)


def test_a_role_that_may_not_read_the_marks(base: str, role: str, house: Source) -> None:
    migrate(base, source=house.root)
    with refused("the role has not enough rights: permission denied for table _mentorbase_checksum"):
        status(make_conninfo(base, user=role), source=house.root)


def test_passwords_are_asked_for_checked_and_never_shown(house: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    with server(tcp=True) as running:
        over_tcp = make_conninfo(host="127.0.0.1", port=running.port, user="postgres", dbname="postgres")
        with refused('the password for role "postgres" is wrong'):
            migrate(make_conninfo(over_tcp, password="hunter2"), source=house.root)
        with refused('role "postgres" needs a password'):
            migrate(over_tcp, source=house.root)
        odd = "ü %41 p@ss/w:?#[]&=+'\\\" {x}"
        with psycopg.connect(running.dsn(), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("ALTER ROLE postgres PASSWORD {}").format(odd))
        assert len(migrate(make_conninfo(over_tcp, password=odd), source=house.root)) == 5


@pytest.mark.parametrize("dsn", ["passwrod=hunter2 x", "postgresql://u:hunter2%zz@h/d", "hunter2"])
def test_a_dsn_that_cannot_be_read_is_not_repeated(dsn: str, house: Source) -> None:
    with pytest.raises(SetupError, match="the DSN cannot be read") as caught:
        migrate(dsn, source=house.root)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_without_a_connection_is_explained_by_its_text() -> None:
    error = explain_connection(psycopg.OperationalError("connection failed: odd {thing}\nmore"))
    assert str(error) == "the connection failed: odd {thing}. Check the DSN and the server's log"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("connection failed: FATAL:  sorry, too many clients already", "the server has no free connection"),
        (
            "connection failed: FATAL:  the database system is starting up",
            "the server is starting up or shutting down",
        ),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "x"', "the server does not admit"),
    ],
)
def test_rarer_refusals_have_words_too(text: str, message: str) -> None:
    assert explain_connection(psycopg.OperationalError(text)).message.startswith(message)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=/var/run/postgresql dbname=a user=b",
        "postgresql://b:p%40ss%2Fw%3A%3F%23%25@h:5433/a?sslmode=require",
        make_conninfo(password="ü %41 p@ss/w:?#[]&=+'\\\" {x}\t", user="o'neill \\", dbname="a b/c"),
        make_conninfo(options="-c lock_timeout=5s -c work_mem='4 MB'"),
        "host=a,b port=1,2 target_session_attrs=read-write",
        "postgresql://%2Fvar%2Frun/a",
        "",
    ],
)
def test_yoyo_understands_the_same_connection(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    uri = parse_uri(yoyo_uri(dsn))
    assert uri.scheme == "postgresql+psycopg"
    assert (uri.username, uri.password, uri.hostname, uri.port, uri.database) == (None, None, None, None, "")
    ours = {"application_name": APPLICATION_NAME, "connect_timeout": "10", "schema": "public"}
    assert uri.args == conninfo_to_dict(dsn) | ours


def test_all_connections_go_to_the_server_that_answered(base: str, house: Source, tmp_path: Path) -> None:
    given = conninfo_to_dict(base)
    several = make_conninfo(base, host=f"{tmp_path},{given['host']}", port=f"5432,{given.get('port') or 5432}")
    assert len(migrate(several, source=house.root)) == 5


def test_the_database_may_come_from_the_environment(base: str, house: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    given = conninfo_to_dict(base)
    monkeypatch.setenv("PGDATABASE", given.pop("dbname"))
    assert len(migrate(make_conninfo(**given), source=house.root)) == 5
    assert len(applied(base, house)) == 5


# -- Plain yoyo


def test_what_plain_yoyo_applied_is_applied(base: str, house: Source, checkout: Path) -> None:
    yoyo(base, checkout, "apply")
    assert len(applied(base, house)) == 5
    assert migrate(base, source=house.root) == []
    assert rollback(base, 2, source=house.root) == [LINKS, SECOND]


def test_plain_yoyo_rolls_back_what_was_applied_here(base: str, house: Source, checkout: Path) -> None:
    migrate(base, source=house.root)
    yoyo(base, checkout, "rollback", "--all")
    assert (tables(base), applied(base, house)) == (set(), [])


def test_yoyo_ini_lists_every_service_and_no_password() -> None:
    text = (ROOT / "yoyo.ini").read_text()
    found = re.search(r"^sources = (.*)$", text, re.MULTILINE)
    assert found
    assert not re.search(r"^database", text, re.MULTILINE)
    if SHIPPED:
        assert found[1].split() == [f"migrations/{service}" for service in services()]


# -- The shipped files


def shipped(path: Path) -> str:
    return path.name


def test_a_login_that_is_an_application_too_migrates_as_the_system(
    admin: psycopg.Connection, base: str, role: str
) -> None:
    admin.execute(f"GRANT mentorbase_app, mentorbase_owner TO {role}")
    admin.execute(f"ALTER DATABASE {conninfo_to_dict(base)['dbname']} OWNER TO {role}")
    assert "mentoring.0010.purge" in migrate(make_conninfo(base, user=role), ["mentoring"])
    with psycopg.connect(base) as connection:
        written = connection.execute("SELECT DISTINCT actor_kind::text FROM mentoring.audit_log")
        assert written.fetchall() == [("system",)]


@pytest.mark.parametrize("path", SHIPPED, ids=shipped)
def test_yoyo_splits_a_file_where_postgresql_does(path: Path, pg_server: Any) -> None:
    text = path.read_text(encoding="utf-8")
    statements = sqlparse.split(text)
    assert "".join("".join(statements).split()) == "".join(text.split())
    with psycopg.connect(pg_server.dsn(), autocommit=True) as connection:
        for statement in statements:
            # The parser refuses two commands in one, and half a command; later stages miss our tables.
            result = connection.pgconn.prepare(b"", statement.encode())
            state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            assert state != b"42601", f"{result.error_message.decode()}\n{statement}"


@pytest.mark.parametrize("path", SHIPPED, ids=shipped)
def test_every_statement_starts_with_a_keyword_we_use(path: Path) -> None:
    for statement in sqlparse.split(path.read_text(encoding="utf-8")):
        code = re.sub(r"\A(\s|--[^\n]*\n?)+", "", statement)
        assert not code or code.split()[0] in KEYWORDS, statement


@pytest.mark.parametrize("path", SHIPPED, ids=shipped)
def test_every_file_is_named_for_its_service_and_has_its_other_half(path: Path) -> None:
    assert re.fullmatch(rf"{path.parent.name}\.\d{{4}}\.[a-z0-9_]+(\.rollback)?\.sql", path.name)
    stem = path.name.removesuffix(".sql").removesuffix(".rollback")
    assert path.with_name(f"{stem}.sql").is_file()
    assert path.with_name(f"{stem}.rollback.sql").is_file()


@pytest.mark.parametrize("path", SHIPPED, ids=shipped)
def test_what_has_no_transaction_can_run_again_from_its_start(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    up = path.with_name(path.name.replace(".rollback", "")).read_text(encoding="utf-8")
    if re.search(r"^\s*--\s*transactional\s*:\s*false", up, re.MULTILINE | re.IGNORECASE):
        dropped = set(re.findall(r"^DROP INDEX CONCURRENTLY IF EXISTS (?:\w+\.)?(\w+);", text, re.MULTILINE))
        made = set(re.findall(r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+)", text, re.MULTILINE))
        assert made <= dropped, "killed in the middle, an index stays and is invalid: drop it first, IF EXISTS"
        assert len(sqlparse.split(text)) == len(made) + len(dropped), "what is no index belongs into a transaction"


def test_nothing_but_sql_lies_beside_the_migrations() -> None:
    # yoyo would run an __init__.py as a migration.
    folder = resources.folder("migrations")
    assert [path for path in folder.glob("*/*") if path.suffix != ".sql"] == []
