"""Every allowed step, and all that it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from mentorbase import Mentoring, Party, Relationship
from mentoring.lifecycle import (
    ALLOWED,
    MENTEE,
    MENTOR,
    PERSON,
    SETTING,
    Row,
    acting,
    clear,
    put,
    rows,
    scenes,
    steps,
)

MADE = [(to, kind) for (from_status, to), kinds in ALLOWED.items() for kind in kinds if from_status is None]
TAKEN = [(from_status, to, kind) for (from_status, to), kinds in ALLOWED.items() for kind in kinds if from_status]
METHODS = {
    ("pending", "active"): "accept",
    ("pending", "rejected"): "reject",
    ("pending", "cancelled"): "cancel",
    ("active", "paused"): "pause",
    ("paused", "active"): "resume",
    ("active", "completed"): "complete",
    ("paused", "completed"): "complete",
    ("active", "terminated"): "terminate",
    ("paused", "terminated"): "terminate",
}


def test_the_steps_tested_here_are_the_steps_of_the_table(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT from_status::text, to_status::text, actor_kind::text FROM mentoring.mentor_mentee_transitions"
    ).fetchall()
    assert len(found) == len(set(found))
    assert set(found) == {(None, *made) for made in MADE} | set(TAKEN)


@pytest.mark.parametrize("side", [kind for to, kind in MADE if to == "pending"])
@pytest.mark.usefixtures("people")
def test_a_side_that_asks_makes_a_pending_relation(
    admin: psycopg.Connection, app: psycopg.Connection, side: str
) -> None:
    made = Mentoring(app).request(MENTOR, MENTEE, actor_id=PERSON[side], reason="to learn")

    [row], [step] = rows(admin), steps(admin)
    assert_same(made, row)
    assert row == {
        **dict.fromkeys(row),
        "id": made.id,
        "mentor_id": MENTOR,
        "mentee_id": MENTEE,
        "status": "pending",
        "initiated_by": side,
        "subscribe_to_quizzes": True,
        "subscribe_to_courses": True,
        "subscribe_to_subjects": False,
        "version": 1,
        "created_at": step["occurred_at"],
        "updated_at": step["occurred_at"],
    }
    assert_recorded(step, row, None, side, reason="to learn", login=app.info.user)


@pytest.mark.parametrize("maker", [kind for to, kind in MADE if to == "active"])
@pytest.mark.usefixtures("people")
def test_an_import_makes_an_active_relation(admin: psycopg.Connection, maker: str) -> None:
    with acting(admin, SETTING[maker]):
        admin.execute(
            "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)"
            " VALUES (%s, %s, %s, 'active')",
            [MENTOR, MENTEE, maker],
        )
    [row], [step] = rows(admin), steps(admin)
    assert (row["status"], row["initiated_by"], row["version"]) == ("active", maker, 1)
    assert row["accepted_at"] == row["created_at"] == step["occurred_at"]
    assert row["paused_at"] is row["completed_at"] is row["ended_at"] is None
    assert_recorded(step, row, None, maker, reason=None, login=admin.info.user)


@pytest.mark.parametrize(("from_status", "to_status", "kind"), TAKEN)
@pytest.mark.usefixtures("people")
def test_a_step_of_the_table_stamps_its_times_and_leaves_one_history_row(
    admin: psycopg.Connection, app: psycopg.Connection, from_status: str, to_status: str, kind: str
) -> None:
    cases = [(scene, who) for scene in scenes(from_status) for who in SETTING if kind in scene.kinds(who)]
    assert {scene.initiated_by for scene, _ in cases} >= {"mentor", "mentee"}
    for scene, who in cases:
        clear(admin)
        put(admin, scene, mentor_notes="hers", mentee_notes="his")
        [before] = rows(admin)

        taken = take(app, before["id"], from_status, to_status, who)

        [after], [step] = rows(admin), steps(admin)
        assert_recorded(step, after, from_status, who, reason=f"{who} decides", login=app.info.user)
        assert step["occurred_at"] > before["updated_at"]
        assert after == before | {
            "status": to_status,
            "version": before["version"] + 1,
            "updated_at": step["occurred_at"],
            **stamps(from_status, to_status, step["occurred_at"], who),
        }
        assert_same(taken, after)


@pytest.mark.usefixtures("people")
def test_a_pause_keeps_the_time_from_which_the_system_may_resume(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    relation = put(admin, "active")
    resume_at = datetime.now(UTC) + timedelta(days=3)

    paused = Mentoring(app).pause(relation, resume_at=resume_at, actor_id=MENTEE)

    assert (paused.resume_at, paused.paused_by) == (resume_at, MENTEE)
    assert rows(admin)[0]["resume_at"] == resume_at


@pytest.mark.usefixtures("people")
def test_a_whole_life_keeps_when_it_was_accepted_and_tells_its_story(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    mentoring = Mentoring(app)
    relation = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).id
    accepted = mentoring.accept(relation, actor_id=MENTOR)
    for _ in range(2):
        mentoring.pause(relation, actor_id=MENTEE, reason="holiday")
        mentoring.resume(relation, actor_id=MENTEE)
    completed = mentoring.complete(relation, actor_id=MENTOR)

    assert completed.accepted_at == accepted.accepted_at
    assert completed.version == 7
    story = mentoring.history(relation)
    assert [step.to_status for step in story] == [
        *("pending", "active", "paused", "active", "paused", "active", "completed"),
    ]
    assert [step.from_status for step in story] == [None, *(step.to_status for step in story[:-1])]
    assert [step.actor_kind for step in story] == [
        *(Party.MENTEE, Party.MENTOR, Party.MENTEE, Party.MENTEE, Party.MENTEE, Party.MENTEE, Party.MENTOR),
    ]
    assert [step.reason for step in story] == [None, None, "holiday", None, "holiday", None, None]


def take(app: psycopg.Connection, relation: int, from_status: str, to_status: str, who: str) -> Relationship | None:
    """Take a step through the DAO: people by actor_id, the others as the transaction's actor."""
    mentoring = Mentoring(app)
    reason = f"{who} decides"
    if (from_status, to_status) not in METHODS:  # requests expire by a job
        with acting(app, SETTING[who]):
            app.execute("SELECT FROM mentoring.transition(%s, %s, reason => %s)", [relation, to_status, reason])
            return None
    method: Callable[..., Relationship] = getattr(mentoring, METHODS[from_status, to_status])
    if who in {"mentor", "mentee"}:
        return method(relation, actor_id=PERSON[who], reason=reason)
    with acting(app, SETTING[who]):
        return method(relation, reason=reason)


