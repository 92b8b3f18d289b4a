"""The relation that a booking counts for: one, the right one, also where both are made at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import product
from typing import Any

import psycopg
import pytest
from mentorbase import Booking, Database, Mentoring, Party
from mentoring.booking import booking_steps, bookings, imported, in_hours, put_subject
from mentoring.lifecycle import MENTEE, MENTOR, SETTING, acting, put, rows
from mentoring.racing import PATIENCE, at_once, behind, outcome, wait_until_stuck

pytestmark = pytest.mark.usefixtures("people")
MENTORS, MENTEES = range(1, 9), range(11, 19)
LOCK_PAIR = "SELECT mentoring.lock_pair(%s, %s)"
ENDED = ("completed", "rejected", "cancelled", "expired", "terminated")
# Read without the helpers of the database: what the rows themselves say.
STRAYS = """
    SELECT count(*)
    FROM mentoring.subject_schedule AS b
    LEFT JOIN mentoring.mentor_mentee AS own ON own.id = b.relationship_id
    WHERE (
        b.relationship_id IS NULL
        AND EXISTS (
            SELECT FROM mentoring.mentor_mentee AS m WHERE m.mentor_id = b.mentor_id AND m.mentee_id = b.user_id
        )
    ) OR (own.mentor_id, own.mentee_id) IS DISTINCT FROM (b.mentor_id, b.user_id) AND b.relationship_id IS NOT NULL
"""


@pytest.fixture
def subject(admin: psycopg.Connection) -> int:
    return put_subject(admin)


@pytest.fixture
def subjects(admin: psycopg.Connection) -> dict[int, int]:
    """A subject of each mentor."""
    return {mentor: put_subject(admin, mentor) for mentor in MENTORS}


def book(mentoring: Mentoring[Any], subject: int, mentee: int = MENTEE) -> Booking:
    return mentoring.book(subject, mentee, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=mentee)


def strays(admin: psycopg.Connection) -> int:
    """Bookings that should count for a relation, but do not, or count for another pair's."""
    [[found]] = admin.execute(STRAYS).fetchall()
    return int(found)


def failures(results: list[Any]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]


@pytest.mark.parametrize("status", ["pending", "active", "paused"])
@pytest.mark.parametrize("live_first", [True, False])
def test_a_booking_counts_for_the_live_relation(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int, status: str, live_first: bool
) -> None:
    if live_first:
        live = put(admin, status)
        put(admin, "completed")
    else:
        put(admin, "completed")
        live = put(admin, status)
    put(admin, "active", mentee=5)
    put(admin, "active", mentor=MENTEE, mentee=MENTOR)
    assert book(Mentoring(app), subject).relationship_id == live
    imported(admin, subject, "completed")
    assert [row["relationship_id"] for row in bookings(admin)] == [live, live]


@pytest.mark.parametrize("status", ENDED)
def test_without_a_live_relation_a_booking_counts_for_the_latest_ended_one(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int, status: str
) -> None:
    put(admin, "terminated")
    put(admin, "rejected")
    latest = put(admin, status)
    put(admin, "completed", mentee=5)
    assert book(Mentoring(app), subject).relationship_id == latest


def test_a_booking_of_a_pair_without_relations_counts_for_none_until_the_first_takes_it_over(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int
) -> None:
    mentoring = Mentoring(app)
    put(admin, "active", mentee=5)
    mine, past, another = (
        book(mentoring, subject).id,
        imported(admin, subject, "completed"),
        book(mentoring, subject, 6).id,
    )
    before = bookings(admin)
    assert [row["relationship_id"] for row in before] == [None] * 3

    relation = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).id

    after = {row["id"]: row for row in bookings(admin)}
    for row in before[:2]:
        assert after[row["id"]] == row | {
            "relationship_id": relation,
            "updated_at": after[row["id"]]["updated_at"],
        }
    assert after[another] == before[2]
    assert [step["booking_id"] for step in booking_steps(admin)] == [mine, past, another], "taking over is no step"
    assert mentoring.statistics(relation).total_bookings == 2


@pytest.mark.parametrize("maker", ["mentor", "mentee", "admin", "system"])
def test_whoever_makes_the_relation_it_takes_the_bookings_over(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int, maker: str
) -> None:
    booking = book(Mentoring(app), subject).id
    with acting(app, SETTING[maker]):
        relation = Mentoring(app).request(MENTOR, MENTEE).id
    assert Mentoring(app).booking(booking).relationship_id == relation
    assert strays(admin) == 0


