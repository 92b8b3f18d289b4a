"""Two at the same moment: one wins, the other is told so, and nothing is half done."""

from __future__ import annotations

from functools import partial
from itertools import product

import psycopg
import pytest
from mentorbase import Database, Relationship, RelationshipExists, TransitionRefused
from mentoring.lifecycle import MENTEE, MENTOR, put, rows, scenes, steps
from mentoring.racing import at_once, behind
from psycopg import IsolationLevel

pytestmark = pytest.mark.usefixtures("people")
LOCK_PAIR = "SELECT mentoring.lock_pair(%s, %s)"
LOCK_RELATION = "SELECT FROM mentoring.mentor_mentee WHERE id = %s FOR UPDATE"


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
