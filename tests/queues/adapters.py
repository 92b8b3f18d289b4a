"""What the suite has to know of each queue; a queue is covered by an adapter in `ADAPTERS`.

The statuses below are those of the pattern; an adapter says what its table calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from mentorbase import BotNotificationQueue, Channel, NotificationQueue, WebhookQueue
from mentorbase.worker import Queue
from psycopg import sql
from psycopg.rows import dict_row

BUFFERS = 200
"""What a claim of eight may touch, of any queue and in every case."""

STATUSES = ("pending", "waiting", "processing", "sending", "sent", "dead", "cancelled", "uncertain")

STEPS: set[tuple[str | None, str]] = {
    (None, "pending"), (None, "waiting"), (None, "cancelled"),
    ("pending", "processing"), ("pending", "cancelled"),
    ("waiting", "processing"), ("waiting", "cancelled"),
    ("processing", "sending"), ("processing", "waiting"), ("processing", "cancelled"),
    ("sending", "sent"), ("sending", "waiting"), ("sending", "dead"), ("sending", "cancelled"),
    ("sending", "uncertain"),
    ("uncertain", "sent"), ("uncertain", "waiting"), ("uncertain", "dead"), ("uncertain", "cancelled"),
    ("dead", "waiting"), ("dead", "cancelled"), ("cancelled", "waiting"),
}  # fmt: skip


@dataclass(frozen=True)
class Adapter:
    """One queue.

    Attributes:
        table: schema and name.
        transitions: schema and name of the table of allowed steps.
        queue: as a worker takes it.
        enqueue: queue an item about a key with the DAO, through `Database` or a transaction; returns its model.
        replay, replay_dead: of the DAO, given the services and an id, or at most so many.
        bulk: SQL that inserts ``%s`` items that are pending, without functions, as COPY would.
        called: its word for a status of the pattern, where it is another one; None where it has none.
        columns: its name for a column of the pattern, where it is another one.
        prepare: SQL that makes what its items refer to.
        rests: whether a limit (429) is one for all of its items.
        more_steps: steps that it allows beside those of the pattern.
        sent: what an UPDATE sets beside the status of what is sent.
    """

    name: str
    table: tuple[str, str]
    transitions: tuple[str, str]
    queue: Queue[Any]
    enqueue: Callable[[Any, str], Any]
    replay: Callable[[Any, int], Any]
    replay_dead: Callable[[Any, int], int]
    bulk: str
    claim: str
    recover: str
    replay_dead_sql: str
    called: dict[str, str | None] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    prepare: str = "SELECT 1"
    rests: bool = True
    more_steps: frozenset[tuple[str | None, str]] = frozenset()
    sent: str = "sent_at = now()"

    @property
    def begins(self) -> bool:
        """Whether an attempt is begun, of which nobody may know how it ended; else it is one transaction."""
        return not self.queue.transactional

    def word(self, status: str) -> str | None:
        """Its word for a status of the pattern."""
        return self.called.get(status, status)

    def steps(self) -> set[tuple[str | None, str]]:
        """The steps that it allows: those of the pattern between statuses that it has, and its own."""
        pattern = (
            STEPS if self.begins else {tuple("processing" if s == "sending" else s for s in step) for step in STEPS}
        )
        return {
            (here, there)
            for here, there in pattern
            if here != there and (here is None or self.word(here)) and self.word(there)
        } | self.more_steps

    def begin(self, db: Any, item: Any, lease: timedelta) -> Any:
        """The item, as a worker that acts on it has it."""
        return self.queue.begin_attempt(db, item, lease) if self.begins else item

    def error(self, item: Any) -> str | None:
        """Why the last attempt at an item did not succeed."""
        return getattr(item, self.columns.get("last_error", "last_error"))

    def identifier(self) -> sql.Identifier:
        return sql.Identifier(*self.table)

    def rows(self, admin: psycopg.Connection) -> list[dict[str, Any]]:
        """Every item, whole."""
        with admin.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY id").format(self.identifier())).fetchall()

    def row(self, admin: psycopg.Connection, item_id: int) -> dict[str, Any]:
        [found] = [row for row in self.rows(admin) if row["id"] == item_id]
        return found

    def count(self, admin: psycopg.Connection) -> dict[str, int]:
        """How many items stand where, in the words of the pattern."""
        back = {self.word(status): status for status in STATUSES if self.word(status)}
        found = admin.execute(
            sql.SQL("SELECT status::text, count(*) FROM {} GROUP BY 1").format(self.identifier())
        ).fetchall()
        return {back[status]: number for status, number in found}

    def expire(self, admin: psycopg.Connection) -> None:
        """Let every lease run out now."""
        admin.execute(
            sql.SQL("UPDATE {} SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL").format(
                self.identifier()
            )
        )

    def make_due(self, admin: psycopg.Connection) -> None:
        """Let everything that waits be due now."""
        admin.execute(
            sql.SQL("UPDATE {} SET next_attempt_at = now() WHERE status::text = %s").format(self.identifier()),
            [self.word("waiting")],
        )


NOTIFICATIONS = Adapter(
    name="notifications",
    table=("notifications", "notifications"),
    transitions=("notifications", "notification_transitions"),
    queue=NotificationQueue(Channel.TELEGRAM),
    enqueue=lambda db, key: db.notifications.enqueue(7, "publication", payload={"title": key}, dedupe_key=key),
    replay=lambda db, item_id: db.notifications.replay(item_id),
    replay_dead=lambda db, at_most: db.notifications.replay_dead(at_most=at_most),
    bulk="""
        INSERT INTO notifications.notifications (recipient_telegram_id, template_code, channel, body)
        SELECT 1 + mod(i, 1000), 'publication', 'telegram', 'News.' FROM generate_series(1, %s) AS i
    """,
    claim="SELECT id FROM notifications.claim('telegram', 8, '60 seconds', %s, %s, %s)",
    recover="SELECT checked_until FROM notifications.recover('telegram', %s)",
    replay_dead_sql="SELECT notifications.replay_dead('telegram', %s)",
)

BOT_NOTIFICATIONS = Adapter(
    name="getcourse.notifications",
    table=("getcourse", "notifications"),
    transitions=("getcourse", "notification_transitions"),
    queue=BotNotificationQueue(),
    enqueue=lambda db, key: db.getcourse.enqueue(7, "answer", key),
    replay=lambda db, item_id: db.getcourse.replay(item_id),
    replay_dead=lambda db, at_most: db.getcourse.replay_dead(at_most=at_most),
    prepare="""
        INSERT INTO getcourse.mentors (id, email, telegram_id)
        SELECT i, format('mentor%s@example.org', i), 1000 + i FROM generate_series(1, 1000) AS i
    """,
    bulk="""
        INSERT INTO getcourse.notifications (mentor_id, type, message, message_hash)
        SELECT 1 + mod(i, 1000), 'answer', 'News.' || i || clock_timestamp(), gen_random_uuid()
        FROM generate_series(1, %s) AS i
    """,
    claim="SELECT id FROM getcourse.claim(8, '60 seconds', %s, %s, %s)",
    recover="SELECT checked_until FROM getcourse.recover(%s)",
    replay_dead_sql="SELECT getcourse.replay_dead(%s)",
)

WEBHOOKS = Adapter(
    name="getcourse.webhook_events",
    table=("getcourse", "webhook_events"),
    transitions=("getcourse", "webhook_transitions"),
    queue=WebhookQueue(),
    enqueue=lambda db, key: db.getcourse.webhook(
        db.getcourse.receive_webhook(
            f'{{"event_date": "2025-12-20", "user_id": 7, "user_email": "a@example.org", "answer_id": "{key}"}}'
        ).event_id
    ),
    replay=lambda db, item_id: db.getcourse.replay_webhook(item_id),
    replay_dead=lambda db, at_most: db.getcourse.replay_dead_webhooks(at_most=at_most),
    bulk="""
        INSERT INTO getcourse.webhook_events (
            event_date, user_id, user_email, answer_id, raw_payload, dedupe_key
        )
        SELECT
            clock_timestamp(), mod(i, 1000), format('student%%s@example.org', mod(i, 1000)), i,
            jsonb_build_object('answer_id', i, 'user_id', mod(i, 1000), 'answer_status', 'new'), gen_random_uuid()
        FROM generate_series(1, %s) AS i
    """,
    claim="SELECT id FROM getcourse.claim_webhooks(8, '60 seconds', %s, %s, %s)",
    recover="SELECT checked_until FROM getcourse.recover_webhooks(%s)",
    replay_dead_sql="SELECT getcourse.replay_dead_webhooks(%s)",
    called={
        "pending": "received",
        "waiting": "retry",
        "sending": None,
        "sent": "processed",
        "cancelled": None,
        "uncertain": None,
    },
    columns={"last_error": "error_message"},
    rests=False,
    # processed is written by hand, as documented.
    more_steps=frozenset(
        {(None, "sent"), ("pending", "sent"), ("waiting", "sent"), ("dead", "sent"), ("sent", "waiting")}
    ),
    sent="processed = true, processed_at = now()",
)

ADAPTERS = {adapter.name: adapter for adapter in (NOTIFICATIONS, BOT_NOTIFICATIONS, WEBHOOKS)}


def each(*statuses: str) -> list[tuple[str, str]]:
    """Each queue with each of these statuses that it has."""
    return [(name, status) for name, adapter in ADAPTERS.items() for status in statuses if adapter.word(status)]
