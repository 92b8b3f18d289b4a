"""Templates: what a notification says, in which language, and what is refused."""

from __future__ import annotations

import pytest
from mentorbase import (
    SYSTEM,
    ActorRequired,
    Channel,
    InvalidArgument,
    InvalidValue,
    PlaceholderMissing,
    ReadOnly,
    TemplateMissing,
)
from mentoring.lifecycle import refused

TELEGRAM = Channel.TELEGRAM


@pytest.fixture
def templates(db):
    with db.transaction(actor=SYSTEM) as tx:
        tx.notifications.save_template("lesson", "en", TELEGRAM, "{who}: {what}")
        tx.notifications.save_template("lesson", "pt", TELEGRAM, "Aula: {what}")
        tx.notifications.save_template("lesson", "pt-BR", TELEGRAM, "Aula (BR): {what}, {who}")


@pytest.mark.usefixtures("templates")
@pytest.mark.parametrize(
    ("language", "body"),
    [("en", "A: B"), ("pt", "Aula: B"), ("pt-BR", "Aula (BR): B, A"), ("pt-PT", "Aula: B"), ("ru", "A: B")],
)
def test_the_text_is_in_the_language_or_its_first_part_or_english(db, language, body):
    item = db.notifications.enqueue(1, "lesson", payload={"who": "A", "what": "B"}, language_code=language)
    assert item.body == body


@pytest.mark.usefixtures("templates")
def test_values_are_put_in_as_they_are_and_once(db):
    payload = {"who": "{what} \\1 %s &", "what": "{who}"}
    assert db.notifications.enqueue(1, "lesson", payload=payload).body == "{what} \\1 %s &: {who}"
    assert db.notifications.enqueue(1, "lesson", payload={"who": 1.5, "what": True}).body == "1.5: true"


@pytest.mark.usefixtures("templates")
@pytest.mark.parametrize(("payload", "missing"), [({}, "what|who"), ({"who": "A", "what": None}, "what")])
def test_a_missing_value_is_refused_and_named(db, admin, payload, missing):
    with refused(PlaceholderMissing, "MB302") as caught:
        db.notifications.enqueue(1, "lesson", payload=payload)
    assert caught.value.values == {"template_code": "lesson", "missing": missing}
    assert admin.execute("SELECT count(*) FROM notifications.notifications").fetchone() == (0,)


def test_without_a_template_nothing_is_queued(db):
    with refused(TemplateMissing, "MB301"):
        db.notifications.enqueue(1, "lesson")
    with refused(TemplateMissing, "MB301"):
        db.notifications.enqueue(1, "publication", Channel.EMAIL, payload={"title": "x"})


@pytest.mark.usefixtures("templates")
def test_what_is_queued_keeps_its_text(db):
    item = db.notifications.enqueue(1, "lesson", payload={"who": "A", "what": "B"})
    with db.transaction(actor=SYSTEM) as tx:
        tx.notifications.save_template("lesson", "en", TELEGRAM, "Other")
    assert db.notifications.notification(item.id).body == "A: B"


@pytest.mark.parametrize("body", ["{", "a } b", "{Title}", "{}", "{{title}}", " ", "x" * 4001])
def test_a_template_with_other_braces_or_nothing_to_say_is_refused(db, body):
    with refused(InvalidValue, "23514", constraint="notification_templates_body_check"), db.transaction(actor=1) as tx:
        tx.notifications.save_template("x", "en", TELEGRAM, body)


def test_a_template_is_written_by_somebody(db, admin):
    with refused(ActorRequired, "MB001"):
        db.notifications.save_template("x", "en", TELEGRAM, "x")
    made = db.notifications.save_template("x", "en", TELEGRAM, "x", actor_id=3)
    assert db.notifications.templates("x") == [made]
    assert admin.execute(
        "SELECT operation::text, actor_id FROM notifications.audit_log WHERE table_name = 'notification_templates'"
        " AND actor_id IS NOT NULL"
    ).fetchall() == [("insert", 3)]


@pytest.mark.parametrize("column", ["body = 'x'", "recipient_telegram_id = 9", "payload = '{\"a\": 1}'", "id = 9"])
def test_what_it_says_and_to_whom_does_not_change(db, admin, column):
    db.notifications.enqueue(1, "publication", payload={"title": "x"})
    with refused(ReadOnly, "MB006"):
        admin.execute(f"UPDATE notifications.notifications SET {column}")


def test_many_are_queued_at_once_each_in_their_language_and_add_up(db):
    found = db.notifications.enqueue_many(
        [1, 2, 2, 3], "publication", payload={"title": "T"}, dedupe_key="k", languages=["en", "ru", "ru", "de"]
    )
    assert (found.queued, found.waiting, found.cancelled, found.duplicates) == (3, 0, 0, 1)
    again = db.notifications.enqueue_many([1, 2, 4], "publication", payload={"title": "T"}, dedupe_key="k")
    assert (again.queued, again.duplicates) == (1, 2)
    assert [len(db.notifications.notifications_of(n)) for n in (1, 2, 3, 4)] == [1, 1, 1, 1]
    [two] = db.notifications.notifications_of(2)
    assert (two.body, two.duplicates) == ("Ваш ментор опубликовал новое: T", 2)


def test_one_language_a_recipient(db):
    with refused(InvalidArgument, "MB007"):
        db.notifications.enqueue_many([1, 2], "publication", payload={"title": "T"}, languages=["en"])
