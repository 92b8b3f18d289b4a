"""What people are told and how it reaches them: schema ``notifications``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import LAST, WITHOUT_NUL, AfterId, Id, PageSize, Text
from .worker import BEGINNING, Outcome


class Channel(StrEnum):
    """The way a notification takes (``notifications.channel``)."""

    TELEGRAM = "telegram"
    EMAIL = "email"
    PUSH = "push"


class NotificationStatus(StrEnum):
    """Where a notification stands (``notifications.notification_status``)."""

    PENDING = "pending"
    WAITING = "waiting"
    PROCESSING = "processing"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


LEASE: Final = timedelta(seconds=60)
"""How long a worker has for what it claimed, and for an attempt, unless it says otherwise."""

AtMost = Annotated[int, Field(ge=1, le=100_000)]
Code = Annotated[str, Field(max_length=50), WITHOUT_NUL]
Payload = Annotated[dict[str, Any], AfterValidator(Jsonb), Field(validate_default=True)]
Recipients = Annotated[Sequence[int], AfterValidator(list)]
Languages = Annotated[Sequence[str], AfterValidator(list)]
Span = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=7))]
Wait = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=7))]


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification to one person on one channel (``notifications.notifications``). Times are UTC instants.

    Attributes:
        body: the text, made when it was queued.
        duplicates: how often the same was queued again.
        not_before: as asked for; None for at once.
        attempts: that have begun since it was queued or replayed.
        next_attempt_at: while waiting, when it is due; later, when it was.
        lease_until: until when it is its worker's.
        lease_token: what its worker shows to `begin_attempt` and `finish`.
        external_id: what the channel calls the message.
    """

    id: int
    recipient_telegram_id: int
    template_code: str
    channel: Channel
    payload: dict[str, Any]
    body: str
    dedupe_key: str
    duplicates: int
    not_before: AwareDatetime | None
    status: NotificationStatus
    attempts: int
    next_attempt_at: AwareDatetime | None
    lease_until: AwareDatetime | None
    lease_token: UUID | None
    last_error: str | None
    external_id: str | None
    sent_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of the recipients of `enqueue_many`; the four add up to them.

    Attributes:
        queued: to be sent at once.
        waiting: to be sent later: not_before, or quiet hours.
        cancelled: kept, but not to be sent: muted, or unreachable.
        duplicates: there already, and counted there.
    """

    queued: int
    waiting: int
    cancelled: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` took back from workers. Times are UTC instants.

    Attributes:
        released: not begun, so another worker may have it.
        uncertain: begun, and nobody knows how it ended.
        checked_until: ``after_lease`` of the next call.
    """

    released: int
    uncertain: int
    checked_until: AwareDatetime


