"""`mentorbase docs` as a person runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg
import pytest
from cli.support import mentorbase
from conftest import APP
from mentorbase import docs
from mentorbase.errors import SetupError
from psycopg.conninfo import make_conninfo
from schema.support import as_deploy


def test_it_writes_the_book_the_same_for_the_same_database_and_says_what_to_open(
    documented: str, folder: Path, tmp_path: Path
) -> None:
    done = mentorbase("docs", "--dsn", documented, "--output", "a/book", "--json", cwd=tmp_path)  # a superuser
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (said["index"], said["pages"], said["undocumented"]) == (
        "a/book/index.html",
        len([*folder.glob("*.html")]),
        [],
    )
    assert {file.name: file.read_bytes() for file in (tmp_path / "a" / "book").iterdir()} == {
        file.name: file.read_bytes() for file in folder.iterdir()
    }


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("postgres", "there is no mentorbase in this database"),
        (None, "this login may not look at everything, or there is no mentorbase here"),
    ],
)
def test_what_stands_in_its_way_is_one_line(
    documented: str, tmp_path: Path, database: str | None, message: str
) -> None:
    dsn = make_conninfo(documented, dbname=database) if database else make_conninfo(documented, user=APP)
    done = mentorbase("docs", "--dsn", dsn, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {message}\nto do: ")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_an_older_version_migrated_has_to_be_migrated_first(
    admin: psycopg.Connection, tmp_path: Path
) -> None:
    admin.execute("ALTER FUNCTION mentoring.request RENAME TO requested")
    with pytest.raises(SetupError, match=r"not what this version expects: function mentoring\.request") as refused:
        docs.write(admin.info.dsn, tmp_path)
    assert refused.value.hint == "Run mentorbase migrate"


def test_a_folder_that_cannot_be_written_is_named(documented: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SetupError, match="taken cannot be written: "):
        docs.write(as_deploy(documented), tmp_path / "taken")


@pytest.mark.parametrize("missing", ["jinja2", "pygraphviz"])
def test_without_the_extra_it_says_what_to_install(
    documented: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("mentorbase.docs.") or name == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(docs, "diagrams", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SetupError) as refused:
        docs.write(as_deploy(documented), tmp_path)
    assert refused.value.message == f"the schema book needs {missing}, which is not installed"
    assert refused.value.hint == "Run pip install 'mentorbase[docs]'"


def test_one_service_alone_has_a_book_of_its_own(empty_dsn: str, tmp_path: Path) -> None:
    assert mentorbase("migrate", "teachers", "--dsn", empty_dsn, cwd=tmp_path).returncode == 0
    written = docs.write(empty_dsn, tmp_path / "book")
    assert written.undocumented == []
    assert {file.name for file in (tmp_path / "book").glob("*.html")} == {
        "index.html", "platform.html", "teachers.html", "roles.html", "errors.html",
    }  # fmt: skip
