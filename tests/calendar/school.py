"""People by their Telegram ids, and lessons put where no guard would let them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from mentorbase import Refusal
from mentorbase.errors import translated
from psycopg.rows import dict_row

TEACHER, OTHER, STUDENT, FRIEND, ADMIN = 9001, 9002, 101, 102, 7
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTING = {"teacher": str(TEACHER), "outsider": str(OTHER), "admin": f"admin:{ADMIN}", "system": "system"}
MONDAY = datetime(2031, 6, 2, tzinfo=UTC)
"""Midnight before a week of lessons, in the future."""


def at(hours: float) -> datetime:
    """So many hours after `MONDAY` began."""
    return MONDAY + hours * HOUR


def ago(hours: float) -> datetime:
    """So many hours before now."""
    return datetime.now(UTC) - hours * HOUR


@contextmanager
def acting(conn: psycopg.Connection, setting: str) -> Iterator[None]:
    """A transaction with this actor, as the connection's own role."""
    with conn.transaction():
        conn.execute(f"SET LOCAL mentorbase.actor = '{setting}'")
        yield


@contextmanager
def unguarded(conn: psycopg.Connection) -> Iterator[None]:
    """A superuser's transaction in which no trigger runs; constraints of one table hold."""
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        yield


@contextmanager
def refused(kind: type[Refusal], *, sqlstate: str | None = None, constraint: str | None = None) -> Iterator[Any]:
    """Exactly this refusal, with the SQLSTATE of its class or this one."""
    with pytest.raises(Refusal) as caught, translated:
        yield caught
    assert (type(caught.value), caught.value.sqlstate) == (kind, sqlstate or kind.sqlstate)
    assert caught.value.constraint == constraint


def imported(
    admin: psycopg.Connection,
    starts_at: datetime,
    ends_at: datetime | None = None,
    *,
    teacher: int = TEACHER,
    status: str = "planned",
    students: tuple[int, ...] = (STUDENT,),
) -> int:
    """A lesson that the system enters, in the past too; returns its id."""
    with acting(admin, "system"):
        (lesson_id,) = admin.execute(
            """
            INSERT INTO calendar.lessons (teacher_telegram_id, title, starts_at, ends_at, status)
            VALUES (%s, 'Imported', %s, %s, %s)
            RETURNING id
            """,
            [teacher, starts_at, ends_at or starts_at + HOUR, status],
        ).fetchone() or (0,)
        for student in students:
            admin.execute(
                "INSERT INTO calendar.lesson_participants (lesson_id, student_telegram_id) VALUES (%s, %s)",
                [lesson_id, student],
            )
    return int(lesson_id)


def rows(admin: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    """Every row of a table of the calendar."""
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM calendar.{table} ORDER BY 1, 2").fetchall()


def double_bookings(admin: psycopg.Connection) -> list[Any]:
    """Lessons that begin before another one of the same person has ended, found without any constraint or index."""
    return admin.execute(
        """
        SELECT person, lesson_id, starts_at
        FROM (
            SELECT
                t.person, t.lesson_id, t.starts_at,
                max(t.ends_at) OVER (
                    PARTITION BY t.person ORDER BY t.starts_at, t.lesson_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS busy_until
            FROM (
                SELECT l.teacher_telegram_id AS person, l.id AS lesson_id, l.starts_at, l.ends_at
                FROM calendar.lessons AS l
                WHERE l.status <> 'cancelled'
                UNION ALL
                SELECT p.student_telegram_id, l.id, l.starts_at, l.ends_at
                FROM calendar.lesson_participants AS p
                JOIN calendar.lessons AS l ON l.id = p.lesson_id
                WHERE l.status <> 'cancelled'
            ) AS t
        ) AS w
        WHERE w.starts_at < w.busy_until
        """
    ).fetchall()
