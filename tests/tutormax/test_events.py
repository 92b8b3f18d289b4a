"""Events: partitions by month, append-only, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from mentorbase import Database, NewEvent, NotPermitted, ReferenceViolation, load_rows
from mentorbase.errors import ReadOnly, translated
from mentoring.lifecycle import refused

from .school import NOON, TUTOR, enroll


@pytest.fixture
def school(db: Database) -> Database:
    enroll(db)
    return db


def leaves(admin: psycopg.Connection) -> dict[str, int]:
    found = admin.execute("SELECT tableoid::regclass::text, count(*) FROM tutormax.tutor_events GROUP BY 1").fetchall()
    return {name.removeprefix("tutormax."): count for name, count in found}


def load(db: Database, *instants: datetime) -> None:
    with db.transaction() as tx:
        load_rows(tx, [NewEvent(TUTOR, "login", at, "web", f"{i}") for i, at in enumerate(instants)])


def test_an_event_of_a_month_without_a_partition_is_kept_and_moves_when_it_is_made(
    school: Database, admin: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    load(school, datetime(2020, 1, 31, 23, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC), now)
    assert leaves(admin) == {"tutor_events_default": 2, f"tutor_events_y{now:%Y}m{now:%m}": 1}
    admin.execute("SELECT * FROM tutormax.maintain_events(dry_run => false)")
    # Made, and dropped again, since they are older than event_retention.
    assert leaves(admin) == {f"tutor_events_y{now:%Y}m{now:%m}": 1}
    admin.execute("UPDATE tutormax.settings SET value = 36500")
    load(school, datetime(2020, 1, 31, 23, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC), now)
    admin.execute("SELECT * FROM tutormax.maintain_events(dry_run => false)")
    assert leaves(admin).keys() >= {"tutor_events_y2020m01", "tutor_events_y2020m02"}
    # The whole still knows a repeated delivery, and what it refers to.
    load(school, datetime(2020, 1, 31, 23, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC), now)
    assert len(school.tutormax.tutor_events(TUTOR)) == 3
    with pytest.raises(ReferenceViolation), translated:
        admin.execute("DELETE FROM tutormax.tutors")


def test_a_dry_run_changes_nothing(school: Database, admin: psycopg.Connection) -> None:
    load(school, datetime(2020, 1, 31, tzinfo=UTC))
    assert admin.execute("SELECT made, dropped FROM tutormax.maintain_events()").fetchone() == ([], [])
    assert leaves(admin) == {"tutor_events_default": 1}


def test_events_are_neither_changed_nor_deleted_in_whole_or_part(
    school: Database, app: psycopg.Connection, admin: psycopg.Connection
) -> None:
    load(school, NOON)
    for table in ("tutor_events", "tutor_events_default"):
        for statement in (f"UPDATE tutormax.{table} SET metadata = '{{}}'", f"DELETE FROM tutormax.{table}"):
            with refused(ReadOnly):
                admin.execute(statement)
        with refused(ReadOnly):
            admin.execute(f"TRUNCATE tutormax.{table}")
    with pytest.raises(NotPermitted), translated:
        app.execute("DELETE FROM tutormax.tutor_events")


def test_pages_over_months_and_the_same_instant(school: Database) -> None:
    load(school, *(NOON + timedelta(days=20 * (i // 3)) for i in range(20)))
    whole = school.tutormax.tutor_events(TUTOR)
    assert len(whole) == 20
    pages, last = [], None
    while page := school.tutormax.tutor_events(
        TUTOR, page_size=4, **({} if last is None else {"until": last.event_timestamp, "after_id": last.event_id})
    ):
        pages += page
        last = page[-1]
    assert pages == whole
    assert whole == sorted(whole, key=lambda one: (one.event_timestamp, one.event_id), reverse=True)


def test_an_event_without_a_key_of_its_own_is_never_a_repetition(school: Database) -> None:
    for _ in range(2):
        assert school.tutormax.record_event(TUTOR, "login", source="web", event_timestamp=NOON, metadata={"a": [1]})
    first, second = school.tutormax.tutor_events(TUTOR)
    assert first.source_event_id != second.source_event_id
    assert first.metadata == {"a": [1]}
