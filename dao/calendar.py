"""Lessons, who came, and when teachers are free: schema ``calendar``.

People are Telegram ids here, 1 to 2^52 - 1, and so is the actor.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, AfterId, Id, PageSize, Reason, TelegramId, TelegramIds, Text


class LessonStatus(StrEnum):
    """Where a lesson stands (``calendar.lesson_status``)."""

    PLANNED = "planned"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class LessonParty(StrEnum):
    """As what somebody makes or changes a lesson (``calendar.lesson_party``)."""

    TEACHER = "teacher"
    ADMIN = "admin"
    SYSTEM = "system"


class AttendanceStatus(StrEnum):
    """Whether a participant came (``calendar.attendance_status``)."""

    PRESENT = "present"
    LATE = "late"
    ABSENT = "absent"
    EXCUSED = "excused"


Weekday = Annotated[int, Field(ge=1, le=7)]

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every lesson and absence."""

END: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""After every lesson and absence."""


def _without_zone(found: time) -> time:
    if found.tzinfo is not None:
        raise ValueError("a local time has no time zone of its own")
    return found


LocalTime = Annotated[time, AfterValidator(_without_zone)]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson (``calendar.lessons``). Times are UTC instants.

    Attributes:
        group_id: the group that it is for; None: for its participants only.
        ends_at: not included.
        rescheduled_from: the cancelled lesson that it replaces.
    """

    id: int
    teacher_telegram_id: int
    group_id: int | None
    title: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    status: LessonStatus
    rescheduled_from: int | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class LessonStep:
    """One step of a lesson's life (``calendar.lesson_history``). Times are UTC instants.

    Attributes:
        from_status: None for the first step.
        to_status: None where the row was deleted.
        actor_id: a Telegram id; None for the system and for a database role that edited by hand.
    """

    id: int
    lesson_id: int
    teacher_telegram_id: int
    from_status: LessonStatus | None
    to_status: LessonStatus | None
    actor_kind: LessonParty
    actor_id: int | None
    reason: str | None
    occurred_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Participant:
    """A student in a lesson (``calendar.lesson_participants``), with the lesson's time. Times are UTC instants.

    Attributes:
        occupies: whether the lesson takes the student's time: unless it is cancelled.
    """

    lesson_id: int
    student_telegram_id: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    occupies: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a participant came (``calendar.lesson_attendance``). Times are UTC instants.

    Attributes:
        marked_by: a Telegram id; None where a database role marked it by hand.
    """

    lesson_id: int
    student_telegram_id: int
    status: AttendanceStatus
    marked_by: int | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A time at which a teacher can be booked (``calendar.free_slots()``). Times are UTC instants.

    Attributes:
        ends_at: not included.
    """

    starts_at: AwareDatetime
    ends_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TeacherSchedule:
    """A window of every week in which a teacher can be booked (``calendar.teacher_schedules``).

    Attributes:
        weekday: the local day on which it begins, as `date.isoweekday` counts: 1 is Monday.
        ends_local: not included; on the next day where it is not after `starts_local`.
        timezone: IANA zone of the local times.
        valid_from: first local day on which it may begin.
        valid_to: local day from which on it no longer does; None: it goes on.
    """

    id: int
    teacher_telegram_id: int
    weekday: int
    starts_local: time
    ends_local: time
    timezone: str
    valid_from: date
    valid_to: date | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TeacherAbsence:
    """A time at which a teacher is away (``calendar.teacher_unavailable``). Times are UTC instants.

    Attributes:
        ends_at: not included.
    """

    id: int
    teacher_telegram_id: int
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Calendar(Queries[S], service="calendar"):
    """Lessons and when teachers are free; runs ``sql/calendar/queries.sql``.

    ``actor_id`` is the Telegram id of who acts; None: the transaction's actor, which is one too.
    """

    @query
    def plan_lesson(
        self,
        teacher_telegram_id: TelegramId,
        title: Text,
        starts_at: AwareDatetime,
        ends_at: AwareDatetime,
        *,
        student_telegram_ids: TelegramIds | None = None,
        group_id: Id | None = None,
        actor_id: TelegramId | None = None,
        reason: Reason | None = None,
    ) -> Lesson:
        """Plan a lesson with its participants, all or nothing: ``calendar.plan_lesson()``.

        Whether the people and the group exist, only a database that holds all services knows.

        Args:
            ends_at: up to 24 hours after ``starts_at``, not included.
            student_telegram_ids: at most 500; who is named twice is entered once. None: nobody yet.

        Raises:
            TeacherBusy: the teacher teaches or learns then.
            StudentsBusy: some of the students do; ``telegram_ids`` says who.
            TeacherAway: the teacher is away.
            InvalidArgument: it begins in the past, or its teacher is among the students.
            ReferenceViolation: there is no such user.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is not the teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def reschedule(
        self,
        lesson_id: Id,
        starts_at: AwareDatetime,
        ends_at: AwareDatetime,
        *,
        actor_id: TelegramId | None = None,
        reason: Reason | None = None,
    ) -> Lesson:
        """Move a planned lesson: ``calendar.reschedule()`` cancels it and returns the one that replaces it.

        Teacher, group, title and participants stay; attendance does not pass over. All or nothing.

        Raises:
            TransitionRefused: it is not planned, such as one that was rescheduled already.
            TeacherBusy: the teacher teaches or learns then.
            StudentsBusy: some of the participants do; ``telegram_ids`` says who.
            TeacherAway: the teacher is away.
            InvalidArgument: it begins in the past.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def cancel_lesson(
        self, lesson_id: Id, *, actor_id: TelegramId | None = None, reason: Reason | None = None
    ) -> Lesson:
        """Call a lesson off, as its teacher, an administrator or the system: planned becomes cancelled.

        Its time is free again. An administrator may cancel a completed one too.

        Raises:
            TransitionRefused: it is cancelled already.
            NotPermitted: the actor may not.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def complete_lesson(
        self, lesson_id: Id, *, actor_id: TelegramId | None = None, reason: Reason | None = None
    ) -> Lesson:
        """Say that it took place, as its teacher, an administrator or the system: planned becomes completed.

        Raises:
            TransitionRefused: it is not planned, or not over.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_lesson(self, lesson_id: Id, *, title: Text, group_id: Id | None = None) -> Lesson:
        """Replace what a lesson of ``calendar.lessons`` is called and its group. Needs an actor.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def lesson(self, lesson_id: Id) -> Lesson:
        """Return one lesson of ``calendar.lessons``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def lesson_chain(self, lesson_id: Id) -> list[Lesson]:
        """Return a lesson of ``calendar.lessons`` with those before and after it in its chain, the first one first."""
        ...

    @query
    def teacher_lessons(
        self,
        teacher_telegram_id: TelegramId,
        *,
        from_at: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Lesson]:
        """Return one page of a teacher's lessons in ``calendar.lessons``, by beginning; cancelled ones too.

        Args:
            from_at: begins then or later; of the next page: the last one's ``starts_at``.
            until: begins before.
            after_id: of the next page: the last one's id.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def student_lessons(
        self,
        student_telegram_id: TelegramId,
        *,
        from_at: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Lesson]:
        """Return one page of the lessons in ``calendar.lessons`` that a student takes part in, by beginning.

        Cancelled ones too.

        Args:
            from_at: begins then or later; of the next page: the last one's ``starts_at``.
            until: begins before.
            after_id: of the next page: the last one's id.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def group_lessons(
        self,
        group_id: Id,
        *,
        from_at: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[Lesson]:
        """Return one page of a group's lessons in ``calendar.lessons``, by beginning; cancelled ones too.

        Args:
            from_at: begins then or later; of the next page: the last one's ``starts_at``.
            until: begins before.
            after_id: of the next page: the last one's id.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def lesson_history(self, lesson_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[LessonStep]:
        """Return one page of a lesson's steps in ``calendar.lesson_history``, oldest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def add_participants(
        self, lesson_id: Id, student_telegram_ids: TelegramIds, *, actor_id: TelegramId | None = None
    ) -> list[Participant]:
        """Enter students into a lesson, all or none, and return them: ``calendar.add_participants()``.

        Who is entered already stays.

        Args:
            student_telegram_ids: at most 500.

        Raises:
            StudentsBusy: some of them learn or teach then; ``telegram_ids`` says who.
            TransitionRefused: the lesson is cancelled, or completed and the actor no administrator.
            InvalidArgument: its teacher is among them.
            ReferenceViolation: there is no such user.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_participant(
        self, lesson_id: Id, student_telegram_id: TelegramId, *, actor_id: TelegramId | None = None
    ) -> bool:
        """Take a student out of a lesson and return whether they were in it: ``calendar.remove_participant()``.

        Raises:
            ReferenceViolation: their attendance is marked.
            TransitionRefused: the lesson is cancelled, or completed and the actor no administrator.
            NotPermitted: the actor is not the teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def participants(self, lesson_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Participant]:
        """Return one page of who learns in a lesson (``calendar.lesson_participants``), by Telegram id.

        Args:
            after_id: the last ``student_telegram_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def mark_attendance(
        self,
        lesson_id: Id,
        student_telegram_ids: TelegramIds,
        status: AttendanceStatus,
        *,
        actor_id: TelegramId | None = None,
    ) -> list[Attendance]:
        """Mark whether participants came, as the teacher or an administrator: ``calendar.mark_attendance()``.

        All or none; marked again, the last mark counts.

        Raises:
            ReferenceViolation: one of them is no participant.
            TransitionRefused: the lesson has not begun, or is cancelled.
            NotPermitted: the actor is neither its teacher nor an administrator.
            NotFound: there is no such lesson.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def attendance(self, lesson_id: Id, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Attendance]:
        """Return one page of who came to a lesson (``calendar.lesson_attendance``), by Telegram id.

        Args:
            after_id: the last ``student_telegram_id`` of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def free_slots(
        self, teacher_telegram_id: TelegramId, from_at: AwareDatetime, until: AwareDatetime, duration: timedelta
    ) -> list[FreeSlot]:
        """Return when a teacher can be booked, in order: ``calendar.free_slots()``.

        The weekly windows, less absences, less lessons; each stretch that is left is cut from its beginning into
        slots of exactly ``duration``. A local time that exists twice means its first occurrence, one that does not
        exist the instant at which clocks jump over it.

        Args:
            from_at: such as now; what lies before is left out.
            until: at most 366 days later.
            duration: a minute to 24 hours.

        Raises:
            InvalidArgument: one of these is outside its limits.
        """
        ...

    @query
    def add_schedule(
        self,
        teacher_telegram_id: TelegramId,
        *,
        weekday: Weekday,
        starts_local: LocalTime,
        ends_local: LocalTime,
        timezone: Text,
        valid_from: date,
        valid_to: date | None = None,
    ) -> TeacherSchedule:
        """Offer a window of every week, in ``calendar.teacher_schedules``. Needs an actor.

        Args:
            weekday: the local day on which it begins: 1 is Monday.
            ends_local: not included; on the next day where it is not after ``starts_local``.
            timezone: an IANA name such as Europe/Berlin.
            valid_from: first local day on which it may begin.
            valid_to: local day from which on it no longer does; None: it goes on.

        Raises:
            InvalidValue: a value is outside what its column allows.
            ReferenceViolation: there is no such user.
            NotPermitted: the actor is not the teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def end_schedule(self, schedule_id: Id, valid_to: date) -> TeacherSchedule:
        """Let a window of ``calendar.teacher_schedules`` open no more from this local day on. Needs an actor.

        Raises:
            InvalidValue: ``valid_to`` is not after ``valid_from``; remove it instead.
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such window.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_schedule(self, schedule_id: Id) -> TeacherSchedule:
        """Forget a window of ``calendar.teacher_schedules`` and return what it was. Needs an actor.

        Raises:
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such window.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def schedules(
        self, teacher_telegram_id: TelegramId, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[TeacherSchedule]:
        """Return one page of a teacher's windows in ``calendar.teacher_schedules``, newest first.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def add_absence(
        self, teacher_telegram_id: TelegramId, starts_at: AwareDatetime, ends_at: AwareDatetime
    ) -> TeacherAbsence:
        """Say that a teacher is away, in ``calendar.teacher_unavailable``. Needs an actor.

        Lessons that are planned already stay; no other one is planned into it.

        Args:
            ends_at: not included.

        Raises:
            InvalidValue: a value is outside what its column allows.
            ReferenceViolation: there is no such user.
            NotPermitted: the actor is not the teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_absence(self, absence_id: Id) -> TeacherAbsence:
        """Forget an absence of ``calendar.teacher_unavailable`` and return what it was. Needs an actor.

        Raises:
            NotPermitted: the actor is not the teacher.
            NotFound: there is no such absence.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def absences(
        self,
        teacher_telegram_id: TelegramId,
        *,
        from_at: AwareDatetime = BEGINNING,
        until: AwareDatetime = END,
        after_id: AfterId = 0,
        page_size: PageSize = 50,
    ) -> list[TeacherAbsence]:
        """Return one page of a teacher's absences in ``calendar.teacher_unavailable``, by beginning.

        Args:
            from_at: begins then or later; of the next page: the last one's ``starts_at``.
            until: begins before.
            after_id: of the next page: the last one's id.
            page_size: rows at most, 1 to 500.
        """
        ...
