"""A tutor with a student, and what they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mentorbase import SYSTEM, Database, NewFeedback, NewPrediction, NewSession, SessionStatus

TUTOR, OTHER, STUDENT, PUPIL = "tutor_001", "tutor_002", "student_001", "student_002"
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""A fixed day that lies in the past."""
TODAY = NOON.date()
DAY = timedelta(days=1)


def enroll(db: Database, tutors: tuple[str, ...] = (TUTOR, OTHER)) -> None:
    """Two tutors who began long ago, and two students."""
    with db.transaction(actor=SYSTEM) as tx:
        for key in tutors:
            tx.tutormax.save_tutor(key, name="Jane Doe", email=f"{key}@example.com", onboarding_date=NOON - 365 * DAY)
        for key in (STUDENT, PUPIL):
            tx.tutormax.save_student(key, name="Sam")


def session(key: str, days: float = 1, **given: Any) -> NewSession:
    """A completed session so many days before noon of `TODAY`."""
    values: dict[str, Any] = {
        "tutor_id": TUTOR,
        "student_id": STUDENT,
        "subject": "Mathematics",
        "scheduled_start": NOON - days * DAY,
        "status": SessionStatus.COMPLETED,
    }
    return NewSession(key, **(values | given))


def feedback(key: str, rating: int = 5, days: float = 0.5, **given: Any) -> NewFeedback:
    """What the student says of a session, so many days before noon of `TODAY`."""
    values: dict[str, Any] = {
        "tutor_id": TUTOR,
        "student_id": STUDENT,
        "overall_rating": rating,
        "submitted_at": NOON - days * DAY,
    }
    return NewFeedback(key, **(values | given))


def prediction(score: int = 60, days: float = 1, **given: Any) -> NewPrediction:
    """A prediction about the tutor, so many days before noon of `TODAY`."""
    values: dict[str, Any] = {
        "tutor_id": TUTOR,
        "churn_score": score,
        "probability_1d": 0.1,
        "probability_7d": 0.2,
        "probability_30d": 0.3,
        "probability_90d": 0.4,
        "model_version": "m1",
        "prediction_date": NOON - days * DAY,
        "feature_cutoff": NOON - (days + 1) * DAY,
    }
    return NewPrediction(**(values | given))
