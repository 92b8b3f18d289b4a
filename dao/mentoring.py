"""Who mentors whom: schema ``mentoring``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, WITHOUT_NUL, AfterId, Id, Money, PageSize, Text


class RelationshipStatus(StrEnum):
    """Where a relationship stands (``mentoring.mentor_mentee_status``)."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    TERMINATED = "terminated"


class Party(StrEnum):
    """As what somebody makes or changes a relationship (``mentoring.party``)."""

    MENTOR = "mentor"
    MENTEE = "mentee"
    SYSTEM = "system"
    ADMIN = "admin"


class BookingStatus(StrEnum):
    """Where a booking stands (``mentoring.booking_status``)."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class PublicationKind(StrEnum):
    """What a mentor publishes and a mentee subscribes to (``mentoring.publication_kind``)."""

    QUIZ = "quiz"
    COURSE = "course"
    SUBJECT = "subject"


LIVE: Final = (RelationshipStatus.PENDING, RelationshipStatus.ACTIVE, RelationshipStatus.PAUSED)
"""The statuses of which a pair has at most one relationship."""

Batch = Annotated[int, Field(ge=1, le=100_000)]
MaxMentees = Annotated[int, Field(ge=0, le=2**31 - 1)]
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every session that can be booked."""

END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""After every session that can be booked."""

Statuses = Annotated[Sequence[RelationshipStatus], AfterValidator(list)]
Note = Annotated[str, Field(max_length=10_000), WITHOUT_NUL]
Reason = Annotated[str, Field(max_length=500), WITHOUT_NUL]


@dataclass(frozen=True, slots=True)
class Relationship:
    """One relationship (``mentoring.mentor_mentee``), without the notes. Times are UTC instants."""

    id: int
    mentor_id: int
    mentee_id: int
    status: RelationshipStatus
    initiated_by: Party
    subscribe_to_quizzes: bool
    subscribe_to_courses: bool
    subscribe_to_subjects: bool
    accepted_at: AwareDatetime | None
    paused_at: AwareDatetime | None
    paused_by: int | None
    resume_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    ended_by: int | None
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a relationship's life (``mentoring.mentor_mentee_history``). Times are UTC instants.

    Attributes:
        mentor_id: None once anonymised, and so is `mentee_id`.
        from_status: None for the first step.
        to_status: None where the row was deleted.
        actor_id: None for the system, for a database role that edited by hand, and once anonymised.
    """

    id: int
    relationship_id: int
    mentor_id: int | None
    mentee_id: int | None
    from_status: RelationshipStatus | None
    to_status: RelationshipStatus | None
    actor_kind: Party
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as a mentor and as a learner (``mentoring.user_profiles``). Times are UTC instants.

    Attributes:
        mentor_rate: for an hour, in `mentor_rate_currency`.
        max_mentees: None for no limit.
    """

    user_id: int
    mentor_bio: str | None
    mentor_rate: Decimal | None
    mentor_rate_currency: str | None
    mentor_available: bool
    max_mentees: int | None
    learning_goals: str | None
    preferred_learning_style: str | None
    timezone: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Block:
    """One person who blocks another (``mentoring.blocks``). Times are UTC instants."""

    blocker_id: int
    blocked_id: int
    created_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Publication:
    """Something that a mentor has published (``mentoring.publications``). Times are UTC instants.

    Attributes:
        reference: the application's own key or address of it.
        title: what subscribers are told.
    """

    id: int
    mentor_id: int
    kind: PublicationKind
    reference: str
    title: str
    created_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mentor teaches (``mentoring.subjects``). Times are UTC instants.

    Attributes:
        user_id: the mentor.
        price: of one session, in `price_currency`.
    """

    id: int
    user_id: int
    title: str
    description: str | None
    is_active: bool
    price: Decimal | None
    price_currency: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Booking:
    """One session that a mentee booked (``mentoring.subject_schedule``). Times are UTC instants.

    Attributes:
        user_id: the mentee.
        relationship_id: what it counts for; None until the pair has any relationship.
        booked_date: when the session begins.
        ends_at: when it ends, not included.
    """

    id: int
    subject_id: int
    mentor_id: int
    user_id: int
    relationship_id: int | None
    status: BookingStatus
    booked_date: AwareDatetime
    ends_at: AwareDatetime
    cancelled_by: int | None
    cancelled_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class BookingStep:
    """One step of a booking's life (``mentoring.subject_schedule_history``). Times are UTC instants.

    Attributes:
        user_id: the mentee.
        from_status: None for the first step.
        to_status: None where the row was deleted.
        actor_id: None for the system and for a database role that edited by hand.
    """

    id: int
    booking_id: int
    mentor_id: int
    user_id: int
    from_status: BookingStatus | None
    to_status: BookingStatus | None
    actor_kind: Party
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Statistics:
    """The sessions of one relationship (``mentoring.mentor_mentee_statistics``). Times are UTC instants.

    The comments of the view's columns define each figure.

    Attributes:
        hours_completed: in hours.
        completion_rate: 0 to 1; None while no session has an outcome.
    """

    relationship_id: int
    mentor_id: int
    mentee_id: int
    status: RelationshipStatus
    total_bookings: int
    completed_sessions: int
    confirmed_sessions: int
    pending_sessions: int
    cancelled_sessions: int
    no_show_sessions: int
    upcoming_sessions: int
    unresolved_sessions: int
    first_session_date: AwareDatetime | None
    last_session_date: AwareDatetime | None
    next_session_date: AwareDatetime | None
    hours_completed: Decimal
    completion_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class UpcomingSession:
    """One session that is still to come, of `SessionStatistics`. Times are UTC instants."""

    booking_id: int
    subject_id: int
    status: BookingStatus
    booked_date: AwareDatetime
    ends_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class SessionStatistics:
    """The sessions of one relationship, with those to come one by one, the next first. Times are UTC instants."""

    relationship_id: int
    total_bookings: int
    completed_sessions: int
    confirmed_sessions: int
    pending_sessions: int
    cancelled_sessions: int
    last_session_date: AwareDatetime | None
    upcoming_sessions: list[UpcomingSession]


