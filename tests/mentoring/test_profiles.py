"""People as mentors and as learners."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from mentorbase import (
    ActorRequired,
    InvalidArgument,
    InvalidValue,
    Mentoring,
    NotPermitted,
    Profile,
    ReadOnly,
    ReferenceViolation,
)
from mentoring.lifecycle import MENTEE, MENTOR, OUTSIDER, SETTING, acting, become, limit, put, refused, scenes
from psycopg import sql

pytestmark = pytest.mark.usefixtures("people")
WHOLE: dict[str, Any] = {
    "mentor_bio": "Twenty years of chess",
    "mentor_rate": Decimal("12.50"),
    "mentor_rate_currency": "EUR",
    "mentor_available": False,
    "max_mentees": 4,
    "learning_goals": "French",
    "preferred_learning_style": "by doing",
    "timezone": "Europe/Berlin",
}


def save(app: psycopg.Connection, **given: Any) -> Profile:
    with acting(app, MENTOR):
        return Mentoring(app).save_profile(MENTOR, **given)


def said(profile: Profile | None) -> dict[str, Any]:
    assert profile
    return {name: getattr(profile, name) for name in WHOLE}


def test_a_profile_is_saved_read_and_replaced_whole(app: psycopg.Connection) -> None:
    mentoring = Mentoring(app)
    assert mentoring.profile(MENTOR) is None
    with acting(app, MENTOR):
        saved = mentoring.save_profile(MENTOR, **WHOLE)
    assert said(saved) == WHOLE
    assert mentoring.profile(MENTOR) == saved
    assert saved.created_at == saved.updated_at

    with acting(app, MENTOR):
        replaced = mentoring.save_profile(MENTOR, mentor_bio="Retired")
    assert said(replaced) == dict.fromkeys(WHOLE) | {
        "mentor_bio": "Retired",
        "mentor_available": True,
        "timezone": "UTC",
    }
    assert mentoring.profile(MENTOR) == replaced
    assert replaced.created_at == saved.created_at
    assert replaced.updated_at > saved.updated_at


@pytest.mark.parametrize("who", ["mentor", "admin", "system"])
def test_a_person_an_administrator_and_the_system_write_a_profile(app: psycopg.Connection, who: str) -> None:
    with acting(app, SETTING[who]):
        assert Mentoring(app).save_profile(MENTOR, **WHOLE).user_id == MENTOR
        assert Mentoring(app).save_profile(MENTOR).max_mentees is None


@pytest.mark.parametrize("there", [False, True])
def test_another_person_writes_no_profile(admin: psycopg.Connection, app: psycopg.Connection, there: bool) -> None:
    if there:
        limit(admin, 3)
    before = Mentoring(app).profile(MENTOR)
    with acting(app, OUTSIDER), refused(NotPermitted) as caught:
        Mentoring(app).save_profile(MENTOR, **WHOLE)
    assert caught.value.values == {"user_id": str(MENTOR)}
    assert Mentoring(app).profile(MENTOR) == before


def test_another_person_updates_no_profile_by_hand(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 3)
    become(app, OUTSIDER)
    with refused(NotPermitted):
        app.execute("UPDATE mentoring.user_profiles SET max_mentees = 9")
    become(app, MENTOR)
    app.execute("UPDATE mentoring.user_profiles SET max_mentees = 9")
    profile = Mentoring(app).profile(MENTOR)
    assert profile
    assert profile.max_mentees == 9


@pytest.mark.parametrize("there", [False, True])
def test_a_profile_needs_an_actor(admin: psycopg.Connection, app: psycopg.Connection, there: bool) -> None:
    if there:
        limit(admin, 3)
    before = Mentoring(app).profile(MENTOR)
    with refused(ActorRequired):
        Mentoring(app).save_profile(MENTOR, **WHOLE)
    assert Mentoring(app).profile(MENTOR) == before


def test_a_profile_stays_with_its_person(admin: psycopg.Connection) -> None:
    limit(admin, 3)
    with refused(ReadOnly) as caught:
        admin.execute("UPDATE mentoring.user_profiles SET user_id = %s", [OUTSIDER])
    assert caught.value.values == {"user_id": str(MENTOR)}
    assert admin.execute("SELECT user_id FROM mentoring.user_profiles").fetchall() == [(MENTOR,)]


def test_a_profile_belongs_to_a_user(app: psycopg.Connection) -> None:
    with refused(ReferenceViolation, "23503", constraint="user_profiles_user_id_fkey"), acting(app, "system"):
        Mentoring(app).save_profile(404)


@pytest.mark.parametrize(
    ("constraint", "given"),
    [
        ("mentor_bio_check", {"mentor_bio": "x" * 10001}),
        ("mentor_rate_check", {"mentor_rate": Decimal("-0.01"), "mentor_rate_currency": "EUR"}),
        ("mentor_rate_currency_check", {"mentor_rate": Decimal(1), "mentor_rate_currency": "euro"}),
        ("mentor_rate_currency_check", {"mentor_rate": Decimal(1), "mentor_rate_currency": "EUR\n"}),
        ("rate_has_currency_check", {"mentor_rate": Decimal(1)}),
        ("rate_has_currency_check", {"mentor_rate_currency": "EUR"}),
        ("max_mentees_check", {"max_mentees": -1}),
        ("learning_goals_check", {"learning_goals": "x" * 10001}),
        ("preferred_learning_style_check", {"preferred_learning_style": "x" * 51}),
        ("timezone_check", {"timezone": "Mars/Olympus"}),
        ("timezone_check", {"timezone": "CET"}),
        ("timezone_check", {"timezone": ""}),
    ],
)
def test_a_value_outside_what_its_column_allows_is_refused_by_name(
    app: psycopg.Connection, constraint: str, given: dict[str, Any]
) -> None:
    become(app, MENTOR)
    with refused(InvalidValue, "23514", constraint=f"user_profiles_{constraint}") as caught:
        app.execute(
            sql.SQL("INSERT INTO mentoring.user_profiles (user_id, {}) VALUES (%s, {})").format(
                sql.SQL(", ").join(map(sql.Identifier, given)), sql.SQL(", ").join([sql.Placeholder()] * len(given))
            ),
            [MENTOR, *given.values()],
        )
    assert "xxx" not in str(caught.value) + str(caught.value.__cause__)
    assert Mentoring(app).profile(MENTOR) is None


def test_the_dao_passes_on_what_the_database_refuses(app: psycopg.Connection) -> None:
    with refused(InvalidValue, "23514", constraint="user_profiles_rate_has_currency_check") as caught:
        save(app, mentor_rate=Decimal(1))
    assert caught.value.message == "mentor_rate and mentor_rate_currency are given together or not at all"
    assert Mentoring(app).profile(MENTOR) is None


@pytest.mark.parametrize(("argument", "value"), [("max_mentees", -1), ("max_mentees", 2**31), ("max_mentees", "3")])
def test_what_no_column_could_hold_is_refused_before_the_database(
    app: psycopg.Connection, argument: str, value: Any
) -> None:
    with refused(InvalidArgument) as caught:
        save(app, **{argument: value})
    assert caught.value.values == {"argument": argument}
    assert caught.value.__cause__ is None


def test_every_check_of_a_profile_is_tested_here(admin: psycopg.Connection) -> None:
    [marker] = [
        mark
        for mark in test_a_value_outside_what_its_column_allows_is_refused_by_name.pytestmark
        if mark.name == "parametrize"
    ]
    found = admin.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'mentoring.user_profiles'::regclass AND contype = 'c'"
    ).fetchall()
    assert {name for (name,) in found} == {f"user_profiles_{constraint}" for constraint, _ in marker.args[1]}


def test_the_longest_values_allowed_are_kept_as_they_are(app: psycopg.Connection) -> None:
    whole = WHOLE | {
        "mentor_bio": "ж" * 10000,
        "mentor_rate": Decimal("9999999999.99"),
        "max_mentees": 0,
        "learning_goals": "ж" * 10000,
        "preferred_learning_style": "ж" * 50,
    }
    with acting(app, MENTOR):
        assert said(Mentoring(app).save_profile(MENTOR, **whole)) == whole


def test_taking_a_place_is_no_change_by_a_person(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    limit(admin, 3)
    before = Mentoring(app).profile(MENTOR)
    Mentoring(app).accept(put(admin, scenes("pending")[1]), actor_id=MENTOR)
    assert Mentoring(app).profile(MENTOR) == before
    assert Mentoring(app).profile(MENTEE) is None
