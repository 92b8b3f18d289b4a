"""Teachers and their languages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from groups.home import COLLEAGUE, TEACHER, Home
from mentorbase import SYSTEM, ActorRequired, CefrLevel, InvalidValue, NotPermitted, ReferenceViolation, Teacher
from mentoring.lifecycle import refused


def save(home: Home, telegram_id: int = TEACHER, **given: object) -> Teacher:
    with home.db.transaction(actor=telegram_id) as tx:
        return tx.teachers.save_teacher(telegram_id, **given)


def test_a_teacher_writes_their_own_profile_and_replaces_it(home: Home) -> None:
    made = save(home, specialization="Exams", bio="Patient.", rate=Decimal("12.50"), rate_currency="EUR")
    assert home.db.teachers.teacher(TEACHER) == made
    assert save(home).specialization is None
    assert home.db.teachers.teacher(COLLEAGUE) is None


def test_a_profile_is_written_by_its_own_person(home: Home) -> None:
    save(home)
    with refused(NotPermitted), home.db.transaction(actor=COLLEAGUE) as tx:
        tx.teachers.save_teacher(TEACHER)
    with refused(NotPermitted), home.db.transaction(actor=COLLEAGUE) as tx:
        tx.teachers.save_teacher_language(TEACHER, "en", level=CefrLevel.C1)
    with refused(ActorRequired):
        home.db.teachers.save_teacher(TEACHER)
    with home.db.transaction(actor=SYSTEM) as tx:
        assert not tx.teachers.save_teacher(TEACHER, is_active=False).is_active


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"specialization": " "}, "teachers_specialization_check"),
        ({"rate": Decimal(1)}, "teachers_rate_has_currency_check"),
        ({"rate": Decimal(1), "rate_currency": "euro"}, "teachers_rate_currency_check"),
        ({"timezone": "Moscow"}, "teachers_timezone_check"),
        ({"bio": "x" * 10001}, "teachers_bio_check"),
    ],
)
def test_a_value_outside_what_its_column_allows_is_refused(home: Home, given: dict, constraint: str) -> None:
    with refused(InvalidValue, "23514", constraint=constraint):
        save(home, **given)


@pytest.mark.parametrize("telegram_id", [0, 4503599627370496])
def test_a_telegram_id_lies_between_1_and_two_to_the_52(home: Home, telegram_id: int) -> None:
    with refused(InvalidValue, "23514", constraint="teachers_telegram_id_check"):
        home.system(f"INSERT INTO teachers.teachers (telegram_id) VALUES ({telegram_id})")


def test_a_language_has_a_level_unless_it_is_the_mother_tongue(home: Home) -> None:
    save(home)
    save(home, COLLEAGUE)
    with home.db.transaction(actor=TEACHER) as tx:
        tx.teachers.save_teacher_language(TEACHER, "ru", is_native=True)
        tx.teachers.save_teacher_language(TEACHER, "en", level=CefrLevel.C1)
        tx.teachers.save_teacher_language(TEACHER, "en", level=CefrLevel.C2)
    with (
        refused(InvalidValue, "23514", constraint="teacher_languages_level_check"),
        home.db.transaction(actor=TEACHER) as tx,
    ):
        tx.teachers.save_teacher_language(TEACHER, "de")
    with home.db.transaction(actor=COLLEAGUE) as tx:
        tx.teachers.save_teacher_language(COLLEAGUE, "en", level=CefrLevel.B2)
    spoken = [(own.language, own.level, own.is_native) for own in home.db.teachers.teacher_languages(TEACHER)]
    assert spoken == [("en", CefrLevel.C2, False), ("ru", None, True)]
    assert [t.teacher_telegram_id for t in home.db.teachers.teachers_of("en")] == [TEACHER, COLLEAGUE]
    assert [t.teacher_telegram_id for t in home.db.teachers.teachers_of("en", after_id=TEACHER)] == [COLLEAGUE]
    save(home, COLLEAGUE, is_active=False)
    assert [t.teacher_telegram_id for t in home.db.teachers.teachers_of("en")] == [TEACHER]
    with refused(NotPermitted), home.db.transaction(actor=COLLEAGUE) as tx:
        tx.teachers.remove_teacher_language(TEACHER, "ru")
    with home.db.transaction(actor=TEACHER) as tx:
        assert tx.teachers.remove_teacher_language(TEACHER, "ru") == "ru"
        assert tx.teachers.remove_teacher_language(TEACHER, "ru") is None


def test_only_a_user_is_a_teacher_where_users_are_known(together: Home) -> None:
    with refused(ReferenceViolation, constraint="teachers_telegram_id_fkey"):
        save(together, 999)


def test_the_documented_query_runs_where_the_service_lives_alone(alone: Home) -> None:
    save(alone)
    with alone.admin.transaction():
        alone.admin.execute("SET LOCAL ROLE teachers_app; SET LOCAL search_path = teachers")
        assert len(alone.admin.execute("SELECT * FROM teachers WHERE telegram_id = 101;").fetchall()) == 1
    assert alone.admin.execute("SELECT to_regclass('teachers.groups')").fetchone() == (None,)


def test_what_a_teacher_says_of_themselves_is_recorded_as_changed_only(home: Home) -> None:
    save(home, bio="Patient.")
    save(home, bio="Impatient.")
    found = home.admin.execute("SELECT new_values::text, secret_columns FROM teachers.audit_log ORDER BY id").fetchall()
    assert [secret for _, secret in found] == [["bio"], ["bio"]]
    assert "atient" not in str([values for values, _ in found])
