"""Errors of the database become exceptions by SQLSTATE and constraint name, and tell no secrets."""

from __future__ import annotations

import pickle
import re
import secrets
import traceback
from typing import Any

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    Database,
    InvalidValue,
    MentorbaseError,
    NotPermitted,
    Overlap,
    PoolExhausted,
    ReferenceViolation,
    Refusal,
    RelationshipExists,
    SelfMentoring,
    SetupError,
    StaleVersion,
    errors,
)
from mentorbase.errors import REFUSALS, translated

OURS = "n.nspname IN ('platform', 'auth', 'calendar', 'mentoring')"


def whole(error: BaseException) -> str:
    """All that a log would show: text, traceback, causes."""
    return "".join(traceback.format_exception(error))


def violate(conn: psycopg.Connection[Any], sqlstate: str, *, constraint: str = "", message: str = "no") -> None:
    """Have the server report an error as a shard would: with names of its own choice."""
    using = f", CONSTRAINT = '{constraint}'" if constraint else ""
    body = f"BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = '{message}'{using}; END"
    with translated:
        conn.execute(f"DO $do$ {body} $do$")


def test_every_refusal_of_the_database_has_exactly_one_class_of_its_name(admin: psycopg.Connection) -> None:
    rows = admin.execute("SELECT sqlstate, name FROM platform.refusals").fetchall()
    assert {state: kind.__name__ for state, kind in REFUSALS.items()} == {
        state: name.title().replace("_", "") for state, name in rows
    }
    assert {kind.sqlstate: kind for kind in REFUSALS.values()} == REFUSALS


def test_every_refusal_arrives_as_its_class_with_what_it_says(admin: psycopg.Connection) -> None:
    for state, kind in REFUSALS.items():
        raised = f"RAISE EXCEPTION 'what' USING ERRCODE = '{state}', DETAIL = 'id=7, status=active', HINT = 'Do it.'"
        with pytest.raises(kind) as refused, translated:
            admin.execute(f"DO $$ BEGIN {raised}; END $$")
        assert type(refused.value) is kind
        assert refused.value.sqlstate == state
        assert refused.value.values == {"id": "7", "status": "active"}
        assert refused.value.constraint is None
        assert str(refused.value) == "what (id=7, status=active). Do it."
        assert isinstance(refused.value.__cause__, psycopg.Error)


