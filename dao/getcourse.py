"""The GetCourse bot: reference data in versions, webhook inbox, notification outbox, logs: schema ``getcourse``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .notifications import LEASE, AtMost, NotificationStatus, Payload, Recovered, Span, Wait
from .query import Queries, S, query
from .types import LAST, WITHOUT_NUL, AfterId, Id, PageSize, Text
from .worker import BEGINNING, Outcome


class WebhookStatus(StrEnum):
    """Where a webhook stands (``getcourse.webhook_status``)."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    RETRY = "retry"
    DEAD = "dead"


class QuarantineReason(StrEnum):
    """Why a webhook was not taken (``getcourse.quarantine_reason``)."""

    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    MISSING_KEY = "missing_key"
    BAD_VALUE = "bad_value"
    TOO_LARGE = "too_large"


class LogLevel(StrEnum):
    """How much a line of the log matters (``getcourse.log_level``)."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def _storable(text: str) -> str:
    """What PostgreSQL cannot hold, NUL and halves of surrogate pairs, written out."""
    return text.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode("utf-8")


Body = Annotated[str, AfterValidator(_storable)]
Bodies = Annotated[Sequence[str], AfterValidator(lambda bodies: [_storable(body) for body in bodies])]
Email = Annotated[str, Field(max_length=255), WITHOUT_NUL]
Key = Annotated[str, Field(max_length=50), WITHOUT_NUL]
Name = Annotated[str, Field(max_length=255), WITHOUT_NUL]
Many = Annotated[Sequence[int], AfterValidator(list)]
ManyOrNone = Annotated[Sequence[int | None], AfterValidator(list)]
Texts = Annotated[Sequence[Annotated[str, WITHOUT_NUL]], AfterValidator(list)]
ErrorCode = Annotated[str, Field(max_length=500), WITHOUT_NUL]


@dataclass(frozen=True, slots=True)
class MentorVersion:
    """What was known of a mentor from `valid_from` to `valid_to` (``getcourse.mentors``). Times are UTC instants.

    Attributes:
        version_id: the version.
        id: the mentor, the same in each version.
        valid_to: not included; 9999-12-31: until further notice.
        is_open: whether it holds until further notice.
    """

    version_id: int
    id: int
    email: str
    first_name: str | None
    last_name: str | None
    telegram_id: int | None
    valid_from: AwareDatetime
    valid_to: AwareDatetime
    is_open: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class StudentVersion:
    """What was known of a student from `valid_from` to `valid_to` (``getcourse.students``). Times are UTC instants.

    Attributes:
        version_id: the version.
        id: the student, the same in each version.
        getcourse_user_id: the student in GetCourse.
        valid_to: not included; 9999-12-31: until further notice.
        is_open: whether it holds until further notice.
    """

    version_id: int
    id: int
    getcourse_user_id: str | None
    email: str
    first_name: str | None
    last_name: str | None
    valid_from: AwareDatetime
    valid_to: AwareDatetime
    is_open: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TrainingVersion:
    """What a training was from `valid_from` to `valid_to` (``getcourse.trainings``). Times are UTC instants.

    Attributes:
        version_id: the version.
        training_id: the training, the same in each version.
        is_active: whether it was taught.
        valid_to: not included; 9999-12-31: until further notice.
        is_open: whether it holds until further notice.
    """

    version_id: int
    training_id: str
    title: str
    is_active: bool
    valid_from: AwareDatetime
    valid_to: AwareDatetime
    is_open: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class LessonVersion:
    """What a lesson was from `valid_from` to `valid_to` (``getcourse.lessons``). Times are UTC instants.

    Attributes:
        version_id: the version.
        lesson_id: the lesson, the same in each version.
        position: its place in the training, from 1.
        valid_to: not included; 9999-12-31: until further notice.
        is_open: whether it holds until further notice.
    """

    version_id: int
    lesson_id: str
    training_id: str
    title: str
    position: int | None
    valid_from: AwareDatetime
    valid_to: AwareDatetime
    is_open: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class MappingVersion:
    """Who mentored a student in a training from `valid_from` to `valid_to` (``getcourse.mapping``).

    Times are UTC instants.

    Attributes:
        version_id: the version.
        id: the pair of student and training, the same in each version.
        valid_to: not included; 9999-12-31: until further notice.
        is_open: whether it holds until further notice.
    """

    version_id: int
    id: int
    student_id: int
    mentor_id: int
    training_id: str
    valid_from: AwareDatetime
    valid_to: AwareDatetime
    is_open: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class ActiveMapping:
    """Who mentors whom in which training, with all that is known of them (``getcourse.v_active_mappings``).

    Times are UTC instants.

    Attributes:
        id: the pair of student and training.
        valid_from: since when this mentor has the student.
        valid_to: not included; 9999-12-31: until further notice.
    """

    id: int
    training_id: str
    training_title: str
    student_id: int
    student_getcourse_user_id: str | None
    student_email: str
    student_first_name: str | None
    student_last_name: str | None
    mentor_id: int
    mentor_email: str
    mentor_first_name: str | None
    mentor_last_name: str | None
    mentor_telegram_id: int | None
    valid_from: AwareDatetime
    valid_to: AwareDatetime


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One webhook of GetCourse (``getcourse.webhook_events``). Times are UTC instants.

    Attributes:
        raw_payload: the whole webhook.
        dedupe_key: what it is about.
        duplicates: how often the same came in again.
        attempts: how often it was claimed since it came in or was replayed.
        next_attempt_at: while in retry, when it is due; later, when it was.
        lease_until: until when it is its worker's.
        lease_token: what its worker shows to `finish_webhook`.
    """

    id: int
    source: str
    event_date: AwareDatetime
    user_id: str
    user_email: str
    answer_id: str
    answer_training_id: str | None
    answer_lesson_id: str | None
    answer_status: str | None
    answer_text: str | None
    raw_payload: dict[str, Any] | None
    dedupe_key: str
    duplicates: int
    status: WebhookStatus
    processed: bool
    processed_at: AwareDatetime | None
    attempts: int
    next_attempt_at: AwareDatetime | None
    lease_until: AwareDatetime | None
    lease_token: UUID | None
    error_message: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class WebhookReceipt:
    """What became of one webhook.

    Attributes:
        event_id: where it stands in the inbox; None if it went to quarantine.
        is_duplicate: whether it was there already; it is counted there.
        quarantine_id: where it stands in quarantine; None if it was taken.
        reason: why it went there.
        detail: which key it is about, or how large it is.
    """

    event_id: int | None
    is_duplicate: bool
    quarantine_id: int | None
    reason: QuarantineReason | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class WebhooksTaken:
    """What became of many webhooks; the three add up to them.

    Attributes:
        received: came in.
        duplicates: were there already, and are counted there.
        quarantined: are not what is documented.
    """

    received: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class QuarantinedWebhook:
    """A webhook that could not be taken (``getcourse.webhook_quarantine``). Times are UTC instants.

    Attributes:
        detail: which key it is about, or how large it is.
        raw_text: the text as it came.
        duplicates: how often the same came in again.
    """

    id: int
    source: str
    reason: QuarantineReason
    detail: str | None
    raw_text: str
    duplicates: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class RecoveredWebhooks:
    """What `recover_webhooks` took back from workers. Times are UTC instants.

    Attributes:
        released: another worker may have it.
        dead: has had its attempts.
        checked_until: ``after_lease`` of the next call.
    """

    released: int
    dead: int
    checked_until: AwareDatetime


