"""People: registered, found, and kept out of every error text."""

from __future__ import annotations

import traceback
from typing import Any

import psycopg
import pytest
from mentorbase import (
    ActorRequired,
    AlreadyExists,
    Auth,
    InvalidArgument,
    InvalidValue,
    NotFound,
    NotPermitted,
    ReadOnly,
    Refusal,
    User,
    UserRole,
)
from mentorbase.errors import translated
from psycopg import sql

WHOLE: dict[str, Any] = {
    "first_name": "Анна",
    "telegram_id": 4503599627370495,
    "role": UserRole.TEACHER,
    "username": "anna_k",
    "last_name": "Каренина",
    "language_code": "pt-BR",
    "timezone": "Europe/Berlin",
}
SECRET = {
    "telegram_id": 987654321,
    "first_name": "Wilhelmina",
    "last_name": "Sesamstrasse",
    "username": "willa_private",
}
INVALID: list[tuple[str, dict[str, Any]]] = [
    ("telegram_id", {"telegram_id": 0}),
    ("telegram_id", {"telegram_id": -5}),
    ("telegram_id", {"telegram_id": 4503599627370496}),
    ("username", {"username": ""}),
    ("username", {"username": "x" * 65}),
    ("first_name", {"first_name": ""}),
    ("first_name", {"first_name": "x" * 65}),
    ("last_name", {"last_name": ""}),
    ("last_name", {"last_name": "x" * 65}),
    ("language_code", {"language_code": ""}),
    ("language_code", {"language_code": "english"}),
    ("language_code", {"language_code": "RU"}),
    ("language_code", {"language_code": "ru_RU"}),
    ("timezone", {"timezone": "Moscow"}),
    ("timezone", {"timezone": "europe/berlin"}),
    ("timezone", {"timezone": "Europe/Nowhere"}),
    ("timezone", {"timezone": "UTC+3"}),
]


def create(app: psycopg.Connection, **given: Any) -> User:
    with app.transaction():
        app.execute("SET LOCAL mentorbase.actor = 'system'")
        return Auth(app).create_user(**given)


def count(admin: psycopg.Connection) -> int:
    [[found]] = admin.execute("SELECT count(*) FROM auth.users").fetchall()
    return int(found)


def test_a_person_is_registered_and_found_by_id_and_by_telegram(app: psycopg.Connection) -> None:
    made = create(app, **WHOLE)
    assert {name: getattr(made, name) for name in WHOLE} == WHOLE
    assert made.is_active
    assert made.created_at == made.updated_at
    assert Auth(app).user(made.id) == made
    assert Auth(app).user_by_telegram_id(WHOLE["telegram_id"]) == made


def test_a_person_has_the_documented_defaults(app: psycopg.Connection) -> None:
    made = create(app, first_name="A")
    assert (made.role, made.language_code, made.timezone, made.is_active) == (UserRole.STUDENT, "en", "UTC", True)
    assert made.telegram_id is made.username is made.last_name is None


def test_many_may_have_no_telegram_account(app: psycopg.Connection) -> None:
    assert create(app, first_name="A").id != create(app, first_name="B").id


def test_nobody_is_not_found(app: psycopg.Connection) -> None:
    with pytest.raises(NotFound) as caught:
        Auth(app).user(4711)
    assert type(caught.value) is NotFound
    assert caught.value.sqlstate == "MB004"
    assert Auth(app).user_by_telegram_id(4711) is None


def test_a_value_outside_what_its_column_allows_is_refused_by_name_without_quoting_the_row(
    subtests: pytest.Subtests, admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    app.execute("SET mentorbase.actor = 'system'")
    for column, given in INVALID:
        values = SECRET | given
        with subtests.test(**given):
            with pytest.raises(InvalidValue) as caught, translated:
                app.execute(
                    sql.SQL("INSERT INTO auth.users ({}) VALUES ({})").format(
                        sql.SQL(", ").join(map(sql.Identifier, values)),
                        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
                    ),
                    list(values.values()),
                )
            assert type(caught.value) is InvalidValue
            assert (caught.value.sqlstate, caught.value.constraint) == ("23514", f"users_{column}_check")
            assert caught.value.message.startswith(column)
            assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)
            assert_silent(caught.value)
    assert count(admin) == 0


