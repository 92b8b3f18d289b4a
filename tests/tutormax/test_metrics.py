"""Metrics: each recomputed from the raw rows in another way; idempotent, incremental, right after late data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import psycopg
import pytest
from conftest import APP, TestServer
from mentorbase import (
    SYSTEM,
    Database,
    InvalidArgument,
    MetricWindow,
    PerformanceTier,
    SessionStatus,
    TutorStatus,
    load_rows,
)
from mentorbase.errors import translated
from mentorbase.generate.tutormax import METRIC_DAYS, PAST, TutorWorld, tutors
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database

from .platform import fill
from .school import DAY, NOON, OTHER, TODAY, TUTOR, enroll, feedback, session

WORLD = TutorWorld(4_000, 1, date(2026, 3, 15))
DAYS = {"7d": 7, "30d": 30, "90d": 90}


@pytest.fixture(scope="module")
def platform(pg_server: TestServer, tutormax_template: NoopExecutor) -> Iterator[psycopg.Connection]:
    """A made-up platform, which tests only read: a superuser's connection."""
    name = f"{tutormax_template.dbname}_platform"
    with (
        new_database(pg_server, name, tutormax_template.template_dbname) as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        fill(conn, WORLD)
        yield conn


# -- Every figure in another way: row by row in Python, with whole numbers and fractions.


def rounded(value: Fraction | None, places: int) -> Decimal | None:
    if value is None:
        return None
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def mean(values: Sequence[Any]) -> Fraction | None:
    return sum((Fraction(value) for value in values), Fraction(0)) / len(values) if values else None


def tier(settled: int, done: Any, missed: Any, moved: Any, rating: Any) -> str | None:
    """The tiers as the comment of ``tutormax.tier_of()`` puts them."""
    if settled < 3:
        return None
    if missed >= Decimal("0.2") or (rating is not None and rating < 3):
        return "at_risk"
    if missed >= Decimal("0.1") or moved >= Decimal("0.3") or (rating is not None and rating < Decimal("3.5")):
        return "needs_attention"
    for name, limits in {"exemplary": "4.7 0.9 0.02 0.1", "strong": "4.2 0.8 0.05 0.2"}.items():
        stars, completion, no_show, reschedule = map(Decimal, limits.split())
        if rating is not None and rating >= stars and done >= completion and missed < no_show and moved < reschedule:
            return name
    return "developing"


def by_hand(sessions: list[dict[str, Any]], said: list[dict[str, Any]], day: date, window: str) -> dict[str, Any]:
    """One row of metrics from all the raw rows of a tutor."""
    days = {day - timedelta(days=n) for n in range(DAYS[window])}
    inside = [one for one in sessions if one["scheduled_start"].astimezone(UTC).date() in days]
    ratings = [one for one in said if one["submitted_at"].astimezone(UTC).date() in days]
    statuses = [one["status"] for one in inside]
    taken = [one for one in inside if one["status"] == "completed"]
    firsts = [one["overall_rating"] for one in ratings if one["is_first_session"]]
    objectives = [one["learning_objectives_met"] for one in taken if one["learning_objectives_met"] is not None]
    settled = len(statuses) - statuses.count("scheduled")
    done, missed, moved = (
        rounded(share(statuses.count(status), settled), 4) for status in ("completed", "no_show_tutor", "rescheduled")
    )
    rating = rounded(mean([one["overall_rating"] for one in ratings]), 2)
    objectives_met = share(sum(objectives), len(objectives))
    return {
        "sessions_total": len(inside),
        "sessions_settled": settled,
        "sessions_completed": len(taken),
        "completion_rate": done,
        "no_show_count": statuses.count("no_show_tutor"),
        "no_show_rate": missed,
        "student_no_show_count": statuses.count("no_show_student"),
        "reschedule_count": statuses.count("rescheduled"),
        "reschedule_rate": moved,
        "avg_rating": rating,
        "rating_count": len(ratings),
        "first_session_count": len(firsts),
        "first_session_success_rate": rounded(share(sum(one >= 4 for one in firsts), len(firsts)), 4),
        "engagement_score": rounded(
            mean([one["engagement_score"] for one in taken if one["engagement_score"] is not None]), 3
        ),
        "learning_objectives_met_pct": rounded(None if objectives_met is None else 100 * objectives_met, 2),
        "performance_tier": tier(settled, done, missed, moved, rating),
    }


def raw(conn: psycopg.Connection, table: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(f"SELECT * FROM tutormax.{table}"):
            found.setdefault(row["tutor_id"], []).append(row)
    return found


def assert_as_by_hand(conn: psycopg.Connection) -> int:
    sessions, said = raw(conn, "sessions"), raw(conn, "student_feedback")
    computed = [row for rows in raw(conn, "tutor_performance_metrics").values() for row in rows]
    for row in computed:
        key = (row["tutor_id"], row["calculation_date"], row["metric_window"])
        expected = by_hand(sessions.get(key[0], []), said.get(key[0], []), *key[1:])
        assert {name: row[name] for name in expected} == expected, key
    return len(computed)


def test_every_figure_is_what_the_raw_rows_say(platform: psycopg.Connection) -> None:
    assert assert_as_by_hand(platform) > 3 * len(METRIC_DAYS)
    tiers = platform.execute("SELECT DISTINCT performance_tier::text FROM tutormax.tutor_performance_metrics")
    assert {name for (name,) in tiers} > {"strong", "developing", "at_risk"}


def test_a_day_begins_and_ends_with_midnight_utc(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    edges = [midnight - 6 * DAY, midnight + DAY]
    instants = [edge + step for edge in edges for step in (-timedelta(microseconds=1), timedelta())]
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session(f"s{i}", scheduled_start=at) for i, at in enumerate(instants)])
        load_rows(tx, [feedback(f"s{i}", 1 + i, submitted_at=at) for i, at in enumerate(instants)])
    admin.execute("SET timezone = 'Asia/Tokyo'")
    admin.execute("SELECT tutormax.compute_performance_metrics(%s)", [TODAY])
    [week] = db.tutormax.performance_metrics(TUTOR, metric_window=MetricWindow.WEEK)
    assert (week.sessions_total, week.rating_count, week.avg_rating) == (2, 2, Decimal("2.50"))
    assert assert_as_by_hand(admin) == 6


def test_a_tutor_without_sessions_has_empty_metrics(db: Database) -> None:
    enroll(db)
    db.tutormax.compute_performance_metrics(TODAY)
    [found] = db.tutormax.performance_metrics(OTHER)
    assert (found.sessions_total, found.rating_count) == (0, 0)
    assert (found.completion_rate, found.avg_rating, found.engagement_score, found.performance_tier) == (None,) * 4


@pytest.mark.parametrize(
    ("settled", "done", "missed", "moved", "rating", "expected"),
    [
        (2, 1, 0, 0, 5, None),
        (3, 1, 0, 0, 5, "exemplary"),
        (3, 1, 0, 0, "4.7", "exemplary"),
        (3, 1, 0, 0, "4.69", "strong"),
        (3, "0.9", "0.0199", "0.0999", 5, "exemplary"),
        (3, "0.8999", 0, 0, 5, "strong"),
        (3, 1, "0.02", 0, 5, "strong"),
        (3, 1, 0, "0.1", 5, "strong"),
        (3, "0.8", 0, 0, "4.2", "strong"),
        (3, "0.7999", 0, 0, 5, "developing"),
        (3, 1, 0, 0, "4.19", "developing"),
        (3, 1, "0.05", 0, 5, "developing"),
        (3, 1, 0, "0.2", 5, "developing"),
        (3, 1, 0, 0, None, "developing"),
        (3, 1, 0, 0, "3.5", "developing"),
        (3, 1, 0, 0, "3.49", "needs_attention"),
        (3, 1, "0.1", 0, 5, "needs_attention"),
        (3, 1, 0, "0.3", 5, "needs_attention"),
        (3, 1, 0, 0, "2.99", "at_risk"),
        (3, 1, "0.2", 0, 5, "at_risk"),
    ],
)
def test_tiers(admin, settled, done, missed, moved, rating, expected) -> None:
    given = [settled, *(None if value is None else Decimal(value) for value in (done, missed, moved, rating))]
    [[found]] = admin.execute("SELECT tutormax.tier_of(%s, %s, %s, %s, %s)::text", given).fetchall()
    assert found == expected
    assert tier(*given) == expected
    assert expected is None or PerformanceTier(expected)


# -- What a run computes


def run(db: Database, day: date = TODAY, **given: Any) -> tuple[int, int, int]:
    done = db.tutormax.compute_performance_metrics(day, **given)
    assert done.as_of_date == day
    return done.tutors, done.rows_computed, done.rows_changed


def test_a_second_run_does_nothing(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session(f"s{i}", i) for i in range(1, 40)])
    assert run(db) == (2, 6, 6)
    before = admin.execute(
        "SELECT m.*, m.xmin FROM tutormax.tutor_performance_metrics AS m ORDER BY 1, 2, 3"
    ).fetchall()
    assert run(db) == (0, 0, 0)
    after = admin.execute("SELECT m.*, m.xmin FROM tutormax.tutor_performance_metrics AS m ORDER BY 1, 2, 3").fetchall()
    assert before == after
    assert admin.execute("SELECT count(*) FROM tutormax.metric_changes").fetchone() == (0,)


