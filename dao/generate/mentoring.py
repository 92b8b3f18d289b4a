"""Profiles, subjects, relationships and their bookings, each with its history.

A relationship has its hours of the week, which are free of both its people for as long as it lasts; its sessions are
in these. So nobody is in two sessions at once, and the plan is made once a relationship instead of once a booking.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from operator import itemgetter
from random import Random

from .auth import zone
from .load import Load
from .world import AHEAD, PAST, WEEK, World, one_of, rank, skewed

_TITLES = ("Algebra", "Python", "German", "Physics", "Chess", "Statistics", "English", "Piano")
_SUBJECTS = 3
"""Of each mentor."""

_REGULAR = range(100)
"""Hours of a week for sessions of relationships."""
_TRIAL = range(100, 120)
"""Hours of a week for sessions of people who have no relationship."""

_MOST_SESSIONS = 1_000
"""Of one relationship."""
_MOST_LIVE = 40
"""Relationships of one mentor."""
_MOST_ASKED = 5
"""Requests of one mentee that wait; as mentoring.settings has it."""
_TRIALS = 0.015
"""Of all bookings."""
_BLOCKS_AT_ONCE = 2_000
"""A block locks its pair, and the server has so many locks."""

_LIVE = (("active", 0.75), ("paused", 0.85), ("pending", 1.0))
_ENDED = (("completed", 0.45), ("terminated", 0.62), ("rejected", 0.77), ("cancelled", 0.9), ("expired", 1.0))
_ACCEPTED = ("active", "paused", "completed", "terminated")
_OVER = (("completed", 0.82), ("cancelled", 0.92), ("no_show", 0.97), ("confirmed", 1.0))
_TO_COME = (("confirmed", 0.6), ("pending", 0.88), ("cancelled", 1.0))


@dataclass(slots=True)
class Relation:
    """A mentor and a mentee; times in hours.

    Attributes:
        id: None for people who have no relationship, and have met for a trial.
        hours: of the week, for the first `sessions` of which it was booked.
        begins: its first week.
        party: who asked, ``mentor`` or ``mentee``.
    """

    id: int | None
    mentor: int
    mentee: int
    status: str
    party: str
    asked: int
    begins: int = 0
    sessions: int = 0
    hours: tuple[int, ...] = ()
    accepted: int | None = None
    ended: int | None = None
    ended_by: str = ""

    @property
    def subject(self) -> int:
        """Return what they meet for."""
        return _SUBJECTS * self.mentor - self.mentee % _SUBJECTS

    @property
    def weeks(self) -> int:
        """Return how many weeks its sessions take."""
        return -(-self.sessions // len(self.hours)) if self.hours else 0

    def person(self, side: str) -> str:
        """Return who is on this side, as COPY reads it; NULL for the system."""
        return str(self.mentor) if side == "mentor" else str(self.mentee) if side == "mentee" else r"\N"

    @property
    def counterparty(self) -> str:
        """Return the side that was asked."""
        return "mentee" if self.party == "mentor" else "mentor"


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """Each history comes with what it tells of, instead of the one step that the import would be."""
    plan = relations(world)
    known = [relation for relation in plan if relation.id]
    yield (
        Load(
            "mentoring.user_profiles",
            (
                "user_id", "mentor_bio", "mentor_rate", "mentor_rate_currency", "max_mentees", "learning_goals",
                "timezone", "created_at", "updated_at",
            ),
            lambda: _profiles(world, known),
            len(world.mentors) + len(world.mentees) // 10,
        ),
        Load(
            "mentoring.subjects",
            ("id", "user_id", "title", "is_active", "price", "price_currency", "created_at", "updated_at"),
            lambda: _subjects(world),
            _SUBJECTS * len(world.mentors),
        ),
    )  # fmt: skip
    yield (
        Load(
            "mentoring.mentor_mentee",
            (
                "id", "mentor_id", "mentee_id", "status", "initiated_by", "subscribe_to_quizzes",
                "subscribe_to_subjects", "mentor_notes", "accepted_at", "paused_at", "paused_by", "resume_at",
                "completed_at", "ended_at", "ended_by", "hidden_by_mentor_at", "created_at", "updated_at",
            ),
            lambda: _relationships(world, known),
            len(known),
            without=("mentor_mentee_record_history",),
        ),
        Load(
            "mentoring.mentor_mentee_history",
            _history_of("relationship_id", "mentee_id"),
            lambda: _steps(world, known),
        ),
    )  # fmt: skip
    yield (
        Load(
            "mentoring.subject_schedule",
            (
                "id", "subject_id", "mentor_id", "user_id", "relationship_id", "status", "booked_date", "ends_at",
                "cancelled_by", "cancelled_at", "created_at", "updated_at",
            ),
            lambda: _bookings(world, plan),
            world.size.bookings,
            without=("subject_schedule_record_history",),
        ),
        Load(
            "mentoring.subject_schedule_history",
            _history_of("booking_id", "user_id"),
            lambda: _booking_steps(world, plan),
        ),
    )  # fmt: skip
    blocks = _blocks(world, known)
    for first in range(0, len(blocks), _BLOCKS_AT_ONCE):
        some = blocks[first : first + _BLOCKS_AT_ONCE]
        yield (
            Load(
                "mentoring.blocks",
                ("blocker_id", "blocked_id", "created_at"),
                some.__iter__,
                len(some),
                actor=f"admin:{world.admin}",
            ),
        )
    yield (
        Load(
            "mentoring.publications",
            ("mentor_id", "kind", "reference", "title", "created_at"),
            lambda: _publications(world),
            without=("publications_notify_subscribers",),
        ),
    )


def _history_of(subject: str, mentee: str) -> tuple[str, ...]:
    return (
        subject, "mentor_id", mentee, "from_status", "to_status", "actor_kind", "actor_id", "db_login", "occurred_at",
    )  # fmt: skip


# -- The plan


def relations(world: World) -> list[Relation]:
    """Plan every relationship, and the trials of people who have none, so that all bookings fit."""
    chance = world.chance("mentoring.relationships")
    planned = list(_lives(world, chance))
    accepted = [relation for relation in planned if relation.status in _ACCEPTED]
    trials = int(world.size.bookings * _TRIALS)
    sessions = skewed(world.size.bookings - trials, len(accepted), 0.5, _MOST_SESSIONS)
    # Who has many sessions has nothing to do with how busy the mentor is otherwise.
    for relation, (_, number) in zip(accepted, sorted((chance.random(), number) for number in sessions), strict=True):
        relation.sessions = number
        hours = 1 + number // 180
        relation.hours = tuple(range(hours))
        _place(world, chance, relation)

    taken: dict[int, list[tuple[int, int, int]]] = defaultdict(list)  # of each mentee: hour, first week, week after
    by_mentor: dict[int, list[Relation]] = defaultdict(list)
    for relation in accepted:
        by_mentor[relation.mentor].append(relation)
    for mentor in world.mentors:
        _give_hours(chance, by_mentor[mentor], taken)

    planned.sort(key=lambda relation: (relation.asked, relation.mentor, relation.mentee))
    for number, relation in enumerate(planned, 1):
        relation.id = number
    booked = sum(relation.sessions for relation in planned)
    return planned + list(_trials(world, chance, planned, world.size.bookings - booked))


def _lives(world: World, chance: Random) -> Iterator[Relation]:
    """Who is with whom, and what became of it; no pair twice."""
    draw = chance.random
    mentees = len(world.mentees)
    numbers = skewed(world.size.relationships, len(world.mentors), 0.6, mentees * 2 // 3)
    waiting: Counter[int] = Counter()
    for mentor, number in zip(world.mentors, numbers, strict=True):
        chosen: dict[int, None] = {}
        while len(chosen) < number:
            chosen[world.mentees[rank(mentees, draw())]] = None
        for mentee in chosen:
            live = draw() < min(0.5, _MOST_LIVE / 1.5 / number)
            status = _choose(_LIVE if live else _ENDED, draw())
            party = "mentee" if draw() < 0.8 else "mentor"
            if status == "pending":
                waiting[mentee] += 1
                if waiting[mentee] > _MOST_ASKED:
                    status = "expired"
            yield _asked(world, draw, Relation(None, mentor, mentee, status, party, 0))


def _asked(world: World, draw: Callable[[], float], relation: Relation) -> Relation:
    """Date a request that was not accepted."""
    status = relation.status
    if status == "pending":
        relation.asked = world.now - 1 - int(draw() * 12 * 24)
    elif status not in _ACCEPTED:
        relation.asked = int(draw() * (world.now - 17 * 24))
        relation.ended = relation.asked + (15 * 24 if status == "expired" else 2 + int(draw() * 70))
        relation.ended_by = {"rejected": relation.counterparty, "cancelled": relation.party}.get(status, "system")
    return relation


def _place(world: World, chance: Random, relation: Relation) -> None:
    """Date a relationship by the weeks that its sessions take; a day after it was asked for, and before the first."""
    weeks = relation.weeks
    if relation.status == "active":
        ahead = int(chance.random() * AHEAD)
        relation.begins = max(0, min(PAST, PAST + ahead - weeks))
    elif relation.status == "paused":
        relation.begins = max(0, PAST - weeks)
    else:
        relation.begins = int(chance.random() * (PAST - weeks))
        relation.ended = (relation.begins + weeks) * WEEK
        relation.ended_by = "mentor" if relation.status == "completed" or chance.random() < 0.5 else "mentee"
    relation.accepted = relation.begins * WEEK - 96
    relation.asked = relation.accepted - 24


def _give_hours(chance: Random, mine: list[Relation], taken: dict[int, list[tuple[int, int, int]]]) -> None:
    """Give the relationships of one mentor hours that are free of both; those that find none have fewer sessions."""
    free_from = [0] * len(_REGULAR)
    mine.sort(key=lambda relation: (relation.begins, relation.mentee))
    for relation in mine:
        begins, after = relation.begins, relation.begins + relation.weeks
        theirs = taken[relation.mentee]
        first = int(chance.random() * len(_REGULAR))
        found: list[int] = []
        for step in _REGULAR:
            hour = (first + step * 37) % len(_REGULAR)
            if free_from[hour] <= begins and not any(
                hour == other and begins < until and since < after for other, since, until in theirs
            ):
                found.append(hour)
                if len(found) == len(relation.hours):
                    break
        for hour in found:
            free_from[hour] = after
            theirs.append((hour, begins, after))
        relation.sessions = min(relation.sessions, len(found) * relation.weeks)
        relation.hours = tuple(sorted(found))


def _trials(world: World, chance: Random, planned: list[Relation], number: int) -> Iterator[Relation]:
    """Sessions of people who have no relationship yet."""
    pairs = {(relation.mentor, relation.mentee) for relation in planned}
    busy: set[tuple[int, int]] = set()
    draw = chance.random
    while number:
        mentor = world.mentors[rank(len(world.mentors), draw())]
        mentee = one_of(world.mentees, draw())
        week, hour = int(draw() * (PAST + 1)), _TRIAL.start + int(draw() * len(_TRIAL))
        hours = {(mentor, week * WEEK + hour), (mentee, week * WEEK + hour)}
        if (mentor, mentee) not in pairs and not hours & busy:
            busy |= hours
            number -= 1
            yield Relation(None, mentor, mentee, "", "mentee", 0, begins=week, sessions=1, hours=(hour,))


def _choose(table: tuple[tuple[str, float], ...], draw: float) -> str:
    names, limits = _columns(table)
    return names[bisect(limits, draw)]


@cache
def _columns(table: tuple[tuple[str, float], ...]) -> tuple[list[str], list[float]]:
    return [name for name, _ in table], [limit for _, limit in table]


# -- Rows


def _profiles(world: World, plan: list[Relation]) -> Iterator[str]:
    draw = world.chance("mentoring.user_profiles").random
    used = Counter(relation.mentor for relation in plan if relation.status in ("active", "paused"))
    joined = world.at(-WEEK)
    for mentor in world.mentors:
        places = str(used[mentor] + int(draw() * 6)) if draw() < 0.6 else r"\N"
        yield (
            f"{mentor}\tTeaches {one_of(_TITLES, draw())} since {1998 + int(draw() * 25)}.\t{15 + int(draw() * 65)}\t"
            f"EUR\t{places}\t\\N\t{zone(mentor)}\t{joined}\t{joined}\n"
        )
    for mentee in world.mentees[::10][: len(world.mentees) // 10]:
        yield f"{mentee}\t\\N\t\\N\t\\N\t\\N\tTo pass {one_of(_TITLES, draw())}\t{zone(mentee)}\t{joined}\t{joined}\n"


def _subjects(world: World) -> Iterator[str]:
    draw = world.chance("mentoring.subjects").random
    joined = world.at(-WEEK)
    for mentor in world.mentors:
        for number in range(_SUBJECTS):
            title = _TITLES[(mentor + number) % len(_TITLES)]
            yield (
                f"{_SUBJECTS * (mentor - 1) + number + 1}\t{mentor}\t{title}\t{'t' if draw() < 0.95 else 'f'}\t"
                f"{15 + int(draw() * 60)}\tEUR\t{joined}\t{joined}\n"
            )


def _relationships(world: World, plan: list[Relation]) -> Iterator[str]:
    draw = world.chance("mentoring.mentor_mentee").random
    at, null = world.at, r"\N"
    for r in plan:
        paused = r.status == "paused"
        since = _paused(world) if paused else null
        ended = null if r.ended is None else at(r.ended)
        accepted = null if r.accepted is None else at(r.accepted)
        last = (
            since if paused else ended if r.ended is not None else accepted if r.accepted is not None else at(r.asked)
        )
        yield (
            f"{r.id}\t{r.mentor}\t{r.mentee}\t{r.status}\t{r.party}\t{'t' if draw() < 0.9 else 'f'}\t"
            f"{'t' if draw() < 0.3 else 'f'}\t{'Needs patience, learns by examples.' if draw() < 0.2 else null}\t"
            f"{accepted}\t{since}\t{r.mentee if paused else null}\t"
            f"{at(world.now + 14 * 24) if paused and draw() < 0.5 else null}\t"
            f"{ended if r.status == 'completed' else null}\t{ended}\t{r.person(r.ended_by)}\t"
            f"{ended if draw() < 0.03 else null}\t{at(r.asked)}\t{last}\n"
        )


def _steps(world: World, plan: list[Relation]) -> Iterator[str]:
    for r in plan:
        steps = [("pending", r.party, r.asked)]
        if r.accepted is not None:
            steps.append(("active", r.counterparty, r.accepted))
        if r.ended is not None:
            steps.append((r.status, r.ended_by, r.ended))
        was = r"\N"
        for status, side, hour in steps:
            yield (
                f"{r.id}\t{r.mentor}\t{r.mentee}\t{was}\t{status}\t{side}\t{r.person(side)}\tgenerated\t{world.at(hour)}\n"
            )
            was = status
        if r.status == "paused":
            yield (f"{r.id}\t{r.mentor}\t{r.mentee}\tactive\tpaused\tmentee\t{r.mentee}\tgenerated\t{_paused(world)}\n")


def _paused(world: World) -> str:
    return world.at(world.now - 72)


def _sessions(world: World, plan: list[Relation]) -> Iterator[tuple[int, Relation, int, str, str]]:
    """Every booking in the order of time: number, relation, hour at which it begins, status, who cancelled it."""
    draw = world.chance("mentoring.subject_schedule").random
    beginning: dict[int, list[Relation]] = defaultdict(list)
    for relation in plan:
        if relation.sessions:
            beginning[relation.begins].append(relation)
    number: int = 0
    going: list[Relation] = []
    over, over_limits = _columns(_OVER)
    to_come, to_come_limits = _columns(_TO_COME)
    for week in range(PAST + AHEAD + 1):
        going += beginning.pop(week, ())
        booked: list[tuple[int, Relation]] = []
        lasting = []
        for relation in going:
            per_week = len(relation.hours)
            left = relation.sessions - (week - relation.begins) * per_week
            booked += [(hour, relation) for hour in relation.hours[:left]]
            if left > per_week:
                lasting.append(relation)
        going = lasting
        booked.sort(key=itemgetter(0))
        monday = week * WEEK
        for hour, relation in booked:
            number += 1
            begins = monday + hour
            if begins < world.now:
                status = over[bisect(over_limits, draw())]
            else:
                status = to_come[bisect(to_come_limits, draw())]
            yield (
                number,
                relation,
                begins,
                status,
                ("mentor" if number % 3 else "mentee") if status == "cancelled" else "",
            )


def _booked(world: World, number: int, begins: int) -> int:
    """Return when a session was booked: three days before, and what is to come within the last day."""
    return min(begins - 72, world.now - 24 + number % 20)


def _bookings(world: World, plan: list[Relation]) -> Iterator[str]:
    instants, now, null = world.instants, world.now, r"\N"
    offset = instants.index(world.at(0))
    hours = [f"{begins}\t{ends}" for begins, ends in pairwise(instants)]
    people = {id(r): f"{r.subject}\t{r.mentor}\t{r.mentee}\t{r.id or null}" for r in plan}
    for number, r, begins, status, by in _sessions(world, plan):
        booked = instants[offset + _booked(world, number, begins)]
        if by:
            last = instants[offset + min(begins - 24, now - 1)]
            cancelled = f"{r.person(by)}\t{last}"
        else:
            last = booked if status == "pending" else instants[offset + min(begins + 1, now)]
            cancelled = "\\N\t\\N"
        yield f"{number}\t{people[id(r)]}\t{status}\t{hours[offset + begins]}\t{cancelled}\t{booked}\t{last}\n"


def _booking_steps(world: World, plan: list[Relation]) -> Iterator[str]:
    instants, now = world.instants, world.now
    offset = instants.index(world.at(0))
    for number, r, begins, status, by in _sessions(world, plan):
        booked = offset + _booked(world, number, begins)
        start = f"{number}\t{r.mentor}\t{r.mentee}\t"
        lines = f"{start}\\N\tpending\tmentee\t{r.mentee}\tgenerated\t{instants[booked]}\n"
        if by:
            who = r.mentor if by == "mentor" else r.mentee
            when = instants[offset + min(begins - 24, now - 1)]
            lines += f"{start}pending\tcancelled\t{by}\t{who}\tgenerated\t{when}\n"
        elif status != "pending":
            lines += f"{start}pending\tconfirmed\tmentor\t{r.mentor}\tgenerated\t{instants[booked + 1]}\n"
            if status != "confirmed":
                over = instants[offset + begins + 1]
                lines += f"{start}confirmed\t{status}\tmentor\t{r.mentor}\tgenerated\t{over}\n"
        yield lines


def _blocks(world: World, plan: list[Relation]) -> list[str]:
    """Who blocks whom; never one with whom they have ever been."""
    draw = world.chance("mentoring.blocks").random
    met = {(r.mentor, r.mentee) for r in plan}
    pairs: dict[tuple[int, int], None] = {}
    for _ in range(len(world.mentees) // 10):
        pair = world.mentors[rank(len(world.mentors), draw())], world.mentees[int(len(world.mentees) * draw() ** 4)]
        if pair not in met:
            pairs[pair] = None
    return [f"{mentee}\t{mentor}\t{world.at(int(draw() * world.now))}\n" for mentor, mentee in pairs]


def _publications(world: World) -> Iterator[str]:
    draw = world.chance("mentoring.publications").random
    for number, mentor in enumerate(islice(world.mentors, 0, None, 3), 1):
        kind = one_of(("quiz", "course", "subject"), draw())
        title, published = f"More {one_of(_TITLES, draw())}", world.at(int(draw() * world.now))
        yield f"{mentor}\t{kind}\t{kind}-{number}\t{title}\t{published}\n"
