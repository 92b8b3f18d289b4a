"""Every step that is not in the table of transitions, by everybody, in two ways: all refused, nothing changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from mentorbase import InvalidArgument, Mentoring, NotFound, NotPermitted, ReadOnly, TransitionRefused
from mentoring.lifecycle import (
    ALLOWED,
    MENTEE,
    MENTOR,
    OUTSIDER,
    PERSON,
    SETTING,
    STATUSES,
    acting,
    become,
    clear,
    hint,
    put,
    refused,
    rows,
    scenes,
    steps,
)

pytestmark = pytest.mark.usefixtures("people")


def test_the_table_of_transitions_is_what_was_written_out_by_hand(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT from_status::text, to_status::text, array_agg(actor_kind::text ORDER BY actor_kind)"
        " FROM mentoring.mentor_mentee_transitions GROUP BY from_status, to_status"
    ).fetchall()
    assert {(from_status, to): tuple(kinds) for from_status, to, kinds in found} == ALLOWED


def test_the_statuses_are_those_of_the_database(admin: psycopg.Connection) -> None:
    [[found]] = admin.execute("SELECT enum_range(NULL::mentoring.mentor_mentee_status)::text[]").fetchall()
    assert tuple(found) == STATUSES


@pytest.mark.parametrize("way", ["function", "update"])
@pytest.mark.parametrize("from_status", STATUSES)
def test_every_step_outside_the_table_is_refused_to_everybody_and_changes_nothing(
    admin: psycopg.Connection, app: psycopg.Connection, from_status: str, way: str
) -> None:
    attempts = 0
    for scene in scenes(from_status):
        clear(admin)
        relation = put(admin, scene)
        before = rows(admin)
        for who in SETTING:
            become(app, "" if way == "function" and who in {"mentor", "mentee", "outsider"} else SETTING[who])
            for to_status in STATUSES:
                allowed = ALLOWED.get((from_status, to_status))
                if scene.kinds(who) & set(allowed or ()) or (way == "update" and to_status == from_status):
                    continue
                attempts += 1
                kind = NotPermitted if allowed else TransitionRefused
                with refused(kind, "MB002" if allowed else "MB003") as caught:
                    if way == "function":
                        person = None if who in {"admin", "system"} else PERSON[who]
                        app.execute("SELECT FROM mentoring.transition(%s, %s, %s)", [relation, to_status, person])
                    else:
                        app.execute(
                            "UPDATE mentoring.mentor_mentee SET status = %s WHERE id = %s", [to_status, relation]
                        )
                assert caught.value.hint == hint(from_status)
                assert caught.value.values["relationship_id"] == str(relation)
        assert rows(admin) == before
        assert steps(admin) == []
    assert attempts >= len(scenes(from_status)) * 24


def test_writing_the_present_status_by_hand_is_no_step(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    become(app, MENTOR)
    app.execute("UPDATE mentoring.mentor_mentee SET status = 'active' WHERE id = %s", [relation])
    assert (rows(admin), steps(admin)) == (before, [])


def test_a_step_leads_somewhere(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    with refused(InvalidArgument) as caught:
        app.execute("SELECT FROM mentoring.transition(%s, NULL, %s)", [relation, MENTOR])
    assert caught.value.values == {"relationship_id": str(relation)}
    assert (rows(admin), steps(admin)) == (before, [])


@pytest.mark.parametrize(
    ("method", "status", "from_status"),
    [("accept", "paused", "pending"), ("accept", "active", "pending"), ("resume", "pending", "paused")],
)
def test_a_method_refuses_to_start_from_another_status_than_its_own(
    admin: psycopg.Connection, app: psycopg.Connection, method: str, status: str, from_status: str
) -> None:
    relation = put(admin, status)
    before = rows(admin)
    with acting(app, SETTING["admin"]), refused(TransitionRefused) as caught:
        getattr(Mentoring(app), method)(relation)
    assert caught.value.values == {"relationship_id": str(relation), "status": status}
    assert caught.value.message == f"this step starts from {from_status}, the relationship is {status}"
    assert caught.value.hint == hint(status)
    assert (rows(admin), steps(admin)) == (before, [])


def test_a_refusal_for_the_actor_says_what_the_actor_is(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, scenes("pending")[0])
    with refused(NotPermitted) as asker:
        Mentoring(app).accept(relation, actor_id=MENTOR)
    assert asker.value.values == {
        "relationship_id": str(relation),
        "initiated_by": "mentor",
        "actor_is": "mentor|initiator",
    }
    assert asker.value.message == "a relationship goes from pending to active only by: counterparty, admin"

    with refused(NotPermitted) as outsider:
        Mentoring(app).accept(relation, actor_id=OUTSIDER)
    assert outsider.value.values["actor_is"] == "outsider"


@pytest.mark.parametrize(
    "method",
    ["accept", "reject", "cancel", "pause", "resume", "complete", "terminate", "change_subscriptions", "relationship"],
)
def test_a_relation_that_is_not_there_is_not_found(app: psycopg.Connection, method: str) -> None:
    given = {} if method == "relationship" else {"actor_id": MENTOR}
    with refused(NotFound):
        getattr(Mentoring(app), method)(4711, **given)


def test_the_system_lets_a_request_expire_only_after_the_days_of_the_settings(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    created_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=14) + timedelta(minutes=1)
    relation = put(admin, "pending", created_at=created_at)
    before = rows(admin)
    expire = "SELECT FROM mentoring.transition(%s, 'expired')"
    become(app, "system")

    with refused(TransitionRefused) as caught:
        app.execute(expire, [relation])
    assert caught.value.values == {
        "relationship_id": str(relation),
        "due_at": (created_at + timedelta(days=14)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (rows(admin), steps(admin)) == (before, [])

    admin.execute("UPDATE mentoring.settings SET value = 13 WHERE name = 'request_expiry'")
    app.execute(expire, [relation])
    assert rows(admin)[0]["status"] == "expired"


@pytest.mark.parametrize(
    ("resume_at", "due_at"), [(None, "never"), (datetime(2099, 1, 1, tzinfo=UTC), "2099-01-01T00:00:00Z")]
)
def test_the_system_resumes_only_from_resume_at_on(
    admin: psycopg.Connection, app: psycopg.Connection, resume_at: datetime | None, due_at: str
) -> None:
    relation = put(admin, "paused", resume_at=resume_at)
    before = rows(admin)
    with acting(app, "system"), refused(TransitionRefused) as caught:
        Mentoring(app).resume(relation)
    assert caught.value.values == {"relationship_id": str(relation), "due_at": due_at}
    assert (rows(admin), steps(admin)) == (before, [])


def test_an_administrator_resumes_before_resume_at(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "paused", resume_at=datetime(2099, 1, 1, tzinfo=UTC))
    with acting(app, SETTING["admin"]):
        assert Mentoring(app).resume(relation).status == "active"


def test_a_pause_until_the_past_is_refused(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    with refused(InvalidArgument) as caught:
        Mentoring(app).pause(relation, resume_at=datetime.now(UTC) - timedelta(seconds=1), actor_id=MENTEE)
    assert caught.value.values == {"relationship_id": str(relation)}
    assert caught.value.__cause__ is not None, "refused by the database"
    assert (rows(admin), steps(admin)) == (before, [])


def test_resume_at_goes_with_a_pause_only(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    with refused(ReadOnly):
        app.execute(
            "SELECT FROM mentoring.transition(%s, 'completed', %s, resume_at => '2099-01-01')", [relation, MENTOR]
        )
    assert (rows(admin), steps(admin)) == (before, [])
