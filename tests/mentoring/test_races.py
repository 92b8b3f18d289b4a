"""Two at the same moment: one wins, the other is told so, and nothing is half done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import psycopg
import pytest
from mentorbase import (
    Actor,
    Block,
    Blocked,
    Booking,
    Database,
    NotPermitted,
    Refusal,
    Relationship,
    RelationshipExists,
    StaleVersion,
    TransitionRefused,
)
from mentoring.booking import booking_hint, booking_steps, bookings, put_booking, put_subject
from mentoring.lifecycle import ADMIN, MENTEE, MENTOR, hint, put, rows, scenes, steps
from mentoring.racing import at_once, behind, outcome, wait_until_stuck
from psycopg import IsolationLevel

pytestmark = pytest.mark.usefixtures("people")
LOCK_PAIR = "SELECT mentoring.lock_pair(%s, %s)"
LOCK_RELATION = "SELECT FROM mentoring.mentor_mentee WHERE id = %s FOR UPDATE"
LOCK_BOOKING = "SELECT FROM mentoring.subject_schedule WHERE id = %s FOR UPDATE"
BY_MENTEE = scenes("pending")[1]
LIVE = {"pending", "active", "paused"}


def job(db: Database, method: str, key: int, who: int | str) -> Callable[[], Any]:
    """A call by a person, or by an administrator."""
    if who != "admin":
        return partial(getattr(db.mentoring, method), key, actor_id=who)

    def as_admin() -> Any:
        with db.transaction(actor=Actor.admin(ADMIN)) as tx:
            return getattr(tx.mentoring, method)(key)

    return as_admin


def winner_and_loser(results: list[Any]) -> tuple[Any, Exception]:
    [winner] = [result for result in results if not isinstance(result, Exception)]
    [loser] = [result for result in results if isinstance(result, Exception)]
    return winner, loser


def assert_crossed(admin: psycopg.Connection, results: list[Relationship | Exception], pairs: int) -> None:
    assert [result for result in results if isinstance(result, Exception)] == []
    assert [row["status"] for row in rows(admin)] == ["active"] * pairs
    assert len({(row["mentor_id"], row["mentee_id"]) for row in rows(admin)}) == pairs
    for row in rows(admin):
        asked, answered = [step for step in steps(admin) if step["relationship_id"] == row["id"]]
        assert (asked["to_status"], asked["actor_kind"]) == ("pending", row["initiated_by"])
        assert (answered["from_status"], answered["to_status"]) == ("pending", "active")
        assert {asked["actor_kind"], answered["actor_kind"]} == {"mentor", "mentee"}


def test_two_who_ask_each_other_at_the_same_moment_always_end_in_one_active_relation(
    admin: psycopg.Connection, db: Database
) -> None:
    pairs = list(product(range(1, 9), range(11, 19)))
    results: list[Relationship | Exception] = []
    for mentor, mentee in pairs:
        results += at_once([partial(db.mentoring.request, mentor, mentee, actor_id=side) for side in (mentor, mentee)])
    assert_crossed(admin, results, len(pairs))


def test_two_who_ask_each_other_and_wait_for_the_same_lock_end_in_one_active_relation(
    admin: psycopg.Connection, db: Database
) -> None:
    jobs = [partial(db.mentoring.request, MENTOR, MENTEE, actor_id=side) for side in (MENTOR, MENTEE)]
    results = behind(admin, LOCK_PAIR, jobs, [MENTEE, MENTOR])
    assert_crossed(admin, results, 1)
    assert sorted(result.status for result in results if isinstance(result, Relationship)) == ["active", "pending"]


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_two_who_ask_each_other_with_old_snapshots_end_in_one_active_relation(
    admin: psycopg.Connection, db: Database, isolation: IsolationLevel
) -> None:
    def ask(side: int) -> Relationship:
        return db.retrying(
            lambda tx: tx.mentoring.request(MENTOR, MENTEE, actor_id=side), isolation=isolation, attempts=50
        )

    results = behind(admin, LOCK_PAIR, [partial(ask, side) for side in (MENTOR, MENTEE)], [MENTOR, MENTEE])
    assert_crossed(admin, results, 1)


@pytest.mark.parametrize("side", [MENTOR, MENTEE])
def test_the_same_side_asking_twice_at_once_makes_one_relation(
    admin: psycopg.Connection, db: Database, side: int
) -> None:
    jobs = [partial(db.mentoring.request, MENTOR, MENTEE, actor_id=side)] * 4
    results = behind(admin, LOCK_PAIR, jobs, [MENTOR, MENTEE])

    [row], [step] = rows(admin), steps(admin)
    assert (row["status"], step["to_status"]) == ("pending", "pending")
    assert [result.id for result in results if isinstance(result, Relationship)] == [row["id"]]
    losers = [result for result in results if isinstance(result, Exception)]
    assert len(losers) == 3
    for loser in losers:
        assert type(loser) is RelationshipExists, loser
        assert loser.sqlstate == "MB104"
        assert loser.values == {"relationship_id": str(row["id"]), "status": "pending"}


def test_an_import_and_a_request_at_once_make_one_relation(admin: psycopg.Connection, db: Database) -> None:
    def bring() -> None:
        with psycopg.connect(admin.info.dsn, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)"
                " VALUES (%s, %s, 'admin', 'active')",
                [MENTOR, MENTEE],
            )

    jobs = [bring, partial(db.mentoring.request, MENTOR, MENTEE, actor_id=MENTEE)]
    results = behind(admin, LOCK_PAIR, jobs, [MENTOR, MENTEE])
    assert len(rows(admin)) == len(steps(admin)) == 1
    [loser] = [result for result in results if isinstance(result, Exception)]
    assert getattr(loser, "sqlstate", None) in {"MB104", "23505"}


@pytest.mark.parametrize("order", [1, -1])
def test_of_accepting_and_cancelling_at_once_one_wins_and_the_other_is_refused(
    admin: psycopg.Connection, db: Database, order: int
) -> None:
    for mentee in range(5, 15):
        relation = put(admin, scenes("pending")[1], mentee=mentee)
        jobs = [
            partial(db.mentoring.accept, relation, actor_id=MENTOR),
            partial(db.mentoring.cancel, relation, actor_id=mentee),
        ][::order]

        results = behind(admin, LOCK_RELATION, jobs, [relation])

        [winner] = [result for result in results if isinstance(result, Relationship)]
        [loser] = [result for result in results if isinstance(result, Exception)]
        assert type(loser) is TransitionRefused
        assert loser.sqlstate == "MB003"
        assert loser.values["relationship_id"] == str(relation)
        assert winner.status in {"active", "cancelled"}
        [row] = [row for row in rows(admin) if row["id"] == relation]
        [step] = [step for step in steps(admin) if step["relationship_id"] == relation]
        assert (row["status"], row["version"], step["to_status"]) == (winner.status, 2, winner.status)
        assert (row["accepted_at"] is None) == (row["ended_at"] is not None) == (winner.status == "cancelled")


def test_both_sides_pausing_at_once_leave_one_pause(admin: psycopg.Connection, db: Database) -> None:
    relation = put(admin, "active")
    jobs = [partial(db.mentoring.pause, relation, actor_id=side) for side in (MENTOR, MENTEE)]
    results = behind(admin, LOCK_RELATION, jobs, [relation])
    [winner] = [result for result in results if isinstance(result, Relationship)]
    [loser] = [result for result in results if isinstance(result, Exception)]
    assert type(loser) is TransitionRefused
    assert loser.values == {"relationship_id": str(relation), "status": "paused"}
    assert rows(admin)[0]["paused_by"] == winner.paused_by
    assert len(steps(admin)) == 1


def test_many_steps_of_many_relations_at_once_neither_deadlock_nor_lose_one(
    admin: psycopg.Connection, db: Database
) -> None:
    relations = [put(admin, "active", mentee=mentee) for mentee in range(5, 13)]

    def live(relation: int, mentee: int) -> None:
        for _ in range(5):
            db.mentoring.pause(relation, actor_id=mentee)
            db.mentoring.resume(relation, actor_id=mentee)

    jobs = [partial(live, relation, mentee) for relation, mentee in zip(relations, range(5, 13), strict=True)]
    assert at_once(jobs) == [None] * 8
    assert {row["version"] for row in rows(admin)} == {11}
    assert len(steps(admin)) == 80


@pytest.mark.parametrize("end", ["complete", "terminate"])
def test_an_older_transaction_may_end_what_a_younger_one_accepted(
    admin: psycopg.Connection, db: Database, end: str
) -> None:
    relation = put(admin, scenes("pending")[1])
    with db.transaction() as older:
        older.connection.execute("SELECT now()")
        accepted = db.mentoring.accept(relation, actor_id=MENTOR)
        ended = getattr(older.mentoring, end)(relation, actor_id=MENTOR)
    assert ended.ended_at == accepted.accepted_at


def test_a_step_that_is_rolled_back_leaves_nothing(admin: psycopg.Connection, db: Database) -> None:
    relation = put(admin, "active")
    before = rows(admin)

    def complete_and_fail() -> None:
        with db.transaction(actor=MENTOR) as tx:
            tx.mentoring.complete(relation)
            assert tx.mentoring.relationship(relation).status == "completed"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        complete_and_fail()
    assert (rows(admin), steps(admin)) == (before, [])


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("status", "one", "other"),
    [
        ("pending", ("accept", MENTOR), ("accept", MENTOR)),
        ("pending", ("accept", MENTOR), ("accept", "admin")),
        ("pending", ("accept", MENTOR), ("reject", MENTOR)),
        ("pending", ("reject", MENTOR), ("cancel", MENTEE)),
        ("pending", ("cancel", MENTEE), ("cancel", "admin")),
        ("active", ("complete", MENTOR), ("terminate", MENTEE)),
        ("active", ("terminate", MENTOR), ("terminate", MENTEE)),
        ("paused", ("complete", MENTOR), ("terminate", MENTEE)),
        ("paused", ("resume", MENTOR), ("resume", "admin")),
    ],
)
def test_of_two_steps_at_once_that_exclude_each_other_one_is_taken_and_the_other_is_told_where_it_stands(
    admin: psycopg.Connection,
    db: Database,
    status: str,
    one: tuple[str, int | str],
    other: tuple[str, int | str],
    order: int,
) -> None:
    for _ in range(5):
        relation = put(admin, BY_MENTEE if status == "pending" else status)
        jobs = [job(db, method, relation, who) for method, who in (one, other)][::order]
        winner, loser = winner_and_loser(behind(admin, LOCK_RELATION, jobs, [relation]))

        assert type(loser) is TransitionRefused
        assert loser.sqlstate == "MB003"
        assert loser.values["relationship_id"] == str(relation)
        assert loser.hint == hint(winner.status)
        row = rows(admin)[-1]
        [step] = [step for step in steps(admin) if step["relationship_id"] == relation]
        assert (row["id"], row["status"], row["version"]) == (relation, winner.status, 2)
        assert (step["from_status"], step["to_status"]) == (status, winner.status)
        with db.transaction(actor=Actor.admin(ADMIN)) as tx:
            if winner.status == "active":
                tx.mentoring.terminate(relation)


@pytest.mark.parametrize(("method", "who"), [("accept", MENTOR), ("reject", MENTOR), ("cancel", MENTEE)])
def test_who_answers_a_request_that_expires_at_this_moment_is_told_that_it_has_expired(
    admin: psycopg.Connection, db: Database, method: str, who: int
) -> None:
    relation = put(admin, BY_MENTEE)
    [loser] = behind(admin, "SELECT mentoring.expire_requests()", [job(db, method, relation, who)])
    assert type(loser) is TransitionRefused
    assert loser.sqlstate == "MB003"
    assert loser.hint == hint("expired")
    assert [row["status"] for row in rows(admin)] == [step["to_status"] for step in steps(admin)] == ["expired"]


def test_of_expiring_and_accepting_at_once_one_happens(admin: psycopg.Connection, db: Database) -> None:
    for mentee in range(5, 21):
        relation = put(admin, BY_MENTEE, mentee=mentee)
        accepted, expired = at_once([job(db, "accept", relation, MENTOR), db.mentoring.expire_requests])
        [step] = [step for step in steps(admin) if step["relationship_id"] == relation]
        if isinstance(accepted, Relationship):
            assert (accepted.status, step["to_status"], expired) == ("active", "active", 0)
        else:
            assert type(accepted) is TransitionRefused
            assert accepted.values == {"relationship_id": str(relation), "status": "expired"}
            assert (step["to_status"], expired) == ("expired", 1)


def test_jobs_that_let_requests_expire_at_once_share_them(admin: psycopg.Connection, db: Database) -> None:
    pairs = product(range(1, 6), range(6, 21))
    relations = [put(admin, BY_MENTEE, mentor=mentor, mentee=mentee) for mentor, mentee in pairs]
    results = at_once([partial(db.mentoring.expire_requests, at_most=20)] * 4)
    assert [type(result) for result in results] == [int] * 4
    assert db.mentoring.expire_requests() + sum(result for result in results if isinstance(result, int)) == 75
    assert sorted(step["relationship_id"] for step in steps(admin)) == relations


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("blocker", [MENTOR, MENTEE])
@pytest.mark.parametrize("asker", [MENTOR, MENTEE])
def test_a_request_and_a_block_that_wait_for_the_same_lock_leave_nothing_live(
    admin: psycopg.Connection, db: Database, asker: int, blocker: int, order: int
) -> None:
    jobs = [
        partial(db.mentoring.request, MENTOR, MENTEE, actor_id=asker),
        partial(db.mentoring.block, blocker, MENTOR + MENTEE - blocker, actor_id=blocker),
    ]
    asked, blocked = behind(admin, LOCK_PAIR, jobs[::order], [MENTOR, MENTEE])[::order]
    assert isinstance(blocked, Block)
    if isinstance(asked, Relationship):
        ended = "cancelled" if asker == blocker else "rejected"
        assert [step["to_status"] for step in steps(admin)] == ["pending", ended]
    else:
        assert type(asked) is Blocked
        assert asked.values == {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE)}
        assert rows(admin) == []


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("blocker", [MENTOR, MENTEE])
@pytest.mark.parametrize("answer", ["accept", "request"])
def test_an_answer_and_a_block_at_once_leave_nothing_live(
    admin: psycopg.Connection, db: Database, answer: str, blocker: int, order: int
) -> None:
    for _ in range(5):
        relation = put(admin, BY_MENTEE)
        asked_for = [relation] if answer == "accept" else [MENTOR, MENTEE]
        jobs: list[Callable[[], Any]] = [
            partial(getattr(db.mentoring, answer), *asked_for, actor_id=MENTOR),
            partial(db.mentoring.block, blocker, MENTOR + MENTEE - blocker, actor_id=blocker),
        ]
        answered, blocked = behind(admin, LOCK_RELATION, jobs[::order], [relation])[::order]

        assert isinstance(blocked, Block)
        taken = [step["to_status"] for step in steps(admin) if step["relationship_id"] == relation]
        if isinstance(answered, Relationship):
            assert (answered.status, taken) == ("active", ["active", "terminated"])
        else:
            ended = "rejected" if blocker == MENTOR else "cancelled"
            assert taken == [ended]
            if answer == "accept":
                assert type(answered) is TransitionRefused
                assert answered.values == {"relationship_id": str(relation), "status": ended}
            else:
                assert type(answered) is Blocked
                assert answered.values == {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE)}
        assert {row["status"] for row in rows(admin)} & LIVE == set()
        db.mentoring.unblock(blocker, MENTOR + MENTEE - blocker, actor_id=blocker)


def test_two_who_block_each_other_at_once_end_each_relation_once(admin: psycopg.Connection, db: Database) -> None:
    for other in range(5, 15):
        relations = [put(admin, "active", mentee=other), put(admin, "paused", mentor=other, mentee=MENTOR)]
        results = at_once(
            [
                partial(db.mentoring.block, MENTOR, other, actor_id=MENTOR),
                partial(db.mentoring.block, other, MENTOR, actor_id=other),
            ]
        )
        assert [type(result) for result in results] == [Block, Block]
        ended = [step for step in steps(admin) if step["relationship_id"] in relations]
        assert sorted(step["relationship_id"] for step in ended) == relations
        assert {step["to_status"] for step in ended} == {"terminated"}


def test_the_same_block_made_by_many_at_once_is_one_block(admin: psycopg.Connection, db: Database) -> None:
    jobs = [partial(db.mentoring.block, MENTOR, MENTEE, actor_id=MENTOR)] * 4
    results = behind(admin, LOCK_PAIR, jobs, [MENTOR, MENTEE])
    assert results == db.mentoring.blocks(MENTOR) * 4


def test_of_two_changes_of_the_same_version_at_once_one_is_made_and_the_other_is_stale(
    admin: psycopg.Connection, db: Database
) -> None:
    relation = put(admin, "active")
    jobs = [
        partial(db.mentoring.change_subscriptions, relation, actor_id=MENTEE, version=1, quizzes=False),
        partial(db.mentoring.change_subscriptions, relation, actor_id=MENTEE, version=1, courses=False),
    ]
    winner, loser = winner_and_loser(behind(admin, LOCK_RELATION, jobs, [relation]))
    assert type(loser) is StaleVersion
    assert (loser.sqlstate, loser.values) == ("MB005", {"relationship_id": str(relation), "version": "2"})
    assert db.mentoring.relationship(relation) == winner


def test_notes_of_both_sides_and_a_subscription_written_at_once_are_all_kept(
    admin: psycopg.Connection, db: Database
) -> None:
    relation = put(admin, "active")
    jobs: list[Callable[[], object]] = [
        partial(db.mentoring.write_note, relation, note="mentor's", actor_id=MENTOR),
        partial(db.mentoring.write_note, relation, note="mentee's", actor_id=MENTEE),
        partial(db.mentoring.change_subscriptions, relation, subjects=True, actor_id=MENTEE),
        partial(db.mentoring.pause, relation, actor_id=MENTEE),
    ]
    results = behind(admin, LOCK_RELATION, jobs, [relation])
    assert [result for result in results if isinstance(result, Exception)] == []
    [row] = rows(admin)
    assert (row["mentor_notes"], row["mentee_notes"], row["subscribe_to_subjects"]) == ("mentor's", "mentee's", True)
    assert (row["status"], row["version"]) == ("paused", 3)  # notes are not counted


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("status", "one", "other"),
    [
        ("pending", ("confirm", MENTOR), ("confirm", "admin")),
        ("pending", ("cancel_booking", MENTOR), ("cancel_booking", MENTEE)),
        ("confirmed", ("cancel_booking", MENTEE), ("complete_booking", MENTOR)),
        ("confirmed", ("complete_booking", MENTOR), ("mark_no_show", MENTOR)),
    ],
)
def test_of_two_outcomes_of_a_booking_at_once_one_is_recorded_and_the_other_is_told_so(
    admin: psycopg.Connection,
    db: Database,
    status: str,
    one: tuple[str, int | str],
    other: tuple[str, int | str],
    order: int,
) -> None:
    booking = put_booking(admin, put_subject(admin), status)
    jobs = [job(db, method, booking, who) for method, who in (one, other)][::order]
    winner, loser = winner_and_loser(behind(admin, LOCK_BOOKING, jobs, [booking]))
    assert isinstance(winner, Booking)
    # What is over already is an administrator's to correct.
    corrects = winner.status in {"completed", "no_show"}
    assert type(loser) is (NotPermitted if corrects else TransitionRefused)
    assert isinstance(loser, Refusal)
    assert loser.values["booking_id"] == str(booking)
    assert loser.hint == booking_hint(winner.status)
    [row], [step] = bookings(admin), booking_steps(admin)
    assert (row["status"], row["cancelled_by"]) == (winner.status, winner.cancelled_by)
    assert (step["from_status"], step["to_status"]) == (status, winner.status)


def test_a_block_that_is_lifted_while_it_is_made_again_is_made_again(admin: psycopg.Connection, db: Database) -> None:
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)
    admin.execute(
        """
        CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;
        CREATE TRIGGER zz_linger AFTER INSERT ON mentoring.blocks FOR EACH STATEMENT EXECUTE FUNCTION linger()
        """
    )
    with ThreadPoolExecutor(1) as pool:
        with admin.transaction():
            admin.execute("SELECT pg_advisory_xact_lock(4711)")
            again = pool.submit(outcome, partial(db.mentoring.block, MENTOR, MENTEE, actor_id=MENTOR))
            wait_until_stuck(admin, [again])
            assert db.mentoring.unblock(MENTOR, MENTEE, actor_id=MENTOR)
        assert [again.result()] == db.mentoring.blocks(MENTOR)
