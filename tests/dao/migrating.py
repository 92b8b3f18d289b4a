"""Folders of small migrations, other processes that run them, and what a database then has."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from mentorbase.errors import SetupError
from mentorbase.migrate import status, yoyo_uri

PLATFORM, AUTH, MENTORING, SECOND, LINKS = (
    "platform.0001.init",
    "auth.0001.init",
    "mentoring.0001.init",
    "mentoring.0002.more",
    "links.0001.init",
)


class Source:
    """A folder of migrations, laid out as the shipped one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)

    def add(self, id_: str, up: str, *depends: str, down: str | None = "SELECT 1", head: str = "") -> None:
        folder = self.root / id_.partition(".")[0]
        folder.mkdir(exist_ok=True)
        needs = f"-- depends: {' '.join(depends)}\n" if depends else ""
        (folder / f"{id_}.sql").write_text(f"-- What it does.\n{head}{needs}\n{up};\n")
        if down is not None:
            (folder / f"{id_}.rollback.sql").write_text(f"{down};\n")

    def file(self, id_: str) -> Path:
        return self.root / id_.partition(".")[0] / f"{id_}.sql"

    def table(self, id_: str, *depends: str) -> None:
        name = id_.replace(".", "_")
        self.add(id_, f"CREATE TABLE public.{name} (id int)", *depends, down=f"DROP TABLE public.{name}")


@contextmanager
def refused(message: str, hint: str | None = None) -> Iterator[None]:
    with pytest.raises(SetupError) as caught:
        yield
    assert caught.value.message == message
    if hint is not None:
        assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows if not name.startswith(("_", "yoyo"))}


def applied(dsn: str, source: Source) -> list[str]:
    return [m.id for m in status(dsn, source=source.root) if m.applied_at]


def in_process(dsn: str, source: Source) -> subprocess.Popen[str]:
    program = (
        "import sys, pathlib as p, mentorbase.migrate as m; print(*m.migrate(sys.argv[1], source=p.Path(sys.argv[2])))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, dsn, source.root],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.split()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def runs(connection: psycopg.Connection, query: str) -> Callable[[], object]:
    """Return a check that another session of the database is executing *query*."""
    find = """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE %s
    """
    return lambda: connection.execute(find, [query]).fetchone()


def yoyo(dsn: str, folder: Path, *command: str) -> None:
    run = [sys.executable, "-m", "yoyo", *command, "-b", "-d", yoyo_uri(dsn)]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
