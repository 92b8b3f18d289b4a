"""What goes wrong is one clear line and what to do about it, in every command; each is caused for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from cli.support import mentorbase
from conftest import APP, DEPLOY, TestServer
from mentorbase import embedded
from mentorbase.embedded import version_of
from psycopg.conninfo import make_conninfo

SECRET = "sEcReT-7"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
BAR = re.compile(r" \d+/\d+ +\d:\d\d:\d\d$|^$")
COMMANDS = {
    "migrate": ["migrate"],
    "rollback": ["rollback"],
    "status": ["status"],
    "check": ["check"],
    "backup": ["backup", "--to", "dump"],
    "restore": ["restore", "here"],
    "psql": ["psql", "-c", "SELECT 1"],
    "purge": ["purge"],
    "adopt": ["adopt", "--from-schema", "public"],
}
SOME = ("migrate", "check", "backup", "purge")  # the migrator connects in a way of its own


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, with what looks like a backup."""
    made = Path(tempfile.mkdtemp(prefix="test-messages-")).resolve()
    made.chmod(0o755)
    (made / "here").touch()
    (made / "here.json").write_text('{"service": null, "server": 15, "roles": []}')
    yield made
    for home in made.rglob("mentorbase.lock"):
        embedded.stop(home.parent)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[embedded.Server]:
    with embedded.server(tcp=True) as running:
        yield running


@pytest.fixture(scope="module")
def old_server() -> Iterator[int]:
    """A port where something answers as PostgreSQL 14 would until it is asked for rows."""

    def message(kind: bytes, body: bytes = b"") -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    done, ready = message(b"C", b"SET\0"), message(b"Z", b"I")
    answers = {
        b"Q": done + ready,
        b"P": message(b"1"),
        b"B": message(b"2"),
        b"D": message(b"n"),
        b"E": done,
        b"S": ready,
    }

    def serve(client: socket.socket) -> None:
        with client, client.makefile("rb") as stream, suppress(OSError, struct.error):
            while True:
                (length,) = struct.unpack("!i", stream.read(4))
                (code,) = struct.unpack("!i", stream.read(length - 4)[:4])
                if code == 196608:  # protocol 3.0; the others ask for encryption
                    break
                client.sendall(b"N")
            version = message(b"S", b"server_version\x0014.9\0")
            client.sendall(message(b"R", struct.pack("!i", 0)) + version + ready)
            while kind := stream.read(1):
                (length,) = struct.unpack("!i", stream.read(4))
                stream.read(length - 4)
                client.sendall(answers.get(kind, b""))

    def admit() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=admit, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def failure(*args: str, cwd: Path, **extra: str) -> tuple[str, str]:
    """What a command says, in two lines and nothing else but its bar."""
    done = mentorbase(*args, cwd=cwd, **extra | {"COLUMNS": "1000"})
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert SECRET not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not BAR.search(line)]
    error, hint = lines
    assert (error[:7], hint[:7]) == ("error: ", "to do: ")
    return error[7:], hint[7:]


# Which server, and whether it admits


@pytest.mark.parametrize("command", COMMANDS)
def test_no_server_is_named(folder: Path, command: str) -> None:
    assert failure(*COMMANDS[command], cwd=folder) == (
        "no PostgreSQL server is named",
        "Give --dsn (or the dsn argument), or set MENTORBASE_DSN or POSTGRES_HOST",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_no_server_listens(folder: Path, command: str) -> None:
    dsn = f"host=127.0.0.1 port=1 password={SECRET}"
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=dsn) == (
        "no server listens at 127.0.0.1:1",
        "Start it, or check host and port",
    )


@pytest.mark.parametrize("command", SOME)
def test_the_password_is_wrong(folder: Path, over_tcp: embedded.Server, command: str) -> None:
    address = make_conninfo(host="127.0.0.1", port=over_tcp.port, user="postgres", dbname="postgres")
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=make_conninfo(address, password=SECRET)) == (
        'the password for role "postgres" is wrong',
        "Check it in the DSN, PGPASSWORD or ~/.pgpass",
    )
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=address, PGPASSFILE="/none") == (
        'role "postgres" needs a password',
        "Put it into the DSN, PGPASSWORD or ~/.pgpass",
    )


