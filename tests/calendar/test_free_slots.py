"""When a teacher can be booked, compared with a slow model that walks the minutes with Python's zoneinfo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mentorbase import Calendar, InvalidArgument

from .school import DAY, HOUR, OTHER, STUDENT, TEACHER, acting, imported, refused

MINUTE = timedelta(minutes=1)

# Days around which clocks change: both hemispheres, half an hour, at midnight, and a day that was left out.
CHANGES = {
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "America/New_York": [date(2026, 3, 8), date(2026, 11, 1)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],
    "America/Havana": [date(2025, 3, 9), date(2025, 11, 2)],
    "Pacific/Apia": [date(2011, 12, 30), date(2011, 9, 24), date(2012, 4, 1)],
    "Asia/Kolkata": [date(2026, 3, 29)],
    "UTC": [date(2026, 3, 29)],
}


class Window(NamedTuple):
    weekday: int
    starts: time
    ends: time
    zone: str
    valid_from: date
    valid_to: date | None


Span = tuple[datetime, datetime]


# -- The model


def model_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks show *local*, or something later where they jump over it."""
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # fold=0 applies the offset before the jump, so the jump lies before: walk to it.
    while (instant - MINUTE).astimezone(zone).replace(tzinfo=None) > local:
        instant -= MINUTE
    return instant


def model_open(window: Window, since: datetime, until: datetime) -> Iterator[Span]:
    zone = ZoneInfo(window.zone)
    day = since.astimezone(zone).date() - 3 * DAY
    while day <= until.astimezone(zone).date() + 3 * DAY:
        valid = window.valid_from <= day and (window.valid_to is None or day < window.valid_to)
        if valid and day.isoweekday() == window.weekday:
            last = day + DAY if window.ends <= window.starts else day
            yield (
                model_instant(datetime.combine(day, window.starts), zone),
                model_instant(datetime.combine(last, window.ends), zone),
            )
        day += DAY


def model_slots(windows: list[Window], busy: list[Span], since: datetime, until: datetime, length: timedelta):
    """Minute by minute: free while some window is open and nothing is on; cut where so many are free in a row."""
    opened = [span for window in windows for span in model_open(window, since, until)]
    found: list[Span] = []
    run = 0
    now = since
    while now < until:
        free = any(a <= now < b for a, b in opened) and not any(a <= now < b for a, b in busy)
        run = run + 1 if free else 0
        now += MINUTE
        if run * MINUTE == length:
            found.append((now - length, now))
            run = 0
    return found


# -- The database


def ask(app: psycopg.Connection, since: datetime, until: datetime, length: timedelta) -> list[Span]:
    return [(slot.starts_at, slot.ends_at) for slot in Calendar(app).free_slots(TEACHER, since, until, length)]


def enter(admin: psycopg.Connection, windows: list[Window], busy: list[tuple[str, Span]]) -> None:
    """Windows, and what stands in their way: an absence, a lesson given, taken part in, cancelled or of another's."""
    for table in ("lesson_participants", "lessons", "teacher_schedules", "teacher_unavailable"):
        admin.execute(f"DELETE FROM calendar.{table}")
    with acting(admin, "system"):
        for window in windows:
            admin.execute(
                """
                INSERT INTO calendar.teacher_schedules (
                    teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from, valid_to
                ) VALUES (%s, %s, %s, %s, %s, %s, %s)
                """,
                [TEACHER, *window],
            )
    for kind, (begin, finish) in busy:
        if kind == "away":
            with acting(admin, "system"):
                admin.execute(
                    "INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)"
                    " VALUES (%s, %s, %s)",
                    [TEACHER, begin, finish],
                )
        elif kind == "learns":
            imported(admin, begin, finish, teacher=OTHER, students=(TEACHER,))
        else:
            imported(admin, begin, finish, status="cancelled" if kind == "cancelled" else "planned", students=())


