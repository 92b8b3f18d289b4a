"""The waiting list moves by itself, in order, and by nobody's hand."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest
from groups.classes import assert_in_step, make_group, statuses, students_who
from groups.home import ADMIN, COLLEAGUE, STUDENTS, TEACHER, Home
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    AlreadyExists,
    Group,
    GroupClosed,
    GroupFull,
    GroupMember,
    GroupStatus,
    InvalidArgument,
    MemberStatus,
    NotFound,
    NotPermitted,
    ReadOnly,
    TransitionRefused,
)
from mentoring.lifecycle import refused

A, B, C, D, E = STUDENTS[:5]


def join(home: Home, group: Group, *students: int) -> list[GroupMember]:
    return [home.db.groups.join_group(group.id, student, actor_id=student) for student in students]


def leave(home: Home, member: GroupMember) -> GroupMember:
    return home.db.groups.change_member(
        member.id, to_status=MemberStatus.LEFT, actor_id=member.student_telegram_id, reason="no time"
    )


def test_a_seat_that_comes_free_goes_to_whoever_has_waited_longest(home: Home) -> None:
    group = make_group(home, capacity=2)
    a, b, c, d, _ = join(home, group, A, B, C, D, E)
    assert (a.status, c.status, c.joined_at) == (MemberStatus.ACTIVE, MemberStatus.WAITING, None)
    assert [member.student_telegram_id for member in home.db.groups.waiting_members(group.id)] == [C, D, E]

    leave(home, c)
    left = leave(home, b)
    assert left.ended_at is not None
    assert students_who(home, group, "active") == [A, D]

    home.db.groups.change_member(a.id, to_status=MemberStatus.COMPLETED, actor_id=TEACHER)
    assert students_who(home, group, "active") == [D, E]
    promoted = home.db.groups.member(d.id)
    assert promoted.joined_at is not None
    assert promoted.joined_at > promoted.requested_at
    steps = home.db.groups.group_history(group.id)
    [step] = [s for s in steps if s.subject_id == d.id and s.to_status == "active"]
    assert (step.from_status, step.actor_kind, step.actor_id, step.reason) == (
        *("waiting", "system", None, "a seat came free"),
    )
    [step] = [s for s in steps if s.subject_id == b.id and s.to_status == "left"]
    assert (step.actor_kind, step.actor_id, step.reason) == ("student", B, "no time")
    assert_in_step(home)


def test_seats_that_are_added_go_to_whoever_waits_and_seats_that_are_cut_take_nobodys(home: Home) -> None:
    group = make_group(home, capacity=1)
    a, *_ = join(home, group, A, B, C, D)

    def resize(capacity: int) -> None:
        with home.db.transaction(actor=TEACHER) as tx:
            tx.groups.change_group(group.id, name="Evening", language="en", capacity=capacity)

    resize(3)
    assert students_who(home, group, "active") == [A, B, C]
    resize(1)
    assert students_who(home, group, "active") == [A, B, C]
    leave(home, a)
    assert students_who(home, group, "active") == [B, C]
    assert students_who(home, group, "waiting") == [D]
    assert_in_step(home)


def test_nobody_is_let_in_out_of_order_or_past_the_seats_by_hand(home: Home) -> None:
    group = make_group(home, capacity=1)
    _, b, c = join(home, group, A, B, C)
    with refused(NotPermitted), home.db.transaction(actor=TEACHER) as tx:
        tx.groups.change_member(b.id, to_status=MemberStatus.ACTIVE)
    with refused(GroupFull), home.db.transaction(actor=SYSTEM) as tx:
        tx.groups.change_member(b.id, to_status=MemberStatus.ACTIVE)
    with home.admin.transaction():
        home.admin.execute("SET LOCAL session_replication_role = replica")
        home.admin.execute("UPDATE groups.groups SET capacity = 2")
    with refused(TransitionRefused), home.db.transaction(actor=SYSTEM) as tx:
        tx.groups.change_member(c.id, to_status=MemberStatus.ACTIVE)
    with home.db.transaction(actor=SYSTEM) as tx:
        assert tx.groups.change_member(b.id, to_status=MemberStatus.ACTIVE).status == MemberStatus.ACTIVE


def test_who_left_may_come_again_at_the_end_of_the_line(home: Home) -> None:
    group = make_group(home, capacity=1)
    _, b, _ = join(home, group, A, B, C)
    leave(home, b)
    with refused(TransitionRefused):
        leave(home, b)
    join(home, group, B)
    assert students_who(home, group, "waiting") == [C, B]
    assert len(home.db.groups.memberships(B)) == 2
    with refused(AlreadyExists, constraint="group_members_live_key"):
        join(home, group, B)
    assert_in_step(home)


@pytest.mark.parametrize(("end", "of_active"), [(GroupStatus.COMPLETED, "completed"), (GroupStatus.CANCELLED, "left")])
def test_with_a_group_its_memberships_end(home: Home, end: GroupStatus, of_active: str) -> None:
    group = make_group(home, capacity=1)
    join(home, group, A, B)
    assert home.db.groups.change_group_status(group.id, end, actor_id=TEACHER).status == end
    assert statuses(home, group) == [(A, of_active), (B, "left")]
    with refused(GroupClosed):
        join(home, group, C)
    with refused(TransitionRefused):
        home.db.groups.change_group_status(group.id, GroupStatus.OPEN, actor_id=TEACHER)
    assert_in_step(home)


def test_into_a_closed_group_only_its_teacher_brings_somebody(home: Home) -> None:
    group = make_group(home, status=GroupStatus.CLOSED)
    with refused(GroupClosed):
        join(home, group, A)
    assert home.db.groups.join_group(group.id, A, actor_id=TEACHER).status == MemberStatus.ACTIVE
    with refused(NotPermitted):
        home.db.groups.join_group(group.id, B, actor_id=COLLEAGUE)
    with home.db.transaction(actor=Actor.admin(ADMIN)) as tx:
        tx.groups.join_group(group.id, B)
    home.db.groups.change_group_status(group.id, GroupStatus.OPEN, actor_id=TEACHER)
    join(home, group, C)
    assert students_who(home, group, "active") == [A, B, C]
    assert [g.id for g in home.db.groups.open_groups("en")] == [group.id]
    assert [g.id for g in home.db.groups.teacher_groups(TEACHER)] == [group.id]


def test_progress_is_the_teachers_to_say_and_of_active_members_only(home: Home) -> None:
    group = make_group(home, capacity=1)
    a, b = join(home, group, A, B)
    half = Decimal("50.50")
    assert home.db.groups.change_member(a.id, progress=half, actor_id=TEACHER).progress == half
    with refused(NotPermitted):
        home.db.groups.change_member(a.id, progress=Decimal(100), actor_id=A)
    with refused(NotPermitted):
        home.db.groups.change_member(a.id, progress=Decimal(100), actor_id=COLLEAGUE)
    with refused(TransitionRefused):
        home.db.groups.change_member(b.id, progress=half, actor_id=TEACHER)
    assert_in_step(home)


def test_a_group_is_its_teachers(home: Home) -> None:
    group = make_group(home)
    with refused(NotPermitted), home.db.transaction(actor=COLLEAGUE) as tx:
        tx.groups.create_group(TEACHER, name="Evening", language="en", capacity=1)
    with refused(NotPermitted), home.db.transaction(actor=COLLEAGUE) as tx:
        tx.groups.change_group(group.id, name="Mine", language="en", capacity=1)
    with refused(NotPermitted):
        home.db.groups.change_group_status(group.id, GroupStatus.CANCELLED, actor_id=COLLEAGUE)
    with refused(NotPermitted), home.admin.transaction():
        home.admin.execute(f"SET LOCAL mentorbase.actor = '{TEACHER}'")
        home.admin.execute("UPDATE groups.groups SET teacher_telegram_id = %s", [COLLEAGUE])
    with refused(InvalidArgument):
        home.db.groups.join_group(group.id, TEACHER, actor_id=TEACHER)
    with refused(ActorRequired):
        home.db.groups.join_group(group.id, A)
    with refused(NotFound):
        home.db.groups.join_group(4711, A, actor_id=A)
    with refused(NotFound):
        home.db.groups.change_member(4711, to_status=MemberStatus.LEFT, actor_id=A)
    with refused(NotPermitted), home.db.transaction(actor=TEACHER) as tx:
        tx.groups.create_group(TEACHER, name="Old", language="en", capacity=1, status=GroupStatus.COMPLETED)
    with refused(TransitionRefused):
        home.db.groups.change_group_status(group.id, GroupStatus.OPEN, actor_id=TEACHER)


def test_what_the_database_keeps_nobody_writes(home: Home) -> None:
    group = make_group(home)
    join(home, group, A)
    for change in ("group_id = group_id + 1", "joined_at = now()", "requested_at = now()"):
        with refused(ReadOnly):
            home.admin.execute(f"UPDATE groups.group_members SET {change}")
    for change in ("id = 99", "created_at = now() - interval '1 day'"):
        with refused(ReadOnly):
            home.admin.execute(f"UPDATE groups.groups SET {change}")
    with refused(ReadOnly):
        home.admin.execute("DELETE FROM groups.group_history")
    with psycopg.connect(home.dsn, autocommit=True) as app:
        app.execute(f"SET mentorbase.actor = '{TEACHER}'")
        for statement in (
            "UPDATE groups.groups SET seats_version = 0",
            "INSERT INTO groups.group_members (group_id, student_telegram_id) VALUES (1, 202)",
            "DELETE FROM groups.group_members",
        ):
            with refused(NotPermitted, "42501"):
                app.execute(statement)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["join", "leave", "resize"]), st.integers(min_value=0, max_value=7)), max_size=25
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_any_life_of_a_group_is_that_of_a_line_in_front_of_its_seats(
    home: Home, actions: list[tuple[str, int]]
) -> None:
    group = make_group(home, capacity=2)
    capacity, seated, line = 2, [], []
    memberships: dict[int, int] = {}
    with home.db.transaction(actor=SYSTEM) as tx:
        for action, n in actions:
            student = STUDENTS[n]
            if action == "resize":
                capacity = n + 1
                tx.groups.change_group(group.id, name="Evening", language="en", capacity=capacity)
            elif action == "join" and student not in memberships:
                memberships[student] = tx.groups.join_group(group.id, student).id
                line.append(student)
            elif action == "leave" and student in memberships:
                tx.groups.change_member(memberships.pop(student), to_status=MemberStatus.LEFT)
                (seated if student in seated else line).remove(student)
            while line and len(seated) < capacity:
                seated.append(line.pop(0))
            assert {m.student_telegram_id for m in tx.groups.active_members(group.id)} == set(seated)
            assert [m.student_telegram_id for m in tx.groups.waiting_members(group.id)] == line
    assert_in_step(home)