def test_an_unknown_refusal_stays_a_psycopg_error(admin: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as failed:
        violate(admin, "MB999")
    assert failed.value.sqlstate == "MB999"


def test_every_rule_is_the_comment_of_its_constraint(admin: psycopg.Connection) -> None:
    rows = admin.execute(
        "SELECT c.conname, obj_description(c.oid, 'pg_constraint')"
        " FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace"
        f" WHERE {OURS} AND c.contype IN ('c', 'u', 'p', 'f', 'x')"
        " UNION ALL"
        " SELECT i.relname, obj_description(i.oid, 'pg_class')"
        " FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid"
        " JOIN pg_namespace AS n ON n.oid = i.relnamespace"
        f" WHERE {OURS} AND x.indisunique"
        " AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.oid AND c.contype IN ('u', 'p', 'x'))"
    ).fetchall()
    comments = dict(rows)
    assert len(comments) == len(rows), "two constraints of one name"
    assert errors._rules() == {name: (comment or "").rstrip(".") for name, comment in comments.items()}


def test_constraints_with_a_class_of_their_own_exist() -> None:
    assert errors._BY_CONSTRAINT.keys() <= errors._rules().keys()


class TestViolations:
    """Each kind of constraint, violated for real."""

    def test_unique(self, db: Database) -> None:
        telegram_id = 10**12 + secrets.randbelow(10**12)
        with db.transaction(actor=SYSTEM) as tx:
            tx.auth.create_user(first_name="Ann", telegram_id=telegram_id)
        with pytest.raises(AlreadyExists) as refused, db.transaction(actor=SYSTEM) as tx:
            tx.auth.create_user(first_name="Bob", telegram_id=telegram_id)
        assert type(refused.value) is AlreadyExists
        assert (refused.value.constraint, refused.value.sqlstate) == ("users_telegram_id_key", "23505")
        assert str(refused.value) == "A Telegram account belongs to one user only"
        assert str(telegram_id) not in whole(refused.value)
        assert isinstance(refused.value.__cause__, psycopg.errors.UniqueViolation)

    def test_check(self, db: Database) -> None:
        secret = secrets.token_hex(40)
        with pytest.raises(InvalidValue) as refused, db.transaction(actor=SYSTEM) as tx:
            tx.auth.create_user(first_name=secret)
        assert type(refused.value) is InvalidValue
        assert (refused.value.constraint, refused.value.sqlstate) == ("users_first_name_check", "23514")
        assert str(refused.value) == "first_name has 1 to 64 characters, not all of them blank"
        assert secret not in whole(refused.value)

    def test_not_null(self, admin: psycopg.Connection) -> None:
        secret = secrets.token_hex(20)
        with pytest.raises(InvalidValue) as refused, translated:
            admin.execute("INSERT INTO auth.users (first_name, last_name) VALUES (NULL, %s)", [secret])
        assert (refused.value.constraint, refused.value.sqlstate) == (None, "23502")
        assert str(refused.value) == "first_name must be given"
        assert secret not in whole(refused.value)

    def test_foreign_key_to_what_does_not_exist(self, db: Database, people: list[int]) -> None:
        nobody = max(people) + 10**12 + secrets.randbelow(10**12)
        with pytest.raises(ReferenceViolation) as refused:
            db.mentoring.request(7, nobody, actor_id=7)
        assert refused.value.constraint == "mentor_mentee_mentee_id_fkey"
        assert refused.value.sqlstate == "23503"
        assert str(refused.value) == "mentee_id is the id of a user"
        assert str(nobody) not in whole(refused.value)

    @pytest.mark.usefixtures("people")
    def test_foreign_key_that_still_refers(self, db: Database, admin: psycopg.Connection) -> None:
        with db.transaction(actor=7) as tx:
            tx.mentoring.save_profile(7)
        with pytest.raises(ReferenceViolation) as refused, translated:
            admin.execute("DELETE FROM auth.users WHERE id = 7")
        assert refused.value.constraint == "user_profiles_user_id_fkey"
        assert refused.value.sqlstate == ("23001" if admin.info.server_version >= 180000 else "23503")
        assert str(refused.value) == "user_id is the id of a user"

    @pytest.mark.usefixtures("people")
    def test_self_mentoring(self, db: Database) -> None:
        with pytest.raises(SelfMentoring) as refused:
            db.mentoring.request(7, 7, actor_id=7)
        assert refused.value.constraint == "mentor_mentee_not_self_check"
        assert str(refused.value) == "Nobody is their own mentor"

    def test_second_live_relationship_of_a_pair(self, admin: psycopg.Connection) -> None:
        admin.execute("ALTER TABLE mentoring.mentor_mentee DISABLE TRIGGER USER")
        with pytest.raises(RelationshipExists) as refused, translated:
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by)"
                " VALUES (7, 9, 'mentor'), (7, 9, 'mentor')"
            )
        assert refused.value.constraint == "mentor_mentee_live_pair_key"
        assert refused.value.sqlstate == "23505"
        assert str(refused.value) == ("A pair has at most one relationship that is pending, active or paused")

    def test_missing_privilege(self, app: psycopg.Connection) -> None:
        with pytest.raises(NotPermitted) as refused, translated:
            app.execute("SELECT mentor_notes FROM mentoring.mentor_mentee")
        assert (refused.value.sqlstate, refused.value.constraint) == ("42501", None)
        assert str(refused.value) == (
            "permission denied for table mentor_mentee. Have this database role granted what it needs"
        )

    def test_a_constraint_that_is_not_ours_stays_psycopgs_and_quotes_no_row(self, admin: psycopg.Connection) -> None:
        admin.execute("CREATE TEMP TABLE theirs (name text, CONSTRAINT theirs_name_check CHECK (name = 'x'))")
        secret = secrets.token_hex(20)
        with pytest.raises(psycopg.errors.CheckViolation) as failed, translated:
            admin.execute("INSERT INTO theirs VALUES (%s)", [secret])
        assert failed.value.diag.constraint_name == "theirs_name_check"
        assert secret in (failed.value.diag.message_detail or "")
        assert "DETAIL" not in str(failed.value)
        assert secret not in whole(failed.value)

    def test_other_errors_stay_psycopgs(self, app: psycopg.Connection) -> None:
        with pytest.raises(psycopg.errors.DivisionByZero), translated:
            app.execute("SELECT 1 / 0")


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("23001", ReferenceViolation),
        ("23503", ReferenceViolation),
        ("23505", AlreadyExists),
        ("23514", InvalidValue),
        ("23P01", Overlap),
    ],
)
def test_the_sqlstate_decides_the_class_of_a_constraint_without_one(
    sqlstate: str, kind: type[Refusal], admin: psycopg.Connection
) -> None:
    with pytest.raises(kind) as refused:
        violate(admin, sqlstate, constraint="users_telegram_id_key")
    assert type(refused.value) is kind
    assert (refused.value.sqlstate, refused.value.constraint) == (sqlstate, "users_telegram_id_key")


