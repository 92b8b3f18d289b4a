"""What the document shows: its tables, keys, columns, enums, indexes; its examples through the DAO."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    Database,
    MetricWindow,
    NotFound,
    RiskLevel,
    SessionStatus,
    TutorStatus,
    load_rows,
)
from psycopg.rows import dict_row
from pydantic import TypeAdapter

from .school import NOON, OTHER, TODAY, TUTOR, enroll, feedback, prediction, session

TABLES = (
    "tutors",
    "students",
    "sessions",
    "student_feedback",
    "tutor_performance_metrics",
    "churn_predictions",
    "interventions",
    "tutor_events",
)

INDEXED = {
    "tutors": "tutor_id status",
    "sessions": "session_id tutor_id student_id scheduled_start subject",
    "student_feedback": "session_id tutor_id student_id",
    "tutor_performance_metrics": "tutor_id calculation_date",
    "churn_predictions": "tutor_id prediction_date risk_level",
    "interventions": "tutor_id status",
    "tutor_events": "tutor_id event_type event_timestamp",
}


def test_the_eight_tables_with_their_indexes(admin: psycopg.Connection) -> None:
    for table in TABLES:
        assert admin.execute("SELECT to_regclass(%s) IS NOT NULL", [f"tutormax.{table}"]).fetchone() == (True,)
    for table, columns in INDEXED.items():
        found = admin.execute(
            "SELECT DISTINCT pg_get_indexdef(i.indexrelid, 1, true) FROM pg_index AS i WHERE i.indrelid = %s::regclass",
            [f"tutormax.{table}"],
        ).fetchall()
        assert {column for (column,) in found} >= set(columns.split()), table


def test_the_document_s_query_runs_as_somebody_types_it(admin: psycopg.Connection, db: Database) -> None:
    enroll(db)
    admin.execute("SET search_path = tutormax")
    found = admin.execute("SELECT * FROM tutors WHERE status = 'active' LIMIT 100").fetchall()
    assert len(found) == 2
    for risk in RiskLevel:
        admin.execute("SELECT * FROM churn_predictions WHERE risk_level = %s", [risk.value])


def test_create_and_query_tutors(db: Database) -> None:
    began = datetime(2026, 1, 7, tzinfo=UTC)
    with db.transaction(actor=SYSTEM) as tx:
        made = tx.tutormax.save_tutor(
            "tutor_001",
            name="Jane Doe",
            email="jane@example.com",
            onboarding_date=began,
            status=TutorStatus.ACTIVE,
            subjects=["Mathematics", "Physics"],
            baseline_sessions_per_week=15.0,
        )
    assert db.tutormax.tutors(status=TutorStatus.ACTIVE) == [made]
    assert (made.onboarding_date, made.subjects, made.baseline_sessions_per_week) == (
        began,
        ["Mathematics", "Physics"],
        15,
    )
    with db.transaction(actor=SYSTEM) as tx:
        again = tx.tutormax.save_tutor("tutor_001", name="Jane Roe", email="jane@example.com")
        assert (again.name, again.onboarding_date, again.subjects) == ("Jane Roe", began, [])
        with pytest.raises(AlreadyExists) as refused:
            tx.tutormax.save_tutor("tutor_002", name="J", email="JANE@example.com")
    assert refused.value.constraint == "tutors_email_key"


def test_the_statistics_have_the_documented_keys(db: Database) -> None:
    enroll(db)
    now = datetime.now(UTC)
    kinds = [SessionStatus.COMPLETED] * 5 + [SessionStatus.NO_SHOW_TUTOR] * 2 + [SessionStatus.RESCHEDULED] * 3
    kinds += [SessionStatus.NO_SHOW_STUDENT, SessionStatus.CANCELLED]
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(
            tx,
            [
                session(f"s{i}", scheduled_start=now - timedelta(days=i + 1), status=kind)
                for i, kind in enumerate(kinds)
            ],
        )
        # Before these days, and after.
        load_rows(tx, [session("old", scheduled_start=now - timedelta(days=31))])
        load_rows(tx, [session("new", scheduled_start=now + timedelta(hours=1), status=SessionStatus.SCHEDULED)])
        load_rows(tx, [session("others", scheduled_start=now - timedelta(days=1), tutor_id=OTHER)])
        load_rows(tx, [feedback(f"s{i}", 4 + i % 2, submitted_at=now - timedelta(hours=1)) for i in range(2)])
        load_rows(tx, [feedback("old", 1, submitted_at=now - timedelta(days=30, hours=1))])
    stats = db.tutormax.get_tutor_statistics("tutor_001", days_back=30)
    assert TypeAdapter(type(stats)).dump_python(stats) == {
        "tutor_id": "tutor_001",
        "total_sessions": 12,
        "average_rating": 4.5,
        "no_shows": 2,
        "reschedules": 3,
    }
    assert db.tutormax.get_tutor_statistics(TUTOR, 40).total_sessions == 13
    assert db.tutormax.get_tutor_statistics(OTHER).average_rating is None
    with pytest.raises(NotFound):
        db.tutormax.get_tutor_statistics("nobody")


@pytest.fixture
def related(db: Database, admin: psycopg.Connection) -> Database:
    enroll(db)
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session(f"s{i}", i, engagement_score=Decimal("0.75")) for i in range(1, 6)])
        load_rows(tx, [feedback("s1", 4, free_text="Good.", improvement_areas=["pacing"])])
        load_rows(tx, [prediction(40, days=3), prediction(77)])
        tx.tutormax.open_intervention(TUTOR, intervention_type="coaching", trigger_reason="x", due_date=TODAY)
        tx.tutormax.record_event(TUTOR, "login", source="web")
    for day in (1, 0):
        db.tutormax.compute_performance_metrics(TODAY - timedelta(days=day))
    return db


def test_a_tutor_with_relations_is_what_each_list_says(related: Database) -> None:
    db = related.tutormax
    tutor = db.get_tutor_by_id("tutor_001", with_relations=True)
    assert tutor is not None
    assert tutor.sessions is not None
    assert [one.session_id for one in tutor.sessions] == ["s1", "s2", "s3", "s4", "s5"]
    assert [one.feedback for one in tutor.sessions] == [db.feedback("s1"), None, None, None, None]
    plain = db.tutor_sessions(TUTOR)
    assert [[getattr(one, name) for name in plain[0].__slots__] for one in tutor.sessions] == [
        [getattr(one, name) for name in one.__slots__] for one in plain
    ]
    assert tutor.performance_metrics == [db.performance_metrics(TUTOR, metric_window=w)[0] for w in MetricWindow]
    assert tutor.churn_predictions == db.predictions(TUTOR)
    assert tutor.interventions == db.tutor_interventions(TUTOR)
    assert tutor.tutor_events == db.tutor_events(TUTOR)


def test_relations_are_left_out_limited_or_empty(related: Database) -> None:
    db = related.tutormax
    alone = db.get_tutor_by_id(TUTOR)
    assert alone is not None
    assert {getattr(alone, name) for name in alone.__slots__[-5:]} == {None}
    few = db.get_tutor_by_id(TUTOR, True, recent=2)
    assert few is not None
    assert [len(few.sessions or []), len(few.churn_predictions or [])] == [2, 2]
    none = db.get_tutor_by_id(OTHER, True)
    assert none is not None
    assert (none.sessions, none.interventions, none.tutor_events) == ([], [], [])
    assert db.get_tutor_by_id("nobody", True) is None


def test_active_tutors_come_with_their_sessions_feedback_and_metrics(related: Database) -> None:
    db = related.tutormax
    found = db.active_tutors(page_size=100)
    assert found == [db.get_tutor_by_id(TUTOR, True), db.get_tutor_by_id(OTHER, True)]
    assert db.active_tutors(after_id=TUTOR) == found[1:]
    assert db.active_tutors(page_size=1) == found[:1]
    with related.transaction(actor=SYSTEM) as tx:
        tx.tutormax.change_tutor_status(TUTOR, TutorStatus.INACTIVE)
    assert db.active_tutors() == found[1:]


@pytest.mark.parametrize("call", ["get_tutor_by_id(%s, True)", "active_tutors()", "get_tutor_statistics(%s)"])
def test_each_is_one_round_trip(related: Database, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    execute = psycopg.Cursor.execute

    def counted(self, *args, **kwargs):
        sent.append(args[0])
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    assert eval(f"db.tutormax.{call}".replace("%s", repr(TUTOR)), {"db": related})
    assert len(sent) == 1


def test_sessions_in_pages(related: Database) -> None:
    with related.transaction() as tx:
        load_rows(tx, [session(f"same{i}", 2) for i in range(5)])
    whole = related.tutormax.tutor_sessions(TUTOR)
    pages = related.tutormax.tutor_sessions(TUTOR, page_size=4)
    while page := related.tutormax.tutor_sessions(
        TUTOR, until=pages[-1].scheduled_start, after_id=pages[-1].session_id, page_size=4
    ):
        pages += page
    assert pages == whole
    assert len(whole) == 10


def test_a_prediction_s_factors_and_a_session_s_fields_come_back_as_they_were(related: Database) -> None:
    made = related.tutormax.record_prediction(
        TUTOR,
        churn_score=12,
        probability_1d=0.0,
        probability_7d=0.1,
        probability_30d=0.1,
        probability_90d=1.0,
        model_version="m2",
        feature_cutoff=NOON,
        contributing_factors={"no_shows": 0.4, "why": ["a", None]},
    )
    assert made.contributing_factors == {"no_shows": 0.4, "why": ["a", None]}
    assert related.tutormax.predictions(TUTOR)[0] == made


# -- Views


def rows(reader: psycopg.Connection, view: str) -> list[dict]:
    with reader.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM tutormax.{view} ORDER BY 1").fetchall()


def test_the_dashboard(related: Database, reader: psycopg.Connection) -> None:
    first, second = rows(reader, "v_tutor_dashboard")
    assert (first["tutor_id"], first["calculation_date"], first["sessions_completed"]) == (TUTOR, TODAY, 5)
    assert (first["avg_rating"], first["rating_change"], first["churn_score"]) == (4, 0, 77)
    assert (first["live_interventions"], first["next_due_date"], first["sessions_completed_last_week"]) == (1, TODAY, 5)
    assert (second["sessions_total"], second["risk_level"], second["live_interventions"]) == (0, None, 0)
    assert (first["tutor_name"], "email" in first) == ("Jane Doe", False)


def test_the_watchlist(related: Database, reader: psycopg.Connection) -> None:
    [one] = rows(reader, "v_churn_watchlist")
    assert (one["churn_score"], one["score_before"], one["score_change"]) == (77, 40, 37)
    assert (one["intervention_status"], one["last_session_at"]) == ("open", NOON - timedelta(days=1))
    with related.transaction(actor=SYSTEM) as tx:
        tx.tutormax.change_tutor_status(TUTOR, TutorStatus.CHURNED)
    assert rows(reader, "v_churn_watchlist") == []


def test_outcomes(related: Database, reader: psycopg.Connection, admin: psycopg.Connection) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute(
            """
            INSERT INTO tutormax.interventions (
                tutor_id, intervention_type, trigger_reason, due_date, status, assigned_to, outcome, created_at,
                closed_at
            ) VALUES (
                'tutor_001', 'coaching', 'x', '2026-03-13', 'completed', 1, 'improved', '2026-03-13 12:00+00',
                '2026-03-14 00:00+00'
            )
            """
        )
    live, ended = rows(reader, "v_intervention_outcomes")
    assert (ended["score_before"], ended["score_after"], ended["score_change"]) == (40, 77, 37)
    assert (ended["is_late"], float(ended["days_taken"]), ended["rating_after"]) == (True, 0.5, 4)
    assert (live["status"], live["days_taken"], live["score_after"], live["is_late"]) == ("open", None, None, True)
    assert "trigger_reason" not in live


def test_analysts_read_views_and_nothing_else(reader: psycopg.Connection) -> None:
    for view in ("v_interventions_history", "v_audit_log"):
        rows(reader, view)
    for table in (*TABLES, "bulk_rows", "metric_changes", "interventions_history", "audit_log", "settings"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"SELECT * FROM tutormax.{table}")