def test_a_relation_of_the_same_two_the_other_way_round_takes_nothing_over(
    app: psycopg.Connection, subject: int
) -> None:
    booking = book(Mentoring(app), subject).id
    Mentoring(app).request(MENTEE, MENTOR, actor_id=MENTEE)
    assert Mentoring(app).booking(booking).relationship_id is None


def test_a_second_relation_leaves_the_first_its_bookings(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int
) -> None:
    mentoring = Mentoring(app)
    before_any = book(mentoring, subject).id
    first = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).id
    mentoring.accept(first, actor_id=MENTOR)
    during = book(mentoring, subject).id
    mentoring.complete(first, actor_id=MENTOR)
    between = book(mentoring, subject).id
    second = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).id
    again = book(mentoring, subject).id

    found = {row["id"]: row["relationship_id"] for row in bookings(admin)}
    assert found == {before_any: first, during: first, between: first, again: second}
    counts = {row.relationship_id: row.total_bookings for row in mentoring.mentor_statistics(MENTOR)}
    assert counts == {first: 3, second: 1}
    assert sum(counts.values()) == len(found)


def test_steps_of_the_relation_and_of_the_booking_leave_it_where_it_is(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int
) -> None:
    mentoring = Mentoring(app)
    relation = mentoring.request(MENTOR, MENTEE, actor_id=MENTEE).id
    booking = book(mentoring, subject).id
    mentoring.accept(relation, actor_id=MENTOR)
    mentoring.terminate(relation, actor_id=MENTOR)
    put(admin, "active")
    assert mentoring.confirm(booking, actor_id=MENTOR).relationship_id == relation
    assert mentoring.cancel_booking(booking, actor_id=MENTEE).relationship_id == relation


def test_what_a_deleted_relation_leaves_is_taken_over_by_the_next_one(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int
) -> None:
    put(admin, "completed")
    booking = book(Mentoring(app), subject).id
    admin.execute("DELETE FROM mentoring.mentor_mentee")
    assert Mentoring(app).booking(booking).relationship_id is None
    relation = Mentoring(app).request(MENTOR, MENTEE, actor_id=MENTOR).id
    assert Mentoring(app).booking(booking).relationship_id == relation


def test_a_relation_that_is_undone_takes_nothing_over(app: psycopg.Connection, subject: int) -> None:
    booking = book(Mentoring(app), subject).id
    with app.transaction():
        Mentoring(app).request(MENTOR, MENTEE, actor_id=MENTOR)
        raise psycopg.Rollback
    assert Mentoring(app).booking(booking).relationship_id is None


def test_a_booking_and_a_relation_made_at_the_same_moment_always_find_each_other(
    admin: psycopg.Connection, db: Database, subjects: dict[int, int]
) -> None:
    for number, (mentor, mentee) in enumerate(product(MENTORS, MENTEES)):
        asks, answers = (mentor, mentee) if number % 3 else (mentee, mentor)
        jobs: list[Callable[[], object]] = [
            partial(book, db.mentoring, subjects[mentor], mentee),
            partial(db.mentoring.request, mentor, mentee, actor_id=asks),
        ]
        assert failures(at_once(jobs[:: 1 if number % 2 else -1])) == []
        db.mentoring.accept(db.mentoring.mentees(mentor, page_size=1)[0].id, actor_id=answers)
    assert (len(bookings(admin)), len(rows(admin))) == (64, 64)
    assert strays(admin) == 0
    found = {(row["mentor_id"], row["mentee_id"]): row["id"] for row in rows(admin)}
    assert [row["relationship_id"] for row in bookings(admin)] == [
        found[row["mentor_id"], row["user_id"]] for row in bookings(admin)
    ]


@pytest.mark.parametrize("booking_first", [True, False])
def test_a_booking_and_a_relation_that_wait_for_the_same_lock_find_each_other(
    admin: psycopg.Connection, db: Database, subject: int, booking_first: bool
) -> None:
    jobs: list[Callable[[], object]] = [
        partial(book, db.mentoring, subject),
        partial(db.mentoring.request, MENTOR, MENTEE, actor_id=MENTOR),
        partial(book, db.mentoring, subject),
    ]
    results = behind(admin, LOCK_PAIR, jobs if booking_first else jobs[::-1], [MENTEE, MENTOR])
    assert failures(results) == []
    assert len(bookings(admin)) == 2
    assert strays(admin) == 0


