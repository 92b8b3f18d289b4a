from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from cli.support import COMMAND, environment, mentorbase
from psycopg.conninfo import make_conninfo

MEMORY = Path("/dev/shm")


def servers_of(folder: Path) -> list[str]:
    """Command lines of the PostgreSQL processes whose TMPDIR is the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"TMPDIR={folder}".encode() in variables:
            found.append(line)
    return found


def left_in_memory() -> set[str]:
    return {path.name for path in MEMORY.glob("mentorbase-*")} if MEMORY.is_dir() else set()


@pytest.fixture
def own_tmp(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    return folder


def test_demo_shows_the_life_cycle_the_board_and_the_refusals(tmp_path: Path) -> None:
    done = mentorbase("demo", "--scale", "tiny", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "One life cycle: Anna and Boris" in done.stdout
    for word in ("I want to pass algebra", "Boris passed with a 5", "Anna's board"):
        assert word in done.stdout
    for refusal in ("NotPermitted", "CapacityReached", "TransitionRefused", "CoolingDown"):
        assert refusal in done.stdout
    assert "mentorbase demo --wait" in done.stdout
    assert "Applying migrations" in done.stderr
    assert "Filling the school" in done.stderr


def test_demo_leaves_no_process_and_no_file(tmp_path: Path, own_tmp: Path) -> None:
    before = left_in_memory()
    home = tmp_path / "home"
    home.mkdir()
    done = mentorbase("demo", "--scale", "tiny", cwd=home, HOME=str(home), TMPDIR=str(own_tmp))
    assert done.returncode == 0, done.stderr
    assert servers_of(own_tmp) == []
    assert (list(own_tmp.iterdir()), list(home.iterdir()), left_in_memory() - before) == ([], [], set())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_demo_that_is_interrupted_leaves_no_process_and_no_file(tmp_path: Path, own_tmp: Path, end: int) -> None:
    before = left_in_memory()
    with subprocess.Popen(
        [COMMAND, "demo", "--wait", "--json"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(own_tmp)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:  # the document is complete, so it waits now
            if line == "}\n":
                break
        assert servers_of(own_tmp) != []
        os.kill(running.pid, end)
    deadline = time.monotonic() + 20
    while (servers_of(own_tmp) or list(own_tmp.iterdir()) or left_in_memory() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (servers_of(own_tmp), list(own_tmp.iterdir()), left_in_memory() - before) == ([], [], set())


def test_demo_waits_and_says_what_to_enter_in_dbeaver(tmp_path: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "demo", "--wait", "--json", "--scale", "tiny"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        assert running.stdin
        text = ""
        for line in running.stdout:
            text += line
            if line == "}\n":
                break
        shown = json.loads(text)["server"]
        with psycopg.connect(make_conninfo(**shown)) as conn:
            row = conn.execute("SELECT count(*) FROM mentoring.v_mentor_mentee").fetchone()
        running.stdin.write("\n")
        running.stdin.close()
        running.stdin = None
        assert running.wait(timeout=30) == 0
    assert row is not None
    assert row[0] > 10


def test_demo_as_json_is_one_document(tmp_path: Path) -> None:
    done = mentorbase("demo", "--scale", "tiny", "--json", cwd=tmp_path)
    shown = json.loads(done.stdout)
    assert [step["to_status"] for step in shown["history"]] == ["pending", "active", "paused", "active", "completed"]
    assert [attempt["sqlstate"] for attempt in shown["refused"]] == ["MB002", "MB101", "MB002", "MB003", "MB103"]
    assert done.stderr == ""


def test_demo_is_the_same_each_time(tmp_path: Path) -> None:
    def people() -> list[object]:
        done = mentorbase("demo", "--scale", "tiny", "--json", cwd=tmp_path)
        return [(link["id"], link["mentee_id"], link["status"]) for link in json.loads(done.stdout)["board"]]

    assert people() == people()


def test_demo_fills_an_empty_database_of_yours_once(tmp_path: Path, empty_dsn: str) -> None:
    first = mentorbase("demo", "--scale", "tiny", "--dsn", empty_dsn, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "empty_test" in first.stdout
    again = mentorbase("demo", "--scale", "tiny", cwd=tmp_path, MENTORBASE_DSN=empty_dsn)
    assert again.returncode == 1
    assert "error: this database already holds people" in again.stderr
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("SELECT count(*) FROM auth.users").fetchone() == (20,)


def test_demo_without_postgresql_names_both_ways_out(tmp_path: Path) -> None:
    done = mentorbase("demo", cwd=tmp_path, MENTORBASE_PG_BIN=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error:" in done.stderr
    assert "MENTORBASE_PG_BIN" in done.stderr
    assert "Traceback" not in done.stderr
