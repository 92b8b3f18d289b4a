"""`max_mentees` holds, whoever races for the places and at whatever isolation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from mentorbase import CapacityReached, Database, Mentoring, Relationship, Settings
from mentorbase.database import Transaction
from mentoring.lifecycle import (
    MENTEE,
    MENTOR,
    OUTSIDER,
    SETTING,
    acting,
    become,
    limit,
    put,
    refused,
    rows,
    scenes,
    steps,
)
from mentoring.racing import behind, outcome, wait_until_stuck
from psycopg import IsolationLevel

pytestmark = pytest.mark.usefixtures("people")
CLIENTS = 16
LOCK_PROFILE = "SELECT FROM mentoring.user_profiles WHERE user_id = %s FOR UPDATE"
BY_MENTEE = scenes("pending")[1]


@pytest.fixture
def crowd(dsn: str) -> Iterator[Database]:
    """A pool with a connection for each of sixteen clients, all open."""
    settings = Settings(_env_file=None, db_pool_min_size=CLIENTS, db_pool_max_size=CLIENTS)
    with Database.connect(dsn, settings=settings) as database:
        database.pool.wait()
        yield database


@pytest.fixture
def requests(admin: psycopg.Connection) -> list[int]:
    """Sixteen mentees wait for the answer of one mentor."""
    return [put(admin, BY_MENTEE, mentee=mentee) for mentee in range(5, 5 + CLIENTS)]


def taken(admin: psycopg.Connection, mentor: int = MENTOR) -> int:
    """How many places are taken: counted without what the guard uses."""
    return sum(row["mentor_id"] == mentor and row["status"] in {"active", "paused"} for row in rows(admin))


def assert_three_of_sixteen(admin: psycopg.Connection, results: list[Relationship | Exception]) -> None:
    losers = [result for result in results if isinstance(result, Exception)]
    assert Counter(type(loser) for loser in losers) == {CapacityReached: CLIENTS - 3}, losers
    for loser in losers:
        assert isinstance(loser, CapacityReached)
        assert loser.sqlstate == "MB101"
        assert loser.values == {"mentor_id": str(MENTOR), "max_mentees": "3", "taken": "3"}
    assert taken(admin) == 3
    assert Counter(row["status"] for row in rows(admin)) == {"active": 3, "pending": CLIENTS - 3}
    assert sorted(row["id"] for row in rows(admin) if row["status"] == "active") == sorted(
        result.id for result in results if isinstance(result, Relationship)
    )
    assert len(steps(admin)) == 3


def test_sixteen_clients_accepting_at_once_leave_three_of_three_places(
    admin: psycopg.Connection, crowd: Database, requests: list[int]
) -> None:
    limit(admin, 3)
    jobs = [partial(crowd.mentoring.accept, relation, actor_id=MENTOR) for relation in requests]
    assert_three_of_sixteen(admin, behind(admin, LOCK_PROFILE, jobs, [MENTOR]))


@pytest.mark.parametrize(
    "isolation", [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
)
def test_sixteen_transactions_retrying_at_any_isolation_leave_three_of_three_places(
    admin: psycopg.Connection, crowd: Database, requests: list[int], isolation: IsolationLevel
) -> None:
    limit(admin, 3)

    def accept(relation: int) -> Callable[[], Relationship]:
        def work(tx: Transaction) -> Relationship:
            return tx.mentoring.accept(relation, actor_id=MENTOR)

        return lambda: crowd.retrying(work, isolation=isolation, attempts=100)

    assert_three_of_sixteen(admin, behind(admin, LOCK_PROFILE, [accept(relation) for relation in requests], [MENTOR]))


@pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_an_old_snapshot_cannot_count_the_places_of_the_past(
    admin: psycopg.Connection, db: Database, requests: list[int], isolation: IsolationLevel
) -> None:
    limit(admin, 1)
    with db.transaction(isolation=isolation) as tx:
        tx.mentoring.relationship(requests[0])
        db.mentoring.accept(requests[1], actor_id=MENTOR)
        with pytest.raises(psycopg.errors.SerializationFailure) as caught:
            tx.mentoring.accept(requests[0], actor_id=MENTOR)
    assert caught.value.sqlstate == "40001"
    assert taken(admin) == 1


def test_sixteen_crossed_requests_at_once_leave_three_of_three_places(
    admin: psycopg.Connection, crowd: Database, requests: list[int]
) -> None:
    limit(admin, 3)
    jobs = [partial(crowd.mentoring.request, MENTOR, mentee, actor_id=MENTOR) for mentee in range(5, 5 + len(requests))]
    assert_three_of_sixteen(admin, behind(admin, LOCK_PROFILE, jobs, [MENTOR]))


def test_imports_race_for_the_places_like_everybody(admin: psycopg.Connection) -> None:
    limit(admin, 3)

    def bring(mentee: int) -> None:
        with psycopg.connect(admin.info.dsn, autocommit=True) as conn:
            conn.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)"
                " VALUES (%s, %s, 'admin', 'active')",
                [MENTOR, mentee],
            )

    results = behind(admin, LOCK_PROFILE, [partial(bring, mentee) for mentee in range(5, 5 + 6)], [MENTOR])
    assert sorted(getattr(result, "sqlstate", "made") for result in results) == ["MB101"] * 3 + ["made"] * 3
    assert taken(admin) == 3


def test_a_limit_set_while_a_place_is_being_taken_counts_that_place(
    admin: psycopg.Connection, db: Database, requests: list[int]
) -> None:
    limit(admin, None)

    def set_limit_and_accept() -> None:
        with db.transaction(actor=MENTOR) as tx:
            tx.mentoring.save_profile(MENTOR, max_mentees=1)
        db.mentoring.accept(requests[1], actor_id=MENTOR)

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as tx:
            tx.mentoring.accept(requests[0], actor_id=MENTOR)
            other = pool.submit(outcome, set_limit_and_accept)
            wait_until_stuck(admin, [other])
        result = other.result()

    assert taken(admin) == 1
    assert type(result) is CapacityReached


@pytest.mark.parametrize("places", [0, 1, 3])
def test_many_who_wait_for_a_first_limit_to_be_set_take_its_places_one_after_another(
    admin: psycopg.Connection, crowd: Database, requests: list[int], places: int
) -> None:
    limit(admin, None)
    jobs = [partial(crowd.mentoring.accept, relation, actor_id=MENTOR) for relation in requests]
    set_limit = f"UPDATE mentoring.user_profiles SET max_mentees = {places} WHERE user_id = %s"
    results = behind(admin, set_limit, jobs, [MENTOR])
    losers = [result for result in results if isinstance(result, Exception)]
    assert Counter(type(loser) for loser in losers) == {CapacityReached: CLIENTS - places}, losers
    assert taken(admin) == places


def test_first_places_of_a_mentor_without_a_profile_are_taken_by_many_at_once(
    admin: psycopg.Connection, crowd: Database, requests: list[int]
) -> None:
    jobs = [partial(crowd.mentoring.accept, relation, actor_id=MENTOR) for relation in requests]
    results = behind(admin, "LOCK TABLE mentoring.user_profiles IN SHARE MODE", jobs)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert taken(admin) == CLIENTS
    assert admin.execute("SELECT user_id FROM mentoring.user_profiles").fetchall() == [(MENTOR,)]


def test_a_mentor_without_a_profile_gets_one_with_their_first_mentee(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    relation = put(admin, BY_MENTEE)
    Mentoring(app).accept(relation, actor_id=MENTOR)
    profile = Mentoring(app).profile(MENTOR)
    assert profile
    assert (profile.max_mentees, profile.mentor_available, profile.timezone) == (None, True, "UTC")
    assert Mentoring(app).profile(MENTEE) is None


def test_a_profile_that_the_database_makes_does_not_change_who_acts(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    relation = put(admin, BY_MENTEE)
    with acting(app, MENTOR):
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'active' WHERE id = %s", [relation])
        assert app.execute("SELECT current_setting('mentorbase.actor')").fetchone() == (str(MENTOR),)
    [step] = steps(admin)
    assert (step["actor_kind"], step["actor_id"]) == ("mentor", MENTOR)


def test_no_limit_means_no_limit(admin: psycopg.Connection, app: psycopg.Connection, requests: list[int]) -> None:
    limit(admin, None)
    for relation in requests:
        Mentoring(app).accept(relation, actor_id=MENTOR)
    assert taken(admin) == CLIENTS


def test_a_limit_of_zero_refuses_the_first(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 0)
    relation = put(admin, BY_MENTEE)
    before = rows(admin)
    with refused(CapacityReached) as caught:
        Mentoring(app).accept(relation, actor_id=MENTOR)
    assert caught.value.values == {"mentor_id": str(MENTOR), "max_mentees": "0", "taken": "0"}
    assert "max_mentees" in caught.value.hint
    assert (rows(admin), steps(admin)) == (before, [])


def test_a_pending_request_takes_no_place(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 1)
    for mentee in (5, 6, 7):
        Mentoring(app).request(MENTOR, mentee, actor_id=mentee)
    assert Mentoring(app).accept(rows(admin)[2]["id"], actor_id=MENTOR).status == "active"


def test_places_are_counted_for_each_mentor_alone(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 1)
    put(admin, "active", mentor=OUTSIDER, mentee=5)
    put(admin, "active", mentor=MENTEE, mentee=MENTOR)
    assert Mentoring(app).accept(put(admin, BY_MENTEE), actor_id=MENTOR).status == "active"


def test_a_paused_relation_keeps_its_place_and_resuming_cannot_fail_for_want_of_one(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    limit(admin, 1)
    paused, waiting = put(admin, "paused"), put(admin, BY_MENTEE, mentee=5)
    with refused(CapacityReached):
        Mentoring(app).accept(waiting, actor_id=MENTOR)

    limit(admin, 0)
    assert Mentoring(app).resume(paused, actor_id=MENTOR).status == "active"


@pytest.mark.parametrize("end", ["complete", "terminate"])
@pytest.mark.parametrize("status", ["active", "paused"])
def test_an_ended_relation_gives_its_place_back(
    admin: psycopg.Connection, app: psycopg.Connection, status: str, end: str
) -> None:
    limit(admin, 1)
    running, waiting = put(admin, status), put(admin, BY_MENTEE, mentee=5)
    with refused(CapacityReached):
        Mentoring(app).accept(waiting, actor_id=MENTOR)
    getattr(Mentoring(app), end)(running, actor_id=MENTOR)
    assert Mentoring(app).accept(waiting, actor_id=MENTOR).status == "active"


def test_lowering_the_limit_keeps_those_there_and_refuses_new_ones(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    limit(admin, 3)
    there = [put(admin, status, mentee=mentee) for mentee, status in ((5, "active"), (6, "paused"), (7, "active"))]
    waiting = put(admin, BY_MENTEE, mentee=8)
    mentoring = Mentoring(app)
    with acting(app, MENTOR):
        mentoring.save_profile(MENTOR, max_mentees=1)
    assert taken(admin) == 3

    with refused(CapacityReached) as caught:
        mentoring.accept(waiting, actor_id=MENTOR)
    assert caught.value.values == {"mentor_id": str(MENTOR), "max_mentees": "1", "taken": "3"}
    mentoring.pause(there[0], actor_id=5)
    mentoring.resume(there[0], actor_id=5)
    for relation in there[1:]:
        mentoring.complete(relation, actor_id=MENTOR)
    with refused(CapacityReached):
        mentoring.accept(waiting, actor_id=MENTOR)
    mentoring.complete(there[0], actor_id=MENTOR)
    assert mentoring.accept(waiting, actor_id=MENTOR).status == "active"


def test_many_accepted_by_one_statement_by_hand_are_refused_whole(
    admin: psycopg.Connection, app: psycopg.Connection, requests: list[int]
) -> None:
    limit(admin, 3)
    before = rows(admin)
    become(app, MENTOR)
    accept = "UPDATE mentoring.mentor_mentee SET status = 'active' WHERE id = ANY(%s)"
    with refused(CapacityReached):
        app.execute(accept, [requests[:4]])
    assert (rows(admin), steps(admin)) == (before, [])

    app.execute(accept, [requests[:3]])
    assert taken(admin) == 3


def test_many_imported_by_one_statement_are_refused_whole(admin: psycopg.Connection) -> None:
    limit(admin, 3)
    bring = """
        INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)
        SELECT 1, i, 'admin', 'active' FROM generate_series(5, %s) AS i
    """
    with refused(CapacityReached):
        admin.execute(bring, [8])
    assert (rows(admin), steps(admin)) == ([], [])
    admin.execute(bring, [7])
    assert taken(admin) == 3


def test_an_administrator_takes_no_place_that_is_not_there(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 0)
    relation = put(admin, BY_MENTEE)
    with acting(app, SETTING["admin"]), refused(CapacityReached):
        Mentoring(app).accept(relation)
    assert taken(admin) == 0
