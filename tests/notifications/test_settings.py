"""What people want to hear of, and when not: by the clock on their wall, whatever it does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    Channel,
    InvalidValue,
    NotificationStatus,
    NotPermitted,
    ReferenceViolation,
)
from mentoring.lifecycle import refused

TELEGRAM = Channel.TELEGRAM
PENDING, WAITING, CANCELLED = NotificationStatus.PENDING, NotificationStatus.WAITING, NotificationStatus.CANCELLED


@pytest.fixture(autouse=True)
def person(admin: psycopg.Connection) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO auth.users (id, telegram_id, first_name) VALUES (1, 1001, 'Anna')")


def save(db, **given):
    return db.notifications.save_settings(1001, actor_id=1001, **given)


def enqueue(db, **given):
    return db.notifications.enqueue(1001, "publication", payload={"title": "x"}, **given)


def quiet_now(hours: int = 1) -> dict[str, time]:
    now = datetime.now(UTC)
    return {
        "quiet_from": (now - timedelta(hours=hours)).time().replace(microsecond=0),
        "quiet_to": (now + timedelta(hours=hours)).time().replace(microsecond=0),
    }


def test_whoever_has_no_settings_hears_of_everything(db):
    assert enqueue(db).status is PENDING


def test_what_is_muted_is_kept_as_cancelled(db):
    save(db, is_enabled=False)
    item = enqueue(db)
    assert (item.status, item.last_error) == (CANCELLED, "muted")
    save(db, notification_type="publication", is_enabled=True)
    assert enqueue(db).status is PENDING


def test_one_type_may_be_muted_alone(db):
    save(db, notification_type="publication", is_enabled=False)
    assert enqueue(db).status is CANCELLED
    with db.transaction(actor=SYSTEM) as tx:
        tx.notifications.save_template("lesson", "en", TELEGRAM, "x")
    assert db.notifications.enqueue(1001, "lesson").status is PENDING


def test_what_comes_in_quiet_hours_waits_for_their_end(db):
    hours = quiet_now()
    save(db, **hours)
    item = enqueue(db)
    assert item.status is WAITING
    assert item.next_attempt_at.time() == hours["quiet_to"]
    assert timedelta(0) < item.next_attempt_at - datetime.now(UTC) <= timedelta(hours=1)


def test_quiet_hours_of_all_types_hold_for_a_type_without_its_own(db):
    save(db, **quiet_now())
    save(db, notification_type="publication")
    assert enqueue(db).status is WAITING


def test_quiet_hours_that_began_after_the_claim_hold_too(db):
    enqueue(db)
    [item] = db.notifications.claim()
    save(db, **quiet_now())
    assert db.notifications.begin_attempt(item.id, item.lease_token) is None
    assert db.notifications.notification(item.id).status is WAITING


def test_what_was_muted_after_the_claim_is_not_sent(db):
    enqueue(db)
    [item] = db.notifications.claim()
    save(db, is_enabled=False)
    assert db.notifications.begin_attempt(item.id, item.lease_token) is None
    assert db.notifications.notification(item.id).status is CANCELLED


def test_not_before_and_quiet_hours_are_kept_both(db):
    save(db, quiet_from=time(22), quiet_to=time(7), timezone="Europe/Berlin")
    night = datetime(2999, 1, 15, 23, tzinfo=ZoneInfo("Europe/Berlin"))
    item = enqueue(db, not_before=night)
    assert item.next_attempt_at == datetime(2999, 1, 16, 7, tzinfo=ZoneInfo("Europe/Berlin"))
    assert enqueue(db, not_before=night + timedelta(hours=12)).next_attempt_at == night + timedelta(hours=12)


def test_settings_are_written_by_somebody_about_a_user(db):
    with refused(ActorRequired, "MB001"):
        db.notifications.save_settings(1001)
    with refused(ReferenceViolation, "23503", constraint="user_notification_settings_telegram_id_fkey"):
        db.notifications.save_settings(1002, actor_id=1002)
    saved = save(db, is_enabled=False)
    assert db.notifications.settings(1001) == [saved]


def test_a_person_writes_their_own_settings_only(db, app):
    save(db)
    with refused(NotPermitted, "MB002") as caught:
        db.notifications.save_settings(1001, is_enabled=False, actor_id=1)
    assert caught.value.values == {"telegram_id": "1001"}
    app.execute("SET mentorbase.actor = '1002'")
    for statement in (
        "UPDATE notifications.user_notification_settings SET is_enabled = false",
        "DELETE FROM notifications.user_notification_settings",
    ):
        with refused(NotPermitted, "MB002"):
            app.execute(statement)
    for actor in (Actor.admin(7), SYSTEM):
        with db.transaction(actor=actor) as tx:
            assert not tx.notifications.save_settings(1001, is_enabled=False).is_enabled


def test_settings_follow_a_person_to_another_account(db, admin):
    save(db)
    admin.execute("UPDATE auth.users SET telegram_id = 2002 WHERE id = 1")
    assert len(db.notifications.settings(2002)) == 1


@pytest.mark.parametrize(
    ("given_", "constraint"),
    [
        ({"quiet_from": time(22)}, "quiet"),
        ({"quiet_from": time(22), "quiet_to": time(22)}, "quiet"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"notification_type": "A B"}, "type"),
    ],
)
def test_settings_that_mean_nothing_are_refused(db, given_, constraint):
    with refused(InvalidValue, "23514", constraint=f"user_notification_settings_{constraint}_check"):
        save(db, **given_)


# -- The clock on the wall


def quiet_until(conn, moment, quiet_from, quiet_to, zone):
    (found,) = conn.execute(
        "SELECT notifications.quiet_until(%s, %s, %s, %s)", [moment, quiet_from, quiet_to, zone]
    ).fetchone()
    return found


def is_quiet(moment, quiet_from, quiet_to, zone):
    wall = moment.astimezone(ZoneInfo(zone)).time()
    if quiet_from < quiet_to:
        return quiet_from <= wall < quiet_to
    return wall >= quiet_from or wall < quiet_to


def first_loud_minute(moment, quiet_from, quiet_to, zone):
    while is_quiet(moment, quiet_from, quiet_to, zone):
        moment = (moment + timedelta(minutes=1)).replace(second=0, microsecond=0)
    return moment


# Days on which clocks change, and one on which they do not.
DAYS = (
    ("Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 0, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, 0, tzinfo=UTC)),
)
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.sampled_from(DAYS), minute=st.integers(0, 48 * 60), start=MINUTES, end=MINUTES)
def test_quiet_hours_end_at_the_first_minute_at_which_the_clock_on_the_wall_is_outside(admin, day, minute, start, end):
    if start == end:
        return
    zone, noon = day
    moment = noon + timedelta(minutes=minute)
    assert quiet_until(admin, moment, start, end, zone) == first_loud_minute(moment, start, end, zone)


@pytest.mark.parametrize(
    ("moment", "until", "quiet_to"),
    [
        ("2026-03-29T00:30:00+00:00", "2026-03-29T05:00:00+00:00", time(7)),  # an hour is skipped
        ("2026-03-29T00:30:00+00:00", "2026-03-29T01:00:00+00:00", time(2, 30)),  # they end within that hour
        ("2026-10-25T00:10:00+00:00", "2026-10-25T06:00:00+00:00", time(7)),  # an hour comes twice
        ("2026-10-25T00:10:00+00:00", "2026-10-25T00:30:00+00:00", time(2, 30)),  # the first time
        ("2026-10-25T01:10:00+00:00", "2026-10-25T01:30:00+00:00", time(2, 30)),  # and the second
    ],
)
def test_quiet_hours_across_a_change_of_the_clock_in_berlin(admin, moment, until, quiet_to):
    found = quiet_until(admin, datetime.fromisoformat(moment), time(22), quiet_to, "Europe/Berlin")
    assert found == datetime.fromisoformat(until)
