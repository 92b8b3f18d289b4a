"""The inbox: nothing is lost, nothing is stored twice, nothing that comes is an error."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    AsyncDatabase,
    AsyncWorker,
    InvalidArgument,
    LeaseLost,
    NotFound,
    Outcome,
    QuarantineReason,
    ReadOnly,
    Rejected,
    RetryAfter,
    TransitionRefused,
    Unreachable,
    WebhookQueue,
    Worker,
)
from mentoring.lifecycle import refused
from mentoring.racing import at_once
from psycopg.rows import dict_row

MINUTE = timedelta(minutes=1)
EVENT: dict[str, Any] = {
    "event_date": "2025-12-20T10:00:00+03:00",
    "user_id": "77",
    "user_email": "boris@example.org",
    "answer_id": "1",
    "answer_training_id": "training-001",
    "answer_lesson_id": "lesson-1",
    "answer_status": "new",
    "answer_text": "Two and two are four.",
}
RAW = """
    INSERT INTO getcourse.webhook_events (event_date, user_id, user_email, answer_id, answer_status, raw_payload)
    VALUES (%s, %s, 'boris@example.org', %s, 'new', %s)
"""


def body(**changes: Any) -> str:
    return json.dumps(EVENT | changes)


def rows(admin: psycopg.Connection, table: str = "webhook_events") -> list[dict[str, Any]]:
    with admin.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM getcourse.{table} ORDER BY id").fetchall()


def test_a_webhook_is_taken_with_whatever_other_keys_it_has(db, admin):
    receipt = db.getcourse.receive_webhook(body(extra={"nested": [1]}, user_id=77))
    event = db.getcourse.webhook(receipt.event_id)
    assert event.event_date == datetime(2025, 12, 20, 7, tzinfo=UTC)
    assert (event.user_id, event.user_email, event.answer_text) == ("77", EVENT["user_email"], EVENT["answer_text"])
    assert event.raw_payload["extra"] == {"nested": [1]}
    assert (event.status, event.processed, event.source) == ("received", False, "getcourse")
    found = admin.execute(
        'SELECT id FROM getcourse.webhook_events WHERE raw_payload @> \'{"extra": {"nested": [1]}}\''
    ).fetchall()
    assert found == [(event.id,)]
    assert db.getcourse.webhooks_of("boris@example.org") == [event]


def test_the_same_is_counted_and_another_status_or_source_is_another_event(db, admin):
    first = db.getcourse.receive_webhook(body())
    again = db.getcourse.receive_webhook(body(event_date="2025-12-20 07:00:00Z", answer_text="Another text."))
    assert (again.event_id, again.is_duplicate, first.is_duplicate) == (first.event_id, True, False)
    for other in (body(answer_status="accepted"), body(answer_status=None), body(event_date="2025-12-20 07:00:01")):
        assert not db.getcourse.receive_webhook(other).is_duplicate
    assert not db.getcourse.receive_webhook(body(), source="test").is_duplicate
    assert [row["duplicates"] for row in rows(admin)] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("no JSON", "not_json", None),
        ("", "not_json", None),
        ('{"user_id": "\\u0000"}', "not_json", None),
        ('{"user_id": "\0"}', "not_json", None),
        ("\ud800", "not_json", None),
        ("[" * 50_000, "not_json", None),
        ("[1]", "not_object", None),
        ("null", "not_object", None),
        (body(event_date=None), "missing_key", "key=event_date"),
        (body(event_date=" "), "missing_key", "key=event_date"),
        (body(user_id=""), "missing_key", "key=user_id"),
        (body(user_email=" "), "missing_key", "key=user_email"),
        (body(answer_id=None), "missing_key", "key=answer_id"),
        (body(event_date="now"), "bad_value", "key=event_date"),
        (body(event_date="infinity"), "bad_value", "key=event_date"),
        (body(event_date="2025-02-30"), "bad_value", "key=event_date"),
        (body(user_id="7" * 51), "bad_value", "key=user_id"),
        (body(user_email="a" * 256), "bad_value", "key=user_email"),
        (body(answer_lesson_id={"id": 1}), "bad_value", "key=answer_lesson_id"),
        (body(answer_text="x" * 1048576), "too_large", None),
    ],
)
def test_what_is_malformed_goes_to_quarantine_with_its_text(db, admin, text, reason, detail):
    receipt = db.getcourse.receive_webhook(text)
    assert (receipt.event_id, receipt.reason) == (None, QuarantineReason(reason))
    assert receipt.detail == detail or reason == "too_large"
    assert db.getcourse.receive_webhook(text).quarantine_id == receipt.quarantine_id
    assert rows(admin) == []
    [kept] = db.getcourse.quarantined()
    assert kept.raw_text == text.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode()
    assert (kept.id, kept.reason, kept.duplicates) == (receipt.quarantine_id, receipt.reason, 1)


def test_what_was_too_large_is_taken_once_the_setting_allows_it(db, admin):
    receipt = db.getcourse.receive_webhook(body(answer_text="x" * 1048576))
    assert db.getcourse.retry_quarantined(receipt.quarantine_id) == receipt
    admin.execute("UPDATE getcourse.settings SET value = 2000000 WHERE name = 'max_payload'")
    assert db.getcourse.retry_quarantined(receipt.quarantine_id).event_id is not None
    assert (db.getcourse.quarantined(), len(rows(admin))) == ([], 1)
    with refused(NotFound, "MB004"):
        db.getcourse.retry_quarantined(receipt.quarantine_id)


def test_many_are_taken_at_once_and_all_are_told_of(db, admin):
    bodies = [body(answer_id=str(number % 40)) for number in range(50)] + ["no JSON"] * 3
    taken = db.getcourse.receive_webhooks(bodies)
    assert (taken.received, taken.duplicates, taken.quarantined) == (40, 10, 3)
    assert sum(row["duplicates"] for row in rows(admin)) == 10


def test_copy_fills_the_staging_table_and_ingest_empties_it(db, app, admin):
    with app.cursor().copy("COPY getcourse.webhook_staging (body) FROM STDIN") as copy:
        for number in range(500):
            copy.write_row([body(answer_id=str(number % 400))])
        copy.write_row(["no JSON"])
    totals = [db.getcourse.ingest_staged(at_most=300) for _ in range(3)]
    assert [t.received + t.duplicates + t.quarantined for t in totals] == [300, 201, 0]
    assert (sum(t.received for t in totals), sum(t.quarantined for t in totals)) == (400, 1)
    assert rows(admin, "webhook_staging") == []
    assert len(rows(admin)) == 400


def test_a_plain_insert_is_counted_where_it_comes_again_and_is_no_error(app, admin):
    for _ in range(3):
        app.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", "{}"])
    [row] = rows(admin)
    assert (row["duplicates"], row["status"]) == (2, "received")
    assert app.execute(RAW + " RETURNING id", ["2025-12-20 07:00:00+00", "77", "2", "{}"]).fetchone()


def test_a_plain_insert_of_what_is_malformed_goes_to_quarantine(db, app, admin):
    app.execute(RAW, ["2025-12-20 07:00:00+00", None, "1", '{"more": 1}'])
    app.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", "[1]"])
    app.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", json.dumps({"x": "x" * 1048576})])
    assert rows(admin) == []
    kept = db.getcourse.quarantined()
    assert [q.reason for q in kept] == ["missing_key", "not_object", "too_large"]
    assert json.loads(kept[0].raw_text) | {"answer_id": "1", "more": 1} == json.loads(kept[0].raw_text)


def test_the_same_plain_insert_from_eight_at_once_is_stored_once(dsn, admin):
    def insert() -> None:
        with psycopg.connect(dsn) as conn:
            conn.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", "{}"])

    assert at_once([insert] * 8) == [None] * 8
    [row] = rows(admin)
    assert row["duplicates"] == 7


def test_one_that_was_rolled_back_is_not_known(dsn, admin):
    with psycopg.connect(dsn) as conn:
        conn.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", "{}"])
        conn.rollback()
        conn.execute(RAW, ["2025-12-20 07:00:00+00", "77", "1", "{}"])
    assert [row["duplicates"] for row in rows(admin)] == [0]


def test_processed_is_read_and_written_as_documented_and_agrees_with_the_status(db, app, admin):
    db.getcourse.receive_webhook(body())
    app.execute("UPDATE getcourse.webhook_events SET processed = TRUE, processed_at = '2025-12-21 00:00+00'")
    [row] = rows(admin)
    assert (row["status"], row["processed"]) == ("processed", True)
    assert row["processed_at"] == datetime(2025, 12, 21, tzinfo=UTC)
    assert db.getcourse.claim_webhooks() == []
    app.execute("UPDATE getcourse.webhook_events SET processed = FALSE")
    [row] = rows(admin)
    assert (row["status"], row["processed"], row["processed_at"], row["attempts"]) == ("retry", False, None, 0)
    [item] = db.getcourse.claim_webhooks()
    app.execute("UPDATE getcourse.webhook_events SET processed = TRUE, error_message = NULL")
    assert db.getcourse.finish_webhook(item.id, item.lease_token, Outcome.DONE).processed
    admin.execute(RAW.replace("event_date,", "processed, event_date,").replace("(%s,", "(TRUE, %s,", 1),
                  ["2025-12-20", "7", "9", "{}"])  # fmt: skip
    assert rows(admin)[1]["status"] == "processed"


def test_what_a_webhook_said_does_not_change(db, admin):
    db.getcourse.receive_webhook(body())
    with refused(ReadOnly, "MB006"):
        admin.execute("UPDATE getcourse.webhook_events SET answer_text = 'Five.'")
    with refused(TransitionRefused, "MB003"):
        admin.execute(RAW.replace("event_date,", "status, event_date,").replace("(%s,", "('dead', %s,", 1),
                      ["2025-12-20", "7", "9", "{}"])  # fmt: skip


def test_a_webhook_that_kills_its_workers_is_dead_in_the_end(db, admin):
    db.getcourse.receive_webhook(body())
    recovered = []
    for _ in range(8):
        assert len(db.getcourse.claim_webhooks()) == 1
        admin.execute("UPDATE getcourse.webhook_events SET lease_until = now() - interval '1 second'")
        recovered.append(db.getcourse.recover_webhooks())
    assert [(r.released, r.dead) for r in recovered] == [(1, 0)] * 7 + [(0, 1)]
    [dead] = db.getcourse.stuck_webhooks()
    assert (dead.status, dead.attempts, dead.error_message) == ("dead", 8, "lease ran out")


def test_a_limit_does_not_count_as_an_attempt(db):
    db.getcourse.receive_webhook(body())
    [item] = db.getcourse.claim_webhooks()
    item = db.getcourse.finish_webhook(item.id, item.lease_token, Outcome.LIMITED, retry_after=MINUTE)
    assert (item.status, item.attempts, item.error_message) == ("retry", 0, "limited")


@pytest.mark.parametrize("outcome", [Outcome.UNCERTAIN, Outcome.UNREACHABLE])
def test_nothing_about_a_webhook_is_uncertain_or_unreachable(db, outcome):
    db.getcourse.receive_webhook(body())
    [item] = db.getcourse.claim_webhooks()
    with refused(InvalidArgument, "MB007"):
        db.getcourse.finish_webhook(item.id, item.lease_token, outcome)


# -- One transaction


def mentor(db) -> int:
    with db.transaction(actor=SYSTEM) as tx:
        return tx.getcourse.add_mentor("anna@example.org", telegram_id=7).id


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (None, "processed", None),
        (ValueError("secret"), "retry", "ValueError"),
        (Rejected("no"), "dead", "no"),
        (RetryAfter(60), "retry", "429"),
        (Unreachable("gone"), "dead", "gone"),
    ],
)
def test_what_a_worker_does_is_committed_with_its_report_or_not_at_all(db, admin, error, status, message):
    mentor_id = mentor(db)
    event_id = db.getcourse.receive_webhook(body()).event_id

    def handle(event, tx):
        tx.getcourse.enqueue(mentor_id, "answer", "An answer.", webhook_event_id=event.id)
        if error:
            raise error

    assert Worker(db, WebhookQueue(), handle).run_once() == 1
    event = db.getcourse.webhook(event_id)
    assert (event.status, event.error_message) == (status, message)
    assert len(db.getcourse.notifications_about(event_id)) == (error is None)


def test_who_took_too_long_undoes_what_they_did(db, admin):
    mentor_id = mentor(db)
    db.getcourse.receive_webhook(body())

    def handle(event, tx):
        tx.getcourse.enqueue(mentor_id, "answer", "An answer.")
        admin.execute("UPDATE getcourse.webhook_events SET lease_until = now() - interval '1 second'")
        assert db.getcourse.recover_webhooks().released == 1

    Worker(db, WebhookQueue(), handle).run_once()
    assert rows(admin, "notifications") == []
    [item] = db.getcourse.claim_webhooks()
    assert (item.attempts, item.error_message) == (2, "lease ran out")
    with refused(LeaseLost, "MB303"):
        db.getcourse.finish_webhook(item.id, UUID(int=0), Outcome.DONE)


def test_an_asynchronous_worker_does_the_same(dsn, db):
    mentor_id = mentor(db)
    ids = [db.getcourse.receive_webhook(body(answer_id=str(n))).event_id for n in range(2)]

    async def scenario():
        async with AsyncDatabase.connect(dsn) as database:

            async def handle(event, tx):
                await tx.getcourse.enqueue(mentor_id, "answer", "An answer.", webhook_event_id=event.id)
                if event.id == ids[1]:
                    raise ValueError

            await AsyncWorker(database, WebhookQueue(), handle).run_once()

    asyncio.run(scenario())
    assert [db.getcourse.webhook(i).status for i in ids] == ["processed", "retry"]
    assert [len(db.getcourse.notifications_about(i)) for i in ids] == [1, 0]


def test_many_webhooks_are_reported_done_in_one_call(db, admin):
    for n in range(5):
        db.getcourse.receive_webhook(body(answer_id=str(n)))
    items = db.getcourse.claim_webhooks(at_most=4)
    ids, token = [item.id for item in items], items[0].lease_token
    assert db.getcourse.finish_webhooks(ids[:2], token) == 2
    # Reported again, because the answer was lost, with two that are new.
    assert db.getcourse.finish_webhooks(ids, token) == 2
    assert db.getcourse.finish_webhooks(ids, token) == 0
    assert [row["status"] for row in rows(admin)] == ["processed"] * 4 + ["received"]
    assert [row["lease_until"] for row in rows(admin)] == [None] * 5


def test_of_many_webhooks_none_is_reported_if_one_is_lost(db, admin):
    for n in range(3):
        db.getcourse.receive_webhook(body(answer_id=str(n)))
    items = db.getcourse.claim_webhooks(at_most=2)
    ids, token = [item.id for item in items], items[0].lease_token
    other = db.getcourse.claim_webhooks(at_most=1)[0]
    for given, shown, missing in (
        ([*ids, other.id], token, other.id),
        (ids, other.lease_token, ids[0]),
        ([*ids, 99], token, 99),
    ):
        with refused(LeaseLost, "MB303") as caught:
            db.getcourse.finish_webhooks(given, shown)
        assert caught.value.values == {"event_id": str(missing)}
    db.getcourse.finish_webhook(ids[1], token, Outcome.REJECTED)
    with refused(LeaseLost, "MB303"):
        db.getcourse.finish_webhooks(ids, token)
    assert [row["status"] for row in rows(admin)] == ["processing", "dead", "processing"]


def test_a_webhook_has_no_attempt_to_begin_and_that_is_said(db):
    with pytest.raises(NotImplementedError, match="in the transaction that calls finish_webhook"):
        WebhookQueue().begin_attempt(db, db.getcourse.claim_webhooks(), MINUTE)
