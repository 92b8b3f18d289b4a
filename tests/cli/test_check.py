"""``check``: green on what the migrations build, and each way not to be what this version expects."""

from __future__ import annotations

import json
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from cli.support import mentorbase
from conftest import DEPLOY
from mentorbase import clients, embedded, migrate
from mentorbase.check import _TOPICS, Finding, Level, check, wrong_sides
from mentorbase.embedded import version_of
from psycopg.conninfo import make_conninfo

DEBIAN = Path("/usr/lib/postgresql/15/bin")


def found(dsn: str, topic: str, *services: str) -> list[tuple[str, str]]:
    """The level and message of each finding about a topic; the others, of which one builds sql/, are not looked at."""
    with patch.dict(_TOPICS, {topic: _TOPICS[topic]}, clear=True):
        return [(finding.level, finding.message) for finding in check(dsn, services)]


def of_cluster(conn: psycopg.Connection) -> list[tuple[str]]:
    """Every database and role of the server, and who is a member of what."""
    return conn.execute(
        """
        SELECT 'database ' || datname FROM pg_database
        UNION ALL SELECT 'role ' || rolname FROM pg_roles
        UNION ALL SELECT 'member ' || roleid::regrole || ' ' || member::regrole FROM pg_auth_members
        ORDER BY 1
        """
    ).fetchall()


@contextmanager
def changed(conn: psycopg.Connection, there: str, back: str) -> Iterator[None]:
    """A change of the cluster, for a while."""
    conn.execute(there)
    try:
        yield
    finally:
        conn.execute(back)


# As expected


def test_what_the_migrations_build_is_as_expected(tmp_path: Path, admin: psycopg.Connection) -> None:
    before = of_cluster(admin)
    done = mentorbase("check", "--dsn", admin.info.dsn, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "As expected."), done.stdout
    assert "Checking" in done.stderr
    assert of_cluster(admin) == before


def test_a_deployer_who_may_not_create_a_database_compares_with_a_private_server(admin: psycopg.Connection) -> None:
    findings = check(make_conninfo(admin.info.dsn, user=DEPLOY))
    ours = [finding for finding in findings if finding.topic in ("migrations", "objects", "roles")]
    assert {finding.level for finding in ours} == {Level.OK}
    count = len(migrate.status(admin.info.dsn))
    assert ours[0] == Finding("migrations", Level.OK, f"all {count} are applied")


def test_json_holds_every_finding(tmp_path: Path, admin: psycopg.Connection) -> None:
    done = mentorbase("check", "--json", cwd=tmp_path, MENTORBASE_DSN=admin.info.dsn)
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr, shown["ok"], shown["different"]) == (0, "", True, 0)
    assert [finding["topic"] for finding in shown["findings"]][:5] == [
        "server",
        "connection",
        "migrations",
        "objects",
        "roles",
    ]
    assert shown["findings"][0] == {
        "topic": "server",
        "level": "ok",
        "message": f"PostgreSQL {admin.info.parameter_status('server_version')}",
        "hint": "",
    }


def test_one_service_alone_is_as_expected_when_it_is_named(empty_dsn: str) -> None:
    migrate.migrate(empty_dsn, ["mentoring"])
    levels = {finding.level for finding in check(empty_dsn, ["mentoring"]) if finding.topic != "settings"}
    assert levels == {Level.OK}
    # What is pending makes differences of its own, which are not told one by one.
    [(level, message)] = found(empty_dsn, "objects")
    assert (level, message.lstrip("0123456789")) == (Level.DIFFERENT, " differ from sql/")


def test_the_roles_that_are_looked_at_are_all_there_are(admin: psycopg.Connection) -> None:
    (count,) = admin.execute(
        """
        SELECT count(*) FROM pg_roles
        WHERE rolname ~ '_app$|^mentorbase_|^pas_bot_user$|^inner_edu_user$' AND rolname !~ '^test_'
        """
    ).fetchone() or (0,)
    assert found(admin.info.dsn, "roles") == [(Level.OK, f"all {count} are groups; PUBLIC has nothing")]


# Migrations and objects


def test_a_pending_migration_is_exit_code_3(tmp_path: Path, admin: psycopg.Connection) -> None:
    (undone,) = migrate.rollback(admin.info.dsn)
    done = mentorbase("check", "--dsn", admin.info.dsn, cwd=tmp_path)
    assert done.returncode == 3
    line = next(line for line in done.stdout.splitlines() if line.startswith("migrations"))
    assert line.split("  ")[0:1] == ["migrations"]
    assert f"{undone} is pending" in line
    assert "mentorbase migrate applies it" in line
    assert done.stdout.splitlines()[-1].endswith("different: this is not the database that this version expects.")