def test_a_change_of_no_figure_changes_no_row(db: Database) -> None:
    enroll(db)
    db.tutormax.save_session("late", **late(days=1))
    run(db)
    db.tutormax.save_session("late", **(late(days=1) | {"subject": "Physics"}))
    assert run(db) == (1, 3, 0)


def test_only_the_windows_that_late_data_touch_are_computed_again(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    days = [TODAY - timedelta(days=n) for n in (60, 20, 5, 0)]
    for day in days:
        run(db, day)
    # Thirty days before today: in no window of 60 days ago, in those of 30 and 90 days 20 and 5 days ago ...
    db.tutormax.save_session("late", **late(days=30))
    touched = {(20, "30d"), (20, "90d"), (5, "30d"), (5, "90d"), (0, "90d")}
    assert run(db) == (1, len(touched), len(touched))
    found = admin.execute(
        "SELECT %s - calculation_date, metric_window::text FROM tutormax.tutor_performance_metrics"
        " WHERE sessions_total > 0",
        [TODAY],
    ).fetchall()
    assert set(found) == touched
    assert assert_as_by_hand(admin) == 24
    # The same again, moved to another tutor and day: both are computed.
    with db.transaction() as tx:
        load_rows(tx, [session("late", days=2, tutor_id=OTHER)])
    tutors, computed, changed = run(db)
    assert (tutors, computed) == (2, 5 + 3)
    assert changed == 8
    assert assert_as_by_hand(admin) == 24
    admin.execute("DELETE FROM tutormax.sessions")
    assert run(db)[0] == 1
    assert assert_as_by_hand(admin) == 24


def test_late_data_are_in_a_window_from_its_first_day_to_its_last(db: Database, admin: psycopg.Connection) -> None:
    """A window of seven days ends with the day that it is computed for, and began six days before."""
    enroll(db)
    run(db)
    for ago in (90, 89, 30, 29, 7, 6, 1, 0):  # the same session, moved
        db.tutormax.save_session("late", **late(days=ago))
        run(db)
        found = admin.execute(
            "SELECT metric_window::text FROM tutormax.tutor_performance_metrics"
            " WHERE tutor_id = %s AND sessions_total = 1",
            [TUTOR],
        ).fetchall()
        assert {window for (window,) in found} == {window for window, days in DAYS.items() if ago < days}, ago


def late(days: float) -> dict[str, Any]:
    one = session("late", days)
    return {name: getattr(one, name) for name in one.__slots__ if name != "session_id"}


def test_late_feedback_is_counted_where_it_was_submitted(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session("s1", 80)])
    run(db)
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [feedback("s1", 3, days=1, is_first_session=True)])
    assert run(db) == (1, 3, 3)
    assert assert_as_by_hand(admin) == 6
    with admin.transaction():
        admin.execute("UPDATE tutormax.student_feedback SET overall_rating = 5")
    assert run(db) == (1, 3, 3)
    assert assert_as_by_hand(admin) == 6
    admin.execute("DELETE FROM tutormax.student_feedback")
    assert run(db) == (1, 3, 3)
    assert assert_as_by_hand(admin) == 6