@st.composite
def scenes(draw):
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    clock = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
    # Mostly the hours in which clocks change.
    early = st.builds(time, st.integers(0, 4), st.sampled_from([0, 15, 30, 45]))
    windows = draw(
        st.lists(
            st.builds(
                Window,
                st.sampled_from([(change + n * DAY).isoweekday() for n in (-1, 0, 0, 0, 1)]),
                early | clock,
                early | clock,
                st.just(zone) | st.sampled_from(sorted(CHANGES)),
                st.sampled_from([change - 30 * DAY, change, change + DAY]),
                st.sampled_from([None, None, change + DAY, change + 30 * DAY]),
            ).filter(lambda window: window.valid_to is None or window.valid_to > window.valid_from),
            min_size=1,
            max_size=3,
        )
    )
    midnight = datetime.combine(change, time(0), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    since = midnight + draw(st.integers(-36 * 4, 6 * 4)) * 15 * MINUTE
    until = since + draw(st.integers(1, 48 * 4)) * 15 * MINUTE
    busy: list[tuple[str, Span]] = []
    cursor = since - HOUR
    for kind in draw(st.lists(st.sampled_from(["away", "gives", "learns", "cancelled"]), max_size=4)):
        begin = cursor + draw(st.integers(0, 20)) * 15 * MINUTE
        cursor = begin + draw(st.sampled_from([15, 20, 60, 150])) * MINUTE
        busy.append((kind, (begin, cursor)))
    return windows, busy, since, until, draw(st.sampled_from([15, 25, 30, 60, 90])) * MINUTE


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(scene=scenes())
def test_free_slots_are_those_of_a_model_that_walks_the_minutes(admin, app, scene):
    windows, busy, since, until, length = scene
    enter(admin, windows, busy)
    taken = [span for kind, span in busy if kind != "cancelled"]
    assert ask(app, since, until, length) == model_slots(windows, taken, since, until, length)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_local_time_is_the_instant_that_the_model_finds(app, data):
    zone = data.draw(st.sampled_from([*sorted(CHANGES), "Europe/Dublin", "Australia/Sydney", "America/St_Johns"]))
    change = data.draw(st.sampled_from(CHANGES.get(zone, [date(2026, 3, 29), date(2026, 10, 4), date(2026, 11, 1)])))
    local = datetime.combine(change, time(0)) + data.draw(st.integers(-1500, 3000)) * MINUTE
    found = app.execute("SELECT calendar.instant_of(%s::timestamp, %s)", [local, zone]).fetchone()
    assert found == (model_instant(local, ZoneInfo(zone)),)


# -- Said by hand


def week(admin, starts: str, ends: str, day: date, zone="Europe/Berlin"):
    enter(admin, [Window(day.isoweekday(), time.fromisoformat(starts), time.fromisoformat(ends), zone, day, None)], [])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "starts", "ends", "begins_at", "finishes_at"),
    [
        # A common day: 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer.
        ("2026-03-28", "09:00", "11:00", "2026-03-28 08:00", "2026-03-28 10:00"),
        ("2026-03-29", "09:00", "10:00", "2026-03-29 07:00", "2026-03-29 08:00"),
        # Clocks jump from 02:00 to 03:00: that hour does not exist, and a window across it is an hour shorter.
        ("2026-03-29", "02:00", "03:00", "2026-03-29 01:00", "2026-03-29 01:00"),
        ("2026-03-29", "01:00", "04:00", "2026-03-29 00:00", "2026-03-29 02:00"),
        ("2026-03-29", "02:30", "04:00", "2026-03-29 01:00", "2026-03-29 02:00"),
        # They go back from 03:00 to 02:00: that hour exists twice, and a window across it is an hour longer.
        ("2026-10-25", "02:00", "03:00", "2026-10-25 00:00", "2026-10-25 02:00"),
        # Half past two means the first one.
        ("2026-10-25", "01:30", "02:30", "2026-10-24 23:30", "2026-10-25 00:30"),
        ("2026-10-25", "02:30", "04:00", "2026-10-25 00:30", "2026-10-25 02:30"),
        # Until midnight, and past it.
        ("2026-06-01", "23:00", "00:00", "2026-06-01 21:00", "2026-06-01 22:00"),
        ("2026-06-01", "23:30", "00:45", "2026-06-01 21:30", "2026-06-01 22:30"),
    ],
)
def test_windows_at_both_changes_of_the_clocks(admin, app, day, starts, ends, begins_at, finishes_at):
    local_day = date.fromisoformat(day)
    week(admin, starts, ends, local_day)
    noon = datetime.combine(local_day, time(12), tzinfo=UTC)
    hours = (utc(finishes_at) - utc(begins_at)) // HOUR
    expected = [(utc(begins_at) + n * HOUR, utc(begins_at) + (n + 1) * HOUR) for n in range(hours)]
    assert ask(app, noon - DAY, noon + DAY, HOUR) == expected


