"""What the services know of a person, as one document in one round trip."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from links.classroom import COLLEAGUE, GUEST, STUDENTS, TEACHER, at
from mentorbase import SYSTEM, AsyncDatabase, InvalidArgument, MemberStatus, UserProfile
from mentoring.lifecycle import refused
from pydantic import TypeAdapter


def test_a_teacher_s_profile_is_what_each_service_says(db, classroom):
    with db.transaction(actor=TEACHER) as tx:
        tx.teachers.save_teacher(TEACHER, bio="Teaches.", rate=Decimal("9999999999.99"), rate_currency="EUR")
    lessons = [
        db.links.create_lesson(
            TEACHER, classroom.group_id, None, title=f"{n}", starts_at=at(n), ends_at=at(n + 1), actor_id=TEACHER
        )
        for n in (5, 3, 1)
    ]
    cancelled = db.calendar.cancel_lesson(lessons[0].id, actor_id=TEACHER)
    assert db.links.user_profile(TEACHER) == UserProfile(
        user=db.auth.user_by_telegram_id(TEACHER),
        teacher=db.teachers.teacher(TEACHER),
        student=None,
        groups=[db.groups.group(classroom.group_id)],
        lessons=[lessons[2], lessons[1], cancelled],
    )


def test_a_student_s_profile_has_the_groups_they_are_in_and_wait_for(db, classroom):
    student = STUDENTS[0]
    with db.transaction(actor=COLLEAGUE) as tx:
        full = tx.groups.create_group(COLLEAGUE, name="Small", language="en", capacity=1)
        left = tx.groups.create_group(COLLEAGUE, name="Dull", language="en", capacity=1)
    db.groups.join_group(full.id, GUEST, actor_id=GUEST)
    db.groups.join_group(full.id, student, actor_id=student)
    gone = db.groups.join_group(left.id, student, actor_id=student)
    db.groups.change_member(gone.id, to_status=MemberStatus.LEFT, actor_id=student)
    lesson = db.links.create_lesson(
        TEACHER, classroom.group_id, None, title="x", starts_at=at(1), ends_at=at(2), actor_id=TEACHER
    )
    found = db.links.user_profile(student)
    assert (found.user, found.teacher) == (db.auth.user_by_telegram_id(student), None)
    assert found.student == db.students.student(student)
    assert [group.id for group in found.groups] == [full.id, classroom.group_id]
    assert found.groups == db.groups.student_groups(student)
    assert found.lessons == [lesson]


def test_who_teaches_and_learns_has_both(db, admin, classroom):
    with db.transaction(actor=SYSTEM) as tx:
        tx.students.save_student(TEACHER)
        tx.calendar.plan_lesson(COLLEAGUE, "x", at(3), at(4), student_telegram_ids=[TEACHER])
        tx.calendar.plan_lesson(TEACHER, "y", at(1), at(2), student_telegram_ids=[GUEST])
    db.groups.join_group(classroom.other_group_id, TEACHER, actor_id=TEACHER)
    found = db.links.user_profile(TEACHER)
    assert found.teacher is not None
    assert found.student is not None
    assert [group.id for group in found.groups] == [classroom.other_group_id, classroom.group_id]
    assert [lesson.title for lesson in found.lessons] == ["y", "x"]


def test_who_only_registered_is_a_user_and_nothing_else(db):
    with db.transaction(actor=SYSTEM) as tx:
        user = tx.auth.create_user(first_name="Anna", telegram_id=7)
    assert db.links.user_profile(7) == UserProfile(user, None, None, [], [])
    assert db.links.user_profile(8) is None


def test_of_many_groups_and_lessons_come_the_newest_and_the_next(db, classroom):
    with db.transaction(actor=SYSTEM) as tx:
        now = datetime.now(UTC)
        tx.calendar.plan_lesson(TEACHER, "over", now - timedelta(hours=30), now - timedelta(hours=29))
        groups = [tx.groups.create_group(TEACHER, name=f"{n}", language="en", capacity=1).id for n in range(5)]
        lessons = [tx.calendar.plan_lesson(TEACHER, f"{n}", at(n), at(n + 1)).id for n in range(5)]
    found = db.links.user_profile(TEACHER, at_most=3)
    assert [group.id for group in found.groups] == groups[:1:-1]
    assert [lesson.id for lesson in found.lessons] == lessons[:3]
    with refused(InvalidArgument):
        db.links.user_profile(TEACHER, at_most=501)


def test_it_is_the_documented_document(db, classroom):
    found = TypeAdapter(UserProfile).dump_python(db.links.user_profile(TEACHER), mode="json")
    assert list(found) == ["user", "teacher", "student", "groups", "lessons"]
    assert found["user"]["telegram_id"] == TEACHER


def test_times_are_utc_whatever_the_session_s_zone(app, db, classroom):
    app.execute("SET timezone = 'Asia/Tokyo'")
    [row] = app.execute('SELECT "user" FROM links.user_profile(%s)', [TEACHER]).fetchall()
    assert row[0]["created_at"].endswith("+00:00")


def test_asynchronous_code_gets_the_same(db, dsn, classroom):
    async def scenario() -> UserProfile | None:
        async with AsyncDatabase.connect(dsn) as other:
            return await other.links.user_profile(TEACHER)

    assert asyncio.run(scenario()) == db.links.user_profile(TEACHER)


def test_analysts_have_no_profiles(reader, classroom):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM links.user_profile(%s)", [TEACHER])