@dataclass(frozen=True, slots=True)
class BotNotification:
    """One notification to a mentor (``getcourse.notifications``). Times are UTC instants.

    Attributes:
        type: what kind of notification it is, in the bot's words.
        webhook_event_id: the webhook that it is about.
        message_hash: SHA-256 of type, message and webhook_event_id.
        duplicates: how often the same was queued again.
        attempts: that have begun since it was queued or replayed.
        next_attempt_at: while waiting, when it is due; later, when it was.
        lease_until: until when it is its worker's.
        lease_token: what its worker shows to `begin_attempt` and `finish`.
        recipient_telegram_id: the mentor's Telegram account when the last attempt began: send it there.
        telegram_message_id: what Telegram calls the message.
    """

    id: int
    mentor_id: int
    type: str
    message: str
    webhook_event_id: int | None
    message_hash: str
    duplicates: int
    status: NotificationStatus
    attempts: int
    next_attempt_at: AwareDatetime | None
    lease_until: AwareDatetime | None
    lease_token: UUID | None
    last_error: str | None
    recipient_telegram_id: int | None
    telegram_message_id: str | None
    sent_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class EnqueuedForMentors:
    """What became of what was given to `enqueue_many`; the three add up to it.

    Attributes:
        queued: to be sent at once.
        cancelled: kept, but not to be sent: the mentor cannot be reached.
        duplicates: there already, and counted there.
    """

    queued: int
    cancelled: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """How a queue stands (``getcourse.v_queues``). Times are UTC instants.

    Attributes:
        queue: ``webhook_events`` or ``notifications``.
        backlog: how many wait for a worker.
        in_work: how many a worker has.
        oldest_waiting_since: when the oldest that waits came in.
        dead: how many were given up.
        uncertain: of how many nobody knows whether they arrived.
        quarantined: how many texts could not be taken.
    """

    queue: str
    backlog: int
    in_work: int
    oldest_waiting_since: AwareDatetime | None
    dead: int
    uncertain: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class TableSize:
    """How much room a table takes, in bytes (``getcourse.v_table_sizes``)."""

    table_name: str
    table_bytes: int
    index_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One statement as pg_stat_statements counts it. Times are milliseconds."""

    query: str
    calls: int
    total_exec_time: float
    mean_exec_time: float


class Getcourse(Queries[S], service="getcourse"):
    """Reference data in versions, webhooks, notifications and logs; runs ``sql/getcourse/queries.sql``.

    `mentorbase.Worker` works the two queues off. Reference data is people's: writes name an actor, by `actor_id` or
    ``db.transaction(actor=...)``, a Telegram id. Times are UTC instants; ``as_of`` None is now.
    """

    @query
    def add_mentor(
        self,
        email: Email,
        *,
        first_name: Name | None = None,
        last_name: Name | None = None,
        telegram_id: Id | None = None,
        valid_from: AwareDatetime | None = None,
        valid_to: AwareDatetime | None = None,
    ) -> MentorVersion:
        """Write a version of a mentor down (``getcourse.mentors``): somebody new, or again after a while.

        The mentor is found by *email*, whatever its case. The actor is the transaction's.

        Args:
            valid_from: from when it holds; None: now.
            valid_to: until when, not included; None: until further notice.

        Raises:
            ActorRequired: nobody is named who acts.
            Overlap: there is a version at that time; revise it.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def revise_mentor(
        self,
        mentor_id: Id,
        email: Email,
        *,
        first_name: Name | None = None,
        last_name: Name | None = None,
        telegram_id: Id | None = None,
        valid_from: AwareDatetime | None = None,
        actor_id: Id | None = None,
    ) -> MentorVersion:
        """Make another version of a mentor from *valid_from* on (``getcourse.revise_mentor``): no gap, no overlap.

        It says exactly what is given here, and holds for as long as the present one would have.

        Args:
            valid_from: from when it holds; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def close_mentor(
        self, mentor_id: Id, *, valid_to: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> MentorVersion:
        """End the version of a mentor that holds at *valid_to* (``getcourse.close_mentor``).

        Args:
            valid_to: when it ends; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
        """
        ...

    @query
    def mentor(self, mentor_id: Id, *, as_of: AwareDatetime | None = None) -> MentorVersion:
        """Return one mentor as of an instant (``getcourse.mentors_as_of``).

        Raises:
            NotFound: there is no version at that time.
        """
        ...

    @query
    def mentor_by_email(self, email: Email, *, as_of: AwareDatetime | None = None) -> MentorVersion | None:
        """Return the mentor whose latest version has this e-mail address, as of an instant; None if there is none."""
        ...

    @query
    def mentors(
        self, *, as_of: AwareDatetime | None = None, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[MentorVersion]:
        """Return one page of the mentors as of an instant, by id (``getcourse.mentors_as_of``)."""
        ...

    @query
    def mentor_versions(self, mentor_id: Id) -> list[MentorVersion]:
        """Return every version of a mentor, oldest first (``getcourse.mentors``)."""
        ...

    @query
    def add_student(
        self,
        email: Email,
        *,
        getcourse_user_id: Key | None = None,
        first_name: Name | None = None,
        last_name: Name | None = None,
        valid_from: AwareDatetime | None = None,
        valid_to: AwareDatetime | None = None,
    ) -> StudentVersion:
        """Write a version of a student down (``getcourse.students``): somebody new, or again after a while.

        The student is found by *email*, whatever its case. The actor is the transaction's.

        Args:
            valid_from: from when it holds; None: now.
            valid_to: until when, not included; None: until further notice.

        Raises:
            ActorRequired: nobody is named who acts.
            Overlap: there is a version at that time; revise it.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def revise_student(
        self,
        student_id: Id,
        email: Email,
        *,
        getcourse_user_id: Key | None = None,
        first_name: Name | None = None,
        last_name: Name | None = None,
        valid_from: AwareDatetime | None = None,
        actor_id: Id | None = None,
    ) -> StudentVersion:
        """Make another version of a student from *valid_from* on (``getcourse.revise_student``): no gap, no overlap.

        It says exactly what is given here, and holds for as long as the present one would have.

        Args:
            valid_from: from when it holds; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def close_student(
        self, student_id: Id, *, valid_to: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> StudentVersion:
        """End the version of a student that holds at *valid_to* (``getcourse.close_student``).

        Args:
            valid_to: when it ends; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
        """
        ...

    @query
    def student(self, student_id: Id, *, as_of: AwareDatetime | None = None) -> StudentVersion:
        """Return one student as of an instant (``getcourse.students_as_of``).

        Raises:
            NotFound: there is no version at that time.
        """
        ...

    @query
    def student_by_email(self, email: Email, *, as_of: AwareDatetime | None = None) -> StudentVersion | None:
        """Return the student whose latest version has this e-mail address, as of an instant; None if there is none."""
        ...

    @query
    def students(
        self, *, as_of: AwareDatetime | None = None, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[StudentVersion]:
        """Return one page of the students as of an instant, by id (``getcourse.students_as_of``)."""
        ...

    @query
    def student_versions(self, student_id: Id) -> list[StudentVersion]:
        """Return every version of a student, oldest first (``getcourse.students``)."""
        ...

    @query
    def add_training(
        self,
        training_id: Key,
        title: Text,
        *,
        is_active: bool = True,
        valid_from: AwareDatetime | None = None,
        valid_to: AwareDatetime | None = None,
    ) -> TrainingVersion:
        """Write a version of a training down (``getcourse.trainings``): something new, or again after a while.

        The training is found by *training_id*. The actor is the transaction's.

        Args:
            valid_from: from when it holds; None: now.
            valid_to: until when, not included; None: until further notice.

        Raises:
            ActorRequired: nobody is named who acts.
            Overlap: there is a version at that time; revise it.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def revise_training(
        self,
        training_id: Key,
        title: Text,
        *,
        is_active: bool = True,
        valid_from: AwareDatetime | None = None,
        actor_id: Id | None = None,
    ) -> TrainingVersion:
        """Make another version of a training from *valid_from* on (``getcourse.revise_training``): no gap, no overlap.

        It says exactly what is given here, and holds for as long as the present one would have.

        Args:
            valid_from: from when it holds; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def close_training(
        self, training_id: Key, *, valid_to: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> TrainingVersion:
        """End the version of a training that holds at *valid_to* (``getcourse.close_training``).

        Args:
            valid_to: when it ends; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
        """
        ...

    @query
    def training(self, training_id: Key, *, as_of: AwareDatetime | None = None) -> TrainingVersion:
        """Return one training as of an instant (``getcourse.trainings_as_of``).

        Raises:
            NotFound: there is no version at that time.
        """
        ...

    @query
    def trainings(
        self, *, as_of: AwareDatetime | None = None, after_id: Key = "", page_size: PageSize = 50
    ) -> list[TrainingVersion]:
        """Return one page of the trainings as of an instant, by training_id (``getcourse.trainings_as_of``)."""
        ...

    @query
    def training_versions(self, training_id: Key) -> list[TrainingVersion]:
        """Return every version of a training, oldest first (``getcourse.trainings``)."""
        ...

    @query
    def add_lesson(
        self,
        lesson_id: Key,
        training_id: Key,
        title: Text,
        *,
        position: int | None = None,
        valid_from: AwareDatetime | None = None,
        valid_to: AwareDatetime | None = None,
    ) -> LessonVersion:
        """Write a version of a lesson down (``getcourse.lessons``): something new, or again after a while.

        The lesson is found by *lesson_id*. The actor is the transaction's.

        Args:
            valid_from: from when it holds; None: now.
            valid_to: until when, not included; None: until further notice.

        Raises:
            ActorRequired: nobody is named who acts.
            Overlap: there is a version at that time; revise it.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def revise_lesson(
        self,
        lesson_id: Key,
        training_id: Key,
        title: Text,
        *,
        position: int | None = None,
        valid_from: AwareDatetime | None = None,
        actor_id: Id | None = None,
    ) -> LessonVersion:
        """Make another version of a lesson from *valid_from* on (``getcourse.revise_lesson``): no gap, no overlap.

        It says exactly what is given here, and holds for as long as the present one would have.

        Args:
            valid_from: from when it holds; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def close_lesson(
        self, lesson_id: Key, *, valid_to: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> LessonVersion:
        """End the version of a lesson that holds at *valid_to* (``getcourse.close_lesson``).

        Args:
            valid_to: when it ends; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
        """
        ...

    @query
    def lesson(self, lesson_id: Key, *, as_of: AwareDatetime | None = None) -> LessonVersion:
        """Return one lesson as of an instant (``getcourse.lessons_as_of``).

        Raises:
            NotFound: there is no version at that time.
        """
        ...

    @query
    def lessons(
        self, training_id: Key, *, as_of: AwareDatetime | None = None, after_id: Key = "", page_size: PageSize = 50
    ) -> list[LessonVersion]:
        """Return one page of a training's lessons as of an instant, by lesson_id (``getcourse.lessons_as_of``)."""
        ...

    @query
    def lesson_versions(self, lesson_id: Key) -> list[LessonVersion]:
        """Return every version of a lesson, oldest first (``getcourse.lessons``)."""
        ...

    @query
    def add_mapping(
        self,
        student_id: Id,
        mentor_id: Id,
        training_id: Key,
        *,
        valid_from: AwareDatetime | None = None,
        valid_to: AwareDatetime | None = None,
    ) -> MappingVersion:
        """Write a version of a mapping down (``getcourse.mapping``): something new, or again after a while.

        The mapping is found by student and training. The actor is the transaction's.

        Args:
            valid_from: from when it holds; None: now.
            valid_to: until when, not included; None: until further notice.

        Raises:
            ActorRequired: nobody is named who acts.
            Overlap: there is a version at that time; revise it.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def revise_mapping(
        self, mapping_id: Id, mentor_id: Id, *, valid_from: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> MappingVersion:
        """Make another version of a mapping from *valid_from* on (``getcourse.revise_mapping``): no gap, no overlap.

        It says exactly what is given here, and holds for as long as the present one would have.

        Args:
            valid_from: from when it holds; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def close_mapping(
        self, mapping_id: Id, *, valid_to: AwareDatetime | None = None, actor_id: Id | None = None
    ) -> MappingVersion:
        """End the version of a mapping that holds at *valid_to* (``getcourse.close_mapping``).

        Args:
            valid_to: when it ends; None: now.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotFound: there is no version at that time.
        """
        ...

    @query
    def mapping_versions(self, mapping_id: Id) -> list[MappingVersion]:
        """Return every version of a mapping, oldest first (``getcourse.mapping``)."""
        ...

    @query
    def mentor_mappings(
        self, mentor_id: Id, *, as_of: AwareDatetime | None = None, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[ActiveMapping]:
        """Return one page of whom a mentor mentors as of an instant (``getcourse.active_mappings_as_of``)."""
        ...

    @query
    def student_mappings(
        self, student_id: Id, *, as_of: AwareDatetime | None = None, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[ActiveMapping]:
        """Return one page of who mentors a student as of an instant (``getcourse.active_mappings_as_of``)."""
        ...

    @query
    def training_mappings(
        self, training_id: Key, *, as_of: AwareDatetime | None = None, after_id: AfterId = 0, page_size: PageSize = 50
    ) -> list[ActiveMapping]:
        """Return one page of who mentors whom in a training as of an instant (``getcourse.active_mappings_as_of``)."""
        ...

    @query
    def mapping_for(
        self, email: Email, training_id: Key, *, as_of: AwareDatetime | None = None
    ) -> ActiveMapping | None:
        """Return who mentors the student with this e-mail address in a training; None if nobody does.

        Whom a webhook is for: ``mapping_for(event.user_email, event.answer_training_id, as_of=event.event_date)``.
        """
        ...

    @query
    def receive_webhook(self, body: Body, *, source: Key = "getcourse") -> WebhookReceipt:
        """Take one webhook as it came (``getcourse.receive_webhook``). Never lost, never an error, never twice.

        Args:
            body: the text of the request. Of bytes: ``body.decode("utf-8", "backslashreplace")``.
        """
        ...

    @query
    def receive_webhooks(self, bodies: Bodies, *, source: Key = "getcourse") -> WebhooksTaken:
        """Take many webhooks as they came (``getcourse.receive_webhooks``) in one statement.

        More than some ten thousand at once: COPY into ``getcourse.webhook_staging (body)``, then `ingest_staged`.
        """
        ...

    @query
    def ingest_staged(self, *, at_most: AtMost = 10_000) -> WebhooksTaken:
        """Take in what COPY put into ``getcourse.webhook_staging`` (``getcourse.ingest_staged``); until all are 0."""
        ...

    @query
    def quarantined(self, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[QuarantinedWebhook]:
        """Return one page of what could not be taken, oldest first (``getcourse.webhook_quarantine``)."""
        ...

    @query
    def retry_quarantined(self, quarantine_id: Id) -> WebhookReceipt:
        """Take a webhook in again that is in quarantine (``getcourse.retry_quarantined``).

        It leaves the quarantine if it can be taken now.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def claim_webhooks(
        self,
        *,
        at_most: AtMost = 8,
        lease: Span = LEASE,
        after_id: AfterId = 0,
        after_due: AwareDatetime = BEGINNING,
        after_due_id: AfterId = 0,
    ) -> list[WebhookEvent]:
        """Take what is to be processed (``getcourse.claim_webhooks``): what is due, then what came in by id.

        Args:
            lease: how long it is this worker's, to call `finish_webhook` for each.
            after_id: id of the last received one that this worker got: spares it the dead rows behind.
            after_due: ``next_attempt_at`` of the last one in retry that this worker got.
            after_due_id: its id.
        """
        ...

    @query
    def finish_webhook(
        self,
        event_id: Id,
        lease_token: UUID,
        outcome: Outcome,
        *,
        error: ErrorCode | None = None,
        retry_after: Wait | None = None,
    ) -> WebhookEvent:
        """Report how an attempt ended (``getcourse.finish_webhook``).

        In the transaction that did what the webhook asks for: then that happens once.

        Args:
            outcome: done, failed, limited or rejected.
            error: a code or class of error; no personal data.
            retry_after: how long to wait; must be given with `Outcome.LIMITED`.

        Raises:
            LeaseLost: it is no longer with this worker; nothing was recorded.
            InvalidArgument: another outcome, or a limit without its time.
        """
        ...

    @query
    def finish_webhooks(self, event_ids: Many, lease_token: UUID) -> int:
        """Report in one call that webhooks of one claim are done (``getcourse.finish_webhooks``).

        Call it in the transaction that did what they ask for, as `finish_webhook`. All of them or none.

        Returns:
            Of how many that is new.

        Raises:
            LeaseLost: one of them is no longer with this worker; nothing was recorded of any.
        """
        ...

    @query
    def recover_webhooks(self, *, after_lease: AwareDatetime = BEGINNING, at_most: AtMost = 1000) -> RecoveredWebhooks:
        """Take back what workers did not finish within their lease (``getcourse.recover_webhooks``).

        Args:
            after_lease: ``checked_until`` of the call before.
        """
        ...

    @query
    def replay_webhook(self, event_id: Id) -> WebhookEvent:
        """Process a dead webhook again (``getcourse.replay_webhook``).

        Raises:
            NotFound: there is none.
            TransitionRefused: it is not dead.
        """
        ...

    @query
    def replay_dead_webhooks(self, *, at_most: AtMost = 1000) -> int:
        """Process dead webhooks again, oldest first (``getcourse.replay_dead_webhooks``); how many."""
        ...

    @query
    def webhook(self, event_id: Id) -> WebhookEvent:
        """Return one webhook.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def webhooks_of(self, user_email: Email, *, after_id: Id = LAST, page_size: PageSize = 50) -> list[WebhookEvent]:
        """Return one page of the webhooks with this e-mail address, as GetCourse writes it, newest first."""
        ...

    @query
    def stuck_webhooks(self, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[WebhookEvent]:
        """Return one page of the dead webhooks, oldest first."""
        ...

    @query
    def enqueue(
        self,
        mentor_id: Id,
        type: Key,  # noqa: A002 - its name in the documents
        message: Text,
        *,
        webhook_event_id: Id | None = None,
    ) -> BotNotification:
        """Queue one notification (``getcourse.enqueue``), and return it.

        The same again for this mentor, about the same webhook, is only counted in ``duplicates`` of the first, which is
        returned. For a mentor whom the bot cannot reach it is kept as cancelled.

        Args:
            type: what kind of notification it is, in the bot's words.

        Raises:
            ReferenceViolation: there is no such mentor or webhook.
        """
        ...

    @query
    def enqueue_many(
        self,
        mentor_ids: Many,
        types: Texts,
        messages: Texts,
        *,
        webhook_event_ids: ManyOrNone | None = None,
    ) -> EnqueuedForMentors:
        """Queue many notifications in one statement (``getcourse.enqueue_many``); the nth is for the nth mentor.

        Args:
            types: as of `enqueue`, one a mentor.
            messages: one a mentor.
            webhook_event_ids: one a mentor, or None for those about none; None: none is about a webhook.

        Raises:
            InvalidArgument: not one type, message or webhook a mentor.
            ReferenceViolation: there is no such mentor or webhook.
        """
        ...

    @query
    def claim(
        self,
        *,
        at_most: AtMost = 8,
        lease: Span = LEASE,
        after_id: AfterId = 0,
        after_due: AwareDatetime = BEGINNING,
        after_due_id: AfterId = 0,
    ) -> list[BotNotification]:
        """Take what is to be sent (``getcourse.claim``): what is due, then what is pending by id.

        Args:
            lease: how long it is this worker's, to call `begin_attempt` for each.
            after_id: id of the last pending one that this worker got: spares it the dead rows behind.
            after_due: ``next_attempt_at`` of the last waiting one that this worker got.
            after_due_id: its id.
        """
        ...

    @query
    def begin_attempt(self, notification_id: Id, lease_token: UUID, *, lease: Span = LEASE) -> BotNotification | None:
        """Say that it is sent now (``getcourse.begin_attempt``); commit that before sending.

        Returns:
            The notification, with the Telegram account to send it to; or None if it is not to be sent: the lease was
            lost, the mentor has left, has no account or cannot be reached, or the bot rests.
        """
        ...

    @query
    def finish(
        self,
        notification_id: Id,
        lease_token: UUID,
        outcome: Outcome,
        *,
        error: ErrorCode | None = None,
        retry_after: Wait | None = None,
        telegram_message_id: Key | None = None,
    ) -> BotNotification:
        """Report how an attempt ended (``getcourse.finish``).

        Args:
            error: a code or class of error; no personal data.
            retry_after: how long Telegram asked to wait; must be given with `Outcome.LIMITED`.
            telegram_message_id: what Telegram calls the message.

        Raises:
            LeaseLost: it is no longer with this worker; nothing was recorded.
        """
        ...

    @query
    def recover(self, *, after_lease: AwareDatetime = BEGINNING, at_most: AtMost = 1000) -> Recovered:
        """Take back what workers did not finish within their lease (``getcourse.recover``).

        Args:
            after_lease: ``checked_until`` of the call before.
        """
        ...

    @query
    def replay(self, notification_id: Id) -> BotNotification:
        """Send again what is dead, uncertain or cancelled (``getcourse.replay``).

        What is uncertain may have arrived: it may then arrive twice.

        Raises:
            NotFound: there is none.
            TransitionRefused: it is none of these.
        """
        ...

    @query
    def replay_dead(self, *, at_most: AtMost = 1000) -> int:
        """Send dead letters again, oldest first (``getcourse.replay_dead``); how many."""
        ...

    @query
    def notification(self, notification_id: Id) -> BotNotification:
        """Return one notification.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def notifications_about(self, webhook_event_id: Id) -> list[BotNotification]:
        """Return what was told of a webhook, oldest first."""
        ...

    @query
    def stuck(self, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[BotNotification]:
        """Return one page of what a person has to look at: dead and uncertain, oldest first."""
        ...

    @query
    def mark_reachable(self, telegram_id: Id) -> bool:
        """Say that the bot reaches an account again (``getcourse.mark_reachable``); whether it did not before."""
        ...

    @query
    def queues(self) -> list[QueueState]:
        """Return how the two queues stand (``getcourse.v_queues``): for alarms."""
        ...

    @query
    def table_sizes(self) -> list[TableSize]:
        """Return how much room each table takes, the largest first (``getcourse.v_table_sizes``)."""
        ...

    @query
    def slow_queries(self, *, at_most: AtMost = 10) -> list[SlowQuery]:
        """Return the slowest queries of this database by mean time (``getcourse.slow_queries``).

        Raises:
            StatisticsMissing: the server does not count; the hint says how a superuser enables that.
        """
        ...

    @query
    def log(
        self,
        level: LogLevel,
        logger: Text,
        message: Text,
        *,
        context: Payload = {},  # noqa: B006 - never changed
    ) -> None:
        """Write a line of the log (``getcourse.application_logs``).

        Args:
            logger: who says it: a module's name.
            message: without personal data.
            context: values behind it, ids and states; JSON.
        """
        ...

    @query
    def log_error(
        self,
        error_type: Text,
        message: Text,
        *,
        traceback: Text | None = None,
        context: Payload = {},  # noqa: B006 - never changed
    ) -> None:
        """Write an error down (``getcourse.error_logs``).

        Args:
            error_type: its class.
            message: without personal data.
            traceback: where in the program.
            context: values behind it, ids and states; JSON.
        """
        ...