@dataclass(frozen=True, slots=True)
class NotificationStep:
    """One row of a notification's story (``notifications.notification_logs``). Times are UTC instants."""

    id: int
    notification_id: int
    channel: Channel
    from_status: NotificationStatus
    to_status: NotificationStatus
    attempt: int
    error: str | None
    occurred_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """What a person wants to hear of on a channel (``notifications.user_notification_settings``).

    Attributes:
        notification_type: a template's code, or ``all`` for every type without settings of its own.
        quiet_from: begin of the hours in which nothing is sent, by the clock of `timezone`.
        quiet_to: their end, not included; before `quiet_from` it is the next day's.
    """

    telegram_id: int
    channel: Channel
    notification_type: str
    is_enabled: bool
    quiet_from: time | None
    quiet_to: time | None
    timezone: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class NotificationTemplate:
    """What a notification says (``notifications.notification_templates``); ``{title}`` stands for a payload's value."""

    id: int
    code: str
    language_code: str
    channel: Channel
    body: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Notifications(Queries[S], service="notifications"):
    """The queue of notifications, templates and settings; runs ``sql/notifications/queries.sql``.

    `mentorbase.Worker` works the queue off; it calls `claim`, `begin_attempt`, `finish` and `recover`.
    """

    @query
    def enqueue(
        self,
        recipient_telegram_id: Id,
        template_code: Code,
        channel: Channel = Channel.TELEGRAM,
        *,
        payload: Payload = {},  # noqa: B006 - never changed
        dedupe_key: Text | None = None,
        language_code: Text = "en",
        not_before: AwareDatetime | None = None,
    ) -> Notification:
        """Queue one notification (``notifications.enqueue``), and return it.

        Args:
            payload: values for the template's placeholders, and what else the sender needs; JSON.
            dedupe_key: what it is about; the same again for this recipient and channel is only counted, in
                ``duplicates`` of the first, which is returned. None: always another.
            language_code: of the template; falls back to the language's first part, then to en.
            not_before: send it then or later.

        Raises:
            TemplateMissing: there is none for this code and channel.
            PlaceholderMissing: the payload lacks a value; ``values["missing"]`` names it.
        """
        ...

    @query
    def enqueue_many(
        self,
        recipients: Recipients,
        template_code: Code,
        channel: Channel = Channel.TELEGRAM,
        *,
        payload: Payload = {},  # noqa: B006 - never changed
        dedupe_key: Text | None = None,
        languages: Languages | None = None,
        not_before: AwareDatetime | None = None,
    ) -> Enqueued:
        """Queue one notification for each recipient (``notifications.enqueue_many``) in one statement.

        Args:
            recipients: Telegram ids.
            languages: one a recipient; None: en for all.
            payload: as of `enqueue`; the same for all.
            dedupe_key: as of `enqueue`.
            not_before: as of `enqueue`.

        Raises:
            TemplateMissing: there is none for this code and channel.
            PlaceholderMissing: the payload lacks a value.
            InvalidArgument: not one language a recipient.
        """
        ...

    @query
    def claim(
        self,
        channel: Channel = Channel.TELEGRAM,
        *,
        at_most: AtMost = 8,
        lease: Span = LEASE,
        after_id: AfterId = 0,
        after_due: AwareDatetime = BEGINNING,
        after_due_id: AfterId = 0,
    ) -> list[Notification]:
        """Take what is to be sent on a channel (``notifications.claim``): what is due, then what is pending by id.

        Args:
            lease: how long it is this worker's, to call `begin_attempt` for each.
            after_id: id of the last pending one that this worker got: spares it the dead rows behind.
            after_due: ``next_attempt_at`` of the last waiting one that this worker got.
            after_due_id: its id.
        """
        ...

    @query
    def begin_attempt(self, notification_id: Id, lease_token: UUID, *, lease: Span = LEASE) -> Notification | None:
        """Say that it is sent now (``notifications.begin_attempt``); commit that before sending.

        Returns:
            The notification, or None if it is not to be sent: the lease was lost, the recipient muted it or cannot
            be reached, it is their quiet hours, or the channel rests.
        """
        ...

    @query
    def finish(
        self,
        notification_id: Id,
        lease_token: UUID,
        outcome: Outcome,
        *,
        error: Annotated[str, Field(max_length=500), WITHOUT_NUL] | None = None,
        retry_after: Wait | None = None,
        external_id: Annotated[str, Field(max_length=200), WITHOUT_NUL] | None = None,
    ) -> Notification:
        """Report how an attempt ended (``notifications.finish``).

        Args:
            error: a code or class of error; no personal data.
            retry_after: how long the channel asked to wait; must be given with `Outcome.LIMITED`.
            external_id: what the channel calls the message.

        Raises:
            LeaseLost: it is no longer with this worker; nothing was recorded.
        """
        ...

    @query
    def recover(
        self,
        channel: Channel = Channel.TELEGRAM,
        *,
        after_lease: AwareDatetime = BEGINNING,
        at_most: AtMost = 1000,
    ) -> Recovered:
        """Take back what workers did not finish within their lease (``notifications.recover``).

        Args:
            after_lease: ``checked_until`` of the call before.
        """
        ...

    @query
    def replay(self, notification_id: Id) -> Notification:
        """Send again what is dead, uncertain or cancelled (``notifications.replay``).

        What is uncertain may have arrived: it may then arrive twice.

        Raises:
            NotFound: there is none.
            TransitionRefused: it is none of these.
        """
        ...

    @query
    def replay_dead(self, channel: Channel = Channel.TELEGRAM, *, at_most: AtMost = 1000) -> int:
        """Send the dead letters of a channel again, oldest first (``notifications.replay_dead``); how many."""
        ...

    @query
    def notification(self, notification_id: Id) -> Notification:
        """Return one notification.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def notifications_of(
        self, recipient_telegram_id: Id, *, after_id: Id = LAST, page_size: PageSize = 50
    ) -> list[Notification]:
        """Return one page of what a person was to be told, newest first."""
        ...

    @query
    def stuck(self, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Notification]:
        """Return one page of what a person has to look at: dead and uncertain, oldest first."""
        ...

    @query
    def notification_log(self, notification_id: Id) -> list[NotificationStep]:
        """Return how a notification fared, oldest step first (``notifications.notification_logs``)."""
        ...

    @query
    def mark_reachable(self, recipient_telegram_id: Id, channel: Channel = Channel.TELEGRAM) -> bool:
        """Say that a channel reaches a person again (``notifications.mark_reachable``); whether it did not before."""
        ...

    @query
    def save_settings(
        self,
        telegram_id: Id,
        channel: Channel = Channel.TELEGRAM,
        *,
        notification_type: Code = "all",
        is_enabled: bool = True,
        quiet_from: time | None = None,
        quiet_to: time | None = None,
        timezone: Text = "UTC",
        actor_id: Id | None = None,
    ) -> NotificationSettings:
        """Write a person's settings of one channel and type (``notifications.save_settings``).

        Args:
            quiet_from: begin of the hours in which nothing is sent, by the clock of *timezone*.
            quiet_to: their end, not included.
            actor_id: who acts, a Telegram id; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            NotPermitted: the actor is another person.
            InvalidValue: a value is outside what its column allows.
        """
        ...

    @query
    def settings(self, telegram_id: Id) -> list[NotificationSettings]:
        """Return a person's settings (``notifications.user_notification_settings``)."""
        ...

    @query
    def save_template(
        self, code: Code, language_code: Text, channel: Channel, body: Text, *, actor_id: Id | None = None
    ) -> NotificationTemplate:
        """Write the template of a code, language and channel (``notifications.save_template``).

        Args:
            body: ``{title}`` stands for the payload's value ``title``.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            ActorRequired: nobody is named who acts.
            InvalidValue: a brace stands for nothing, say.
        """
        ...

    @query
    def templates(self, code: Code) -> list[NotificationTemplate]:
        """Return the templates of a code (``notifications.notification_templates``)."""
        ...
