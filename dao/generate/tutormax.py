"""Tutors of a made-up platform: sessions, feedback, predictions, interventions and events that hang together.

One model of each tutor makes all of it: how good and how reliable they are, how much they teach, and when they leave.
Who is about to leave comes late and stays away more often, is rated worse and reschedules, from `DECLINE` days before:
so it can be seen in the metrics before it happens. A few tutors teach much and most teach little.

Deterministic: a number of sessions, a seed and a day make the same rows on every server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any, Final

import psycopg

from .load import Load
from .world import World

PAST: Final = 730
"""Days that the platform has run."""
AHEAD: Final = 14
"""Days for which sessions are scheduled."""
DECLINE: Final = 45
"""Days over which a tutor who will leave gets worse."""
METRIC_DAYS: Final = (84, 56, 28, 21, 14, 7, 1)
"""How many days ago metrics were computed."""
MODEL: Final = "churn-sample-1"

_SUBJECTS = ("Mathematics", "Physics", "Chemistry", "English", "Python", "Spanish", "History", "Biology")
_FIRST = ("Amina", "Bruno", "Clara", "Dmitri", "Elena", "Felix", "Greta", "Hassan", "Ines", "Jakub", "Katya", "Luca")
_LAST = ("Adler", "Bondar", "Costa", "Dvorak", "Engel", "Fischer", "Garcia", "Horvat", "Ivanova", "Jensen", "Kovacs")
_AREAS = ("pacing", "examples", "punctuality", "homework", "clarity")
_PARTS = 5
_BUSIEST = 8
_NULL = r"\N"


@dataclass(frozen=True, slots=True)
class Life:
    """One tutor; days are counted from the platform's first.

    Attributes:
        sessions: how many, all in all.
        students: numbers of their students.
        rating: what students give on average while all is well.
        unreliable: share of sessions that they miss while all is well.
        begins: their first day.
        leaves: the day on which they leave; None: they stay.
    """

    number: int
    sessions: int
    students: range
    rating: float
    unreliable: float
    begins: int
    leaves: int | None

    @property
    def tutor_id(self) -> str:
        """The tutor's key."""
        return f"tutor_{self.number:05}"

    def decline(self, day: float) -> float:
        """Return how far on the way out they are: 0 long before, 1 on the day they leave."""
        return 0.0 if self.leaves is None else min(1.0, max(0.0, 1 - (self.leaves - day) / DECLINE))