@pytest.mark.parametrize("command", SOME)
def test_the_database_is_missing(folder: Path, pg_server: TestServer, command: str) -> None:
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=pg_server.dsn("nowhere")) == (
        'database "nowhere" does not exist',
        "Create it (CREATE DATABASE), or correct the name",
    )


@pytest.mark.parametrize("command", SOME)
def test_the_server_is_too_old(folder: Path, old_server: int, command: str) -> None:
    dsn = f"host=127.0.0.1 port={old_server} user=u dbname=d"
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=dsn) == (
        "the server is PostgreSQL 14.9, too old",
        "mentorbase needs PostgreSQL 15 or newer",
    )


@pytest.mark.parametrize("command", SOME)
def test_the_dsn_cannot_be_read(folder: Path, command: str) -> None:
    assert failure(*COMMANDS[command], cwd=folder, MENTORBASE_DSN=f"postgresql://u:{SECRET}@[/x") == (
        "the DSN cannot be read",
        "Write it as postgresql://user@host/database",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_programs_get_it_as_json(folder: Path, command: str) -> None:
    name, *rest = COMMANDS[command]
    done = mentorbase(name, "--json", *rest, cwd=folder, MENTORBASE_DSN=f"host=127.0.0.1 port=1 password={SECRET}")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {
        "error": "no server listens at 127.0.0.1:1",
        "hint": "Start it, or check host and port",
    }


# Rights


def test_migrating_without_the_right_to_is_told(folder: Path, admin: psycopg.Connection, empty_dsn: str) -> None:
    error, hint = failure("migrate", cwd=folder, MENTORBASE_DSN=make_conninfo(empty_dsn, user=APP))
    assert error == "the role has not enough rights: permission denied for schema public"
    assert hint == "Connect as the owner of the database or as a superuser"


def test_restoring_into_somebody_elses_database_is_told(
    folder: Path, admin: psycopg.Connection, empty_dsn: str
) -> None:
    made = mentorbase("backup", "--to", "dump", cwd=folder, MENTORBASE_DSN=make_conninfo(admin.info.dsn, user=DEPLOY))
    assert made.returncode == 0, made.stderr
    error, hint = failure("restore", "dump", cwd=folder, MENTORBASE_DSN=make_conninfo(empty_dsn, user=APP))
    assert error.startswith("not enough rights: ")
    assert hint == "Connect as the owner of the database with CREATEROLE, or as a superuser"


@pytest.mark.skipif(embedded.find_binaries().parent.name != "pginstall", reason="needs programs that can be copied")
def test_an_extension_that_the_server_lacks_is_told(folder: Path) -> None:
    wheel = embedded.find_binaries().resolve().parent.parent
    lacking = shutil.ignore_patterns("btree_gist*", "include", "doc")
    for part in (wheel / "pginstall", wheel.with_name(f"{wheel.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(wheel.parent), symlinks=True, ignore=lacking)
    home, programs = str(folder / "home"), str(folder / wheel.name / "pginstall" / "bin")
    assert failure("up", "--home", home, cwd=folder, MENTORBASE_PG_BIN=programs) == (
        'migration calendar.0001.init failed: extension "btree_gist" is not available',
        "Nothing of it was kept. "
        "Install PostgreSQL's contrib modules on the server (such as postgresql-contrib), then try again",
    )


# Folders and files


def test_a_backup_into_a_folder_that_is_none_or_missing_is_told(folder: Path, admin: psycopg.Connection) -> None:
    for name, reason in (("here/dump", "Not a directory"), ("none/dump", "No such file or directory")):
        assert failure("backup", "--to", name, cwd=folder, MENTORBASE_DSN=admin.info.dsn) == (
            f"Cannot write to {name}.part: {reason}",
            "Choose another folder",
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_told(folder: Path, admin: psycopg.Connection) -> None:
    (folder / "closed").mkdir(mode=0o500)
    closed = folder / "closed"
    assert failure("up", "--home", str(closed / "home"), cwd=folder) == (
        f"Cannot write to {closed / 'home'}: Permission denied",
        "Choose another folder",
    )
    assert failure("backup", "--to", str(closed / "dump"), cwd=folder, MENTORBASE_DSN=admin.info.dsn) == (
        f"Cannot write to {closed / 'dump.part'}: Permission denied",
        "Choose another folder",
    )


@pytest.mark.parametrize("command", [["up", "--home"], ["backup", "--to"]])
def test_a_folder_that_not_even_root_can_write_to_is_told(
    folder: Path, admin: psycopg.Connection, command: list[str]
) -> None:
    error, hint = failure(*command, "/proc/sys/mentorbase", cwd=folder, MENTORBASE_DSN=admin.info.dsn)
    assert error.startswith("Cannot write to /proc/sys/mentorbase")
    assert hint == "Choose another folder"


@pytest.mark.skipif(os.geteuid() != 0, reason="about what only root does")
def test_a_home_that_the_account_of_roots_server_cannot_enter_is_told(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    assert failure("up", "--home", str(folder / "closed" / "home"), cwd=folder) == (
        f"User nobody, who runs the server for root, cannot enter {folder / 'closed'}",
        "Choose a folder below one open to everyone, such as /var/lib",
    )


def test_a_home_below_a_file_is_told(folder: Path) -> None:
    error, hint = failure("up", "--home", str(folder / "here" / "home"), cwd=folder)
    assert (error, hint) == (f"Cannot write to {folder / 'here' / 'home'}: Not a directory", "Choose another folder")


def test_a_home_full_of_other_things_is_told(folder: Path) -> None:
    assert failure("up", "--home", str(folder), cwd=folder) == (
        f"{folder} is not empty and holds no mentorbase server",
        "Choose an empty folder",
    )


# A server of one's own


def test_a_port_in_use_is_told_and_nothing_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert failure("up", "--home", str(folder / "home"), "--port", str(port), cwd=folder) == (
            f"Port {port} is in use",
            "Name another one, or none for any that is free",
        )
    assert embedded.running(folder / "home") is None


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs programs of PostgreSQL 15 beside others")
@pytest.mark.skipif(version_of(embedded.find_binaries() / "postgres") == 15, reason="needs programs that are not 15")
def test_data_of_another_version_is_told(folder: Path) -> None:
    newer, home = version_of(embedded.find_binaries() / "postgres"), folder / "home"
    made = mentorbase("up", "--home", str(home), cwd=folder, MENTORBASE_PG_BIN=str(DEBIAN))
    assert made.returncode == 0, made.stderr
    assert mentorbase("down", "--home", str(home), cwd=folder).returncode == 0
    assert failure("up", "--home", str(home), cwd=folder) == (
        f"{home} was created by PostgreSQL 15 and cannot be opened by {newer}",
        "Set MENTORBASE_PG_BIN to the programs of PostgreSQL 15, or choose another folder",
    )


@pytest.mark.parametrize("command", [["up", "--home", "home"], ["demo"]])
def test_no_programs_is_told(folder: Path, command: list[str]) -> None:
    assert failure(*command, cwd=folder, MENTORBASE_PG_BIN=str(folder)) == (
        f"MENTORBASE_PG_BIN={folder} has no initdb or postgres",
        "Set it to the folder that holds initdb, postgres",
    )
    assert {path.name for path in folder.iterdir()} == {"here", "here.json"}


# Usage


@pytest.mark.parametrize("command", [*COMMANDS, "up", "down", "demo"])
def test_help_teaches(folder: Path, command: str) -> None:
    done = mentorbase(command, "--help", cwd=folder)
    assert done.returncode == 0
    assert "--json" in done.stdout
    assert ("--dsn" in done.stdout) == (command not in ("up", "down"))
    assert len(done.stdout.split("╭")[0].split()) > 15


@pytest.mark.parametrize(
    "arguments", [["backup"], ["restore"], ["up", "--port", "80"], ["check", "--jsn"], ["down", "now"], ["upp"]]
)
def test_wrong_usage_is_exit_code_2(folder: Path, arguments: list[str]) -> None:
    assert mentorbase(*arguments, cwd=folder).returncode == 2


def test_json_in_the_arguments_of_psql_is_not_the_option(folder: Path) -> None:
    done = mentorbase("psql", "--", "--json", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: no PostgreSQL server is named" in done.stderr
