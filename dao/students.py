"""Students: schema ``students``. People are known by their Telegram account, and so is who acts."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, AfterId, CefrLevel, Id, PageSize, Percent, Reason, TelegramIds, Text


class EnrollmentStatus(StrEnum):
    """Where a student's way through a group stands (``students.enrollment_status``)."""

    APPLIED = "applied"
    ENROLLED = "enrolled"
    COMPLETED = "completed"
    DROPPED = "dropped"


class EnrollmentParty(StrEnum):
    """As what somebody changes an enrollment (``students.party``)."""

    STUDENT = "student"
    ADMIN = "admin"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Student:
    """A person as a student (``students.students``). Times are UTC instants."""

    telegram_id: int
    learning_goals: str | None
    timezone: str
    is_active: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class StudentLanguage:
    """A language that a student learns (``students.student_languages``). Times are UTC instants.

    Attributes:
        current_level: None: nothing yet, or not known.
        target_level: None: not said.
    """

    student_telegram_id: int
    language: str
    current_level: CefrLevel | None
    target_level: CefrLevel | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A student's way through a group (``students.group_enrollments``). Times are UTC instants.

    Attributes:
        membership_id: the membership in the groups service that this copies; None where this service keeps it itself.
        progress: in percent, 0 to 100.
        enrolled_at: since when they have had a seat; None if they never had.
    """

    id: int
    student_telegram_id: int
    group_id: int
    membership_id: int | None
    status: EnrollmentStatus
    progress: Decimal
    enrolled_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class EnrollmentStep:
    """One step of an enrollment's life (``students.group_enrollments_history``). Times are UTC instants.

    Attributes:
        from_status: None for the first step.
        to_status: None where the row was deleted.
        actor_id: telegram_id; None for the system and for a database role that edited by hand.
    """

    id: int
    enrollment_id: int
    student_telegram_id: int
    group_id: int
    from_status: EnrollmentStatus | None
    to_status: EnrollmentStatus | None
    actor_kind: EnrollmentParty
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


class Students(Queries[S], service="students"):
    """Students, their languages and enrollments; runs ``sql/students/queries.sql``.

    Profiles and languages need an actor, ``db.transaction(actor=...)``: the student (their telegram_id), an
    administrator or the system. Where the groups service shares the database, enrollments are a copy of its
    memberships and are only read here: `Groups` changes them.
    """

    @query
    def save_student(
        self,
        telegram_id: Id,
        *,
        learning_goals: Text | None = None,
        timezone: Text = "UTC",
        is_active: bool = True,
    ) -> Student:
        """Make a person's row of ``students.students``, or replace all that it says.

        Args:
            telegram_id: the person's Telegram account, 1 to 2^52 - 1.
            timezone: an IANA name such as Europe/Berlin.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ReferenceViolation: there is no such user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def student(self, telegram_id: Id) -> Student | None:
        """Return a person's row of ``students.students``, or None if they are no student."""
        ...

    @query
    def students(self, telegram_ids: TelegramIds) -> list[Student]:
        """Return those of these people who are in ``students.students``, by telegram_id.

        Args:
            telegram_ids: at most 500.
        """
        ...

    @query
    def save_student_language(
        self,
        telegram_id: Id,
        language: Text,
        *,
        current_level: CefrLevel | None = None,
        target_level: CefrLevel | None = None,
    ) -> StudentLanguage:
        """Add a language to ``students.student_languages``, or replace what is said of it.

        Args:
            language: a BCP 47 tag such as en or pt-BR.
            current_level: what the student speaks now; None: nothing yet, or not known.
            target_level: what they want to reach, not below ``current_level``.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ReferenceViolation: there is no such student.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_student_language(self, telegram_id: Id, language: Text) -> str | None:
        """Take a language out of ``students.student_languages``; return it, or None if it was not there.

        Raises:
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def student_languages(self, telegram_id: Id) -> list[StudentLanguage]:
        """Return a student's rows of ``students.student_languages``, by language."""
        ...

    @query
    def apply_to_group(
        self,
        telegram_id: Id,
        group_id: Id,
        *,
        status: EnrollmentStatus = EnrollmentStatus.APPLIED,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Enrollment:
        """Enroll a student in a group: ``students.apply_to_group()``, where this service lives alone.

        Args:
            status: applied, by the student; or enrolled at once, by an administrator or the system.

        Raises:
            ReadOnly: the groups service shares the database: `Groups.join_group`.
            AlreadyExists: the student has a live enrollment in this group.
            NotPermitted: the actor is another person, or may not enroll.
            ReferenceViolation: there is no such student.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_enrollment(
        self,
        enrollment_id: Id,
        *,
        to_status: EnrollmentStatus | None = None,
        progress: Percent | None = None,
        actor_id: Id | None = None,
        reason: Reason | None = None,
    ) -> Enrollment:
        """Take one step of an enrollment, or record progress, or both: ``students.change_enrollment()``.

        Args:
            to_status: None: no step.
            progress: in percent, 0 to 100; None: as it is. Not by the student.

        Raises:
            ReadOnly: the groups service shares the database: `Groups.change_member`.
            TransitionRefused: there is no such step from the present status.
            NotPermitted: the step is not this actor's.
            NotFound: there is no such enrollment.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def enrollment(self, enrollment_id: Id) -> Enrollment:
        """Return one row of ``students.group_enrollments``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def enrollments(self, telegram_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Enrollment]:
        """Return one page of a student's rows of ``students.group_enrollments``, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def group_enrollments(
        self, group_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[Enrollment]:
        """Return one page of a group's rows of ``students.group_enrollments``, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def enrollment_history(
        self, enrollment_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[EnrollmentStep]:
        """Return one page of an enrollment's steps in ``students.group_enrollments_history``, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...
