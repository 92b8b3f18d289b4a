"""Requests that were never accepted are forgotten: the row, the people and the reasons; the counts stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from auditing import told
from mentorbase import CoolingDown, Database, RelationshipStatus
from mentoring.booking import bookings, imported, in_hours, put_booking, put_subject
from mentoring.lifecycle import STATUSES, Row, acting, put, refused, rows, scenes, steps, unguarded
from mentoring.racing import behind, outcome
from psycopg.conninfo import make_conninfo

pytestmark = pytest.mark.usefixtures("people")
FORGOTTEN = ("rejected", "cancelled", "expired")
YEAR, MINUTE = timedelta(days=365), timedelta(minutes=1)
SETTINGS = ("mentorbase.actor", "mentorbase.reason", "mentorbase.maintenance")


def ended(admin: psycopg.Connection, status: str = "rejected", age: timedelta = 2 * YEAR, **people: int) -> int:
    """A relation that ended so long ago, with its history and a note each, and its id."""
    at = datetime.now(UTC) - age
    times = {"created_at": at - YEAR, "updated_at": at}
    if status not in {"pending", "active", "paused"}:
        times["ended_at"] = at
    if status in {"active", "paused", "completed", "terminated"}:
        times["accepted_at"] = at - timedelta(days=30)
    if status == "paused":
        times |= {"paused_at": at, "resume_at": at + timedelta(days=9)}
    if status == "completed":
        times["completed_at"] = at
    relation = put(admin, scenes(status)[-1], mentor_notes="Plaintext", mentee_notes="Plaintext", **times, **people)
    taken = [(None, "pending", at - YEAR)] + ([("pending", status, at)] if status != "pending" else [])
    with unguarded(admin):
        for step in taken:
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee_history (relationship_id, mentor_id, mentee_id, from_status,"
                " to_status, occurred_at, actor_kind, actor_id, db_login, reason)"
                " SELECT id, mentor_id, mentee_id, %s, %s, %s, 'mentee', mentee_id, 'x', 'Plaintext'"
                " FROM mentoring.mentor_mentee WHERE id = %s",
                [*step, relation],
            )
    return relation


def purge(conn: psycopg.Connection, at_most: int = 1000, *, dry_run: bool = False) -> int:
    [[count]] = conn.execute("SELECT mentoring.purge(%s, %s)", [dry_run, at_most]).fetchall()
    return int(count)


def kept(admin: psycopg.Connection) -> list[int]:
    return [row["id"] for row in rows(admin)]


def counts(admin: psycopg.Connection) -> list[Row]:
    """What a report counts: outcomes by month."""
    return admin.execute(
        "SELECT date_trunc('month', occurred_at), to_status, count(*) FROM mentoring.v_mentor_mentee_history"
        " WHERE to_status IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()  # type: ignore[return-value]


@pytest.fixture
def other(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with psycopg.connect(make_conninfo(admin.info.dsn, options="-c lock_timeout=20s"), autocommit=True) as conn:
        yield conn


@pytest.fixture
def third(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with psycopg.connect(admin.info.dsn, autocommit=True) as conn:
        yield conn


class TestWhichGo:
    @pytest.mark.parametrize("status", STATUSES)
    @pytest.mark.parametrize(("age", "old"), [(YEAR - MINUTE, False), (YEAR + MINUTE, True), (10 * YEAR, True)])
    def test_those_that_nobody_accepted_a_year_after_they_ended(
        self, admin: psycopg.Connection, status: str, age: timedelta, old: bool
    ) -> None:
        relation = ended(admin, status, age)
        goes = old and status in FORGOTTEN
        assert purge(admin, dry_run=True) == int(goes)
        assert purge(admin) == int(goes)
        assert kept(admin) == ([] if goes else [relation])

    def test_how_long_is_a_setting(self, admin: psycopg.Connection) -> None:
        relation = ended(admin, age=timedelta(days=90))
        for days, found in ((91, 0), (90, 1)):
            admin.execute("UPDATE mentoring.settings SET value = %s WHERE name = 'request_retention'", [days])
            assert purge(admin, dry_run=True) == found
        assert kept(admin) == [relation]
        assert purge(admin) == 1

    def test_a_dry_run_is_the_default_and_changes_nothing(self, admin: psycopg.Connection) -> None:
        for mentee in (2, 3, 4):
            ended(admin, mentee=mentee)
        before = rows(admin), steps(admin), told(admin, "mentoring.mentor_mentee")
        assert admin.execute("SELECT mentoring.purge()").fetchone() == (3,)
        assert purge(admin, 1, dry_run=True) == 3
        assert (rows(admin), steps(admin), told(admin, "mentoring.mentor_mentee")) == before

    def test_goes_in_batches_the_oldest_first(self, admin: psycopg.Connection) -> None:
        relations = [ended(admin, mentee=mentee, age=mentee * YEAR) for mentee in range(2, 7)]
        assert purge(admin, 2) == 2
        assert kept(admin) == relations[:3]
        assert [purge(admin, 2) for _ in range(3)] == [2, 1, 0]
        assert purge(admin, 0) == 0

    def test_finds_them_by_an_index_of_their_own(self, admin: psycopg.Connection) -> None:
        with unguarded(admin):
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by, accepted_at)"
                " SELECT 1, i, 'active', 'system', now() FROM generate_series(100, 20100) AS i"
            )
        admin.execute("VACUUM ANALYZE mentoring.mentor_mentee")
        plan = admin.execute(
            "EXPLAIN SELECT m.id FROM mentoring.mentor_mentee AS m"
            " WHERE m.status IN ('rejected', 'cancelled', 'expired') AND m.ended_at <= now()"
            " ORDER BY m.ended_at, m.id LIMIT 1000 FOR UPDATE SKIP LOCKED"
        ).fetchall()
        assert "mentor_mentee_unaccepted_idx" in str(plan)


class TestWhatStays:
    def test_the_history_stays_without_people_and_reasons(self, admin: psycopg.Connection) -> None:
        relation = ended(admin)
        before = steps(admin)
        assert purge(admin) == 1
        after = steps(admin)
        gone = dict.fromkeys(("mentor_id", "mentee_id", "actor_id", "reason"))
        assert after[:2] == [{**row, **gone} for row in before]
        [last] = after[2:]
        assert {key: last[key] for key in (*gone, "relationship_id", "from_status", "to_status", "actor_kind")} == {
            **gone,
            "relationship_id": relation,
            "from_status": "rejected",
            "to_status": None,
            "actor_kind": "system",
        }

    def test_a_report_counts_the_same_as_before(self, admin: psycopg.Connection) -> None:
        for mentee, status in enumerate(STATUSES, start=2):
            ended(admin, status, mentee * YEAR / 2, mentee=mentee)
        before = counts(admin)
        assert purge(admin) == sum(status in FORGOTTEN for status in STATUSES[1:])
        assert counts(admin) == before

    def test_the_history_of_others_keeps_its_people(self, admin: psycopg.Connection) -> None:
        ended(admin, mentee=3)
        relation = ended(admin, "completed", mentee=4)
        young = ended(admin, mentee=5, age=YEAR / 2)
        before = [row for row in steps(admin) if row["relationship_id"] in {relation, young}]
        purge(admin)
        assert [row for row in steps(admin) if row["relationship_id"] in {relation, young}] == before
        assert kept(admin) == [relation, young]

    def test_notes_are_nowhere(self, admin: psycopg.Connection) -> None:
        relation = ended(admin)
        admin.execute("UPDATE mentoring.mentor_mentee SET mentor_notes = 'Plaintext2'")
        purge(admin)
        text = str((rows(admin), steps(admin), told(admin, "mentoring.mentor_mentee")))
        assert str(relation) in text
        assert "laintext" not in text

    def test_the_audit_log_keeps_no_value_of_it(self, admin: psycopg.Connection) -> None:
        relation, other = ended(admin, mentee=9), ended(admin, "completed", mentee=8)
        admin.execute("UPDATE mentoring.mentor_mentee SET hidden_by_mentor_at = now()")
        purge(admin)
        found = told(admin, "mentoring.mentor_mentee")
        of_it = [row for row in found if row["row_key"] == {"id": relation}]
        assert [(row["operation"], row["old_values"], row["new_values"]) for row in of_it] == [
            ("update", None, None),
            ("delete", None, None),
            ("scrub", None, {"scrubbed": 2}),
        ]
        [untouched] = [row for row in found if row["row_key"] == {"id": other}]
        assert untouched["new_values"].keys() == {"hidden_by_mentor_at"}

    def test_the_audit_log_does_not_say_whose_it_was(self, db: Database, admin: psycopg.Connection) -> None:
        relation = ended(admin, mentor=7, mentee=9)
        db.mentoring.remove(relation, actor_id=9)
        purge(admin)
        assert {row["actor_id"] for row in told(admin, "mentoring.mentor_mentee")} == {None}


class TestBookings:
    def test_what_was_booked_counts_for_no_relationship_if_the_pair_has_no_other(
        self, admin: psycopg.Connection
    ) -> None:
        relation, subject = ended(admin), put_subject(admin)
        booking = put_booking(admin, subject, "completed", relationship_id=relation)
        purge(admin)
        [row] = bookings(admin)
        assert (row["id"], row["relationship_id"], row["mentor_id"], row["user_id"]) == (booking, None, 1, 2)

    @pytest.mark.parametrize("status", ["active", "pending", "completed", "rejected"])
    def test_it_counts_for_another_one_of_the_pair(self, admin: psycopg.Connection, status: str) -> None:
        relation, subject = ended(admin), put_subject(admin)
        put_booking(admin, subject, "completed", relationship_id=relation)
        other = put(admin, status)
        purge(admin)
        assert [row["relationship_id"] for row in bookings(admin)] == [other]

    def test_bookings_of_other_pairs_stay_where_they_are(self, admin: psycopg.Connection) -> None:
        ended(admin, mentee=2)
        subject, other = put_subject(admin), put(admin, "active", mentee=3)
        put_booking(admin, subject, mentee=3, relationship_id=other)
        put_booking(admin, subject, mentee=4)
        before = bookings(admin)
        purge(admin)
        assert bookings(admin) == before

    def test_the_next_relationship_of_the_pair_takes_them_over(self, db: Database, admin: psycopg.Connection) -> None:
        relation, subject = ended(admin), put_subject(admin)
        put_booking(admin, subject, "completed", relationship_id=relation)
        purge(admin)
        link = db.mentoring.request(1, 2, actor_id=2)
        assert [row["relationship_id"] for row in bookings(admin)] == [link.id]


class TestOtherRules:
    def test_a_pair_that_cools_down_goes_on_doing_so(self, db: Database, admin: psycopg.Connection) -> None:
        admin.execute("UPDATE mentoring.settings SET value = 10 WHERE name = 'request_retention'")
        ended(admin, age=timedelta(days=20), mentor=7, mentee=9)
        purge(admin)
        with refused(CoolingDown, "MB103"):
            db.mentoring.request(7, 9, actor_id=9)

    def test_a_pair_may_ask_again_as_before(self, db: Database, admin: psycopg.Connection) -> None:
        ended(admin, mentor=7, mentee=9)
        purge(admin)
        assert db.mentoring.request(7, 9, actor_id=9).status is RelationshipStatus.PENDING
        assert purge(admin) == 0

    def test_an_application_may_not_call_it(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        ended(admin)
        for call in ("purge()", "purge(true)", "purge(false)"):
            with acting(app, "system"), pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                app.execute(f"SELECT mentoring.{call}")  # type: ignore[arg-type]
        assert len(rows(admin)) == 1

    def test_a_member_of_the_owner_calls_it(self, admin: psycopg.Connection) -> None:
        ended(admin)
        with psycopg.connect(make_conninfo(admin.info.dsn, user="test_deploy"), autocommit=True) as conn:
            assert purge(conn) == 1

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_the_callers_settings_are_as_they_were(self, admin: psycopg.Connection, dry_run: bool) -> None:
        ended(admin)
        with admin.transaction():
            for name, value in zip(SETTINGS, ("admin:7", "a reason", "elsewhere"), strict=True):
                admin.execute("SELECT set_config(%s, %s, true)", [name, value])
            purge(admin, dry_run=dry_run)
            found = [admin.execute("SELECT current_setting(%s)", [name]).fetchone() for name in SETTINGS]
        assert found == [("admin:7",), ("a reason",), ("elsewhere",)]
        found = [admin.execute("SELECT nullif(current_setting(%s, true), '')", [name]).fetchone() for name in SETTINGS]
        assert found == [(None,)] * 3


class TestAtOnce:
    def test_two_at_once_share_the_work_and_none_fails(
        self, admin: psycopg.Connection, other: psycopg.Connection, third: psycopg.Connection
    ) -> None:
        for mentee in range(2, 12):
            ended(admin, mentee=mentee)
        became = behind(
            admin,
            "LOCK TABLE mentoring.subject_schedule IN ACCESS EXCLUSIVE MODE",
            [partial(purge, other, 5), partial(purge, third, 5)],
        )
        assert became == [5, 5]
        assert kept(admin) == []

    def test_one_that_is_locked_stays_until_next_time(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        relations = [ended(admin, mentee=mentee) for mentee in (2, 3)]
        with admin.transaction():
            admin.execute("SELECT FROM mentoring.mentor_mentee WHERE id = %s FOR KEY SHARE", relations[:1])
            assert purge(other) == 1
        assert kept(admin) == relations[:1]
        assert purge(other) == 1

    def test_two_old_requests_of_a_pair_go_in_two_purges_at_once(
        self, admin: psycopg.Connection, other: psycopg.Connection, third: psycopg.Connection
    ) -> None:
        subject = put_subject(admin)
        for _ in range(2):
            put_booking(admin, subject, "completed", relationship_id=ended(admin))
        became = behind(
            admin,
            "LOCK TABLE mentoring.subject_schedule IN ACCESS EXCLUSIVE MODE",
            [partial(purge, other, 1), partial(purge, third, 1)],
        )
        assert became == [1, 1]
        assert [row["relationship_id"] for row in bookings(admin)] == [None, None]

    def test_a_relationship_that_is_made_meanwhile_gets_the_bookings(
        self, db: Database, admin: psycopg.Connection
    ) -> None:
        put_booking(admin, put_subject(admin), "completed", relationship_id=ended(admin))
        [link] = behind(admin, "SELECT mentoring.purge(false)", [partial(db.mentoring.request, 1, 2, actor_id=2)])
        assert [row["relationship_id"] for row in bookings(admin)] == [link.id]  # type: ignore[union-attr]

    def test_who_books_meanwhile_is_not_refused(self, db: Database, admin: psycopg.Connection) -> None:
        ended(admin)
        subject = put_subject(admin)
        book = partial(db.mentoring.book, subject, 2, booked_date=in_hours(24), ends_at=in_hours(25), actor_id=2)
        [booking] = behind(admin, "SELECT mentoring.purge(false)", [book])
        assert [(row["id"], row["relationship_id"]) for row in bookings(admin)] == [(booking.id, None)]  # type: ignore[union-attr]

    def test_whoever_books_first_keeps_the_request_until_next_time(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        relation = ended(admin)
        subject = put_subject(admin)
        with admin.transaction():
            imported(admin, subject)
            assert outcome(partial(purge, other)) == 0
        assert kept(admin) == [relation]
        assert purge(other) == 1
