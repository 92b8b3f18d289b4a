"""Blocks: who may make one, what it ends, and that nobody asks past it."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    Block,
    Blocked,
    Database,
    InvalidValue,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
    Relationship,
    RelationshipStatus,
)
from mentoring.lifecycle import refused
from mentoring.racing import at_once

MENTOR, MENTEE = 7, 9

pytestmark = pytest.mark.usefixtures("people")


@pytest.mark.parametrize(("blocker", "blocked"), [(MENTOR, MENTEE), (MENTEE, MENTOR)])
@pytest.mark.parametrize("asks", [MENTOR, MENTEE])
def test_neither_asks_the_other_once_one_has_blocked(db: Database, blocker: int, blocked: int, asks: int) -> None:
    made = db.mentoring.block(blocker, blocked, actor_id=blocker)
    assert (made.blocker_id, made.blocked_id) == (blocker, blocked)
    with refused(Blocked, "MB105") as caught:
        db.mentoring.request(MENTOR, MENTEE, actor_id=asks)
    assert caught.value.values == {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE)}
    with refused(Blocked, "MB105"):
        db.mentoring.request(MENTEE, MENTOR, actor_id=asks)
    assert db.mentoring.mentees(MENTOR) == []


@pytest.mark.parametrize(
    ("blocker", "steps", "ended"),
    [
        (MENTEE, [], RelationshipStatus.CANCELLED),
        (MENTOR, [], RelationshipStatus.REJECTED),
        (MENTEE, ["accept"], RelationshipStatus.TERMINATED),
        (MENTOR, ["accept"], RelationshipStatus.TERMINATED),
        (MENTOR, ["accept", "pause"], RelationshipStatus.TERMINATED),
        (MENTEE, ["accept", "pause"], RelationshipStatus.TERMINATED),
    ],
)
@pytest.mark.parametrize("by_an_administrator", [False, True])
def test_a_block_ends_what_is_live(
    db: Database, blocker: int, steps: list[str], ended: RelationshipStatus, by_an_administrator: bool
) -> None:
    link = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    for step in steps:
        getattr(db.mentoring, step)(link.id, actor_id=MENTOR)
    with db.transaction(actor=Actor.admin(1) if by_an_administrator else blocker) as tx:
        tx.mentoring.block(blocker, MENTOR + MENTEE - blocker)
    assert db.mentoring.relationship(link.id).status is ended
    last = db.mentoring.history(link.id)[-1]
    assert (last.to_status, last.reason) == (ended, "blocked")
    assert last.actor_id == (1 if by_an_administrator else blocker)


def test_both_directions_of_a_pair_end(db: Database) -> None:
    ids = [db.mentoring.request(a, b, actor_id=a).id for a, b in ((MENTOR, MENTEE), (MENTEE, MENTOR))]
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    assert {db.mentoring.relationship(each).status for each in ids} == {
        RelationshipStatus.CANCELLED,
        RelationshipStatus.REJECTED,
    }


def test_others_are_left_alone(db: Database) -> None:
    link = db.mentoring.request(MENTOR, 10, actor_id=10)
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    assert db.mentoring.relationship(link.id).status is RelationshipStatus.PENDING


def test_a_second_block_changes_nothing(db: Database) -> None:
    first = db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    assert db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR) == first
    assert db.mentoring.blocks(MENTOR) == [first]


def test_lifting_a_block_lets_them_ask_again_and_says_whether_there_was_one(db: Database) -> None:
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    assert db.mentoring.unblock(MENTOR, MENTEE, actor_id=MENTOR) is True
    assert db.mentoring.unblock(MENTOR, MENTEE, actor_id=MENTOR) is False
    assert db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).status is RelationshipStatus.PENDING


def test_a_block_is_its_blockers_own(db: Database) -> None:
    with refused(NotPermitted, "MB002"):
        db.mentoring.block(MENTOR, MENTEE, actor_id=MENTEE)
    with refused(NotPermitted, "MB002"), db.transaction(actor=SYSTEM) as tx:
        tx.mentoring.block(MENTOR, MENTEE)
    with refused(ActorRequired, "MB001"):
        db.mentoring.block(MENTOR, MENTEE)
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    with refused(NotPermitted, "MB002"):
        db.mentoring.unblock(MENTOR, MENTEE, actor_id=MENTEE)
    assert len(db.mentoring.blocks(MENTOR)) == 1
    assert db.mentoring.blocks(MENTEE) == []


def test_who_is_deleted_by_the_system_blocks_nobody_any_more(db: Database, admin: psycopg.Connection) -> None:
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    admin.execute("SET mentorbase.actor = 'system'")
    admin.execute("DELETE FROM auth.users WHERE id = %s", [MENTOR])
    assert db.mentoring.blocks(MENTOR) == []


def test_bad_blocks_are_refused_by_name(db: Database) -> None:
    with refused(InvalidValue, "23514", constraint="blocks_not_self_check"):
        db.mentoring.block(MENTOR, MENTOR, actor_id=MENTOR)
    with refused(ReferenceViolation, "23503", constraint="blocks_blocked_id_fkey"):
        db.mentoring.block(MENTOR, 12345, actor_id=MENTOR)


def test_a_block_typed_by_hand_follows_the_same_rules(db: Database, app: psycopg.Connection) -> None:
    link = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    app.execute("SET mentorbase.actor = '7'")
    app.execute("INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (7, 9)")
    assert db.mentoring.relationship(link.id).status is RelationshipStatus.REJECTED
    with refused(NotPermitted, "42501"):
        app.execute("UPDATE mentoring.blocks SET blocked_id = 10")


def test_a_block_never_changes(admin: psycopg.Connection) -> None:
    admin.execute("SET mentorbase.actor = '7'")
    admin.execute("INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (7, 9)")
    with refused(ReadOnly, "MB006"):
        admin.execute("UPDATE mentoring.blocks SET blocked_id = 10")


def test_the_actor_of_the_transaction_is_put_back(db: Database) -> None:
    with db.transaction(actor=3) as tx:
        tx.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
        tx.mentoring.unblock(MENTOR, MENTEE, actor_id=MENTOR)
        tx.mentoring.expire_requests()
        assert tx.connection.execute("SELECT current_setting('mentorbase.actor')").fetchone() == ("3",)


def test_pages_of_blocks_are_whole_and_in_order(db: Database) -> None:
    for blocked in (12, 3, 9, 5, 20):
        db.mentoring.block(MENTOR, blocked, actor_id=MENTOR)
    first = db.mentoring.blocks(MENTOR, page_size=2)
    rest = db.mentoring.blocks(MENTOR, after_id=first[-1].blocked_id, page_size=10)
    assert [block.blocked_id for block in first + rest] == [3, 5, 9, 12, 20]


@pytest.mark.parametrize("lap", range(8))
def test_a_request_and_a_block_at_once_leave_nothing_live(db: Database, admin: psycopg.Connection, lap: int) -> None:
    mentor, mentee = 1 + 2 * lap, 2 + 2 * lap
    asked, blocked = at_once(
        [
            lambda: db.mentoring.request(mentor, mentee, actor_id=mentee),
            lambda: db.mentoring.block(mentor, mentee, actor_id=mentor),
        ]
    )
    assert isinstance(asked, Relationship | Blocked)
    assert isinstance(blocked, Block)
    live = admin.execute(
        "SELECT count(*) FROM mentoring.mentor_mentee WHERE status IN ('pending', 'active', 'paused')"
    ).fetchone()
    assert live == (0,)
    assert len(db.mentoring.blocks(mentor)) == 1