def test_the_dao_passes_on_what_the_database_refuses_without_quoting_the_row(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    with pytest.raises(InvalidValue) as caught:
        create(app, **SECRET | {"timezone": "Moscow"})
    assert (caught.value.sqlstate, caught.value.constraint) == ("23514", "users_timezone_check")
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)
    assert_silent(caught.value)
    assert count(admin) == 0


def test_every_check_of_a_user_is_tested_here(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'auth.users'::regclass AND contype = 'c'"
    ).fetchall()
    assert {name for (name,) in found} == {f"users_{column}_check" for column, _ in INVALID}


@pytest.mark.parametrize("given", [{"telegram_id": 1}, {"username": "x" * 64}, {"first_name": "ж" * 64}])
def test_the_outermost_values_allowed_are_kept(app: psycopg.Connection, given: dict[str, Any]) -> None:
    made = create(app, **{"first_name": "A"} | given)
    assert {name: getattr(made, name) for name in given} == given


@pytest.mark.parametrize(
    ("argument", "value"), [("first_name", None), ("role", "teacher"), ("telegram_id", "5"), ("telegram_id", True)]
)
def test_a_value_of_another_type_is_refused_before_the_database(
    app: psycopg.Connection, argument: str, value: Any
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(app, **{"first_name": "A"} | {argument: value})
    assert caught.value.sqlstate == "MB007"
    assert caught.value.values == {"argument": argument}


def test_a_telegram_account_belongs_to_one_user(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    create(app, first_name="A", telegram_id=5)
    with pytest.raises(AlreadyExists) as caught:
        create(app, first_name="B", telegram_id=5)
    assert type(caught.value) is AlreadyExists
    assert (caught.value.sqlstate, caught.value.constraint) == ("23505", "users_telegram_id_key")
    assert caught.value.message == "A Telegram account belongs to one user only"
    assert count(admin) == 1


def test_registering_needs_an_actor(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    with pytest.raises(ActorRequired) as caught:
        Auth(app).create_user(first_name="A")
    assert caught.value.sqlstate == "MB001"
    assert count(admin) == 0


@pytest.mark.parametrize(
    "statement", ["UPDATE auth.users SET first_name = 'B'", "UPDATE auth.users SET is_active = false"]
)
def test_a_change_by_hand_needs_an_actor(
    admin: psycopg.Connection, app: psycopg.Connection, people: list[int], statement: str
) -> None:
    before = admin.execute("SELECT * FROM auth.users ORDER BY id").fetchall()
    with pytest.raises(psycopg.Error) as caught:
        app.execute(statement)
    assert caught.value.sqlstate == "MB001"
    assert admin.execute("SELECT * FROM auth.users ORDER BY id").fetchall() == before


def test_a_change_moves_updated_at_and_nothing_else(app: psycopg.Connection) -> None:
    before = create(app, **WHOLE)
    app.execute("SELECT set_config('mentorbase.actor', %s, false)", [str(before.id)])
    app.execute("UPDATE auth.users SET first_name = 'Anna'")
    after = Auth(app).user(before.id)
    assert after.first_name == "Anna"
    assert after.updated_at > before.updated_at
    assert {name for name in User.__dataclass_fields__ if getattr(after, name) != getattr(before, name)} == {
        "first_name",
        "updated_at",
    }


OWN = ["username = 'b'", "first_name = 'B'", "last_name = 'B'", "language_code = 'ru'", "timezone = 'Europe/Berlin'"]
DECIDED = ["telegram_id = 5", "role = 'admin'", "is_active = false"]


def test_a_person_changes_their_own_name_language_and_zone_and_nobody_elses(
    app: psycopg.Connection, people: list[int]
) -> None:
    app.execute("SET mentorbase.actor = '1'")
    for change in OWN:
        app.execute(f"UPDATE auth.users SET {change} WHERE id = 1")
        with pytest.raises(NotPermitted) as caught, translated:
            app.execute(f"UPDATE auth.users SET {change} WHERE id = 2")
        assert (caught.value.sqlstate, caught.value.values) == ("MB002", {"user_id": "2"})
    one, two = Auth(app).user(1), Auth(app).user(2)
    assert (one.username, one.first_name, one.last_name, one.language_code, one.timezone) == (
        *("b", "B", "B", "ru", "Europe/Berlin"),
    )
    assert two.first_name == "Person 2"


def test_a_person_decides_neither_their_account_nor_their_role_nor_whether_they_are_active(
    app: psycopg.Connection, people: list[int]
) -> None:
    before = Auth(app).user(1)
    app.execute("SET mentorbase.actor = '1'")
    for change in DECIDED:
        with pytest.raises(NotPermitted) as caught, translated:
            app.execute(f"UPDATE auth.users SET {change} WHERE id = 1")
        assert (caught.value.sqlstate, caught.value.values) == ("MB002", {"user_id": "1"})
    assert Auth(app).user(1) == before


@pytest.mark.parametrize("actor", ["system", "admin:3"])
def test_an_administrator_and_the_system_change_anybody(app: psycopg.Connection, people: list[int], actor: str) -> None:
    app.execute("SELECT set_config('mentorbase.actor', %s, false)", [actor])
    for change in OWN + DECIDED:
        app.execute(f"UPDATE auth.users SET {change} WHERE id = 1")
    assert (Auth(app).user(1).role, Auth(app).user(1).telegram_id) == (UserRole.ADMIN, 5)


def test_a_person_registers_nobody(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    app.execute("SET mentorbase.actor = '1'")
    with pytest.raises(NotPermitted) as caught:
        Auth(app).create_user(first_name="A")
    assert caught.value.sqlstate == "MB002"
    assert count(admin) == 0


@pytest.mark.parametrize("change", ["id = 99", "created_at = '2000-01-01'"])
def test_even_the_owner_changes_neither_id_nor_created_at(
    admin: psycopg.Connection, people: list[int], change: str
) -> None:
    with pytest.raises(ReadOnly) as caught, translated:
        admin.execute(f"UPDATE auth.users SET {change} WHERE id = 1")
    assert (caught.value.sqlstate, caught.value.values) == ("MB006", {"user_id": "1"})


@pytest.mark.parametrize("column", ["id", "created_at", "updated_at"])
def test_an_application_may_not_change_what_the_database_keeps(
    app: psycopg.Connection, people: list[int], column: str
) -> None:
    app.execute("SET mentorbase.actor = '1'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        app.execute(sql.SQL("UPDATE auth.users SET {} = DEFAULT").format(sql.Identifier(column)))
    assert caught.value.sqlstate == "42501"


@pytest.mark.parametrize("statement", ["DELETE FROM auth.users", "TRUNCATE auth.users"])
def test_an_application_deletes_nobody(app: psycopg.Connection, people: list[int], statement: str) -> None:
    app.execute("SET mentorbase.actor = '1'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        app.execute(statement)
    assert caught.value.sqlstate == "42501"


def test_an_analyst_sees_nobody(reader: psycopg.Connection) -> None:
    with pytest.raises(NotPermitted) as caught:
        Auth(reader).user(1)
    assert caught.value.sqlstate == "42501"


def assert_silent(error: Refusal) -> None:
    """Nothing of `SECRET` and no row is quoted, however the exception is shown or logged."""
    shown = [str(error), repr(error), str(error.args), error.detail, error.hint]
    shown += [str(error.__cause__), repr(error.__cause__), str(getattr(error.__cause__, "args", ""))]
    shown += [str(error.__context__), *traceback.format_exception(error)]
    text = "\n".join(shown)
    for value in SECRET.values():
        assert str(value) not in text
    assert "Failing row contains" not in text
    assert "already exists." not in text


def test_a_duplicate_telegram_account_is_refused_without_quoting_anybody(app: psycopg.Connection) -> None:
    create(app, **SECRET)
    with pytest.raises(AlreadyExists) as caught:
        create(app, **SECRET)
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)
    assert_silent(caught.value)


def test_a_missing_name_is_refused_without_quoting_the_row(app: psycopg.Connection) -> None:
    app.execute("SET mentorbase.actor = 'system'")
    with pytest.raises(InvalidValue) as caught, translated:
        app.execute(
            "INSERT INTO auth.users (telegram_id, username, last_name, first_name) VALUES (%s, %s, %s, NULL)",
            [SECRET["telegram_id"], SECRET["username"], SECRET["last_name"]],
        )
    assert caught.value.sqlstate == "23502"
    assert_silent(caught.value)


def test_an_argument_of_another_type_is_refused_without_quoting_it(app: psycopg.Connection) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(app, **SECRET | {"telegram_id": str(SECRET["telegram_id"])})
    assert_silent(caught.value)
