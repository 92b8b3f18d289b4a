"""Bookings: every step by everybody, what it leaves behind, what is refused, and the lists of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from mentorbase import (
    ActorRequired,
    Booking,
    BookingStatus,
    ConstraintViolation,
    InvalidArgument,
    InvalidValue,
    Mentoring,
    NotFound,
    NotPermitted,
    Party,
    ReadOnly,
    ReferenceViolation,
    SubjectInactive,
    TransitionRefused,
)
from mentoring.booking import (
    ALLOWED,
    DAY,
    HOUR,
    SIDES,
    STATUSES,
    booking_hint,
    booking_steps,
    bookings,
    columns,
    imported,
    in_hours,
    put_booking,
    put_subject,
    shown,
)
from mentoring.lifecycle import (
    MENTEE,
    MENTOR,
    OUTSIDER,
    PERSON,
    SETTING,
    Row,
    acting,
    become,
    put,
    refused,
    unguarded,
)
from psycopg import sql

pytestmark = pytest.mark.usefixtures("people")

MADE = [(to, kind) for (from_status, to), kinds in ALLOWED.items() for kind in kinds if from_status is None]
TAKEN = [(from_status, to, kind) for (from_status, to), kinds in ALLOWED.items() for kind in kinds if from_status]
METHODS = {
    "confirmed": "confirm",
    "cancelled": "cancel_booking",
    "completed": "complete_booking",
    "no_show": "mark_no_show",
}
LATER = datetime(2099, 1, 1, tzinfo=UTC)
KEPT: list[tuple[str, str, object]] = [
    ("pending", "id", 99),
    ("pending", "subject_id", 99),
    ("pending", "mentor_id", OUTSIDER),
    ("pending", "user_id", OUTSIDER),
    ("pending", "relationship_id", 99),
    ("pending", "booked_date", datetime(2001, 1, 1, tzinfo=UTC)),
    ("pending", "ends_at", LATER),
    ("pending", "cancelled_by", MENTEE),
    ("pending", "cancelled_at", LATER),
    ("pending", "created_at", LATER),
    ("cancelled", "cancelled_by", MENTOR),
    ("cancelled", "cancelled_by", None),
    ("cancelled", "cancelled_at", LATER),
]
INCONSISTENT = [
    ("not_own_subject_check", "pending", "user_id = mentor_id"),
    ("booked_date_check", "pending", "booked_date = '1970-01-01 00:00+00', ends_at = '1970-01-01 01:00+00'"),
    ("booked_date_check", "pending", "booked_date = '9999-01-01 00:00+00', ends_at = '9999-01-01 01:00+00'"),
    ("booked_date_check", "pending", "booked_date = '-infinity', ends_at = '-infinity'"),
    ("ends_at_check", "pending", "ends_at = booked_date"),
    ("ends_at_check", "pending", "ends_at = booked_date + interval '24 hours 1 microsecond'"),
    ("cancelled_at_check", "cancelled", "cancelled_at = NULL"),
    ("cancelled_at_check", "completed", "cancelled_at = now()"),
    ("cancelled_by_check", "pending", "cancelled_by = 1"),
]


@pytest.fixture
def subject(admin: psycopg.Connection) -> int:
    return put_subject(admin)


def step_to(app: psycopg.Connection, booking: int, to_status: str, who: str, **arguments: Any) -> Booking:
    """Take a step through the DAO: people by actor_id, the others as the transaction's actor."""
    method: Callable[..., Booking] = getattr(Mentoring(app), METHODS[to_status])
    if who in {"mentor", "mentee", "outsider"}:
        return method(booking, actor_id=PERSON[who], **arguments)
    with acting(app, SETTING[who]):
        return method(booking, **arguments)


def assert_recorded(step: Row, row: Row, from_status: str | None, who: str, *, reason: str | None, login: str) -> None:
    """The history row tells the step."""
    assert step == {
        "id": step["id"],
        "booking_id": row["id"],
        "mentor_id": MENTOR,
        "user_id": MENTEE,
        "from_status": from_status,
        "to_status": row["status"],
        "actor_kind": who,
        "actor_id": PERSON[who],
        "db_login": login,
        "db_role": None,
        "reason": reason,
        "occurred_at": row["updated_at"],
    }


