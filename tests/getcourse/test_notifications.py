"""The outbox: once about the same, never to who left, and no spam after 403 and 429."""

from __future__ import annotations

import hashlib
import json

import pytest
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    BotNotificationQueue,
    EnqueuedForMentors,
    InvalidArgument,
    InvalidValue,
    ReferenceViolation,
    RetryAfter,
    Unreachable,
    Worker,
)
from mentoring.lifecycle import refused


@pytest.fixture
def mentors(db):
    """Two mentors with Telegram accounts 1001 and 1002, and one without."""
    with db.transaction(actor=SYSTEM) as tx:
        return [
            tx.getcourse.add_mentor(f"mentor{n}@example.org", telegram_id=1000 + n if n < 3 else None).id
            for n in (1, 2, 3)
        ]


def work(db, send) -> int:
    return Worker(db, BotNotificationQueue(), send).run_once()


def test_the_hash_is_made_by_the_database_whatever_is_given(db, admin, mentors):
    item = db.getcourse.enqueue(mentors[0], "answer", "Привет")
    expected = hashlib.sha256(json.dumps(["answer", "Привет", None], ensure_ascii=False).encode()).hexdigest()
    assert item.message_hash == expected
    admin.execute(
        "INSERT INTO getcourse.notifications (mentor_id, type, message, message_hash) VALUES (%s, 'a', 'b', 'c')",
        [mentors[0]],
    )
    assert admin.execute("SELECT length(message_hash) FROM getcourse.notifications WHERE type = 'a'").fetchall() == [
        (64,)
    ]


def test_a_repeat_about_another_webhook_or_mentor_passes_and_about_the_same_one_does_not(db, app, mentors):
    bodies = [
        json.dumps({"event_date": "2025-12-20", "user_id": 7, "user_email": "a@example.org", "answer_id": n})
        for n in (1, 2)
    ]
    events = [db.getcourse.receive_webhook(body).event_id for body in bodies]
    first = db.getcourse.enqueue(mentors[0], "answer", "An answer.", webhook_event_id=events[0])
    again = db.getcourse.enqueue(mentors[0], "answer", "An answer.", webhook_event_id=events[0])
    assert (again.id, again.duplicates) == (first.id, 1)
    others = [
        db.getcourse.enqueue(mentors[0], "answer", "An answer.", webhook_event_id=events[1]),
        db.getcourse.enqueue(mentors[0], "answer", "An answer."),
        db.getcourse.enqueue(mentors[0], "reminder", "An answer.", webhook_event_id=events[0]),
        db.getcourse.enqueue(mentors[1], "answer", "An answer.", webhook_event_id=events[0]),
    ]
    assert len({item.id for item in [first, *others]}) == 5
    with refused(AlreadyExists, "23505", constraint="notifications_message_hash_key"):
        app.execute(
            "INSERT INTO getcourse.notifications (mentor_id, type, message) VALUES (%s, 'answer', 'An answer.')",
            [mentors[0]],
        )
    with refused(ReferenceViolation, "23503", constraint="notifications_mentor_id_fkey"):
        db.getcourse.enqueue(99, "answer", "An answer.")


def test_many_are_queued_in_one_statement_as_each_would_be(db, admin, mentors):
    event = db.getcourse.receive_webhook(
        json.dumps({"event_date": "2025-12-20", "user_id": 7, "user_email": "a@example.org", "answer_id": 1})
    ).event_id
    there = db.getcourse.enqueue(mentors[0], "answer", "An answer.", webhook_event_id=event)
    admin.execute("INSERT INTO getcourse.unreachable_mentors (telegram_id) VALUES (1002)")
    done = db.getcourse.enqueue_many(
        [mentors[0], mentors[0], mentors[0], mentors[0], mentors[1], mentors[2]],
        ["answer", "answer", "answer", "reminder", "answer", "answer"],
        ["An answer.", "An answer.", "An answer.", "An answer.", "An answer.", "An answer."],
        webhook_event_ids=[event, None, None, event, event, event],
    )
    assert done == EnqueuedForMentors(queued=2, cancelled=2, duplicates=2)
    stored = admin.execute(
        "SELECT mentor_id, type, webhook_event_id, status::text, last_error, duplicates FROM getcourse.notifications"
        " ORDER BY mentor_id, webhook_event_id NULLS FIRST, type"
    ).fetchall()
    assert stored == [
        (mentors[0], "answer", None, "pending", None, 1),
        (mentors[0], "answer", event, "pending", None, 1),
        (mentors[0], "reminder", event, "pending", None, 0),
        (mentors[1], "answer", event, "cancelled", "unreachable", 0),
        (mentors[2], "answer", event, "cancelled", "no recipient", 0),
    ]
    assert db.getcourse.notification(there.id).duplicates == 1
    assert db.getcourse.enqueue_many([mentors[0]], ["answer"], ["News."]).queued == 1
    assert db.getcourse.enqueue_many([], [], []) == EnqueuedForMentors(queued=0, cancelled=0, duplicates=0)