@pytest.mark.parametrize(
    "reported",
    [
        {"constraint": "users_telegram_id_key_102008"},
        {"message": 'duplicate key value violates unique constraint "users_telegram_id_key_102008"'},
        {"message": 'duplicate key value violates unique constraint "users_telegram_id_key"'},
    ],
)
def test_a_shards_constraint_is_known_by_the_name_before_its_number(
    reported: dict[str, str], admin: psycopg.Connection
) -> None:
    with pytest.raises(AlreadyExists) as refused:
        violate(admin, "23505", **reported)
    assert refused.value.constraint == "users_telegram_id_key"
    assert str(refused.value) == "A Telegram account belongs to one user only"


def test_a_shards_foreign_key_is_found_behind_the_tables_name_in_the_message(admin: psycopg.Connection) -> None:
    message = (
        'insert or update on table "mentor_mentee_102009" violates foreign key constraint'
        ' "mentor_mentee_mentor_id_fkey_102009"'
    )
    with pytest.raises(ReferenceViolation) as refused:
        violate(admin, "23503", message=message)
    assert refused.value.constraint == "mentor_mentee_mentor_id_fkey"


def test_a_shards_constraint_keeps_its_own_class(admin: psycopg.Connection) -> None:
    with pytest.raises(SelfMentoring):
        violate(admin, "23514", constraint="mentor_mentee_not_self_check_102009")


def test_a_shards_unknown_constraint_stays_psycopgs(admin: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        violate(admin, "23505", constraint="theirs_key_102008")


def test_stale_version_knows_the_current_one(db: Database, people: list[int]) -> None:
    mentor, mentee = people[:2]
    made = db.mentoring.request(mentor, mentee, actor_id=mentor)
    now = db.mentoring.accept(made.id, actor_id=mentee)
    with pytest.raises(StaleVersion) as refused:
        db.mentoring.change_subscriptions(made.id, quizzes=False, actor_id=mentee, version=made.version)
    assert refused.value.sqlstate == "MB005"
    assert refused.value.current == now.version == made.version + 1
    assert db.mentoring.relationship(made.id).subscribe_to_quizzes


@pytest.mark.parametrize(
    ("detail", "values"),
    [
        ("", {}),
        ("mentor_id=7", {"mentor_id": "7"}),
        ("mentor_id=7, taken=3", {"mentor_id": "7", "taken": "3"}),
        ("status=active, note=a=b", {"status": "active", "note": "a=b"}),
        ("asks_again_at=2026-01-31T10:00:00Z", {"asks_again_at": "2026-01-31T10:00:00Z"}),
        ("no pairs here", {}),
    ],
)
def test_values_are_the_pairs_of_the_detail(detail: str, values: dict[str, str]) -> None:
    assert Refusal("no", detail=detail).values == values


def everything(base: type[MentorbaseError]) -> list[type[MentorbaseError]]:
    return [base, *(found for child in base.__subclasses__() for found in everything(child))]


@pytest.mark.parametrize("kind", everything(MentorbaseError), ids=lambda kind: kind.__name__)
def test_every_exception_survives_pickling(kind: type[MentorbaseError]) -> None:
    """As a worker process sends it home."""
    error: MentorbaseError
    if issubclass(kind, Refusal):
        error = kind("what", detail="id=7", hint="Do it.", constraint="x_key", sqlstate="23505")
    elif issubclass(kind, SetupError):
        error = kind("what", "Do it.")
    else:
        error = kind("what")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), vars(copy)) == (str(error), vars(error))


@pytest.mark.parametrize("kind", everything(MentorbaseError), ids=lambda kind: kind.__name__)
def test_every_exception_says_what_it_means(kind: type[MentorbaseError]) -> None:
    assert kind.__doc__
    assert re.fullmatch(r"[A-Z].*\.", kind.__doc__.splitlines()[0])


def test_messages_read_as_sentences() -> None:
    assert str(Refusal("what")) == "what"
    assert str(Refusal("what", detail="id=7")) == "what (id=7)"
    assert str(Refusal("what", hint="Do it")) == "what. Do it"
    assert str(SetupError("what")) == "what"
    assert str(SetupError("what", "Do it")) == "what. Do it"
    assert str(PoolExhausted("what")) == "what"
