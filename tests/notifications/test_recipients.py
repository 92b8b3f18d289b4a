"""Who is told of publications, who cannot be reached, and what is kept of it all."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from mentorbase import (
    Channel,
    LeaseLost,
    NotificationStatus,
    Outcome,
    PublicationKind,
    ReadOnly,
    TemplateMissing,
)
from mentoring.lifecycle import STATUSES, put, refused
from mentoring.racing import at_once

QUIZ, COURSE, _ = PublicationKind
S = NotificationStatus


def enqueue(db, recipient=7, key=None, **given):
    return db.notifications.enqueue(recipient, "publication", payload={"title": "x"}, dedupe_key=key, **given)


def sending(db, at_most=1):
    return [
        db.notifications.begin_attempt(item.id, item.lease_token) for item in db.notifications.claim(at_most=at_most)
    ]


def statuses(admin):
    return admin.execute(
        "SELECT recipient_telegram_id, status::text FROM notifications.notifications ORDER BY id"
    ).fetchall()


# -- Unreachable


def test_who_cannot_be_reached_gets_nothing_more_on_this_channel(db, admin):
    for n in range(3):
        enqueue(db, 7, str(n))
    enqueue(db, 8)
    [item] = sending(db)
    done = db.notifications.finish(item.id, item.lease_token, Outcome.UNREACHABLE, error="403 blocked")
    assert (done.status, done.last_error) == (S.CANCELLED, "unreachable")
    assert statuses(admin) == [(7, "cancelled")] * 3 + [(8, "pending")]
    assert enqueue(db, 7).status is S.CANCELLED
    assert db.notifications.mark_reachable(7)
    assert not db.notifications.mark_reachable(7)
    assert enqueue(db, 7).status is S.PENDING


def test_what_another_worker_has_claimed_for_them_is_not_sent(db):
    for n in range(2):
        enqueue(db, 7, str(n))
    first, second = db.notifications.claim()
    db.notifications.begin_attempt(first.id, first.lease_token)
    db.notifications.finish(first.id, first.lease_token, Outcome.UNREACHABLE)
    assert db.notifications.begin_attempt(second.id, second.lease_token) is None
    with refused(LeaseLost, "MB303"):
        db.notifications.finish(second.id, second.lease_token, Outcome.DONE)


def test_eight_workers_that_hear_it_at_once_do_not_hinder_each_other(db, admin):
    for n in range(20):
        enqueue(db, 7, str(n))
    items = sending(db, 8)
    found = at_once(
        [lambda i=item: db.notifications.finish(i.id, i.lease_token, Outcome.UNREACHABLE).status for item in items]
    )
    assert found == [S.CANCELLED] * 8
    assert statuses(admin) == [(7, "cancelled")] * 20


def test_a_limit_on_one_channel_leaves_the_others_alone(db, admin):
    admin.execute(
        "INSERT INTO notifications.notification_templates (code, language_code, channel, body)"
        " VALUES ('publication', 'en', 'email', 'x')"
    )
    enqueue(db, 7)
    enqueue(db, 7, channel=Channel.EMAIL)
    [item] = sending(db)
    db.notifications.finish(item.id, item.lease_token, Outcome.LIMITED, retry_after=timedelta(minutes=1))
    assert db.notifications.claim() == []
    assert len(db.notifications.claim(Channel.EMAIL)) == 1


# -- The log


def test_every_step_that_ends_something_is_logged(db, admin):
    item_id = enqueue(db).id
    for outcome in (Outcome.FAILED, Outcome.REJECTED):
        [item] = sending(db)
        db.notifications.finish(item.id, item.lease_token, outcome, error="E")
        admin.execute("UPDATE notifications.notifications SET next_attempt_at = now() WHERE status = 'waiting'")
    db.notifications.replay(item_id)
    [item] = sending(db)
    db.notifications.finish(item.id, item.lease_token, Outcome.DONE, external_id="m1")
    steps = [(s.from_status, s.to_status, s.attempt, s.error) for s in db.notifications.notification_log(item_id)]
    assert steps == [
        (S.SENDING, S.WAITING, 1, "E"),
        (S.SENDING, S.DEAD, 2, "E"),
        (S.DEAD, S.WAITING, 0, "E"),
        (S.SENDING, S.SENT, 1, None),
    ]
    assert db.notifications.notification(item_id).external_id == "m1"


@pytest.mark.parametrize("statement", ["UPDATE {} SET attempt = 0", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["notification_logs", "notification_logs_default"])
def test_the_log_is_only_added_to(admin, statement, table):
    with refused(ReadOnly, "MB006"):
        admin.execute(statement.format(f"notifications.{table}"))


def test_old_months_of_the_log_are_dropped_and_new_ones_made(admin):
    admin.execute("SET ROLE mentorbase_owner")
    assert admin.execute("SELECT made, dropped FROM notifications.maintain_logs()").fetchone() == ([], [])
    admin.execute("UPDATE notifications.settings SET value = 1 WHERE name = 'log_retention'")
    admin.execute(
        "INSERT INTO notifications.notification_logs (notification_id, recipient_telegram_id, channel, from_status,"
        " to_status, attempt, db_login, occurred_at) VALUES (1, 1, 'telegram', 'sending', 'sent', 1, 'x', '2020-05-05')"
    )
    made, dropped = admin.execute("SELECT made, dropped FROM notifications.maintain_logs(false)").fetchone()
    assert (made, dropped) == (["notification_logs_y2020m05"],) * 2
    assert admin.execute("SELECT count(*) FROM notifications.notification_logs").fetchone() == (0,)


def test_what_a_person_has_to_look_at_comes_page_by_page(db):
    ids = [enqueue(db, n).id for n in (1, 2, 3)]
    for item, outcome in zip(sending(db, 3), (Outcome.REJECTED, Outcome.DONE, Outcome.UNCERTAIN), strict=True):
        db.notifications.finish(item.id, item.lease_token, outcome)
    assert [item.id for item in db.notifications.stuck()] == [ids[0], ids[2]]
    assert [item.id for item in db.notifications.stuck(after_id=ids[0])] == [ids[2]]


def test_an_analyst_sees_the_backlog_and_no_words(db, reader):
    enqueue(db, 7, "a")
    enqueue(db, 7, "a")
    assert reader.execute(
        "SELECT status::text, notifications, duplicates FROM notifications.v_notification_backlog"
    ).fetchall() == [("pending", 1, 1)]
    columns = {c.name for c in reader.execute("SELECT * FROM notifications.v_notifications").description}
    assert not columns & {"body", "payload", "dedupe_key", "lease_token"}


# -- Publications


@pytest.fixture
def telegram(admin: psycopg.Connection, people: list[int]) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("UPDATE auth.users SET telegram_id = 1000 + id WHERE id <> 5")
        admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE id = 3")


@pytest.mark.usefixtures("telegram")
def test_a_publication_reaches_its_subscribers_with_telegram_once(db, admin):
    for mentee in (2, 3, 5):  # 5 has no Telegram
        put(admin, "active", mentee_id=mentee)
    put(admin, "active", mentee_id=6, subscribe_to_quizzes=False)
    put(admin, "active", mentor_id=8, mentee_id=9)
    for _ in range(2):
        publication = db.mentoring.publish(1, QUIZ, reference="q1", title="Fractions", actor_id=1)
    assert statuses(admin) == [(1002, "pending"), (1003, "pending")]
    [russian] = db.notifications.notifications_of(1003)
    assert russian.body == "Ваш ментор опубликовал новое: Fractions"
    assert (russian.dedupe_key, russian.duplicates) == (f"publication:{publication.id}", 0)
    assert russian.payload["reference"] == "q1"


@pytest.mark.usefixtures("telegram")
@pytest.mark.parametrize("status", STATUSES)
def test_only_in_an_active_relationship_one_is_told(db, admin, status):
    put(admin, status)
    db.mentoring.publish(1, QUIZ, reference="q1", title="x", actor_id=1)
    assert len(statuses(admin)) == (status == "active")


@pytest.mark.usefixtures("telegram")
def test_many_publications_in_one_statement_and_settings_are_heard(db, admin):
    for mentee in (2, 3):
        put(admin, "active", mentee_id=mentee)
    db.notifications.save_settings(1003, is_enabled=False, actor_id=1003)
    admin.execute("SET mentorbase.actor = 'system'")
    admin.execute(
        "INSERT INTO mentoring.publications (mentor_id, kind, reference, title)"
        " SELECT 1, 'course', i::text, 'Course ' || i FROM generate_series(1, 3) AS i"
    )
    assert sorted(statuses(admin)) == [(1002, "pending")] * 3 + [(1003, "cancelled")] * 3


@pytest.mark.usefixtures("telegram")
def test_what_cannot_be_told_is_not_published(db, admin):
    put(admin, "active")
    admin.execute("DELETE FROM notifications.notification_templates")
    with refused(TemplateMissing, "MB301"):
        db.mentoring.publish(1, COURSE, reference="c", title="x", actor_id=1)
    assert db.mentoring.publications(1) == []
