"""People."""

from __future__ import annotations

from collections.abc import Iterator

from .load import Load
from .world import BEFORE, WEEK, World, one_of

_FIRST = ("Farid", "Galina", "Hugo", "Irina", "Jonas", "Karina", "Leo", "Maria", "Nikita", "Olga", "Pavel", "Rosa")
_LAST = ("Ivanov", "Keller", "Novak", "Aliyev", "Lindt", "Pavlenko", "Weber", "Costa", "Haas", "Petrenko", "Morozov")
LANGUAGES = ("ru", "en", "de")
ZONES = ("Europe/Moscow", "Europe/Berlin", "Asia/Almaty", "Asia/Yekaterinburg")


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """Mentors, mentees and an administrator, who all came before the first session."""
    columns = (
        "id", "telegram_id", "role", "username", "first_name", "last_name", "language_code", "timezone", "is_active",
        "created_at", "updated_at",
    )  # fmt: skip
    yield (Load("auth.users", columns, lambda: _users(world), world.admin),)


def zone(person: int) -> str:
    """Return the zone in which somebody lives, in every service."""
    return ZONES[person * 7 % 11 % len(ZONES)]


def _users(world: World) -> Iterator[str]:
    draw = world.chance("auth.users").random
    for person in range(1, world.admin + 1):
        role = "teacher" if person in world.mentors else "student" if person in world.mentees else "admin"
        came = world.at(-int(1 + draw() * (BEFORE - 1) * WEEK) - WEEK)
        yield (
            f"{person}\t{world.telegram(person)}\t{role}\tuser_{person}\t{one_of(_FIRST, draw())}\t"
            f"{one_of(_LAST, draw())}\t{one_of(LANGUAGES, draw())}\t{zone(person)}\t"
            f"{'t' if draw() < 0.98 or role == 'admin' else 'f'}\t{came}\t{came}\n"
        )
