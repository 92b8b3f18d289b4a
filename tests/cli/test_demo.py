from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cli.support import COMMAND, environment, mentorbase
from psycopg.conninfo import make_conninfo

ENTER = 0  # no signal


def command_lines(containing: str) -> list[str]:
    """The command lines of running processes that hold this text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if containing in line:
            found.append(line)
    return found


@contextmanager
def waiting_demo(cwd: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A demonstration that has shown everything and waits for Enter; and what it printed."""
    with subprocess.Popen(
        [COMMAND, "demo", "--wait", "--json", "--scale", "tiny"],
        cwd=cwd,
        env=environment(HOME=str(cwd)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        text = ""
        for line in running.stdout:
            text += line
            if line == "}\n":
                break
        yield running, json.loads(text)


def test_demo_shows_the_life_cycle_the_board_and_the_refusals(tmp_path: Path) -> None:
    done = mentorbase("demo", "--scale", "tiny", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "One life cycle: Anna and Boris" in done.stdout
    for word in ("I want to pass algebra", "Boris passed with a 5", "Anna's board", "Anna's group: 2 seats"):
        assert word in done.stdout
    for refusal in ("NotPermitted", "CapacityReached", "TransitionRefused", "CoolingDown", "StudentsBusy"):
        assert refusal in done.stdout
    ending = " ".join(done.stdout.partition("Look around yourself")[2].replace("│", "").split())
    assert "mentorbase demo --wait keeps it until you press Enter" in ending
    assert "mentorbase up starts one that stays, data included" in ending
    assert "Applying migrations" in done.stderr
    assert "Filling the school" in done.stderr


@pytest.mark.parametrize("end", [ENTER, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_demo_leaves_no_process_and_no_file_however_it_ends(tmp_path: Path, end: int) -> None:
    with waiting_demo(tmp_path) as (running, shown):
        (server,) = command_lines(f"--port={shown['server']['port']} ")
        (sockets,) = re.findall(r"--unix_socket_directories=(\S+)", server)
        assert Path(sockets, "data", "PG_VERSION").exists()
        if end == ENTER:
            with psycopg.connect(make_conninfo(**shown["server"])) as conn:  # what a person enters in DBeaver
                [(relationships,)] = conn.execute("SELECT count(*) FROM mentoring.v_mentor_mentee").fetchall()
            assert relationships > 10
            running.communicate("\n", timeout=30)
            assert running.returncode == 0
        else:
            os.kill(running.pid, end)
            running.communicate(timeout=30)
    deadline = time.monotonic() + 20  # after SIGKILL it is not the demonstration that cleans
    while (command_lines(sockets) or Path(sockets).exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (command_lines(sockets), Path(sockets).exists(), list(tmp_path.iterdir())) == ([], False, [])


def test_demo_as_json_is_one_document_and_the_same_each_time(tmp_path: Path) -> None:
    done, again = (mentorbase("demo", "--scale", "tiny", "--json", cwd=tmp_path) for _ in range(2))
    shown = json.loads(done.stdout)
    links = [(link["id"], link["mentee_id"], link["status"]) for link in shown["board"]]
    assert [(link["id"], link["mentee_id"], link["status"]) for link in json.loads(again.stdout)["board"]] == links
    assert [step["to_status"] for step in shown["history"]] == ["pending", "active", "paused", "active", "completed"]
    assert [attempt["sqlstate"] for attempt in shown["refused"]] == [
        "MB002",
        "MB101",
        "MB002",
        "MB003",
        "MB003",
        "MB103",
        "MB251",
    ]
    assert shown["lesson"]["title"] == "Quadratic equations"
    assert [(told["name"], told["seat"]) for told in shown["told"]] == [
        ("Boris", "active"),
        ("Clara", "active"),
        ("Dmitri", "waiting"),
    ]
    assert [told["text"] and told["text"].split("(")[1] for told in shown["told"]] == [
        "Europe/Moscow)",
        "Europe/Berlin)",
        None,
    ]
    assert [link["statistics"]["total_bookings"] for link in shown["board"]] == [0, 2, 3]
    assert done.stderr == ""


def test_demo_fills_an_empty_database_of_yours_once(tmp_path: Path, empty_dsn: str) -> None:
    first = mentorbase("demo", "--scale", "tiny", "--dsn", empty_dsn, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "empty_test" in first.stdout
    again = mentorbase("demo", "--scale", "tiny", cwd=tmp_path, MENTORBASE_DSN=empty_dsn)
    assert again.returncode == 1
    assert "error: this database already holds people" in again.stderr
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("SELECT count(*) FROM auth.users").fetchone() == (21,)


def test_demo_without_postgresql_names_both_ways_out(tmp_path: Path) -> None:
    done = mentorbase("demo", cwd=tmp_path, MENTORBASE_PG_BIN=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "error:" in done.stderr
    assert "MENTORBASE_PG_BIN" in done.stderr
    assert "Traceback" not in done.stderr
