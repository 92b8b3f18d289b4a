"""Notes: each side has its own, and the other side's is out of reach."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import SYSTEM, Actor, ActorRequired, Database, InvalidArgument, NotFound, NotPermitted
from mentoring.lifecycle import refused

MENTOR, MENTEE, OUTSIDER = 7, 9, 11
ABOUT_MENTEE, ABOUT_MENTOR = "slow but steady, top secret", "explains too fast, top secret"


@pytest.fixture
def link(db: Database, people: list[int]) -> int:
    """A relationship about which both sides have noted something."""
    made = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    db.mentoring.accept(made.id, actor_id=MENTOR)
    db.mentoring.write_note(made.id, note=ABOUT_MENTEE, actor_id=MENTOR)
    db.mentoring.write_note(made.id, note=ABOUT_MENTOR, actor_id=MENTEE)
    return made.id


def test_each_side_reads_what_it_wrote(db: Database, link: int) -> None:
    assert db.mentoring.note(link, actor_id=MENTOR) == ABOUT_MENTEE
    assert db.mentoring.note(link, actor_id=MENTEE) == ABOUT_MENTOR


def test_a_note_is_replaced_and_removed(db: Database, link: int) -> None:
    version = db.mentoring.write_note(link, note="better", actor_id=MENTOR)
    assert version == db.mentoring.relationship(link).version
    assert db.mentoring.note(link, actor_id=MENTOR) == "better"
    db.mentoring.write_note(link, note=None, actor_id=MENTOR)
    assert db.mentoring.note(link, actor_id=MENTOR) is None
    assert db.mentoring.note(link, actor_id=MENTEE) == ABOUT_MENTOR


def test_notes_outlive_the_relationship(db: Database, link: int) -> None:
    db.mentoring.complete(link, actor_id=MENTOR)
    db.mentoring.write_note(link, note="it was good", actor_id=MENTEE)
    assert db.mentoring.note(link, actor_id=MENTEE) == "it was good"


@pytest.mark.parametrize("actor", [OUTSIDER, Actor.admin(1), Actor.admin(MENTOR), SYSTEM])
def test_nobody_else_reads_or_writes_either(db: Database, link: int, actor: Actor | int) -> None:
    with refused(NotPermitted, "MB002"), db.transaction(actor=actor) as tx:
        tx.mentoring.note(link)
    with refused(NotPermitted, "MB002"), db.transaction(actor=actor) as tx:
        tx.mentoring.write_note(link, note="x")
    assert db.mentoring.note(link, actor_id=MENTOR) == ABOUT_MENTEE


def test_nobody_named_reads_nothing(db: Database, app: psycopg.Connection, link: int) -> None:
    with refused(ActorRequired, "MB001"):
        db.mentoring.note(link)
    with refused(ActorRequired, "MB001"):
        db.mentoring.write_note(link, note="x")
    for view in ("own_mentor_notes", "own_mentee_notes"):
        with refused(ActorRequired, "MB001"):
            app.execute(f"SELECT * FROM mentoring.{view}")


def test_bad_notes_are_refused(db: Database, link: int) -> None:
    with refused(InvalidArgument, "MB007"):
        db.mentoring.write_note(link, note="x" * 10_001, actor_id=MENTOR)
    with refused(NotFound, "MB004"):
        db.mentoring.write_note(12345, note="x", actor_id=MENTOR)
    with refused(NotFound, "MB004"):
        db.mentoring.note(12345, actor_id=MENTOR)


def test_a_note_that_is_too_long_is_quoted_to_nobody(app: psycopg.Connection, link: int) -> None:
    with refused(InvalidArgument, "MB007") as caught:
        app.execute("SELECT mentoring.write_note(%s, repeat('secret', 2000), 7)", [link])
    assert "secret" not in str(caught.value) + str(caught.value.__cause__)


def test_the_views_show_the_actors_own_notes_only(app: psycopg.Connection, link: int) -> None:
    app.execute(f"SET mentorbase.actor = '{MENTOR}'")
    assert app.execute("SELECT * FROM mentoring.own_mentor_notes").fetchall() == [(link, MENTEE, ABOUT_MENTEE)]
    assert app.execute("SELECT * FROM mentoring.own_mentee_notes").fetchall() == []
    app.execute(f"SET mentorbase.actor = '{MENTEE}'")
    assert app.execute("SELECT * FROM mentoring.own_mentor_notes").fetchall() == []
    assert app.execute("SELECT * FROM mentoring.own_mentee_notes").fetchall() == [(link, MENTOR, ABOUT_MENTOR)]
    for nobody in (str(OUTSIDER), f"admin:{MENTOR}", "system"):
        app.execute(f"SET mentorbase.actor = '{nobody}'")
        for view in ("own_mentor_notes", "own_mentee_notes"):
            assert app.execute(f"SELECT * FROM mentoring.{view}").fetchall() == []


def test_a_condition_of_the_query_sees_no_other_rows(app: psycopg.Connection, link: int) -> None:
    """A function that tells what it is given is not run on the notes of others."""
    app.execute(
        """
        CREATE FUNCTION pg_temp.tell(note text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
        BEGIN
            RAISE EXCEPTION 'it leaks: %', note;
        END $$
        """
    )
    app.execute(f"SET mentorbase.actor = '{OUTSIDER}'")
    # Without an index every row is met, and the cheaper condition is asked first.
    app.execute("SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
    for view in ("own_mentor_notes", "own_mentee_notes"):
        assert app.execute(f"SELECT * FROM mentoring.{view} WHERE pg_temp.tell(note)").fetchall() == []


@pytest.mark.parametrize(("actor", "column"), [(MENTOR, "mentee_notes"), (MENTEE, "mentor_notes")])
def test_a_hand_typed_update_by_the_owner_in_the_other_sides_name_is_refused(
    admin: psycopg.Connection, link: int, actor: int, column: str
) -> None:
    admin.execute(f"SET mentorbase.actor = '{actor}'")
    with refused(NotPermitted, "MB002"):
        admin.execute(f"UPDATE mentoring.mentor_mentee SET {column} = 'forged'")


def test_no_view_and_no_function_gives_the_application_the_other_sides_note(
    admin: psycopg.Connection, app: psycopg.Connection, link: int
) -> None:
    """Everything that the application may read is read, as the mentee: the mentor's note is nowhere."""
    app.execute(f"SET mentorbase.actor = '{MENTEE}'")
    readable = admin.execute(
        "SELECT format('%I.%I', c.relnamespace::regnamespace::text, c.relname), c.oid FROM pg_class AS c"
        " WHERE c.relnamespace = 'mentoring'::regnamespace AND c.relkind IN ('r', 'v')"
    ).fetchall()
    assert len(readable) > 12
    for name, oid in readable:
        columns = admin.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = %s AND attnum > 0"
            " AND has_column_privilege('mentoring_app', attrelid, attnum, 'SELECT')",
            [oid],
        ).fetchone()
        if columns and columns[0]:
            assert ABOUT_MENTEE not in str(app.execute(f"SELECT {columns[0]} FROM {name}").fetchall()), name
    calls = [
        f"mentoring.read_note({link})",
        f"mentoring.change_subscriptions({link}, false)",
        f"mentoring.transition({link}, 'paused')",
        f"mentoring.transition({link}, 'active')",
    ]
    for call in calls:
        assert ABOUT_MENTEE not in str(app.execute(f"SELECT {call}::text").fetchall()), call


def test_the_other_side_does_not_notice_a_note_or_a_removal(db: Database, link: int) -> None:
    db.mentoring.complete(link, actor_id=MENTOR)
    before = db.mentoring.relationship(link)
    db.mentoring.write_note(link, note="another", actor_id=MENTOR)
    db.mentoring.remove(link, actor_id=MENTEE)
    assert db.mentoring.relationship(link) == before
