"""SQL typed by hand: what the application's login, the owner and a superuser may change, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import psycopg
import pytest
from mentorbase import ActorRequired, InvalidValue, Mentoring, NotPermitted, ReadOnly, TransitionRefused
from mentoring.lifecycle import (
    ADMIN,
    MENTEE,
    MENTOR,
    OUTSIDER,
    Scene,
    acting,
    become,
    clear,
    hint,
    put,
    refused,
    rows,
    scenes,
    steps,
    unguarded,
)
from psycopg import sql
from psycopg.rows import dict_row

pytestmark = pytest.mark.usefixtures("people")
BY_MENTEE = scenes("pending")[1]
Call = Callable[[Mentoring[Any], int], object]
WRITABLE = {"status", "subscribe_to_quizzes", "subscribe_to_courses", "subscribe_to_subjects"}
NOTES = {"mentor_notes", "mentee_notes"}
HIDING = {"hidden_by_mentor_at", "hidden_by_mentee_at"}
LATER = datetime(2099, 1, 1, tzinfo=UTC)
FORBIDDEN = [
    "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by) VALUES (1, 5, 'mentor')",
    "DELETE FROM mentoring.mentor_mentee",
    "TRUNCATE mentoring.mentor_mentee",
    "INSERT INTO mentoring.mentor_mentee_history"
    " (relationship_id, mentor_id, mentee_id, actor_kind, db_login) VALUES (1, 1, 2, 'mentor', 'x')",
    "UPDATE mentoring.mentor_mentee_history SET reason = ''",
    "DELETE FROM mentoring.mentor_mentee_history",
    "TRUNCATE mentoring.mentor_mentee_history",
    "INSERT INTO mentoring.mentor_mentee_transitions (from_status, to_status, actor_kind)"
    " VALUES ('active', 'pending', 'mentor')",
    "UPDATE mentoring.mentor_mentee_transitions SET actor_kind = 'mentor'",
    "DELETE FROM mentoring.mentor_mentee_transitions",
    "UPDATE mentoring.settings SET value = 0",
    "UPDATE mentoring.user_profiles SET places_version = 0",
    "DELETE FROM mentoring.user_profiles",
    "SELECT mentoring.take_place(1)",
    "SET session_replication_role = replica",
    "ALTER TABLE mentoring.mentor_mentee DISABLE TRIGGER ALL",
]
READING_NOTES = [
    "SELECT mentor_notes FROM mentoring.mentor_mentee",
    "SELECT mentee_notes FROM mentoring.mentor_mentee",
    "SELECT * FROM mentoring.mentor_mentee",
    "SELECT m FROM mentoring.mentor_mentee AS m",
    "SELECT id FROM mentoring.mentor_mentee WHERE mentor_notes LIKE 's%'",
    "SELECT id FROM mentoring.mentor_mentee ORDER BY mentee_notes",
    "UPDATE mentoring.mentor_mentee SET subscribe_to_quizzes = mentor_notes IS NULL",
    "UPDATE mentoring.mentor_mentee SET status = 'paused' RETURNING mentor_notes",
    "COPY mentoring.mentor_mentee TO STDOUT",
]
KEPT: list[tuple[str, str, object]] = [
    ("active", "id", 99),
    ("active", "mentor_id", OUTSIDER),
    ("active", "mentee_id", OUTSIDER),
    ("active", "initiated_by", "admin"),
    ("active", "accepted_at", LATER),
    ("active", "resume_at", LATER),
    ("active", "version", 9),
    ("active", "created_at", LATER),
    ("paused", "paused_at", LATER),
    ("paused", "paused_by", MENTEE),
    ("paused", "resume_at", LATER),
    ("paused", "resume_at", None),
    ("completed", "completed_at", LATER),
    ("completed", "ended_at", LATER),
    ("completed", "ended_by", ADMIN),
]
REWRITING_HISTORY = [
    "UPDATE mentoring.mentor_mentee_history SET reason = 'another'",
    "UPDATE mentoring.mentor_mentee_history SET reason = 'another' WHERE false",
    "DELETE FROM mentoring.mentor_mentee_history",
    "DELETE FROM mentoring.mentor_mentee_history WHERE false",
    "TRUNCATE mentoring.mentor_mentee_history",
]
INCONSISTENT = [
    ("accepted_at_check", "active", "accepted_at = NULL"),
    ("accepted_at_check", "pending", "accepted_at = now()"),
    ("paused_at_check", "paused", "paused_at = NULL, resume_at = NULL"),
    ("paused_at_check", "active", "paused_at = now()"),
    ("paused_by_check", "paused", "paused_by = NULL"),
    ("paused_by_check", "paused", "paused_by = 3"),
    ("paused_by_check", "active", "paused_by = 1"),
    ("resume_at_check", "paused", "resume_at = paused_at"),
    ("resume_at_check", "active", "resume_at = now()"),
    ("completed_at_check", "completed", "completed_at = NULL"),
    ("completed_at_check", "terminated", "completed_at = ended_at"),
    ("completed_at_check", "completed", "completed_at = ended_at - interval '1 day'"),
    ("ended_at_check", "terminated", "ended_at = NULL"),
    ("ended_at_check", "active", "ended_at = now()"),
    ("ended_at_check", "terminated", "ended_at = accepted_at - interval '1 day'"),
    ("ended_by_check", "active", "ended_by = 1"),
    ("hidden_by_mentor_at_check", "active", "hidden_by_mentor_at = now()"),
    ("hidden_by_mentee_at_check", "pending", "hidden_by_mentee_at = now()"),
    ("not_self_check", "active", "mentee_id = mentor_id"),
]


def columns(admin: psycopg.Connection, table: str) -> list[str]:
    found = admin.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [f"mentoring.{table}"],
    ).fetchall()
    return [name for (name,) in found]


@pytest.fixture
def owner(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The admin connection as the owner of the tables."""
    admin.execute("SET ROLE mentorbase_owner")
    yield admin
    admin.execute("RESET ROLE")


