"""Bad input has an exception of its own, the same for one row as for many."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    ConstraintViolation,
    Database,
    FeedbackMismatch,
    HorizonNotMonotone,
    InvalidProbability,
    InvalidRating,
    InvalidValue,
    NewEvent,
    NewFeedback,
    NewPrediction,
    NewSession,
    PredictionFromFuture,
    ReferenceViolation,
    RowsRefused,
    UnknownTutor,
    load_rows,
)

from .school import NOON, OTHER, PUPIL, enroll, feedback, prediction, session

SOON = datetime.now(UTC) + timedelta(hours=1)
EVENT = NewEvent("tutor_001", "login", NOON, "web", "e1")

BAD: dict[str, tuple[Any, type[ConstraintViolation], str | None]] = {
    "rating 0": (feedback("s1", 0), InvalidRating, "student_feedback_overall_rating_check"),
    "rating 6": (feedback("s1", 6), InvalidRating, "student_feedback_overall_rating_check"),
    "part rating 6": (feedback("s1", patience_rating=6), InvalidRating, "student_feedback_part_ratings_check"),
    "another student": (feedback("s1", student_id=PUPIL), FeedbackMismatch, "student_feedback_session_id_fkey"),
    "another tutor": (feedback("s1", tutor_id=OTHER), FeedbackMismatch, "student_feedback_session_id_fkey"),
    "of no session": (feedback("x"), FeedbackMismatch, "student_feedback_session_id_fkey"),
    "said twice": (feedback("s2"), AlreadyExists, "student_feedback_session_id_key"),
    "probability 1.2": (prediction(probability_90d=1.2), InvalidProbability, "churn_predictions_probability_check"),
    "no number": (
        prediction(probability_1d=float("nan")),
        InvalidProbability,
        "churn_predictions_probability_check",
    ),
    "not monotone": (prediction(probability_7d=0.05), HorizonNotMonotone, "churn_predictions_horizon_check"),
    "from the future": (
        prediction(prediction_date=SOON),
        PredictionFromFuture,
        "churn_predictions_prediction_date_check",
    ),
    "knew too much": (
        prediction(feature_cutoff=NOON),
        InvalidValue,
        "churn_predictions_feature_cutoff_check",
    ),
    "score 101": (prediction(101), InvalidValue, "churn_predictions_churn_score_check"),
    "predicted twice": (prediction(days=30), AlreadyExists, "churn_predictions_tutor_id_key"),
    "prediction of nobody": (prediction(tutor_id="x"), UnknownTutor, "churn_predictions_tutor_id_fkey"),
    "session of nobody": (session("s7", tutor_id="x"), UnknownTutor, "sessions_tutor_id_fkey"),
    "session with nobody": (session("s7", student_id="x"), ReferenceViolation, "sessions_student_id_fkey"),
    "session of another tutor": (
        session("s2", tutor_id=OTHER),
        FeedbackMismatch,
        "student_feedback_session_id_fkey",
    ),
    "engagement 1.5": (session("s7", engagement_score="1.5"), InvalidValue, "sessions_engagement_score_check"),
    "no minutes": (session("s7", duration_minutes=0), InvalidValue, "sessions_duration_minutes_check"),
    "key of 51": (session("s" * 51), InvalidValue, "sessions_session_id_check"),
    "event of nobody": (
        NewEvent("x", "login", NOON, "web", "e9"),
        UnknownTutor,
        "tutor_events_tutor_id_fkey",
    ),
    "event without a name": (
        NewEvent("tutor_001", "Log in", NOON, "web", "e9"),
        InvalidValue,
        "tutor_events_event_type_check",
    ),
}
GOOD = {
    NewSession: (session("s8"), session("s9")),
    NewFeedback: (feedback("s3"), feedback("s0")),
    NewPrediction: (prediction(days=2), prediction(days=3)),
    NewEvent: (EVENT, NewEvent("tutor_001", "login", NOON, "web", "e2")),
}


@pytest.fixture
def known(db: Database) -> Database:
    """Sessions s0 to s3, s2 with feedback; a prediction of a month ago."""
    enroll(db)
    with db.transaction(actor=SYSTEM) as tx:
        load_rows(tx, [session(f"s{i}") for i in range(4)])
        load_rows(tx, [feedback("s2")])
        load_rows(tx, [prediction(days=30)])
    return db


def alone(tx: Any, row: Any) -> None:
    """Record a row by the method for one."""
    call = {
        NewSession: tx.tutormax.save_session,
        NewFeedback: tx.tutormax.record_feedback,
        NewPrediction: tx.tutormax.record_prediction,
        NewEvent: tx.tutormax.record_event,
    }[type(row)]
    call(**asdict(row))


def counted(db: Database) -> list[int]:
    with db.transaction() as tx:
        return [
            tx.connection.execute(f"SELECT count(*) FROM tutormax.{table}").fetchone()[0]
            for table in ("sessions", "student_feedback", "churn_predictions", "tutor_events", "bulk_rows")
        ]


@pytest.mark.parametrize("case", BAD)
def test_one_bad_row_is_refused_with_its_own_exception(known: Database, case: str) -> None:
    row, kind, constraint = BAD[case]
    with pytest.raises(ConstraintViolation) as refused, known.transaction(actor=SYSTEM) as tx:
        alone(tx, row)
    assert (type(refused.value), refused.value.constraint) == (kind, constraint)


@pytest.mark.parametrize("case", BAD)
def test_in_bulk_it_is_named_and_nothing_is_stored(known: Database, case: str) -> None:
    row, kind, constraint = BAD[case]
    first, second = GOOD[type(row)]
    before = counted(known)
    with known.transaction(actor=SYSTEM) as tx:
        with pytest.raises(RowsRefused) as refused:
            load_rows(tx, [first, row, second])
        # The transaction goes on.
        assert tx.tutormax.student("nobody") is None
    [one] = refused.value.refused
    assert (one.position, type(one.error), one.error.constraint) == (1, kind, constraint)
    assert refused.value.values == {"refused": "1", "first_positions": "1"}
    assert counted(known) == before


@pytest.mark.parametrize("case", BAD)
def test_in_bulk_the_good_rows_are_kept_if_asked_to(known: Database, case: str) -> None:
    row, kind, constraint = BAD[case]
    first, second = GOOD[type(row)]
    before = counted(known)
    with known.transaction(actor=SYSTEM) as tx:
        done = load_rows(tx, [row, first, second, row], keep_good=True)
    assert [(one.position, type(one.error), one.error.constraint) for one in done.refused] == [
        (0, kind, constraint),
        (3, kind, constraint),
    ]
    assert (done.inserted, done.updated, done.repeated) == (2, 0, 0)
    assert sum(counted(known)) == sum(before) + 2


def test_what_is_outside_of_a_column_s_range_is_refused_in_bulk(known: Database) -> None:
    with known.transaction(actor=SYSTEM) as tx:
        done = load_rows(tx, [feedback("s1", 10**12), feedback("s0")], keep_good=True)
    [one] = done.refused
    assert (one.position, type(one.error), one.error.sqlstate) == (0, InvalidValue, "22003")
    assert "1000000000000" not in str(one.error)
    with pytest.raises(InvalidValue) as refused, known.transaction(actor=SYSTEM) as tx:
        tx.tutormax.save_tutor("t", name="x" * 201, email="t@example.com")
    assert refused.value.constraint == "tutors_name_check"
