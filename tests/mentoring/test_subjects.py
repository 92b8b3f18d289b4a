"""What a mentor teaches: made, changed, read, and written by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from mentorbase import (
    LAST,
    ActorRequired,
    InvalidArgument,
    InvalidValue,
    Mentoring,
    NotFound,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
)
from mentoring.booking import columns, put_booking, put_subject, shown, table
from mentoring.lifecycle import MENTEE, MENTOR, OUTSIDER, SETTING, acting, become, refused
from psycopg import sql

pytestmark = pytest.mark.usefixtures("people")
WRITABLE = {"title", "description", "is_active", "price", "price_currency"}
BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("title_check", {"title": ""}),
    ("title_check", {"title": " \n\t"}),
    ("title_check", {"title": "x" * 201}),
    ("description_check", {"description": "x" * 10_001}),
    ("price_check", {"price": "-0.01", "price_currency": "EUR"}),
    ("price_check", {"price": "NaN", "price_currency": "EUR"}),
    ("price_currency_check", {"price": "1", "price_currency": "eur"}),
    ("price_currency_check", {"price": "1", "price_currency": "EURO"}),
    ("price_currency_check", {"price": "1", "price_currency": "EUR\n"}),
    ("price_currency_check", {"price": "1", "price_currency": ""}),
    ("price_has_currency_check", {"price": "1", "price_currency": None}),
    ("price_has_currency_check", {"price": None, "price_currency": "EUR"}),
]


def subjects(admin: psycopg.Connection) -> list[dict[str, Any]]:
    return table(admin, "subjects")


@pytest.mark.parametrize("who", ["mentor", "admin", "system"])
def test_a_subject_is_made_changed_and_read(admin: psycopg.Connection, app: psycopg.Connection, who: str) -> None:
    mentoring = Mentoring(app)
    with acting(app, SETTING[who]):
        made = mentoring.create_subject(
            MENTOR, title="Algebra", description="From groups on", price=Decimal("12.50"), price_currency="EUR"
        )
    [row] = subjects(admin)
    assert shown(made) == row
    assert row == {
        "id": made.id,
        "user_id": MENTOR,
        "title": "Algebra",
        "description": "From groups on",
        "is_active": True,
        "price": Decimal("12.50"),
        "price_currency": "EUR",
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
    }
    assert mentoring.subject(made.id) == made

    with acting(app, SETTING[who]):
        changed = mentoring.change_subject(made.id, title="Geometry", is_active=False)
    [after] = subjects(admin)
    assert shown(changed) == after
    assert after["updated_at"] > row["updated_at"]
    assert after == row | {
        "title": "Geometry",
        "description": None,
        "is_active": False,
        "price": None,
        "price_currency": None,
        "updated_at": after["updated_at"],
    }


def test_a_subject_needs_a_title_only(app: psycopg.Connection) -> None:
    with acting(app, MENTOR):
        made = Mentoring(app).create_subject(MENTOR, title="x" * 200)
    assert (made.description, made.is_active, made.price, made.price_currency) == (None, True, None, None)


def test_the_largest_values_are_kept(app: psycopg.Connection) -> None:
    with acting(app, MENTOR):
        made = Mentoring(app).create_subject(
            MENTOR, title="x", description="x" * 10_000, price=Decimal("9999999999.99"), price_currency="EUR"
        )
        free = Mentoring(app).create_subject(MENTOR, title="x", price=Decimal(0), price_currency="EUR")
    assert (len(made.description or ""), made.price) == (10_000, Decimal("9999999999.99"))
    assert free.price == 0


@pytest.mark.parametrize(("constraint", "values"), BREACHES)
def test_a_value_outside_what_its_column_allows_is_refused_by_name(
    admin: psycopg.Connection, app: psycopg.Connection, constraint: str, values: dict[str, Any]
) -> None:
    subject = put_subject(admin)
    before = subjects(admin)
    become(app, MENTOR)
    given = {"user_id": MENTOR, "title": "Geometry"} | values
    with refused(InvalidValue, constraint=f"subjects_{constraint}"):
        app.execute(
            sql.SQL("INSERT INTO mentoring.subjects ({}) VALUES ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, given)), sql.SQL(", ").join([sql.Placeholder()] * len(given))
            ),
            list(given.values()),
        )
    with refused(InvalidValue, constraint=f"subjects_{constraint}"):
        app.execute(
            sql.SQL("UPDATE mentoring.subjects SET {} WHERE id = %s").format(
                sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
            ),
            [*values.values(), subject],
        )
    if values.get("price") not in {"-0.01", "NaN"}:  # the DAO's own types refuse those
        through_dao = values | ({"price": Decimal(values["price"])} if values.get("price") else {})
        for call in (
            lambda: Mentoring(app).create_subject(MENTOR, **{"title": "Geometry"} | through_dao),
            lambda: Mentoring(app).change_subject(subject, **{"title": "Geometry"} | through_dao),
        ):
            with refused(InvalidValue, constraint=f"subjects_{constraint}"):
                call()
    assert subjects(admin) == before


def test_every_check_of_subjects_is_tested(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'mentoring.subjects'::regclass AND contype = 'c'"
    ).fetchall()
    assert {name for (name,) in found} == {f"subjects_{name}" for name, _ in BREACHES}


@pytest.mark.parametrize("price", [Decimal("-0.01"), Decimal("NaN"), Decimal("0.001"), Decimal(10**10)])
def test_a_price_that_no_column_holds_is_refused_as_an_argument(app: psycopg.Connection, price: Decimal) -> None:
    with acting(app, MENTOR), refused(InvalidArgument) as caught:
        Mentoring(app).create_subject(MENTOR, title="x", price=price, price_currency="EUR")
    assert caught.value.values == {"argument": "price"}


Call = Callable[[Mentoring[Any], int], object]
WRITES: list[Call] = [
    lambda mentoring, _: mentoring.create_subject(MENTOR, title="Geometry"),
    lambda mentoring, subject: mentoring.change_subject(subject, title="Geometry"),
]


@pytest.mark.parametrize("write", WRITES, ids=["create", "change"])
@pytest.mark.parametrize("other", [MENTEE, OUTSIDER])
def test_another_person_writes_no_subject(
    admin: psycopg.Connection, app: psycopg.Connection, write: Call, other: int
) -> None:
    subject = put_subject(admin)
    before = subjects(admin)
    with acting(app, other), refused(NotPermitted) as caught:
        write(Mentoring(app), subject)
    assert caught.value.values == {"user_id": str(MENTOR)}
    assert subjects(admin) == before


@pytest.mark.parametrize("write", WRITES, ids=["create", "change"])
def test_an_application_says_who_writes_a_subject(
    admin: psycopg.Connection, app: psycopg.Connection, write: Call
) -> None:
    subject = put_subject(admin)
    before = subjects(admin)
    with refused(ActorRequired):
        write(Mentoring(app), subject)
    assert subjects(admin) == before


@pytest.mark.parametrize("role", ["mentorbase_owner", "postgres"])
@pytest.mark.parametrize(
    ("column", "value"), [("id", 99), ("user_id", OUTSIDER), ("created_at", datetime(2099, 1, 1, tzinfo=UTC))]
)
def test_a_subject_stays_with_its_mentor(admin: psycopg.Connection, role: str, column: str, value: object) -> None:
    subject = put_subject(admin)
    before = subjects(admin)
    admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    with refused(ReadOnly) as caught:
        admin.execute(sql.SQL("UPDATE mentoring.subjects SET {} = %s").format(sql.Identifier(column)), [value])
    assert caught.value.values == {"subject_id": str(subject)}
    assert subjects(admin) == before


def test_the_application_changes_no_other_column(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    put_subject(admin)
    before = subjects(admin)
    become(app, MENTOR)
    for column in columns(admin, "subjects") - WRITABLE:
        with refused(NotPermitted, "42501"):
            app.execute(sql.SQL("UPDATE mentoring.subjects SET {} = DEFAULT").format(sql.Identifier(column)))
        if column != "user_id":
            statement = "INSERT INTO mentoring.subjects (user_id, title, {0}) VALUES (1, 'x', DEFAULT)"
            with refused(NotPermitted, "42501"):
                app.execute(sql.SQL(statement).format(sql.Identifier(column)))
    for statement in ("DELETE FROM mentoring.subjects", "TRUNCATE mentoring.subjects CASCADE"):
        with refused(NotPermitted, "42501"):
            app.execute(statement)
    assert subjects(admin) == before
    assert columns(admin, "subjects") >= WRITABLE


def test_a_mentor_that_is_no_user_has_no_subjects(app: psycopg.Connection) -> None:
    with acting(app, 4711), refused(ReferenceViolation, constraint="subjects_user_id_fkey"):
        Mentoring(app).create_subject(4711, title="Algebra")


def test_a_subject_that_is_not_there_is_not_found(app: psycopg.Connection) -> None:
    with refused(NotFound):
        Mentoring(app).subject(4711)
    with acting(app, MENTOR), refused(NotFound):
        Mentoring(app).change_subject(4711, title="Algebra")


@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_a_subject_is_kept_while_it_has_bookings(admin: psycopg.Connection, status: str) -> None:
    subject, unbooked = put_subject(admin), put_subject(admin)
    put_booking(admin, subject, status)
    restricted = "23001" if admin.info.server_version >= 180_000 else "23503"
    with refused(ReferenceViolation, restricted, constraint="subject_schedule_subject_id_fkey"):
        admin.execute("DELETE FROM mentoring.subjects WHERE id = %s", [subject])
    admin.execute("DELETE FROM mentoring.subjects WHERE id = %s", [unbooked])
    assert [row["id"] for row in subjects(admin)] == [subject]


def test_a_mentor_with_subjects_is_not_deleted(admin: psycopg.Connection) -> None:
    put_subject(admin)
    restricted = "23001" if admin.info.server_version >= 180_000 else "23503"
    with refused(ReferenceViolation, restricted, constraint="subjects_user_id_fkey"):
        admin.execute("DELETE FROM auth.users WHERE id = %s", [MENTOR])


def test_pages_show_each_subject_of_the_mentor_once_newest_first(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    for i in range(40):
        put_subject(admin, MENTOR if i % 2 else OUTSIDER, is_active=i % 3 > 0)
    mentoring = Mentoring(app)
    found, after_id = [], LAST
    while page := mentoring.subjects(MENTOR, after_id=after_id, page_size=7):
        found += page
        after_id = page[-1].id
    expected = [row for row in subjects(admin) if row["user_id"] == MENTOR][::-1]
    assert [shown(subject) for subject in found] == expected
    assert len(found) == 20
    assert mentoring.subjects(MENTOR) == found
    assert mentoring.subjects(4711) == []
    for page_size in (0, 501):
        with refused(InvalidArgument):
            mentoring.subjects(MENTOR, page_size=page_size)
