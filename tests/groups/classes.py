"""Groups to test with, and what must hold of them whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groups.home import TEACHER, Home
from mentorbase import Group, GroupStatus


def make_group(home: Home, capacity: int = 3, *, status: GroupStatus = GroupStatus.OPEN) -> Group:
    with home.db.transaction(actor=TEACHER) as tx:
        return tx.groups.create_group(TEACHER, name="Evening", language="en", capacity=capacity, status=status)


def statuses(home: Home, group: Group) -> list[tuple[int, str]]:
    """Every membership of the group, in the order of asking: student and status."""
    rows: Sequence[Any] = home.admin.execute(
        "SELECT student_telegram_id, status::text FROM groups.group_members WHERE group_id = %s"
        " ORDER BY requested_at, id",
        [group.id],
    ).fetchall()
    return [tuple(row) for row in rows]


def students_who(home: Home, group: Group, status: str) -> list[int]:
    return [student for student, found in statuses(home, group) if found == status]


def assert_in_step(home: Home) -> None:
    """Every membership has one enrollment that says the same, and no enrollment is without."""
    if not home.together:
        return
    members = home.admin.execute(
        """
        SELECT id, group_id, student_telegram_id, progress, joined_at, ended_at,
            CASE status WHEN 'waiting' THEN 'applied' WHEN 'active' THEN 'enrolled'
                WHEN 'completed' THEN 'completed' WHEN 'left' THEN 'dropped' END
        FROM groups.group_members ORDER BY id
        """
    ).fetchall()
    copies = home.admin.execute(
        """
        SELECT membership_id, group_id, student_telegram_id, progress, enrolled_at, ended_at, status::text
        FROM students.group_enrollments ORDER BY membership_id
        """
    ).fetchall()
    assert copies == members
