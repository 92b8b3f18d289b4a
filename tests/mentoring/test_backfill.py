"""Backfill: relationships made from the bookings of pairs that have none, and bulk loads that lock nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import DEPLOY
from mentorbase import Backfill, CapacityReached, Database, Mentoring
from mentoring.booking import STATUSES as BOOKING_STATUSES
from mentoring.booking import bookings, put_booking, put_subject
from mentoring.lifecycle import MENTEE, MENTOR, acting, become, limit, put, refused, rows, steps
from psycopg.conninfo import make_conninfo

pytestmark = pytest.mark.usefixtures("people")
LONG_AGO = datetime(2020, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def owner(admin: psycopg.Connection) -> Iterator[Mentoring[psycopg.Connection]]:
    """The DAO as the login that deploys: a member of the owner, and no superuser."""
    with psycopg.connect(make_conninfo(admin.info.dsn, user=DEPLOY), autocommit=True) as conn:
        yield Mentoring(conn)


@pytest.fixture
def subject(admin: psycopg.Connection) -> int:
    return put_subject(admin)


@contextmanager
def loading(conn: psycopg.Connection) -> Iterator[None]:
    with acting(conn, "system"):
        conn.execute("SET LOCAL mentorbase.bulk_load = 'on'")
        yield


@pytest.mark.parametrize("status", BOOKING_STATUSES)
def test_a_pair_with_a_booking_that_is_not_cancelled_gets_a_relationship(
    admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int, status: str
) -> None:
    put_booking(admin, subject, status, created_at=LONG_AGO)
    put_booking(admin, subject, "cancelled", created_at=LONG_AGO - timedelta(days=1))
    done = owner.backfill_relationships()
    if status == "cancelled":
        assert done == Backfill(1, 0, 0, 1, 0, [], MENTOR, MENTEE)
        assert rows(admin) == []
        return
    assert done == Backfill(1, 1, 0, 0, 0, [], MENTOR, MENTEE)
    [link], [step] = rows(admin), steps(admin)
    assert (link["mentor_id"], link["mentee_id"]) == (MENTOR, MENTEE)
    assert (link["status"], link["initiated_by"], link["accepted_at"]) == ("active", "system", LONG_AGO)
    assert (step["from_status"], step["to_status"], step["actor_kind"]) == (None, "active", "system")
    assert (step["reason"], step["db_login"]) == ("made from bookings", DEPLOY)
    assert {booking["relationship_id"] for booking in bookings(admin)} == {link["id"]}
    assert (link["subscribe_to_quizzes"], link["subscribe_to_courses"], link["subscribe_to_subjects"]) == (
        True,
        True,
        False,
    )


def test_it_can_be_run_again(admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int) -> None:
    put_booking(admin, subject)
    owner.backfill_relationships()
    before = (rows(admin), bookings(admin))
    assert owner.backfill_relationships() == Backfill(0, 0, 0, 0, 0, [], None, None)
    assert (rows(admin), bookings(admin)) == before


@pytest.mark.parametrize("status", ["pending", "active", "rejected", "terminated"])
def test_a_pair_that_ever_had_a_relationship_gets_no_other_but_its_bookings_count(
    admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int, status: str
) -> None:
    link = put(admin, status)
    put_booking(admin, subject)
    assert owner.backfill_relationships() == Backfill(1, 0, 1, 0, 0, [], MENTOR, MENTEE)
    assert [row["id"] for row in rows(admin)] == [link]
    assert [booking["relationship_id"] for booking in bookings(admin)] == [link]


@pytest.mark.parametrize(("blocker", "blocked"), [(MENTOR, MENTEE), (MENTEE, MENTOR)])
def test_a_pair_that_blocks_gets_none(
    admin: psycopg.Connection,
    db: Database,
    owner: Mentoring[psycopg.Connection],
    subject: int,
    blocker: int,
    blocked: int,
) -> None:
    put_booking(admin, subject)
    db.mentoring.block(blocker, blocked, actor_id=blocker)
    assert owner.backfill_relationships() == Backfill(1, 0, 0, 0, 1, [], MENTOR, MENTEE)
    assert rows(admin) == []


def test_it_goes_past_max_mentees_and_says_where(
    admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int
) -> None:
    limit(admin, 2)
    limit(admin, 2, mentor=6)
    other = put_subject(admin, 6)
    for mentee in (8, 9, 10):
        put_booking(admin, subject, mentee=mentee)
    for mentee in (8, 9):
        put_booking(admin, other, mentee=mentee)
    done = owner.backfill_relationships()
    assert (done.created, done.over_capacity) == (5, [MENTOR])
    with refused(CapacityReached, "MB101"), acting(admin, "system"):
        admin.execute("SELECT mentoring.request(%s, 11)", [MENTOR])


def test_it_goes_in_batches(admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int) -> None:
    for mentee in range(2, 9):
        put_booking(admin, subject, mentee=mentee)
    put_booking(admin, subject, "cancelled", mentee=10)
    put_booking(admin, put_subject(admin, 6), mentee=2)
    batches = [owner.backfill_relationships(at_most=4)]
    while batches[-1].pairs == 4:
        last = batches[-1]
        batches.append(
            owner.backfill_relationships(
                at_most=4, after_mentor_id=last.last_mentor_id or 0, after_mentee_id=last.last_mentee_id or 0
            )
        )
    assert [(b.pairs, b.created, b.only_cancelled) for b in batches] == [(4, 4, 0), (4, 3, 1), (1, 1, 0)]
    assert len(rows(admin)) == 8


def test_it_leaves_the_callers_settings_as_they_were(
    admin: psycopg.Connection, owner: Mentoring[psycopg.Connection], subject: int
) -> None:
    put_booking(admin, subject)
    names = ("mentorbase.actor", "mentorbase.reason", "mentorbase.bulk_load")
    with acting(admin, "admin:4"):
        admin.execute("SET LOCAL mentorbase.reason = 'mine'")
        Mentoring(admin).backfill_relationships()
        found = [admin.execute("SELECT current_setting(%s)", [name]).fetchall()[0][0] for name in names]
    assert found == ["admin:4", "mine", ""]


class TestABulkLoad:
    BOOKINGS = """
        INSERT INTO mentoring.subject_schedule (subject_id, user_id, status, booked_date, ends_at)
        SELECT %s, mentee, 'completed', now() - interval '2 hours', now() - interval '1 hour'
        FROM generate_series(2, 20) AS mentee
    """
    LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"

    def test_takes_no_lock_for_each_pair(self, admin: psycopg.Connection, subject: int) -> None:
        with loading(admin):
            admin.execute(self.BOOKINGS, [subject])
            assert admin.execute(self.LOCKS).fetchall() == [(0,)]
        with acting(admin, "system"):
            admin.execute(self.BOOKINGS, [subject])
            assert admin.execute(self.LOCKS).fetchall() == [(19,)]

    def test_is_not_for_applications(self, admin: psycopg.Connection, dsn: str, subject: int) -> None:
        limit(admin, 0)
        with psycopg.connect(dsn) as app:
            become(app, "system")
            app.execute("SET mentorbase.bulk_load = 'on'")
            with refused(CapacityReached, "MB101"):
                app.execute("SELECT mentoring.request(%s, %s)", [MENTOR, MENTEE])

    def test_counts_for_a_relationship_that_was_made_meanwhile_once_it_is_backfilled(
        self, admin: psycopg.Connection, db: Database, owner: Mentoring[psycopg.Connection], subject: int
    ) -> None:
        with loading(admin):
            admin.execute(self.BOOKINGS, [subject])
            link = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
        assert {booking["relationship_id"] for booking in bookings(admin)} == {None}
        done = owner.backfill_relationships()
        assert (done.created, done.attributed) == (18, 1)
        [booking] = [booking for booking in bookings(admin) if booking["user_id"] == MENTEE]
        assert booking["relationship_id"] == link.id

    def test_still_obeys_the_life_cycle(self, admin: psycopg.Connection, subject: int) -> None:
        link = put(admin, "active")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught, loading(admin):
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by)"
                " VALUES (%s, %s, 'active', 'system')",
                [MENTOR, MENTEE],
            )
        assert caught.value.diag.constraint_name == "mentor_mentee_live_pair_key"
        assert [row["id"] for row in rows(admin)] == [link]
