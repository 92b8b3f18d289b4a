"""Groups with their members, waiting lists and invitations."""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .load import Load
from .students import learners
from .teachers import language
from .world import PAST, WEEK, World, one_of, rank

HOURS = range(120, 168)
"""Hours of a week for lessons: those of the weekend."""
BEGAN = PAST - 6
"""The first week of every group."""

_STATUSES = ("open", "closed", "completed", "cancelled")
_STATUS_LIMITS = (0.5, 0.7, 0.9)
_LEVELS = ("a1", "a2", "b1", "b2")


@dataclass(slots=True)
class Group:
    """One group.

    Attributes:
        hour: of the week, at which it has its lessons; free of its teacher and of its students.
        members: in the order of coming: student and status.
    """

    id: int
    teacher: int
    status: str
    capacity: int
    hour: int
    members: list[tuple[int, str]]


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """One group for ten mentors; history and enrollments follow by themselves."""
    plan = groups(world)
    yield (
        Load(
            "groups.groups",
            (
                "id", "teacher_telegram_id", "name", "language", "level", "capacity", "status", "created_at",
                "updated_at",
            ),
            lambda: _groups(world, plan),
            len(plan),
        ),
        # Nobody joins a group that has ended, other than with the import of a membership that has ended too.
        Load(
            "groups.group_members",
            (
                "id", "group_id", "student_telegram_id", "status", "progress", "requested_at", "joined_at", "ended_at",
                "created_at", "updated_at",
            ),
            lambda: _members(world, plan),
            sum(len(group.members) for group in plan),
        ),
        # Those that were answered or revoked are of the past.
        Load(
            "groups.group_invitations",
            (
                "group_id", "student_telegram_id", "token_hash", "status", "expires_at", "ended_at", "created_at",
                "updated_at",
            ),
            lambda: _invitations(world, plan),
            without=("group_invitations_guard",),
        ),
    )  # fmt: skip
    yield (
        Load(
            "groups.group_progress",
            (
                "group_id", "as_of", "capacity", "active_members", "waiting_members", "completed_members",
                "left_members", "average_progress", "created_at", "updated_at",
            ),
            lambda: _snapshots(world, plan),
        ),
    )  # fmt: skip


def groups(world: World) -> list[Group]:
    """Plan the groups, none of whose people is in two lessons at once."""
    draw = world.chance("groups.groups").random
    students = learners(world)
    taken: dict[int, set[int]] = defaultdict(set)  # hours of the week, of each student
    plan = []
    for number in range(1, 1 + max(2, len(world.mentors) // 10)):
        # Each of these teachers has two.
        group = Group(
            number,
            world.mentors[(number - 1) // 2],
            _STATUSES[bisect(_STATUS_LIMITS, draw())],
            3 + int(draw() * 10),
            HOURS[number % len(HOURS)],
            [],
        )
        wanted = min(group.capacity + int(draw() * 4) - 1, len(students) // 2)
        for _ in range(3 * wanted):
            student = students[rank(len(students), draw())]
            if group.hour not in taken[student] and len(group.members) < wanted:
                taken[student].add(group.hour)
                group.members.append((student, ""))
        seats = group.capacity
        for place, (student, _) in enumerate(group.members):
            if group.status == "cancelled":
                status = "left"
            elif group.status == "completed":
                status = "completed" if draw() < 0.8 else "left"
            elif draw() < 0.1:
                status = "left"
            else:
                status = "active" if seats > 0 else "waiting"
                seats -= 1
            group.members[place] = (student, status)
        plan.append(group)
    return plan


def _groups(world: World, plan: list[Group]) -> Iterator[str]:
    came = world.at(BEGAN * WEEK - 7 * 24)
    for group in plan:
        taught = language(group.teacher)
        level = _LEVELS[group.id % len(_LEVELS)]
        yield (
            f"{group.id}\t{world.telegram(group.teacher)}\t{taught.upper()} {level.upper()} group {group.id}\t"
            f"{taught}\t{level}\t{group.capacity}\t{group.status}\t{came}\t{came}\n"
        )


def _progress(world: World, plan: list[Group]) -> Iterator[tuple[Group, list[int]]]:
    """Every group, and how far each of its members is."""
    draw = world.chance("groups.group_members").random
    fixed = {"waiting": 0, "completed": 100}
    for group in plan:
        yield group, [fixed[status] if status in fixed else int(draw() * 90) for _, status in group.members]


def _members(world: World, plan: list[Group]) -> Iterator[str]:
    number = 0
    for group, reached in _progress(world, plan):
        for place, ((student, status), progress) in enumerate(zip(group.members, reached, strict=True)):
            number += 1
            asked = world.at(BEGAN * WEEK - 6 * 24 + place)
            joined = r"\N" if status == "waiting" else asked
            ended = world.at(PAST * WEEK - 24) if status in ("completed", "left") else r"\N"
            yield (
                f"{number}\t{group.id}\t{world.telegram(student)}\t{status}\t{progress}\t{asked}\t{joined}\t{ended}\t"
                f"{asked}\t{asked}\n"
            )


def _snapshots(world: World, plan: list[Group]) -> Iterator[str]:
    """Two weeks ago, when no group had ended and everybody was half as far, and today, of those that have not ended."""
    for group, reached in _progress(world, plan):
        statuses = [status for _, status in group.members]
        active, waiting, left = (statuses.count(status) for status in ("active", "waiting", "left"))
        seated = [progress for progress, status in zip(reached, statuses, strict=True) if status == "active"]
        runs = group.status in ("open", "closed")
        if not runs:
            active, left = min(group.capacity, len(statuses)), 0
            waiting, seated = len(statuses) - active, reached[:active]
        for days, part in ((-14, 2), (0, 1))[: 1 + runs]:
            average = f"{sum(seated) / len(seated) / part:.2f}" if seated else r"\N"
            taken = world.at(world.now + 24 * days)
            yield (
                f"{group.id}\t{world.day(days)}\t{group.capacity}\t{active}\t{waiting}\t0\t{left}\t{average}\t"
                f"{taken}\t{taken}\n"
            )


def _invitations(world: World, plan: list[Group]) -> Iterator[str]:
    draw = world.chance("groups.group_invitations").random
    null, made, ended = r"\N", world.at(world.now - 20 * 24), world.at(world.now - 4 * 24)
    for group in plan:
        for number in range(15):
            status = one_of(("declined", "expired", "revoked", "declined", "expired", "pending"), draw())
            if status == "pending" and group.status not in ("open", "closed"):
                status = "revoked"
            # Nobody has the secret, so that nobody can use it.
            token = hashlib.sha256(f"{world.as_of} {group.id} {number} {draw()}".encode()).hexdigest()
            invited = world.telegram(one_of(world.mentees, draw()))
            expires = world.at(world.now + 20 * 24 if status == "pending" else world.now - 5 * 24)
            yield (
                f"{group.id}\t{invited}\t\\\\x{token}\t{status}\t{expires}\t"
                f"{null if status == 'pending' else ended}\t{made}\t{made}\n"
            )
