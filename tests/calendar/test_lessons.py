"""Lessons: every step by everybody, what it leaves behind, what is refused, and the chain of rescheduled ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mentorbase import (
    ActorRequired,
    AlreadyExists,
    AttendanceStatus,
    Calendar,
    InvalidArgument,
    InvalidValue,
    LessonParty,
    LessonStatus,
    NotFound,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
    StudentsBusy,
    TeacherAway,
    TeacherBusy,
    TransitionRefused,
)

from .school import (
    ADMIN,
    FRIEND,
    HOUR,
    OTHER,
    SETTING,
    STUDENT,
    TEACHER,
    acting,
    ago,
    at,
    imported,
    refused,
    rows,
)

STATUSES = ("planned", "completed", "cancelled")
ALLOWED: dict[tuple[str | None, str], tuple[str, ...]] = {
    (None, "planned"): ("teacher", "admin", "system"),
    (None, "completed"): ("system",),
    (None, "cancelled"): ("system",),
    ("planned", "completed"): ("teacher", "admin", "system"),
    ("planned", "cancelled"): ("teacher", "admin", "system"),
    ("completed", "cancelled"): ("admin",),
}


def hint(status: str | None) -> str:
    found = [f"{to} ({', '.join(ALLOWED[status, to])})" for to in STATUSES if (status, to) in ALLOWED]
    return f"From {status or 'nothing'} a lesson may go to: {', '.join(found) or 'nowhere, it has ended'}."


def plan(calendar, hours=10.0, **more):
    return calendar.plan_lesson(TEACHER, "Algebra", at(hours), at(hours + 1), **({"actor_id": TEACHER} | more))


# -- Steps


def test_the_table_of_steps_is_the_one_written_here(admin):
    found = {(row["from_status"], row["to_status"], row["actor_kind"]) for row in rows(admin, "lesson_transitions")}
    assert found == {(*step, kind) for step, kinds in ALLOWED.items() for kind in kinds}


@pytest.mark.parametrize("who", SETTING)
@pytest.mark.parametrize("to_status", STATUSES)
@pytest.mark.parametrize("status", [None, *STATUSES])
def test_a_typed_step_is_taken_by_whom_the_table_says_and_by_nobody_else(admin, status, to_status, who):
    if status == to_status:
        return
    if status:
        statement = "UPDATE calendar.lessons SET status = %s WHERE id = %s"
        values = [to_status, imported(admin, ago(3), status=status)]
    else:
        statement = (
            "INSERT INTO calendar.lessons (status, teacher_telegram_id, title, starts_at, ends_at)"
            " VALUES (%s, %s, 'x', %s, %s)"
        )
        begins_at = at(1) if to_status == "planned" else ago(2)
        values = [to_status, TEACHER, begins_at, begins_at + HOUR]
    steps = len(rows(admin, "lesson_history"))

    if who in ALLOWED.get((status, to_status), ()):
        with acting(admin, SETTING[who]):
            admin.execute(statement, values)
        step = rows(admin, "lesson_history")[-1]
        assert (step["from_status"], step["to_status"], step["actor_kind"]) == (status, to_status, who)
        assert step["actor_id"] == {"teacher": TEACHER, "admin": ADMIN, "system": None}[who]
        assert len(rows(admin, "lesson_history")) == steps + 1
    else:
        kind = NotPermitted if (status, to_status) in ALLOWED else TransitionRefused
        with refused(kind) as caught, acting(admin, SETTING[who]):
            admin.execute(statement, values)
        assert caught.value.hint == hint(status)
        assert len(rows(admin, "lesson_history")) == steps


def test_a_planned_lesson_says_all_that_was_given(app):
    lesson = plan(Calendar(app), group_id=5, reason="the first")
    assert (lesson.teacher_telegram_id, lesson.group_id, lesson.title) == (TEACHER, 5, "Algebra")
    assert (lesson.starts_at, lesson.ends_at, lesson.status) == (at(10), at(11), LessonStatus.PLANNED)
    assert Calendar(app).lesson(lesson.id) == lesson
    (step,) = Calendar(app).lesson_history(lesson.id)
    assert (step.actor_kind, step.actor_id, step.reason) == (LessonParty.TEACHER, TEACHER, "the first")


def test_a_lesson_is_completed_once_it_is_over(app, admin):
    calendar = Calendar(app)
    begun, over = imported(admin, ago(0.5)), imported(admin, ago(3), teacher=OTHER, students=())
    with refused(TransitionRefused):
        calendar.complete_lesson(begun, actor_id=TEACHER)
    assert calendar.complete_lesson(over, actor_id=OTHER).status == LessonStatus.COMPLETED
    with refused(TransitionRefused):
        calendar.complete_lesson(over, actor_id=OTHER)


def test_a_call_s_actor_and_reason_end_with_it(app):
    with app.transaction():
        app.execute("SET LOCAL mentorbase.actor = '9'")
        app.execute("SET LOCAL mentorbase.reason = 'mine'")
        calendar = Calendar(app)
        lesson = plan(calendar, reason="a")
        lesson = calendar.reschedule(lesson.id, at(20), at(21), actor_id=TEACHER, reason="b")
        calendar.add_participants(lesson.id, [STUDENT], actor_id=TEACHER)
        calendar.remove_participant(lesson.id, STUDENT, actor_id=TEACHER)
        calendar.cancel_lesson(lesson.id, actor_id=TEACHER, reason="c")
        found = app.execute("SELECT current_setting('mentorbase.actor'), current_setting('mentorbase.reason')")
        assert found.fetchone() == ("9", "mine")


# -- Refusals


@pytest.mark.parametrize(
    "call",
    [
        lambda c, i: plan(c, 20, actor_id=None),
        lambda c, i: c.reschedule(i, at(20), at(21)),
        lambda c, i: c.cancel_lesson(i),
        lambda c, i: c.change_lesson(i, title="x"),
        lambda c, i: c.add_participants(i, [FRIEND]),
        lambda c, i: c.remove_participant(i, STUDENT),
        lambda c, i: c.mark_attendance(i, [STUDENT], AttendanceStatus.PRESENT),
    ],
)
def test_an_application_says_who_acts(app, call):
    lesson = plan(Calendar(app), student_telegram_ids=[STUDENT])
    with refused(ActorRequired):
        call(Calendar(app), lesson.id)


@pytest.mark.parametrize("who", [OTHER, STUDENT])
@pytest.mark.parametrize(
    "call",
    [
        lambda c, i, who: plan(c, 20, actor_id=who),
        lambda c, i, who: c.reschedule(i, at(20), at(21), actor_id=who),
        lambda c, i, who: c.cancel_lesson(i, actor_id=who),
        lambda c, i, who: c.add_participants(i, [FRIEND], actor_id=who),
        lambda c, i, who: c.remove_participant(i, STUDENT, actor_id=who),
    ],
)
def test_a_lesson_is_its_teacher_s(app, call, who):
    lesson = plan(Calendar(app), student_telegram_ids=[STUDENT])
    with refused(NotPermitted):
        call(Calendar(app), lesson.id, who)
    with refused(NotPermitted), acting(app, str(who)):
        Calendar(app).change_lesson(lesson.id, title="x")


def test_a_lesson_that_does_not_exist_is_not_found(app):
    calendar = Calendar(app)
    for call in (
        lambda: calendar.lesson(77),
        lambda: calendar.cancel_lesson(77, actor_id=TEACHER),
        lambda: calendar.reschedule(77, at(1), at(2), actor_id=TEACHER),
        lambda: calendar.add_participants(77, [STUDENT], actor_id=TEACHER),
        lambda: calendar.mark_attendance(77, [STUDENT], AttendanceStatus.LATE, actor_id=TEACHER),
    ):
        with refused(NotFound):
            call()


def test_a_teacher_plans_in_the_future_and_an_administrator_enters_the_past(app, admin):
    with refused(InvalidArgument):
        Calendar(app).plan_lesson(TEACHER, "x", ago(2), ago(1), actor_id=TEACHER)
    with acting(app, f"admin:{ADMIN}"):
        Calendar(app).plan_lesson(TEACHER, "x", ago(2), ago(1))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"title": " "}, "lessons_title_check"),
        ({"title": "x" * 201}, "lessons_title_check"),
        ({"ends_at": at(10)}, "lessons_ends_at_check"),
        ({"ends_at": at(9)}, "lessons_ends_at_check"),
        ({"ends_at": at(34.1)}, "lessons_ends_at_check"),
        ({"starts_at": datetime(9999, 1, 1, tzinfo=UTC), "ends_at": datetime(9999, 1, 1, 1, tzinfo=UTC)},
         "lessons_starts_at_check"),
    ],
)  # fmt: skip
def test_a_value_outside_its_column_is_named(app, change, constraint):
    values = {"title": "x", "starts_at": at(10), "ends_at": at(11)} | change
    with refused(InvalidValue, constraint=constraint):
        Calendar(app).plan_lesson(TEACHER, actor_id=TEACHER, **values)


@pytest.mark.parametrize("teacher", [0, -1, 2**52])
def test_a_telegram_id_is_from_1_to_2_to_the_52_less_1(app, admin, teacher):
    with refused(InvalidArgument):
        Calendar(app).teacher_lessons(teacher)
    with refused(InvalidValue, constraint="lessons_teacher_telegram_id_check"), acting(admin, "system"):
        admin.execute(
            "INSERT INTO calendar.lessons (teacher_telegram_id, title, starts_at, ends_at) VALUES (%s, 'x', %s, %s)",
            [teacher, at(1), at(2)],
        )


@pytest.mark.parametrize(
    "column", ["id", "rescheduled_from", "created_at", "starts_at", "ends_at", "teacher_telegram_id"]
)
def test_an_application_may_not_write_what_the_database_keeps(app, column):
    plan(Calendar(app))
    with refused(NotPermitted, sqlstate="42501"), acting(app, str(TEACHER)):
        app.execute(f"UPDATE calendar.lessons SET {column} = DEFAULT")


@pytest.mark.parametrize("change", ["id = 99", "created_at = now() - interval '1 day'", "rescheduled_from = 5"])
def test_what_a_lesson_is_is_not_changed_by_hand(app, admin, change):
    plan(Calendar(app))
    with refused(ReadOnly), acting(admin, "system"):
        admin.execute(f"UPDATE calendar.lessons SET {change}")


def test_a_teacher_does_not_move_a_lesson_in_place(app, admin):
    plan(Calendar(app))
    for change in ("starts_at = starts_at + interval '1 minute'", f"teacher_telegram_id = {OTHER}"):
        with refused(ReadOnly), acting(admin, str(TEACHER)):
            admin.execute(f"UPDATE calendar.lessons SET {change}")


def test_another_teacher_stands_in_if_they_are_free(app, admin):
    calendar = Calendar(app)
    first, second = plan(calendar, student_telegram_ids=[STUDENT]), plan(calendar, 12)
    calendar.plan_lesson(OTHER, "Their own", at(12), at(13), actor_id=OTHER)
    with acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET teacher_telegram_id = %s WHERE id = %s", [OTHER, first.id])
    with refused(TeacherBusy), acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET teacher_telegram_id = %s WHERE id = %s", [OTHER, second.id])
    with refused(InvalidArgument), acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET teacher_telegram_id = %s WHERE id = %s", [STUDENT, first.id])


def test_a_lesson_that_is_no_longer_planned_does_not_move(admin):
    lesson = imported(admin, ago(5), status="completed")
    with refused(TransitionRefused), acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET ends_at = ends_at + interval '1 hour' WHERE id = %s", [lesson])


def test_people_do_not_delete_lessons_and_their_story_stays_when_the_owner_does(admin):
    lesson = imported(admin, ago(5), students=())
    with refused(NotPermitted), acting(admin, str(TEACHER)):
        admin.execute("DELETE FROM calendar.lessons")
    with acting(admin, f"admin:{ADMIN}"):
        admin.execute("DELETE FROM calendar.lessons")
    assert [(row["lesson_id"], row["to_status"]) for row in rows(admin, "lesson_history")] == [
        (lesson, "planned"),
        (lesson, None),
    ]
    for statement in ("UPDATE calendar.lesson_history SET reason = 'x'", "DELETE FROM calendar.lesson_history"):
        with refused(ReadOnly), acting(admin, "system"):
            admin.execute(statement)


def test_title_and_group_change(app, admin):
    lesson = plan(Calendar(app), group_id=5)
    with acting(app, str(TEACHER)):
        changed = Calendar(app).change_lesson(lesson.id, title="Geometry")
    assert (changed.title, changed.group_id) == ("Geometry", None)
    assert rows(admin, "audit_log")[-1]["new_values"] == {"title": "Geometry", "group_id": None}


# -- Rescheduling


def test_rescheduling_makes_a_chain_with_one_lesson_that_counts(app, admin):
    calendar = Calendar(app)
    first = plan(calendar, student_telegram_ids=[STUDENT, FRIEND], group_id=5)
    second = calendar.reschedule(first.id, at(10.5), at(12), actor_id=TEACHER, reason="a concert")
    third = calendar.reschedule(second.id, at(10), at(11), actor_id=TEACHER)
    assert (third.rescheduled_from, third.title, third.group_id) == (second.id, "Algebra", 5)
    for lesson in (first, second, third):
        chain = calendar.lesson_chain(lesson.id)
        assert [(one.id, one.status) for one in chain] == [
            (first.id, "cancelled"), (second.id, "cancelled"), (third.id, "planned"),
        ]  # fmt: skip
    assert [one.student_telegram_id for one in calendar.participants(third.id)] == [STUDENT, FRIEND]
    assert [step.reason for step in calendar.lesson_history(second.id)] == ["a concert", "rescheduled"]
    assert calendar.lesson_chain(77) == []


def test_a_refused_rescheduling_leaves_everything_as_it_was(app, admin):
    calendar = Calendar(app)
    lesson = plan(calendar, student_telegram_ids=[STUDENT, FRIEND])
    calendar.plan_lesson(OTHER, "x", at(20), at(21), student_telegram_ids=[FRIEND], actor_id=OTHER)
    before = rows(admin, "lessons"), rows(admin, "lesson_participants"), rows(admin, "lesson_history")
    with refused(StudentsBusy) as caught:
        calendar.reschedule(lesson.id, at(20), at(21), actor_id=TEACHER)
    assert caught.value.telegram_ids == [FRIEND]
    with refused(InvalidArgument):
        calendar.reschedule(lesson.id, ago(2), ago(1), actor_id=TEACHER)
    assert before == (rows(admin, "lessons"), rows(admin, "lesson_participants"), rows(admin, "lesson_history"))


def test_a_lesson_is_rescheduled_once(app, admin):
    calendar = Calendar(app)
    lesson = plan(calendar)
    calendar.reschedule(lesson.id, at(20), at(21), actor_id=TEACHER)
    with refused(TransitionRefused):
        calendar.reschedule(lesson.id, at(30), at(31), actor_id=TEACHER)
    insert = (
        "INSERT INTO calendar.lessons (teacher_telegram_id, title, starts_at, ends_at, rescheduled_from)"
        " VALUES (%s, 'x', %s, %s, %s)"
    )
    with refused(AlreadyExists, constraint="lessons_rescheduled_from_key"), acting(admin, "system"):
        admin.execute(insert, [TEACHER, at(40), at(41), lesson.id])
    with refused(ReferenceViolation, constraint="lessons_rescheduled_from_fkey"), acting(admin, "system"):
        admin.execute(insert, [TEACHER, at(40), at(41), 77])
    other = plan(calendar, 50)
    with refused(TransitionRefused), acting(admin, "system"):
        admin.execute(insert, [TEACHER, at(40), at(41), other.id])
    calendar.cancel_lesson(other.id, actor_id=TEACHER)
    with refused(InvalidArgument), acting(admin, "system"):
        admin.execute(insert, [OTHER, at(40), at(41), other.id])


# -- Participants


def test_participants_are_entered_and_taken_out_until_the_lesson_is_completed(app, admin):
    calendar = Calendar(app)
    lesson = plan(calendar)
    entered = calendar.add_participants(lesson.id, [FRIEND, STUDENT], actor_id=TEACHER)
    assert [one.student_telegram_id for one in entered] == [STUDENT, FRIEND]
    assert calendar.add_participants(lesson.id, [STUDENT], actor_id=TEACHER) == entered[:1]
    assert calendar.remove_participant(lesson.id, STUDENT, actor_id=TEACHER) is True
    assert calendar.remove_participant(lesson.id, STUDENT, actor_id=TEACHER) is False
    calendar.cancel_lesson(lesson.id, actor_id=TEACHER)
    with refused(TransitionRefused):
        calendar.add_participants(lesson.id, [STUDENT], actor_id=TEACHER)

    over = imported(admin, ago(5), status="completed")
    with refused(TransitionRefused):
        calendar.remove_participant(over, STUDENT, actor_id=TEACHER)
    with acting(app, f"admin:{ADMIN}"):
        assert calendar.remove_participant(over, STUDENT) is True


def test_a_lesson_takes_five_hundred_participants_at_once(app, admin):
    with refused(InvalidArgument):
        plan(Calendar(app), student_telegram_ids=[*range(1, 502)])
    with refused(InvalidArgument), acting(admin, str(TEACHER)):
        admin.execute(
            "SELECT id FROM calendar.plan_lesson(%s, 'x', %s, %s, array(SELECT generate_series(1, 501)::bigint))",
            [TEACHER, at(1), at(2)],
        )


def test_a_lesson_with_participants_is_not_deleted(app, admin):
    plan(Calendar(app), student_telegram_ids=[STUDENT])
    fkey = "lesson_participants_lesson_id_fkey"
    state = "23001" if admin.info.server_version >= 180000 else "23503"
    with refused(ReferenceViolation, sqlstate=state, constraint=fkey), acting(admin, "system"):
        admin.execute("DELETE FROM calendar.lessons")


# -- Absences


def test_no_lesson_is_planned_or_moved_into_an_absence(app, admin):
    calendar = Calendar(app)
    lesson = plan(calendar)
    with acting(app, str(TEACHER)):
        absence = calendar.add_absence(TEACHER, at(9), at(20))
    assert calendar.lesson(lesson.id).status == LessonStatus.PLANNED
    with refused(TeacherAway) as caught:
        plan(calendar, 19.5)
    assert caught.value.values == {"teacher_telegram_id": str(TEACHER), "absence_id": str(absence.id)}
    with refused(TeacherAway):
        calendar.reschedule(lesson.id, at(15), at(16), actor_id=TEACHER)
    with refused(TeacherAway), acting(admin, f"admin:{ADMIN}"):
        admin.execute("UPDATE calendar.lessons SET ends_at = ends_at + interval '1 hour'")
    plan(calendar, 20)
    plan(calendar, 8)
    with acting(app, str(TEACHER)):
        assert calendar.remove_absence(absence.id) == absence
    plan(calendar, 15)


def test_the_system_enters_what_took_place_in_an_absence(app, admin):
    with acting(app, "system"):
        Calendar(app).add_absence(TEACHER, ago(10), ago(1))
    assert imported(admin, ago(5))