class TestSteps:
    def test_the_table_of_steps_is_what_was_written_out_by_hand(self, admin: psycopg.Connection) -> None:
        found = admin.execute(
            "SELECT from_status::text, to_status::text, array_agg(actor_kind::text ORDER BY actor_kind)"
            " FROM mentoring.subject_schedule_transitions GROUP BY from_status, to_status"
        ).fetchall()
        assert {(from_status, to): tuple(kinds) for from_status, to, kinds in found} == ALLOWED

    def test_the_statuses_are_those_of_the_database(self, admin: psycopg.Connection) -> None:
        [[found]] = admin.execute("SELECT enum_range(NULL::mentoring.booking_status)::text[]").fetchall()
        assert tuple(found) == STATUSES == tuple(BookingStatus)

    @pytest.mark.parametrize("who", [kind for to, kind in MADE if to == "pending"])
    def test_a_booking_is_made_pending(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, who: str
    ) -> None:
        relation = put(admin, "active")
        booked_date = in_hours(1)
        given: dict[str, Any] = {"booked_date": booked_date, "ends_at": booked_date + DAY, "reason": "to learn"}
        if who == "mentee":
            made = Mentoring(app).book(subject, MENTEE, actor_id=MENTEE, **given)
        else:
            with acting(app, SETTING[who]):
                made = Mentoring(app).book(subject, MENTEE, **given)
        [row], [step] = bookings(admin), booking_steps(admin)
        assert shown(made) == row
        assert row == {
            "id": made.id,
            "subject_id": subject,
            "mentor_id": MENTOR,
            "user_id": MENTEE,
            "relationship_id": relation,
            "status": "pending",
            "booked_date": booked_date,
            "ends_at": booked_date + DAY,
            "cancelled_by": None,
            "cancelled_at": None,
            "created_at": step["occurred_at"],
            "updated_at": step["occurred_at"],
        }
        assert_recorded(step, row, None, who, reason="to learn", login=app.info.user)

    @pytest.mark.parametrize("hours", [-48, 48])
    @pytest.mark.parametrize("status", [to for to, kind in MADE if kind == "system"])
    def test_the_system_imports_in_any_status_and_from_any_time(
        self, admin: psycopg.Connection, status: str, hours: int
    ) -> None:
        subject = put_subject(admin, is_active=False)
        booking = imported(admin, subject, status, booked_date=in_hours(hours))
        [row], [step] = bookings(admin), booking_steps(admin)
        assert (row["id"], row["status"], row["mentor_id"]) == (booking, status, MENTOR)
        assert row["cancelled_by"] is None
        assert row["cancelled_at"] == (row["created_at"] if status == "cancelled" else None)
        assert_recorded(step, row, None, "system", reason=None, login=admin.info.user)

    def test_an_import_keeps_who_cancelled_and_when(self, admin: psycopg.Connection, subject: int) -> None:
        at = in_hours(-30)
        imported(admin, subject, "cancelled", cancelled_by=MENTEE, cancelled_at=at)
        [row] = bookings(admin)
        assert (row["cancelled_by"], row["cancelled_at"]) == (MENTEE, at)

    @pytest.mark.parametrize("way", ["method", "update"])
    @pytest.mark.parametrize(("from_status", "to_status", "kind"), TAKEN)
    def test_a_step_of_the_table_stamps_and_leaves_one_history_row(
        self,
        admin: psycopg.Connection,
        app: psycopg.Connection,
        subject: int,
        from_status: str,
        to_status: str,
        kind: str,
        way: str,
    ) -> None:
        booking = put_booking(admin, subject, from_status)
        [before] = bookings(admin)
        reason = f"{kind} decides"
        if way == "method":
            taken = step_to(app, booking, to_status, kind, reason=reason)
            assert shown(taken) == bookings(admin)[0]
        else:
            become(app, SETTING[kind])
            app.execute("SELECT set_config('mentorbase.reason', %s, false)", [reason])
            app.execute("UPDATE mentoring.subject_schedule SET status = %s", [to_status])

        [after], [step] = bookings(admin), booking_steps(admin)
        assert_recorded(step, after, from_status, kind, reason=reason, login=app.info.user)
        assert step["occurred_at"] > before["updated_at"]
        cancelled = to_status == "cancelled"
        assert after == before | {
            "status": to_status,
            "updated_at": step["occurred_at"],
            "cancelled_by": PERSON[kind] if cancelled else None,
            "cancelled_at": step["occurred_at"] if cancelled else None,
        }

    def test_an_administrator_without_a_user_id_cancels_and_is_recorded(
        self, admin: psycopg.Connection, subject: int
    ) -> None:
        put_booking(admin, subject, "confirmed")
        admin.execute("UPDATE mentoring.subject_schedule SET status = 'cancelled'")
        [row], [step] = bookings(admin), booking_steps(admin)
        assert (row["cancelled_by"], row["cancelled_at"]) == (None, step["occurred_at"])
        assert (step["actor_kind"], step["actor_id"], step["db_login"]) == ("admin", None, admin.info.user)

    def test_a_deleted_booking_leaves_its_story(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        booking = imported(admin, subject, "confirmed")
        admin.execute("DELETE FROM mentoring.subject_schedule")
        story = Mentoring(app).booking_history(booking)
        assert [(step.from_status, step.to_status, step.actor_kind) for step in story] == [
            (None, "confirmed", Party.SYSTEM),
            ("confirmed", None, Party.ADMIN),
        ]

    def test_a_whole_life_tells_its_story(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        mentoring = Mentoring(app)
        booking = mentoring.book(
            subject, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=MENTEE, reason="exam"
        ).id
        mentoring.confirm(booking, actor_id=MENTOR)
        mentoring.cancel_booking(booking, actor_id=MENTEE, reason="ill")
        with acting(app, SETTING["admin"]):
            mentoring.confirm(booking, reason="a mistake")
        cancelled = mentoring.cancel_booking(booking, actor_id=MENTOR)
        assert cancelled.cancelled_by == MENTOR

        story = mentoring.booking_history(booking)
        assert [step.to_status for step in story] == ["pending", "confirmed", "cancelled", "confirmed", "cancelled"]
        assert [step.from_status for step in story] == [None, *(step.to_status for step in story[:-1])]
        assert [step.actor_kind for step in story] == [
            *(Party.MENTEE, Party.MENTOR, Party.MENTEE, Party.ADMIN, Party.MENTOR),
        ]
        assert [step.actor_id for step in story] == [MENTEE, MENTOR, MENTEE, PERSON["admin"], MENTOR]
        assert [step.reason for step in story] == ["exam", None, "ill", "a mistake", None]

    def test_a_call_leaves_the_transactions_actor_and_reason_as_they_were(
        self, app: psycopg.Connection, subject: int
    ) -> None:
        with acting(app, OUTSIDER):
            app.execute("SET LOCAL mentorbase.reason = 'mine'")
            booking = Mentoring(app).book(
                subject, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=MENTEE, reason="his"
            )
            Mentoring(app).confirm(booking.id, actor_id=MENTOR, reason="hers")
            [found] = app.execute(
                "SELECT current_setting('mentorbase.actor'), current_setting('mentorbase.reason')"
            ).fetchall()
        assert found == (str(OUTSIDER), "mine")


class TestRefusals:
    @pytest.mark.parametrize("way", ["function", "update"])
    @pytest.mark.parametrize("from_status", STATUSES)
    def test_every_step_outside_the_table_is_refused_to_everybody_and_changes_nothing(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, from_status: str, way: str
    ) -> None:
        booking = put_booking(admin, subject, from_status)
        before = bookings(admin)
        attempts = 0
        for who in SIDES:
            become(app, "" if way == "function" and PERSON[who] and who != "admin" else SETTING[who])
            for to_status in STATUSES:
                allowed = ALLOWED.get((from_status, to_status))
                if who in (allowed or ()) or (way == "update" and to_status == from_status):
                    continue
                attempts += 1
                with refused(NotPermitted if allowed else TransitionRefused) as caught:
                    if way == "function":
                        person = None if who in {"admin", "system"} else PERSON[who]
                        app.execute("SELECT FROM mentoring.change_booking(%s, %s, %s)", [booking, to_status, person])
                    else:
                        app.execute("UPDATE mentoring.subject_schedule SET status = %s", [to_status])
                assert caught.value.hint == booking_hint(from_status)
                assert caught.value.values["booking_id"] == str(booking)
                assert caught.value.values.get("actor_is") == (who if allowed else None)
        assert (bookings(admin), booking_steps(admin)) == (before, [])
        steps_from_here = sum(len(kinds) for (start, _), kinds in ALLOWED.items() if start == from_status)
        assert attempts == len(SIDES) * (len(STATUSES) - (way == "update")) - steps_from_here

    @pytest.mark.parametrize("who", SIDES)
    def test_every_beginning_outside_the_table_is_refused(
        self, admin: psycopg.Connection, subject: int, who: str
    ) -> None:
        refusals = [status for status in STATUSES if who not in ALLOWED[None, status]]
        assert len(refusals) == {"mentor": 5, "outsider": 5, "mentee": 4, "admin": 4, "system": 0}[who]
        for status in refusals:
            with acting(admin, SETTING[who]), refused(NotPermitted) as caught:
                admin.execute(
                    "INSERT INTO mentoring.subject_schedule (subject_id, user_id, status, booked_date, ends_at)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    [subject, MENTEE, status, in_hours(1), in_hours(2)],
                )
            assert caught.value.values == {"subject_id": str(subject), "actor_is": who}
            assert caught.value.hint == booking_hint(None)
        assert (bookings(admin), booking_steps(admin)) == ([], [])

    @pytest.mark.parametrize("who", ["mentor", "outsider"])
    def test_nobody_books_for_another_person(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, who: str
    ) -> None:
        with refused(NotPermitted) as caught:
            Mentoring(app).book(subject, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=PERSON[who])
        assert caught.value.values == {"subject_id": str(subject), "actor_is": who}
        assert (bookings(admin), booking_steps(admin)) == ([], [])

    def test_an_application_says_who_acts(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        booking = put_booking(admin, subject, "confirmed")
        before = bookings(admin)
        with refused(ActorRequired):
            Mentoring(app).book(subject, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2))
        for method in ("cancel_booking", "complete_booking", "mark_no_show"):
            with refused(ActorRequired):
                getattr(Mentoring(app), method)(booking)
        with refused(ActorRequired):
            app.execute("UPDATE mentoring.subject_schedule SET status = 'cancelled'")
        assert (bookings(admin), booking_steps(admin)) == (before, [])

    @pytest.mark.parametrize("method", [*METHODS.values(), "booking"])
    def test_a_booking_that_is_not_there_is_not_found(self, app: psycopg.Connection, method: str) -> None:
        with refused(NotFound):
            getattr(Mentoring(app), method)(4711, **({} if method == "booking" else {"actor_id": MENTOR}))

    def test_a_step_leads_somewhere(self, admin: psycopg.Connection, app: psycopg.Connection, subject: int) -> None:
        booking = put_booking(admin, subject)
        before = bookings(admin)
        with refused(TransitionRefused):
            app.execute("SELECT FROM mentoring.change_booking(%s, NULL, %s)", [booking, MENTOR])
        assert (bookings(admin), booking_steps(admin)) == (before, [])

    @pytest.mark.parametrize("who", ["mentor", "outsider"])
    def test_writing_the_present_status_by_hand_is_no_step(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, who: str
    ) -> None:
        put_booking(admin, subject)
        before = bookings(admin)
        become(app, SETTING[who])
        app.execute("UPDATE mentoring.subject_schedule SET status = status")
        assert (bookings(admin), booking_steps(admin)) == (before, [])

    @pytest.mark.parametrize("way", ["method", "update"])
    @pytest.mark.parametrize(
        ("from_status", "to_status", "who"), [step for step in TAKEN if step[1] in {"completed", "no_show"}]
    )
    @pytest.mark.parametrize(("begins", "ends"), [(1, 2), (-1, 1)], ids=["before it begins", "while it lasts"])
    def test_an_outcome_waits_for_its_time(
        self,
        admin: psycopg.Connection,
        app: psycopg.Connection,
        subject: int,
        from_status: str,
        to_status: str,
        who: str,
        begins: int,
        ends: int,
        way: str,
    ) -> None:
        booking = put_booking(admin, subject, from_status, booked_date=in_hours(begins), ends_at=in_hours(ends))
        [before] = bookings(admin)
        due_at = before["ends_at" if to_status == "completed" else "booked_date"]

        def take() -> None:
            if way == "method":
                step_to(app, booking, to_status, who)
            else:
                become(app, SETTING[who])
                app.execute("UPDATE mentoring.subject_schedule SET status = %s", [to_status])

        if due_at < datetime.now(UTC):
            take()
            assert bookings(admin)[0]["status"] == to_status
            return
        with refused(TransitionRefused) as caught:
            take()
        assert caught.value.values == {
            "booking_id": str(booking),
            "due_at": due_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        assert caught.value.message == f"the session cannot be {to_status} yet"
        assert (bookings(admin), booking_steps(admin)) == ([before], [])

    @pytest.mark.parametrize("to_status", ["completed", "no_show"])
    def test_an_outcome_is_due_at_the_very_microsecond(
        self, admin: psycopg.Connection, subject: int, to_status: str
    ) -> None:
        booking = put_booking(admin, subject, "confirmed")
        moved = "booked_date = {0} - interval '1 hour', ends_at = {0}"
        if to_status == "no_show":
            moved = "booked_date = {0}, ends_at = {0} + interval '1 hour'"
        with acting(admin, MENTOR):
            for moment, early in (("now() + interval '1 microsecond'", True), ("now()", False)):
                admin.execute("SET LOCAL session_replication_role = replica")
                admin.execute("UPDATE mentoring.subject_schedule SET " + moved.format(moment))
                admin.execute("SET LOCAL session_replication_role = origin")
                if early:
                    with refused(TransitionRefused), admin.transaction():
                        getattr(Mentoring(admin), METHODS[to_status])(booking)
                else:
                    assert getattr(Mentoring(admin), METHODS[to_status])(booking).status == to_status

    @pytest.mark.parametrize("who", ["mentee", "admin"])
    def test_a_session_is_booked_before_it_begins(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, who: str
    ) -> None:
        with acting(app, SETTING[who]):
            [[now]] = app.execute("SELECT now()").fetchall()
            for booked_date in (now, now - timedelta(microseconds=1), now - 400 * DAY):
                with refused(InvalidArgument) as caught, app.transaction():
                    Mentoring(app).book(subject, MENTEE, booked_date=booked_date, ends_at=booked_date + HOUR)
                assert caught.value.values == {"subject_id": str(subject)}
                assert caught.value.__cause__ is not None, "refused by the database"
            Mentoring(app).book(subject, MENTEE, booked_date=now + timedelta(microseconds=1), ends_at=now + HOUR)
        assert len(bookings(admin)) == 1

    @pytest.mark.parametrize("who", ["mentee", "admin"])
    def test_a_subject_that_is_not_active_cannot_be_booked(
        self, admin: psycopg.Connection, app: psycopg.Connection, who: str
    ) -> None:
        subject = put_subject(admin, is_active=False)
        with acting(app, SETTING[who]), refused(SubjectInactive, "MB107") as caught:
            Mentoring(app).book(subject, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2))
        assert caught.value.values == {"subject_id": str(subject)}
        assert bookings(admin) == []

    def test_bookings_made_before_a_subject_became_inactive_go_on(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        booking = put_booking(admin, subject)
        with acting(app, MENTOR):
            Mentoring(app).change_subject(subject, title="Algebra", is_active=False)
            Mentoring(app).confirm(booking)
            assert Mentoring(app).complete_booking(booking).status == "completed"

    def test_a_subject_that_is_not_there_is_not_found(self, app: psycopg.Connection) -> None:
        with refused(NotFound) as caught:
            Mentoring(app).book(4711, MENTEE, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=MENTEE)
        assert caught.value.values == {"subject_id": "4711"}

    def test_a_mentee_that_is_no_user_books_nothing(self, app: psycopg.Connection, subject: int) -> None:
        with refused(ReferenceViolation, constraint="subject_schedule_user_id_fkey"):
            Mentoring(app).book(subject, 4711, booked_date=in_hours(1), ends_at=in_hours(2), actor_id=4711)

    @pytest.mark.parametrize("who", ["mentor", "admin", "system"])
    def test_nobody_books_their_own_subject(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, who: str
    ) -> None:
        with (
            acting(app, SETTING[who]),
            refused(InvalidValue, constraint="subject_schedule_not_own_subject_check"),
        ):
            Mentoring(app).book(subject, MENTOR, booked_date=in_hours(1), ends_at=in_hours(2))
        assert (bookings(admin), booking_steps(admin)) == ([], [])

    @pytest.mark.parametrize("length", [timedelta(0), -HOUR, DAY + timedelta(microseconds=1)])
    def test_a_session_ends_after_it_begins_and_within_a_day(
        self, app: psycopg.Connection, subject: int, length: timedelta
    ) -> None:
        booked_date = in_hours(1)
        with refused(InvalidValue, constraint="subject_schedule_ends_at_check"):
            Mentoring(app).book(subject, MENTEE, booked_date=booked_date, ends_at=booked_date + length, actor_id=MENTEE)

    def test_a_session_begins_before_the_year_9999(self, app: psycopg.Connection, subject: int) -> None:
        booked_date = datetime(9999, 1, 1, tzinfo=UTC)
        with refused(InvalidValue, constraint="subject_schedule_booked_date_check"):
            Mentoring(app).book(subject, MENTEE, booked_date=booked_date, ends_at=booked_date + HOUR, actor_id=MENTEE)

    @pytest.mark.parametrize(
        "value",
        [datetime(2099, 1, 1), datetime(2099, 1, 1, tzinfo=UTC).date()],  # noqa: DTZ001
    )
    def test_a_time_without_a_zone_is_refused(self, app: psycopg.Connection, subject: int, value: Any) -> None:
        with refused(InvalidArgument) as caught:
            Mentoring(app).book(subject, MENTEE, booked_date=value, ends_at=LATER, actor_id=MENTEE)
        assert caught.value.values == {"argument": "booked_date"}

    def test_a_reason_has_at_most_500_characters(self, app: psycopg.Connection, admin: psycopg.Connection) -> None:
        booking = put_booking(admin, put_subject(admin))
        become(app, MENTOR)
        app.execute("SELECT set_config('mentorbase.reason', %s, false)", ["x" * 501])
        with refused(InvalidValue, constraint="subject_schedule_history_reason_check"):
            app.execute("UPDATE mentoring.subject_schedule SET status = 'confirmed'")
        with refused(InvalidArgument):
            Mentoring(app).confirm(booking, reason="x" * 501)
        assert Mentoring(app).confirm(booking, reason="x" * 500).status == "confirmed"


class TestByHand:
    def test_the_application_changes_status_and_no_other_column(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        put_booking(admin, subject)
        before = bookings(admin)
        become(app, MENTOR)
        for column in columns(admin, "subject_schedule") - {"status"}:
            with refused(NotPermitted, "42501"):
                app.execute(
                    sql.SQL("UPDATE mentoring.subject_schedule SET {} = DEFAULT").format(sql.Identifier(column))
                )
        assert (bookings(admin), booking_steps(admin)) == (before, [])
        app.execute("UPDATE mentoring.subject_schedule SET status = 'confirmed'")
        [after] = bookings(admin)
        assert {name for name in after if after[name] != before[0][name]} == {"status", "updated_at"}

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO mentoring.subject_schedule (subject_id, user_id, booked_date, ends_at)"
            " VALUES (1, 2, '2099-01-01', '2099-01-01 01:00')",
            "DELETE FROM mentoring.subject_schedule",
            "TRUNCATE mentoring.subject_schedule",
            "INSERT INTO mentoring.subject_schedule_history (booking_id, mentor_id, user_id, actor_kind, db_login)"
            " VALUES (1, 1, 2, 'mentor', 'x')",
            "UPDATE mentoring.subject_schedule_history SET reason = ''",
            "DELETE FROM mentoring.subject_schedule_history",
            "TRUNCATE mentoring.subject_schedule_history",
            "INSERT INTO mentoring.subject_schedule_transitions (from_status, to_status, actor_kind)"
            " VALUES ('completed', 'pending', 'mentor')",
            "UPDATE mentoring.subject_schedule_transitions SET actor_kind = 'mentor'",
            "DELETE FROM mentoring.subject_schedule_transitions",
            "SELECT mentoring.relationship_of(1, 2)",
            "ALTER TABLE mentoring.subject_schedule DISABLE TRIGGER ALL",
        ],
    )
    def test_the_application_may_not(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int, statement: str
    ) -> None:
        put_booking(admin, subject)
        before = bookings(admin)
        become(app, MENTEE)
        with refused(NotPermitted, "42501"):
            app.execute(statement)
        assert (bookings(admin), booking_steps(admin)) == (before, [])

    @pytest.mark.parametrize("role", ["mentorbase_owner", "postgres"])
    @pytest.mark.parametrize(("status", "column", "value"), KEPT)
    def test_nobody_changes_what_the_database_keeps(
        self, admin: psycopg.Connection, subject: int, role: str, status: str, column: str, value: object
    ) -> None:
        booking = put_booking(admin, subject, status, relationship_id=put(admin, "active"))
        before = bookings(admin)
        admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        with refused(ReadOnly) as caught:
            admin.execute(
                sql.SQL("UPDATE mentoring.subject_schedule SET {} = %s").format(sql.Identifier(column)), [value]
            )
        assert caught.value.values == {"booking_id": str(booking)}
        assert (bookings(admin), booking_steps(admin)) == (before, [])

    def test_every_column_is_kept_or_changeable(self, admin: psycopg.Connection) -> None:
        decided = {column for _, column, _ in KEPT} | {"status", "updated_at"}
        assert columns(admin, "subject_schedule") == decided, "decide of each: KEPT by the guard, or changeable"

    def test_nobody_sets_updated_at(self, admin: psycopg.Connection, subject: int) -> None:
        put_booking(admin, subject)
        admin.execute("SET ROLE mentorbase_owner")
        admin.execute("UPDATE mentoring.subject_schedule SET updated_at = %s", [LATER])
        assert bookings(admin)[0]["updated_at"] < LATER

    @pytest.mark.parametrize("role", ["mentorbase_owner", "postgres"])
    def test_bookings_cannot_be_truncated_nor_their_history_changed(
        self, admin: psycopg.Connection, subject: int, role: str
    ) -> None:
        imported(admin, subject)
        before = bookings(admin), booking_steps(admin)
        admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for statement in (
            "TRUNCATE mentoring.subject_schedule",
            "TRUNCATE mentoring.subjects CASCADE",
            "TRUNCATE mentoring.subject_schedule_history",
            "UPDATE mentoring.subject_schedule_history SET reason = 'another'",
            "UPDATE mentoring.subject_schedule_history SET reason = 'another' WHERE false",
            "DELETE FROM mentoring.subject_schedule_history",
            "DELETE FROM mentoring.subject_schedule_history WHERE false",
        ):
            with refused(ReadOnly):
                admin.execute(statement)
        assert (bookings(admin), booking_steps(admin)) == before

    @pytest.mark.parametrize(("constraint", "status", "change"), INCONSISTENT)
    def test_the_columns_agree_whatever_the_guards_let_through(
        self, admin: psycopg.Connection, subject: int, constraint: str, status: str, change: str
    ) -> None:
        put_booking(admin, subject, status)
        with (
            refused(InvalidValue, constraint=f"subject_schedule_{constraint}"),
            unguarded(admin),
        ):
            admin.execute(f"UPDATE mentoring.subject_schedule SET {change}")

    def test_every_check_of_bookings_is_tested(self, admin: psycopg.Connection) -> None:
        found = admin.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'mentoring.subject_schedule'::regclass"
            " AND contype = 'c'"
        ).fetchall()
        assert {name for (name,) in found} == {f"subject_schedule_{name}" for name, _, _ in INCONSISTENT}

    @pytest.mark.parametrize(
        ("given", "constraint"),
        [
            ({"mentor_id": OUTSIDER}, "subject_schedule_subject_id_fkey"),
            ({"relationship_id": 4711}, "subject_schedule_relationship_id_fkey"),
            ({"relationship_id": 1}, "subject_schedule_relationship_id_fkey"),
        ],
        ids=["another mentor", "no relation", "another pair's relation"],
    )
    def test_an_import_names_the_subjects_mentor_and_the_pairs_own_relation(
        self, admin: psycopg.Connection, subject: int, given: dict[str, Any], constraint: str
    ) -> None:
        put(admin, "active", mentee=OUTSIDER, id=1)
        with refused(ReferenceViolation, constraint=constraint):
            imported(admin, subject, **given)
        assert (bookings(admin), booking_steps(admin)) == ([], [])

    def test_a_step_of_many_bookings_leaves_a_row_each_or_nothing_at_all(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        made = [put_booking(admin, subject, mentee=mentee) for mentee in (5, 6, 7)]
        become(app, MENTOR)
        app.execute("UPDATE mentoring.subject_schedule SET status = 'confirmed'")
        assert [step["booking_id"] for step in booking_steps(admin)] == made
        put_booking(admin, subject)
        before = bookings(admin), booking_steps(admin)
        with refused(TransitionRefused):
            app.execute("UPDATE mentoring.subject_schedule SET status = 'completed'")
        assert (bookings(admin), booking_steps(admin)) == before

    def test_no_violation_shows_whose_booking_it_is(self, app: psycopg.Connection, subject: int) -> None:
        with pytest.raises(ConstraintViolation) as caught:
            Mentoring(app).book(subject, MENTEE, booked_date=LATER, ends_at=LATER, actor_id=MENTEE)
        assert "2099" not in str(caught.value) + str(caught.value.__cause__)


class TestLists:
    @pytest.fixture
    def crowd(self, admin: psycopg.Connection) -> datetime:
        """Sixty bookings of person 1 as a mentor and as many as a mentee, five at a time, and some of others."""
        monday = datetime(2030, 1, 7, 9, tzinfo=UTC)
        mine, other, third = put_subject(admin, 1), put_subject(admin, 2), put_subject(admin, 3)
        for i in range(60):
            at = monday + (i * 7 % 12) * HOUR
            put_booking(admin, mine, STATUSES[i % 4] if i % 4 != 3 else "pending", mentee=5 + i % 3, booked_date=at)
            put_booking(admin, other, "confirmed", mentee=1, booked_date=at)
            put_booking(admin, third, "confirmed", mentee=5, booked_date=at)
        return monday

    @pytest.mark.parametrize(("name", "column"), [("mentor_bookings", "mentor_id"), ("mentee_bookings", "user_id")])
    @pytest.mark.parametrize("page_size", [1, 4, 5, 7, 60])
    def test_pages_show_each_booking_once_in_order_also_where_many_begin_together(
        self,
        admin: psycopg.Connection,
        app: psycopg.Connection,
        crowd: datetime,
        name: str,
        column: str,
        page_size: int,
    ) -> None:
        method = getattr(Mentoring(app), name)
        found: list[Booking] = []
        page = method(1, page_size=page_size)
        while page:
            assert len(page) <= page_size
            found += page
            page = method(1, from_date=page[-1].booked_date, after_id=page[-1].id, page_size=page_size)
        expected = [row for row in bookings(admin) if row[column] == 1]
        expected.sort(key=lambda row: (row["booked_date"], row["id"]))
        assert [shown(booking) for booking in found] == expected
        assert len(found) == 60
        assert len({booking.booked_date for booking in found}) == 12
        assert isinstance(found[0].status, BookingStatus)

    @pytest.mark.parametrize("name", ["mentor_bookings", "mentee_bookings"])
    def test_a_list_runs_from_an_instant_on_and_before_another(
        self, app: psycopg.Connection, crowd: datetime, name: str
    ) -> None:
        method = getattr(Mentoring(app), name)
        found = method(1, from_date=crowd + 2 * HOUR, until=crowd + 4 * HOUR)
        assert {booking.booked_date for booking in found} == {crowd + 2 * HOUR, crowd + 3 * HOUR}
        assert len(found) == 10
        assert method(1, from_date=crowd + 4 * HOUR, until=crowd + 4 * HOUR) == []
        assert len(method(1, until=crowd + timedelta(microseconds=1))) == 5
        assert method(4711) == []
        assert len(method(1)) == 50
        for page_size in (0, 501):
            with refused(InvalidArgument):
                method(1, page_size=page_size)

    def test_a_booking_is_read_alone(self, admin: psycopg.Connection, app: psycopg.Connection, subject: int) -> None:
        booking = put_booking(admin, subject, "cancelled")
        assert shown(Mentoring(app).booking(booking)) == bookings(admin)[0]

    def test_history_is_paged_oldest_first_and_shows_each_step_once(
        self, admin: psycopg.Connection, app: psycopg.Connection, subject: int
    ) -> None:
        mentoring = Mentoring(app)
        one, other = put_booking(admin, subject, "confirmed"), put_booking(admin, subject, "confirmed")
        with acting(app, SETTING["admin"]):
            for _ in range(12):
                for booking in (one, other):
                    mentoring.cancel_booking(booking)
                    mentoring.confirm(booking)
        found, after_id = [], 0
        while page := mentoring.booking_history(one, after_id=after_id, page_size=7):
            found += page
            after_id = page[-1].id
        assert [step.to_status for step in found] == ["cancelled", "confirmed"] * 12
        assert [step.id for step in found] == sorted({step.id for step in found})
        assert {step.booking_id for step in found} == {one}
        expected = [row for row in booking_steps(admin) if row["booking_id"] == one]
        assert [shown(step) for step in found] == [
            {name: value for name, value in row.items() if name not in {"db_login", "db_role"}} for row in expected
        ]
        assert mentoring.booking_history(4711) == []


def test_bookings_stay_when_their_relation_is_deleted(
    admin: psycopg.Connection, app: psycopg.Connection, subject: int
) -> None:
    relation, other = put(admin, "active"), put(admin, "active", mentee=5)
    imported(admin, subject, "confirmed")
    imported(admin, subject, "confirmed", mentee=5)
    before = bookings(admin)
    assert [row["relationship_id"] for row in before] == [relation, other]

    with acting(admin, SETTING["admin"]):
        admin.execute("DELETE FROM mentoring.mentor_mentee WHERE id = %s", [relation])

    after = bookings(admin)
    assert after == [
        before[0] | {"relationship_id": None, "updated_at": after[0]["updated_at"]},
        before[1],
    ]
    assert len(booking_steps(admin)) == 2