def test_an_empty_database_is_told_in_few_lines(tmp_path: Path, empty_dsn: str) -> None:
    done = mentorbase("check", "--dsn", empty_dsn, cwd=tmp_path)
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) < 120
    assert "--json shows all" in done.stdout


def test_a_migration_of_a_newer_version_is_different(admin: psycopg.Connection) -> None:
    admin.execute(
        """
        INSERT INTO public._yoyo_migration (migration_hash, migration_id, applied_at_utc)
        VALUES ('x', 'mentoring.9999.later', now()), ('y', 'somebody.0001.else', now())
        """
    )
    assert found(admin.info.dsn, "migrations") == [
        (Level.DIFFERENT, "mentoring.9999.later is not of this version of mentorbase")
    ]


def test_what_was_changed_by_hand_is_named(tmp_path: Path, admin: psycopg.Connection) -> None:
    admin.execute("ALTER TABLE auth.users ADD COLUMN nickname text")
    admin.execute("ALTER TABLE mentoring.blocks DISABLE TRIGGER ALL")
    done = mentorbase("check", "--json", "--dsn", admin.info.dsn, cwd=tmp_path)
    shown = json.loads(done.stdout)
    messages = [line["message"] for line in shown["findings"] if line["topic"] == "objects"]
    assert (done.returncode, shown["ok"]) == (3, False)
    assert "unexpected: column auth.users.nickname" in messages
    assert any(message.startswith("different: trigger mentoring.blocks.") for message in messages)


def test_a_table_of_somebodys_own_is_one_line_however_many_partitions_it_has(admin: psycopg.Connection) -> None:
    admin.execute("CREATE TABLE auth.more (d date) PARTITION BY RANGE (d)")
    for month in range(1, 13):
        admin.execute(
            f"CREATE TABLE auth.more_{month} PARTITION OF auth.more "
            f"FOR VALUES FROM ('{2000 + month}-01-01') TO ('{2001 + month}-01-01')"
        )
    tables = [message for _, message in found(admin.info.dsn, "objects") if " table " in message]
    assert tables == ["unexpected: grant table auth.more to postgres", "unexpected: table auth.more"]


def test_a_limit_that_was_changed_is_a_warning(admin: psycopg.Connection) -> None:
    admin.execute(
        "UPDATE mentoring.settings SET value = value + 1 WHERE name = (SELECT min(name) FROM mentoring.settings)"
    )
    lines = found(admin.info.dsn, "objects")
    assert [level for level, _ in lines] == [Level.WARNING, Level.WARNING]
    assert [message.partition(" {")[0] for _, message in lines] == [
        "missing: seed mentoring.settings",
        "unexpected: seed mentoring.settings",
    ]


def test_who_may_not_see_everything_is_told_what_was_skipped(tmp_path: Path, dsn: str) -> None:
    done = mentorbase("check", "--json", "--dsn", dsn, cwd=tmp_path)
    skipped = {line["topic"]: line for line in json.loads(done.stdout)["findings"] if line["level"] == "skipped"}
    assert done.returncode == 0
    assert list(skipped) == ["migrations", "objects"]
    assert skipped["objects"]["message"].startswith("not enough rights: permission denied for ")
    assert skipped["objects"]["hint"] == "Connect as the login that migrates, or as a superuser"
    assert mentorbase("check", "--dsn", dsn, cwd=tmp_path).stdout.endswith("As expected, as far as could be seen.\n")


@pytest.mark.skipif(version_of(embedded.find_binaries() / "postgres") == 15, reason="needs a server that is not 15")
@pytest.mark.skipif(not DEBIAN.exists(), reason="needs programs of PostgreSQL 15")
def test_without_a_place_to_build_sql_the_comparison_is_skipped(tmp_path: Path, admin: psycopg.Connection) -> None:
    dsn, version = make_conninfo(admin.info.dsn, user=DEPLOY), admin.info.server_version // 10000
    done = mentorbase("check", "--json", "--dsn", dsn, cwd=tmp_path, MENTORBASE_PG_BIN=str(DEBIAN))
    (skipped,) = [line for line in json.loads(done.stdout)["findings"] if line["topic"] == "objects"]
    assert (done.returncode, skipped) == (
        0,
        {
            "topic": "objects",
            "level": "skipped",
            "message": f"sql/ could not be built to compare with: role {DEPLOY} may not create a database; "
            f"The PostgreSQL in MENTORBASE_PG_BIN={DEBIAN} is not of version {version}",
            "hint": f"Use a login with CREATEDB that may become mentorbase_owner, or install PostgreSQL {version} here",
        },
    )


def test_a_server_that_never_heard_of_it_has_no_role_afterwards() -> None:
    with embedded.server() as running, psycopg.connect(running.dsn(), autocommit=True) as conn:
        before = of_cluster(conn)
        assert different_objects(running.dsn()) == 1
        assert of_cluster(conn) == before


