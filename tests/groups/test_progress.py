"""Snapshots of a group, one a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from groups.classes import make_group
from groups.home import STUDENTS, TEACHER, Home
from mentorbase import GroupStatus, MemberStatus
from mentoring.racing import at_once


def test_a_snapshot_says_how_a_group_stands_and_another_one_of_the_day_replaces_it(home: Home) -> None:
    db, group = home.db.groups, make_group(home, capacity=2)
    members = [db.join_group(group.id, student, actor_id=student) for student in STUDENTS[:4]]
    db.change_member(members[0].id, progress=Decimal(100), actor_id=TEACHER)
    db.change_member(members[0].id, to_status=MemberStatus.COMPLETED, actor_id=TEACHER)
    db.change_member(members[1].id, progress=Decimal(50), actor_id=TEACHER)

    assert db.snapshot_progress(group.id) == 1
    [day] = db.group_progress(group.id)
    assert day.as_of == datetime.now(UTC).date()
    assert (day.capacity, day.active_members, day.waiting_members) == (2, 2, 1)
    assert (day.completed_members, day.left_members) == (1, 0)
    assert day.average_progress == Decimal("50.00")

    db.change_member(members[1].id, to_status=MemberStatus.LEFT, actor_id=STUDENTS[1])
    assert db.snapshot_progress(group.id) == 1
    assert db.snapshot_progress(group.id) == 1
    [later] = db.group_progress(group.id)
    assert (later.active_members, later.waiting_members, later.left_members) == (2, 0, 1)
    assert later.created_at == day.created_at
    assert later.updated_at > day.updated_at


def test_the_days_before_stay_and_are_listed_from_the_latest(home: Home) -> None:
    db, group = home.db.groups, make_group(home)
    today = datetime.now(UTC).date()
    home.admin.execute(
        "INSERT INTO groups.group_progress VALUES (%s, %s, 3, 0, 0, 0, 0, NULL)", [group.id, today - timedelta(days=1)]
    )
    db.snapshot_progress()
    assert [day.as_of for day in db.group_progress(group.id)] == [today, today - timedelta(days=1)]
    assert [day.as_of for day in db.group_progress(group.id, before=today)] == [today - timedelta(days=1)]
    assert db.group_progress(group.id)[0].average_progress is None


def test_every_running_group_gets_one_however_many_jobs_run_at_once(home: Home) -> None:
    db = home.db.groups
    running = [make_group(home), make_group(home, status=GroupStatus.CLOSED)]
    ended = make_group(home)
    db.change_group_status(ended.id, GroupStatus.CANCELLED, actor_id=TEACHER)
    assert at_once([db.snapshot_progress] * 8) == [2] * 8
    assert [len(db.group_progress(group.id)) for group in (*running, ended)] == [1, 1, 0]
    assert db.snapshot_progress(ended.id) == 1
