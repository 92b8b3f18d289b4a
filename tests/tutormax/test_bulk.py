"""Bulk loads: by COPY, repeated deliveries, every kind of row, both ways of calling."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    ActorRequired,
    AsyncDatabase,
    Database,
    InvalidArgument,
    InvalidRating,
    NewEvent,
    RowsRefused,
    SessionStatus,
    UnknownTutor,
    load_rows,
    load_rows_async,
    tutormax_bulk,
)

from .school import NOON, STUDENT, TUTOR, enroll, feedback, prediction, session


@pytest.fixture
def school(db: Database) -> Database:
    enroll(db)
    return db


def test_a_session_that_is_loaded_again_is_the_same_or_changed(school: Database) -> None:
    rows = [session(f"s{i}", engagement_score=Decimal("0.5")) for i in range(20)]
    with school.transaction() as tx:
        first = load_rows(tx, rows)
        again = load_rows(tx, rows)
        changed = load_rows(tx, [*rows[:18], session("s18", status=SessionStatus.NO_SHOW_TUTOR), session("s20")])
    assert (first.inserted, first.updated, first.repeated) == (20, 0, 0)
    assert (again.inserted, again.updated, again.repeated) == (0, 0, 20)
    assert (changed.inserted, changed.updated, changed.repeated) == (1, 1, 18)
    found = school.tutormax.session("s18")
    assert found is not None
    assert (found.status, found.tutor_id, found.student_id) == (SessionStatus.NO_SHOW_TUTOR, TUTOR, STUDENT)


def test_of_the_same_session_twice_in_a_load_the_later_row_holds(school: Database) -> None:
    with school.transaction() as tx:
        done = load_rows(tx, [session("s1"), session("s2"), session("s1", status=SessionStatus.CANCELLED)])
    assert (done.inserted, done.updated, done.refused) == (2, 1, [])
    found = school.tutormax.session("s1")
    assert found is not None
    assert found.status == SessionStatus.CANCELLED


def test_a_repeated_delivery_of_events_is_one_event_each(school: Database) -> None:
    rows = [NewEvent(TUTOR, "login", NOON, "web", f"e{i % 30}", {"n": i % 30}) for i in range(60)]
    with school.transaction() as tx:
        first = load_rows(tx, rows)
        again = load_rows(tx, rows)
    assert (first.inserted, first.repeated, again.inserted, again.repeated) == (30, 30, 0, 60)
    assert len(school.tutormax.tutor_events(TUTOR)) == 30
    assert (
        school.tutormax.record_event(TUTOR, "login", source="web", source_event_id="e1", event_timestamp=NOON) is False
    )
    assert (
        school.tutormax.record_event(TUTOR, "login", source="app", source_event_id="e1", event_timestamp=NOON) is True
    )


def test_the_position_counts_over_all_parts_of_a_load(school: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tutormax_bulk, "BATCH", 7)
    bad = {0, 6, 7, 20, 49}
    rows = (session(f"s{i}", tutor_id="nobody" if i in bad else TUTOR) for i in range(50))
    with school.transaction() as tx:
        done = load_rows(tx, rows, keep_good=True)
    assert [one.position for one in done.refused] == sorted(bad)
    assert {type(one.error) for one in done.refused} == {UnknownTutor}
    assert done.inserted == 45


def test_nothing_of_any_part_is_stored_if_one_row_is_refused(school: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tutormax_bulk, "BATCH", 7)
    with school.transaction() as tx, pytest.raises(RowsRefused) as refused:
        load_rows(tx, [session(f"s{i}", tutor_id="nobody" if i == 49 else TUTOR) for i in range(50)])
    assert [one.position for one in refused.value.refused] == [49]
    assert school.tutormax.tutor_sessions(TUTOR) == []


def test_all_rows_bad_are_all_reported(school: Database) -> None:
    with school.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session(f"s{i}") for i in range(33)])
        done = load_rows(tx, [feedback(f"s{i}", 6) for i in range(33)], keep_good=True)
    assert [one.position for one in done.refused] == list(range(33))
    assert {type(one.error) for one in done.refused} == {InvalidRating}


def test_feedback_in_bulk_needs_an_actor_and_sessions_do_not(school: Database) -> None:
    with school.transaction() as tx:
        load_rows(tx, [session("s1")])
        load_rows(tx, [prediction()])
        with pytest.raises(ActorRequired):
            load_rows(tx, [feedback("s1")], keep_good=True)


def test_rows_of_two_classes_and_no_rows(school: Database) -> None:
    with school.transaction(actor=SYSTEM) as tx:
        with pytest.raises(InvalidArgument):
            load_rows(tx, [session("s1"), feedback("s1")])
        assert load_rows(tx, []).inserted == 0
    assert school.tutormax.session("s1") is None


def test_a_document_that_is_none_is_a_row_that_is_refused(admin: psycopg.Connection) -> None:
    for position, document in enumerate(["no json", "[]", '{"tutor_id": "t"}', '{"metadata": "\\u0000"}']):
        admin.execute(
            "INSERT INTO tutormax.bulk_rows VALUES ('00000000-0000-0000-0000-000000000001', %s, %s)",
            [position, document],
        )
    [(inserted, refused)] = admin.execute(
        "SELECT inserted, refused FROM tutormax.store_bulk('00000000-0000-0000-0000-000000000001', 'tutor_events')"
    ).fetchall()
    assert inserted == 0
    states = [(row["position"], row["sqlstate"]) for row in sorted(refused, key=lambda row: row["position"])]
    assert states == [(0, "22P02"), (1, "22023"), (2, "23502"), (3, "22P05")]
    assert all(row["message"] is None for row in refused)


def test_asynchronously_too(school: Database, dsn: str) -> None:
    async def work() -> None:
        async with AsyncDatabase.connect(dsn) as db, db.transaction(actor=SYSTEM) as tx:
            done = await load_rows_async(
                tx, [session("s1"), session("s2", tutor_id="x"), session("s3")], keep_good=True
            )
            assert ([one.position for one in done.refused], done.inserted) == ([1], 2)
            with pytest.raises(RowsRefused):
                await load_rows_async(tx, [feedback("s1"), feedback("s3", 0)])
            assert (await load_rows_async(tx, [feedback("s1"), feedback("s3")])).inserted == 2

    asyncio.run(work())
    assert len(school.tutormax.tutor_sessions(TUTOR)) == 2
    assert school.tutormax.feedback("s3") is not None