class TestTheApplicationsLogin:
    def test_may_update_status_and_subscriptions_and_no_other_column(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        put(admin, "active")
        before = rows(admin)
        become(app, MENTEE)
        found = columns(admin, "mentor_mentee")
        assert set(found) > WRITABLE | NOTES
        for column in set(found) - WRITABLE:
            statement = sql.SQL("UPDATE mentoring.mentor_mentee SET {} = DEFAULT").format(sql.Identifier(column))
            with refused(NotPermitted, "42501"):
                app.execute(statement)
        assert (rows(admin), steps(admin)) == (before, [])

        for column in WRITABLE - {"status"}:
            app.execute(sql.SQL("UPDATE mentoring.mentor_mentee SET {0} = NOT {0}").format(sql.Identifier(column)))
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'paused'")
        [after] = rows(admin)
        assert {name for name in after if after[name] != before[0][name]} == {
            *WRITABLE,
            *("paused_at", "paused_by", "version", "updated_at"),
        }

    def test_may_not(self, subtests: pytest.Subtests, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        put(admin, "active")
        before = rows(admin)
        become(app, MENTOR)
        for statement in FORBIDDEN:
            with subtests.test(statement):
                with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                    app.execute(statement)
                assert caught.value.sqlstate == "42501"
                assert (rows(admin), steps(admin)) == (before, [])

    def test_may_not_read_the_notes(
        self, subtests: pytest.Subtests, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        put(admin, "active", mentor_notes="secret", mentee_notes="secret")
        become(app, MENTEE)
        for statement in READING_NOTES:
            with subtests.test(statement), refused(NotPermitted, "42501"):
                app.execute(statement)

    def test_gets_the_notes_from_no_function_either(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        relation = put(admin, BY_MENTEE, mentor_notes="secret", mentee_notes="secret")
        calls: dict[str, tuple[str, list[Any]]] = {
            "request": ("SELECT * FROM mentoring.request(%s, %s, 'mentor', %s)", [MENTOR, MENTEE, MENTOR]),
            "transition": ("SELECT * FROM mentoring.transition(%s, 'paused', %s)", [relation, MENTOR]),
            "change_subscriptions": (
                "SELECT * FROM mentoring.change_subscriptions(%s, false, actor_id => %s)",
                [relation, MENTEE],
            ),
            "remove": ("SELECT * FROM mentoring.remove(%s, %s)", [relation, MENTEE]),
        }
        returning_relations = admin.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'mentoring'::regnamespace"
            " AND prorettype IN ('mentoring.mentor_mentee'::regtype, 'record'::regtype, 'jsonb'::regtype)"
            " AND has_function_privilege('mentoring_app', oid, 'EXECUTE')"
        ).fetchall()
        assert {name for (name,) in returning_relations} == calls.keys()
        for statement, arguments in calls.values():
            found = app.cursor(row_factory=dict_row).execute(statement, arguments).fetchone()
            assert found
            assert found["id"] == relation
            assert found["mentor_notes"] is found["mentee_notes"] is None
        [row] = rows(admin)
        assert (row["mentor_notes"], row["mentee_notes"], row["version"]) == ("secret", "secret", 5)

    def test_takes_a_legal_step_which_is_stamped_and_recorded(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relation = put(admin, BY_MENTEE)
        become(app, MENTOR)
        app.execute("SET mentorbase.reason = 'by hand'")
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'active' WHERE id = %s", [relation])
        [row], [step] = rows(admin), steps(admin)
        assert (row["status"], row["version"], row["accepted_at"]) == ("active", 2, step["occurred_at"])
        assert step == {
            "id": step["id"],
            "relationship_id": relation,
            "mentor_id": MENTOR,
            "mentee_id": MENTEE,
            "from_status": "pending",
            "to_status": "active",
            "actor_kind": "mentor",
            "actor_id": MENTOR,
            "db_login": app.info.user,
            "db_role": None,
            "reason": "by hand",
            "occurred_at": row["updated_at"],
        }

    def test_is_recorded_with_the_role_it_has_set(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        put(admin, "active")
        app.execute("SET ROLE mentoring_app")
        become(app, MENTOR)
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'completed'")
        [step] = steps(admin)
        assert (step["db_login"], step["db_role"], step["actor_id"]) == (app.info.user, "mentoring_app", MENTOR)

    def test_must_say_who_acts_in_a_form_that_is_understood(
        self, subtests: pytest.Subtests, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        put(admin, "active")
        before = rows(admin)
        for setting in ("", "0", "01", "-1", "admin", "admin:", "admin:0", "SYSTEM", "1 ", "mentor"):
            become(app, setting)
            for change in ("status = 'paused'", "subscribe_to_quizzes = false", "status = 'active'"):
                with subtests.test(setting, change=change), refused(ActorRequired) as caught:
                    app.execute(f"UPDATE mentoring.mentor_mentee SET {change}")
                assert "admin:<user id>" in caught.value.hint
        assert (rows(admin), steps(admin)) == (before, [])

    def test_must_say_who_acts_also_if_it_never_heard_of_the_setting(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        put(admin, "active")
        with refused(ActorRequired):
            app.execute("UPDATE mentoring.mentor_mentee SET status = 'paused'")
        with refused(ActorRequired):
            app.execute("SELECT FROM mentoring.transition(1, 'paused')")
        assert rows(admin)[0]["status"] == "active"

    def test_takes_a_step_of_many_relations_with_a_row_of_history_each(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relations = [put(admin, "active", mentee=mentee) for mentee in (5, 6, 7)]
        become(app, MENTOR)
        app.execute("UPDATE mentoring.mentor_mentee SET status = 'completed'")
        assert [row["status"] for row in rows(admin)] == ["completed"] * 3
        assert [step["relationship_id"] for step in steps(admin)] == relations

    def test_changes_nothing_if_one_of_many_is_refused(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        put(admin, "active", mentee=5)
        put(admin, "pending", mentee=6)
        before = rows(admin)
        become(app, MENTOR)
        with refused(TransitionRefused) as caught:
            app.execute("UPDATE mentoring.mentor_mentee SET status = 'completed'")
        assert caught.value.hint == hint("pending")
        assert (rows(admin), steps(admin)) == (before, [])


class TestTheOwner:
    @pytest.mark.parametrize("role", ["mentorbase_owner", "postgres"])
    def test_cannot_change_what_the_database_keeps(
        self, subtests: pytest.Subtests, admin: psycopg.Connection, role: str
    ) -> None:
        for status, column, value in KEPT:
            with subtests.test(status=status, column=column):
                admin.execute("RESET ROLE")
                clear(admin)
                relation = put(admin, status)
                before = rows(admin)
                admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
                with refused(ReadOnly) as caught:
                    admin.execute(
                        sql.SQL("UPDATE mentoring.mentor_mentee SET {} = %s").format(sql.Identifier(column)), [value]
                    )
                assert caught.value.values == {"relationship_id": str(relation)}
                assert (rows(admin), steps(admin)) == (before, [])

    def test_finds_every_column_either_kept_or_changeable(self, admin: psycopg.Connection) -> None:
        kept = {column for _, column, _ in KEPT}
        decided = kept | WRITABLE | NOTES | HIDING | {"updated_at"}
        assert set(columns(admin, "mentor_mentee")) == decided, (
            "decide of each: KEPT by the guard, WRITABLE, NOTES or HIDING"
        )

    def test_may_write_notes_of_at_most_10000_characters(self, owner: psycopg.Connection) -> None:
        put_as_superuser(owner, "active")
        for column in sorted(NOTES):
            owner.execute(f"UPDATE mentoring.mentor_mentee SET {column} = repeat('x', 10000)")
            with refused(InvalidValue, "23514", constraint=f"mentor_mentee_{column}_check"):
                owner.execute(f"UPDATE mentoring.mentor_mentee SET {column} = repeat('x', 10001)")
        assert rows(owner)[0]["version"] == 1
        assert steps(owner) == []

    def test_cannot_set_updated_at(self, owner: psycopg.Connection) -> None:
        put_as_superuser(owner, "active")
        owner.execute("UPDATE mentoring.mentor_mentee SET updated_at = %s", [LATER])
        assert rows(owner)[0]["updated_at"] < LATER

    @pytest.mark.parametrize("role", ["mentorbase_owner", "postgres"])
    def test_cannot_change_history(
        self, subtests: pytest.Subtests, admin: psycopg.Connection, app: psycopg.Connection, role: str
    ) -> None:
        Mentoring(app).request(MENTOR, MENTEE, actor_id=MENTOR)
        before = steps(admin)
        admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for statement in REWRITING_HISTORY:
            with subtests.test(statement):
                with refused(ReadOnly) as caught:
                    admin.execute(statement)
                verb = statement.split()[0]
                assert caught.value.message == f"{verb} of mentoring.mentor_mentee_history is refused"
                assert steps(admin) == before != []

    def test_acts_as_an_administrator_under_the_name_of_the_database_role(self, owner: psycopg.Connection) -> None:
        relation = put_as_superuser(owner, BY_MENTEE)
        owner.execute("UPDATE mentoring.mentor_mentee SET status = 'rejected' WHERE id = %s", [relation])
        [row], [step] = rows(owner), steps(owner)
        assert (row["status"], row["ended_by"]) == ("rejected", None)
        assert (step["actor_kind"], step["actor_id"]) == ("admin", None)
        assert (step["db_login"], step["db_role"]) == (owner.info.user, "mentorbase_owner")

    def test_is_held_to_an_administrators_steps(self, owner: psycopg.Connection) -> None:
        put_as_superuser(owner, "active")
        with refused(NotPermitted) as caught:
            owner.execute("UPDATE mentoring.mentor_mentee SET status = 'paused'")
        assert caught.value.values["actor_is"] == "admin"
        with refused(TransitionRefused):
            owner.execute("UPDATE mentoring.mentor_mentee SET status = 'pending'")

    def test_acts_as_whom_the_setting_names(self, owner: psycopg.Connection) -> None:
        put_as_superuser(owner, "active")
        become(owner, f"admin:{ADMIN}")
        owner.execute("UPDATE mentoring.mentor_mentee SET status = 'completed'")
        [step] = steps(owner)
        assert (step["actor_kind"], step["actor_id"], step["db_role"]) == ("admin", ADMIN, "mentorbase_owner")

    @pytest.mark.parametrize("setting", ["", f"admin:{ADMIN}", "system"])
    def test_leaves_history_behind_a_relation_that_is_deleted(
        self, owner: psycopg.Connection, app: psycopg.Connection, setting: str
    ) -> None:
        made = Mentoring(app).request(MENTOR, MENTEE, actor_id=MENTOR)
        become(owner, setting)
        owner.execute("DELETE FROM mentoring.mentor_mentee")
        assert rows(owner) == []
        born, gone = steps(owner)
        assert (born["relationship_id"], born["to_status"]) == (made.id, "pending")
        assert (gone["relationship_id"], gone["from_status"], gone["to_status"]) == (made.id, "pending", None)
        assert (gone["mentor_id"], gone["mentee_id"]) == (MENTOR, MENTEE)
        assert gone["actor_kind"] == ("system" if setting == "system" else "admin")
        assert [step.to_status for step in Mentoring(app).history(made.id)] == ["pending", None]

    @pytest.mark.parametrize("person", [MENTOR, MENTEE, OUTSIDER])
    def test_deletes_no_relation_in_the_name_of_a_person(self, owner: psycopg.Connection, person: int) -> None:
        put_as_superuser(owner, "active")
        before = rows(owner)
        become(owner, person)
        with refused(NotPermitted) as caught:
            owner.execute("DELETE FROM mentoring.mentor_mentee")
        assert caught.value.message == "people end relationships, they do not delete them"
        assert (rows(owner), steps(owner)) == (before, [])

    def test_cannot_truncate_relations_which_would_leave_no_history(self, owner: psycopg.Connection) -> None:
        put_as_superuser(owner, "active")
        with refused(ReadOnly):
            owner.execute("TRUNCATE mentoring.mentor_mentee CASCADE")
        assert len(rows(owner)) == 1

    @pytest.mark.parametrize("change", ["mentor_notes = 'x'", "accepted_at = now()", "subscribe_to_quizzes = false"])
    def test_changes_nothing_in_the_name_of_an_outsider(self, owner: psycopg.Connection, change: str) -> None:
        put_as_superuser(owner, "active")
        before = rows(owner)
        become(owner, OUTSIDER)
        with refused(NotPermitted) as caught:
            owner.execute(f"UPDATE mentoring.mentor_mentee SET {change}")
        assert caught.value.values["actor_is"] == "outsider"
        assert rows(owner) == before

    def test_cannot_delete_a_user_who_is_part_of_a_story(self, admin: psycopg.Connection) -> None:
        put(admin, "terminated")
        for person in (MENTOR, MENTEE):
            with pytest.raises(psycopg.Error) as caught:
                admin.execute("DELETE FROM auth.users WHERE id = %s", [person])
            assert caught.value.sqlstate in {"23503", "23001"}
            assert str(caught.value.diag.constraint_name).startswith("mentor_mentee_ment")


def put_as_superuser(owner: psycopg.Connection, scene: Scene | str) -> int:
    owner.execute("RESET ROLE")
    relation = put(owner, scene)
    owner.execute("SET ROLE mentorbase_owner")
    return relation


class TestWhoActsAfterACall:
    CALLS: ClassVar[dict[str, Call]] = {
        "request": lambda mentoring, _: mentoring.request(MENTOR, 5, actor_id=MENTOR, reason="theirs"),
        "crossed": lambda mentoring, _: mentoring.request(MENTOR, MENTEE, actor_id=MENTOR, reason="theirs"),
        "accept": lambda mentoring, relation: mentoring.accept(relation, actor_id=MENTOR, reason="theirs"),
        "subscribe": lambda mentoring, relation: mentoring.change_subscriptions(
            relation, actor_id=MENTEE, quizzes=False
        ),
    }
    REFUSED: ClassVar[dict[str, Call]] = {
        "request": lambda mentoring, _: mentoring.request(5, 6, actor_id=OUTSIDER, reason="theirs"),
        "accept": lambda mentoring, relation: mentoring.accept(relation, actor_id=MENTEE, reason="theirs"),
        "pause": lambda mentoring, relation: mentoring.pause(relation, actor_id=MENTEE, reason="theirs"),
        "subscribe": lambda mentoring, relation: mentoring.change_subscriptions(
            relation, actor_id=MENTOR, quizzes=False
        ),
    }

    @pytest.mark.parametrize("setting", ["", "system", f"admin:{ADMIN}", "7"])
    @pytest.mark.parametrize("call", CALLS)
    def test_is_who_acted_before_it(
        self, admin: psycopg.Connection, app: psycopg.Connection, setting: str, call: str
    ) -> None:
        relation = put(admin, BY_MENTEE)
        with acting(app, setting):
            app.execute("SET LOCAL mentorbase.reason = 'before'")
            self.CALLS[call](Mentoring(app), relation)
            assert settings(app) == (setting, "before")
        assert all((step["actor_id"], step["reason"]) == (MENTOR, "theirs") for step in steps(admin))

    @pytest.mark.parametrize("call", REFUSED)
    def test_is_who_acted_before_a_refusal_that_was_caught(
        self, admin: psycopg.Connection, app: psycopg.Connection, call: str
    ) -> None:
        relation = put(admin, BY_MENTEE)
        with acting(app, "system"):
            app.execute("SET LOCAL mentorbase.reason = 'before'")
            with pytest.raises((NotPermitted, TransitionRefused)), app.transaction():
                self.REFUSED[call](Mentoring(app), relation)
            assert settings(app) == ("system", "before")

    def test_is_nobody_if_nobody_did_so_the_next_statement_is_refused(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relation = put(admin, BY_MENTEE)
        with app.transaction():
            Mentoring(app).accept(relation, actor_id=MENTOR, reason="theirs")
            assert settings(app) == ("", "")
            with refused(ActorRequired), app.transaction():
                app.execute("UPDATE mentoring.mentor_mentee SET status = 'paused' WHERE id = %s", [relation])
        assert rows(admin)[0]["status"] == "active"

    def test_is_unchanged_by_a_call_that_names_nobody(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        relation = put(admin, BY_MENTEE)
        with acting(app, MENTOR):
            app.execute("SET LOCAL mentorbase.reason = 'before'")
            Mentoring(app).accept(relation)
            assert settings(app) == (str(MENTOR), "before")
        assert steps(admin)[0]["reason"] == "before"

    def test_ends_with_the_transaction(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        Mentoring(app).accept(put(admin, BY_MENTEE), actor_id=MENTOR, reason="theirs")
        assert settings(app) == ("", "")


def settings(conn: psycopg.Connection) -> tuple[str, str]:
    found = conn.execute(
        "SELECT current_setting('mentorbase.actor', true), current_setting('mentorbase.reason', true)"
    ).fetchone()
    assert found
    return found[0] or "", found[1] or ""


def test_the_constraints_hold_even_where_no_trigger_runs(subtests: pytest.Subtests, admin: psycopg.Connection) -> None:
    for constraint, status, change in INCONSISTENT:
        with subtests.test(status=status, change=change):
            clear(admin)
            put(admin, status)
            before = rows(admin)
            with pytest.raises(psycopg.errors.CheckViolation) as caught, unguarded(admin):
                admin.execute(f"UPDATE mentoring.mentor_mentee SET {change}")
            assert caught.value.diag.constraint_name == f"mentor_mentee_{constraint}"
            assert rows(admin) == before