def test_another_run_for_a_part_of_the_windows_forgets_no_change(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    run(db)
    db.tutormax.save_session("s1", **late(days=1))
    assert run(db, TODAY - timedelta(days=300), windows=[MetricWindow.WEEK]) == (2, 5, 5)
    assert assert_as_by_hand(admin) == 8


def test_whom_a_day_is_computed_for(db: Database) -> None:
    """From the day that they began to the last window that saw them."""
    enroll(db)
    with db.transaction(actor=SYSTEM) as tx:
        tx.tutormax.save_tutor("new", name="N", email="n@example.com", onboarding_date=NOON + DAY)
        tx.tutormax.save_tutor("gone", name="G", email="g@example.com", onboarding_date=NOON - 300 * DAY)
        tx.tutormax.change_tutor_status("gone", TutorStatus.CHURNED, churned_at=NOON - 10 * DAY)
        # Whose last day is that before a week, and its first.
        for name, days in {"before": 7, "on": 6}.items():
            tx.tutormax.save_tutor(name, name="B", email=f"{name}@example.com", onboarding_date=NOON - 300 * DAY)
            tx.tutormax.change_tutor_status(name, TutorStatus.CHURNED, churned_at=NOON - days * DAY)
    run(db)
    assert db.tutormax.performance_metrics("before", metric_window=MetricWindow.WEEK) == []
    assert len(db.tutormax.performance_metrics("on", metric_window=MetricWindow.WEEK)) == 1
    assert db.tutormax.performance_metrics("new") == []
    windows = [w for w in MetricWindow if db.tutormax.performance_metrics("gone", metric_window=w)]
    assert windows == [MetricWindow.MONTH, MetricWindow.QUARTER]
    run(db, TODAY + timedelta(days=1))
    assert len(db.tutormax.performance_metrics("new")) == 1


def test_rows_of_another_version_of_the_definitions_stay(db: Database, admin: psycopg.Connection) -> None:
    enroll(db)
    run(db)
    admin.execute("UPDATE tutormax.tutor_performance_metrics SET definition_version = 7, no_show_count = 99")
    db.tutormax.save_session("s1", **late(days=1))
    assert run(db) == (2, 6, 6)
    assert [row.definition_version for row in db.tutormax.performance_metrics(TUTOR)] == [7, 1]
    assert admin.execute(
        "SELECT DISTINCT no_show_count FROM tutormax.tutor_performance_metrics WHERE definition_version = 7"
    ).fetchall() == [(99,)]


def test_two_runs_at_once_and_writers_beside_them_end_with_the_truth(
    db: Database, admin: psycopg.Connection, dsn: str
) -> None:
    enroll(db)

    def write(first: int) -> None:
        with Database.connect(dsn) as own:
            for i in range(first, first + 10):
                own.tutormax.save_session(f"s{i}", **late(days=i % 25))

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(write, 100), pool.submit(write, 200), pool.submit(run, db), pool.submit(run, db)]
        for job in jobs:
            job.result()
    run(db)
    assert assert_as_by_hand(admin) == 6
    assert admin.execute("SELECT count(*) FROM tutormax.metric_changes").fetchone() == (0,)


