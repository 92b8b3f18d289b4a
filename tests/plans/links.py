"""Calls of the queries of links."""

from __future__ import annotations

from mentoring.booking import in_hours
from plans.calls import Call

KNOWN = {
    "group": "SELECT group_id FROM groups.group_members WHERE status = 'active'"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "teacher": "SELECT teacher_telegram_id FROM groups.groups WHERE id = {group}",
    "student": "SELECT student_telegram_id FROM calendar.lesson_participants"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "thirty": "SELECT array_agg(telegram_id) FROM (SELECT telegram_id FROM students.students ORDER BY 1 LIMIT 30) AS s",
}
LATER = {"title": "x", "starts_at": in_hours(24 * 200), "ends_at": in_hours(24 * 200 + 1)}

CALLS: dict[str, list[Call]] = {
    "create_lesson": [
        Call({"teacher_telegram_id": "@teacher", "group_id": "@group", "student_telegram_ids": None, **LATER}),
        Call({"teacher_telegram_id": "@teacher", "group_id": None, "student_telegram_ids": "@thirty", **LATER}),
    ],
    "user_profile": [Call({"telegram_id": "@teacher"}), Call({"telegram_id": "@student"})],
}
