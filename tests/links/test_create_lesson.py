"""A lesson with its participants and what they are told: all of it or nothing, in one round trip."""

from __future__ import annotations

import re
import tempfile
from collections import Counter

import psycopg
import pytest
from links.classroom import COLLEAGUE, GUEST, NOBODY, STUDENTS, TEACHER, Classroom, at
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    Calendar,
    Database,
    GroupStatus,
    InvalidArgument,
    InvalidValue,
    Lesson,
    LessonStatus,
    Links,
    MemberStatus,
    NotFound,
    NotPermitted,
    StudentsBusy,
    TeacherAway,
    TeacherBusy,
    TemplateMissing,
    TransitionRefused,
)
from mentoring.lifecycle import refused
from mentoring.racing import at_once
from psycopg.conninfo import make_conninfo

TABLES = (
    "calendar.lessons",
    "calendar.lesson_participants",
    "calendar.lesson_history",
    "notifications.notifications",
)


def create(links, room, hours=10.0, *, teacher=TEACHER, students=None, title="Fractions", **given) -> Lesson:
    given = {"group_id": room.group_id, "actor_id": teacher} | given
    return links.create_lesson(
        teacher, given.pop("group_id"), students, title=title, starts_at=at(hours), ends_at=at(hours + 1), **given
    )