@pytest.mark.parametrize("given", ["'infinity'", "'2026-01-01', NULL", "'2026-01-01', '{7d,NULL}'"])
def test_a_day_that_is_none_is_refused(app: psycopg.Connection, given: str) -> None:
    with pytest.raises(InvalidArgument) as refused, translated:
        app.execute(f"SELECT tutormax.compute_performance_metrics({given})")
    assert refused.value.sqlstate == "MB007"


def test_more_tutors_than_are_computed_at_once(admin: psycopg.Connection) -> None:
    admin.execute(
        "INSERT INTO tutormax.tutors (tutor_id, name, email, onboarding_date)"
        " SELECT 't' || i, 'T', i || '@example.com', '2025-01-01' FROM generate_series(1, 1203) AS i"
    )
    [done] = admin.execute("SELECT tutors, rows_computed FROM tutormax.compute_performance_metrics('2026-01-01')")
    assert done == (1203, 3609)


# -- The generated platform


def test_a_tutor_who_leaves_is_seen_in_the_metrics_before(platform: psycopg.Connection) -> None:
    leaving = [life for life in WORLD.lives if life.leaves is not None and life.leaves <= PAST and life.sessions > 200]
    assert leaving
    for life in leaving:
        figures = []
        for before in (75, 1):
            day = WORLD.first_day.date() + timedelta(days=life.leaves - before)
            with platform.transaction(force_rollback=True):
                platform.execute("SELECT tutormax.compute_performance_metrics(%s, '{30d}')", [day])
                figures += platform.execute(
                    "SELECT avg_rating, no_show_rate FROM tutormax.tutor_performance_metrics"
                    " WHERE tutor_id = %s AND calculation_date = %s AND metric_window = '30d'",
                    [life.tutor_id, day],
                ).fetchall()
        [(rating_then, missed_then), (rating_now, missed_now)] = figures
        assert rating_now < rating_then - Decimal("0.3")
        assert missed_now > missed_then + Decimal("0.05")
    [statuses] = platform.execute(
        "SELECT bool_or(status = 'churned'), bool_or(status = 'active') FROM tutormax.tutors"
    ).fetchall()
    assert all(statuses)


