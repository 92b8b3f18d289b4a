"""Some mentees as students, and the languages that they learn. Their enrollments follow the groups."""

from __future__ import annotations

from collections.abc import Iterator

from .auth import zone
from .load import Load
from .teachers import TAUGHT
from .world import WEEK, World, one_of


def learners(world: World) -> range:
    """Return the mentees who are students too."""
    return world.mentees[: max(10, len(world.mentees) // 4)]


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """Each learns one language."""
    yield (
        Load(
            "students.students",
            ("telegram_id", "learning_goals", "timezone", "created_at", "updated_at"),
            lambda: _students(world),
            len(learners(world)),
        ),
        Load(
            "students.student_languages",
            ("student_telegram_id", "language", "current_level", "target_level", "created_at", "updated_at"),
            lambda: _languages(world),
            len(learners(world)),
        ),
    )


def _students(world: World) -> Iterator[str]:
    draw = world.chance("students.students").random
    came = world.at(-WEEK)
    for student in learners(world):
        goals = one_of(("To pass an exam", "To travel", "To work abroad"), draw())
        yield f"{world.telegram(student)}\t{goals}\t{zone(student)}\t{came}\t{came}\n"


def _languages(world: World) -> Iterator[str]:
    draw = world.chance("students.student_languages").random
    came = world.at(-WEEK)
    for student in learners(world):
        current, target = one_of((("a1", "b1"), ("a2", "b2"), ("b1", "c1")), draw())
        yield f"{world.telegram(student)}\t{one_of(TAUGHT, draw())}\t{current}\t{target}\t{came}\t{came}\n"
