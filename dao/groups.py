"""Groups of students: schema ``groups``. People are known by their Telegram account, and so is who acts."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, AfterId, CefrLevel, Id, PageSize, Percent, Reason, Text


class GroupStatus(StrEnum):
    """Where a group stands (``groups.group_status``)."""

    OPEN = "open"
    CLOSED = "closed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class MemberStatus(StrEnum):
    """Where a membership stands (``groups.member_status``)."""

    WAITING = "waiting"
    ACTIVE = "active"
    COMPLETED = "completed"
    LEFT = "left"


class InvitationStatus(StrEnum):
    """Where an invitation stands (``groups.invitation_status``)."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    REVOKED = "revoked"


class GroupParty(StrEnum):
    """As what somebody acts in a group (``groups.party``)."""

    TEACHER = "teacher"
    STUDENT = "student"
    ADMIN = "admin"
    SYSTEM = "system"


class GroupSubject(StrEnum):
    """What a step of a group's history is about (``groups.history_subject``)."""

    GROUP = "group"
    MEMBER = "member"
    INVITATION = "invitation"


Batch = Annotated[int, Field(ge=1, le=100_000)]
Capacity = Annotated[int, Field(ge=1, le=10_000)]
TokenHash = Annotated[bytes, Field(min_length=32, max_length=32)]
LAST_DAY: Final = date(9999, 12, 31)
"""`before` of the first page of `Groups.group_progress`."""


class InvitationToken:
    """The secret of an invitation. Send ``secret`` to whom you invite; give only ``hash`` to the database.

    >>> token = InvitationToken.new()
    >>> InvitationToken(token.secret).hash == token.hash
    True
    """

    __slots__ = ("hash", "secret")

    def __init__(self, secret: str) -> None:
        self.secret: Final = secret
        self.hash: Final = hashlib.sha256(secret.encode()).digest()

    @classmethod
    def new(cls) -> Self:
        """Return a new one that nobody can guess: 256 random bits, 43 characters that fit into a URL."""
        return cls(secrets.token_urlsafe(32))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


