"""What the budgets in ``sql/tutormax/queries.sql`` speak of: calls of every named query on a made-up platform."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from mentorbase import InterventionOutcome, InterventionStatus, SessionStatus, TutorStatus
from mentorbase.tutormax import BulkTarget

TODAY = datetime.now(UTC).date()
"""The day that the platform speaks of as today, since statistics are those of the days up to now."""
NOON = datetime.combine(TODAY - timedelta(days=40), time(12), UTC)
DUE = TODAY

KNOWN: dict[str, LiteralString] = {
    "busiest": "SELECT tutor_id FROM tutormax.sessions GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "typical": "SELECT tutor_id FROM tutormax.tutors WHERE status = 'active' ORDER BY 1 DESC LIMIT 1 OFFSET 3",
    "student": "SELECT min(student_id) FROM tutormax.sessions",
    "session": "SELECT session_id FROM tutormax.student_feedback ORDER BY feedback_id LIMIT 1",
    "silent": "SELECT s.session_id FROM tutormax.sessions AS s WHERE s.tutor_id = '{busiest}' AND NOT EXISTS"
    " (SELECT FROM tutormax.student_feedback AS f WHERE f.session_id = s.session_id) ORDER BY 1 LIMIT 1",
    "silent_student": "SELECT student_id FROM tutormax.sessions WHERE session_id = '{silent}'",
    "open": "SELECT min(intervention_id) FROM tutormax.interventions WHERE status = 'open'",
    "assigned": "SELECT min(intervention_id) FROM tutormax.interventions WHERE status = 'assigned'",
}

METRICS, SESSIONS, FEEDBACK = "tutor_performance_metrics_pkey", "sessions_tutor_id_idx", "student_feedback_tutor_id_idx"
PREDICTION: dict[str, Any] = {
    "churn_score": 60,
    "probability_1d": 0.1,
    "probability_7d": 0.2,
    "probability_30d": 0.3,
    "probability_90d": 0.4,
    "model_version": "m",
    "feature_cutoff": NOON,
    "prediction_date": NOON,
}
BEGUN: LiteralString = (
    "SET LOCAL mentorbase.actor = 'admin:1';"
    " UPDATE tutormax.interventions SET status = 'in_progress' WHERE status = 'assigned'"
)

# Arguments, the indexes of the plan (None: a function or a write), and what a superuser puts into place before.
CALLS: dict[str, list[tuple[dict[str, Any], set[str] | None, LiteralString]]] = {
    "save_tutor": [
        ({"tutor_id": "@typical", "name": "J", "email": "new@example.com"}, None, ""),
        ({"tutor_id": "new", "name": "J", "email": "new@example.com"}, None, ""),
    ],
    "change_tutor_status": [({"tutor_id": "@typical", "status": TutorStatus.CHURNED}, None, "")],
    "get_tutor_by_id": [
        ({"tutor_id": "@typical"}, None, ""),
        ({"tutor_id": "@busiest", "with_relations": True}, None, ""),
    ],
    "active_tutors": [({"page_size": 100, "recent": 10}, None, "")],
    "tutors": [({"status": TutorStatus.ACTIVE}, {"tutors_status_idx"}, "")],
    "save_student": [({"student_id": "@student", "name": "Sam"}, None, "")],
    "student": [({"student_id": "@student"}, {"students_pkey"}, "")],
    "save_session": [
        (
            {
                "session_id": "new",
                "tutor_id": "@busiest",
                "student_id": "@student",
                "subject": "x",
                "scheduled_start": NOON,
                "status": SessionStatus.COMPLETED,
                "engagement_score": Decimal("0.5"),
            },
            None,
            "",
        ),
    ],
    "session": [({"session_id": "@session"}, {"sessions_pkey"}, "")],
    "tutor_sessions": [
        ({"tutor_id": "@busiest"}, {SESSIONS}, ""),
        ({"tutor_id": "@busiest", "until": NOON}, {SESSIONS}, ""),
    ],
    "record_feedback": [
        (
            {"session_id": "@silent", "tutor_id": "@busiest", "student_id": "@silent_student", "overall_rating": 5},
            None,
            "",
        ),
    ],
    "feedback": [({"session_id": "@session"}, {"student_feedback_session_id_key"}, "")],
    "get_tutor_statistics": [
        ({"tutor_id": "@typical", "days_back": 30}, {"tutors_pkey", SESSIONS, FEEDBACK}, ""),
        ({"tutor_id": "@busiest", "days_back": 30}, {"tutors_pkey", SESSIONS, FEEDBACK}, ""),
    ],
    # Nothing has changed since the volume was computed, but for one session.
    "compute_performance_metrics": [
        (
            {"as_of": TODAY - timedelta(days=1)},
            None,
            "UPDATE tutormax.sessions SET status = 'cancelled' WHERE session_id = 'session_00000900'",
        )
    ],
    "performance_metrics": [({"tutor_id": "@busiest"}, {METRICS}, "")],
    "record_prediction": [({"tutor_id": "@busiest", **PREDICTION}, None, "")],
    "predictions": [({"tutor_id": "@busiest"}, {"churn_predictions_tutor_id_key"}, "")],
    "get_high_risk_tutors": [
        ({"min_score": 51, "limit": 10}, {"churn_predictions_current_score_idx", "tutors_pkey"}, ""),
    ],
    "open_intervention": [
        (
            {"tutor_id": "@typical", "intervention_type": "call", "trigger_reason": "x", "due_date": DUE},
            None,
            "",
        ),
    ],
    "assign_intervention": [({"intervention_id": "@open", "assigned_to": 1}, None, "")],
    "release_intervention": [({"intervention_id": "@assigned"}, None, "")],
    "begin_intervention": [({"intervention_id": "@assigned", "actor_id": 1}, None, "")],
    "complete_intervention": [
        (
            {"intervention_id": "@assigned", "outcome": InterventionOutcome.IMPROVED, "actor_id": 1},
            None,
            BEGUN,
        ),
    ],
    "dismiss_intervention": [({"intervention_id": "@open"}, None, "")],
    "intervention": [({"intervention_id": "@open"}, {"interventions_pkey"}, "")],
    "tutor_interventions": [({"tutor_id": "@typical"}, {"interventions_tutor_id_idx"}, "")],
    "interventions": [({"status": InterventionStatus.COMPLETED}, {"interventions_status_idx"}, "")],
    "intervention_history": [({"intervention_id": "@open"}, {"interventions_history_intervention_id_idx"}, "")],
    "record_event": [
        ({"tutor_id": "@busiest", "event_type": "login", "source": "web", "event_timestamp": NOON}, None, ""),
    ],
    "tutor_events": [({"tutor_id": "@busiest"}, None, "")],
    "store_bulk": [
        (
            {"load_id": "00000000-0000-0000-0000-000000000001", "target": BulkTarget.TUTOR_EVENTS},
            None,
            "INSERT INTO tutormax.bulk_rows SELECT '00000000-0000-0000-0000-000000000001', i, jsonb_build_object("
            "'tutor_id', 'tutor_00001', 'event_type', 'login', 'source', 'web', 'source_event_id', 'x' || i,"
            " 'event_timestamp', '2026-01-01 12:00+00') FROM generate_series(0, 99) AS i",
        ),
    ],
}
