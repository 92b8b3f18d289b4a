"""Calls of the queries of getcourse. What a claim touches beside many that are done: tests/queues/test_plans.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import LiteralString
from uuid import UUID

from mentorbase import LogLevel, Outcome
from mentoring.booking import in_hours
from plans.calls import Call

KNOWN = {
    "mentor": "SELECT mentor_id FROM getcourse.mapping GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "account": "SELECT min(telegram_id) FROM getcourse.mentors WHERE id = {mentor}",
    "student": "SELECT student_id FROM getcourse.mapping GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "email": "SELECT email FROM getcourse.student_ids WHERE id = {student}",
    "mentor_email": "SELECT email FROM getcourse.mentor_ids WHERE id = {mentor}",
    "training": "SELECT training_id FROM getcourse.mapping GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "lessons": "SELECT training_id FROM getcourse.lessons GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "lesson": "SELECT min(lesson_id) FROM getcourse.lessons WHERE training_id = '{lessons}'",
    "mapping": "SELECT min(id) FROM getcourse.mapping_ids WHERE student_id = {student}",
    "other": "SELECT max(id) FROM getcourse.mentor_ids",
    "processed": "SELECT max(id) FROM getcourse.webhook_events WHERE status = 'processed'",
    "body": "SELECT raw_payload::text FROM getcourse.webhook_events WHERE id = {processed}",
    "dead_webhook": "SELECT min(id) FROM getcourse.webhook_events WHERE status = 'dead'",
    "quarantined": "SELECT min(id) FROM getcourse.webhook_quarantine",
    "sent": "SELECT max(id) FROM getcourse.notifications WHERE status = 'sent'",
    "dead": "SELECT min(id) FROM getcourse.notifications WHERE status = 'dead'",
    "unreachable": "SELECT max(telegram_id) FROM getcourse.unreachable_mentors",
}
# Before all versions, and before the present ones.
BEFORE, THEN = datetime(2023, 6, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
MENTOR, STUDENT = {"mentors_id_idx"}, {"students_id_idx"}
NEW: LiteralString = (
    '{"event_date": "2026-01-01", "user_id": 7, "user_email": "student7@example.org", "answer_id": "new"}'
)
TOKEN = UUID(int=1)
LEASED = "lease_until = now() + interval '%s', lease_token = '00000000-0000-0000-0000-000000000001'"
LAST_WEBHOOK = " WHERE id = (SELECT max(id) FROM getcourse.webhook_events WHERE status = 'processed')"
LAST_NOTIFICATION = " WHERE id = (SELECT max(id) FROM getcourse.notifications WHERE status = 'sent')"
PROCESSING = (
    f"UPDATE getcourse.webhook_events SET status = 'processing', processed = false, processed_at = NULL, {LEASED}"
    f"{LAST_WEBHOOK}"
)
STANDS = (
    "UPDATE getcourse.notifications SET status = '%s', sent_at = NULL, recipient_telegram_id = 7000 + mentor_id,"
    f" {LEASED}{LAST_NOTIFICATION}"
)
# What is due, and what came in.
CLAIMS = [Call({}), Call({"after_due": in_hours(0)})]
REPORT = {"lease_token": TOKEN, "outcome": Outcome.DONE}

CALLS: dict[str, list[Call]] = {
    "mentor": [Call({"mentor_id": "@mentor"}, MENTOR), Call({"mentor_id": "@mentor", "as_of": THEN}, MENTOR)],
    "mentors": [Call({}, MENTOR), Call({"after_id": 500, "as_of": THEN}, MENTOR)],
    "mentor_versions": [Call({"mentor_id": "@mentor"}, MENTOR)],
    "mentor_by_email": [Call({"email": "@mentor_email"})],
    "student": [Call({"student_id": "@student"}, STUDENT), Call({"student_id": "@student", "as_of": THEN}, STUDENT)],
    "students": [Call({}, STUDENT), Call({"after_id": 5000, "as_of": THEN}, STUDENT)],
    "student_versions": [Call({"student_id": "@student"}, STUDENT)],
    "student_by_email": [Call({"email": "@email"}, STUDENT | {"student_ids_email_key"})],
    # One of these by its index or by that of the exclusion constraint: so few versions are all the same.
    "training": [Call({"training_id": "@training"}), Call({"training_id": "@training", "as_of": THEN})],
    "trainings": [Call({}, {"trainings_training_id_idx"}), Call({"as_of": THEN}, {"trainings_training_id_idx"})],
    "training_versions": [Call({"training_id": "@training"})],
    "lesson": [Call({"lesson_id": "@lesson"}), Call({"lesson_id": "@lesson", "as_of": THEN})],
    "lessons": [Call({"training_id": "@lessons"}, {"lessons_training_id_idx"})],
    "lesson_versions": [Call({"lesson_id": "@lesson"})],
    "mapping_versions": [Call({"mapping_id": "@mapping"}, {"mapping_id_idx"})],
    "mentor_mappings": [Call({"mentor_id": "@mentor"}), Call({"mentor_id": "@mentor", "as_of": THEN})],
    "student_mappings": [Call({"student_id": "@student"}), Call({"student_id": "@student", "as_of": THEN})],
    "training_mappings": [Call({"training_id": "@training"}), Call({"training_id": "@training", "as_of": THEN})],
    "mapping_for": [Call({"email": "@email", "training_id": "@training"})],
    "quarantined": [Call({}, {"webhook_quarantine_pkey"})],
    "webhook": [Call({"event_id": "@processed"}, {"webhook_events_pkey"})],
    "webhooks_of": [Call({"user_email": "@email"}, {"webhook_events_user_email_idx"})],
    "stuck_webhooks": [Call({}, {"webhook_events_dead_idx"})],
    "notification": [Call({"notification_id": "@sent"}, {"notifications_pkey"})],
    "notifications_about": [Call({"webhook_event_id": "@processed"}, {"notifications_webhook_event_id_idx"})],
    "stuck": [Call({}, {"notifications_stuck_idx"})],
    # It counts what is open or stuck, and all that is in quarantine, which a person empties.
    "queues": [Call({})],
    "table_sizes": [Call({})],
    # Reads none of the tables, and is refused where the server does not count.
    # On a server that counts them: tests/getcourse/test_slow_queries.py.
    "slow_queries": [],
    "add_mentor": [
        Call({"email": "new@example.org"}),
        Call({"email": "@mentor_email", "valid_from": BEFORE, "valid_to": BEFORE}),
    ],
    "revise_mentor": [Call({"mentor_id": "@mentor", "email": "new@example.org"})],
    "close_mentor": [Call({"mentor_id": "@mentor"})],
    "add_student": [Call({"email": "new@example.org"})],
    "revise_student": [Call({"student_id": "@student", "email": "new@example.org"})],
    "close_student": [Call({"student_id": "@student"})],
    "add_training": [Call({"training_id": "new", "title": "x"})],
    "revise_training": [Call({"training_id": "@training", "title": "x"})],
    "close_training": [Call({"training_id": "@training"})],
    "add_lesson": [Call({"lesson_id": "new", "training_id": "@lessons", "title": "x"})],
    "revise_lesson": [Call({"lesson_id": "@lesson", "training_id": "@lessons", "title": "x"})],
    "close_lesson": [Call({"lesson_id": "@lesson"})],
    "add_mapping": [Call({"student_id": 11, "mentor_id": "@mentor", "training_id": "@training"})],
    "revise_mapping": [Call({"mapping_id": "@mapping", "mentor_id": "@other"})],
    "close_mapping": [Call({"mapping_id": "@mapping"})],
    "receive_webhook": [Call({"body": NEW}), Call({"body": "@body"}), Call({"body": "no JSON"})],
    "receive_webhooks": [Call({"bodies": [NEW, "@body", "no JSON"]})],
    "ingest_staged": [Call({"at_most": 10})],
    "retry_quarantined": [
        Call({"quarantine_id": "@quarantined"}),
        Call(
            {"quarantine_id": "@quarantined"},
            before=f"UPDATE getcourse.webhook_quarantine SET raw_text = '{NEW}'"
            " WHERE id = (SELECT min(id) FROM getcourse.webhook_quarantine)",
        ),
    ],
    "claim_webhooks": CLAIMS,
    "finish_webhook": [
        Call({"event_id": "@processed", **REPORT}, before=PROCESSING % "1 hour"),
        Call({"event_id": "@processed", "lease_token": TOKEN, "outcome": Outcome.FAILED}, before=PROCESSING % "1 hour"),
    ],
    "finish_webhooks": [Call({"event_ids": ["@processed"], "lease_token": TOKEN}, before=PROCESSING % "1 hour")],
    "recover_webhooks": [Call({}, before=PROCESSING % "-1 hour")],
    "replay_webhook": [Call({"event_id": "@dead_webhook"})],
    "replay_dead_webhooks": [Call({"at_most": 10})],
    "enqueue": [
        Call({"mentor_id": "@mentor", "type": "answer", "message": "x", "webhook_event_id": "@processed"}),
    ],
    "enqueue_many": [
        Call({"mentor_ids": ["@mentor", "@mentor"], "types": ["answer"] * 2, "messages": ["x", "y"]}),
    ],
    "claim": CLAIMS,
    "begin_attempt": [
        Call({"notification_id": "@sent", "lease_token": TOKEN}, before=STANDS % ("processing", "1 hour"))
    ],
    "finish": [
        Call({"notification_id": "@sent", **REPORT}, before=STANDS % ("sending", "1 hour"), pages=45),
        # Whatever is open for the mentor is cancelled, and looked for among all that the mentor was told.
        Call(
            {"notification_id": "@sent", "lease_token": TOKEN, "outcome": Outcome.UNREACHABLE},
            before=STANDS % ("sending", "1 hour"),
        ),
    ],
    "recover": [Call({}, before=STANDS % ("sending", "-1 hour"))],
    "replay": [Call({"notification_id": "@dead"})],
    "replay_dead": [Call({"at_most": 10})],
    "mark_reachable": [Call({"telegram_id": "@unreachable"})],
    "log": [Call({"level": LogLevel.INFO, "logger": "x", "message": "x"})],
    "log_error": [Call({"error_type": "ValueError", "message": "x"})],
}
