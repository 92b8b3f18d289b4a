"""What only services that share a database can do: copies and cascades."""

from __future__ import annotations

from decimal import Decimal

import psycopg
from groups.classes import assert_in_step, make_group
from groups.home import STUDENTS, TEACHER, Home
from mentorbase import (
    MemberStatus,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
)
from mentoring.lifecycle import refused

A, B = STUDENTS[:2]


def test_the_teachers_view_is_read_and_not_written(together: Home) -> None:
    group = make_group(together)
    with psycopg.connect(together.dsn, autocommit=True) as app:
        found = app.execute("SELECT id, name, capacity FROM teachers.groups").fetchall()
        assert found == [(group.id, group.name, group.capacity)]
        app.execute(f"SET mentorbase.actor = '{TEACHER}'")
        with refused(NotPermitted, "42501"):
            app.execute("UPDATE teachers.groups SET name = 'Morning'")


def test_an_enrollment_is_the_membership_in_the_students_words(together: Home) -> None:
    group = make_group(together, capacity=1)
    first = together.db.groups.join_group(group.id, A, actor_id=A)
    together.db.groups.join_group(group.id, B, actor_id=B)
    together.db.groups.change_member(first.id, progress=Decimal(40), actor_id=TEACHER)
    [enrolled], [applied] = (together.db.students.enrollments(student) for student in (A, B))
    assert (enrolled.status, enrolled.progress, enrolled.enrolled_at) == ("enrolled", 40, first.joined_at)
    assert (applied.status, applied.enrolled_at) == ("applied", None)
    together.db.groups.change_member(first.id, to_status=MemberStatus.LEFT, actor_id=A)
    [dropped], [enrolled] = (together.db.students.enrollments(student) for student in (A, B))
    assert (dropped.status, enrolled.status) == ("dropped", "enrolled")
    steps = [(s.from_status, s.to_status, s.actor_kind) for s in together.db.students.enrollment_history(dropped.id)]
    assert steps == [(None, "enrolled", "system"), ("enrolled", "dropped", "system")]
    assert_in_step(together)


def test_nobody_writes_an_enrollment_by_hand(together: Home) -> None:
    group = make_group(together)
    together.db.groups.join_group(group.id, A, actor_id=A)
    [enrollment] = together.db.students.enrollments(A)
    with refused(ReadOnly):
        together.db.students.apply_to_group(B, group.id, actor_id=B)
    with refused(ReadOnly):
        together.db.students.change_enrollment(enrollment.id, progress=Decimal(99), actor_id=A)
    for statement in (
        "UPDATE students.group_enrollments SET status = 'dropped'",
        "DELETE FROM students.group_enrollments",
    ):
        for role in (together.admin.info.user, "mentorbase_owner"):
            with refused(ReadOnly), together.admin.transaction():
                together.admin.execute(f"SET LOCAL ROLE {role}")
                together.admin.execute(statement)
    assert_in_step(together)


def test_an_application_does_not_pass_for_the_copy_from_within_a_trigger_of_its_own(together: Home) -> None:
    group = make_group(together)
    together.db.groups.join_group(group.id, A, actor_id=A)
    [enrollment] = together.db.students.enrollments(A)
    with psycopg.connect(together.dsn, autocommit=True) as app:
        app.execute("SET mentorbase.actor = 'system'")
        app.execute(
            f"""
            CREATE TEMP TABLE trap (id int);
            CREATE FUNCTION pg_temp.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM students.change_enrollment({enrollment.id}, 'dropped');
                RETURN NEW;
            END $$;
            CREATE TRIGGER spring BEFORE INSERT ON trap FOR EACH ROW EXECUTE FUNCTION pg_temp.spring();
            """
        )
        with refused(ReadOnly):
            app.execute("INSERT INTO trap VALUES (1)")
    assert_in_step(together)


def test_a_membership_that_is_deleted_takes_its_enrollment_along(together: Home) -> None:
    group = make_group(together, capacity=1)
    for student in (A, B):
        together.db.groups.join_group(group.id, student, actor_id=student)
    together.admin.execute("DELETE FROM groups.group_members WHERE student_telegram_id = %s", [A])
    assert together.db.students.enrollments(A) == []
    assert [e.status for e in together.db.students.enrollments(B)] == ["enrolled"]
    assert_in_step(together)


def test_whoever_changes_their_telegram_account_stays_who_they_are(together: Home) -> None:
    group = make_group(together)
    together.db.groups.join_group(group.id, A, actor_id=A)
    together.system("UPDATE auth.users SET telegram_id = telegram_id + 7000")
    assert together.db.groups.group(group.id).teacher_telegram_id == TEACHER + 7000
    assert [m.student_telegram_id for m in together.db.groups.active_members(group.id)] == [A + 7000]
    assert [e.group_id for e in together.db.students.enrollments(A + 7000)] == [group.id]
    assert together.db.teachers.teacher(TEACHER + 7000) is not None
    assert_in_step(together)


def test_who_is_no_teacher_or_student_has_no_group(together: Home) -> None:
    group = make_group(together)
    with refused(ReferenceViolation, constraint="group_members_student_telegram_id_fkey"):
        together.db.groups.join_group(group.id, 999, actor_id=999)
    with (
        refused(ReferenceViolation, constraint="groups_teacher_telegram_id_fkey"),
        together.db.transaction(actor=999) as tx,
    ):
        tx.groups.create_group(999, name="Evening", language="en", capacity=1)


def test_a_change_of_a_group_is_on_record_and_locking_it_is_not(home: Home) -> None:
    group = make_group(home)
    home.db.groups.join_group(group.id, A, actor_id=A)
    with home.db.transaction(actor=TEACHER) as tx:
        tx.groups.change_group(group.id, name="Morning", language="en", capacity=3)
    found = home.admin.execute(
        "SELECT table_name, operation::text, old_values, new_values, actor_id FROM groups.audit_log"
    ).fetchall()
    assert found == [("groups", "update", {"name": "Evening"}, {"name": "Morning"}, TEACHER)]