@dataclass(frozen=True, slots=True)
class Group:
    """One group (``groups.groups``). Times are UTC instants.

    Attributes:
        level: that it is for; None: any.
        capacity: how many seats it has.
    """

    id: int
    teacher_telegram_id: int
    name: str
    language: str
    level: CefrLevel | None
    capacity: int
    status: GroupStatus
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class GroupSeats:
    """How full a group is (``groups.v_groups``).

    Attributes:
        taken: seats of active members.
        free: seats left, not below 0.
        waiting: students who wait for one.
    """

    group_id: int
    capacity: int
    taken: int
    free: int
    waiting: int


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A student's time in a group (``groups.group_members``). Times are UTC instants.

    Attributes:
        progress: in percent, 0 to 100.
        invitation_id: by which they came; None without one.
        requested_at: the order of the waiting list.
        joined_at: since when they have had a seat; None if they never had.
        ended_at: until when, not included; None while it lasts.
    """

    id: int
    group_id: int
    student_telegram_id: int
    status: MemberStatus
    progress: Decimal
    invitation_id: int | None
    requested_at: AwareDatetime
    joined_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation into a group (``groups.group_invitations``), without the hash. Times are UTC instants.

    Attributes:
        student_telegram_id: whom it is meant for, or who used it; None: whoever has the token.
        expires_at: until when it can be used, not included.
    """

    id: int
    group_id: int
    student_telegram_id: int | None
    status: InvitationStatus
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How a group stood on a day (``groups.group_progress``). Times are UTC instants.

    Attributes:
        as_of: the day, of UTC.
        average_progress: of active and completed members, in percent; None where there are none.
    """

    group_id: int
    as_of: date
    capacity: int
    active_members: int
    waiting_members: int
    completed_members: int
    left_members: int
    average_progress: Decimal | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class GroupStep:
    """One step of a group, of a membership or an invitation (``groups.group_history``). Times are UTC instants.

    Attributes:
        subject_id: id of the group, the membership or the invitation.
        from_status: a label of the subject's own status; None for the first step.
        to_status: None where the row was deleted.
        actor_id: telegram_id; None for the system and for a database role that edited by hand.
    """

    id: int
    group_id: int
    subject: GroupSubject
    subject_id: int
    student_telegram_id: int | None
    from_status: str | None
    to_status: str | None
    actor_kind: GroupParty
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


class Groups(Queries[S], service="groups"):
    """Groups, their members, waiting lists, invitations and progress; runs ``sql/groups/queries.sql``.

    Who acts is named by telegram_id here: ``actor_id=`` of a call, or ``db.transaction(actor=...)``.
    """

    @query
    def create_group(
        self,
        teacher_telegram_id: Id,
        *,
        name: Text,
        language: Text,
        capacity: Capacity,
        level: CefrLevel | None = None,
        status: GroupStatus = GroupStatus.OPEN,
    ) -> Group:
        """Make a group: a row of ``groups.groups``.

        Needs an actor: ``db.transaction(actor=...)``, the teacher, an administrator or the system.

        Args:
            language: a BCP 47 tag such as en or pt-BR.
            capacity: seats, 1 to 10000.
            level: that it is for; None: any.
            status: open (students come by themselves) or closed (by their teacher or by invitation).

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            TransitionRefused: a group does not begin in this status.
            ReferenceViolation: there is no such teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_group(
        self,
        group_id: Id,
        *,
        name: Text,
        language: Text,
        capacity: Capacity,
        level: CefrLevel | None = None,
    ) -> Group:
        """Replace what a group of ``groups.groups`` says of itself.

        Seats that are added go to whoever waits, in order; with fewer seats nobody loses theirs. Needs an actor:
        ``db.transaction(actor=...)``, the teacher, an administrator or the system.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            NotFound: there is no such group.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_group_status(
        self,
        group_id: Id,
        to_status: GroupStatus,
        *,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Group:
        """Open, close, complete or cancel a group: ``groups.change_group_status()``.

        With a group that is completed or cancelled its memberships and invitations end.

        Raises:
            TransitionRefused: there is no such step from the present status.
            NotPermitted: the actor is not its teacher.
            NotFound: there is no such group.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def group(self, group_id: Id) -> Group:
        """Return one group of ``groups.groups``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def teacher_groups(
        self, teacher_telegram_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Group]:
        """Return one page of a teacher's groups, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def student_groups(
        self, student_telegram_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Group]:
        """Return one page of the groups in which a student has a seat or waits for one, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def open_groups(self, language: Text, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Group]:
        """Return one page of the groups of a language that students may join, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def group_seats(self, group_id: Id) -> GroupSeats:
        """Return how full a group is, from ``groups.v_groups``.

        Raises:
            NotFound: there is no such group.
        """
        ...

    @query
    def join_group(
        self,
        group_id: Id,
        student_telegram_id: Id,
        *,
        may_wait: bool = True,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> GroupMember:
        """Bring a student into a group, as the student or its teacher: active, or waiting. ``groups.join_group()``.

        Args:
            may_wait: wait if there is no seat; False: be refused.

        Raises:
            GroupFull: there is no seat, and not ``may_wait``.
            GroupClosed: it has ended; or it is closed, and the student comes without teacher or invitation.
            AlreadyExists: the student is in it, or waits, already.
            InvalidArgument: the student is its teacher.
            NotPermitted: the actor is neither.
            NotFound: there is no such group.
            ReferenceViolation: there is no such student.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_member(
        self,
        member_id: Id,
        *,
        to_status: MemberStatus | None = None,
        progress: Percent | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> GroupMember:
        """Take one step of a membership, or record progress, or both: ``groups.change_member()``.

        A seat that comes free goes to the next in line, in the same transaction.

        Args:
            to_status: left (student or teacher) or completed (teacher); None: no step.
            progress: in percent, 0 to 100, of an active member, by the teacher; None: as it is.

        Raises:
            TransitionRefused: there is no such step from the present status.
            NotPermitted: the step is not this actor's.
            NotFound: there is no such membership.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def member(self, member_id: Id) -> GroupMember:
        """Return one row of ``groups.group_members``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def active_members(self, group_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[GroupMember]:
        """Return one page of those who have a seat in a group, in the order of asking.

        Args:
            after_id: the last id of the page before; 0: the first page.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def waiting_members(self, group_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[GroupMember]:
        """Return one page of a group's waiting list, the next one first.

        Args:
            after_id: the last id of the page before; 0: the first page.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def memberships(
        self, student_telegram_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[GroupMember]:
        """Return one page of a student's memberships, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def invite(
        self,
        group_id: Id,
        token_hash: TokenHash,
        *,
        expires_at: AwareDatetime,
        student_telegram_id: Id | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Invitation:
        """Invite into a group, as its teacher: ``groups.invite()``. Usable once.

        Args:
            token_hash: ``hash`` of an `InvitationToken.new`, whose ``secret`` you send.
            expires_at: until when it can be used, in the future.
            student_telegram_id: whom it is meant for; None: whoever has the token.

        Raises:
            GroupClosed: the group has ended.
            InvalidArgument: ``expires_at`` is not in the future, or the invited person is the teacher.
            NotPermitted: the actor is not its teacher.
            ReferenceViolation: there is no such group, or no such user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def accept_invitation(
        self,
        token_hash: TokenHash,
        student_telegram_id: Id,
        *,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> GroupMember:
        """Use an invitation, as the student: active, or waiting where no seat is free. ``groups.accept_invitation()``.

        Args:
            token_hash: ``hash`` of the `InvitationToken` that the student shows.

        Raises:
            InvitationInvalid: it is unknown, used, revoked, expired or meant for somebody else; which is not said.
            AlreadyExists: the student is in the group, or waits, already; the invitation stays.
            NotPermitted: the actor is another person.
            ReferenceViolation: there is no such student.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def decline_invitation(
        self,
        token_hash: TokenHash,
        student_telegram_id: Id,
        *,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Invitation:
        """Decline an invitation, as the student: ``groups.decline_invitation()``.

        Raises:
            InvitationInvalid: it is unknown, used, revoked, expired or meant for somebody else; which is not said.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def revoke_invitation(
        self, invitation_id: Id, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Invitation:
        """Take an invitation back, as the teacher: ``groups.revoke_invitation()``.

        Raises:
            TransitionRefused: it is not pending any more.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such invitation.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def invitations(self, group_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Invitation]:
        """Return one page of a group's invitations, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def expire_invitations(self, *, at_most: Batch = 1000) -> int:
        """Mark invitations whose time is over as expired, as the system; return how many. For a job.

        Args:
            at_most: rows; call it again while it returns that many.
        """
        ...

    @query
    def snapshot_progress(self, group_id: Id | None = None) -> int:
        """Write down how a group stands today: ``groups.snapshot_progress()``; return how many groups. For a job.

        Once more on the same day (of UTC) replaces it.

        Args:
            group_id: None: every group that is open or closed.
        """
        ...

    @query
    def group_progress(self, group_id: Id, *, before: date = LAST_DAY, page_size: PageSize = 50) -> list[GroupProgress]:
        """Return one page of a group's days in ``groups.group_progress``, the latest first.

        Args:
            before: the last day of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def group_history(self, group_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[GroupStep]:
        """Return one page of what happened in a group, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...
