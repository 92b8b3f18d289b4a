"""The story that is played in the demonstration. Deterministic; acts through the DAO only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..actor import SYSTEM, Actor
from ..auth import User, UserRole
from ..calendar import Lesson
from ..database import Database
from ..errors import Refusal
from ..groups import MemberStatus
from ..mentoring import LIVE, Relationship, RelationshipStatus, Statistics, Step


@dataclass(slots=True)
class Refused:
    """Something that was tried and refused."""

    tried: str
    refusal: Refusal


@dataclass(slots=True)
class Told:
    """Somebody of the group, and what they were told of its lesson, if they were."""

    name: str
    seat: MemberStatus
    text: str | None


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
    lesson: Lesson | None = None
    told: list[Told] = field(default_factory=list)


def play(db: Database) -> Story:
    """Play one relationship's life and one group's lesson, with what people try that they may not."""
    with db.transaction(actor=SYSTEM) as tx:
        anna, boris, clara, dmitri, eva = (
            tx.auth.create_user(
                first_name=first, last_name=last, role=role, timezone="Europe/Moscow", telegram_id=telegram_id
            )
            for first, last, role, telegram_id in (
                ("Anna", "Petrova", UserRole.TEACHER, 1001),
                ("Boris", "Ivanov", UserRole.STUDENT, 1002),
                ("Clara", "Weber", UserRole.STUDENT, 1003),
                ("Dmitri", "Orlov", UserRole.STUDENT, 1004),
                ("Eva", "Novak", UserRole.TEACHER, 1005),
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

    # Anna's group has two seats and three who want one; its lesson is planned and told in one call.
    teacher, other, learners = _telegram_id(anna), _telegram_id(eva), (boris, clara, dmitri)
    with db.transaction(actor=SYSTEM) as tx:
        for telegram_id in (teacher, other):
            tx.teachers.save_teacher(telegram_id, timezone="Europe/Moscow")
        for learner, timezone in zip(learners, ("Europe/Moscow", "Europe/Berlin", "Europe/Moscow"), strict=True):
            tx.students.save_student(_telegram_id(learner), timezone=timezone)
    with db.transaction(actor=teacher) as tx:
        group = tx.groups.create_group(teacher, name="Algebra in the evening", language="en", capacity=2)
    members = [
        db.groups.join_group(group.id, _telegram_id(learner), actor_id=_telegram_id(learner)) for learner in learners
    ]
    begins, ends = monday + timedelta(hours=3), monday + timedelta(hours=4)
    story.lesson = db.links.create_lesson(
        teacher, group.id, None, title="Quadratic equations", starts_at=begins, ends_at=ends, actor_id=teacher
    )
    for member, learner in zip(members, learners, strict=True):
        queued = db.notifications.notifications_of(_telegram_id(learner), page_size=1)
        story.told.append(Told(learner.first_name, member.status, queued[0].body if queued else None))

    def plan_beside() -> Lesson:
        theirs = [_telegram_id(boris)]
        return db.links.create_lesson(
            other, None, theirs, title="Geometry", starts_at=begins, ends_at=ends, actor_id=other
        )

    refuse("Eva plans a lesson for Boris at the same hour", plan_beside)

    story.history = mentoring.history(link.id)
    story.board = mentoring.mentees(anna.id, statuses=[*LIVE, RelationshipStatus.COMPLETED])
    story.statistics = {row.relationship_id: row for row in mentoring.mentor_statistics(anna.id)}
    return story


def _telegram_id(person: User) -> int:
    assert person.telegram_id is not None
    return person.telegram_id


def _type_by_hand(db: Database, actor_id: int, relationship_id: int) -> None:
    with db.transaction(actor=Actor.user(actor_id)) as tx:
        tx.connection.execute("UPDATE mentoring.mentor_mentee SET status = 'pending' WHERE id = %s", [relationship_id])