def test_the_same_world_has_the_same_rows_and_another_seed_others() -> None:
    def text(world: TutorWorld) -> list[str]:
        return ["".join(load.rows()) for some in tutors(world) for load in some]

    small = TutorWorld(300, 1, date(2026, 3, 15))
    assert text(small) == text(TutorWorld(300, 1, date(2026, 3, 15)))
    other = text(TutorWorld(300, 2, date(2026, 3, 15)))
    assert all(one != another for one, another in zip(text(small), other, strict=True))


def test_dashboards_look_real(platform: psycopg.Connection) -> None:
    with psycopg.connect(make_conninfo(platform.info.dsn, user=APP)) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    watched = platform.execute("SELECT tutor_id FROM tutormax.v_churn_watchlist ORDER BY churn_score DESC").fetchall()
    soon = {life.tutor_id for life in WORLD.lives if life.leaves is not None and PAST <= life.leaves < PAST + 20}
    assert {tutor for (tutor,) in watched} & soon
    outcomes = platform.execute("SELECT DISTINCT outcome::text FROM tutormax.v_intervention_outcomes").fetchall()
    assert ("churned",) in outcomes
    assert platform.execute("SELECT count(*) FROM tutormax.tutor_events_default").fetchone() == (0,)


def test_every_status_of_a_session_is_there(platform: psycopg.Connection) -> None:
    found = platform.execute("SELECT DISTINCT status::text FROM tutormax.sessions").fetchall()
    assert {status for (status,) in found} == set(SessionStatus)
