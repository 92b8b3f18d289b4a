"""The life of a booking written out by hand, and bookings put into any state of it without taking the steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from mentoring.lifecycle import MENTEE, MENTOR, Row, acting, unguarded
from psycopg import sql
from psycopg.rows import dict_row

STATUSES = ("pending", "confirmed", "completed", "cancelled", "no_show")
SIDES = ("mentor", "mentee", "outsider", "admin", "system")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# "nothing->pending mentee; pending->confirmed mentor; pending|confirmed->cancelled either; confirmed->completed
# mentor, system once it is over; confirmed->no_show mentor; admin may correct", and the system imports.
ALLOWED: dict[tuple[str | None, str], tuple[str, ...]] = {
    (None, "pending"): ("mentee", "system", "admin"),
    (None, "confirmed"): ("system",),
    (None, "completed"): ("system",),
    (None, "cancelled"): ("system",),
    (None, "no_show"): ("system",),
    ("pending", "confirmed"): ("mentor", "admin"),
    ("pending", "cancelled"): ("mentor", "mentee", "admin"),
    ("confirmed", "cancelled"): ("mentor", "mentee", "admin"),
    ("confirmed", "completed"): ("mentor", "system", "admin"),
    ("confirmed", "no_show"): ("mentor", "admin"),
    ("completed", "no_show"): ("admin",),
    ("completed", "cancelled"): ("admin",),
    ("no_show", "completed"): ("admin",),
    ("no_show", "cancelled"): ("admin",),
    ("cancelled", "confirmed"): ("admin",),
}


def booking_hint(status: str | None) -> str:
    """The hint of a refusal: what may follow *status*."""
    found = [f"{to} ({', '.join(ALLOWED[status, to])})" for to in STATUSES if (status, to) in ALLOWED]
    return f"From {status or 'nothing'} a booking may go to: {', '.join(found)}."


def in_hours(hours: float) -> datetime:
    """So many hours from now; negative ones are past."""
    return datetime.now(UTC) + timedelta(hours=hours)


def insert(admin: psycopg.Connection, table: str, values: Row) -> int:
    """Insert a row and return its id."""
    statement = sql.SQL("INSERT INTO mentoring.{} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
    )
    found = admin.execute(statement, list(values.values())).fetchone()
    assert found
    return int(found[0])


def put_subject(admin: psycopg.Connection, mentor: int = MENTOR, **columns: Any) -> int:
    """Make a subject and return its id."""
    with unguarded(admin):
        return insert(admin, "subjects", {"user_id": mentor, "title": "Algebra", **columns})


def put_booking(
    admin: psycopg.Connection, subject: int, status: str = "pending", *, mentee: int = MENTEE, **columns: Any
) -> int:
    """Make a booking as it would stand, of a session of an hour that began 2 hours ago, and return its id."""
    yesterday = datetime.now(UTC) - DAY
    values: Row = {
        "subject_id": subject,
        "mentor_id": admin.execute("SELECT user_id FROM mentoring.subjects WHERE id = %s", [subject]).fetchall()[0][0],
        "user_id": mentee,
        "status": status,
        "booked_date": in_hours(-2),
        "created_at": yesterday,
        "updated_at": yesterday,
    }
    if status == "cancelled":
        values |= {"cancelled_by": mentee, "cancelled_at": yesterday}
    values |= columns
    values.setdefault("ends_at", values["booked_date"] + HOUR)
    with unguarded(admin):
        return insert(admin, "subject_schedule", values)


def imported(
    admin: psycopg.Connection, subject: int, status: str = "pending", *, mentee: int = MENTEE, **columns: Any
) -> int:
    """Import a booking as the system, before the eyes of all guards, and return its id."""
    values: Row = {"subject_id": subject, "user_id": mentee, "status": status, "booked_date": in_hours(-2), **columns}
    values.setdefault("ends_at", values["booked_date"] + HOUR)
    with acting(admin, "system"):
        return insert(admin, "subject_schedule", values)


def table(admin: psycopg.Connection, name: str) -> list[Row]:
    """Every row of a table, whole."""
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier("mentoring", name))
        ).fetchall()


def bookings(admin: psycopg.Connection) -> list[Row]:
    """Every booking, whole."""
    return table(admin, "subject_schedule")


def booking_steps(admin: psycopg.Connection) -> list[Row]:
    """Every row of the history of bookings, whole."""
    return table(admin, "subject_schedule_history")


def columns(admin: psycopg.Connection, name: str) -> set[str]:
    """The columns of a table."""
    found = admin.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [f"mentoring.{name}"],
    ).fetchall()
    return {column for (column,) in found}


def shown(model: object) -> Row:
    """What the DAO returned, as a row."""
    return {name: getattr(model, name) for name in type(model).__dataclass_fields__}  # type: ignore[attr-defined]
