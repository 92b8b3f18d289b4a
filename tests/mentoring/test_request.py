"""Asking: who may, when not, and what becomes of two who ask each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from mentorbase import (
    LIVE,
    SYSTEM,
    Actor,
    ActorRequired,
    CoolingDown,
    Database,
    InvalidArgument,
    InvalidValue,
    Mentoring,
    MentorUnavailable,
    NotPermitted,
    Party,
    ReferenceViolation,
    Relationship,
    RelationshipExists,
    RelationshipStatus,
    SelfMentoring,
)
from mentoring.lifecycle import (
    ADMIN,
    MENTEE,
    MENTOR,
    OUTSIDER,
    PERSON,
    STATUSES,
    acting,
    become,
    hint,
    put,
    refused,
    rows,
    scenes,
    steps,
    unguarded,
)

pytestmark = pytest.mark.usefixtures("people")
SIDES = ("mentor", "mentee")
OTHER = {"mentor": "mentee", "mentee": "mentor"}
IMPORT = "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status) VALUES (%s, %s, %s, %s)"


@pytest.fixture
def mentoring(app: psycopg.Connection) -> Mentoring[psycopg.Connection]:
    return Mentoring(app)


def nothing_was_made(admin: psycopg.Connection) -> bool:
    return rows(admin) == [] and steps(admin) == []


@pytest.mark.parametrize("side", SIDES)
def test_either_side_may_ask_and_may_say_which_it_is(mentoring: Mentoring, side: str) -> None:
    made = mentoring.request(MENTOR, MENTEE, initiated_by=Party(side), actor_id=PERSON[side])
    assert (made.status, made.initiated_by) == (RelationshipStatus.PENDING, Party(side))


@pytest.mark.parametrize("first", SIDES)
def test_a_crossed_request_becomes_active_at_once(
    mentoring: Mentoring, admin: psycopg.Connection, app: psycopg.Connection, first: str
) -> None:
    second = OTHER[first]
    asked = mentoring.request(MENTOR, MENTEE, actor_id=PERSON[first], reason="first")
    crossed = mentoring.request(MENTOR, MENTEE, actor_id=PERSON[second])

    assert crossed.id == asked.id
    assert (crossed.status, crossed.initiated_by, crossed.version) == ("active", first, 2)
    assert [(s["from_status"], s["to_status"], s["actor_kind"], s["actor_id"], s["reason"]) for s in steps(admin)] == [
        (None, "pending", first, PERSON[first], "first"),
        ("pending", "active", second, PERSON[second], "both sides asked"),
    ]
    assert crossed.accepted_at == steps(admin)[1]["occurred_at"]


def test_a_crossed_request_keeps_its_own_reason(mentoring: Mentoring, admin: psycopg.Connection) -> None:
    mentoring.request(MENTOR, MENTEE, actor_id=MENTOR)
    mentoring.request(MENTOR, MENTEE, actor_id=MENTEE, reason="at last")
    assert steps(admin)[1]["reason"] == "at last"


def test_a_crossed_request_keeps_the_reason_of_its_transaction(
    mentoring: Mentoring, admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    mentoring.request(MENTOR, MENTEE, actor_id=MENTOR)
    with acting(app, MENTEE):
        app.execute("SET LOCAL mentorbase.reason = 'at last'")
        mentoring.request(MENTOR, MENTEE)
    assert steps(admin)[1]["reason"] == "at last"


@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize("side", SIDES)
def test_a_pair_with_a_live_relation_gets_no_second_one(
    mentoring: Mentoring, admin: psycopg.Connection, status: str, side: str
) -> None:
    [scene] = [s for s in scenes(status) if s.initiated_by == side and s.paused_by in {None, "mentor"}]
    relation = put(admin, scene)
    before = rows(admin)
    with refused(RelationshipExists) as caught:
        mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side])
    assert caught.value.values == {"relationship_id": str(relation), "status": status}
    assert caught.value.hint == hint(status)
    assert (rows(admin), steps(admin)) == (before, [])


@pytest.mark.parametrize("status", LIVE)
def test_a_second_live_relation_inserted_by_hand_is_refused_by_the_index(
    admin: psycopg.Connection, status: str
) -> None:
    put(admin, status)
    with refused(RelationshipExists, "23505", constraint="mentor_mentee_live_pair_key") as caught:
        admin.execute(IMPORT, [MENTOR, MENTEE, "admin", "active"])
    assert caught.value.message == "A pair has at most one relationship that is pending, active or paused"
    assert len(rows(admin)) == 1


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in LIVE])
def test_after_an_ended_relation_there_may_be_a_new_one(
    mentoring: Mentoring, admin: psycopg.Connection, status: str
) -> None:
    ended = put(admin, status, ended_by=MENTEE)
    before = rows(admin)
    made = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    assert made.id != ended
    assert made.status == "pending"
    assert rows(admin)[0] == before[0]


def test_the_same_two_may_also_mentor_each_other_the_other_way_round(mentoring: Mentoring) -> None:
    one = mentoring.request(MENTOR, MENTEE, actor_id=MENTOR)
    other = mentoring.request(MENTEE, MENTOR, actor_id=MENTOR)
    assert one.id != other.id
    assert (other.status, other.initiated_by) == ("pending", "mentee")


def test_nobody_mentors_themselves(mentoring: Mentoring, admin: psycopg.Connection) -> None:
    with refused(SelfMentoring, "23514", constraint="mentor_mentee_not_self_check") as caught:
        mentoring.request(MENTOR, MENTOR, actor_id=MENTOR)
    assert caught.value.message == "Nobody is their own mentor"
    assert nothing_was_made(admin)


def test_an_import_makes_nobody_their_own_mentor(admin: psycopg.Connection) -> None:
    with refused(SelfMentoring, "23514", constraint="mentor_mentee_not_self_check"):
        admin.execute(IMPORT, [MENTOR, MENTOR, "admin", "active"])
    assert nothing_was_made(admin)


@pytest.mark.parametrize(
    ("mentor", "mentee", "actor", "constraint"),
    [
        (404, MENTEE, MENTEE, "mentor_mentee_mentor_id_fkey"),
        (MENTOR, 404, MENTOR, "mentor_mentee_mentee_id_fkey"),
    ],
)
def test_both_sides_must_be_users(
    mentoring: Mentoring, admin: psycopg.Connection, mentor: int, mentee: int, actor: int, constraint: str
) -> None:
    with refused(ReferenceViolation, "23503", constraint=constraint):
        mentoring.request(mentor, mentee, actor_id=actor)
    assert nothing_was_made(admin)


@pytest.mark.parametrize("side", SIDES)
def test_a_mentor_who_is_not_available_gets_no_new_requests(
    mentoring: Mentoring, admin: psycopg.Connection, side: str
) -> None:
    admin.execute("INSERT INTO mentoring.user_profiles (user_id, mentor_available) VALUES (%s, false)", [MENTOR])
    with refused(MentorUnavailable) as caught:
        mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side])
    assert caught.value.values == {"mentor_id": str(MENTOR)}
    assert "mentor_available" in caught.value.hint
    assert nothing_was_made(admin)


def test_a_mentor_who_became_unavailable_still_answers_and_an_import_still_reaches_them(
    mentoring: Mentoring, admin: psycopg.Connection
) -> None:
    waiting = put(admin, scenes("pending")[1])
    admin.execute("INSERT INTO mentoring.user_profiles (user_id, mentor_available) VALUES (%s, false)", [MENTOR])
    assert mentoring.accept(waiting, actor_id=MENTOR).status == "active"
    admin.execute(IMPORT, [MENTOR, OUTSIDER, "admin", "active"])
    assert len(rows(admin)) == 2


@pytest.mark.parametrize("rejecter", SIDES)
def test_after_a_rejection_the_other_side_waits_and_is_told_how_long(
    mentoring: Mentoring, admin: psycopg.Connection, rejecter: str
) -> None:
    asker = OTHER[rejecter]
    asked = mentoring.request(MENTOR, MENTEE, actor_id=PERSON[asker])
    rejected = mentoring.reject(asked.id, actor_id=PERSON[rejecter])
    assert rejected.ended_at
    before = (rows(admin), steps(admin))

    with refused(CoolingDown) as caught:
        mentoring.request(MENTOR, MENTEE, actor_id=PERSON[asker])

    assert caught.value.values == {
        "mentor_id": str(MENTOR),
        "mentee_id": str(MENTEE),
        "asks_again_at": (rejected.ended_at + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (rejected.ended_at + timedelta(days=30)).strftime("%Y-%m-%d %H:%M UTC") in caught.value.hint
    assert (rows(admin), steps(admin)) == before


@pytest.mark.parametrize("rejecter", SIDES)
def test_who_rejected_may_ask_at_once(mentoring: Mentoring, rejecter: str) -> None:
    asked = mentoring.request(MENTOR, MENTEE, actor_id=PERSON[OTHER[rejecter]])
    mentoring.reject(asked.id, actor_id=PERSON[rejecter])
    made = mentoring.request(MENTOR, MENTEE, actor_id=PERSON[rejecter])
    assert (made.status, made.initiated_by) == ("pending", rejecter)


@pytest.mark.parametrize("side", SIDES)
def test_after_a_rejection_by_an_administrator_both_sides_wait(
    mentoring: Mentoring, admin: psycopg.Connection, app: psycopg.Connection, side: str
) -> None:
    asked = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    with acting(app, Actor.admin(ADMIN)):
        mentoring.reject(asked.id)
    with refused(CoolingDown):
        mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side])
    assert len(rows(admin)) == 1


@pytest.mark.parametrize("side", SIDES)
def test_after_thirty_days_either_side_may_ask_again_and_a_minute_before_not(
    mentoring: Mentoring, admin: psycopg.Connection, side: str
) -> None:
    relation = put(admin, "rejected", ended_by=PERSON[OTHER[side]])
    ended_before(admin, relation, timedelta(days=30) - timedelta(minutes=1))
    with refused(CoolingDown):
        mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side])

    ended_before(admin, relation, timedelta(days=30) + timedelta(minutes=1))
    assert mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side]).status == "pending"


@pytest.mark.parametrize(("days", "waits"), [(0, False), (1, False), (3, True)])
def test_how_long_a_pair_cools_down_is_a_row_of_the_settings(
    mentoring: Mentoring, admin: psycopg.Connection, days: int, waits: bool
) -> None:
    ended_before(admin, put(admin, "rejected", ended_by=MENTOR), timedelta(days=2))
    admin.execute("UPDATE mentoring.settings SET value = %s WHERE name = 'request_cooldown'", [days])
    if waits:
        with refused(CoolingDown):
            mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    else:
        assert mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).status == "pending"


def test_a_rejection_cools_its_own_pair_only(mentoring: Mentoring, admin: psycopg.Connection) -> None:
    put(admin, "rejected", ended_by=MENTOR)
    assert mentoring.request(OUTSIDER, MENTEE, actor_id=MENTEE).status == "pending"
    assert mentoring.request(MENTOR, OUTSIDER, actor_id=OUTSIDER).status == "pending"
    assert mentoring.request(MENTEE, MENTOR, actor_id=MENTEE).status == "pending"


def test_only_the_last_rejection_counts(mentoring: Mentoring, admin: psycopg.Connection) -> None:
    put(admin, "rejected", ended_by=MENTOR)
    put(admin, "rejected", ended_by=MENTEE)
    with refused(CoolingDown):
        mentoring.request(MENTOR, MENTEE, actor_id=MENTOR)
    assert mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).status == "pending"


def test_an_import_does_not_cool_down(admin: psycopg.Connection) -> None:
    put(admin, "rejected", ended_by=MENTOR)
    admin.execute(IMPORT, [MENTOR, MENTEE, "admin", "active"])
    assert [row["status"] for row in rows(admin)] == ["rejected", "active"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("claimed", list(Party))
def test_nobody_asks_in_the_name_of_another_party(
    mentoring: Mentoring, admin: psycopg.Connection, side: str, claimed: Party
) -> None:
    if claimed == side:
        assert mentoring.request(MENTOR, MENTEE, initiated_by=claimed, actor_id=PERSON[side]).status == "pending"
        return
    with refused(NotPermitted) as caught:
        mentoring.request(MENTOR, MENTEE, initiated_by=claimed, actor_id=PERSON[side])
    if claimed in SIDES:
        assert caught.value.message == "a relationship is initiated by who makes it"
        assert caught.value.values == {"initiated_by": claimed, "actor_is": f"{side}|counterparty"}
    else:
        assert caught.value.message == "a relationship goes from nothing to active only by: admin, system"
        assert caught.value.values["actor_is"] == side
    assert nothing_was_made(admin)


@pytest.mark.parametrize("side", SIDES)
def test_who_asked_cannot_answer_by_asking_in_the_name_of_the_other_side(
    mentoring: Mentoring, admin: psycopg.Connection, side: str
) -> None:
    mentoring.request(MENTOR, MENTEE, actor_id=PERSON[side])
    before = (rows(admin), steps(admin))
    with refused(NotPermitted):
        mentoring.request(MENTOR, MENTEE, initiated_by=Party(OTHER[side]), actor_id=PERSON[side])
    assert (rows(admin), steps(admin)) == before


@pytest.mark.parametrize("claimed", [None, Party.MENTOR, Party.MENTEE])
def test_an_outsider_cannot_ask_for_others(
    mentoring: Mentoring, admin: psycopg.Connection, claimed: Party | None
) -> None:
    with refused(NotPermitted) as caught:
        mentoring.request(MENTOR, MENTEE, initiated_by=claimed, actor_id=OUTSIDER)
    assert caught.value.message == "a relationship goes from nothing to pending only by: mentor, mentee"
    assert caught.value.values == {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE), "actor_is": "outsider"}
    assert caught.value.hint == hint(None)
    assert nothing_was_made(admin)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("claimed", [None, Party.MENTOR, Party.MENTEE])
def test_an_outsider_cannot_answer_by_asking(
    mentoring: Mentoring, admin: psycopg.Connection, side: str, claimed: Party | None
) -> None:
    put(admin, next(scene for scene in scenes("pending") if scene.initiated_by == side))
    before = rows(admin)
    expected = RelationshipExists if side == (claimed or "mentee") else NotPermitted
    with refused(expected):
        mentoring.request(MENTOR, MENTEE, initiated_by=claimed, actor_id=OUTSIDER)
    assert (rows(admin), steps(admin)) == (before, [])


@pytest.mark.parametrize("actor", [Actor.admin(ADMIN), SYSTEM], ids=str)
@pytest.mark.parametrize("claimed", [None, *Party])
def test_an_administrator_or_the_system_makes_an_active_relation_under_its_own_name_only(
    db: Database, admin: psycopg.Connection, actor: Actor, claimed: Party | None
) -> None:
    def ask() -> Relationship:
        with db.transaction(actor=actor) as tx:
            return tx.mentoring.request(MENTOR, MENTEE, initiated_by=claimed)

    if claimed in {None, actor.kind}:
        made = ask()
        assert (made.status, made.initiated_by) == ("active", actor.kind)
        [step] = steps(admin)
        assert (step["from_status"], step["to_status"]) == (None, "active")
        assert (step["actor_kind"], step["actor_id"]) == (actor.kind, actor.id)
        assert made.accepted_at == step["occurred_at"]
        return
    with refused(NotPermitted) as caught:
        ask()
    assert caught.value.values["actor_is"] == actor.kind
    assert nothing_was_made(admin)


@pytest.mark.parametrize("actor", [Actor.admin(ADMIN), SYSTEM], ids=str)
@pytest.mark.parametrize("status", LIVE)
def test_an_administrator_or_the_system_answers_no_request_by_asking(
    db: Database, admin: psycopg.Connection, actor: Actor, status: str
) -> None:
    put(admin, status)
    before = rows(admin)
    with refused(RelationshipExists), db.transaction(actor=actor) as tx:
        tx.mentoring.request(MENTOR, MENTEE)
    assert (rows(admin), steps(admin)) == (before, [])


def test_a_request_needs_an_actor(mentoring: Mentoring, admin: psycopg.Connection) -> None:
    with refused(ActorRequired):
        mentoring.request(MENTOR, MENTEE)
    assert nothing_was_made(admin)


def test_a_reason_ends_at_500_characters(
    mentoring: Mentoring, admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    with refused(InvalidArgument):
        mentoring.request(MENTOR, MENTEE, actor_id=MENTOR, reason="x" * 501)
    with refused(InvalidValue, "23514", constraint="mentor_mentee_history_reason_check"):
        app.execute("SELECT FROM mentoring.request(1, 2, 'mentor', 1, repeat('x', 501))")
    assert nothing_was_made(admin)
    mentoring.request(MENTOR, MENTEE, actor_id=MENTOR, reason="ж" * 500)
    assert steps(admin)[0]["reason"] == "ж" * 500


@pytest.mark.parametrize(
    ("setting", "maker", "status", "kind"),
    [
        ("", "admin", "active", None),
        ("admin:4", "admin", "active", None),
        ("system", "system", "active", None),
        ("1", "mentor", "pending", None),
        ("2", "mentee", "pending", None),
        ("1", "mentor", "active", "MB002"),
        ("", "system", "active", "MB002"),
        ("", "mentor", "active", "MB002"),
        ("system", "admin", "active", "MB002"),
        ("", "admin", "pending", "MB002"),
        ("system", "system", "paused", "MB003"),
        ("", "admin", "completed", "MB003"),
        ("3", "mentee", "pending", "MB002"),
    ],
)
def test_a_relation_inserted_by_the_owner_begins_as_the_table_says(
    admin: psycopg.Connection, setting: str, maker: str, status: str, kind: str | None
) -> None:
    become(admin, setting)
    if kind is None:
        admin.execute(IMPORT, [MENTOR, MENTEE, maker, status])
        [step] = steps(admin)
        assert (step["from_status"], step["to_status"], step["actor_kind"]) == (None, status, maker)
    else:
        with pytest.raises(psycopg.Error) as caught:
            admin.execute(IMPORT, [MENTOR, MENTEE, maker, status])
        assert caught.value.sqlstate == kind
        assert nothing_was_made(admin)


def test_an_import_may_say_when_it_was_accepted(admin: psycopg.Connection) -> None:
    accepted_at = datetime(2020, 5, 1, tzinfo=UTC)
    admin.execute(
        "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status, accepted_at, version)"
        " VALUES (1, 2, 'admin', 'active', %s, 7)",
        [accepted_at],
    )
    [row] = rows(admin)
    assert (row["accepted_at"], row["version"]) == (accepted_at, 1)


def test_an_import_was_not_accepted_in_the_future(admin: psycopg.Connection) -> None:
    with refused(InvalidArgument) as caught:
        admin.execute(
            "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status, accepted_at)"
            " VALUES (1, 2, 'admin', 'active', now() + interval '1 second')"
        )
    assert caught.value.values == {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE)}
    assert nothing_was_made(admin)


def ended_before(admin: psycopg.Connection, relation: int, ago: timedelta) -> None:
    with unguarded(admin):
        admin.execute("UPDATE mentoring.mentor_mentee SET ended_at = now() - %s WHERE id = %s", [ago, relation])
