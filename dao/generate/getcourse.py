"""The bot: who mentors whom in which training, and the queues as its workers have left them.

One webhook for forty bookings, of the last 300 days. No mapping has changed since: each found the mentor of today.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from .load import Load
from .world import WEEK, World

TRAININGS: Final = 10
LESSONS: Final = 8
"""Lessons of each training."""

_NULL: Final = r"\N"
_OPEN: Final = "9999-12-31 00:00:00+00"
_DAYS: Final = 300
"""Days in which the webhooks came."""
_UNREACHABLE: Final = 20 * 24
"""Hours since one of the mentors has blocked the bot."""
_LOGS: Final = 20


@dataclass(frozen=True, slots=True)
class Mapping:
    """A student in a training; `mentors` one after the other, and `since` when, as hours."""

    id: int
    student: int
    training: int
    mentors: tuple[int, ...]
    since: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Webhook:
    """One webhook, and when it came, as an hour."""

    id: int
    mapping: Mapping
    lesson: int
    hour: int
    status: str


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """A tenth of the mentors, some of the mentees; their identities follow by themselves."""
    plan = mappings(world)
    period = ("valid_from", "valid_to", "created_at", "updated_at")
    yield (
        Load(
            "getcourse.mentors",
            ("id", "email", "first_name", "last_name", "telegram_id", *period),
            lambda: _mentors(world),
        ),
        Load(
            "getcourse.students",
            ("id", "getcourse_user_id", "email", "first_name", "last_name", *period),
            lambda: _students(world),
            len(_learners(world)),
        ),
        Load("getcourse.trainings", ("training_id", "title", *period), lambda: _trainings(world), TRAININGS + 2),
        Load(
            "getcourse.lessons",
            ("lesson_id", "training_id", "title", "position", *period),
            lambda: _lessons(world),
            TRAININGS * LESSONS,
        ),
        Load(
            "getcourse.mapping",
            ("id", "student_id", "mentor_id", "training_id", *period),
            lambda: _mapping(world, plan),
            sum(len(mapping.mentors) for mapping in plan),
        ),
    )
    yield (
        # The keys come with the webhooks, some of which are dead.
        Load(
            "getcourse.webhook_keys",
            ("source", "dedupe_key", "event_id"),
            lambda: _keys(world, plan),
            _number(world),
        ),
        Load(
            "getcourse.webhook_events",
            (
                "id", "event_date", "user_id", "user_email", "answer_id", "answer_training_id", "answer_lesson_id",
                "answer_status", "raw_payload", "dedupe_key", "status", "processed", "processed_at", "attempts",
                "next_attempt_at", "lease_token", "error_message", "created_at", "updated_at",
            ),
            lambda: _webhook_rows(world, plan),
            _number(world),
            without=("webhook_events_take",),
        ),
        Load(
            "getcourse.webhook_quarantine",
            ("source", "reason", "detail", "raw_text", "raw_hash", "created_at", "updated_at"),
            lambda: _quarantine(world),
            2,
        ),
        Load(
            "getcourse.unreachable_mentors",
            ("telegram_id", "created_at"),
            lambda: iter([f"{world.telegram(_mentor_ids(world)[-1])}\t{world.at(world.now - _UNREACHABLE)}\n"]),
            1,
        ),
        Load(
            "getcourse.notifications",
            (
                "mentor_id", "type", "message", "webhook_event_id", "message_hash", "status", "attempts",
                "next_attempt_at", "lease_token", "last_error", "recipient_telegram_id", "telegram_message_id",
                "sent_at", "created_at", "updated_at",
            ),
            lambda: _notifications(world, plan),
            without=("notifications_hash_message",),
        ),
        Load(
            "getcourse.application_logs",
            ("level", "logger", "message", "context", "created_at"),
            lambda: _application_logs(world),
            _LOGS,
        ),
        Load(
            "getcourse.error_logs",
            ("error_type", "message", "context", "created_at"),
            lambda: _error_logs(world),
            _LOGS // 4,
        ),
    )  # fmt: skip


def finish(conn: psycopg.Connection[Any]) -> None:
    """Give logs their months."""
    conn.execute(
        "SELECT platform.make_months('getcourse', name) FROM unnest(ARRAY['application_logs', 'error_logs']) name"
    )


def mappings(world: World) -> list[Mapping]:
    """Plan who is in which training: everybody in one, every third student in another; some have changed mentors."""
    draw = world.chance("getcourse.mapping").random
    mentors = _mentor_ids(world)
    plan: list[Mapping] = []
    for student in range(1, len(_learners(world)) + 1):
        for training in (student % TRAININGS, (student + 3) % TRAININGS)[: 1 + (student % 3 == 0)]:
            number = len(plan) + 1
            first = int(draw() * len(mentors))
            versions = 1 + number % 3
            plan.append(
                Mapping(
                    number,
                    student,
                    training + 1,
                    tuple(mentors[(first + version) % len(mentors)] for version in range(versions)),
                    tuple(int((20 + 60 * version + 40 * draw()) * WEEK) for version in range(versions)),
                )
            )
    return plan


def _mentor_ids(world: World) -> range:
    """Return the mentors of the bot, whose ids there are those of the people."""
    return world.mentors[: max(3, len(world.mentors) // 10)]


def _learners(world: World) -> range:
    return world.mentees[: max(10, len(world.mentees) // 20)]


def _number(world: World) -> int:
    return max(60, world.size.bookings // 40)


def _period(world: World, since: int, until: int | None = None) -> str:
    begins, ends = world.at(since), _OPEN if until is None else world.at(until)
    return f"{begins}\t{ends}\t{begins}\t{begins if until is None else ends}\n"


def _mentors(world: World) -> Iterator[str]:
    """Every third was known before the bot knew their account."""
    for mentor in _mentor_ids(world):
        who = f"{mentor}\tmentor{mentor}@example.org\tMentor\t{mentor}"
        known = 0
        if mentor % 3 == 0:
            known = 10 * WEEK
            yield f"{who}\t{_NULL}\t{_period(world, 0, known)}"
        yield f"{who}\t{world.telegram(mentor)}\t{_period(world, known)}"


def _students(world: World) -> Iterator[str]:
    for student in range(1, len(_learners(world)) + 1):
        yield f"{student}\tuser{student}\tstudent{student}@example.org\tStudent\t{student}\t{_period(world, 0)}"


def _trainings(world: World) -> Iterator[str]:
    """The first two had another title."""
    for training in range(1, TRAININGS + 1):
        named = 0
        if training <= 2:
            named = 15 * WEEK
            yield f"training{training}\tCourse {training}\t{_period(world, 0, named)}"
        yield f"training{training}\tTraining {training}\t{_period(world, named)}"


def _lessons(world: World) -> Iterator[str]:
    for training in range(1, TRAININGS + 1):
        for lesson in range(1, LESSONS + 1):
            yield (
                f"lesson{training}_{lesson}\ttraining{training}\tLesson {lesson} of training {training}\t{lesson}\t"
                f"{_period(world, 0)}"
            )


def _mapping(world: World, plan: list[Mapping]) -> Iterator[str]:
    for mapping in plan:
        until = (*mapping.since[1:], None)
        for mentor, begins, ends in zip(mapping.mentors, mapping.since, until, strict=True):
            pair = f"{mapping.id}\t{mapping.student}\t{mentor}\ttraining{mapping.training}"
            yield f"{pair}\t{_period(world, begins, ends)}"


def _webhooks(world: World, plan: list[Mapping]) -> Iterator[_Webhook]:
    """Every webhook in the order of coming: the last ones wait, and a few are dead."""
    draw = world.chance("getcourse.webhook_events").random
    number = _number(world)
    for event in range(1, number + 1):
        left = number - event
        status = "received" if left < 3 else "retry" if left < 5 else "dead" if event % 40 == 7 else "processed"
        hour = world.now - 2 - left * _DAYS * 24 // number
        yield _Webhook(event, plan[int(draw() * len(plan))], 1 + int(draw() * LESSONS), hour, status)


def _dedupe_key(world: World, event: _Webhook) -> str:
    came = datetime.fromisoformat(world.at(event.hour)).timestamp()
    return f'["answer{event.id}", "new", {came:.6f}]'


def _keys(world: World, plan: list[Mapping]) -> Iterator[str]:
    for event in _webhooks(world, plan):
        yield f"getcourse\t{_dedupe_key(world, event)}\t{event.id}\n"


def _webhook_rows(world: World, plan: list[Mapping]) -> Iterator[str]:
    attempts = {"received": 0, "retry": 1, "dead": 8, "processed": 1}
    for event in _webhooks(world, plan):
        done, failed = event.status == "processed", event.status in ("retry", "dead")
        student, training = event.mapping.student, event.mapping.training
        came, then = world.at(event.hour), world.at(event.hour + 1)
        yield (
            f"{event.id}\t{came}\tuser{student}\tstudent{student}@example.org\tanswer{event.id}\ttraining{training}\t"
            f'lesson{training}_{event.lesson}\tnew\t{{"answer_id": "answer{event.id}"}}\t{_dedupe_key(world, event)}\t'
            f"{event.status}\t{'t' if done else 'f'}\t{then if done else _NULL}\t{attempts[event.status]}\t"
            f"{world.at(world.now + 24) if event.status == 'retry' else _NULL}\t"
            f"{_NULL if event.status == 'received' else UUID(int=event.id)}\t"
            f"{'the bot was down' if failed else _NULL}\t{came}\t{came if event.status == 'received' else then}\n"
        )


def _quarantine(world: World) -> Iterator[str]:
    came = world.at(world.now - 30 * 24)
    faults = (("not_json", _NULL, "answer_id=1"), ("missing_key", "key=user_id", '{"answer_id": "answer1"}'))
    for reason, detail, text in faults:
        hashed = hashlib.sha256(text.encode()).hexdigest()
        yield f"getcourse\t{reason}\t{detail}\t{text}\t\\\\x{hashed}\t{came}\t{came}\n"


def _fate(world: World, event: _Webhook) -> str:
    """Return the status of the notification about a webhook that was processed."""
    if event.mapping.mentors[-1] == _mentor_ids(world)[-1] and event.hour >= world.now - _UNREACHABLE - 1:
        return "cancelled"
    if event.id > _number(world) - 15:
        return ("pending", "waiting", "sent")[event.id % 3]
    return {5: "dead", 9: "uncertain"}.get(event.id % 30, "sent")


def _notifications(world: World, plan: list[Mapping]) -> Iterator[str]:
    for event in _webhooks(world, plan):
        if event.status != "processed":
            continue
        status, mapping = _fate(world, event), event.mapping
        mentor = mapping.mentors[-1]
        message = f"Student {mapping.student} has answered lesson {event.lesson} of training {mapping.training}"
        hashed = hashlib.sha256(json.dumps(["answer", message, event.id]).encode()).hexdigest()
        tried = status in ("sent", "dead", "uncertain", "waiting")
        queued = world.at(event.hour + 1)
        then = world.at(event.hour + 2) if tried else queued
        yield (
            f"{mentor}\tanswer\t{message}\t{event.id}\t{hashed}\t{status}\t{8 if status == 'dead' else int(tried)}\t"
            f"{world.at(world.now + 24) if status == 'waiting' else _NULL}\t{UUID(int=event.id) if tried else _NULL}\t"
            f"{'failed' if status in ('dead', 'waiting') else _NULL}\t"
            f"{world.telegram(mentor) if tried else _NULL}\t{event.id if status == 'sent' else _NULL}\t"
            f"{then if status == 'sent' else _NULL}\t{queued}\t{then}\n"
        )


def _application_logs(world: World) -> Iterator[str]:
    for number in range(_LOGS):
        level, said = ("warning", "the queue was slow") if number % 7 == 3 else ("info", "reference data was read")
        yield f'{level}\tbot.worker\t{said}\t{{"run": {number + 1}}}\t{world.at(world.now - 24 * (_LOGS - number))}\n'


def _error_logs(world: World) -> Iterator[str]:
    for number in range(_LOGS // 4):
        yield f"TimeoutError\tno answer from Telegram\t{{}}\t{world.at(world.now - 24 * (_LOGS - 4 * number))}\n"