def test_windows_that_meet_at_a_time_that_exists_twice_neither_overlap_nor_leave_a_gap(admin, app):
    sunday = date(2026, 10, 25)
    one = Window(7, time(1), time(2, 30), "Europe/Berlin", sunday, None)
    enter(admin, [one, one._replace(starts=time(2, 30), ends=time(4))], [])
    found = ask(app, utc("2026-10-24 12:00"), utc("2026-10-25 12:00"), 4 * HOUR)
    assert found == [(utc("2026-10-24 23:00"), utc("2026-10-25 03:00"))]


def test_a_slot_is_only_as_long_as_asked_and_a_rest_is_left_out(admin, app):
    monday = date(2026, 6, 1)
    enter(
        admin,
        [Window(1, time(9), time(12), "UTC", monday, None)],
        [("gives", (utc("2026-06-01 10:00"), utc("2026-06-01 10:20")))],
    )
    found = ask(app, utc("2026-06-01 00:00"), utc("2026-06-02 00:00"), 40 * MINUTE)
    assert found == [
        (utc("2026-06-01 09:00"), utc("2026-06-01 09:40")),
        (utc("2026-06-01 10:20"), utc("2026-06-01 11:00")),
        (utc("2026-06-01 11:00"), utc("2026-06-01 11:40")),
    ]


@pytest.mark.parametrize(("kind", "free"), [("away", 0), ("gives", 0), ("learns", 0), ("cancelled", 1)])
def test_whatever_takes_the_teacher_s_time_takes_the_slot(admin, app, kind, free):
    window = Window(1, time(9), time(10), "UTC", date(2026, 6, 1), None)
    enter(admin, [window], [(kind, (utc("2026-06-01 09:30"), utc("2026-06-01 09:40")))])
    assert len(ask(app, utc("2026-06-01 00:00"), utc("2026-06-02 00:00"), HOUR)) == free


def test_who_has_no_schedule_has_no_free_slots(app):
    assert ask(app, utc("2026-06-01 00:00"), utc("2026-06-08 00:00"), HOUR) == []
    assert Calendar(app).free_slots(STUDENT, utc("2026-06-01 00:00"), utc("2026-06-08 00:00"), HOUR) == []


@pytest.mark.parametrize(
    ("since", "until", "length"),
    [
        ("2026-06-01 00:00", "2026-06-01 00:00", HOUR),
        ("2026-06-02 00:00", "2026-06-01 00:00", HOUR),
        ("2026-06-01 00:00", "2027-06-03 00:00", HOUR),
        ("2026-06-01 00:00", "2026-06-02 00:00", timedelta(seconds=59)),
        ("2026-06-01 00:00", "2026-06-02 00:00", timedelta(hours=24, seconds=1)),
        ("2026-06-01 00:00", "2026-06-02 00:00", -HOUR),
    ],
)
def test_a_search_without_sense_is_refused(app, since, until, length):
    with refused(InvalidArgument):
        ask(app, utc(since), utc(until), length)


def test_every_slot_that_is_free_can_be_booked(admin, app):
    friday = date(2031, 6, 6)
    enter(admin, [Window(5, time(9), time(17), "America/New_York", friday, None)], [])
    calendar = Calendar(app)
    since = datetime(2031, 6, 6, tzinfo=UTC)
    slots = calendar.free_slots(TEACHER, since, since + 2 * DAY, HOUR)
    assert len(slots) == 8
    for slot in slots:
        calendar.plan_lesson(TEACHER, "Free", slot.starts_at, slot.ends_at, actor_id=TEACHER)
    assert calendar.free_slots(TEACHER, since, since + 2 * DAY, HOUR) == []
