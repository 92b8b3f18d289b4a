"""Attendance: of participants only, once the lesson has begun, by its teacher or an administrator."""

from __future__ import annotations

import pytest
from mentorbase import (
    AttendanceStatus,
    Calendar,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
    TransitionRefused,
)

from .school import ADMIN, DAY, FRIEND, OTHER, STUDENT, TEACHER, acting, ago, at, imported, refused, rows

PRESENT, LATE, ABSENT = AttendanceStatus.PRESENT, AttendanceStatus.LATE, AttendanceStatus.ABSENT
FKEY = "lesson_attendance_lesson_id_fkey"


@pytest.fixture
def begun(admin) -> int:
    """A lesson of a minute ago that goes on, with two participants."""
    return imported(admin, ago(1 / 60), students=(STUDENT, FRIEND))


def test_the_teacher_marks_and_corrects(app, admin, begun):
    calendar = Calendar(app)
    marked = calendar.mark_attendance(begun, [FRIEND, STUDENT, FRIEND], ABSENT, actor_id=TEACHER)
    assert {(one.student_telegram_id, one.status, one.marked_by) for one in marked} == {
        (STUDENT, ABSENT, TEACHER),
        (FRIEND, ABSENT, TEACHER),
    }
    with acting(app, f"admin:{ADMIN}"):
        calendar.mark_attendance(begun, [FRIEND], LATE)
    found = calendar.attendance(begun)
    assert [(one.status, one.marked_by) for one in found] == [(ABSENT, TEACHER), (LATE, ADMIN)]
    changes = [row for row in rows(admin, "audit_log") if row["table_name"] == "lesson_attendance"]
    assert [row["operation"] for row in changes] == ["insert", "insert", "update"]


def test_nobody_is_marked_before_the_lesson_begins(app, admin):
    lesson = imported(admin, ago(-1))
    with refused(TransitionRefused) as caught:
        Calendar(app).mark_attendance(lesson, [STUDENT], PRESENT, actor_id=TEACHER)
    assert caught.value.values.keys() == {"lesson_id", "due_at"}
    with refused(TransitionRefused), acting(admin, f"admin:{ADMIN}"):
        admin.execute("INSERT INTO calendar.lesson_attendance VALUES (%s, %s, 'present')", [lesson, STUDENT])


def test_nobody_is_marked_in_a_cancelled_lesson(app, admin):
    lesson = imported(admin, ago(1), status="cancelled")
    with refused(TransitionRefused):
        Calendar(app).mark_attendance(lesson, [STUDENT], PRESENT, actor_id=TEACHER)


def test_who_is_no_participant_is_not_marked_and_nobody_else_in_the_same_call(app, admin, begun):
    with refused(ReferenceViolation, sqlstate="23503", constraint=FKEY):
        Calendar(app).mark_attendance(begun, [STUDENT, 555], PRESENT, actor_id=TEACHER)
    assert rows(admin, "lesson_attendance") == []


@pytest.mark.parametrize("setting", [str(OTHER), str(STUDENT), "system"])
def test_nobody_but_the_teacher_and_an_administrator_marks(app, admin, begun, setting):
    with refused(NotPermitted), acting(app, setting):
        Calendar(app).mark_attendance(begun, [STUDENT], PRESENT)
    Calendar(app).mark_attendance(begun, [STUDENT], PRESENT, actor_id=TEACHER)
    for statement in (
        "UPDATE calendar.lesson_attendance SET status = 'late'",
        "DELETE FROM calendar.lesson_attendance",
    ):
        with refused(NotPermitted), acting(admin, setting):
            admin.execute(statement)


def test_a_mark_stays_with_its_participant_and_names_who_made_it(app, admin, begun):
    Calendar(app).mark_attendance(begun, [STUDENT], PRESENT, actor_id=TEACHER)
    for change in (f"student_telegram_id = {FRIEND}", f"lesson_id = {begun + 1}"):
        with refused(ReadOnly), acting(admin, str(TEACHER)):
            admin.execute(f"UPDATE calendar.lesson_attendance SET {change}")
    with acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lesson_attendance SET marked_by = 1")
    assert [row["marked_by"] for row in rows(admin, "lesson_attendance")] == [ADMIN]


def test_who_is_marked_stays_a_participant(app, begun, admin):
    Calendar(app).mark_attendance(begun, [STUDENT], PRESENT, actor_id=TEACHER)
    state = "23001" if admin.info.server_version >= 180000 else "23503"
    with refused(ReferenceViolation, sqlstate=state, constraint=FKEY):
        Calendar(app).remove_participant(begun, STUDENT, actor_id=TEACHER)
    assert Calendar(app).remove_participant(begun, FRIEND, actor_id=TEACHER) is True


def test_a_lesson_whose_attendance_is_marked_does_not_move_into_the_future(app, admin, begun):
    Calendar(app).mark_attendance(begun, [STUDENT], PRESENT, actor_id=TEACHER)
    with refused(TransitionRefused), acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET starts_at = %s, ends_at = %s", [at(10), at(11)])
    with acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET starts_at = starts_at - %s, ends_at = ends_at - %s", [DAY, DAY])


def test_an_application_marks_through_the_function_only(app, begun):
    with refused(NotPermitted, sqlstate="42501"), acting(app, str(TEACHER)):
        app.execute("INSERT INTO calendar.lesson_attendance VALUES (%s, %s, 'present')", [begun, STUDENT])
