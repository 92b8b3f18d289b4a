"""A teacher, a group of thirty, and somebody who is in no group; everybody in one database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

TEACHER, COLLEAGUE, GUEST, NOBODY = 101, 102, 301, 999
STUDENTS = list(range(201, 231))
HOUR = timedelta(hours=1)
MONDAY = datetime(2031, 6, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Classroom:
    """What `classroom` made: the group of all `STUDENTS`, and the colleague's, of nobody."""

    group_id: int
    other_group_id: int


def at(hours: float) -> datetime:
    return MONDAY + hours * HOUR


@pytest.fixture
def classroom(admin: psycopg.Connection) -> Classroom:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'; SET LOCAL mentorbase.bulk_load = on")
        admin.execute(
            "INSERT INTO auth.users (telegram_id, first_name) SELECT i, 'P' FROM unnest(%s::int[]) AS i",
            [[TEACHER, COLLEAGUE, GUEST, *STUDENTS]],
        )
        admin.execute("INSERT INTO teachers.teachers (telegram_id) VALUES (%s), (%s)", [TEACHER, COLLEAGUE])
        admin.execute("INSERT INTO students.students (telegram_id) SELECT unnest(%s::int[])", [[GUEST, *STUDENTS]])
        found = admin.execute(
            """
            INSERT INTO groups.groups (teacher_telegram_id, name, language, capacity)
            VALUES (%s, 'Evening', 'en', 30), (%s, 'Morning', 'en', 30)
            RETURNING id
            """,
            [TEACHER, COLLEAGUE],
        ).fetchall()
        group_id, other_group_id = (row[0] for row in found)
        admin.execute(
            "INSERT INTO groups.group_members (group_id, student_telegram_id) SELECT %s, unnest(%s::int[])",
            [group_id, STUDENTS],
        )
    return Classroom(group_id, other_group_id)
