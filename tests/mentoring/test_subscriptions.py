"""What the mentee hears of, and who may change it."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import ActorRequired, Mentoring, NotPermitted, StaleVersion, TransitionRefused
from mentoring.lifecycle import (
    MENTEE,
    MENTOR,
    PERSON,
    SETTING,
    STATUSES,
    acting,
    become,
    clear,
    put,
    refused,
    rows,
    steps,
)

pytestmark = pytest.mark.usefixtures("people")
LIVE, ENDED = STATUSES[:3], STATUSES[3:]
BY_HAND = "UPDATE mentoring.mentor_mentee SET subscribe_to_subjects = NOT subscribe_to_subjects"


def subscriptions(admin: psycopg.Connection) -> tuple[bool, bool, bool]:
    [row] = rows(admin)
    return row["subscribe_to_quizzes"], row["subscribe_to_courses"], row["subscribe_to_subjects"]


@pytest.mark.parametrize("who", ["mentee", "admin", "system"])
def test_the_mentee_an_administrator_and_the_system_may_change_them(
    admin: psycopg.Connection, app: psycopg.Connection, who: str
) -> None:
    for status in LIVE:
        clear(admin)
        change_as(admin, app, put(admin, status), who)


def change_as(admin: psycopg.Connection, app: psycopg.Connection, relation: int, who: str) -> None:
    [before] = rows(admin)
    with acting(app, SETTING[who]):
        changed = Mentoring(app).change_subscriptions(relation, quizzes=False, subjects=True)
    [after] = rows(admin)
    assert after == before | {
        "subscribe_to_quizzes": False,
        "subscribe_to_subjects": True,
        "version": 2,
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]
    assert (changed.version, changed.subscribe_to_quizzes, changed.subscribe_to_subjects) == (2, False, True)
    assert steps(admin) == [], "a subscription is no step of the life cycle"


@pytest.mark.parametrize("who", ["mentor", "outsider"])
def test_nobody_else_may(admin: psycopg.Connection, app: psycopg.Connection, who: str) -> None:
    become(app, SETTING[who])
    for status in STATUSES:
        clear(admin)
        relation = put(admin, status)
        before = rows(admin)
        with refused(NotPermitted) as caught:
            Mentoring(app).change_subscriptions(relation, quizzes=False, actor_id=PERSON[who])
        assert caught.value.values == {"relationship_id": str(relation)}
        assert caught.value.message == "subscriptions are the mentee's choice"
        with refused(NotPermitted):
            app.execute(BY_HAND)
        assert rows(admin) == before


@pytest.mark.parametrize("who", ["mentee", "admin", "system"])
def test_an_ended_relation_has_none_to_change(admin: psycopg.Connection, app: psycopg.Connection, who: str) -> None:
    become(app, SETTING[who])
    for status in ENDED:
        clear(admin)
        relation = put(admin, status)
        before = rows(admin)
        with refused(TransitionRefused) as caught:
            Mentoring(app).change_subscriptions(relation, courses=False)
        assert caught.value.values == {"relationship_id": str(relation), "status": status}
        with refused(TransitionRefused):
            app.execute(BY_HAND)
        assert rows(admin) == before


@pytest.mark.parametrize(
    ("quizzes", "courses", "subjects", "expected"),
    [
        (None, None, True, (True, True, True)),
        (None, False, None, (True, False, False)),
        (False, None, None, (False, True, False)),
        (False, False, True, (False, False, True)),
    ],
)
def test_none_leaves_a_subscription_as_it_is(
    admin: psycopg.Connection,
    app: psycopg.Connection,
    quizzes: bool | None,
    courses: bool | None,
    subjects: bool | None,
    expected: tuple[bool, bool, bool],
) -> None:
    relation = put(admin, "active")
    Mentoring(app).change_subscriptions(relation, quizzes=quizzes, courses=courses, subjects=subjects, actor_id=MENTEE)
    assert subscriptions(admin) == expected


@pytest.mark.parametrize("given", [{}, {"quizzes": True}])
@pytest.mark.parametrize("who", ["mentor", "outsider"])
def test_nobody_else_may_even_if_nothing_would_change(
    admin: psycopg.Connection, app: psycopg.Connection, who: str, given: dict[str, bool]
) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    with refused(NotPermitted):
        Mentoring(app).change_subscriptions(relation, actor_id=PERSON[who], **given)
    assert rows(admin) == before


def test_an_ended_relation_refuses_even_if_nothing_would_change(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    relation = put(admin, "terminated")
    before = rows(admin)
    with refused(TransitionRefused):
        Mentoring(app).change_subscriptions(relation, quizzes=True, actor_id=MENTEE)
    assert rows(admin) == before


def test_who_read_an_older_version_is_refused_and_told_the_present_one(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    mentoring = Mentoring(app)
    relation = put(admin, "active")
    read = mentoring.relationship(relation)
    changed = mentoring.change_subscriptions(relation, quizzes=False, actor_id=MENTEE, version=read.version)
    before = rows(admin)

    with refused(StaleVersion) as caught:
        mentoring.change_subscriptions(relation, courses=False, actor_id=MENTEE, version=read.version)

    assert caught.value.current == changed.version == read.version + 1
    assert caught.value.values == {"relationship_id": str(relation), "version": str(changed.version)}
    assert rows(admin) == before
    again = mentoring.change_subscriptions(relation, courses=False, actor_id=MENTEE, version=caught.value.current)
    assert (again.subscribe_to_quizzes, again.subscribe_to_courses) == (False, False)


def test_a_step_of_the_life_cycle_makes_a_version_stale_too(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    Mentoring(app).pause(relation, actor_id=MENTOR)
    with refused(StaleVersion) as caught:
        Mentoring(app).change_subscriptions(relation, quizzes=False, actor_id=MENTEE, version=1)
    assert caught.value.current == 2


def test_subscriptions_need_an_actor(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "active")
    before = rows(admin)
    with refused(ActorRequired):
        Mentoring(app).change_subscriptions(relation, quizzes=False)
    with refused(ActorRequired):
        app.execute(BY_HAND)
    assert rows(admin) == before


def test_the_mentee_may_change_them_by_hand(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    put(admin, "active")
    become(app, MENTEE)
    app.execute(BY_HAND)
    assert subscriptions(admin) == (True, True, True)
    assert rows(admin)[0]["version"] == 2


def test_a_mentor_cannot_slip_a_subscription_into_a_legal_step(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    put(admin, "active")
    before = rows(admin)
    become(app, MENTOR)
    with refused(NotPermitted):
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'paused', subscribe_to_quizzes = false")
    assert (rows(admin), steps(admin)) == (before, [])
