"""The life cycle of interventions: the table's steps and no others, for the DAO and for a typed UPDATE."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    Database,
    Intervention,
    InterventionOutcome,
    InterventionStatus,
    InvalidValue,
    NotFound,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
    TransitionRefused,
    UnknownTutor,
    load_rows,
)
from mentorbase.errors import translated
from mentoring.lifecycle import refused

from .school import OTHER, TUTOR, enroll, prediction

STAFF, ASSIGNEE, ADMIN = 5, 6, 7
DUE = date(2026, 4, 1)
ACTORS = {
    "staff": Actor.user(STAFF),
    "assignee": Actor.user(ASSIGNEE),
    "admin": Actor.admin(ADMIN),
    "system": SYSTEM,
}
ENDED = ("completed", "dismissed")

# Written out by hand; the table in the database must say the same.
ALLOWED: dict[tuple[str | None, str], set[str]] = {
    (None, "open"): {"staff", "admin", "system"},
    (None, "assigned"): {"assignee", "staff", "admin", "system"},
    (None, "in_progress"): {"system"},
    (None, "completed"): {"system"},
    (None, "dismissed"): {"system"},
    ("open", "assigned"): {"staff", "admin", "system"},
    ("open", "dismissed"): {"staff", "admin", "system"},
    ("assigned", "open"): {"assignee", "admin", "system"},
    ("assigned", "in_progress"): {"assignee", "admin"},
    ("assigned", "dismissed"): {"assignee", "admin", "system"},
    ("in_progress", "open"): {"assignee", "admin"},
    ("in_progress", "completed"): {"assignee", "admin"},
    ("in_progress", "dismissed"): {"assignee", "admin"},
}


@pytest.fixture
def school(db: Database) -> Database:
    enroll(db)
    return db


def opened(db: Database, **given: Any) -> Intervention:
    values: dict[str, Any] = {"intervention_type": "coaching", "trigger_reason": "No-shows.", "due_date": DUE}
    return db.tutormax.open_intervention(TUTOR, **(values | {"actor_id": STAFF} | given))


def put(admin: psycopg.Connection, status: str) -> int:
    """An intervention that stands there, imported by the system."""
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        [(made,)] = admin.execute(
            """
            INSERT INTO tutormax.interventions (
                tutor_id, intervention_type, trigger_reason, due_date, status, assigned_to, outcome
            )
            SELECT 'tutor_001', 'coaching', 'No-shows.', '2026-04-01', s.status,
                CASE WHEN s.status <> 'open' THEN 6 END,
                CASE WHEN s.status = 'completed' THEN 'improved'::tutormax.intervention_outcome END
            FROM (SELECT %s::tutormax.intervention_status) AS s (status)
            RETURNING intervention_id
            """,
            [status],
        ).fetchall()
    return int(made)


def test_the_table_of_steps_is_as_written_here(admin: psycopg.Connection) -> None:
    found: dict[tuple[str | None, str], set[str]] = {}
    for before, after, kind in admin.execute(
        "SELECT from_status::text, to_status::text, actor_kind::text FROM tutormax.interventions_transitions"
    ):
        found.setdefault((before, after), set()).add(kind)
    assert found == ALLOWED


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize("before", list(InterventionStatus))
def test_a_typed_update_takes_the_steps_of_the_table_by_whom_it_says(admin: psycopg.Connection, before: str) -> None:
    for after in InterventionStatus:
        if after == before:
            continue
        for who, actor in ACTORS.items():
            known = put(admin, before)
            # Of what is nobody's, nobody is the assignee.
            kinds = ALLOWED.get((before, after.value), set())
            side = "staff" if before == "open" and who == "assignee" else who

            def step(actor: Actor = actor, known: int = known, after: str = after.value) -> None:
                with translated, admin.transaction():
                    admin.execute(f"SET LOCAL mentorbase.actor = '{actor}'")
                    admin.execute(
                        "UPDATE tutormax.interventions SET status = %s, assigned_to = coalesce(assigned_to, 6),"
                        " outcome = CASE WHEN %s = 'completed' THEN 'improved'::tutormax.intervention_outcome END"
                        " WHERE intervention_id = %s",
                        [after, after, known],
                    )

            if side in kinds:
                step()
                row = admin.execute(
                    "SELECT assigned_to IS NULL, closed_at IS NOT NULL FROM tutormax.interventions"
                    " WHERE intervention_id = %s",
                    [known],
                ).fetchone()
                assert row == (after == "open", after in ENDED)
            else:
                with pytest.raises(NotPermitted if kinds else TransitionRefused):
                    step()


def test_from_the_first_step_to_the_last_each_is_on_record(school: Database) -> None:
    db = school.tutormax
    with school.transaction() as tx:
        load_rows(tx, [prediction(80)])
    [risk] = db.get_high_risk_tutors()
    made = opened(school, prediction_id=risk.prediction_id, reason="seen on the list")
    assert (made.status, made.assigned_to, made.prediction_id) == ("open", None, risk.prediction_id)
    assigned = db.assign_intervention(made.intervention_id, ASSIGNEE, due_date=date(2026, 4, 9), actor_id=STAFF)
    assert (assigned.status, assigned.assigned_to, assigned.due_date) == ("assigned", ASSIGNEE, date(2026, 4, 9))
    db.begin_intervention(made.intervention_id, actor_id=ASSIGNEE)
    done = db.complete_intervention(
        made.intervention_id, InterventionOutcome.IMPROVED, actor_id=ASSIGNEE, reason="talked"
    )
    assert (done.status, done.outcome, done.closed_at is None) == ("completed", "improved", False)
    assert db.intervention(made.intervention_id) == done
    assert [
        (step.from_status, step.to_status, step.actor_kind, step.actor_id, step.assigned_to, step.outcome, step.reason)
        for step in db.intervention_history(made.intervention_id)
    ] == [
        (None, "open", "staff", STAFF, None, None, "seen on the list"),
        ("open", "assigned", "staff", STAFF, ASSIGNEE, None, None),
        ("assigned", "in_progress", "assignee", ASSIGNEE, ASSIGNEE, None, None),
        ("in_progress", "completed", "assignee", ASSIGNEE, ASSIGNEE, "improved", "talked"),
    ]


def test_assigned_to_somebody_else_given_back_and_dismissed(school: Database) -> None:
    db = school.tutormax
    made = opened(school, assigned_to=ASSIGNEE)
    assert made.status == "assigned"
    assert db.assign_intervention(made.intervention_id, STAFF, actor_id=ADMIN).assigned_to == STAFF
    with refused(TransitionRefused):
        db.assign_intervention(made.intervention_id, STAFF, actor_id=ADMIN)
    assert db.release_intervention(made.intervention_id, actor_id=STAFF).assigned_to is None
    assert db.dismiss_intervention(made.intervention_id, actor_id=ADMIN).status == "dismissed"
    with refused(TransitionRefused):
        db.begin_intervention(made.intervention_id, actor_id=STAFF)
    with refused(NotFound):
        db.begin_intervention(4711, actor_id=STAFF)


def test_what_is_refused_when_one_is_opened(school: Database) -> None:
    with refused(ActorRequired):
        opened(school, actor_id=None)
    with refused(UnknownTutor, constraint="interventions_tutor_id_fkey"), school.transaction(actor=STAFF) as tx:
        tx.tutormax.open_intervention("x", intervention_type="call", trigger_reason="x", due_date=DUE)
    with refused(InvalidValue, constraint="interventions_intervention_type_check"):
        opened(school, intervention_type="A call")
    with school.transaction() as tx:
        load_rows(tx, [prediction(80, tutor_id=OTHER)])
    [risk] = school.tutormax.get_high_risk_tutors()
    with refused(ReferenceViolation, constraint="interventions_prediction_id_fkey"):
        opened(school, prediction_id=risk.prediction_id)


def test_what_it_is_for_never_changes_and_its_end_is_the_database_s(school: Database, admin) -> None:
    made = opened(school)
    for change in ("tutor_id = 'tutor_002'", "intervention_type = 'x'", "trigger_reason = 'y'", "created_at = now()"):
        with refused(ReadOnly):
            admin.execute(f"UPDATE tutormax.interventions SET {change}")
    with refused(ReadOnly):
        admin.execute("TRUNCATE tutormax.interventions")
    with refused(InvalidValue, constraint="interventions_outcome_check"):
        admin.execute("UPDATE tutormax.interventions SET outcome = 'improved'")
    with refused(InvalidValue, constraint="interventions_assigned_to_check"):
        admin.execute("UPDATE tutormax.interventions SET status = 'assigned'")
    admin.execute("DELETE FROM tutormax.interventions")
    steps = school.tutormax.intervention_history(made.intervention_id)
    assert [(step.from_status, step.to_status) for step in steps] == [(None, "open"), ("open", None)]
    for statement in (
        "UPDATE tutormax.interventions_history SET reason = ''",
        "DELETE FROM tutormax.interventions_history",
    ):
        with refused(ReadOnly):
            admin.execute(statement)


def test_an_outcome_is_corrected_by_an_administrator(school: Database, admin: psycopg.Connection) -> None:
    known = put(admin, "completed")
    change = f"UPDATE tutormax.interventions SET outcome = 'churned' WHERE intervention_id = {known}"
    with refused(NotPermitted), school.transaction(actor=ASSIGNEE) as tx:
        tx.connection.execute(change)
    with school.transaction(actor=Actor.admin(ADMIN)) as tx:
        tx.connection.execute(change)
    assert school.tutormax.intervention(known).outcome == InterventionOutcome.CHURNED
    [(table, old, new)] = admin.execute(
        "SELECT table_name, old_values, new_values FROM tutormax.audit_log WHERE table_name = 'interventions'"
    ).fetchall()
    assert (table, old, new) == ("interventions", {"outcome": "improved"}, {"outcome": "churned"})


@pytest.mark.usefixtures("school")
def test_when_it_ended_is_stamped_and_corrected_by_an_administrator_only(admin: psycopg.Connection) -> None:
    known = put(admin, "in_progress")

    def change(actor: Actor, what: str) -> None:
        with admin.transaction():
            admin.execute(f"SET LOCAL mentorbase.actor = '{actor}'")
            admin.execute(f"UPDATE tutormax.interventions SET {what} WHERE intervention_id = {known}")

    backdated = "status = 'completed', outcome = 'improved', closed_at = '2026-01-01 00:00:00+00'"
    with refused(ReadOnly, "MB006"):
        change(ACTORS["assignee"], backdated)
    change(ACTORS["assignee"], "status = 'completed', outcome = 'improved'")
    stamped = "SELECT closed_at = updated_at, closed_at FROM tutormax.interventions"
    assert admin.execute(stamped).fetchone()[0]
    with refused(ReadOnly, "MB006"):
        change(ACTORS["assignee"], "closed_at = '2026-01-01 00:00:00+00'")
    change(ACTORS["admin"], "closed_at = '2026-01-01 00:00:00+00'")
    assert admin.execute(stamped).fetchone()[1] == datetime(2026, 1, 1, tzinfo=UTC)


def test_lists_in_pages(school: Database) -> None:
    ids = [opened(school).intervention_id for _ in range(5)]
    first = school.tutormax.interventions(page_size=2)
    rest = school.tutormax.interventions(after_id=first[-1].intervention_id)
    assert [one.intervention_id for one in first + rest] == ids
    newest = school.tutormax.tutor_interventions(TUTOR, page_size=2)
    older = school.tutormax.tutor_interventions(TUTOR, after_id=newest[-1].intervention_id)
    assert [one.intervention_id for one in newest + older] == ids[::-1]
    assert school.tutormax.interventions(status=InterventionStatus.COMPLETED) == []
