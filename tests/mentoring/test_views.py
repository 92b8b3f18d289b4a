"""The analysts' door: they see the views, all of the views and nothing but the views."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import Mentoring
from mentoring.lifecycle import MENTEE, MENTOR, STATUSES, put, scenes, steps
from psycopg import sql
from psycopg.rows import dict_row

VIEWS = {
    "v_audit_log",
    "v_booking_history",
    "v_bookings",
    "v_mentor_board",
    "v_mentor_load",
    "v_mentor_mentee",
    "v_mentor_mentee_history",
    "v_profiles",
    "v_publications",
    "v_subjects",
}
COMPUTED = {"v_bookings", "v_mentor_board", "v_mentor_load", "v_subjects"}
"""Views that take no writes from anybody."""
HIDDEN = {
    "mentor_notes",
    "mentee_notes",
    "paused_by",
    "ended_by",
    "hidden_by_mentor_at",
    "hidden_by_mentee_at",
    "version",
    "updated_at",
}
RELATIONS = """
    SELECT n.nspname, c.relname
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""


def test_an_analyst_reads_the_views_and_nothing_else(admin: psycopg.Connection, reader: psycopg.Connection) -> None:
    found = admin.execute(RELATIONS).fetchall()
    assert {name for schema, name in found if schema == "mentoring" and name.startswith("v_")} == VIEWS
    assert len(found) > 8
    for schema, name in found:
        statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
        if name.startswith("v_"):
            reader.execute(statement)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                reader.execute(statement)
            assert caught.value.sqlstate == "42501"


@pytest.mark.parametrize("verb", ["INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET {} = NULL", "DELETE FROM {}"])
@pytest.mark.parametrize("view", sorted(VIEWS))
def test_an_analyst_writes_through_no_view(reader: psycopg.Connection, view: str, verb: str) -> None:
    name = sql.Identifier("mentoring", view)
    column = sql.Identifier(reader.execute(sql.SQL("SELECT * FROM {}").format(name)).description[-1].name)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)) as caught:
        reader.execute(sql.SQL(verb).format(name, column))
    assert caught.value.sqlstate == ("55000" if view in COMPUTED else "42501")


def test_an_analyst_runs_no_function(admin: psycopg.Connection, reader: psycopg.Connection) -> None:
    callable_ones = admin.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p"
        " WHERE p.pronamespace IN ('mentoring'::regnamespace, 'auth'::regnamespace, 'platform'::regnamespace)"
        " AND has_function_privilege('mentorbase_reader', p.oid, 'EXECUTE')"
    ).fetchall()
    assert callable_ones == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        reader.execute("SELECT mentoring.transition(1, 'active', 1)")
    assert caught.value.sqlstate == "42501"


def test_no_view_shows_notes_reasons_or_logins(admin: psycopg.Connection) -> None:
    shown = admin.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'mentoring' AND table_name LIKE 'v\\_%'"
    ).fetchall()
    assert {view for view, _ in shown} == VIEWS
    secret = {"mentor_notes", "mentee_notes", "reason", "db_login", "db_role", "mentor_bio", "learning_goals"}
    assert {column for _, column in shown} & secret == set()


def test_an_analyst_sees_every_column_of_a_relation_but_the_hidden_ones(admin: psycopg.Connection) -> None:
    def columns(relation: str) -> set[str]:
        found = admin.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [relation]
        )
        return {name for (name,) in found}

    shown = columns("mentoring.v_mentor_mentee") - {"relationship_id"} | {"id"}
    assert columns("mentoring.mentor_mentee") - shown == HIDDEN, "show it in v_mentor_mentee, or add it to HIDDEN"


@pytest.mark.usefixtures("people")
def test_the_views_show_every_relation_and_every_step(
    admin: psycopg.Connection, app: psycopg.Connection, reader: psycopg.Connection
) -> None:
    made = [put(admin, status, mentee=5 + i, mentor_notes="secret") for i, status in enumerate(STATUSES)]
    relation = put(admin, scenes("pending")[1])
    accepted = Mentoring(app).accept(relation, actor_id=MENTOR, reason="secret")
    with reader.cursor(row_factory=dict_row) as cursor:
        relations = cursor.execute("SELECT * FROM mentoring.v_mentor_mentee ORDER BY relationship_id").fetchall()
        history = cursor.execute("SELECT * FROM mentoring.v_mentor_mentee_history").fetchall()
    assert [row["relationship_id"] for row in relations] == [*made, relation]
    assert [row["status"] for row in relations] == [*STATUSES, "active"]
    assert relations[-1] == {
        "relationship_id": relation,
        "mentor_id": MENTOR,
        "mentee_id": MENTEE,
        "status": "active",
        "initiated_by": "mentee",
        "subscribe_to_quizzes": True,
        "subscribe_to_courses": True,
        "subscribe_to_subjects": False,
        "created_at": accepted.created_at,
        "accepted_at": accepted.accepted_at,
        "paused_at": None,
        "resume_at": None,
        "completed_at": None,
        "ended_at": None,
    }
    [step] = steps(admin)
    assert history == [
        {
            "step_id": step["id"],
            "relationship_id": relation,
            "mentor_id": MENTOR,
            "mentee_id": MENTEE,
            "from_status": "pending",
            "to_status": "active",
            "actor_kind": "mentor",
            "actor_id": MENTOR,
            "occurred_at": step["occurred_at"],
        }
    ]
    assert "secret" not in str(relations) + str(history)
