"""Calls of the queries of students. Beside the groups service enrollments are a copy, which nobody writes by hand."""

from __future__ import annotations

from decimal import Decimal

from mentorbase import CefrLevel
from plans.calls import Call

KNOWN = {
    "student": "SELECT student_telegram_id FROM students.group_enrollments"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "thirty": "SELECT array_agg(telegram_id) FROM students.students WHERE telegram_id % 300 = 7",
    "enrollment": "SELECT max(id) FROM students.group_enrollments WHERE status = 'enrolled'",
    "group": "SELECT group_id FROM students.group_enrollments GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
}
# As where the service lives alone.
ALONE = "ALTER TABLE students.group_enrollments DISABLE TRIGGER group_enrollments_copy_only"

CALLS: dict[str, list[Call]] = {
    "student": [Call({"telegram_id": "@student"}, {"students_pkey"})],
    "students": [Call({"telegram_ids": "@thirty"}, {"students_pkey"})],
    "student_languages": [Call({"telegram_id": "@student"}, {"student_languages_pkey"})],
    "enrollment": [Call({"enrollment_id": "@enrollment"}, {"group_enrollments_pkey"})],
    "enrollments": [Call({"telegram_id": "@student"}, {"group_enrollments_student_telegram_id_idx"})],
    "group_enrollments": [Call({"group_id": "@group"}, {"group_enrollments_group_id_idx"})],
    "enrollment_history": [Call({"enrollment_id": "@enrollment"}, {"group_enrollments_history_enrollment_id_idx"})],
    "save_student": [Call({"telegram_id": "@student", "learning_goals": "x"})],
    "save_student_language": [Call({"telegram_id": "@student", "language": "it", "current_level": CefrLevel.A1})],
    "remove_student_language": [Call({"telegram_id": "@student", "language": "en"}, {"student_languages_pkey"})],
    "apply_to_group": [Call({"telegram_id": "@student", "group_id": 1}, before=ALONE)],
    "change_enrollment": [Call({"enrollment_id": "@enrollment", "progress": Decimal(50)}, before=ALONE)],
}
