"""The story that is played in the demonstration. Deterministic; acts through the DAO only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..actor import SYSTEM, Actor
from ..auth import User, UserRole
from ..database import Database
from ..errors import Refusal
from ..mentoring import LIVE, Relationship, RelationshipStatus, Statistics, Step


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
