"""Lessons of groups with participants and attendance, and when teachers can be booked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from .groups import BEGAN, Group, groups
from .load import Load
from .world import PAST, WEEK, World, one_of


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson; `begins` in hours."""

    id: int
    group: Group
    begins: int
    status: str


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """A lesson a week for each group, at its hour; its participants are the members who have or had a seat."""
    plan = list(_plan(world))
    yield (
        Load(
            "calendar.lessons",
            (
                "id", "teacher_telegram_id", "group_id", "title", "starts_at", "ends_at", "status", "created_at",
                "updated_at",
            ),
            lambda: _lessons(world, plan),
            len(plan),
        ),
        Load(
            "calendar.lesson_participants",
            ("lesson_id", "student_telegram_id", "starts_at", "ends_at", "occupies", "created_at", "updated_at"),
            lambda: _participants(world, plan),
        ),
    )  # fmt: skip
    yield (
        Load(
            "calendar.lesson_attendance",
            ("lesson_id", "student_telegram_id", "status", "created_at", "updated_at"),
            lambda: _attendance(world, plan),
            actor=f"admin:{world.admin}",
        ),
    )
    yield (
        Load(
            "calendar.teacher_schedules",
            ("teacher_telegram_id", "weekday", "starts_local", "ends_local", "timezone", "valid_from"),
            lambda: _schedules(world),
            2 * len(world.mentors),
        ),
        Load(
            "calendar.teacher_unavailable",
            ("teacher_telegram_id", "starts_at", "ends_at"),
            lambda: _absences(world),
        ),
    )


def _plan(world: World) -> Iterator[Lesson]:
    number = count(1)
    for group in groups(world):
        for week in range(BEGAN, PAST if group.status == "completed" else PAST + 3):
            begins = week * WEEK + group.hour
            status = "completed" if begins < world.now else "planned"
            yield Lesson(next(number), group, begins, "cancelled" if group.status == "cancelled" else status)


def _present(lesson: Lesson) -> Iterator[int]:
    return (student for student, status in lesson.group.members if status != "waiting")


def _lessons(world: World, plan: list[Lesson]) -> Iterator[str]:
    made = world.at(BEGAN * WEEK - 24)
    for lesson in plan:
        group = lesson.group
        yield (
            f"{lesson.id}\t{world.telegram(group.teacher)}\t{group.id}\tLesson of group {group.id}\t"
            f"{world.at(lesson.begins)}\t{world.at(lesson.begins + 1)}\t{lesson.status}\t{made}\t{made}\n"
        )


def _participants(world: World, plan: list[Lesson]) -> Iterator[str]:
    made = world.at(BEGAN * WEEK - 24)
    for lesson in plan:
        time = (
            f"{world.at(lesson.begins)}\t{world.at(lesson.begins + 1)}\t{'f' if lesson.status == 'cancelled' else 't'}"
        )
        for student in _present(lesson):
            yield f"{lesson.id}\t{world.telegram(student)}\t{time}\t{made}\t{made}\n"


def _attendance(world: World, plan: list[Lesson]) -> Iterator[str]:
    draw = world.chance("calendar.lesson_attendance").random
    for lesson in plan:
        if lesson.status == "completed":
            over = world.at(lesson.begins + 1)
            for student in _present(lesson):
                status = one_of(("present", "present", "present", "present", "late", "absent", "excused"), draw())
                yield f"{lesson.id}\t{world.telegram(student)}\t{status}\t{over}\t{over}\n"


def _schedules(world: World) -> Iterator[str]:
    opened = world.day(-PAST * 7)
    for teacher in world.mentors:
        for window in range(2):
            weekday = 1 + (teacher + 3 * window) % 7
            hours = f"{9 + teacher % 3:02}:00\t{17 + teacher % 3}:00"
            yield f"{world.telegram(teacher)}\t{weekday}\t{hours}\tEurope/Berlin\t{opened}\n"


def _absences(world: World) -> Iterator[str]:
    """A week off, after the lessons that are planned."""
    for teacher in world.mentors[::2]:
        monday = (PAST + 4 + teacher % 4) * WEEK
        yield f"{world.telegram(teacher)}\t{world.at(monday)}\t{world.at(monday + 5 * 24)}\n"
