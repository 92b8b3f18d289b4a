"""When teachers can be booked and when they are away: who writes it, what is refused."""

from __future__ import annotations

from datetime import UTC, date, time

import pytest
from mentorbase import ActorRequired, Calendar, InvalidArgument, InvalidValue, NotFound, NotPermitted, ReadOnly

from .school import ADMIN, OTHER, TEACHER, acting, at, refused, rows

WINDOW = {
    "weekday": 1,
    "starts_local": time(9),
    "ends_local": time(17),
    "timezone": "Europe/Berlin",
    "valid_from": date(2026, 1, 1),
}


def test_a_window_is_offered_ended_and_forgotten(app):
    with acting(app, str(TEACHER)):
        calendar = Calendar(app)
        first = calendar.add_schedule(TEACHER, **WINDOW)
        second = calendar.add_schedule(TEACHER, **WINDOW | {"weekday": 7, "ends_local": time(0)})
        assert (first.starts_local, first.ends_local, first.valid_to) == (time(9), time(17), None)
        assert calendar.schedules(TEACHER) == [second, first]
        assert calendar.schedules(TEACHER, after_id=second.id, page_size=1) == [first]
        assert calendar.end_schedule(first.id, date(2026, 7, 1)).valid_to == date(2026, 7, 1)
        assert calendar.remove_schedule(second.id) == second
    with refused(NotFound), acting(app, str(TEACHER)):
        Calendar(app).remove_schedule(second.id)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"timezone": "Mars/Phobos"}, "teacher_schedules_timezone_check"),
        ({"timezone": "CET"}, "teacher_schedules_timezone_check"),
        ({"valid_to": date(2026, 1, 1)}, "teacher_schedules_valid_to_check"),
        ({"valid_from": date(1960, 1, 1)}, "teacher_schedules_valid_from_check"),
    ],
)
def test_a_value_outside_its_column_is_named(app, change, constraint):
    with refused(InvalidValue, constraint=constraint), acting(app, str(TEACHER)):
        Calendar(app).add_schedule(TEACHER, **WINDOW | change)


def test_the_database_takes_no_other_weekday_or_time_either(admin):
    for values, constraint in (
        ((0, "09:00", "10:00"), "teacher_schedules_weekday_check"),
        ((8, "09:00", "10:00"), "teacher_schedules_weekday_check"),
        ((1, "09:00", "24:00"), "teacher_schedules_local_times_check"),
    ):
        with refused(InvalidValue, constraint=constraint), acting(admin, "system"):
            admin.execute(
                """
                INSERT INTO calendar.teacher_schedules (
                    teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from
                ) VALUES (1, %s, %s, %s, 'UTC', '2026-01-01')
                """,
                values,
            )


@pytest.mark.parametrize("change", [{"weekday": 0}, {"weekday": 8}, {"starts_local": time(9, tzinfo=UTC)}])
def test_an_argument_that_makes_no_sense_is_refused_before_it_is_sent(app, change):
    with refused(InvalidArgument):
        Calendar(app).add_schedule(TEACHER, **WINDOW | change)


def test_an_absence_lies_between_two_instants(app):
    for starts_at, ends_at in ((at(1), at(1)), (at(2), at(1))):
        with refused(InvalidValue, constraint="teacher_unavailable_ends_at_check"), acting(app, str(TEACHER)):
            Calendar(app).add_absence(TEACHER, starts_at, ends_at)


@pytest.mark.parametrize(
    "statement",
    [
        """
        INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)
        VALUES (9001, now(), now() + interval '1 hour')
        """,
        "UPDATE calendar.teacher_unavailable SET ends_at = ends_at + '1 hour'",
        "DELETE FROM calendar.teacher_unavailable",
        """
        INSERT INTO calendar.teacher_schedules (
            teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from
        ) VALUES (9001, 1, '09:00', '10:00', 'UTC', '2026-01-01')
        """,
        "UPDATE calendar.teacher_schedules SET weekday = 2",
        "DELETE FROM calendar.teacher_schedules",
    ],
)
def test_a_teacher_s_times_are_the_teacher_s(app, admin, statement):
    with acting(app, str(TEACHER)):
        Calendar(app).add_schedule(TEACHER, **WINDOW)
        Calendar(app).add_absence(TEACHER, at(1), at(2))
    with refused(NotPermitted), acting(app, str(OTHER)):
        app.execute(statement)
    with refused(ActorRequired):
        app.execute(statement)
    for setting in (str(TEACHER), f"admin:{ADMIN}", "system"):
        with acting(app, setting):
            app.execute(statement)
    assert {row["operation"] for row in rows(admin, "audit_log")} >= {"insert", statement.split()[0].lower()}


def test_times_stay_with_their_teacher(app, admin):
    with acting(app, str(TEACHER)):
        Calendar(app).add_absence(TEACHER, at(1), at(2))
    for change in (f"teacher_telegram_id = {OTHER}", "id = 99"):
        with refused(ReadOnly), acting(admin, str(TEACHER)):
            admin.execute(f"UPDATE calendar.teacher_unavailable SET {change}")
