"""Predictions: risk levels, provenance, append-only; who is at high risk."""

from __future__ import annotations

from dataclasses import asdict

import psycopg
import pytest
from mentorbase import SYSTEM, Database, NotPermitted, ReadOnly, RiskLevel, TutorStatus, load_rows
from mentorbase.errors import translated
from mentoring.racing import at_once

from .school import NOON, OTHER, TUTOR, enroll, prediction


@pytest.fixture
def school(db: Database) -> Database:
    enroll(db)
    return db


def scores(db: Database, min_score: int = 51, limit: int = 10) -> list[tuple[str, int]]:
    return [(one.tutor_id, one.churn_score) for one in db.tutormax.get_high_risk_tutors(min_score, limit)]


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0, "Low"),
        (25, "Low"),
        (26, "Medium"),
        (50, "Medium"),
        (51, "High"),
        (75, "High"),
        (76, "Critical"),
        (100, "Critical"),
    ],
)
def test_the_score_makes_the_risk_level(school: Database, score: int, level: str) -> None:
    made = school.tutormax.record_prediction(**asdict(prediction(score)))
    assert made.risk_level is RiskLevel(level)


def test_nobody_writes_the_risk_level_or_who_is_current(school: Database, app: psycopg.Connection, admin) -> None:
    school.tutormax.record_prediction(**asdict(prediction()))
    with pytest.raises(psycopg.errors.GeneratedAlways):
        admin.execute("UPDATE tutormax.churn_predictions SET risk_level = 'Low'")
    for column in ("is_current", "created_at"):
        with pytest.raises(NotPermitted), translated:
            app.execute(f"INSERT INTO tutormax.churn_predictions ({column}) VALUES (NULL)")


def test_predictions_are_neither_changed_nor_deleted(school: Database, admin: psycopg.Connection) -> None:
    school.tutormax.record_prediction(**asdict(prediction()))
    for statement in (
        "UPDATE tutormax.churn_predictions SET churn_score = 1",
        "UPDATE tutormax.churn_predictions SET is_current = false",
        "DELETE FROM tutormax.churn_predictions",
        "TRUNCATE tutormax.churn_predictions CASCADE",
    ):
        with pytest.raises(ReadOnly), translated:
            admin.execute(statement)


def test_the_latest_prediction_counts_whatever_the_order_they_come_in(school: Database) -> None:
    with school.transaction() as tx:
        load_rows(tx, [prediction(90, days=3), prediction(60, days=1), prediction(99, days=2)])
    assert scores(school) == [(TUTOR, 60)]
    school.tutormax.record_prediction(**asdict(prediction(98, days=1.5)))  # told late
    assert scores(school) == [(TUTOR, 60)]
    school.tutormax.record_prediction(**asdict(prediction(20, days=0.5)))
    assert scores(school) == []
    assert scores(school, 0) == [(TUTOR, 20)]
    assert [one.is_current for one in school.tutormax.predictions(TUTOR)] == [True, False, False, False, False]


def test_the_highest_come_first_and_no_more_than_asked_for(school: Database) -> None:
    with school.transaction(actor=SYSTEM) as tx:
        for i in range(5):
            tx.tutormax.save_tutor(f"t{i}", name="T", email=f"t{i}@example.com")
        load_rows(tx, [prediction(50 + i, tutor_id=f"t{i}") for i in range(5)])
    assert scores(school) == [("t4", 54), ("t3", 53), ("t2", 52), ("t1", 51)]
    assert scores(school, 52, 2) == [("t4", 54), ("t3", 53)]
    [first] = school.tutormax.get_high_risk_tutors(54)
    assert (first.name, first.risk_level, first.model_version) == ("T", RiskLevel.HIGH, "m1")


def test_who_has_left_is_at_no_risk_any_more_until_they_come_back(school: Database) -> None:
    with school.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [prediction(80), prediction(70, tutor_id=OTHER)])
        gone = tx.tutormax.change_tutor_status(TUTOR, TutorStatus.CHURNED)
        assert gone.churned_at is not None
        # When they left is kept, unless it is told.
        told = tx.tutormax.change_tutor_status(OTHER, TutorStatus.CHURNED, churned_at=NOON)
        assert told.churned_at == NOON
        tx.connection.execute("UPDATE tutormax.tutors SET name = 'J' WHERE tutor_id = %s", [OTHER])
        assert tx.tutormax.get_tutor_by_id(OTHER).churned_at == NOON
        tx.tutormax.change_tutor_status(OTHER, TutorStatus.ACTIVE)
    assert scores(school) == [(OTHER, 70)]
    # What is predicted of somebody who has left is kept, and does not count.
    school.tutormax.record_prediction(**asdict(prediction(95, days=0.1)))
    assert scores(school) == [(OTHER, 70)]
    with school.transaction(actor=SYSTEM) as tx:
        back = tx.tutormax.change_tutor_status(TUTOR, TutorStatus.ACTIVE)
        assert back.churned_at is None
    assert scores(school) == [(TUTOR, 95), (OTHER, 70)]


def test_predictions_at_once_leave_one_current(school: Database) -> None:
    rows = [prediction(60 + i, days=i) for i in range(12)]
    results = at_once([lambda row=row: school.tutormax.record_prediction(**asdict(row)) for row in rows])
    assert [result for result in results if isinstance(result, Exception)] == []
    assert scores(school) == [(TUTOR, 60)]


def test_predictions_in_pages(school: Database) -> None:
    with school.transaction() as tx:
        load_rows(tx, [prediction(60, days=i // 2, model_version=f"m{i}") for i in range(9)])
    whole = school.tutormax.predictions(TUTOR)
    assert [one.prediction_date for one in whole] == sorted((one.prediction_date for one in whole), reverse=True)
    first = school.tutormax.predictions(TUTOR, page_size=4)
    last = first[-1]
    rest = school.tutormax.predictions(TUTOR, until=last.prediction_date, after_id=last.prediction_id)
    assert first + rest == whole
    assert len(whole) == 9


def test_a_clock_may_be_a_little_ahead(admin: psycopg.Connection, school: Database) -> None:
    [(made,)] = admin.execute(
        """
        INSERT INTO tutormax.churn_predictions (
            tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
            model_version, feature_cutoff
        ) VALUES ('tutor_001', now() + interval '1 minute', 1, 0, 0, 0, 1, 'm', now())
        RETURNING is_current
        """
    ).fetchall()
    assert made
