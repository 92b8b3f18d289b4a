"""The demonstration's school and the story that is played in it. Deterministic; acts through the DAO only."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from ..actor import SYSTEM, Actor
from ..auth import User, UserRole
from ..database import Database, Transaction
from ..errors import Refusal
from ..mentoring import LIVE, Relationship, RelationshipStatus, Statistics, Step

_SEED = 20260301
_FIRST = "Farid Galina Hugo Irina Jonas Karina Leo Maria Nikita Olga Pavel Rosa Sergei Tamara Ulla Viktor"
_LAST = "Ivanov Keller Sidorova Novak Aliyev Orlova Lindt Pavlenko Weber Smirnova Costa Belova Petrov Haas Morozova"
_SUBJECTS = ("algebra", "Python", "German", "physics", "chess", "statistics", "English", "piano")
_ZONES = ("Europe/Moscow", "Europe/Berlin", "Asia/Almaty", "Asia/Yekaterinburg")


class Scale(StrEnum):
    """How many people go to the school."""

    TINY = "tiny"
    SMALL = "small"


_SIZES = {Scale.TINY: (3, 12), Scale.SMALL: (12, 120)}


@dataclass(slots=True)
class Refused:
    """Something that was tried and refused."""

    tried: str
    refusal: Refusal


@dataclass(slots=True)
class Story:
    """What happened, for the command to show."""

    mentor: User
    mentee: User
    names: dict[int, str]
    history: list[Step] = field(default_factory=list)
    board: list[Relationship] = field(default_factory=list)
    statistics: dict[int, Statistics] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)


def steps(scale: Scale) -> int:
    """Return how many times `fill` yields."""
    mentors, mentees = _SIZES[scale]
    return mentors + mentees


def fill(db: Database, scale: Scale) -> Iterator[None]:
    """Make mentors with profiles, mentees, and their relationships; yields after each person."""
    chance = random.Random(_SEED)  # noqa: S311 - no secret
    mentors, mentees = _SIZES[scale]
    teachers = []
    for number in range(mentors):
        with db.transaction(actor=SYSTEM) as tx:
            teacher = _person(tx, chance, UserRole.TEACHER, number)
            tx.mentoring.save_profile(
                teacher.id,
                mentor_bio=f"Teaches {chance.choice(_SUBJECTS)} since {chance.randrange(1998, 2024)}.",
                mentor_rate=Decimal(chance.randrange(15, 80)),
                mentor_rate_currency="EUR",
                max_mentees=chance.choice((None, 8, 12, 20)),
                timezone=teacher.timezone,
            )
        teachers.append(teacher)
        yield
    for number in range(mentees):
        with db.transaction(actor=SYSTEM) as tx:
            learner = _person(tx, chance, UserRole.STUDENT, mentors + number)
        # Some mentors are sought by many, most by few.
        for mentor in {teachers[int(mentors * chance.random() ** 2)] for _ in range(chance.randrange(1, 4))}:
            _live_a_little(db, chance, mentor.id, learner.id)
        yield


def _person(tx: Transaction, chance: random.Random, role: UserRole, number: int) -> User:
    return tx.auth.create_user(
        first_name=chance.choice(_FIRST.split()),
        last_name=chance.choice(_LAST.split()),
        telegram_id=700_000_000 + number,
        role=role,
        language_code=chance.choice(("ru", "en", "de")),
        timezone=chance.choice(_ZONES),
    )


def _live_a_little(db: Database, chance: random.Random, mentor: int, mentee: int) -> None:
    """Let one relationship begin and go as far as chance has it; a full mentor stops it."""
    asks, answers = (mentee, mentor) if chance.random() < 0.8 else (mentor, mentee)
    link = db.mentoring.request(mentor, mentee, actor_id=asks)
    fate = chance.random()
    try:
        if fate < 0.15:
            return
        if fate < 0.2:
            db.mentoring.reject(link.id, actor_id=answers, reason="No time this term")
            return
        db.mentoring.accept(link.id, actor_id=answers)
        if fate < 0.3:
            db.mentoring.pause(link.id, actor_id=mentee, resume_at=datetime.now(UTC) + timedelta(days=14))
        elif fate < 0.45:
            db.mentoring.complete(link.id, actor_id=mentor, reason="Passed the exam")
        elif fate < 0.5:
            db.mentoring.terminate(link.id, actor_id=mentee, reason="Moved away")
    except Refusal:
        db.mentoring.cancel(link.id, actor_id=asks, reason="Waited long enough")


def play(db: Database) -> Story:
    """Play one relationship's life, with what people try that they may not."""
    with db.transaction(actor=SYSTEM) as tx:
        anna, boris, clara, dmitri, eva = (
            tx.auth.create_user(first_name=first, last_name=last, role=role, timezone="Europe/Moscow")
            for first, last, role in (
                ("Anna", "Petrova", UserRole.TEACHER),
                ("Boris", "Ivanov", UserRole.STUDENT),
                ("Clara", "Weber", UserRole.STUDENT),
                ("Dmitri", "Orlov", UserRole.STUDENT),
                ("Eva", "Novak", UserRole.STUDENT),
            )
        )
    people = (anna, boris, clara, dmitri, eva)
    story = Story(anna, boris, {person.id: person.first_name for person in people})
    mentoring = db.mentoring

    def refuse(tried: str, attempt: Callable[[], object]) -> None:
        try:
            attempt()
        except Refusal as refusal:
            story.refused.append(Refused(tried, refusal))
        else:
            raise AssertionError(f"the database allowed what it must refuse: {tried}")

    with db.transaction(actor=anna.id) as tx:
        tx.mentoring.save_profile(anna.id, mentor_bio="Algebra and patience.", max_mentees=2)

    # Boris asks, cannot answer himself, and is accepted.
    link = mentoring.request(anna.id, boris.id, actor_id=boris.id, reason="I want to pass algebra")
    refuse("Boris accepts his own request", lambda: mentoring.accept(link.id, actor_id=boris.id))
    mentoring.accept(link.id, actor_id=anna.id, reason="Happy to help")

    # Anna invites Clara while Clara asks: active at once, and both places are taken.
    mentoring.request(anna.id, clara.id, actor_id=anna.id)
    mentoring.request(anna.id, clara.id, actor_id=clara.id)
    waiting = mentoring.request(anna.id, dmitri.id, actor_id=dmitri.id)
    refuse("Anna accepts a third mentee, with max_mentees = 2", lambda: mentoring.accept(waiting.id, actor_id=anna.id))

    # Boris pauses; only he resumes.
    mentoring.pause(link.id, actor_id=boris.id, resume_at=datetime.now(UTC) + timedelta(days=30), reason="Holidays")
    refuse("Anna resumes what Boris paused", lambda: mentoring.resume(link.id, actor_id=anna.id))
    mentoring.resume(link.id, actor_id=boris.id, reason="Back early")

    # They work: sessions are booked, agreed to, called off.
    with db.transaction(actor=anna.id) as tx:
        algebra = tx.mentoring.create_subject(anna.id, title="Algebra", price=Decimal(25), price_currency="EUR")
    monday = (datetime.now(UTC) + timedelta(days=3)).replace(hour=15, minute=0, second=0, microsecond=0)
    booked = []
    for learner, weeks in ((boris, 3), (clara, 2)):
        for week in range(weeks):
            begins = monday + timedelta(weeks=week, hours=2 * (learner is clara))
            booking = mentoring.book(
                algebra.id,
                learner.id,
                booked_date=begins,
                ends_at=begins + timedelta(minutes=90),
                actor_id=learner.id,
            )
            booked.append(booking)
            if week < 2:
                mentoring.confirm(booking.id, actor_id=anna.id)
    mentoring.cancel_booking(booked[-1].id, actor_id=clara.id, reason="A concert that evening")
    first = mentoring.mentor_bookings(anna.id, page_size=1)[0]
    refuse(
        "Anna completes a session before it took place", lambda: mentoring.complete_booking(first.id, actor_id=anna.id)
    )

    # Somebody edits by hand what the life cycle does not have.
    refuse("UPDATE ... SET status = 'pending', typed by hand", lambda: _type_by_hand(db, anna.id, link.id))

    # The aim is reached, which frees a place for Dmitri.
    mentoring.complete(link.id, actor_id=anna.id, reason="Boris passed with a 5")
    mentoring.accept(waiting.id, actor_id=anna.id)

    # Eva is declined and has to wait.
    declined = mentoring.request(anna.id, eva.id, actor_id=eva.id)
    mentoring.reject(declined.id, actor_id=anna.id, reason="No place before spring")
    refuse("Eva asks again on the same day", lambda: mentoring.request(anna.id, eva.id, actor_id=eva.id))

    story.history = mentoring.history(link.id)
    story.board = mentoring.mentees(anna.id, statuses=[*LIVE, RelationshipStatus.COMPLETED])
    story.statistics = {row.relationship_id: row for row in mentoring.mentor_statistics(anna.id)}
    return story


def _type_by_hand(db: Database, actor_id: int, relationship_id: int) -> None:
    with db.transaction(actor=Actor.user(actor_id)) as tx:
        tx.connection.execute("UPDATE mentoring.mentor_mentee SET status = 'pending' WHERE id = %s", [relationship_id])