@pytest.mark.parametrize("undone", [False, True])
def test_a_relation_waits_for_a_booking_that_is_not_committed_yet(
    admin: psycopg.Connection, app: psycopg.Connection, db: Database, subject: int, undone: bool
) -> None:
    results: list[Any] = []
    with app.transaction():
        book(Mentoring(app), subject)
        results += behind_open(admin, [partial(db.mentoring.request, MENTOR, MENTEE, actor_id=MENTEE)])
        if undone:
            raise psycopg.Rollback
    assert failures([job() for job in results]) == []
    assert len(bookings(admin)) == (0 if undone else 1)
    assert len(rows(admin)) == 1
    assert strays(admin) == 0


@pytest.mark.parametrize("undone", [False, True])
def test_a_booking_waits_for_a_relation_that_is_not_committed_yet(
    admin: psycopg.Connection, app: psycopg.Connection, db: Database, subject: int, undone: bool
) -> None:
    results: list[Any] = []
    with app.transaction():
        relation = Mentoring(app).request(MENTOR, MENTEE, actor_id=MENTEE).id
        results += behind_open(admin, [partial(book, db.mentoring, subject)])
        if undone:
            raise psycopg.Rollback
    assert failures([job() for job in results]) == []
    assert [row["relationship_id"] for row in bookings(admin)] == [None if undone else relation]
    assert strays(admin) == 0


def test_bookings_of_another_pair_do_not_wait(app: psycopg.Connection, db: Database, subject: int) -> None:
    with app.transaction():
        book(Mentoring(app), subject)
        assert book(db.mentoring, subject, 5).relationship_id is None
        assert db.mentoring.request(MENTOR, 5, actor_id=5).status == "pending"


def test_a_booking_that_finds_a_relation_takes_no_lock(admin: psycopg.Connection, db: Database, subject: int) -> None:
    relation = put(admin, "active")
    with admin.transaction():
        admin.execute(LOCK_PAIR, [MENTOR, MENTEE])
        assert book(db.mentoring, subject).relationship_id == relation


def test_sixteen_clients_book_side_by_side(admin: psycopg.Connection, clients: list[Mentoring[Any]]) -> None:
    subject = put_subject(admin)
    relation = put(admin, "active", mentee=1 + len(clients))
    results = at_once([partial(book_often, client, subject, 2 + i) for i, client in enumerate(clients)])
    assert failures(results) == []
    assert len(bookings(admin)) == len(booking_steps(admin)) == 16 * 10
    assert {step["booking_id"] for step in booking_steps(admin)} == {row["id"] for row in bookings(admin)}
    attributed = [row for row in bookings(admin) if row["relationship_id"]]
    assert {row["relationship_id"] for row in attributed} == {relation}
    assert len(attributed) == 10


def test_sixteen_clients_book_for_one_pair_while_its_relation_is_made(
    admin: psycopg.Connection, clients: list[Mentoring[Any]]
) -> None:
    subject = put_subject(admin)
    jobs: list[Callable[[], object]] = [partial(book_often, client, subject, MENTEE) for client in clients[:15]]
    jobs.insert(7, partial(clients[15].request, MENTOR, MENTEE, initiated_by=Party.MENTOR, actor_id=MENTOR))
    assert failures(at_once(jobs)) == []
    [relation] = rows(admin)
    assert [row["relationship_id"] for row in bookings(admin)] == [relation["id"]] * 150
    assert strays(admin) == 0


@pytest.fixture
def clients(direct_dsn: str) -> Iterator[list[Mentoring[Any]]]:
    """Sixteen connections of the application."""
    with ExitStack() as stack:
        yield [Mentoring(stack.enter_context(psycopg.connect(direct_dsn, autocommit=True))) for _ in range(16)]


def book_often(mentoring: Mentoring[Any], subject: int, mentee: int) -> None:
    for _ in range(10):
        book(mentoring, subject, mentee)


def behind_open(admin: psycopg.Connection, jobs: list[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """Start *jobs*, wait until each waits for a lock, and return how to get what becomes of them."""
    pool = ThreadPoolExecutor(len(jobs))
    futures = [pool.submit(outcome, job) for job in jobs]
    wait_until_stuck(admin, futures)
    assert not any(future.done() for future in futures), "a job did not wait"
    pool.shutdown(wait=False)
    return [partial(future.result, PATIENCE) for future in futures]
