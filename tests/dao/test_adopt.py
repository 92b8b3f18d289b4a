"""A database that was built from SQLAlchemy models is imported, and every row of it is accounted for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from cli.support import COMMAND, environment
from conftest import APP, DEPLOY
from dao.source_models import TABLES, Bare, build, fill, many, people
from mentorbase import SetupError
from mentorbase.adopt import AdoptedTable, Adoption, MadeFromBookings, adopt
from mentoring.lifecycle import limit
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

LONG_AGO = datetime(2020, 5, 17, 12, tzinfo=UTC)
NAIVE = LONG_AGO.replace(tzinfo=None)
NOTHING_MADE = MadeFromBookings(0, 0, 0, 0, (), ())
USER_UNKNOWN = "user_id is the id of a user of the source that was imported"

Refusals = dict[tuple[str, str], list[int | None]]


@pytest.fixture
def source(admin: psycopg.Connection) -> psycopg.Connection:
    """A superuser's connection; the models of the document have built their tables in public."""
    build(admin)
    return admin


@pytest.fixture
def deployer(admin: psycopg.Connection) -> str:
    """The login that deploys: a member of the owner, and in the source it may only SELECT."""
    return make_conninfo(admin.info.dsn, user=DEPLOY)


def of(done: Adoption, table: str) -> AdoptedTable:
    [found] = [one for one in done.tables if one.table == table]
    return found


def refusals(done: Adoption, table: str) -> Refusals:
    return {(one.code, one.reason): list(one.keys) for one in of(done, table).refused}


def counts(done: Adoption) -> dict[str, tuple[int, int, int]]:
    return {t.table: (t.imported, t.already_there, sum(len(one.keys) for one in t.refused)) for t in done.tables}


def rows(admin: psycopg.Connection, table: str, key: str = "id") -> dict[int, dict[str, Any]]:
    """Every row of a table, whole, by key."""
    schema = "auth" if table == "users" else "mentoring"
    with admin.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall()
    return {row[key]: row for row in found}


def part(row: Mapping[str, Any], *columns: str) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


def checksums(admin: psycopg.Connection, schema: str, *tables: str) -> dict[str, str]:
    """What tables hold, their physical places included: an UPDATE that changes nothing shows too."""
    found = {}
    for table in tables:
        [(text,)] = admin.execute(
            sql.SQL(
                "SELECT coalesce(md5(string_agg(t.ctid::text || t.xmin || t::text, '' ORDER BY t.ctid)), '')"
                " FROM {} AS t"
            ).format(sql.Identifier(schema, table))
        ).fetchall()
        found[table] = text
    return found


def held(admin: psycopg.Connection) -> dict[str, str]:
    """What the target holds, history included."""
    tables = (
        "user_profiles",
        "subjects",
        "mentor_mentee",
        "mentor_mentee_history",
        "subject_schedule",
        "subject_schedule_history",
    )
    return checksums(admin, "auth", "users") | checksums(admin, "mentoring", *tables)


def book(admin: psycopg.Connection, number: int, schema: str = "public", **values: Any) -> None:
    """Put a booking into the source: of subject 5 by 8, completed long ago."""
    row = {"id": number, "subject_id": 5, "user_id": 8, "status": "completed", "booked_date": NAIVE} | values
    fill(admin, "subject_schedule", row, schema=schema)


