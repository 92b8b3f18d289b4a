"""Notifications as workers have left them, their log, and people's settings."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from .auth import zone
from .load import Load
from .world import World, one_of, rank

_STATUSES = ("sent",) * 88 + ("cancelled",) * 6 + ("dead",) * 3 + ("waiting",) * 2 + ("uncertain",)


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """One notification for two mentees; nothing that is to be sent is for a real account."""
    yield (
        Load(
            "notifications.notifications",
            (
                "id", "recipient_telegram_id", "template_code", "channel", "payload", "body", "dedupe_key", "status",
                "attempts", "next_attempt_at", "lease_token", "last_error", "sent_at", "created_at", "updated_at",
            ),
            lambda: _notifications(world),
            _number(world),
            without=("notifications_guard_insert", "notifications_wake_workers"),
        ),
        Load(
            "notifications.notification_logs",
            (
                "notification_id", "recipient_telegram_id", "channel", "from_status", "to_status", "attempt", "error",
                "db_login", "occurred_at",
            ),
            lambda: _logs(world),
        ),
        Load(
            "notifications.user_notification_settings",
            ("telegram_id", "channel", "is_enabled", "quiet_from", "quiet_to", "timezone", "created_at", "updated_at"),
            lambda: _settings(world),
        ),
    )  # fmt: skip


def _number(world: World) -> int:
    return len(world.mentees) // 2


def _fates(world: World) -> Iterator[tuple[int, int, str, int]]:
    """Every notification: number, recipient, status, hour at which it was queued."""
    draw = world.chance("notifications.notifications").random
    for number in range(1, _number(world) + 1):
        status = one_of(_STATUSES, draw())
        recipient = world.telegram(world.mentees[rank(len(world.mentees), draw())])
        yield number, recipient, status, world.now - 3 - (0 if status == "waiting" else int(draw() * 300 * 24))


def _notifications(world: World) -> Iterator[str]:
    null = r"\N"
    for number, recipient, status, hour in _fates(world):
        tried = status in ("sent", "dead", "uncertain")
        queued, then = world.at(hour), world.at(hour + 1)
        yield (
            f'{number}\t{recipient}\tpublication\ttelegram\t{{"title": "News {number}"}}\t'
            f"Your mentor has published something new: News {number}\tgenerated {number}\t{status}\t{int(tried)}\t"
            f"{world.at(world.now + 24) if status == 'waiting' else null}\t{UUID(int=number) if tried else null}\t"
            f"{'rejected' if status == 'dead' else null}\t{then if status == 'sent' else null}\t{queued}\t"
            f"{then if tried else queued}\n"
        )


def _logs(world: World) -> Iterator[str]:
    for number, recipient, status, hour in _fates(world):
        if status in ("sent", "dead", "uncertain"):
            error = "rejected" if status == "dead" else r"\N"
            yield (f"{number}\t{recipient}\ttelegram\tsending\t{status}\t1\t{error}\tgenerated\t{world.at(hour + 1)}\n")


def _settings(world: World) -> Iterator[str]:
    draw = world.chance("notifications.user_notification_settings").random
    came = world.at(0)
    for mentee in world.mentees[::10]:
        quiet = "22:00\t07:00" if draw() < 0.7 else "\\N\t\\N"
        wanted = "t" if draw() < 0.9 else "f"
        yield f"{world.telegram(mentee)}\ttelegram\t{wanted}\t{quiet}\t{zone(mentee)}\t{came}\t{came}\n"
