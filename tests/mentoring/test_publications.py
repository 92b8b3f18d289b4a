"""Publications and subscribers: whom a mentor's news reaches, and that it reaches them once."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    Database,
    InvalidValue,
    NotPermitted,
    Publication,
    PublicationKind,
    ReadOnly,
    ReferenceViolation,
)
from mentoring.booking import table
from mentoring.lifecycle import MENTEE, MENTOR, STATUSES, become, put, refused
from mentoring.racing import at_once

pytestmark = pytest.mark.usefixtures("people")
QUIZ, COURSE, SUBJECT = PublicationKind
COLUMN = {QUIZ: "subscribe_to_quizzes", COURSE: "subscribe_to_courses", SUBJECT: "subscribe_to_subjects"}


def publish(db: Database, **given: object) -> Publication:
    arguments = {"kind": QUIZ, "reference": "quiz/1", "title": "Fractions", "actor_id": MENTOR} | given
    return db.mentoring.publish(MENTOR, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", PublicationKind)
def test_who_subscribes_to_a_kind_hears_of_it_and_nobody_else(
    admin: psycopg.Connection, db: Database, kind: PublicationKind
) -> None:
    none = dict.fromkeys(COLUMN.values(), False)
    put(admin, "active", mentee_id=5, **none)
    put(admin, "active", mentee_id=7, **(none | {COLUMN[kind]: True}))
    put(admin, "active", mentee_id=6, **(none | {COLUMN[kind]: True}))
    put(admin, "active", mentor_id=8, mentee_id=9)
    for other in PublicationKind:
        assert db.mentoring.subscribers(MENTOR, other) == ([6, 7] if other is kind else [])


@pytest.mark.parametrize("status", STATUSES)
def test_only_in_an_active_relationship_one_hears(admin: psycopg.Connection, db: Database, status: str) -> None:
    put(admin, status)
    assert db.mentoring.subscribers(MENTOR, QUIZ) == ([MENTEE] if status == "active" else [])


def test_subscribers_come_page_by_page(admin: psycopg.Connection, db: Database) -> None:
    for mentee in range(2, 9):
        put(admin, "active", mentee_id=mentee)
    assert db.mentoring.subscribers(MENTOR, COURSE, page_size=4) == [2, 3, 4, 5]
    assert db.mentoring.subscribers(MENTOR, COURSE, after_id=5, page_size=4) == [6, 7, 8]


def test_a_mentor_publishes_and_finds_it_again(db: Database) -> None:
    first = publish(db)
    second = publish(db, reference="quiz/2")
    assert (first.mentor_id, first.kind, first.reference, first.title) == (MENTOR, QUIZ, "quiz/1", "Fractions")
    assert db.mentoring.publications(MENTOR) == [second, first]
    assert db.mentoring.publications(MENTOR, after_id=second.id) == [first]
    assert db.mentoring.publications(MENTEE) == []


def test_published_again_it_stays_as_it_is(db: Database) -> None:
    first = publish(db)
    assert publish(db, title="Something else") == first
    assert publish(db, kind=COURSE).id != first.id
    assert len(db.mentoring.publications(MENTOR)) == 2


def test_published_by_eight_at_once_it_is_one(db: Database) -> None:
    found = at_once([lambda: publish(db)] * 8)
    assert {one.id for one in found if isinstance(one, Publication)} == {db.mentoring.publications(MENTOR)[0].id}
    assert [one for one in found if not isinstance(one, Publication)] == []


def test_administrators_and_the_system_publish_for_a_mentor(db: Database) -> None:
    for actor in (Actor.admin(4), SYSTEM):
        with db.transaction(actor=actor) as tx:
            tx.mentoring.publish(MENTOR, SUBJECT, reference=str(actor), title="Algebra")
    assert len(db.mentoring.publications(MENTOR)) == 2


def test_another_person_publishes_nothing(db: Database, app: psycopg.Connection) -> None:
    with refused(NotPermitted, "MB002") as caught:
        publish(db, actor_id=MENTEE)
    assert caught.value.values == {"mentor_id": str(MENTOR)}
    with refused(ActorRequired, "MB001"):
        publish(db, actor_id=None)
    become(app, MENTEE)
    with refused(NotPermitted, "MB002"):
        app.execute(
            "INSERT INTO mentoring.publications (mentor_id, kind, reference, title) VALUES (%s, 'quiz', 'x', 'x')",
            [MENTOR],
        )
    assert db.mentoring.publications(MENTOR) == []


@pytest.mark.parametrize("column", ["reference", "title"])
@pytest.mark.parametrize("value", ["", "  ", "x" * 201])
def test_a_blank_or_long_text_is_refused(db: Database, column: str, value: str) -> None:
    with refused(InvalidValue, "23514", constraint=f"publications_{column}_check"):
        publish(db, **{column: value})


def test_a_mentor_who_is_nobody_is_refused(db: Database) -> None:
    with refused(ReferenceViolation, "23503", constraint="publications_mentor_id_fkey"):
        db.mentoring.publish(99, QUIZ, reference="x", title="x", actor_id=99)


@pytest.mark.parametrize(
    "statement", ["UPDATE mentoring.publications SET title = 'x'", "TRUNCATE mentoring.publications"]
)
def test_what_was_published_is_not_changed(db: Database, admin: psycopg.Connection, statement: str) -> None:
    publish(db)
    before = table(admin, "publications")
    with refused(ReadOnly, "MB006"):
        admin.execute(statement)
    assert table(admin, "publications") == before


def test_an_application_deletes_nothing(app: psycopg.Connection) -> None:
    become(app, MENTOR)
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        app.execute("DELETE FROM mentoring.publications")
    assert caught.value.sqlstate == "42501"
