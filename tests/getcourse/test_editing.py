"""The views that a person edits in DBeaver: a change is another version, and what was stays."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from conftest import ensure_login
from mentorbase import InvalidValue, ReadOnly
from mentoring.lifecycle import refused
from psycopg.conninfo import make_conninfo

VIEWS = ("mentors", "students", "trainings", "lessons", "mappings")


@pytest.fixture
def editor(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Somebody who was given the views to edit, and nothing else."""
    ensure_login(admin, "test_editor")
    admin.execute("GRANT USAGE ON SCHEMA getcourse TO test_editor")
    for view in VIEWS:
        admin.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON getcourse.v_active_{view} TO test_editor")
    with psycopg.connect(make_conninfo(admin.info.dsn, user="test_editor"), autocommit=True) as conn:
        conn.execute("SET search_path = getcourse")
        conn.execute("INSERT INTO v_active_mentors (email, telegram_id) VALUES ('anna@example.org', 1)")
        conn.execute("INSERT INTO v_active_mentors (email) VALUES ('other@example.org')")
        conn.execute("INSERT INTO v_active_students (email) VALUES ('boris@example.org')")
        conn.execute("INSERT INTO v_active_trainings (training_id, title) VALUES ('algebra', 'Algebra')")
        conn.execute("INSERT INTO v_active_lessons (lesson_id, training_id, title) VALUES ('sets', 'algebra', 'Sets')")
        conn.execute(
            "INSERT INTO v_active_mappings (student_email, mentor_email, training_id)"
            " VALUES ('BORIS@example.org', 'anna@example.org', 'algebra')"
        )
        yield conn
        admin.execute("DROP OWNED BY test_editor")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("mentors", "first_name = 'Anna'"),
        ("students", "getcourse_user_id = '77'"),
        ("trainings", "title = 'Algebra 1', is_active = false"),
        ("lessons", "position = 3"),
    ],
)
def test_a_change_makes_another_version_from_now_on(editor, admin, table, change):
    before = admin.execute(f"SELECT count(*) FROM getcourse.{table}").fetchone()[0]
    where = "WHERE email = 'anna@example.org'" if table == "mentors" else ""
    assert editor.execute(f"UPDATE v_active_{table} SET {change} {where}").rowcount == 1
    versions = admin.execute(f"SELECT valid_from, valid_to FROM getcourse.{table} ORDER BY version_id").fetchall()
    assert len(versions) == before + 1
    assert versions[0][1] == versions[-1][0]
    # Nothing changed: no version.
    assert editor.execute(f"UPDATE v_active_{table} SET {change} {where}").rowcount == 1
    assert admin.execute(f"SELECT count(*) FROM getcourse.{table}").fetchone() == (before + 1,)


@pytest.mark.parametrize("table", VIEWS)
def test_a_deletion_ends_the_present_version(editor, admin, table):
    assert editor.execute(f"DELETE FROM v_active_{table}").rowcount >= 1
    assert editor.execute(f"SELECT * FROM v_active_{table}").fetchall() == []
    name = "mapping" if table == "mappings" else table
    assert admin.execute(f"SELECT bool_or(is_open), count(*) > 0 FROM getcourse.{name}").fetchone() == (False, True)


def test_an_end_that_is_set_ends_it_then(editor):
    editor.execute("UPDATE v_active_students SET valid_to = now() + interval '1 day'")
    ends = "SELECT valid_to BETWEEN now() + interval '23 hours' AND now() + interval '1 day' FROM v_active_students"
    assert editor.execute(ends).fetchall() == [(True,)]


@pytest.mark.parametrize("change", ["mentor_id = 2", "mentor_email = 'Other@example.org'"])
def test_a_student_is_given_another_mentor(editor, admin, change):
    editor.execute(f"UPDATE v_active_mappings SET {change}")
    assert editor.execute("SELECT mentor_id, mentor_email FROM v_active_mappings").fetchall() == [
        (2, "other@example.org")
    ]
    assert admin.execute("SELECT count(DISTINCT id), count(*) FROM getcourse.mapping").fetchone() == (1, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE v_active_mentors SET id = 9",
        "UPDATE v_active_trainings SET training_id = 'other'",
        "UPDATE v_active_students SET valid_from = now()",
        "UPDATE v_active_mappings SET student_id = 9",
        "UPDATE v_active_mappings SET student_email = 'x@example.org'",
        "UPDATE v_active_mappings SET mentor_first_name = 'X'",
        "UPDATE v_active_mappings SET valid_from = now()",
    ],
)
def test_who_or_what_a_row_is_about_is_not_edited(editor, statement):
    with refused(ReadOnly, "MB006"):
        editor.execute(statement)


def test_a_mentor_that_nobody_knows_is_refused(editor):
    with refused(InvalidValue, "23502"):
        editor.execute("UPDATE v_active_mappings SET mentor_email = 'nobody@example.org'")


def test_an_editor_reaches_no_table(editor):
    for table in ("mentors", "mentor_ids", "mapping"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            editor.execute(f"SELECT * FROM {table}")


def test_an_analyst_reads_the_views_and_edits_nothing(reader, editor):
    assert len(reader.execute("SELECT * FROM getcourse.v_active_mappings").fetchall()) == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("DELETE FROM getcourse.v_active_mappings")
