"""Calls of the queries of notifications. What a claim touches beside many that are done: tests/queues/test_plans.py."""

from __future__ import annotations

from uuid import UUID

from mentorbase import Channel, Outcome
from plans.calls import Call

KNOWN = {
    "recipient": "SELECT recipient_telegram_id FROM notifications.notifications"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "many": "SELECT array_agg(telegram_id) FROM auth.users WHERE id BETWEEN 5001 AND 5100",
    "sent": "SELECT max(id) FROM notifications.notifications WHERE status = 'sent'",
    "dead": "SELECT min(id) FROM notifications.notifications WHERE status = 'dead'",
    "settled": "SELECT max(telegram_id) FROM notifications.user_notification_settings",
    "unreachable": "SELECT max(recipient_telegram_id) FROM notifications.unreachable_recipients",
}
TOKEN = UUID(int=1)
STANDS = (
    "UPDATE notifications.notifications SET status = '%s', lease_until = now() + interval '%s', lease_token ="
    " '00000000-0000-0000-0000-000000000001', sent_at = NULL"
    " WHERE id = (SELECT max(id) FROM notifications.notifications WHERE status = 'sent')"
)
DUE = (
    "UPDATE notifications.notifications SET next_attempt_at = now() - interval '1 hour' WHERE id IN"
    " (SELECT id FROM notifications.notifications WHERE status = 'waiting' ORDER BY id LIMIT 8)"
)

CALLS: dict[str, list[Call]] = {
    "notification": [Call({"notification_id": "@sent"}, {"notifications_pkey"})],
    "notifications_of": [Call({"recipient_telegram_id": "@recipient"})],
    "stuck": [Call({}, {"notifications_stuck_idx"})],
    "notification_log": [Call({"notification_id": "@sent"})],
    "settings": [Call({"telegram_id": "@settled"}, {"user_notification_settings_pkey"})],
    "templates": [Call({"code": "publication"})],
    "enqueue": [Call({"recipient_telegram_id": "@settled", "template_code": "publication", "payload": {"title": "x"}})],
    # A hundred of them.
    "enqueue_many": [Call({"recipients": "@many", "template_code": "publication", "payload": {"title": "x"}})],
    "claim": [Call({}, before=DUE)],
    "begin_attempt": [
        Call({"notification_id": "@sent", "lease_token": TOKEN}, before=STANDS % ("processing", "1 hour"))
    ],
    "finish": [
        Call(
            {"notification_id": "@sent", "lease_token": TOKEN, "outcome": Outcome.DONE},
            before=STANDS % ("sending", "1 hour"),
        )
    ],
    "recover": [Call({}, before=STANDS % ("sending", "-1 hour"))],
    "replay": [Call({"notification_id": "@dead"})],
    "replay_dead": [Call({"at_most": 10})],
    "mark_reachable": [Call({"recipient_telegram_id": "@unreachable"})],
    "save_settings": [Call({"telegram_id": "@settled", "is_enabled": False})],
    "save_template": [
        Call({"code": "publication", "language_code": "de", "channel": Channel.TELEGRAM, "body": "Neu: {title}"})
    ],
}