def different_objects(dsn: str) -> int:
    return len([level for level, _ in found(dsn, "objects") if level is Level.DIFFERENT])


def test_what_a_killed_check_left_is_dropped_by_a_later_one(admin: psycopg.Connection) -> None:
    old, fresh = (f"mentorbase_check_{time.time() - age:.0f}_0123abcd" for age in (4000, 10))
    for name in (old, fresh):
        admin.execute(f"CREATE DATABASE {name}")
    try:
        check(admin.info.dsn)
        names = {name for (name,) in of_cluster(admin)}
    finally:
        for name in (old, fresh):
            admin.execute(f"DROP DATABASE IF EXISTS {name}")
    assert (f"database {old}" in names, f"database {fresh}" in names) == (False, True)


# Roles


@pytest.mark.parametrize(
    ("there", "back", "message"),
    [
        (
            "ALTER ROLE mentorbase_owner SUPERUSER",
            "ALTER ROLE mentorbase_owner NOSUPERUSER",
            "role mentorbase_owner has superuser",
        ),
        (
            "ALTER ROLE mentorbase_reader LOGIN BYPASSRLS",
            "ALTER ROLE mentorbase_reader NOLOGIN NOBYPASSRLS",
            "role mentorbase_reader has login, bypassrls",
        ),
        (
            f"SET ROLE {DEPLOY}; REVOKE auth_app FROM mentorbase_app; RESET ROLE",
            f"SET ROLE {DEPLOY}; GRANT auth_app TO mentorbase_app; RESET ROLE",
            "mentorbase_app is no member of auth_app",
        ),
        (
            "ALTER ROLE mentorbase_reader RENAME TO another_reader",
            "ALTER ROLE another_reader RENAME TO mentorbase_reader",
            "role mentorbase_reader does not exist",
        ),
        ("GRANT SELECT, INSERT ON auth.users TO PUBLIC", "SELECT 1", "PUBLIC has INSERT, SELECT on auth.users"),
        ("GRANT SELECT (id) ON auth.users TO PUBLIC", "SELECT 1", "PUBLIC has SELECT on auth.users.id"),
        ("GRANT USAGE ON SCHEMA auth TO PUBLIC", "SELECT 1", "PUBLIC has USAGE on schema auth"),
        ("CREATE TYPE auth.t AS ENUM ('one')", "SELECT 1", "PUBLIC has USAGE on type auth.t"),
        (
            "CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql RETURN 1",
            "SELECT 1",
            "PUBLIC has EXECUTE on function auth.f()",
        ),
    ],
)
def test_what_is_wrong_with_roles_is_different(admin: psycopg.Connection, there: str, back: str, message: str) -> None:
    with changed(admin, there, back):
        assert found(admin.info.dsn, "roles") == [(Level.DIFFERENT, message)]


# Settings


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("timezone", "'Asia/Tokyo'", "TimeZone is Asia/Tokyo: clients see instants in it"),
        (
            "lock_timeout",
            "'5s'",
            "no limit for sessions that set none, such as DBeaver's: statement_timeout, "
            "idle_in_transaction_session_timeout",
        ),
        (
            "log_parameter_max_length_on_error",
            "100",
            "the server's log shows the values of statements that fail",
        ),
        ("log_statement", "'mod'", "the server's log shows the values of statements"),
        ("log_min_duration_statement", "'1s'", "the server's log shows the values of statements"),
        (
            "default_transaction_isolation",
            "'serializable'",
            "transactions are serializable by default: expect conflicts",
        ),
    ],
)
def test_a_setting_that_does_not_suit_is_a_warning(
    admin: psycopg.Connection, setting: str, value: str, message: str
) -> None:
    admin.execute(f"ALTER DATABASE {admin.info.dbname} SET {setting} = {value}")
    assert (Level.WARNING, message) in found(admin.info.dsn, "settings")


def test_settings_that_suit_are_ok(admin: psycopg.Connection) -> None:
    name = admin.info.dbname
    suits = {"log_error_verbosity": "terse", "synchronous_commit": "on"}
    limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    for setting, value in (suits | dict.fromkeys(limits, "60s")).items():
        admin.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    # The test server is fast rather than safe.
    assert found(admin.info.dsn, "settings") == [
        (Level.WARNING, "a crash may lose what was committed: fsync, full_page_writes is off")
    ]


def test_an_encoding_that_holds_no_russian_is_different(admin: psycopg.Connection) -> None:
    admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        lines = found(make_conninfo(admin.info.dsn, dbname="latin"), "settings")
    finally:
        admin.execute("DROP DATABASE latin WITH (FORCE)")
    assert lines[0] == (Level.DIFFERENT, "the database is encoded in LATIN1")


# Server and connection