@dataclass(frozen=True, slots=True)
class MentorLoad:
    """How full a mentor is (``mentoring.v_mentor_load``).

    Attributes:
        capacity: places at most; None for no limit.
        used: places taken.
        free: places left; None without a limit.
        waiting: requests not answered yet.
    """

    mentor_id: int
    mentor_available: bool
    capacity: int | None
    used: int
    free: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Backfill:
    """What one batch of `Mentoring.backfill_relationships` did, counted in pairs of a mentor and a mentee.

    Attributes:
        pairs: looked at; fewer than asked for: it was the last batch.
        created: got a relationship.
        attributed: had one, which their bookings now count for.
        only_cancelled: have cancelled bookings only, so got none.
        blocked: block each other, so got none.
        over_capacity: mentors of this batch who now have more than ``max_mentees``.
        last_mentor_id: with `last_mentee_id` where the next batch begins; None if there was no pair.
    """

    pairs: int
    created: int
    attributed: int
    only_cancelled: int
    blocked: int
    over_capacity: list[int]
    last_mentor_id: int | None
    last_mentee_id: int | None


class Mentoring(Queries[S], service="mentoring"):
    """Relationships of mentors and mentees, subjects and bookings; runs ``sql/mentoring/queries.sql``.

    Every step takes ``actor_id``, the person who acts (``auth.users.id``). None means the transaction's actor
    (``db.transaction(actor=...)``), which may also be an administrator or the system. A step that is refused
    changes nothing.
    """

    @query
    def request(
        self,
        mentor_id: Id,
        mentee_id: Id,
        *,
        initiated_by: Party | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Relationship:
        """Ask for a relationship: ``mentoring.request()``.

        The answer is pending; active at once where the other side has asked already, or where an administrator or
        the system makes it.

        Args:
            initiated_by: the side that asks, `Party.MENTOR` or `Party.MENTEE`; None: whichever the actor is.

        Raises:
            ActorRequired: nobody is named who acts.
            NotPermitted: the actor is not the side that asks.
            RelationshipExists: the pair has a live relationship.
            MentorUnavailable: the mentor takes no new requests.
            CoolingDown: the other side rejected a request a short time ago.
            Blocked: one of the two has blocked the other.
            TooManyRequests: the mentee waits for too many answers already.
            CapacityReached: it would become active, and the mentor has no free place.
            SelfMentoring: mentor and mentee are the same person.
            ReferenceViolation: one of them is no user.
        """
        ...

    @query
    def accept(self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Relationship:
        """Agree, as the side that was asked or an administrator: pending becomes active. ``mentoring.transition()``.

        Raises:
            CapacityReached: the mentor has no free place.
            TransitionRefused: it is not pending.
            NotPermitted: the actor was not asked.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def reject(self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Relationship:
        """Decline, as the side that was asked or an administrator: pending becomes rejected.

        The pair then cools down (setting ``request_cooldown``); whoever rejected may ask at any time.

        Raises:
            TransitionRefused: it is not pending.
            NotPermitted: the actor was not asked.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def cancel(self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Relationship:
        """Withdraw, as the side that asked or an administrator: pending becomes cancelled.

        Raises:
            TransitionRefused: it is not pending.
            NotPermitted: the actor did not ask.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def pause(
        self,
        relationship_id: Id,
        *,
        resume_at: AwareDatetime | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Relationship:
        """Interrupt, as either side: active becomes paused. The place stays taken.

        Args:
            resume_at: from when on the system may resume it; None: only on request.

        Raises:
            InvalidArgument: ``resume_at`` is not in the future, or too far in it.
            TransitionRefused: it is not active.
            NotPermitted: the actor is neither side.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def resume(self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Relationship:
        """Go on, as whoever paused, an administrator, or the system from ``resume_at`` on: paused becomes active.

        Raises:
            TransitionRefused: it is not paused, or the system comes too early.
            NotPermitted: somebody else paused it.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def complete(
        self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Relationship:
        """Declare the aim reached, as the mentor or an administrator: active or paused becomes completed.

        Raises:
            TransitionRefused: it is neither active nor paused.
            NotPermitted: the actor is not the mentor.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def terminate(
        self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Relationship:
        """End it before its aim, as either side, an administrator or the system: becomes terminated.

        Raises:
            TransitionRefused: it is neither active nor paused.
            NotPermitted: the actor is neither side.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove(self, relationship_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Relationship:
        """Take a relationship out of the actor's own lists: ``mentoring.remove()``.

        A live one ends first: the actor's own request is cancelled, the other side's rejected, an active or paused
        relationship terminated. The other side goes on seeing it, and so does `relationship`.

        Raises:
            NotPermitted: the actor is neither side; administrators cancel or terminate.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_subscriptions(
        self,
        relationship_id: Id,
        *,
        quizzes: bool | None = None,
        courses: bool | None = None,
        subjects: bool | None = None,
        actor_id: Id | None = None,
        version: Id | None = None,
    ) -> Relationship:
        """Choose what the mentee hears of, as the mentee: ``mentoring.change_subscriptions()``.

        Args:
            quizzes: hear of the mentor's new quizzes; None leaves it as it is.
            courses: hear of new courses; None leaves it as it is.
            subjects: hear of new subjects; None leaves it as it is.
            version: refuse if the relationship has changed since it had this version; None: change it anyway.

        Raises:
            StaleVersion: it has changed; ``current`` is its present version.
            NotPermitted: the actor is not the mentee.
            TransitionRefused: the relationship has ended.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def relationship(self, relationship_id: Id) -> Relationship:
        """Return one relationship of ``mentoring.mentor_mentee``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def mentees(
        self,
        mentor_id: Id,
        *,
        statuses: Statuses | None = None,
        after_id: AfterId = LAST,
        page_size: PageSize = 50,
    ) -> list[Relationship]:
        """Return one page of a mentor's relationships in ``mentoring.mentor_mentee``, newest first.

        Those that the mentor removed are left out.

        Args:
            statuses: only these, such as `LIVE`; None: any.
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def mentors(
        self,
        mentee_id: Id,
        *,
        statuses: Statuses | None = None,
        after_id: AfterId = LAST,
        page_size: PageSize = 50,
    ) -> list[Relationship]:
        """Return one page of a mentee's relationships in ``mentoring.mentor_mentee``, newest first.

        Those that the mentee removed are left out.

        Args:
            statuses: only these, such as `LIVE`; None: any.
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def history(self, relationship_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Step]:
        """Return one page of a relationship's steps in ``mentoring.mentor_mentee_history``, oldest first.

        Steps stay when the relationship itself is deleted; for an id that never was, the list is empty.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def profile(self, user_id: Id) -> Profile | None:
        """Return a person's row of ``mentoring.user_profiles``, or None if they never wrote one."""
        ...

    @query
    def save_profile(
        self,
        user_id: Id,
        *,
        mentor_bio: Text | None = None,
        mentor_rate: Money | None = None,
        mentor_rate_currency: Text | None = None,
        mentor_available: bool = True,
        max_mentees: MaxMentees | None = None,
        learning_goals: Text | None = None,
        preferred_learning_style: Text | None = None,
        timezone: Text = "UTC",
    ) -> Profile:
        """Make a person's row of ``mentoring.user_profiles``, or replace all that it says.

        Needs an actor: ``db.transaction(actor=...)``, the person themselves, an administrator or the system.

        Args:
            mentor_rate: for an hour, in ``mentor_rate_currency`` (ISO 4217); both or neither.
            mentor_available: whether new requests reach this mentor.
            max_mentees: places for active and paused relationships; None: no limit.
            timezone: an IANA name such as Europe/Berlin.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def create_subject(
        self,
        mentor_id: Id,
        *,
        title: Text,
        description: Text | None = None,
        is_active: bool = True,
        price: Money | None = None,
        price_currency: Text | None = None,
    ) -> Subject:
        """Offer a subject: a row of ``mentoring.subjects``.

        Needs an actor: ``db.transaction(actor=...)``, the mentor, an administrator or the system.

        Args:
            is_active: whether it can be booked.
            price: of one session, in ``price_currency`` (ISO 4217); both or neither.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ReferenceViolation: the mentor is no user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_subject(
        self,
        subject_id: Id,
        *,
        title: Text,
        description: Text | None = None,
        is_active: bool = True,
        price: Money | None = None,
        price_currency: Text | None = None,
    ) -> Subject:
        """Replace all that a subject of ``mentoring.subjects`` says; bookings made before stay.

        Needs an actor: ``db.transaction(actor=...)``, the mentor, an administrator or the system.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            NotFound: there is no such subject.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def subject(self, subject_id: Id) -> Subject:
        """Return one subject of ``mentoring.subjects``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def subjects(self, mentor_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Subject]:
        """Return one page of a mentor's subjects in ``mentoring.subjects``, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def book(
        self,
        subject_id: Id,
        mentee_id: Id,
        *,
        booked_date: AwareDatetime,
        ends_at: AwareDatetime,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Booking:
        """Book a session, as the mentee or an administrator: pending. ``mentoring.book()``.

        Args:
            booked_date: when the session begins, in the future.
            ends_at: when it ends, not included; up to 24 hours later.

        Raises:
            InvalidArgument: ``booked_date`` is not in the future.
            InvalidValue: ``ends_at`` is not after it, or too long after it; or it is the mentee's own subject.
            SubjectInactive: the subject cannot be booked any more.
            NotFound: there is no such subject.
            NotPermitted: the actor is not the mentee.
            ReferenceViolation: the mentee is no user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def confirm(self, booking_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Booking:
        """Agree to a session, as the mentor or an administrator: pending becomes confirmed.

        Raises:
            TransitionRefused: it is not pending.
            NotPermitted: the actor is not the mentor.
            NotFound: there is no such booking.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def cancel_booking(self, booking_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Booking:
        """Call a session off, as either side or an administrator: pending or confirmed becomes cancelled.

        Raises:
            TransitionRefused: it is neither pending nor confirmed.
            NotPermitted: the actor is neither side.
            NotFound: there is no such booking.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def complete_booking(self, booking_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Booking:
        """Record that a session took place, as the mentor, an administrator or the system: becomes completed.

        Raises:
            TransitionRefused: it is not confirmed, or not over yet.
            NotPermitted: the actor is not the mentor.
            NotFound: there is no such booking.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def mark_no_show(self, booking_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None) -> Booking:
        """Record that the mentee did not come, as the mentor or an administrator: confirmed becomes no_show.

        Raises:
            TransitionRefused: it is not confirmed, or has not begun yet.
            NotPermitted: the actor is not the mentor.
            NotFound: there is no such booking.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def booking(self, booking_id: Id) -> Booking:
        """Return one booking of ``mentoring.subject_schedule``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def mentor_bookings(
        self,
        mentor_id: Id,
        *,
        from_date: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Booking]:
        """Return one page of a mentor's sessions in ``mentoring.subject_schedule``, in order.

        Args:
            from_date: sessions that begin then or later; for the next page, the last one's ``booked_date``.
            until: sessions that begin before.
            after_id: for the next page, the last one's ``id``.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def mentee_bookings(
        self,
        mentee_id: Id,
        *,
        from_date: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Booking]:
        """Return one page of a mentee's sessions in ``mentoring.subject_schedule``, in order.

        Args:
            from_date: sessions that begin then or later; for the next page, the last one's ``booked_date``.
            until: sessions that begin before.
            after_id: for the next page, the last one's ``id``.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def booking_history(self, booking_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[BookingStep]:
        """Return one page of a booking's steps in ``mentoring.subject_schedule_history``, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def statistics(self, relationship_id: Id) -> Statistics:
        """Return one relationship's row of ``mentoring.mentor_mentee_statistics``.

        Raises:
            NotFound: there is no such relationship.
        """
        ...

    @query
    def mentor_statistics(
        self, mentor_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Statistics]:
        """Return one page of a mentor's rows of ``mentoring.mentor_mentee_statistics``, newest relationship first.

        Relationships that the mentor removed are left out.

        Args:
            after_id: the last ``relationship_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def mentee_statistics(
        self, mentee_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Statistics]:
        """Return one page of a mentee's rows of ``mentoring.mentor_mentee_statistics``, newest relationship first.

        Relationships that the mentee removed are left out.

        Args:
            after_id: the last ``relationship_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def get_session_statistics(self, relationship_id: Id) -> SessionStatistics:
        """Return a relationship's sessions, counted, and those to come, from ``mentoring.subject_schedule``.

        Raises:
            NotFound: there is no such relationship.
        """
        ...

    @query
    def mentor_load(self, mentor_id: Id) -> MentorLoad | None:
        """Return how full a mentor is (``mentoring.v_mentor_load``), or None for somebody without a profile."""
        ...

    @query
    def block(self, blocker_id: Id, blocked_id: Id, *, actor_id: Id | None = None) -> Block:
        """Block a person, as the blocker or an administrator: ``mentoring.block()``.

        What is live between the two ends, and neither can ask the other. A block that exists already stays.

        Raises:
            NotPermitted: the actor is not the blocker.
            InvalidValue: nobody blocks themselves.
            ReferenceViolation: one of them is no user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def unblock(self, blocker_id: Id, blocked_id: Id, *, actor_id: Id | None = None) -> bool:
        """Lift a block, as the blocker or an administrator; say whether there was one. ``mentoring.unblock()``.

        What the block ended stays ended.

        Raises:
            NotPermitted: the actor is not the blocker.
            ActorRequired: nobody is named who acts, and there is such a block.
        """
        ...

    @query
    def blocks(self, blocker_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Block]:
        """Return one page of whom a person blocks, from ``mentoring.blocks``, by id. For that person's eyes only.

        Args:
            after_id: the last ``blocked_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def expire_requests(self, *, at_most: Batch = 1000) -> int:
        """Let old unanswered requests expire, as the system; return how many. ``mentoring.expire_requests()``.

        For a job: call it again while it returns ``at_most``. How old is the setting ``request_expiry``.

        Args:
            at_most: requests at most, 1 to 100000.
        """
        ...

    @query
    def note(self, relationship_id: Id, *, actor_id: Id | None = None) -> str | None:
        """Return what the actor's own side noted about a relationship: ``mentoring.read_note()``.

        Never the other side's note; administrators read neither.

        Raises:
            NotPermitted: the actor is neither side.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def write_note(self, relationship_id: Id, *, note: Note | None, actor_id: Id | None = None) -> int:
        """Replace what the actor's own side noted: ``mentoring.write_note()``; return the relationship's version.

        The version stays the same: a note is not the other side's to notice.

        Args:
            note: up to 10000 characters; None removes it.

        Raises:
            NotPermitted: the actor is neither side.
            NotFound: there is no such relationship.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def subscribers(
        self, mentor_id: Id, kind: PublicationKind, *, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[int]:
        """Return one page of whom to tell when this mentor publishes: ids of active mentees who subscribe to *kind*.

        From ``mentoring.mentor_mentee``, by id.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def publish(
        self, mentor_id: Id, kind: PublicationKind, *, reference: Text, title: Text, actor_id: Id | None = None
    ) -> Publication:
        """Publish something that subscribers are to hear of: ``mentoring.publish()``.

        Published again, under the same kind and reference, it stays as it is.

        Args:
            reference: the application's own key or address of it, up to 200 characters.
            title: what subscribers are told, up to 200 characters.

        Raises:
            InvalidValue: reference or title is blank or too long.
            NotPermitted: the actor is another person.
            ReferenceViolation: the mentor is no user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def publications(self, mentor_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Publication]:
        """Return one page of what a mentor has published, newest first, from ``mentoring.publications``.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def backfill_relationships(
        self, *, after_mentor_id: AfterId = 0, after_mentee_id: AfterId = 0, at_most: Batch = 1000
    ) -> Backfill:
        """Make active relationships from bookings of pairs that have none: ``mentoring.backfill_relationships()``.

        For the owner's login (applications may not), one transaction a batch; it can be run again at any time.

        Args:
            after_mentor_id: the batch before's ``last_mentor_id``.
            after_mentee_id: the batch before's ``last_mentee_id``.
            at_most: pairs at most, 1 to 100000; each is locked until the transaction ends.
        """
        ...
