"""The life cycle written out by hand, and relations put into any state of it without taking the steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from mentorbase import Refusal
from mentorbase.errors import translated
from psycopg import sql
from psycopg.rows import dict_row

Row = dict[str, Any]

STATUSES = ("pending", "active", "paused", "completed", "rejected", "cancelled", "expired", "terminated")

ALLOWED: dict[tuple[str | None, str], tuple[str, ...]] = {
    (None, "pending"): ("mentor", "mentee"),
    (None, "active"): ("admin", "system"),
    ("pending", "active"): ("counterparty", "admin"),
    ("pending", "rejected"): ("counterparty", "admin"),
    ("pending", "cancelled"): ("initiator", "admin"),
    ("pending", "expired"): ("system",),
    ("active", "paused"): ("mentor", "mentee"),
    ("paused", "active"): ("pauser", "admin", "system"),
    ("active", "completed"): ("mentor", "admin"),
    ("paused", "completed"): ("mentor", "admin"),
    ("active", "terminated"): ("mentor", "mentee", "admin", "system"),
    ("paused", "terminated"): ("mentor", "mentee", "admin", "system"),
}

MENTOR, MENTEE, OUTSIDER, ADMIN = 1, 2, 3, 4
SETTING = {
    "mentor": str(MENTOR),
    "mentee": str(MENTEE),
    "outsider": str(OUTSIDER),
    "admin": f"admin:{ADMIN}",
    "system": "system",
}
PERSON = {"mentor": MENTOR, "mentee": MENTEE, "outsider": OUTSIDER, "admin": ADMIN, "system": None}


@dataclass(frozen=True)
class Scene:
    """A relation of `MENTOR` and `MENTEE`, and all that decides who is what to it."""

    status: str
    initiated_by: str
    paused_by: str | None = None

    def kinds(self, who: str) -> set[str]:
        """What *who* is to this relation."""
        if who in {"admin", "system"}:
            return {who}
        if who == "outsider":
            return set()
        found = {who}
        if self.initiated_by in {"mentor", "mentee"}:
            found.add("initiator" if self.initiated_by == who else "counterparty")
        if self.paused_by == who:
            found.add("pauser")
        return found


def scenes(status: str) -> list[Scene]:
    """Every relation that can stand in *status*: whoever made it, whoever paused it."""
    makers = ("mentor", "mentee") if status in {"pending", "rejected", "cancelled", "expired"} else tuple(SETTING)
    pausers = ("mentor", "mentee") if status == "paused" else (None,)
    return [Scene(status, maker, pauser) for maker in makers if maker != "outsider" for pauser in pausers]


def hint(status: str | None) -> str:
    """The hint of a refusal: what may follow *status*."""
    steps = [f"{to} ({', '.join(ALLOWED[status, to])})" for to in STATUSES if (status, to) in ALLOWED]
    return f"From {status or 'nothing'} a relationship may go to: {', '.join(steps) or 'nowhere, it has ended'}."


@contextmanager
def unguarded(admin: psycopg.Connection) -> Iterator[None]:
    """A superuser's transaction in which no trigger runs."""
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        yield


def put(
    admin: psycopg.Connection,
    scene: Scene | str,
    *,
    mentor: int = MENTOR,
    mentee: int = MENTEE,
    **columns: Any,
) -> int:
    """Make a relation as it would stand after a legal life that began 20 days ago, and return its id."""
    if isinstance(scene, str):
        scene = scenes(scene)[0]
    now = datetime.now(UTC)
    asked, accepted, paused, yesterday = (now - timedelta(days=days) for days in (20, 10, 5, 1))
    status = scene.status
    values: Row = {
        "mentor_id": mentor,
        "mentee_id": mentee,
        "status": status,
        "initiated_by": scene.initiated_by,
        "created_at": asked,
        "updated_at": asked,
    }
    if status in {"active", "paused", "completed", "terminated"}:
        values["accepted_at"] = accepted
    if status == "paused":
        values |= {"paused_at": paused, "resume_at": yesterday}
        values["paused_by"] = {"mentor": mentor, "mentee": mentee}[scene.paused_by or "mentor"]
    if status not in {"pending", "active", "paused"}:
        values["ended_at"] = yesterday
    if status == "completed":
        values["completed_at"] = yesterday
    values |= columns
    statement = sql.SQL("INSERT INTO mentoring.mentor_mentee ({}) VALUES ({}) RETURNING id").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join([sql.Placeholder()] * len(values))
    )
    with unguarded(admin):
        found = admin.execute(statement, list(values.values())).fetchone()
    assert found
    return int(found[0])


def clear(admin: psycopg.Connection) -> None:
    """Remove every relation and what is known of it."""
    with unguarded(admin):
        admin.execute("DELETE FROM mentoring.mentor_mentee")
        admin.execute("DELETE FROM mentoring.mentor_mentee_history")


def limit(admin: psycopg.Connection, places: int | None, mentor: int = MENTOR) -> None:
    """Give the mentor so many places."""
    admin.execute(
        "INSERT INTO mentoring.user_profiles (user_id, max_mentees) VALUES (%s, %s)"
        " ON CONFLICT (user_id) DO UPDATE SET max_mentees = excluded.max_mentees",
        [mentor, places],
    )


def rows(admin: psycopg.Connection) -> list[Row]:
    """Every relation, whole."""
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM mentoring.mentor_mentee ORDER BY id").fetchall()


def steps(admin: psycopg.Connection) -> list[Row]:
    """Every row of the history, whole."""
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM mentoring.mentor_mentee_history ORDER BY id").fetchall()


def become(conn: psycopg.Connection, actor: object) -> None:
    """Set who acts for the rest of the session, as somebody at a prompt would."""
    conn.execute("SELECT set_config('mentorbase.actor', %s, false)", [str(actor)])


@contextmanager
def acting(conn: psycopg.Connection, actor: object) -> Iterator[None]:
    """A transaction in which *actor* acts."""
    with conn.transaction():
        conn.execute("SELECT set_config('mentorbase.actor', %s, true)", [str(actor)])
        yield


@contextmanager
def refused(
    kind: type[Refusal], sqlstate: str | None = None, *, constraint: str | None = None
) -> Iterator[pytest.ExceptionInfo[Any]]:
    """Expect exactly this refusal, from the DAO or from SQL typed by hand."""
    with pytest.raises(kind) as caught, translated:
        yield caught
    found = caught.value
    assert type(found) is kind, found
    assert found.sqlstate == (sqlstate or kind.sqlstate), found
    assert found.constraint == constraint, found