def test_a_server_newer_than_this_version_knows_is_a_warning(
    admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "NEWEST_SERVER", 14)
    shown = admin.info.parameter_status("server_version")
    assert found(admin.info.dsn, "server") == [
        (Level.WARNING, f"PostgreSQL {shown} is newer than this version of mentorbase")
    ]


KNOWS_TLS = clients._knows_tls(embedded.find_binaries() / "psql")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="test-check-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def over_tcp(place: Path) -> Iterator[embedded.Server]:
    """A server with a certificate, which it shows to those who ask for TLS, if it was built to."""
    with embedded.server(place / "home"):
        pass
    data = place / "home" / "data"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-keyout", data / "server.key", "-out", data / "server.crt"),
        ],
        check=True,
        capture_output=True,
    )
    for name in ("server.key", "server.crt"):
        shutil.chown(data / name, data.owner(), data.group())
        (data / name).chmod(0o600)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("ssl = on\n" * KNOWS_TLS)
    with (data / "pg_hba.conf").open("a") as conf:
        conf.write("host all all 127.0.0.2/32 scram-sha-256\n")
    with embedded.server(place / "home", tcp=True) as running:
        yield running


@contextmanager
def relay(port: int) -> Iterator[int]:
    """A port that leads to *port* from another address, so that client and server see a machine between them."""

    def carry(one: socket.socket) -> None:
        other = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
        with one, other, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(one, selectors.EVENT_READ, other)
            ready.register(other, selectors.EVENT_READ, one)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)

    def admit() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=carry, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("0.0.0.0", 0)) as listener:
        serving = threading.Thread(target=admit, daemon=True)
        serving.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    serving.join(5)


def test_another_machine_without_tls_is_a_warning(over_tcp: embedded.Server) -> None:
    assert over_tcp.password
    address = make_conninfo(user="postgres", dbname="postgres", password=over_tcp.password)
    here = make_conninfo(address, host="127.0.0.1", port=over_tcp.port, sslmode="disable")
    assert found_way(here) == (Level.OK, "the server is on this machine")
    with relay(over_tcp.port) as port:
        # An address of this machine that is not the loopback's to libpq.
        there = make_conninfo(address, host="0.0.0.0", port=port, sslmode="disable")
        assert found_way(there) == (Level.WARNING, "0.0.0.0 is another machine and is reached without TLS")
        if KNOWS_TLS:  # the wheel's does not
            assert found_way(make_conninfo(there, sslmode="require")) == (Level.OK, "TLS")


def found_way(dsn: str) -> tuple[str, str]:
    ((level, message),) = found(dsn, "connection", "platform")
    return level, message


@pytest.mark.parametrize(
    ("right", "holder", "message"),
    [
        ("pas_bot_user", "mentorbase_app", "mentorbase_app has the rights of pas_bot_user"),
        ("inner_edu_user", "other_app", "other_app has the rights of inner_edu_user"),
        ("inner_edu_user", "pas_bot_user", "pas_bot_user has the rights of inner_edu_user"),
        ("mentorbase_reader", "pas_bot_user", "pas_bot_user has the rights of mentorbase_reader"),
        ("pas_bot_user, inner_edu_user", "test_both", "test_both is both inner_edu_user and pas_bot_user"),
        (
            "pas_bot_user, mentorbase_owner",
            "test_both",
            "test_both is pas_bot_user, and mentorbase_owner, which sees everything",
        ),
    ],
)
def test_whoever_is_more_than_one_side_of_the_quests_is_named(
    admin: psycopg.Connection, right: str, holder: str, message: str
) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE ROLE test_both; CREATE ROLE other_app")
        admin.execute(f"GRANT {right} TO {holder}")
        assert message in [found for found, _ in wrong_sides(admin)]


def test_a_login_of_one_side_and_who_administers_both_are_as_expected(admin: psycopg.Connection) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE ROLE test_one_side IN ROLE pas_bot_user")
        admin.execute("CREATE ROLE test_administrator CREATEROLE")
        if admin.info.server_version >= 160000:  # before, who administers a role has it
            admin.execute("GRANT inner_edu_user TO test_administrator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
            admin.execute("GRANT pas_bot_user TO test_administrator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        assert list(wrong_sides(admin)) == []


def test_check_looks_at_the_sides_of_the_quests(admin: psycopg.Connection) -> None:
    without = f"SET ROLE {DEPLOY}; REVOKE quests_app FROM inner_edu_user; RESET ROLE"
    with changed(admin, without, without.replace("REVOKE", "GRANT").replace("FROM", "TO")):
        assert found(admin.info.dsn, "roles") == [(Level.DIFFERENT, "inner_edu_user is no member of quests_app")]
        assert found(admin.info.dsn, "roles", "auth")[0][0] == Level.OK
