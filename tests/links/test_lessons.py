"""Where the calendar shares a database with the others, its people are teachers and students."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import DEPLOY
from mentorbase import SYSTEM, Actor, AttendanceStatus, Database, ReferenceViolation
from mentorbase.errors import translated
from mentorbase.migrate import migrate, rollback, status
from psycopg.conninfo import make_conninfo

HOUR = timedelta(hours=1)
TODAY = datetime.now(UTC)


@pytest.fixture
def users(db: Database) -> None:
    """Telegram ids 101 to 105: a teacher and students."""
    with db.transaction(actor=SYSTEM) as tx:
        for telegram_id in range(101, 106):
            tx.auth.create_user(first_name="A", telegram_id=telegram_id)
            tx.students.save_student(telegram_id)
        tx.teachers.save_teacher(101)


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("call", "constraint"),
    [
        (
            lambda c: c.plan_lesson(7, "x", TODAY + HOUR, TODAY + 2 * HOUR, actor_id=7),
            "lessons_teacher_telegram_id_fkey",
        ),
        (
            lambda c: c.plan_lesson(
                101, "x", TODAY + HOUR, TODAY + 2 * HOUR, student_telegram_ids=[102, 7], actor_id=101
            ),
            "lesson_participants_student_telegram_id_fkey",
        ),
        (
            lambda c: c.plan_lesson(101, "x", TODAY + HOUR, TODAY + 2 * HOUR, group_id=7, actor_id=101),
            "lessons_group_id_fkey",
        ),
    ],
)
def test_a_lesson_is_a_teacher_s_for_students_and_for_a_group_that_exists(
    db: Database, admin: psycopg.Connection, call, constraint
) -> None:
    with pytest.raises(ReferenceViolation) as caught:
        call(db.calendar)
    assert caught.value.constraint == constraint
    assert admin.execute("SELECT count(*) FROM calendar.lessons").fetchone() == (0,)


@pytest.mark.usefixtures("users")
def test_who_changes_their_telegram_account_keeps_their_calendar(db: Database, admin: psycopg.Connection) -> None:
    """Planned, completed and cancelled lessons, an absence declared over one of them, attendance: all follow."""
    with db.transaction(actor=SYSTEM) as tx:
        for hours in (-30, -5):
            lesson = tx.calendar.plan_lesson(
                101, "x", TODAY + hours * HOUR, TODAY + (hours + 1) * HOUR, student_telegram_ids=[102, 103]
            )
        tx.calendar.complete_lesson(lesson.id)
    calendar = db.calendar
    calendar.mark_attendance(lesson.id, [102], AttendanceStatus.LATE, actor_id=101)
    planned = calendar.plan_lesson(
        101, "x", TODAY + 5 * HOUR, TODAY + 6 * HOUR, student_telegram_ids=[102, 103], actor_id=101
    )
    gone = calendar.plan_lesson(101, "x", TODAY + 8 * HOUR, TODAY + 9 * HOUR, student_telegram_ids=[102], actor_id=101)
    calendar.cancel_lesson(gone.id, actor_id=101)
    with db.transaction(actor=101) as tx:
        tx.calendar.add_absence(101, TODAY, TODAY + 24 * HOUR)
        tx.calendar.add_schedule(
            101, weekday=1, starts_local=TODAY.time().replace(hour=1), ends_local=TODAY.time().replace(hour=2),
            timezone="UTC", valid_from=TODAY.date(),
        )  # fmt: skip

    with db.transaction(actor=Actor.admin(5)) as tx:
        tx.connection.execute("UPDATE auth.users SET telegram_id = telegram_id + 900 WHERE telegram_id IN (101, 102)")

    assert len(calendar.teacher_lessons(1001)) == 4
    assert calendar.teacher_lessons(101) == []
    assert len(calendar.student_lessons(1002)) == 4
    assert [one.student_telegram_id for one in calendar.participants(planned.id)] == [103, 1002]
    assert [one.student_telegram_id for one in calendar.attendance(lesson.id)] == [1002]
    assert len(calendar.absences(1001)) == len(calendar.schedules(1001)) == 1


@pytest.mark.usefixtures("users")
def test_who_has_lessons_is_not_deleted(db: Database, admin: psycopg.Connection) -> None:
    db.calendar.plan_lesson(
        101, "x", TODAY + HOUR, TODAY + 2 * HOUR, student_telegram_ids=[102], actor_id=101
    )  # fmt: skip
    for telegram_id in (101, 102):
        with pytest.raises(ReferenceViolation), translated, admin.transaction():
            admin.execute("DELETE FROM auth.users WHERE telegram_id = %s", [telegram_id])


def test_whom_only_the_calendar_knew_gets_an_empty_profile(admin: psycopg.Connection) -> None:
    admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {DEPLOY}")
    dsn = make_conninfo(admin.info.dsn, user=DEPLOY)
    known = [migration.id for migration in status(dsn)]
    rollback(dsn, len(known) - known.index("links.0021.lessons"))
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO auth.users (telegram_id, first_name) SELECT i, 'P' FROM generate_series(1, 3) AS i")
        admin.execute(
            "SELECT id FROM calendar.plan_lesson(1, 'x', now(), now() + interval '1 hour', ARRAY[2]::bigint[])"
        )
        admin.execute(
            "INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)"
            " VALUES (3, now(), now() + interval '1 hour')"
        )

    migrate(dsn)

    assert admin.execute("SELECT telegram_id FROM teachers.teachers ORDER BY 1").fetchall() == [(1,), (3,)]
    assert admin.execute("SELECT telegram_id FROM students.students").fetchall() == [(2,)]
    unchecked = admin.execute("SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated").fetchall()
    assert unchecked == []
