"""The small example application answers with the documented keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from examples import tutormax_api
from mentorbase import SYSTEM, Database, NewFeedback, NewPrediction, NewSession, SessionStatus, load_rows

NOW = datetime.now(UTC)


@pytest.fixture
def get(db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., httpx.Response]:
    """Ask the application for a path."""
    with db.transaction(actor=SYSTEM) as tx:
        tx.tutormax.save_tutor("tutor_001", name="Jane Doe", email="jane@example.com", subjects=["Mathematics"])
        tx.tutormax.save_student("student_001", name="Sam")
        start = NOW - timedelta(days=2)
        load_rows(
            tx,
            [NewSession("s1", "tutor_001", "student_001", "Mathematics", start, status=SessionStatus.COMPLETED)],
        )
        load_rows(tx, [NewFeedback("s1", "tutor_001", "student_001", 4, submitted_at=start)])
        load_rows(tx, [NewPrediction("tutor_001", 77, 0.1, 0.2, 0.3, 0.4, "m1", start, prediction_date=start)])
    monkeypatch.setenv("MENTORBASE_DSN", dsn)

    async def ask(path: str, params: dict[str, Any]) -> httpx.Response:
        async with tutormax_api.lifespan(tutormax_api.app) as state:

            async def served(scope: Any, receive: Any, send: Any) -> None:
                await tutormax_api.app({**scope, "state": dict(state)}, receive, send)

            transport = httpx.ASGITransport(served)
            async with httpx.AsyncClient(transport=transport, base_url="http://example") as client:
                return await client.get(path, params=params)

    return lambda path, **params: asyncio.run(ask(path, params))


def test_a_tutor_with_and_without_relations(get: Callable[..., httpx.Response]) -> None:
    alone = get("/tutors/tutor_001").json()
    assert (alone["name"], alone["status"], alone["sessions"]) == ("Jane Doe", "active", None)
    whole = get("/tutors/tutor_001", with_relations=True).json()
    [session] = whole["sessions"]
    assert (session["session_id"], session["feedback"]["overall_rating"]) == ("s1", 4)
    assert whole["churn_predictions"][0]["risk_level"] == "Critical"
    assert get("/tutors/nobody").status_code == 404


def test_statistics_and_who_is_at_risk(get: Callable[..., httpx.Response]) -> None:
    assert get("/tutors/tutor_001/statistics", days_back=30).json() == {
        "tutor_id": "tutor_001",
        "total_sessions": 1,
        "average_rating": 4.0,
        "no_shows": 0,
        "reschedules": 0,
    }
    assert get("/tutors/nobody/statistics").status_code == 404
    assert [one["tutor_id"] for one in get("/tutors/at-risk").json()] == ["tutor_001"]
    assert get("/tutors/at-risk", min_score=78).json() == []
