"""Views for people: names beside ids, local times beside instants, and nothing that is nobody's business."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from mentorbase import SYSTEM, Actor, AttendanceStatus, Database, Party
from psycopg.rows import dict_row

STARTS = datetime(2031, 3, 29, 23, 30, tzinfo=UTC)  # in Berlin half an hour after midnight of the next day, in winter
ENDS = datetime(2031, 3, 30, 1, 30, tzinfo=UTC)  # in Berlin in summer

PRIVATE = {
    "answer_text", "bio", "child_age", "child_name", "content", "db_login", "db_role", "description", "email",
    "free_text", "improvement_areas", "learning_goals", "lookup_hash", "mentee_notes", "mentor_bio", "mentor_notes",
    "message", "payload", "phone", "quest_yaml", "raw_payload", "raw_text", "reason", "sealed", "summary",
    "token_hash", "user_email", "username",
}  # fmt: skip
DOCUMENTED = {
    ("getcourse", "v_active_mentors", "email"),
    ("getcourse", "v_active_students", "email"),
    ("getcourse", "v_application_logs", "message"),
    ("getcourse", "v_error_logs", "message"),
    ("getcourse", "v_pending_webhooks", "user_email"),
    ("getcourse", "v_webhook_quarantine", "reason"),
}
"""The bot's document has people edit e-mail addresses in DBeaver; what applications log is theirs to keep clean;
the reason of quarantine is one of a few words."""


@pytest.fixture
def school(db: Database) -> None:
    """Anna (1, 101) in Berlin teaches and mentors Boris (2, 102) in Yekaterinburg."""
    with db.transaction(actor=SYSTEM) as tx:
        tx.auth.create_user(first_name="Anna", last_name="Adler", telegram_id=101, timezone="Europe/Berlin")
        tx.auth.create_user(first_name="Boris", telegram_id=102, timezone="Asia/Yekaterinburg")
        tx.teachers.save_teacher(101, rate=Decimal(30), rate_currency="EUR", timezone="Europe/Berlin")
        tx.teachers.save_teacher_language(101, "en", is_native=True)
        tx.students.save_student(102, timezone="Asia/Yekaterinburg")
    with db.transaction(actor=101) as tx:
        group = tx.groups.create_group(101, name="Evening", language="en", capacity=3)
    db.groups.join_group(group.id, 102, actor_id=102)
    db.calendar.plan_lesson(101, "Verbs", STARTS, ENDS, student_telegram_ids=[102], group_id=group.id, actor_id=101)
    with db.transaction(actor=1) as tx:
        tx.mentoring.save_profile(1, mentor_rate=Decimal(45), mentor_rate_currency="EUR", timezone="Europe/Berlin")
        subject = tx.mentoring.create_subject(1, title="Algebra", price=Decimal("19.50"), price_currency="EUR")
    link = db.mentoring.request(1, 2, initiated_by=Party.MENTOR, actor_id=1)
    db.mentoring.accept(link.id, actor_id=2)
    db.mentoring.book(subject.id, 2, booked_date=STARTS, ends_at=ENDS, actor_id=2)


def shown(reader: psycopg.Connection, view: str) -> list[dict[str, object]]:
    with reader.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM {view}").fetchall()  # type: ignore[call-overload]


@pytest.mark.usefixtures("school")
def test_people_are_shown_by_name_and_times_by_their_own_clock(reader: psycopg.Connection) -> None:
    [booking] = shown(reader, "links.v_bookings")
    assert (booking["mentor_name"], booking["mentee_name"], booking["subject"]) == ("Anna Adler", "Boris", "Algebra")
    assert (booking["starts_at"], booking["minutes"]) == (STARTS, 120)
    # Without a profile the zone is the person's.
    assert booking["mentor_starts_local"] == datetime(2031, 3, 30, 0, 30)  # noqa: DTZ001
    assert booking["mentee_starts_local"] == datetime(2031, 3, 30, 4, 30)  # noqa: DTZ001
    assert (booking["price"], booking["price_currency"]) == (Decimal("19.50"), "EUR")

    [lesson] = shown(reader, "links.v_lessons")
    assert (lesson["teacher_name"], lesson["group_name"], lesson["participants"]) == ("Anna Adler", "Evening", 1)
    assert lesson["teacher_starts_local"] == datetime(2031, 3, 30, 0, 30)  # noqa: DTZ001
    assert lesson["teacher_ends_local"] == datetime(2031, 3, 30, 3, 30)  # noqa: DTZ001
    [taken] = shown(reader, "links.v_lesson_participants")
    assert (taken["student_name"], taken["student_starts_local"]) == ("Boris", datetime(2031, 3, 30, 4, 30))  # noqa: DTZ001

    [board] = shown(reader, "links.v_mentor_board")
    assert (board["mentee_name"], board["upcoming_sessions"]) == ("Boris", 1)
    assert board["next_session_mentor_local"] == datetime(2031, 3, 30, 0, 30)  # noqa: DTZ001
    [load] = shown(reader, "links.v_mentor_load")
    assert (load["mentor_name"], load["used"], load["mentor_rate"], load["mentor_rate_currency"]) == (
        "Anna Adler", 1, 45, "EUR",
    )  # fmt: skip
    [teacher] = shown(reader, "links.v_teachers")
    assert (teacher["teacher_name"], teacher["languages"], teacher["rate"], teacher["rate_currency"]) == (
        "Anna Adler", "en", 30, "EUR",
    )  # fmt: skip
    assert (teacher["groups_running"], teacher["next_lesson_at"]) == (1, STARTS)
    [group] = shown(reader, "links.v_groups")
    assert (group["teacher_name"], group["taken"], group["free"]) == ("Anna Adler", 1, 2)
    [member] = shown(reader, "links.v_group_members")
    assert (member["group_name"], member["teacher_name"], member["student_name"]) == ("Evening", "Anna Adler", "Boris")


@pytest.mark.usefixtures("school")
def test_a_person_is_found_with_what_they_are_everywhere(reader: psycopg.Connection) -> None:
    anna, boris = sorted(shown(reader, "links.v_people"), key=lambda person: person["user_id"])
    assert (anna["name"], anna["is_teacher"], anna["is_student"], anna["mentees"], anna["mentors"]) == (
        "Anna Adler", True, False, 1, 0,
    )  # fmt: skip
    assert (boris["telegram_id"], boris["is_student"], boris["mentors"], boris["groups_joined"]) == (102, True, 1, 1)


@pytest.mark.usefixtures("school")
def test_a_student_s_attendance_leaves_out_what_was_excused(
    db: Database, admin: psycopg.Connection, reader: psycopg.Connection
) -> None:
    with db.transaction(actor=Actor.admin(7)) as tx:
        for days, status in ((1, "present"), (2, "late"), (3, "absent"), (4, "excused")):
            [[starts]] = admin.execute("SELECT now() - make_interval(days => %s)", [days]).fetchall()
            lesson = tx.calendar.plan_lesson(101, "x", starts, starts + (ENDS - STARTS), student_telegram_ids=[102])
            tx.calendar.mark_attendance(lesson.id, [102], AttendanceStatus(status))
    [student] = shown(reader, "links.v_students")
    assert (student["lessons_marked"], student["lessons_attended"], student["attendance_rate"]) == (
        4, 2, Decimal("0.6667"),
    )  # fmt: skip


def test_no_view_for_people_shows_a_contact_a_secret_or_somebody_s_words(admin: psycopg.Connection) -> None:
    columns = admin.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_name LIKE 'v\\_%'"
    ).fetchall()
    assert len(columns) > 800
    assert {column for column in columns if column[2] in PRIVATE} == DOCUMENTED


def test_views_of_quests_name_nobody(admin: psycopg.Connection) -> None:
    [[named]] = admin.execute(
        "SELECT count(*) FROM pg_views WHERE (schemaname = 'quests' AND definition ~ 'first_name|last_name|child_')"
        " OR (schemaname = 'links' AND definition ~ 'quests\\.')"
    ).fetchall()
    assert named == 0
