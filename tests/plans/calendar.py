"""Calls of the queries of calendar."""

from __future__ import annotations

from datetime import date, time, timedelta

from mentorbase import AttendanceStatus
from mentoring.booking import in_hours
from plans.calls import Call

KNOWN = {
    "lesson": "SELECT min(lesson_id) FROM calendar.lesson_attendance",
    "teacher": "SELECT teacher_telegram_id FROM calendar.lessons GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "student": "SELECT student_telegram_id FROM calendar.lesson_participants"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "other": "SELECT max(telegram_id) FROM students.students",
    "planned": "SELECT min(l.id) FROM calendar.lessons AS l WHERE l.status = 'planned'"
    " AND EXISTS (SELECT FROM calendar.lesson_participants AS p WHERE p.lesson_id = l.id)",
    "participant": "SELECT min(student_telegram_id) FROM calendar.lesson_participants WHERE lesson_id = {planned}",
    "present": "SELECT min(student_telegram_id) FROM calendar.lesson_participants WHERE lesson_id = {lesson}",
    "marker": "SELECT teacher_telegram_id FROM calendar.lessons WHERE id = {lesson}",
    "schedule": "SELECT min(id) FROM calendar.teacher_schedules WHERE teacher_telegram_id = {teacher}",
    "absent": "SELECT max(teacher_telegram_id) FROM calendar.teacher_unavailable",
    "absence": "SELECT max(id) FROM calendar.teacher_unavailable",
}
LATER = {"starts_at": in_hours(24 * 200), "ends_at": in_hours(24 * 200 + 1)}

CALLS: dict[str, list[Call]] = {
    "lesson": [Call({"lesson_id": "@lesson"}, {"lessons_pkey"})],
    "lesson_chain": [Call({"lesson_id": "@lesson"}, {"lessons_pkey", "lessons_rescheduled_from_key"})],
    "teacher_lessons": [Call({"teacher_telegram_id": "@teacher"}, {"lessons_teacher_telegram_id_idx"})],
    "student_lessons": [
        Call({"student_telegram_id": "@student"}, {"lesson_participants_student_telegram_id_idx", "lessons_pkey"}),
    ],
    "group_lessons": [Call({"group_id": 1}, {"lessons_group_id_idx"})],
    "lesson_history": [Call({"lesson_id": "@lesson"}, {"lesson_history_lesson_id_idx"})],
    "participants": [Call({"lesson_id": "@lesson"}, {"lesson_participants_pkey"})],
    "attendance": [Call({"lesson_id": "@lesson"}, {"lesson_attendance_pkey"})],
    "schedules": [Call({"teacher_telegram_id": "@teacher"}, {"teacher_schedules_teacher_telegram_id_idx"})],
    "absences": [Call({"teacher_telegram_id": "@absent"}, {"teacher_unavailable_teacher_telegram_id_idx"})],
    "free_slots": [
        # Two weeks.
        Call(
            {
                "teacher_telegram_id": "@teacher",
                "from_at": in_hours(0),
                "until": in_hours(14 * 24),
                "duration": timedelta(hours=1),
            }
        )
    ],
    "plan_lesson": [
        Call({"teacher_telegram_id": "@teacher", "title": "x", "student_telegram_ids": ["@student", "@other"], **LATER})
    ],
    "reschedule": [Call({"lesson_id": "@planned", **LATER})],
    "cancel_lesson": [Call({"lesson_id": "@planned"})],
    "complete_lesson": [
        Call(
            {"lesson_id": "@lesson"},
            before="UPDATE calendar.lessons SET status = 'planned'"
            " WHERE id = (SELECT min(lesson_id) FROM calendar.lesson_attendance)",
        )
    ],
    "change_lesson": [Call({"lesson_id": "@planned", "title": "x"}, {"lessons_pkey"})],
    "add_participants": [Call({"lesson_id": "@planned", "student_telegram_ids": ["@other"]})],
    "remove_participant": [Call({"lesson_id": "@planned", "student_telegram_id": "@participant"})],
    "mark_attendance": [
        Call(
            {
                "lesson_id": "@lesson",
                "student_telegram_ids": ["@present"],
                "status": AttendanceStatus.LATE,
                "actor_id": "@marker",
            }
        )
    ],
    "add_schedule": [
        Call(
            {
                "teacher_telegram_id": "@teacher",
                "weekday": 1,
                "starts_local": time(9),
                "ends_local": time(12),
                "timezone": "UTC",
                "valid_from": date(2026, 1, 1),
            }
        )
    ],
    "end_schedule": [Call({"schedule_id": "@schedule", "valid_to": date(2999, 1, 1)}, {"teacher_schedules_pkey"})],
    "remove_schedule": [Call({"schedule_id": "@schedule"}, {"teacher_schedules_pkey"})],
    "add_absence": [Call({"teacher_telegram_id": "@teacher", **LATER})],
    "remove_absence": [Call({"absence_id": "@absence"}, {"teacher_unavailable_pkey"})],
}
