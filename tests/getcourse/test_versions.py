"""Versions with a time: they do not overlap, do not gap where they are revised, and history stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    AlreadyExists,
    InvalidValue,
    NotFound,
    Overlap,
    ReadOnly,
    ReferenceViolation,
)
from mentoring.lifecycle import refused
from mentoring.racing import at_once

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


def day(number: int) -> datetime:
    return JANUARY + timedelta(days=number)


@pytest.fixture
def tx(db):
    with db.transaction(actor=SYSTEM) as transaction:
        yield transaction


@pytest.fixture
def mentor(db):
    with db.transaction(actor=SYSTEM) as tx:
        return tx.getcourse.add_mentor("anna@example.org", telegram_id=7, valid_from=JANUARY)


def test_a_version_is_revised_without_gap_or_overlap(tx, mentor):
    revised = tx.getcourse.revise_mentor(mentor.id, "Anna@example.org", first_name="Anna", telegram_id=8)
    first, second = tx.getcourse.mentor_versions(mentor.id)
    assert (first.valid_from, first.valid_to, first.telegram_id) == (JANUARY, revised.valid_from, 7)
    assert (second, second.valid_to, second.is_open) == (revised, FOREVER, True)
    assert tx.getcourse.mentor(mentor.id) == revised
    assert tx.getcourse.mentor(mentor.id, as_of=JANUARY) == first
    assert tx.getcourse.mentor_by_email("ANNA@EXAMPLE.ORG") == revised


def test_a_revision_may_hold_from_an_earlier_time_and_leaves_what_comes_later(tx, mentor):
    tx.getcourse.revise_mentor(mentor.id, "anna@example.org", first_name="Later", valid_from=day(20))
    tx.getcourse.revise_mentor(mentor.id, "anna@example.org", first_name="Between", valid_from=day(10))
    assert [(v.first_name, v.valid_from, v.valid_to) for v in tx.getcourse.mentor_versions(mentor.id)] == [
        (None, JANUARY, day(10)),
        ("Between", day(10), day(20)),
        ("Later", day(20), FOREVER),
    ]


def test_who_is_closed_may_come_back(tx, mentor):
    assert tx.getcourse.close_mentor(mentor.id, valid_to=day(10)).valid_to == day(10)
    with refused(NotFound, "MB004"), tx.savepoint():
        tx.getcourse.revise_mentor(mentor.id, "anna@example.org", valid_from=day(11))
    with refused(NotFound, "MB004"), tx.savepoint():
        tx.getcourse.close_mentor(mentor.id, valid_to=day(10))
    back = tx.getcourse.add_mentor("ANNA@example.org", valid_from=day(30))
    assert back.id == mentor.id
    assert tx.getcourse.mentors(as_of=day(20)) == []
    assert [v.id for v in tx.getcourse.mentors(as_of=day(30))] == [mentor.id]


def test_versions_of_one_do_not_overlap_and_those_of_two_do(tx, mentor):
    with refused(Overlap, "23P01", constraint="mentors_id_period_excl"), tx.savepoint():
        tx.getcourse.add_mentor("anna@example.org", valid_from=day(-1))
    assert tx.getcourse.add_mentor("boris@example.org", valid_from=day(-1)).id != mentor.id


def test_a_student_has_one_mentor_a_training_at_a_time(tx, mentor):
    other = tx.getcourse.add_mentor("other@example.org", valid_from=JANUARY)
    student = tx.getcourse.add_student("boris@example.org", getcourse_user_id="77", valid_from=JANUARY)
    for training in ("algebra", "physics"):
        tx.getcourse.add_training(training, training.title(), valid_from=JANUARY)
        tx.getcourse.add_mapping(student.id, mentor.id, training, valid_from=JANUARY)
    with refused(Overlap, "23P01", constraint="mapping_id_period_excl"), tx.savepoint():
        tx.getcourse.add_mapping(student.id, other.id, "algebra", valid_from=day(3))
    found = tx.getcourse.mapping_for("Boris@example.org", "algebra")
    tx.getcourse.revise_mapping(found.id, other.id, valid_from=day(10))
    assert tx.getcourse.mapping_for("boris@example.org", "algebra").mentor_id == other.id
    assert tx.getcourse.mapping_for("boris@example.org", "algebra", as_of=day(9)).mentor_id == mentor.id
    assert [m.training_id for m in tx.getcourse.mentor_mappings(mentor.id)] == ["physics"]
    assert [m.training_id for m in tx.getcourse.student_mappings(student.id)] == ["algebra", "physics"]
    assert [m.mentor_id for m in tx.getcourse.training_mappings("algebra")] == [other.id]
    tx.getcourse.close_mentor(other.id)
    assert tx.getcourse.mapping_for("boris@example.org", "algebra") is None
    with refused(ReferenceViolation, "23503", constraint="mapping_ids_training_id_fkey"), tx.savepoint():
        tx.getcourse.add_mapping(student.id, mentor.id, "chemistry")


def test_trainings_and_lessons_are_found_by_their_own_names(tx):
    tx.getcourse.add_training("algebra", "Algebra", valid_from=JANUARY)
    tx.getcourse.revise_training("algebra", "Algebra 1", is_active=False, valid_from=day(5))
    tx.getcourse.add_lesson("sets", "algebra", "Sets", position=1, valid_from=JANUARY)
    tx.getcourse.revise_lesson("sets", "algebra", "Sets and maps", position=2, valid_from=day(5))
    assert [t.title for t in tx.getcourse.trainings(as_of=day(4))] == ["Algebra"]
    assert tx.getcourse.training("algebra").is_active is False
    assert [(lesson.title, lesson.position) for lesson in tx.getcourse.lessons("algebra")] == [("Sets and maps", 2)]
    assert [v.title for v in tx.getcourse.lesson_versions("sets")] == ["Sets", "Sets and maps"]
    assert tx.getcourse.close_lesson("sets", valid_to=day(9)).is_open is False
    assert tx.getcourse.close_training("algebra", valid_to=day(9)).is_open is False
    assert (tx.getcourse.lessons("algebra"), tx.getcourse.trainings()) == ([], [])


def test_the_identity_follows_the_latest_address(tx, mentor, admin):
    tx.getcourse.revise_mentor(mentor.id, "new@example.org", valid_from=day(10))
    assert tx.getcourse.mentor_by_email("new@example.org").id == mentor.id
    assert tx.getcourse.mentor_by_email("anna@example.org") is None
    other = tx.getcourse.add_mentor("anna@example.org")
    assert other.id != mentor.id
    with refused(AlreadyExists, "23505", constraint="mentor_ids_email_key"), tx.savepoint():
        tx.getcourse.revise_mentor(other.id, "NEW@example.org")


def test_an_id_that_was_given_is_not_given_again(admin):
    admin.execute("INSERT INTO getcourse.mentors (id, email) VALUES (5, 'a@example.org')")
    admin.execute("INSERT INTO getcourse.mentors (email) SELECT i || '@example.org' FROM generate_series(1, 6) AS i")
    ids = [i for (i,) in admin.execute("SELECT id FROM getcourse.mentors ORDER BY id")]
    assert ids == [5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("end", ["9999-12-31", "infinity", "9999-12-31 23:59:59", "9999-12-30 14:00"])
def test_an_end_in_the_last_days_is_open_in_every_zone(admin, zone, end):
    admin.execute(f"SET timezone = '{zone}'")
    admin.execute("INSERT INTO getcourse.mentors (email, valid_to) VALUES ('a@example.org', %s)", [end])
    found = admin.execute("SELECT valid_to = '9999-12-31 00:00+00', is_open FROM getcourse.mentors").fetchone()
    assert found == (True, True)


def test_a_version_that_has_ended_is_history(admin, db, mentor):
    with db.transaction(actor=SYSTEM) as tx:
        tx.getcourse.revise_mentor(mentor.id, "anna@example.org", first_name="Anna", valid_from=day(10))
    with refused(ReadOnly, "MB006") as caught:
        admin.execute("UPDATE getcourse.mentors SET first_name = 'X' WHERE id = %s", [mentor.id])
    assert caught.value.values["changed"] == "first_name"
    done = admin.execute("UPDATE getcourse.mentors SET valid_to = %s WHERE id = %s", [day(20), mentor.id])
    assert done.rowcount == 1
    assert [v.valid_to for v in db.getcourse.mentor_versions(mentor.id)] == [day(10), day(20)]


@pytest.mark.parametrize("column", ["id", "version_id"])
def test_whom_a_version_is_of_does_not_change(admin, mentor, column):
    with refused(ReadOnly, "MB006"):
        admin.execute(f"UPDATE getcourse.mentors SET {column} = 99")


def test_an_open_version_may_be_corrected_in_place(admin, mentor):
    admin.execute("UPDATE getcourse.mentors SET email = 'right@example.org' WHERE is_open")
    assert admin.execute("SELECT email FROM getcourse.mentor_ids").fetchall() == [("right@example.org",)]
    assert admin.execute("SELECT count(*) FROM getcourse.mentors").fetchone() == (1,)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("valid_to = valid_from - interval '1 second'", "mentors_valid_to_check"),
        ("valid_from = '-infinity'", "mentors_valid_from_check"),
        ("email = 'nobody'", "mentors_email_check"),
        ("telegram_id = 0", "mentors_telegram_id_check"),
        ("first_name = ' '", "mentors_first_name_check"),
    ],
)
def test_a_value_outside_is_refused(admin, mentor, change, constraint):
    with refused(InvalidValue, "23514", constraint=constraint):
        admin.execute(f"UPDATE getcourse.mentors SET {change}")


def test_eight_revisions_at_once_leave_a_chain(db, mentor):
    def revise(number: int) -> None:
        with db.transaction(actor=Actor.admin(number)) as tx:
            tx.getcourse.revise_mentor(mentor.id, "anna@example.org", first_name=f"Anna {number}")

    assert at_once([lambda n=n: revise(n) for n in range(1, 9)]) == [None] * 8
    versions = db.getcourse.mentor_versions(mentor.id)
    assert len(versions) == 9
    assert [v.valid_to for v in versions[:-1]] == [v.valid_from for v in versions[1:]]
    assert versions[-1].is_open


def test_eight_new_ones_with_one_address_at_once_are_one_mentor(db):
    def add() -> int:
        with db.transaction(actor=SYSTEM) as tx:
            return tx.getcourse.add_mentor("anna@example.org", valid_from=JANUARY).id

    found = at_once([add] * 8)
    assert sorted(type(answer).__name__ for answer in found) == ["Overlap"] * 7 + ["int"]


def test_nobody_writes_reference_data_without_saying_who_acts(db, app):
    with refused(ActorRequired, "MB001"):
        db.getcourse.add_mentor("anna@example.org")
    with refused(ActorRequired, "MB001"):
        app.execute("UPDATE getcourse.mentors SET valid_to = now()")


def test_changes_are_on_record_without_names_and_addresses(db, mentor, admin):
    db.getcourse.revise_mentor(mentor.id, "anna@example.org", first_name="Anna", telegram_id=9, actor_id=50)
    log = admin.execute(
        "SELECT operation::text, actor_kind::text, actor_id, new_values, secret_columns FROM getcourse.audit_log"
        " WHERE table_name = 'mentors' ORDER BY id"
    ).fetchall()
    assert [row[:3] for row in log] == [("insert", "system", None), ("update", "user", 50), ("insert", "user", 50)]
    assert log[2][3]["telegram_id"] == 9
    assert log[2][4] == ["email", "first_name"]
    assert "Anna" not in str(log)
    assert "anna@" not in str(log)


def test_whoever_asks_as_of_a_time_reaches_the_index(admin):
    admin.execute("SET mentorbase.actor = 'system'")
    admin.execute("INSERT INTO getcourse.mentors (email) SELECT i || '@example.org' FROM generate_series(1, 2000) AS i")
    admin.execute("ANALYZE getcourse.mentors")
    for where in ("id = 7", "email = '7@example.org'"):
        plan = admin.execute(f"EXPLAIN SELECT * FROM getcourse.mentors_as_of('2026-02-03') WHERE {where}").fetchall()
        text = "\n".join(line for (line,) in plan)
        assert "Index" in text
        assert "Function Scan" not in text


# -- Any history, in any zone

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kathmandu"]
TABLES = {
    "trainings": (
        "INSERT INTO getcourse.trainings (training_id, title, valid_from, valid_to) VALUES ('x', %s, %s, %s)",
        "SELECT getcourse.revise_training('x', %s, valid_from => %s)",
        "SELECT getcourse.close_training('x', %s)",
        "title",
    ),
    "mentors": (
        "INSERT INTO getcourse.mentors (email, first_name, valid_from, valid_to) VALUES ('X@example.org', %s, %s, %s)",
        "SELECT getcourse.revise_mentor((SELECT k.id FROM getcourse.mentor_ids AS k), 'x@example.org', %s,"
        " valid_from => %s)",
        "SELECT getcourse.close_mentor((SELECT k.id FROM getcourse.mentor_ids AS k), %s)",
        "first_name",
    ),
}
days = st.integers(0, 12)
operations = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert open", "revise", "close", "update"]), days, days, st.sampled_from(ZONES)
    ),
    max_size=12,
)


class Model:
    """What the table should hold: versions that are not empty, as [from, to) with a value."""

    def __init__(self) -> None:
        self.versions: list[tuple[datetime, datetime, str]] = []

    def at(self, moment: datetime) -> tuple[datetime, datetime, str] | None:
        found = [v for v in self.versions if v[0] <= moment < v[1]]
        assert len(found) <= 1
        return found[0] if found else None

    def put(self, begin: datetime, end: datetime, value: str) -> None:
        if begin < end:
            self.versions.append((begin, end, value))

    def insert(self, begin: datetime, end: datetime, value: str) -> str | None:
        if end < begin:
            return "23514"
        if any(begin < v[1] and v[0] < end for v in self.versions) and begin < end:
            return "23P01"
        self.put(begin, end, value)
        return None

    def split(self, moment: datetime, value: str | None) -> str | None:
        """Revise, or close where there is no value."""
        version = self.at(moment)
        if version is None:
            return "MB004"
        self.versions.remove(version)
        self.put(version[0], moment, version[2])
        if value is not None:
            self.put(moment, version[1], value)
        return None

    def update(self, end: datetime) -> str | None:
        """The documented UPDATE: ends the open one."""
        for version in self.versions:
            if version[1] == FOREVER:
                if end < version[0]:
                    return "23514"
                self.versions.remove(version)
                self.put(version[0], end, version[2])
                return None
        return None


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=operations)
def test_any_history_in_any_zone_agrees_with_a_model(admin: psycopg.Connection, table: str, history: list) -> None:
    insert, revise, close, column = TABLES[table]
    model = Model()
    with admin.transaction(force_rollback=True):
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        for number, (operation, a, b, zone) in enumerate(history):
            value = f"v{number}"
            if operation.startswith("insert"):
                end = FOREVER if operation == "insert open" else day(b)
                # In another zone this is another instant, and open all the same.
                written = "9999-12-31" if operation == "insert open" else end
                expected, statement, params = model.insert(day(a), end, value), insert, [value, day(a), written]
            elif operation == "revise":
                expected, statement, params = model.split(day(a), value), revise, [value, day(a)]
            elif operation == "close":
                expected, statement, params = model.split(day(a), None), close, [day(a)]
            else:
                expected, statement = model.update(day(a)), f"UPDATE getcourse.{table} SET valid_to = %s"
                params = [day(a)]
            admin.execute(f"SET LOCAL timezone = '{zone}'")
            try:
                with admin.transaction():
                    admin.execute(statement, params)
                state = None
            except psycopg.Error as error:
                state = error.sqlstate
            assert state == expected, (operation, a, b, zone)
        for moment in [day(n) + shift for n in range(13) for shift in (timedelta(0), timedelta(microseconds=-1))]:
            version = model.at(moment)
            found = admin.execute(f"SELECT {column} FROM getcourse.{table}_as_of(%s)", [moment]).fetchall()
            assert found == ([(version[2],)] if version else [])
