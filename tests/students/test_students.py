"""Students, their languages, and the enrollments that this service keeps where it lives alone."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial

import pytest
from groups.home import ADMIN, STUDENTS, Home
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    AlreadyExists,
    CefrLevel,
    Enrollment,
    EnrollmentStatus,
    InvalidValue,
    NotFound,
    NotPermitted,
    ReadOnly,
    TransitionRefused,
)
from mentoring.lifecycle import refused
from mentoring.racing import at_once

A, B = STUDENTS[:2]
GROUP = 7

ALLOWED = {
    (None, "applied"): {"student", "admin", "system"},
    (None, "enrolled"): {"admin", "system"},
    (None, "completed"): {"system"},
    (None, "dropped"): {"system"},
    ("applied", "enrolled"): {"admin", "system"},
    ("applied", "dropped"): {"student", "admin", "system"},
    ("enrolled", "completed"): {"admin", "system"},
    ("enrolled", "dropped"): {"student", "admin", "system"},
}
ACTORS = {"student": Actor.user(A), "outsider": Actor.user(B), "admin": Actor.admin(ADMIN), "system": SYSTEM}


def test_a_student_writes_their_own_profile(home: Home) -> None:
    with home.db.transaction(actor=A) as tx:
        saved = tx.students.save_student(A, learning_goals="To read Austen.", timezone="Europe/Berlin")
    assert home.db.students.student(A) == saved
    assert home.db.students.student(999) is None
    with refused(NotPermitted), home.db.transaction(actor=B) as tx:
        tx.students.save_student(A)
    with refused(ActorRequired):
        home.db.students.save_student(A)


def test_a_language_has_a_level_now_and_a_target_that_is_not_below(home: Home) -> None:
    with home.db.transaction(actor=A) as tx:
        tx.students.save_student_language(A, "en", current_level=CefrLevel.A2, target_level=CefrLevel.B2)
        tx.students.save_student_language(A, "de", target_level=CefrLevel.A1)
    learned = [(own.language, own.current_level, own.target_level) for own in home.db.students.student_languages(A)]
    assert learned == [("de", None, CefrLevel.A1), ("en", CefrLevel.A2, CefrLevel.B2)]
    with (
        refused(InvalidValue, "23514", constraint="student_languages_target_level_check"),
        home.db.transaction(actor=A) as tx,
    ):
        tx.students.save_student_language(A, "en", current_level=CefrLevel.B2, target_level=CefrLevel.A2)
    with home.db.transaction(actor=A) as tx:
        assert tx.students.remove_student_language(A, "de") == "de"
        assert tx.students.remove_student_language(A, "de") is None


def put(home: Home, status: str | None) -> int:
    """An enrollment that stands there, or nothing."""
    if status is None:
        return 0
    home.system(
        f"INSERT INTO students.group_enrollments (student_telegram_id, group_id, status) VALUES ({A}, 7, '{status}')"
    )
    return home.db.students.enrollments(A)[0].id


@pytest.mark.parametrize("before", [None, *EnrollmentStatus])
def test_an_enrollment_takes_the_steps_of_the_table_by_whom_it_says(alone: Home, before: str | None) -> None:
    for after in EnrollmentStatus:
        for who, actor in ACTORS.items():
            enrollment_id = put(alone, before)
            allowed = ALLOWED.get((before, after.value), set())

            def step(actor: Actor = actor, after: EnrollmentStatus = after, known: int = enrollment_id) -> Enrollment:
                with alone.db.transaction(actor=actor) as tx:
                    if before is None:
                        return tx.students.apply_to_group(A, GROUP, status=after)
                    return tx.students.change_enrollment(known, to_status=after)

            if who in allowed:
                assert step().status == after
            else:
                with refused(NotPermitted if allowed else TransitionRefused):
                    step()
            alone.admin.execute("DELETE FROM students.group_enrollments")


def test_an_enrollment_has_progress_times_and_a_history(alone: Home) -> None:
    db = alone.db.students
    applied = db.apply_to_group(A, GROUP, actor_id=A, reason="curious")
    with alone.db.transaction(actor=SYSTEM) as tx:
        enrolled = tx.students.change_enrollment(applied.id, to_status=EnrollmentStatus.ENROLLED)
        assert enrolled.enrolled_at is not None
        tx.students.change_enrollment(applied.id, progress=Decimal(80))
        ended = tx.students.change_enrollment(applied.id, to_status=EnrollmentStatus.COMPLETED)
    assert (ended.progress, ended.ended_at is None, ended.membership_id) == (80, False, None)
    assert db.enrollment(applied.id) == ended
    assert [(s.to_status, s.actor_kind, s.reason) for s in db.enrollment_history(applied.id)] == [
        ("applied", "student", "curious"),
        ("enrolled", "system", None),
        ("completed", "system", None),
    ]
    with refused(TransitionRefused), alone.db.transaction(actor=SYSTEM) as tx:
        tx.students.change_enrollment(applied.id, progress=Decimal(90))
    again = db.apply_to_group(A, GROUP, actor_id=A)
    assert [e.id for e in db.group_enrollments(GROUP)] == [again.id, applied.id]
    with refused(NotPermitted):
        db.change_enrollment(again.id, progress=Decimal(1), actor_id=A)
    with refused(NotFound):
        db.change_enrollment(4711, progress=Decimal(1), actor_id=A)
    with refused(ReadOnly):
        alone.admin.execute("UPDATE students.group_enrollments SET group_id = 8")


def test_a_student_who_applies_twice_at_once_has_one_live_enrollment(alone: Home) -> None:
    results = at_once([partial(alone.db.students.apply_to_group, A, GROUP, actor_id=A)] * 8)
    assert Counter(type(result) for result in results) == {Enrollment: 1, AlreadyExists: 7}, results


def test_the_documented_query_runs_where_the_service_lives_alone(alone: Home) -> None:
    with alone.admin.transaction():
        alone.admin.execute("SET LOCAL ROLE students_app; SET LOCAL search_path = students")
        assert len(alone.admin.execute("SELECT * FROM students WHERE telegram_id = 201;").fetchall()) == 1