@dataclass(frozen=True)
class TutorWorld:
    """How large the platform is, and its time.

    Attributes:
        sessions: how many there are; tutors and students follow.
        as_of: the day that the rows speak of as today.
        assignee: the user who does interventions.
        tutors: how many; None: one for a thousand sessions.
    """

    sessions: int
    seed: int
    as_of: date
    assignee: int = 1
    tutors: int | None = None

    def chance(self, name: str) -> Random:
        """Return a source of chance of its own for each *name*."""
        return Random(f"{self.seed} {name}")  # noqa: S311 - no secret

    @cached_property
    def first_day(self) -> datetime:
        """Midnight (UTC) with which the platform's first day begins."""
        return datetime.combine(self.as_of, datetime.min.time(), UTC) - timedelta(days=PAST)

    @cached_property
    def hours(self) -> list[str]:
        """Every hour from the first on, as COPY reads it."""
        hours = range((PAST + AHEAD + 3) * 24)
        return [f"{self.first_day + timedelta(hours=hour):%Y-%m-%d %H:%M:%S+00}" for hour in hours]

    @cached_property
    def lives(self) -> list[Life]:
        """Every tutor, from the busiest to the idlest."""
        draw = self.chance("tutormax.tutors").random
        fates = [self._fate(place, draw) for place in range(1, 1 + (self.tutors or max(6, self.sessions // 1_000)))]
        lives, student = [], 1
        for place, ((begins, leaves), sessions) in enumerate(zip(fates, self._shares(fates), strict=True), 1):
            students = range(student, student + max(2, sessions // 25))
            student = students.stop
            rating, unreliable = 3.9 + 0.9 * draw(), 0.03 * draw() ** 2
            lives.append(Life(place, sessions, students, rating, unreliable, begins, leaves))
        return lives

    def _fate(self, place: int, draw: Callable[[], float]) -> tuple[int, int | None]:
        """Return when a tutor begins and leaves. Some have left, some are about to; on the smallest platform too."""
        begins, fate = int(draw() ** 2 * (PAST - 200)), draw()
        if place == 3:
            return begins, PAST - 10 - int(draw() * 20)
        if fate < 0.12:
            return begins, begins + 120 + int(draw() * (PAST - 125 - begins))
        if fate < 0.18 or place == 5:
            return begins, PAST + 2 + int(draw() * 20)
        return begins, None

    def _shares(self, fates: list[tuple[int, int | None]]) -> list[int]:
        """Share the sessions out: the n-th tutor has about n to the power of -0.6, `_BUSIEST` a day at most."""
        most = [_BUSIEST * (min(leaves or PAST, PAST) - begins) for begins, leaves in fates]
        weights = [place**-0.6 for place in range(1, len(fates) + 1)]
        low, high = 0.0, self.sessions / weights[-1]
        for _ in range(60):
            middle = (low + high) / 2
            enough = sum(map(min, most, (middle * weight for weight in weights))) >= self.sessions
            low, high = (low, middle) if enough else (middle, high)
        shares, given, wanted = [], 0, 0.0
        for limit, weight in zip(most, weights, strict=True):
            wanted += min(limit, high * weight)
            shares.append(round(wanted) - given)
            given += shares[-1]
        return shares


@dataclass(frozen=True, slots=True)
class _Session:
    """One session, and what was said of it; `hour` since the platform's first."""

    number: int
    life: Life
    student: int
    hour: int
    nth: int
    status: str
    late: bool
    engagement: float | None
    objectives: bool | None
    rating: int | None


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """One session of a tutor for ten bookings; who does interventions is the administrator."""
    seed = world.chance("tutormax").getrandbits(32)
    yield from tutors(TutorWorld(max(1_000, world.size.bookings // 10), seed, world.as_of, world.admin))


def finish(conn: psycopg.Connection[Any], as_of: date) -> None:
    """Give events their months, and compute metrics as if it had been done in time."""
    conn.execute("SELECT platform.make_months('tutormax', 'tutor_events')")
    for days in METRIC_DAYS:
        conn.execute("SELECT tutormax.compute_performance_metrics(%s)", [as_of - timedelta(days=days)])


def tutors(world: TutorWorld) -> Iterator[tuple[Load, ...]]:
    """Yield what is to be loaded, one transaction after another, in the order of the references."""
    lives = world.lives
    yield (
        Load(
            "tutormax.tutors",
            (
                "tutor_id", "name", "email", "onboarding_date", "status", "subjects", "baseline_sessions_per_week",
                "churned_at",
            ),
            lambda: _tutors(world),
            len(lives),
        ),
        Load(
            "tutormax.students",
            ("student_id", "name", "grade_level"),
            lambda: _students(world),
            lives[-1].students.stop - 1,
        ),
    )  # fmt: skip
    yield (
        Load(
            "tutormax.sessions",
            (
                "session_id", "tutor_id", "student_id", "subject", "scheduled_start", "actual_start",
                "duration_minutes", "session_number", "status", "engagement_score", "learning_objectives_met",
            ),
            lambda: _session_rows(world),
            sum(life.sessions for life in lives),
        ),
    )  # fmt: skip
    yield (
        Load(
            "tutormax.student_feedback",
            (
                "session_id", "tutor_id", "student_id", "overall_rating", "subject_knowledge_rating",
                "communication_rating", "patience_rating", "engagement_rating", "helpfulness_rating",
                "is_first_session", "would_recommend", "improvement_areas", "submitted_at",
            ),
            lambda: _feedback(world),
        ),
    )  # fmt: skip
    yield (
        Load(
            "tutormax.churn_predictions",
            (
                "tutor_id", "prediction_date", "churn_score", "probability_1d", "probability_7d", "probability_30d",
                "probability_90d", "contributing_factors", "model_version", "feature_cutoff",
            ),
            lambda: _predictions(world),
        ),
        Load(
            "tutormax.interventions",
            (
                "tutor_id", "intervention_type", "trigger_reason", "status", "due_date", "outcome", "assigned_to",
                "closed_at", "created_at",
            ),
            lambda: _interventions(world),
        ),
        Load(
            "tutormax.tutor_events",
            ("tutor_id", "event_type", "event_timestamp", "source", "source_event_id", "metadata"),
            lambda: _events(world),
        ),
    )  # fmt: skip


def _tutors(world: TutorWorld) -> Iterator[str]:
    draw = world.chance("tutormax.names").random
    for life in world.lives:
        name = f"{_FIRST[int(draw() * len(_FIRST))]} {_LAST[int(draw() * len(_LAST))]}"
        left = life.leaves is not None and life.leaves < PAST
        subject = life.number % len(_SUBJECTS)
        weeks = max(1.0, (min(life.leaves or PAST, PAST) - life.begins) / 7)
        yield (
            f"{life.tutor_id}\t{name}\t{life.tutor_id}@tutors.example\t{world.hours[life.begins * 24]}\t"
            f"{'churned' if left else 'active'}\t{{{_SUBJECTS[subject]},{_SUBJECTS[subject - 3]}}}\t"
            f"{life.sessions / weeks:.1f}\t{world.hours[life.leaves * 24] if left and life.leaves else _NULL}\n"
        )


def _students(world: TutorWorld) -> Iterator[str]:
    draw = world.chance("tutormax.students").random
    for student in range(1, world.lives[-1].students.stop):
        first = _FIRST[int(draw() * len(_FIRST))]
        yield f"student_{student:06}\t{first} {student}\tGrade {5 + int(draw() * 8)}\n"


def _sessions(world: TutorWorld) -> Iterator[_Session]:
    """Every session, a tutor after the other; each has an hour of its tutor's own, and students have one tutor."""
    number = 0
    now = PAST * 24
    for life in world.lives:
        draw = world.chance(f"tutormax.sessions {life.number}").random
        ends = min(life.leaves if life.leaves is not None else PAST + AHEAD, PAST + AHEAD)
        step = (ends - life.begins) * 24 / max(1, life.sessions)
        met: dict[int, int] = {}
        for place in range(life.sessions):
            number += 1
            hour = int(life.begins * 24 + (place + 0.9 * draw()) * step)
            student = life.students[int(len(life.students) * draw() ** 1.5)]
            met[student] = met.get(student, 0) + 1
            worse = life.decline(hour / 24)
            fate = draw()
            missed = life.unreliable + 0.35 * worse
            status = "completed"
            if hour >= now:
                status = "scheduled"
            elif fate < missed:
                status = "no_show_tutor"
            elif fate < missed + 0.06 + 0.2 * worse:
                status = "rescheduled"
            elif fate > 0.97:
                status = "no_show_student"
            elif fate > 0.93:
                status = "cancelled"
            taken = status == "completed"
            engagement = min(1.0, max(0.0, 0.55 + life.rating / 12 + 0.25 * (draw() - 0.5) - 0.35 * worse))
            rated = draw()
            rating = None
            if taken and rated < 0.6:
                # The mean of what is rounded is the mean, but for who is at the end of the scale.
                rating = min(5, max(1, int(life.rating - 1.6 * worse + 1.2 * (draw() - 0.5) + 0.5)))
            yield _Session(
                number, life, student, hour, met[student], status, rated > 0.9,
                engagement if taken else None, (draw() < 0.85 - 0.4 * worse) if taken else None, rating,
            )  # fmt: skip


def _session_rows(world: TutorWorld) -> Iterator[str]:
    hours, flag = world.hours, {True: "t", False: "f", None: _NULL}
    for one in _sessions(world):
        life, begun = one.life, _NULL
        if one.status == "completed":
            begun = hours[one.hour].replace(":00:00+", ":07:00+") if one.late else hours[one.hour]
        engagement = _NULL if one.engagement is None else f"{one.engagement:.3f}"
        yield (
            f"session_{one.number:08}\t{life.tutor_id}\tstudent_{one.student:06}\t"
            f"{_SUBJECTS[(life.number - 3 * (one.student % 2)) % len(_SUBJECTS)]}\t{hours[one.hour]}\t{begun}\t"
            f"{45 if one.student % 3 else 60}\t{one.nth}\t{one.status}\t{engagement}\t{flag[one.objectives]}\n"
        )


def _feedback(world: TutorWorld) -> Iterator[str]:
    draw = world.chance("tutormax.student_feedback").random
    hours, now = world.hours, PAST * 24
    for one in _sessions(world):
        # Most say it within a day.
        said = one.hour + 1 + int(24 * draw() ** 3)
        if one.rating is None or said >= now:
            continue
        parts = "\t".join(str(min(5, max(1, one.rating + int(draw() * 3) - 1))) for _ in range(_PARTS))
        area = f"{{{_AREAS[int(draw() * len(_AREAS))]}}}" if one.rating < 4 else "{}"
        yield (
            f"session_{one.number:08}\t{one.life.tutor_id}\tstudent_{one.student:06}\t{one.rating}\t{parts}\t"
            f"{'t' if one.nth == 1 else 'f'}\t{'t' if one.rating >= 4 else 'f'}\t{area}\t{hours[said]}\n"
        )


def _scores(world: TutorWorld) -> Iterator[tuple[Life, int, int]]:
    """Every prediction: tutor, day, score; four weeks apart, of those who were there, and before somebody leaves."""
    draw = world.chance("tutormax.churn_predictions").random
    for life in world.lives:
        days = {PAST - 84, PAST - 56, PAST - 28, PAST - 1}
        if life.leaves is not None and life.leaves < PAST:
            days |= {life.leaves - 35, life.leaves - 7}
        for day in sorted(days):
            if life.begins < day and (life.leaves is None or day < life.leaves):
                yield life, day, int(min(99, 4 + 24 * draw() + 300 * life.unreliable + 85 * life.decline(day)))


def _predictions(world: TutorWorld) -> Iterator[str]:
    for life, day, score in _scores(world):
        within = [round(min(1.0, score / 100 * part), 4) for part in (0.04, 0.2, 0.6, 0.95)]
        worse = round(life.decline(day), 2)
        yield (
            f"{life.tutor_id}\t{world.hours[day * 24 + 6]}\t{score}\t"
            f"{within[0]}\t{within[1]}\t{within[2]}\t{within[3]}\t"
            f'{{"no_shows": {worse}, "ratings": {round(worse * 0.8, 2)}}}\t{MODEL}\t{world.hours[day * 24]}\n'
        )


def _interventions(world: TutorWorld) -> Iterator[str]:
    """One for each prediction that is High or Critical; those of the last weeks have not ended."""
    for life, day, score in _scores(world):
        if score < 51:
            continue
        opened, due = world.hours[day * 24 + 9], (world.first_day + timedelta(days=day + 10)).date()
        kind = "check_in_call" if score < 76 else "coaching"
        status, outcome, closed = ("assigned" if life.number % 2 else "open"), _NULL, _NULL
        if day + 12 < PAST:
            status, closed = "completed", world.hours[(day + 8) * 24]
            outcome = "churned" if life.leaves else "improved" if life.number % 3 else "no_change"
        whose = _NULL if status == "open" else world.assignee
        yield (
            f"{life.tutor_id}\t{kind}\tThe churn score is {score}.\t{status}\t{due}\t{outcome}\t{whose}\t{closed}\t"
            f"{opened}\n"
        )


def _events(world: TutorWorld) -> Iterator[str]:
    """A login for one session in four, an hour before, and what became of it where that is the tutor's doing."""
    told = {"rescheduled": "reschedule", "no_show_tutor": "missed_session"}
    for one in _sessions(world):
        if kind := told.get(one.status):
            yield (
                f"{one.life.tutor_id}\t{kind}\t{world.hours[one.hour]}\tplatform\t{one.number}-{kind}\t"
                f'{{"session_id": "session_{one.number:08}"}}\n'
            )
        elif one.status != "scheduled" and one.number % 4 == 0 and one.hour > 0:
            yield f"{one.life.tutor_id}\tlogin\t{world.hours[one.hour - 1]}\tweb\t{one.number}-login\t{{}}\n"