def test_of_many_that_do_not_fit_together_or_are_wrong_none_is_queued(db, admin, mentors):
    for wrong in (
        ([mentors[0]], [], ["x"], None),
        ([mentors[0]], ["answer"], ["x", "y"], None),
        ([mentors[0]], ["answer"], ["x"], [None, None]),
    ):
        with refused(InvalidArgument, "MB007"):
            db.getcourse.enqueue_many(*wrong[:3], webhook_event_ids=wrong[3])
    with refused(ReferenceViolation, "23503", constraint="notifications_mentor_id_fkey"):
        db.getcourse.enqueue_many([mentors[0], 99], ["answer"] * 2, ["x"] * 2)
    with refused(InvalidValue, "23514", constraint="notifications_message_check"):
        db.getcourse.enqueue_many([mentors[0]] * 2, ["answer"] * 2, ["x", " "])
    assert admin.execute("SELECT count(*) FROM getcourse.notifications").fetchone() == (0,)


def test_it_goes_to_the_account_that_the_mentor_has_when_it_is_sent(db, mentors):
    item = db.getcourse.enqueue(mentors[0], "answer", "An answer.")
    db.getcourse.revise_mentor(mentors[0], "mentor1@example.org", telegram_id=1009, actor_id=1)
    sent = []

    def send(notification):
        sent.append((notification.recipient_telegram_id, notification.message))
        return 77

    assert work(db, send) == 1
    assert sent == [(1009, "An answer.")]
    done = db.getcourse.notification(item.id)
    assert (done.status, done.telegram_message_id, done.recipient_telegram_id) == ("sent", "77", 1009)


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_left_or_has_no_account_is_not_sent_anything(db, mentors, when):
    if when == "before":
        db.getcourse.close_mentor(mentors[0], actor_id=1)
    ids = [db.getcourse.enqueue(mentor, "answer", "An answer.").id for mentor in (mentors[0], mentors[2])]
    if when == "after":
        db.getcourse.close_mentor(mentors[0], actor_id=1)
    work(db, lambda item: pytest.fail("it was sent"))
    assert [(db.getcourse.notification(i).status, db.getcourse.notification(i).last_error) for i in ids] == [
        ("cancelled", "no recipient")
    ] * 2


def test_who_blocked_the_bot_is_marked_and_their_queue_cancelled(db, mentors, admin):
    blocked = [db.getcourse.enqueue(mentors[0], "answer", f"Answer {n}.").id for n in range(3)]
    other = db.getcourse.enqueue(mentors[1], "answer", "An answer.")
    asked = []

    def send(item):
        asked.append(item.recipient_telegram_id)
        if item.recipient_telegram_id == 1001:
            raise Unreachable("403")

    work(db, send)
    assert asked == [1001, 1002]
    assert [db.getcourse.notification(i).status for i in blocked] == ["cancelled"] * 3
    assert db.getcourse.notification(other.id).status == "sent"
    assert db.getcourse.enqueue(mentors[0], "answer", "Another.").last_error == "unreachable"
    # Another account is reached; and so is this one, once the bot is started again.
    db.getcourse.revise_mentor(mentors[0], "mentor1@example.org", telegram_id=1008, actor_id=1)
    assert db.getcourse.enqueue(mentors[0], "answer", "To another account.").status == "pending"
    assert db.getcourse.mark_reachable(1001) is True
    assert db.getcourse.mark_reachable(1001) is False


def test_too_many_requests_rest_the_whole_bot(db, mentors):
    for mentor in mentors[:2]:
        db.getcourse.enqueue(mentor, "answer", "An answer.")
    asked = []

    def send(item):
        asked.append(item.id)
        raise RetryAfter(600)

    work(db, send)
    assert len(asked) == 1
    assert work(db, send) == 0
    [state] = [state for state in db.getcourse.queues() if state.queue == "notifications"]
    assert (state.backlog, state.in_work, state.dead) == (2, 0, 0)


def test_a_crash_between_sending_and_recording_is_uncertain_and_on_the_list(db, mentors):
    item = db.getcourse.enqueue(mentors[0], "answer", "An answer.")

    def send(_):
        raise OSError

    work(db, send)
    [stuck] = db.getcourse.stuck()
    assert (stuck.id, stuck.status, stuck.last_error) == (item.id, "uncertain", "OSError")
    assert work(db, send) == 0
    [state] = [state for state in db.getcourse.queues() if state.queue == "notifications"]
    assert (state.backlog, state.uncertain) == (0, 1)


def test_a_deleted_webhook_leaves_its_notifications(db, admin, mentors):
    event_id = db.getcourse.receive_webhook(
        '{"event_date": "2025-12-20", "user_id": 7, "user_email": "a@example.org", "answer_id": 1}'
    ).event_id
    item = db.getcourse.enqueue(mentors[0], "answer", "An answer.", webhook_event_id=event_id)
    admin.execute("DELETE FROM getcourse.webhook_events")
    assert db.getcourse.notification(item.id).webhook_event_id is None