class TestRowsWithoutFault:
    def test_keep_their_ids_and_values(self, source: psycopg.Connection, deployer: str) -> None:
        fill(
            source,
            "users",
            {
                "id": 7,
                "first_name": "Anna",
                "last_name": "Petrova",
                "telegram_id": 1001,
                "role": "teacher",
                "username": "anna",
                "timezone": "Europe/Moscow",
                "created_at": NAIVE,
            },
            {"id": 9, "first_name": "Boris", "role": "student"},
        )
        fill(
            source,
            "user_profiles",
            {
                "id": 70,
                "user_id": 7,
                "mentor_bio": "Algebra",
                "mentor_rate": 19.99,
                "mentor_available": False,
                "max_mentees": 3,
                "learning_goals": "Go",
                "preferred_learning_style": "aloud",
            },
        )
        fill(source, "subjects", {"id": 5, "user_id": 7, "name": "Algebra", "description": "Groups"})
        book(source, 31, user_id=9, created_at=LONG_AGO - timedelta(days=2), updated_at=LONG_AGO)
        book(source, 32, user_id=9, status="cancelled", created_at=LONG_AGO - timedelta(days=3), updated_at=LONG_AGO)
        done = adopt(deployer, currency="EUR")
        assert counts(done) == {
            "users": (2, 0, 0),
            "user_profiles": (1, 0, 0),
            "subjects": (1, 0, 0),
            "mentor_mentee": (0, 0, 0),
            "subject_schedule": (2, 0, 0),
        }
        anna = rows(source, "users")[7]
        assert part(anna, "first_name", "last_name", "telegram_id", "role", "username") == (
            "Anna",
            "Petrova",
            1001,
            "teacher",
            "anna",
        )
        assert part(anna, "timezone", "created_at", "updated_at") == ("Europe/Moscow", LONG_AGO, LONG_AGO)
        profile = rows(source, "user_profiles", "user_id")[7]
        assert part(profile, "mentor_bio", "mentor_rate", "mentor_rate_currency") == (
            "Algebra",
            Decimal("19.99"),
            "EUR",
        )
        assert part(profile, "mentor_available", "max_mentees", "learning_goals") == (False, 3, "Go")
        assert part(rows(source, "subjects")[5], "user_id", "title", "description") == (7, "Algebra", "Groups")
        bookings = rows(source, "subject_schedule")
        assert part(bookings[31], "subject_id", "mentor_id", "user_id", "status") == (5, 7, 9, "completed")
        assert part(bookings[31], "booked_date", "ends_at") == (LONG_AGO, LONG_AGO + timedelta(hours=1))
        assert bookings[31]["created_at"] == LONG_AGO - timedelta(days=2)
        assert part(bookings[31], "cancelled_by", "cancelled_at") == (None, None)
        assert part(bookings[32], "status", "cancelled_by", "cancelled_at") == ("cancelled", None, LONG_AGO)

    def test_become_relationships_by_their_bookings(self, source: psycopg.Connection, deployer: str) -> None:
        people(source, 7, 8, 9, 10)
        fill(source, "user_profiles", {"user_id": 7, "mentor_available": True, "max_mentees": 1})
        fill(source, "subjects", {"id": 5, "user_id": 7})
        book(source, 1, created_at=LONG_AGO)
        book(source, 2, user_id=9, status="pending", created_at=LONG_AGO)
        book(source, 3, user_id=10, status="cancelled")
        assert adopt(deployer).relationships == MadeFromBookings(2, 0, 1, 0, (), (7,))
        links = rows(source, "mentor_mentee", "mentee_id")
        assert {
            mentee: part(link, "mentor_id", "status", "initiated_by", "accepted_at") for mentee, link in links.items()
        } == {
            8: (7, "active", "system", LONG_AGO),
            9: (7, "active", "system", LONG_AGO),
        }
        assert {number: row["relationship_id"] for number, row in rows(source, "subject_schedule").items()} == {
            1: links[8]["id"],
            2: links[9]["id"],
            3: None,
        }

    def test_leave_a_history_that_says_where_they_came_from(self, source: psycopg.Connection, deployer: str) -> None:
        people(source, 7, 8)
        fill(source, "subjects", {"id": 5, "user_id": 7})
        book(source, 1)
        adopt(deployer)
        [step] = rows(source, "subject_schedule_history").values()
        assert part(step, "booking_id", "from_status", "to_status", "actor_kind", "reason", "db_login") == (
            1,
            None,
            "completed",
            "system",
            "imported from public",
            DEPLOY,
        )

    def test_get_the_documented_defaults_where_the_source_has_nothing(
        self, admin: psycopg.Connection, deployer: str
    ) -> None:
        build(admin, Bare, "Old models")
        people(admin, 7, 8, 9, schema="Old models")
        fill(admin, "user_profiles", {"user_id": 7}, schema="Old models")
        fill(admin, "subjects", {"id": 5, "user_id": 7}, schema="Old models")
        book(admin, 1, status="cancelled", booked_date=LONG_AGO, schema="Old models")
        fill(admin, "mentor_mentee", {"id": 3, "mentor_id": 7, "mentee_id": 9, "status": "ACTIVE"}, schema="Old models")
        before = datetime.now(UTC)
        done = adopt(deployer, "Old models")
        assert set(counts(done).values()) == {(1, 0, 0), (3, 0, 0)}
        user, profile = rows(admin, "users")[7], rows(admin, "user_profiles", "user_id")[7]
        assert part(user, "first_name", "role", "language_code", "timezone", "is_active") == (
            "User 7",
            "student",
            "en",
            "UTC",
            True,
        )
        assert part(user, "telegram_id", "username", "last_name") == (None, None, None)
        assert before <= user["created_at"] <= user["updated_at"] <= datetime.now(UTC)
        assert part(profile, "mentor_available", "max_mentees", "mentor_rate", "timezone") == (True, None, None, "UTC")
        assert part(rows(admin, "subjects")[5], "title", "is_active", "price") == ("Subject 5", True, None)
        booking = rows(admin, "subject_schedule")[1]
        assert part(booking, "ends_at", "created_at") == (LONG_AGO + timedelta(hours=1), LONG_AGO)
        assert before <= booking["cancelled_at"] <= datetime.now(UTC)
        link = rows(admin, "mentor_mentee")[3]
        assert part(link, "status", "initiated_by") == ("active", "system")
        assert part(link, "subscribe_to_quizzes", "subscribe_to_courses", "subscribe_to_subjects") == (
            True,
            True,
            False,
        )
        assert before <= link["accepted_at"] <= datetime.now(UTC)

    def test_may_have_an_end_a_price_and_a_day_for_a_time(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("ALTER TABLE subject_schedule ALTER booked_date TYPE date, ADD ends_at timestamptz")
        source.execute("ALTER TABLE subjects ADD title text, ADD price real, ADD price_currency char(3)")
        people(source, 7, 8)
        fill(
            source,
            "subjects",
            {"id": 5, "user_id": 7, "name": "A", "title": "Algebra", "price": 12.5, "price_currency": "USD"},
        )
        day = datetime(2020, 5, 17, tzinfo=UTC)
        book(source, 1, booked_date=date(2020, 5, 17), ends_at=day + timedelta(hours=3))
        adopt(deployer)
        assert part(rows(source, "subjects")[5], "title", "price", "price_currency") == (
            "Algebra",
            Decimal("12.50"),
            "USD",
        )
        assert part(rows(source, "subject_schedule")[1], "booked_date", "ends_at") == (day, day + timedelta(hours=3))

    def test_take_an_empty_text_for_none(self, source: psycopg.Connection, deployer: str) -> None:
        fill(source, "users", {"id": 7, "first_name": "", "last_name": "", "username": "", "timezone": ""})
        assert counts(adopt(deployer))["users"] == (1, 0, 0)
        assert part(rows(source, "users")[7], "first_name", "last_name", "username", "timezone") == (
            "User 7",
            None,
            None,
            "UTC",
        )

    @pytest.mark.parametrize("status", ["pending", "confirmed", "completed", "cancelled"])
    @pytest.mark.parametrize("spelled", [str.lower, str.upper])
    def test_may_spell_statuses_as_sqlalchemy_does_or_as_we_do(
        self, source: psycopg.Connection, deployer: str, status: str, spelled: Any
    ) -> None:
        people(source, 7, 8)
        fill(source, "subjects", {"id": 5, "user_id": 7})
        book(source, 1, status=spelled(status))
        adopt(deployer)
        assert rows(source, "subject_schedule")[1]["status"] == status

    def test_new_rows_get_ids_past_theirs(self, source: psycopg.Connection, deployer: str) -> None:
        people(source, 7, 500)
        fill(source, "subjects", {"id": 600, "user_id": 7})
        adopt(deployer)
        with source.transaction():
            source.execute("SET LOCAL mentorbase.actor = 'system'")
            made = source.execute("INSERT INTO auth.users (first_name) VALUES ('New') RETURNING id").fetchall()
            made += source.execute(
                "INSERT INTO mentoring.subjects (user_id, title) VALUES (7, 'New') RETURNING id"
            ).fetchall()
        assert made == [(501,), (601,)]


def bad_rows(source: psycopg.Connection) -> None:
    """Two good rows of each table, and one of each kind of bad row."""
    source.execute("ALTER TABLE subject_schedule ADD ends_at timestamptz, ADD cancelled_at timestamptz")
    source.execute("ALTER TABLE users ALTER role TYPE text")
    people(source, 1, 2, 3)
    for number, values in enumerate(
        [
            {"telegram_id": 2**52},
            {"telegram_id": 0},
            {"telegram_id": 1001},
            {"telegram_id": 1001},
            {"first_name": "x" * 65},
            {"first_name": "  "},
            {"last_name": " "},
            {"username": "no-hyphens"},
            {"timezone": "Mars/Base"},
            {"role": "mentor"},
        ],
        start=11,
    ):
        fill(source, "users", {"id": number, **values})
    people(source, 0, -5)
    profile = {"mentor_available": True}
    fill(
        source,
        "user_profiles",
        {"user_id": 1, "mentor_bio": "first", **profile},
        {"user_id": 2, "mentor_rate": 1.005, **profile},
        {"user_id": 1, "mentor_bio": "second", **profile},
        {"user_id": 3, "mentor_rate": -1, **profile},
        {"user_id": 11, **profile},
        {"user_id": 99, **profile},
        {"user_id": None, **profile},
    )
    people(source, 4, 5, 6, 8)
    fill(
        source,
        "user_profiles",
        {"user_id": 4, "mentor_rate": float("inf"), **profile},
        {"user_id": 5, "mentor_rate": float("nan"), **profile},
        {"user_id": 6, "max_mentees": -1, **profile},
        {"user_id": 8, "mentor_bio": "x" * 10_001, **profile},
    )
    fill(
        source,
        "subjects",
        {"id": 1, "user_id": 1},
        {"id": 2, "user_id": 2, "name": "Chess"},
        {"id": 3, "user_id": 1, "name": "x" * 201},
        {"id": 4, "user_id": 1, "name": " \t"},
        {"id": 5, "user_id": 99},
        {"id": 6, "user_id": 12},
        {"id": 7, "user_id": 1, "description": "x" * 10_001},
    )
    good = {"subject_id": 1, "user_id": 2, "status": "completed", "booked_date": NAIVE}
    for number, values in enumerate(
        [
            {},
            {"subject_id": 2, "user_id": 3},
            {"user_id": 1},
            {"user_id": 99},
            {"user_id": 14},
            {"user_id": None},
            {"subject_id": 99},
            {"subject_id": 3},
            {"subject_id": None},
            {"status": "postponed"},
            {"status": None},
            {"booked_date": None},
            {"booked_date": NAIVE - timedelta(days=365 * 60)},
            {"booked_date": "infinity"},
            {"ends_at": LONG_AGO},
            {"ends_at": LONG_AGO + timedelta(days=2)},
            {"ends_at": "infinity"},
            {"cancelled_at": LONG_AGO},
        ],
        start=1,
    ):
        fill(source, "subject_schedule", {"id": number, **good, **values})


BAD_USERS: Refusals = {
    ("key_out_of_range", "id is a whole number from 1 to 999999999999999999"): [-5, 0],
    ("unknown_role", "the role is none of those that exist here"): [20],
    ("users_first_name_check", "first_name has 1 to 64 characters, not all of them blank"): [15, 16],
    ("users_last_name_check", "last_name has 1 to 64 characters, not all of them blank"): [17],
    ("users_telegram_id_check", "telegram_id is a whole number from 1 to 4503599627370495 (2^52 - 1)"): [11, 12],
    ("users_telegram_id_key", "A Telegram account belongs to one user only"): [14],
    ("users_timezone_check", "timezone is an IANA name that the server knows, such as UTC or Europe/Berlin"): [19],
    ("users_username_check", "username has 1 to 64 Latin letters, digits and underscores"): [18],
}
BAD_PROFILES: Refusals = {
    ("22003", "a value does not fit (NumericValueOutOfRange)"): [4],
    ("key_out_of_range", "user_id is a whole number from 1 to 999999999999999999"): [None],
    ("user_profiles_max_mentees_check", "max_mentees is 0 or more, or NULL for no limit"): [6],
    ("user_profiles_mentor_bio_check", "mentor_bio has at most 10000 characters"): [8],
    ("user_profiles_mentor_rate_check", "mentor_rate is a number from 0"): [3, 5],
    ("user_profiles_pkey", "another row of the source has this user_id"): [1],
    ("user_profiles_user_id_fkey", USER_UNKNOWN): [11, 99],
}
BAD_SUBJECTS: Refusals = {
    ("subjects_description_check", "description has at most 10000 characters"): [7],
    ("subjects_title_check", "title has 1 to 200 characters, not all of them blank"): [3, 4],
    ("subjects_user_id_fkey", USER_UNKNOWN): [5, 6],
}
INFINITE_END: Refusals = {
    ("subject_schedule_ends_at_check", "ends_at lies after booked_date, by 24 hours at most"): [15, 16, 17]
}
INFINITE_END_BEFORE_17: Refusals = {
    # There the constraint cannot subtract infinity.
    ("22008", "a value does not fit (DatetimeFieldOverflow)"): [17],
    ("subject_schedule_ends_at_check", "ends_at lies after booked_date, by 24 hours at most"): [15, 16],
}
BAD_BOOKINGS: Refusals = {
    ("booked_date_not_null", "booked_date must be given"): [12],
    ("subject_schedule_booked_date_check", "booked_date lies between the years 1970 and 9999"): [13, 14],
    ("subject_schedule_cancelled_at_check", "cancelled_at is set exactly when the booking is cancelled"): [18],
    ("subject_schedule_not_own_subject_check", "Nobody books their own subject"): [3],
    ("subject_schedule_subject_id_fkey", "subject_id is the id of a subject of the source that was imported"): [
        7,
        8,
        9,
    ],
    ("subject_schedule_user_id_fkey", USER_UNKNOWN): [4, 5, 6],
    ("unknown_status", "the status is none of those that exist here"): [10, 11],
}


class TestBadRows:
    @pytest.fixture(autouse=True)
    def _bad(self, source: psycopg.Connection) -> None:
        bad_rows(source)

    def refused_as_expected(self, done: Adoption, source: psycopg.Connection) -> None:
        infinite = INFINITE_END if source.info.server_version >= 170000 else INFINITE_END_BEFORE_17
        assert refusals(done, "users") == BAD_USERS
        assert refusals(done, "user_profiles") == BAD_PROFILES
        assert refusals(done, "subjects") == BAD_SUBJECTS
        assert refusals(done, "subject_schedule") == BAD_BOOKINGS | infinite

    @pytest.mark.parametrize("batch_size", [1, 3, 5000])
    def test_are_named_with_the_rule_and_nothing_else_is_lost(
        self, source: psycopg.Connection, deployer: str, batch_size: int
    ) -> None:
        done = adopt(deployer, currency="EUR", batch_size=batch_size)
        self.refused_as_expected(done, source)
        assert counts(done) == {
            "users": (8, 0, 11),
            "user_profiles": (2, 0, 9),
            "subjects": (2, 0, 5),
            "mentor_mentee": (0, 0, 0),
            "subject_schedule": (2, 0, 16),
        }
        assert set(rows(source, "users")) == {1, 2, 3, 4, 5, 6, 8, 13}
        profiles = rows(source, "user_profiles", "user_id")
        assert {number: row["mentor_bio"] for number, row in profiles.items()} == {1: "first", 2: None}
        assert profiles[2]["mentor_rate"] == Decimal("1.01")
        assert set(rows(source, "subjects")) == {1, 2}
        assert set(rows(source, "subject_schedule")) == {1, 2}

    def test_leave_no_value_of_theirs_in_the_report(self, deployer: str) -> None:
        shown = str(adopt(deployer, currency="EUR"))
        for value in ("no-hyphens", "Mars/Base", "xxx", "1001", "postponed", "second"):
            assert value not in shown

    def test_are_the_same_the_second_time_and_nothing_changes(self, source: psycopg.Connection, deployer: str) -> None:
        first = adopt(deployer, currency="EUR")
        before = held(source)
        second = adopt(deployer, currency="EUR")
        assert held(source) == before
        assert counts(second) == {table: (0, done, bad) for table, (done, _, bad) in counts(first).items()}
        self.refused_as_expected(second, source)
        assert second.relationships == NOTHING_MADE

    def test_are_the_same_in_a_dry_run_which_changes_nothing(self, source: psycopg.Connection, deployer: str) -> None:
        before = held(source)
        dry = adopt(deployer, currency="EUR", dry_run=True)
        assert held(source) == before
        real = adopt(deployer, currency="EUR")
        assert (dry.dry_run, real.dry_run) == (True, False)
        assert (dry.tables, dry.relationships) == (real.tables, real.relationships)
        assert real.relationships.created == 2

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_and_all_others_stay_as_they_were_in_the_source(
        self, source: psycopg.Connection, deployer: str, dry_run: bool
    ) -> None:
        before = checksums(source, "public", *TABLES)
        adopt(deployer, currency="EUR", dry_run=dry_run)
        assert checksums(source, "public", *TABLES) == before
        with psycopg.connect(deployer) as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("UPDATE public.users SET first_name = 'X'")

    def test_are_imported_by_another_run_once_they_are_good(self, source: psycopg.Connection, deployer: str) -> None:
        adopt(deployer, currency="EUR")
        source.execute("UPDATE public.users SET first_name = 'Short' WHERE id = 15")
        source.execute("UPDATE public.users SET first_name = 'Changed' WHERE id = 1")
        book(source, 40, subject_id=1, user_id=15, status="pending")
        done = adopt(deployer, currency="EUR")
        assert counts(done)["users"] == (1, 8, 10)
        assert (counts(done)["subject_schedule"], done.relationships.created) == ((1, 2, 16), 1)
        assert {number: rows(source, "users")[number]["first_name"] for number in (1, 15)} == {1: "User 1", 15: "Short"}


def test_an_id_that_is_somebody_elses_here_is_refused_with_all_that_hangs_on_it(
    source: psycopg.Connection, deployer: str
) -> None:
    for number in (7, 8):
        source.execute("INSERT INTO auth.users (id, first_name) VALUES (%s, 'Somebody')", [number])
    fill(source, "users", {"id": 7, "created_at": NAIVE}, {"id": 8, "created_at": NAIVE}, {"id": 30})
    fill(source, "user_profiles", {"user_id": 7, "mentor_available": True}, {"user_id": 8, "mentor_available": True})
    fill(source, "subjects", {"id": 5, "user_id": 7}, {"id": 6, "user_id": 30})
    limit(source, 3, mentor=7)
    done = adopt(deployer)
    assert refusals(done, "user_profiles") == {
        ("key_taken", "this user_id is another row's here"): [7],
        ("user_profiles_user_id_fkey", USER_UNKNOWN): [8],
    }
    assert refusals(done, "users") == {("key_taken", "this id is another row's here"): [7, 8]}
    assert refusals(done, "subjects") == {("subjects_user_id_fkey", USER_UNKNOWN): [5]}


class TestRelationshipsOfTheSource:
    @pytest.fixture(autouse=True)
    def _people(self, source: psycopg.Connection) -> None:
        people(source, *range(1, 12))
        fill(source, "subjects", {"id": 1, "user_id": 1})

    def put(self, source: psycopg.Connection, number: int, status: str, by: str, **values: Any) -> None:
        """A relationship of mentor 1 with mentee *number*, and a booking of theirs."""
        row = {"id": number, "mentor_id": 1, "mentee_id": number, "status": status, "initiated_by": by}
        subscriptions = {"subscribe_to_quizzes": True, "subscribe_to_courses": False, "subscribe_to_subjects": True}
        fill(source, "mentor_mentee", row | subscriptions | {"created_at": LONG_AGO, "updated_at": LONG_AGO} | values)
        if values.get("mentee_id", number) <= 11:
            book(source, number, subject_id=1, user_id=number)

    def test_are_taken_with_their_times_and_notes(self, source: psycopg.Connection, deployer: str) -> None:
        accepted = LONG_AGO + timedelta(days=1)
        self.put(source, 2, "ACTIVE", "system", accepted_at=accepted, mentor_notes="m", mentee_notes="n")
        self.put(source, 3, "PENDING", "mentee")
        self.put(source, 4, "pending", "mentor")
        done = adopt(deployer)
        assert (counts(done)["mentor_mentee"], done.relationships) == ((3, 0, 0), NOTHING_MADE)
        links = rows(source, "mentor_mentee")
        columns = ("mentor_id", "mentee_id", "status", "initiated_by", "created_at", "accepted_at")
        assert [part(links[number], *columns) for number in (2, 3, 4)] == [
            (1, 2, "active", "system", LONG_AGO, accepted),
            (1, 3, "pending", "mentee", LONG_AGO, None),
            (1, 4, "pending", "mentor", LONG_AGO, None),
        ]
        assert part(links[2], "subscribe_to_quizzes", "subscribe_to_courses", "subscribe_to_subjects") == (
            True,
            False,
            True,
        )
        assert part(links[2], "mentor_notes", "mentee_notes", "updated_at") == ("m", "n", LONG_AGO)
        assert {row["id"]: row["relationship_id"] for row in rows(source, "subject_schedule").values()} == {
            2: 2,
            3: 3,
            4: 4,
        }
        steps = rows(source, "mentor_mentee_history", "relationship_id")
        assert [part(steps[number], "to_status", "actor_kind", "actor_id") for number in (2, 3, 4)] == [
            ("active", "system", None),
            ("pending", "system", None),
            ("pending", "system", None),
        ]

    def test_come_in_whatever_status_they_are_and_whoever_made_them(
        self, source: psycopg.Connection, deployer: str
    ) -> None:
        self.put(source, 2, "ACTIVE", "mentee", accepted_at=LONG_AGO)
        self.put(source, 3, "PAUSED", "system", accepted_at=LONG_AGO)
        self.put(source, 4, "COMPLETED", "system", accepted_at=LONG_AGO, completed_at=LONG_AGO)
        self.put(source, 5, "REJECTED", "mentor")
        self.put(source, 6, "PENDING", "system")
        done = adopt(deployer)
        assert (counts(done)["mentor_mentee"], done.relationships) == ((5, 0, 0), NOTHING_MADE)
        links = rows(source, "mentor_mentee")
        assert {number: part(links[number], "status", "initiated_by") for number in links} == {
            2: ("active", "mentee"),
            3: ("paused", "system"),
            4: ("completed", "system"),
            5: ("rejected", "mentor"),
            6: ("pending", "system"),
        }
        assert part(links[4], "accepted_at", "completed_at", "ended_at") == (LONG_AGO, LONG_AGO, LONG_AGO)
        assert {row["relationship_id"] for row in rows(source, "subject_schedule").values()} == {2, 3, 4, 5, 6}

    def test_that_are_refused_hold_their_bookings_back(self, source: psycopg.Connection, deployer: str) -> None:
        self.put(source, 2, "FROZEN", "mentee")
        book(source, 7, subject_id=1, user_id=7)
        done = adopt(deployer)
        assert refusals(done, "mentor_mentee") == {
            ("unknown_status", "the status is none of those that exist here"): [2]
        }
        assert done.relationships == MadeFromBookings(1, 0, 0, 0, ((1, 2),), ())
        assert [row["mentee_id"] for row in rows(source, "mentor_mentee").values()] == [7]

    def test_that_are_wrong_are_named(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("ALTER TABLE mentor_mentee DROP CONSTRAINT unique_mentor_mentee_pair")
        source.execute("ALTER TABLE mentor_mentee DROP CONSTRAINT mentor_mentee_mentee_id_fkey")
        self.put(source, 2, "ACTIVE", "system", accepted_at=LONG_AGO)
        self.put(source, 20, "ACTIVE", "system", mentee_id=2, accepted_at=LONG_AGO)
        self.put(source, 21, "ACTIVE", "system", mentee_id=1)
        self.put(source, 22, "ACTIVE", "system", mentee_id=99)
        self.put(source, 23, "FROZEN", "system", mentee_id=3)
        self.put(source, 24, "ACTIVE", "nobody", mentee_id=3)
        self.put(source, 25, "ACTIVE", "system", mentee_id=3, mentor_notes="x" * 10_001)
        self.put(source, 26, "PENDING", "mentee", mentee_id=3, accepted_at=LONG_AGO)
        self.put(source, 27, "ACTIVE", "system", mentee_id=4, accepted_at=datetime.now(UTC) + timedelta(days=1))
        done = adopt(deployer)
        assert refusals(done, "mentor_mentee") == {
            ("MB007", "the steps of a relationship do not lie in the future"): [27],
            ("mentor_mentee_accepted_at_check", "accepted_at is set exactly when the relationship was ever active"): [
                26
            ],
            ("mentor_mentee_live_pair_key", "A pair has at most one relationship that is pending, active or paused"): [
                20
            ],
            ("mentor_mentee_mentee_id_fkey", USER_UNKNOWN.replace("user_id", "mentee_id")): [22],
            ("mentor_mentee_mentor_notes_check", "mentor_notes has at most 10000 characters"): [25],
            ("mentor_mentee_not_self_check", "Nobody is their own mentor"): [21],
            ("unknown_initiator", "initiated_by is none of those that exist here"): [24],
            ("unknown_status", "the status is none of those that exist here"): [23],
        }
        assert set(rows(source, "mentor_mentee")) == {2}

    def test_are_not_made_again_from_bookings(self, source: psycopg.Connection, deployer: str) -> None:
        self.put(source, 2, "ACTIVE", "system", accepted_at=LONG_AGO)
        adopt(deployer)
        before = held(source)
        assert counts(adopt(deployer))["mentor_mentee"] == (0, 1, 0)
        assert held(source) == before


class TestWhatIsMissing:
    def fails(self, dsn: str, message: str, hint: str, schema: str = "public", **options: Any) -> None:
        with pytest.raises(SetupError) as caught:
            adopt(dsn, schema, wait_seconds=0.2, **options)
        assert (caught.value.message, caught.value.hint) == (message, hint)

    def test_a_schema(self, deployer: str) -> None:
        self.fails(deployer, 'there is no schema "old"', "Name the schema that holds the models' tables", "old")

    @pytest.mark.parametrize("table", ["users", "user_profiles", "subjects", "subject_schedule"])
    def test_a_table(self, source: psycopg.Connection, deployer: str, table: str) -> None:
        source.execute(sql.SQL("DROP TABLE public.{} CASCADE").format(sql.Identifier(table)))
        hint = "Name the schema that holds the models' tables, or make a view of that name"
        self.fails(deployer, f'the schema "public" has no table {table}', hint)

    def test_the_table_of_relationships_is_none(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("DROP TABLE public.mentor_mentee")
        assert [table.table for table in adopt(deployer).tables] == [
            "users",
            "user_profiles",
            "subjects",
            "subject_schedule",
        ]

    @pytest.mark.parametrize(
        ("table", "column"),
        [
            ("users", "id"),
            ("user_profiles", "user_id"),
            *(("subjects", name) for name in ("id", "user_id")),
            *(("subject_schedule", name) for name in ("id", "subject_id", "user_id", "status", "booked_date")),
            *(("mentor_mentee", name) for name in ("id", "mentor_id", "mentee_id", "status")),
        ],
    )
    def test_a_column(self, source: psycopg.Connection, deployer: str, table: str, column: str) -> None:
        source.execute(
            sql.SQL("ALTER TABLE public.{} DROP COLUMN {} CASCADE").format(
                sql.Identifier(table), sql.Identifier(column)
            )
        )
        hint = "It is needed; make a view that has it, in a schema of its own, and adopt from that"
        self.fails(deployer, f"public.{table} has no column {column}", hint)

    def test_a_type_that_can_be_read(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("ALTER TABLE users ALTER telegram_id TYPE text")
        hint = "Make a view that casts it, in a schema of its own, and adopt from that"
        self.fails(deployer, "public.users.telegram_id is text, not a whole number", hint)

    def test_a_view_with_the_columns_does(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("ALTER TABLE users RENAME COLUMN first_name TO given_name")
        fill(source, "users", {"id": 7, "given_name": "Anna"})
        source.execute("CREATE SCHEMA old")
        for table in TABLES[1:]:
            source.execute(f"CREATE VIEW old.{table} AS SELECT * FROM public.{table}")
        source.execute("CREATE VIEW old.users AS SELECT id, given_name AS first_name FROM public.users")
        source.execute(f"GRANT USAGE ON SCHEMA old TO {DEPLOY}")
        source.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA old TO {DEPLOY}")
        adopt(deployer, "old")
        assert rows(source, "users")[7]["first_name"] == "Anna"

    @pytest.mark.parametrize("table", ["user_profiles", "subjects"])
    def test_a_currency(self, source: psycopg.Connection, deployer: str, table: str) -> None:
        people(source, 7)
        source.execute("ALTER TABLE subjects ADD price numeric")
        row = {
            "user_profiles": {"user_id": 7, "mentor_available": True, "mentor_rate": 5.0},
            "subjects": {"user_id": 7, "price": 5},
        }[table]
        fill(source, table, row)
        column = {"user_profiles": "mentor_rate", "subjects": "price"}[table]
        hint = "Say which one they are in: --currency EUR, or another ISO 4217 code"
        self.fails(deployer, f"{table}.{column} has values without a currency", hint)
        assert rows(source, "users") == {}

    def test_a_currency_that_is_one(self, deployer: str) -> None:
        self.fails(
            deployer, "the currency is no ISO 4217 code", "Give three capital letters, such as EUR", currency="euro"
        )

    def test_the_right_to_read(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute(f"REVOKE SELECT ON public.subjects FROM {DEPLOY}")
        self.fails(
            deployer,
            f'role "{DEPLOY}" may not read public.subjects',
            f'GRANT SELECT ON "public".subjects TO "{DEPLOY}"',
        )

    def test_the_right_to_the_schema(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("ALTER SCHEMA public RENAME TO old")
        source.execute(f"REVOKE USAGE ON SCHEMA old FROM PUBLIC, {DEPLOY}, pg_database_owner")
        self.fails(
            deployer,
            f'role "{DEPLOY}" may not read the schema "old"',
            f'GRANT USAGE ON SCHEMA "old" TO "{DEPLOY}"',
            "old",
        )

    def test_the_right_to_write(self, source: psycopg.Connection, dsn: str) -> None:
        message = f'role "{APP}" may not import: it is no member of mentorbase_owner'
        self.fails(dsn, message, "Connect as the login that deploys")

    def test_the_migrations(self, empty_dsn: str) -> None:
        self.fails(empty_dsn, "the database has not what rows are imported into", "Run mentorbase migrate first")

    def test_nothing_but_patience(self, source: psycopg.Connection, deployer: str) -> None:
        source.execute("SELECT pg_advisory_lock(%s, 1)", [0x61646F70])
        self.fails(deployer, "another import into this database is at work", "Wait until it has ended")


def test_what_a_policy_would_hide_is_an_error_and_not_left_out(source: psycopg.Connection, deployer: str) -> None:
    people(source, 7)
    source.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    with pytest.raises(Exception, match="row-level security policy") as caught:
        adopt(deployer)
    assert type(caught.value).__name__ == "NotPermitted"
    assert rows(source, "users") == {}


def test_a_run_that_was_killed_is_finished_by_the_next(
    source: psycopg.Connection, deployer: str, tmp_path: Any
) -> None:
    bookings, good = 20_000, 19_800
    many(source, bookings)
    killed = subprocess.Popen(
        [COMMAND, "adopt", "--from-schema", "public", "--dsn", deployer],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (there := len(rows(source, "subject_schedule"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    done = adopt(deployer)
    imported, found, refused = counts(done)["subject_schedule"]
    assert 0 < there <= found < good
    assert (imported + found, refused, of(done, "users").already_there) == (
        good,
        bookings - good,
        220,
    )
    assert [one.code for one in of(done, "subject_schedule").refused] == ["subject_schedule_not_own_subject_check"]
    differing = """
        SELECT count(*)
        FROM (SELECT b.id, b.subject_id, b.user_id, b.status::text, b.booked_date, b.created_at
            FROM mentoring.subject_schedule AS b) AS here
        FULL JOIN (
            SELECT s.id::bigint, s.subject_id::bigint, s.user_id::bigint, s.status::text,
                s.booked_date AT TIME ZONE 'UTC', s.created_at
            FROM public.subject_schedule AS s WHERE s.subject_id <> s.user_id
        ) AS there ON here = there
        WHERE here.id IS NULL OR there.id IS NULL
    """
    assert source.execute(differing).fetchall() == [(0,)]
    pairs = """
        SELECT DISTINCT subject_id, user_id FROM public.subject_schedule
        WHERE subject_id <> user_id AND status <> 'cancelled'
    """
    assert {part(row, "mentor_id", "mentee_id") for row in rows(source, "mentor_mentee").values()} == set(
        source.execute(pairs).fetchall()
    )
    before = held(source)
    assert counts(adopt(deployer))["subject_schedule"] == (0, imported + found, refused)
    assert held(source) == before
