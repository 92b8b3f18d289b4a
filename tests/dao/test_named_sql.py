"""The parser of named queries: what is a parameter, and what only looks like one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
import sqlparse
from hypothesis import given, settings
from hypothesis import strategies as st
from mentorbase import resources
from mentorbase.embedded import find_binaries
from mentorbase.named_sql import NamedSql, load, parse
from psycopg.conninfo import make_conninfo

FILES = sorted(resources.folder("sql").glob("*/queries.sql"))
EACH_FILE = pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)


def only(body: str) -> NamedSql:
    (found,) = parse(f"-- name: only\n{body}")
    return found


def test_a_query_goes_from_its_name_to_the_next() -> None:
    first, second = parse("-- A preface.\n-- name: one\n-- Says one.\nSELECT 1;\n\n--  name:  two \nSELECT 2")
    assert first == NamedSql("one", b"-- Says one.\nSELECT 1", ())
    assert second == NamedSql("two", b"SELECT 2", ())


def test_a_file_may_have_no_query() -> None:
    with pytest.raises(StopIteration):
        next(parse("-- Nothing yet.\n"))


def test_parameters_are_named_in_order_of_first_appearance() -> None:
    found = only("SELECT :b, :a_1 + :b WHERE :c=:a_1 AND (:_d)")
    assert found.params == ("b", "a_1", "c", "_d")
    assert found.sql == b"SELECT %(b)s, %(a_1)s + %(b)s WHERE %(c)s=%(a_1)s AND (%(_d)s)"


@pytest.mark.parametrize(
    "text",
    [
        "':no'",
        "'it''s :no'",
        '":no"',
        '"a "" :no"',
        "$$ :no $$",
        "$tag$ :no $$ :no $tag$",
        "-- :no\n1",
        "/* :no\n:no */ 1",
        "now()::text",
        "'{1}'::integer[]",
        "(ARRAY[1, 2, 3])[1:2]",
        "a.list[lower:upper]",
        "f(name := 1)",
        "f(name => 1)",
        "'12:30'",
        "b = 1 : 2",
    ],
)
def test_what_only_looks_like_a_parameter_stays(text: str) -> None:
    found = only(f"SELECT {text}, :yes")
    assert found.params == ("yes",)
    assert found.sql.decode() == f"SELECT {text}, %(yes)s"


@pytest.mark.parametrize("text", [":yes::text", ":yes::text[]", "f(name := :yes)", "f(name => :yes)", "'a' || :yes"])
def test_a_parameter_beside_such_a_thing_is_one(text: str) -> None:
    found = only(f"SELECT {text}")
    assert found.params == ("yes",)
    assert found.sql.decode() == f"SELECT {text.replace(':yes', '%(yes)s')}"


@pytest.mark.parametrize("text", ["5 % 2", "name LIKE '50%'", "1 -- 50%\n, 2", '"%"', "$$%$$", "'100%s %(x)s'"])
def test_percent_is_doubled_wherever_it_stands(text: str) -> None:
    assert only(f"SELECT {text};").sql.decode() == f"SELECT {text}".replace("%", "%%")


@pytest.mark.parametrize("end", ["", ";", ";\n", "\n;\n\n"])
def test_the_closing_semicolon_is_left_out(end: str) -> None:
    assert only(f"SELECT 1{end}").sql.strip() == b"SELECT 1"


def test_a_semicolon_in_a_string_stays() -> None:
    assert only("SELECT ';', 1;").sql == b"SELECT ';', 1"


def test_two_queries_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "twice").mkdir()
    (tmp_path / "twice" / "queries.sql").write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n", "utf-8")
    monkeypatch.setattr(resources, "folder", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"^sql/twice/queries\.sql has two queries named one$"):
        load("twice")


def test_the_server_sees_what_was_written(admin: psycopg.Connection) -> None:
    found = only(
        """
        SELECT ':a', "q:a", $x$:a%$x$, '50%', :a::integer % 7, (ARRAY[1, 2, 3])[1:2], :b || '%s' -- :a and 50%
        FROM (SELECT 'it''s :a' AS "q:a") AS t /* ; :a */ ;
        """
    )
    row = admin.execute(found.sql, {"a": 40, "b": "x"}).fetchone()
    assert row == (":a", "it's :a", ":a%", "50%", 5, [1, 2], "x%s")


_TEXT = st.text(st.sampled_from("ab: %;'\"$-/*\n\\Ж"), max_size=12)
_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_VERBATIM = st.one_of(
    _TEXT.map(lambda text: "'" + text.replace("'", "''") + "'"),
    _TEXT.map(lambda text: '"' + text.replace('"', '""') + '"'),
    _TEXT.map(lambda text: "$tag$" + text.replace("$", "") + "$tag$"),
    _TEXT.map(lambda text: "-- " + text.replace("\n", "") + "\n"),
    _TEXT.map(lambda text: "/* " + text.replace("*", "").replace("/", "") + " */"),
    st.sampled_from(["1::text", "a[1:2]", "f(x := 1)", "f(x => 1)", "5 % 2", "(", ")", ",", "SELECT"]),
)


@settings(deadline=None)
@given(st.lists(st.one_of(_VERBATIM, _NAMES.map(lambda name: f":{name}")), min_size=1))
def test_parameters_and_nothing_else_are_replaced(pieces: list[str]) -> None:
    params = [piece[1:] for piece in pieces if piece.startswith(":")]
    found = only("SELECT " + " ".join(pieces) + " AS last;")
    assert found.params == tuple(dict.fromkeys(params))
    expected = [f"%({piece[1:]})s" if piece.startswith(":") else piece.replace("%", "%%") for piece in pieces]
    assert found.sql.decode() == "SELECT " + " ".join(expected) + " AS last"


@EACH_FILE
def test_each_query_of_a_file_is_one_statement(file: Path) -> None:
    text = file.read_text("utf-8")
    statements = sqlparse.split(text)
    assert len(statements) == len(load(file.parent.name))
    for statement in statements:
        assert statement.startswith("-- name: ")
        assert statement.endswith(";")


@EACH_FILE
def test_a_file_pastes_into_psql_as_it_is(file: Path, admin: psycopg.Connection) -> None:
    queries = load(file.parent.name)
    variables = [f"--set={name}=NULL" for name in sorted({name for query in queries.values() for name in query.params})]
    at = admin.info  # its own dsn has options that an older psql does not know
    dsn = make_conninfo(host=at.host, port=at.port, user=at.user, dbname=at.dbname, password=at.password or None)
    psql = [find_binaries() / "psql", "--no-psqlrc", "--set=VERBOSITY=sqlstate", *variables]
    done = subprocess.run([*psql, f"--dbname={dsn}", f"--file={file}"], capture_output=True, text=True, check=False)
    # With every argument NULL a step may well be refused; a typing error or an unknown name may not (class 42).
    states = [line.rpartition(" ")[2] for line in done.stderr.splitlines()]
    assert [state for state in states if not state.startswith(("MB", "23"))] == []
    assert done.stdout or states
