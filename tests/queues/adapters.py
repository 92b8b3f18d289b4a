"""What the suite has to know of each queue; a queue is covered by an adapter in `ADAPTERS`.

The statuses below are those of the pattern; an adapter says what its table calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from mentorbase import Channel, NotificationQueue
from mentorbase.worker import Queue
from psycopg import sql
from psycopg.rows import dict_row

STATUSES = ("pending", "waiting", "processing", "sending", "sent", "dead", "cancelled", "uncertain")


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
    called: dict[str, str | None] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    def word(self, status: str) -> str | None:
        """Its word for a status of the pattern."""
        return self.called.get(status, status)

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
        back = {self.word(status): status for status in STATUSES}
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
)

ADAPTERS = {adapter.name: adapter for adapter in (NOTIFICATIONS,)}
