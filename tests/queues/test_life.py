"""What every queue promises, one item at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from mentorbase import Database, InvalidArgument, LeaseLost, NotFound, TransitionRefused
from mentorbase.worker import Outcome, Place, Report
from mentoring.lifecycle import refused
from mentoring.racing import at_once, behind
from psycopg import sql
from queues.adapters import ADAPTERS, STATUSES, Adapter, each

MINUTE = timedelta(minutes=1)


def claim(queue: Adapter, db: Database, at_most: int = 8, place: Place | None = None) -> list:
    return queue.queue.claim(db, at_most, MINUTE, place or Place())


def begin(queue: Adapter, db: Database):
    """The only item, claimed and begun."""
    [item] = claim(queue, db)
    return queue.begin(db, item, MINUTE)


def finish(queue: Adapter, db: Database, item, outcome: Outcome, **report: object):
    return queue.queue.finish(db, item, Report(outcome, **report))


def put(queue: Adapter, db: Database, admin: psycopg.Connection, status: str) -> int:
    """An item in this status, by legal steps."""
    item = queue.enqueue(db, status)
    if status in {"processing", "sending", "sent", "dead", "uncertain", "waiting"}:
        [item] = claim(queue, db)
    if status in {"sending", "sent", "dead", "uncertain", "waiting"}:
        item = queue.begin(db, item, MINUTE)
    outcomes = {
        "sent": Outcome.DONE,
        "dead": Outcome.REJECTED,
        "uncertain": Outcome.UNCERTAIN,
        "waiting": Outcome.FAILED,
    }
    if status in outcomes:
        finish(queue, db, item, outcomes[status])
    if status == "cancelled":
        admin.execute(sql.SQL("UPDATE {} SET status = 'cancelled' WHERE id = %s").format(queue.identifier()), [item.id])
    return item.id


def test_the_same_item_again_is_counted_and_stored_once(queue, db, admin):
    first = queue.enqueue(db, "a")
    assert queue.enqueue(db, "a").id == first.id
    assert queue.enqueue(db, "b").id != first.id
    assert [row["duplicates"] for row in queue.rows(admin)] == [1, 0]


def test_the_same_item_from_eight_at_once_is_stored_once(queue, db, admin):
    found = at_once([lambda: queue.enqueue(db, "a").id] * 8)
    assert len(set(found)) == 1
    [row] = queue.rows(admin)
    assert row["duplicates"] == 7


def test_an_item_goes_from_pending_to_sent(queue, db, admin):
    item_id = queue.enqueue(db, "a").id
    item = begin(queue, db)
    assert (item.id, item.attempts) == (item_id, 1)
    assert item.status == queue.word("sending" if queue.begins else "processing")
    assert finish(queue, db, item, Outcome.DONE).status == queue.word("sent")
    assert claim(queue, db) == []
    assert queue.count(admin) == {"sent": 1}


def test_items_are_claimed_in_order_and_by_one_only(queue, db):
    ids = [queue.enqueue(db, str(i)).id for i in range(5)]
    assert [item.id for item in claim(queue, db, 3)] == ids[:3]
    assert [item.id for item in claim(queue, db, 3)] == ids[3:]
    assert claim(queue, db, 3) == []


def test_what_another_one_is_claiming_is_passed_over_without_waiting(queue, db, admin):
    ids = [queue.enqueue(db, str(i)).id for i in range(2)]
    lock = sql.SQL("SELECT id FROM {} WHERE id = %s FOR UPDATE").format(queue.identifier()).as_string(admin)
    [found] = behind(admin, lock, [lambda: [item.id for item in claim(queue, db)]], [ids[0]])
    assert found == ids[1:]


def test_a_place_passes_over_what_was_claimed_before_it_and_not_what_waits(queue, db, admin):
    ids = [queue.enqueue(db, str(i)).id for i in range(4)]
    assert [item.id for item in claim(queue, db, 8, Place(after_id=ids[1]))] == ids[2:]
    queue.expire(admin)
    queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC))
    assert [item.id for item in claim(queue, db, 8, Place(after_id=ids[3]))] == ids[2:]


def test_a_lost_lease_before_the_attempt_gives_the_item_to_another(queue, db, admin):
    queue.enqueue(db, "a")
    [first] = claim(queue, db)
    assert queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC)).released == 0
    queue.expire(admin)
    assert queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC)).released == 1
    assert queue.count(admin) == {"waiting": 1}
    [second] = claim(queue, db)
    assert second.id == first.id
    assert second.lease_token != first.lease_token
    with refused(LeaseLost, "MB303"):
        finish(queue, db, first, Outcome.DONE)


def test_who_lost_the_lease_does_not_begin(sending_queue, db, admin):
    sending_queue.enqueue(db, "a")
    [first] = claim(sending_queue, db)
    sending_queue.expire(admin)
    sending_queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC))
    [second] = claim(sending_queue, db)
    assert sending_queue.queue.begin_attempt(db, first, MINUTE) is None
    assert sending_queue.queue.begin_attempt(db, second, MINUTE).attempts == 1


def test_a_lost_lease_during_the_attempt_leaves_the_item_uncertain_and_with_nobody(sending_queue, db, admin):
    sending_queue.enqueue(db, "a")
    begin(sending_queue, db)
    sending_queue.expire(admin)
    found = sending_queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC))
    assert (found.released, found.uncertain) == (0, 1)
    assert sending_queue.count(admin) == {"uncertain": 1}
    assert claim(sending_queue, db) == []


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.DONE, "sent"), (Outcome.FAILED, "waiting"), (Outcome.REJECTED, "dead")]
)
def test_its_own_worker_may_report_an_uncertain_item_late(sending_queue, db, admin, outcome, status):
    sending_queue.enqueue(db, "a")
    item = begin(sending_queue, db)
    sending_queue.expire(admin)
    sending_queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC))
    assert finish(sending_queue, db, item, outcome).status == sending_queue.word(status)


def test_done_may_be_reported_again_and_nothing_else(queue, db):
    queue.enqueue(db, "a")
    item = begin(queue, db)
    sent = finish(queue, db, item, Outcome.DONE)
    assert finish(queue, db, item, Outcome.DONE) == sent
    for outcome in (Outcome.FAILED, Outcome.REJECTED, Outcome.UNCERTAIN):
        with refused(LeaseLost, "MB303"):
            finish(queue, db, item, outcome)


def test_a_worker_that_was_replaced_reports_nothing(queue, db, admin):
    queue.enqueue(db, "a")
    [first] = claim(queue, db)
    queue.expire(admin)
    queue.queue.recover(db, datetime(1, 1, 1, tzinfo=UTC))
    item = begin(queue, db)
    with refused(LeaseLost, "MB303"):
        finish(queue, db, first, Outcome.DONE)
    assert finish(queue, db, item, Outcome.DONE).status == queue.word("sent")


def test_failures_back_off_exponentially_with_jitter_and_end_as_a_dead_letter(queue, db, admin):
    queue.enqueue(db, "a")
    waits = []
    while True:
        item = begin(queue, db)
        before = datetime.now(UTC)
        item = finish(queue, db, item, Outcome.FAILED, error="E1")
        if item.status == queue.word("dead"):
            break
        waits.append((item.next_attempt_at - before).total_seconds())
        assert claim(queue, db) == []
        queue.make_due(admin)
    assert item.attempts == 8
    assert queue.error(item) == "E1"
    assert len(waits) == 7
    for number, wait in enumerate(waits):
        assert 10 * 2**number / 2 - 1 <= wait <= 10 * 2**number + 5
    assert claim(queue, db) == []


def test_backoff_is_jittered_and_bounded(admin):
    waits = [
        wait.total_seconds()
        for (wait,) in admin.execute(
            "SELECT platform.backoff(n, '10 s', '1 h')"
            " FROM unnest(ARRAY[1, 3, 20, 2000000000]) AS n, generate_series(1, 50)"
        )
    ]
    assert len(set(waits)) > 150
    assert min(waits) >= 5
    assert max(waits) <= 3600


def test_a_failure_that_says_when_to_come_back_waits_at_least_so_long(queue, db):
    queue.enqueue(db, "a")
    item = finish(queue, db, begin(queue, db), Outcome.FAILED, retry_after=timedelta(hours=2))
    assert item.next_attempt_at - datetime.now(UTC) > timedelta(minutes=119)


def test_a_limit_rests_the_whole_channel_and_does_not_count(resting_queue, db, admin):
    for key in "abc":
        resting_queue.enqueue(db, key)
    first, second = claim(resting_queue, db, 2)
    first = resting_queue.queue.begin_attempt(db, first, MINUTE)
    limited = finish(resting_queue, db, first, Outcome.LIMITED, retry_after=timedelta(minutes=5))
    assert (limited.status, limited.attempts) == (resting_queue.word("waiting"), 0)
    assert claim(resting_queue, db) == []
    assert resting_queue.queue.begin_attempt(db, second, MINUTE) is None
    assert resting_queue.count(admin) == {"waiting": 2, "pending": 1}


def test_a_limit_says_for_how_long(queue, db):
    queue.enqueue(db, "a")
    item = begin(queue, db)
    with refused(InvalidArgument, "MB007"):
        finish(queue, db, item, Outcome.LIMITED)


@pytest.mark.parametrize(("queue", "status"), each("dead", "uncertain", "cancelled"), indirect=["queue"])
def test_what_is_closed_can_be_replayed_with_new_attempts(queue, db, admin, status):
    item_id = put(queue, db, admin, status)
    assert claim(queue, db) == []
    assert queue.replay(db, item_id).attempts == 0
    item = begin(queue, db)
    assert (item.id, item.attempts) == (item_id, 1)


@pytest.mark.parametrize(
    ("queue", "status"), each("pending", "waiting", "processing", "sending", "sent"), indirect=["queue"]
)
def test_what_is_open_or_sent_is_not_replayed(queue, db, admin, status):
    item_id = put(queue, db, admin, status)
    before = queue.rows(admin)
    with refused(TransitionRefused, "MB003"):
        queue.replay(db, item_id)
    assert queue.rows(admin) == before


def test_what_is_not_there_is_not_replayed(queue, db):
    with refused(NotFound, "MB004"):
        queue.replay(db, 99)


def test_all_dead_letters_are_replayed_and_nothing_else(queue, db, admin):
    for key in "abc":
        queue.enqueue(db, key)
    other, status = (Outcome.UNCERTAIN, "uncertain") if queue.begins else (Outcome.DONE, "sent")
    for item in claim(queue, db):
        finish(queue, db, queue.begin(db, item, MINUTE), other if item.id == 1 else Outcome.REJECTED)
    assert queue.replay_dead(db, 100) == 2
    assert queue.count(admin) == {status: 1, "waiting": 2}


def test_the_steps_are_those_of_the_pattern(queue, admin):
    words = {queue.word(status): status for status in STATUSES}
    found = admin.execute(
        sql.SQL("SELECT from_status::text, to_status::text FROM {}").format(sql.Identifier(*queue.transitions))
    ).fetchall()
    assert {(words[here] if here else None, words[there]) for here, there in found} == queue.steps()


@pytest.mark.parametrize(
    ("queue", "here", "there"),
    [
        (name, here, there)
        for name, here in each(*STATUSES)
        for there in STATUSES
        if here != there and ADAPTERS[name].word(there)
    ],
    indirect=["queue"],
)
def test_a_typed_update_takes_the_allowed_steps_only(queue, db, admin, here, there):
    item_id = put(queue, db, admin, here)
    extra = (
        ", lease_until = now(), lease_token = gen_random_uuid()"
        if there in {"processing", "sending"}
        else ", next_attempt_at = now()"
        if there == "waiting"
        else ""
    )
    update = sql.SQL("UPDATE {} SET status = %s" + extra + " WHERE id = %s").format(queue.identifier())
    if (here, there) in queue.steps():
        admin.execute(update, [queue.word(there), item_id])
        assert queue.row(admin, item_id)["status"] == queue.word(there)
    else:
        with refused(TransitionRefused, "MB003") as caught:
            admin.execute(update, [queue.word(there), item_id])
        assert "may go to" in caught.value.hint


def test_an_application_takes_steps_by_functions_only(queue, db, app):
    queue.enqueue(db, "a")
    for statement in ("UPDATE {} SET attempts = 0", "DELETE FROM {}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            app.execute(sql.SQL(statement).format(queue.identifier()))
        assert caught.value.sqlstate == "42501"
