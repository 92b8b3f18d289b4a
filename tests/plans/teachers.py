"""Calls of the queries of teachers."""

from __future__ import annotations

from mentorbase import CefrLevel
from plans.calls import Call

KNOWN = {
    "teacher": "SELECT max(telegram_id) FROM teachers.teachers",
    "newcomer": "SELECT telegram_id FROM auth.users WHERE id = 5000",
}

CALLS: dict[str, list[Call]] = {
    "teacher": [Call({"telegram_id": "@teacher"}, {"teachers_pkey"})],
    "teacher_languages": [Call({"telegram_id": "@teacher"}, {"teacher_languages_pkey"})],
    "teachers_of": [
        # By the language, or by the key where it is of many.
        Call({"language": "en"}),
        Call({"language": "en", "page_size": 500}),
    ],
    "save_teacher": [Call({"telegram_id": "@teacher", "bio": "x"}), Call({"telegram_id": "@newcomer"})],
    "save_teacher_language": [Call({"telegram_id": "@teacher", "language": "it", "level": CefrLevel.C1})],
    "remove_teacher_language": [Call({"telegram_id": "@teacher", "language": "en"})],
}
