"""Mentors as teachers, and the languages that they teach."""

from __future__ import annotations

from collections.abc import Iterator

from .auth import zone
from .load import Load
from .world import WEEK, World, one_of

TAUGHT = ("en", "de", "fr", "es", "ru")


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """Every mentor teaches one language, and each second one another."""
    yield (
        Load(
            "teachers.teachers",
            ("telegram_id", "specialization", "rate", "rate_currency", "timezone", "created_at", "updated_at"),
            lambda: _teachers(world),
            len(world.mentors),
        ),
        Load(
            "teachers.teacher_languages",
            ("teacher_telegram_id", "language", "level", "is_native", "created_at", "updated_at"),
            lambda: _languages(world),
        ),
    )


def language(teacher: int) -> str:
    """Return the first language that a teacher teaches."""
    return TAUGHT[teacher % len(TAUGHT)]


def _teachers(world: World) -> Iterator[str]:
    draw = world.chance("teachers.teachers").random
    came = world.at(-WEEK)
    for teacher in world.mentors:
        yield (
            f"{world.telegram(teacher)}\t{one_of(('exams', 'conversation', 'business', 'children'), draw())}\t"
            f"{15 + int(draw() * 65)}\tEUR\t{zone(teacher)}\t{came}\t{came}\n"
        )


def _languages(world: World) -> Iterator[str]:
    draw = world.chance("teachers.teacher_languages").random
    came = world.at(-WEEK)
    for teacher in world.mentors:
        for number, spoken in enumerate((language(teacher), language(teacher + 1))[: 1 + teacher % 2]):
            level = one_of(("c1", "c2"), draw())
            yield f"{world.telegram(teacher)}\t{spoken}\t{level}\t{'f' if number else 't'}\t{came}\t{came}\n"