def counts(admin: psycopg.Connection) -> dict[str, int]:
    return {table: admin.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def told(admin: psycopg.Connection) -> dict[int, str]:
    return dict(admin.execute("SELECT recipient_telegram_id, body FROM notifications.notifications").fetchall())


def entered(db: Database, lesson: Lesson) -> list[int]:
    return [one.student_telegram_id for one in db.calendar.participants(lesson.id, page_size=500)]


def test_a_lesson_for_a_group_of_thirty_is_planned_and_all_are_told(db, admin, classroom):
    lesson = create(db.links, classroom, reason="the first")
    assert db.calendar.lesson(lesson.id) == lesson
    assert (lesson.teacher_telegram_id, lesson.group_id, lesson.status) == (
        TEACHER, classroom.group_id, LessonStatus.PLANNED,
    )  # fmt: skip
    assert entered(db, lesson) == STUDENTS
    assert told(admin) == dict.fromkeys(STUDENTS, "New lesson: Fractions, 2031-06-02 10:00 (UTC)")
    [step] = db.calendar.lesson_history(lesson.id)
    assert (step.actor_kind, step.actor_id, step.reason) == ("teacher", TEACHER, "the first")


def test_it_is_one_round_trip(dsn, classroom):
    with psycopg.connect(dsn, autocommit=True) as conn, tempfile.TemporaryFile() as trace:
        create(Links(conn), classroom)
        conn.pgconn.trace(trace.fileno())
        create(Links(conn), classroom, 12)
        conn.pgconn.untrace()
        trace.seek(0)
        sent = Counter(re.findall(rb"\bF\t\d+\t(\w+)", trace.read()))
    assert sent[b"Sync"] == 1
    assert sent[b"Execute"] == 1
    assert sent[b"Query"] == 0


def test_one_busy_student_of_thirty_refuses_the_whole_and_is_named(db, admin, classroom):
    create(db.links, classroom, teacher=COLLEAGUE, students=[207], group_id=None)
    before = counts(admin)
    with refused(StudentsBusy) as caught:
        create(db.links, classroom, 10.5)
    assert caught.value.telegram_ids == [207]
    assert caught.value.message == "students are busy at that time: 1 of 30"
    assert counts(admin) == before


def test_all_who_are_busy_are_named(db, classroom):
    create(db.links, classroom, teacher=COLLEAGUE, students=[GUEST, 230, 207], group_id=None)
    with refused(StudentsBusy) as caught:
        create(db.links, classroom, students=[*STUDENTS, GUEST])
    assert caught.value.telegram_ids == [207, 230, GUEST]


def test_named_students_come_instead_of_the_group_s(db, admin, classroom):
    lesson = create(db.links, classroom, students=[GUEST, 202, GUEST])
    assert entered(db, lesson) == [202, GUEST]
    assert told(admin).keys() == {202, GUEST}
    alone = create(db.links, classroom, 12, students=[], group_id=None)
    assert (alone.group_id, entered(db, alone)) == (None, [])


def test_who_waits_or_has_left_is_not_entered(db, admin, classroom):
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("UPDATE groups.group_members SET status = 'left' WHERE student_telegram_id = 201")
    with db.transaction(actor=TEACHER) as tx:
        tx.groups.change_group(classroom.group_id, name="Evening", language="en", capacity=29)
    assert db.groups.join_group(classroom.group_id, GUEST, actor_id=GUEST).status is MemberStatus.WAITING
    assert entered(db, create(db.links, classroom)) == STUDENTS[1:]


def test_each_is_told_in_their_language_and_by_their_clock(db, admin, classroom):
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE telegram_id IN (201, 202)")
        admin.execute("UPDATE students.students SET timezone = 'Asia/Tokyo' WHERE telegram_id IN (202, 203)")
        admin.execute("SELECT notifications.save_settings(204, 'telegram', is_enabled => false)")
    create(db.links, classroom, 20, students=[201, 202, 203, 204])
    assert told(admin) == {
        201: "Новое занятие: Fractions, 2031-06-02 20:00 (UTC)",
        202: "Новое занятие: Fractions, 2031-06-03 05:00 (Asia/Tokyo)",
        203: "New lesson: Fractions, 2031-06-03 05:00 (Asia/Tokyo)",
        204: "New lesson: Fractions, 2031-06-02 20:00 (UTC)",
    }
    muted = admin.execute("SELECT recipient_telegram_id FROM notifications.notifications WHERE status = 'cancelled'")
    assert muted.fetchall() == [(204,)]


# -- Refusals, of which each leaves nothing


@pytest.mark.parametrize(
    ("given", "kind", "values"),
    [
        ({"teacher": NOBODY}, NotFound, {"teacher_telegram_id": "999"}),
        ({"teacher": GUEST}, NotFound, {"teacher_telegram_id": "301"}),
        ({"group_id": 999}, NotFound, {"group_id": "999"}),
        ({"students": [201, 999, 998, COLLEAGUE]}, NotFound, {"student_telegram_ids": "102|998|999"}),
        ({"students": [201, 210, 211]}, InvalidArgument, {"student_telegram_ids": "210|211"}),
        ({"hours": -60_000, "students": []}, InvalidArgument, {"teacher_telegram_id": "101"}),
        ({"teacher": COLLEAGUE}, NotPermitted, {"actor_is": "outsider"}),
        ({"actor_id": COLLEAGUE, "students": []}, NotPermitted, {"teacher_telegram_id": "101", "actor_is": "outsider"}),
        ({"hours": 34.5, "students": []}, TeacherAway, {"teacher_telegram_id": "101"}),
        ({"hours": 58.5, "students": []}, TeacherBusy, {"teacher_telegram_id": "101"}),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(db, admin, classroom: Classroom, given, kind, values):
    with db.transaction(actor=SYSTEM) as tx:
        for student in (210, 211):
            tx.students.save_student(student, is_active=False)
        tx.calendar.add_absence(TEACHER, at(34), at(35))
        tx.calendar.plan_lesson(TEACHER, "x", at(58), at(59))
    before = counts(admin)
    with refused(kind) as caught:
        create(db.links, classroom, **given)
    assert caught.value.values.items() >= values.items()
    assert counts(admin) == before


def test_a_teacher_among_the_students_is_refused(db, admin, classroom):
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO students.students (telegram_id) VALUES (%s)", [TEACHER])
    with refused(InvalidArgument):
        create(db.links, classroom, students=[TEACHER, 201])
    assert counts(admin) == dict.fromkeys(TABLES, 0)


def test_who_teaches_no_more_plans_nothing(db, classroom):
    with db.transaction(actor=SYSTEM) as tx:
        tx.teachers.save_teacher(TEACHER, is_active=False)
    with refused(InvalidArgument) as caught:
        create(db.links, classroom)
    assert caught.value.message == "the teacher teaches no more"


@pytest.mark.parametrize(
    "steps", [[GroupStatus.CANCELLED], [GroupStatus.CLOSED, GroupStatus.COMPLETED]], ids=lambda steps: steps[-1]
)
def test_a_group_that_has_ended_has_no_more_lessons(db, classroom, steps):
    for step in steps:
        db.groups.change_group_status(classroom.group_id, step, actor_id=TEACHER)
    with refused(TransitionRefused) as caught:
        create(db.links, classroom)
    assert caught.value.values == {"group_id": str(classroom.group_id), "status": steps[-1].value}


def test_an_administrator_and_the_system_let_another_teacher_stand_in(db, classroom):
    for hours, actor in enumerate((Actor.admin(7), SYSTEM)):
        with db.transaction(actor=actor) as tx:
            lesson = create(tx.links, classroom, hours, teacher=COLLEAGUE, actor_id=None)
        assert (lesson.teacher_telegram_id, lesson.group_id) == (COLLEAGUE, classroom.group_id)


def test_nobody_named_is_refused_whoever_asks(db, admin, classroom):
    admin.execute("CREATE ROLE links_login LOGIN; GRANT links_app TO links_login")
    try:
        alone = make_conninfo(admin.info.dsn, user="links_login")
        with psycopg.connect(alone, autocommit=True) as conn:
            for links in (db.links, Links(conn)):
                with refused(ActorRequired):
                    create(links, classroom, actor_id=None)
            # This role has nothing but the functions, and no way round the locks of calendar.
            conn.execute("SET mentorbase.bulk_load = on")
            assert create(Links(conn), classroom).id
            assert conn.execute("SHOW mentorbase.bulk_load").fetchone() == ("on",)
            with refused(NotPermitted, "42501"):
                Calendar(conn).lesson(1)
    finally:
        admin.execute("DROP ROLE links_login")


def test_without_a_text_to_tell_nothing_is_planned(db, admin, classroom):
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("DELETE FROM notifications.notification_templates WHERE code = 'lesson_planned'")
    with refused(TemplateMissing):
        create(db.links, classroom)
    assert counts(admin) == dict.fromkeys(TABLES, 0)
    assert entered(db, create(db.links, classroom, students=[], group_id=None)) == []  # nobody is told


def test_a_title_that_is_none_is_refused(db, admin, classroom):
    with refused(InvalidValue, "23514", constraint="lessons_title_check"):
        create(db.links, classroom, title=" ")
    assert counts(admin) == dict.fromkeys(TABLES, 0)


def test_the_transaction_s_actor_is_the_one_before_again(db, classroom):
    with db.transaction(actor=Actor.admin(7)) as tx:
        create(tx.links, classroom)
        assert tx.connection.execute("SHOW mentorbase.actor").fetchone() == ("admin:7",)
        assert tx.connection.execute("SELECT current_setting('mentorbase.bulk_load', true)").fetchone() == ("",)


def test_sixteen_lessons_of_one_hour_for_the_same_thirty_leave_one(dsn, admin, classroom):
    with psycopg.connect(make_conninfo(admin.info.dsn), autocommit=True) as conn, conn.transaction():
        conn.execute("SET LOCAL mentorbase.actor = 'system'")
        conn.execute(
            "INSERT INTO auth.users (telegram_id, first_name) SELECT i, 'T' FROM generate_series(401, 416) AS i"
        )
        conn.execute("INSERT INTO teachers.teachers (telegram_id) SELECT generate_series(401, 416)")

    def job(teacher: int) -> Lesson:
        with psycopg.connect(dsn, autocommit=True) as conn:
            return create(Links(conn), classroom, teacher=teacher, students=STUDENTS, group_id=None)

    outcomes = at_once([lambda teacher=teacher: job(teacher) for teacher in range(401, 417)])
    assert Counter(type(one) for one in outcomes) == {Lesson: 1, StudentsBusy: 15}, outcomes
    assert {tuple(one.telegram_ids) for one in outcomes if isinstance(one, StudentsBusy)} == {tuple(STUDENTS)}
    assert counts(admin) == dict(zip(TABLES, (1, 30, 1, 30), strict=True))