def stamps(from_status: str, to_status: str, at: datetime, who: str) -> Row:
    """What a step changes beside the status."""
    changed: Row = {}
    if from_status == "paused":
        changed |= {"paused_at": None, "paused_by": None, "resume_at": None}
    if (from_status, to_status) == ("pending", "active"):
        changed["accepted_at"] = at
    elif to_status == "paused":
        changed |= {"paused_at": at, "paused_by": PERSON[who]}
    elif to_status != "active":
        changed |= {"ended_at": at, "ended_by": PERSON[who]}
    if to_status == "completed":
        changed["completed_at"] = at
    return changed


def assert_same(relation: Relationship | None, row: Row) -> None:
    """The DAO returned the row as it stands."""
    if relation is None:
        return
    shown: dict[str, Any] = {name: getattr(relation, name) for name in Relationship.__dataclass_fields__}
    assert shown == {name: value for name, value in row.items() if name in shown}


def assert_recorded(step: Row, row: Row, from_status: str | None, who: str, *, reason: str | None, login: str) -> None:
    """The history row tells the step."""
    assert step == {
        "id": step["id"],
        "relationship_id": row["id"],
        "mentor_id": MENTOR,
        "mentee_id": MENTEE,
        "from_status": from_status,
        "to_status": row["status"],
        "actor_kind": who,
        "actor_id": PERSON[who],
        "db_login": login,
        "db_role": None,
        "reason": reason,
        "occurred_at": row["updated_at"],
    }
