"""The audit logs: what they tell of each change, that they tell of all of them, and that nobody rewrites them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest
from auditing import (
    ALSO_AUDITED,
    AUDITED,
    LOGS,
    OPERATIONS,
    SAMPLED,
    UNAUDITED,
    audit_log,
    leaves,
    perform,
    prepare,
    steps,
    told,
    whole,
)
from mentorbase import Actor, Database, PublicationKind, ReadOnly
from mentoring.lifecycle import acting, put, refused
from psycopg import sql
from psycopg.rows import dict_row

pytestmark = pytest.mark.usefixtures("people")

TRIGGERS = """
SELECT
    tgrelid::regclass::text AS name,
    string_agg(DISTINCT CASE
        WHEN tgtype & 4 > 0 THEN 'insert' WHEN tgtype & 8 > 0 THEN 'delete' WHEN tgtype & 16 > 0 THEN 'update'
    END, ' ') AS operations,
    array_agg(DISTINCT tgargs) AS arguments
FROM pg_trigger
WHERE tgfoid = 'platform.audit'::regproc AND tgenabled = 'O'
GROUP BY tgrelid
"""


@pytest.fixture
def owner(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The admin connection as the owner of the tables, as somebody with a SQL client."""
    admin.execute("SET ROLE mentorbase_owner")
    yield admin
    admin.execute("RESET ROLE")


def words(text: str) -> set[str]:
    return set(text.split())


class TestWhatIsAudited:
    def test_every_table_of_a_service_is_audited_or_says_why_not(self, admin: psycopg.Connection) -> None:
        tables = admin.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'platform'"
            " AND n.nspname !~ '^(pg_|information_schema|yoyo|public)'"
        ).fetchall()
        assert {name for (name,) in tables} == AUDITED.keys() | ALSO_AUDITED.keys() | UNAUDITED.keys()

    def test_the_triggers_are_those_of_the_list(self, admin: psycopg.Connection) -> None:
        found = {name: words(operations) for name, operations, _ in admin.execute(TRIGGERS)}
        listed = ALSO_AUDITED | {table: audited.operations for table, audited in AUDITED.items()}
        assert found == {table: words(operations) for table, operations in listed.items()}

    def test_what_a_trigger_does_not_tell_is_told_elsewhere(self) -> None:
        for table, audited in AUDITED.items():
            assert words(audited.operations) | dict(audited.elsewhere).keys() == set(OPERATIONS), table

    def test_rows_are_named_by_the_primary_key_and_secrets_are_those_of_the_list(
        self, admin: psycopg.Connection
    ) -> None:
        for table, _, arguments in admin.execute(TRIGGERS).fetchall():
            [[key]] = admin.execute(
                "SELECT array_agg(attname::text) FROM pg_constraint JOIN pg_attribute"
                " ON attrelid = conrelid AND attnum = ANY (conkey) WHERE contype = 'p' AND conrelid = %s::regclass",
                [table],
            ).fetchall()
            [given] = arguments
            keys, secrets, *_ = [*given.decode().split("\0"), ""]
            assert set(keys.split(",")) == set(key)
            if table in ALSO_AUDITED:
                continue
            assert set(key) == AUDITED[table].key.keys()
            assert tuple(filter(None, secrets.split(","))) == AUDITED[table].secret

    def test_secret_columns_exist(self, admin: psycopg.Connection) -> None:
        for table, audited in AUDITED.items():
            columns = admin.execute(
                "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = %s::regclass", [table]
            ).fetchall()[0][0]
            assert set(audited.secret) <= set(columns)

    def test_every_log_has_the_same_shape(self, admin: psycopg.Connection) -> None:
        shape = """
            SELECT
                (
                    SELECT array_agg((a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                        pg_get_expr(d.adbin, d.adrelid))::text ORDER BY a.attnum)
                    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                    WHERE a.attrelid = c.oid AND a.attnum > 0
                ),
                pg_get_partkeydef(c.oid),
                ARRAY(
                    SELECT replace(pg_get_indexdef(indexrelid), c.relnamespace::regnamespace || '.', '')
                    FROM pg_index WHERE indrelid = c.oid ORDER BY 1
                ),
                ARRAY(
                    SELECT replace(pg_get_triggerdef(t.oid), c.relnamespace::regnamespace || '.', '')
                    FROM pg_trigger AS t WHERE t.tgrelid = c.oid ORDER BY 1
                ),
                pg_get_userbyid(c.relowner)
            FROM pg_class AS c
            WHERE c.relname = 'audit_log'
        """
        found = admin.execute(shape).fetchall()
        assert len(found) == len(LOGS)
        assert len({str(row) for row in found}) == 1

    def test_a_log_stands_in_every_schema_of_the_list_and_in_no_other(self, admin: psycopg.Connection) -> None:
        found = admin.execute("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'audit_log'")
        assert sorted(name for (name,) in found) == sorted(LOGS)

    def test_none_can_be_emptied_without_a_trace(self, admin: psycopg.Connection) -> None:
        guarded = admin.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgfoid = 'platform.refuse_change'::regproc AND tgtype & 32 > 0 AND tgenabled = 'O'"
        ).fetchall()
        assert AUDITED.keys() - {name for (name,) in guarded} == set()


class TestWhatAChangeLeaves:
    @pytest.mark.parametrize(("table", "operation"), steps())
    def test_one_row_with_what_was_and_what_is(self, owner: psycopg.Connection, table: str, operation: str) -> None:
        prepare(owner, table, operation)
        before = whole(owner, table) if operation != "insert" else {}
        known = {row["id"] for row in told(owner, table)}
        with owner.transaction():
            perform(owner, table, operation)
            [[transaction, now]] = owner.execute("SELECT pg_current_xact_id()::text, now()").fetchall()
        after = whole(owner, table) if operation != "delete" else {}

        [row] = [row for row in told(owner, table) if row["id"] not in known]
        changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
        old, new = {
            "insert": (None, after),
            "update": ({name: before[name] for name in changed}, {name: after[name] for name in changed}),
            "delete": (before, None),
        }[operation]
        assert row == {
            "id": row["id"],
            "table_name": table.partition(".")[2],
            "row_key": AUDITED[table].key,
            "operation": operation,
            "old_values": old,
            "new_values": new,
            "secret_columns": row["secret_columns"],
            "actor_kind": "admin",
            "actor_id": None,
            "db_login": "postgres",
            "db_role": "mentorbase_owner",
            "transaction_id": transaction,
            "occurred_at": now,
            "scrubbed_at": None,
            "leaf": f"{table.partition('.')[0]}.audit_log_{now:y%Ym%m}",
        }
        assert sorted(row["secret_columns"]) == sorted(AUDITED[table].secret)
        assert operation != "update" or changed or AUDITED[table].secret

    @pytest.mark.parametrize("table", [table for table, audited in AUDITED.items() if audited.secret])
    def test_no_value_of_a_secret_column_is_anywhere_in_it(self, owner: psycopg.Connection, table: str) -> None:
        for operation in OPERATIONS:
            perform(owner, table, operation)
        found = [row["operation"] for row in told(owner, table) if row["row_key"] == AUDITED[table].key]
        assert found == AUDITED[table].operations.split()
        for schema in LOGS:
            assert "laintext" not in str(audit_log(owner, schema))

    def test_a_secret_column_that_is_not_filled_is_not_named(self, owner: psycopg.Connection) -> None:
        owner.execute("INSERT INTO auth.users (id, first_name) VALUES (50, 'Anna')")
        owner.execute("DELETE FROM auth.users WHERE id = 50")
        assert [row["secret_columns"] for row in told(owner, "auth.users")[-2:]] == [["first_name"]] * 2

    @pytest.mark.parametrize(
        ("actor", "kind", "person"), [("3", "user", 3), ("admin:4", "admin", 4), ("system", "system", None)]
    )
    def test_the_application_is_recorded_with_its_login_and_its_actor(
        self, admin: psycopg.Connection, app: psycopg.Connection, actor: str, kind: str, person: int | None
    ) -> None:
        with acting(app, actor):
            app.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (3)")
        [row] = told(admin, "mentoring.user_profiles")
        assert (row["actor_kind"], row["actor_id"]) == (kind, person)
        assert (row["db_login"], row["db_role"]) == (app.info.user, None)

    def test_a_role_that_the_session_has_set_is_recorded_beside_the_login(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        with acting(app, 3):
            app.execute("SET LOCAL ROLE mentoring_app")
            app.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (3)")
        [row] = told(admin, "mentoring.user_profiles")
        assert (row["db_login"], row["db_role"]) == (app.info.user, "mentoring_app")

    def test_the_dao_leaves_a_row_a_change(self, db: Database, admin: psycopg.Connection) -> None:
        before = len(audit_log(admin, "mentoring"))
        with db.transaction(actor=Actor.admin(20)) as tx:
            user = tx.auth.create_user(first_name="Anna")
        mentoring = db.mentoring
        link = mentoring.request(7, 9, actor_id=9)
        with db.transaction(actor=7) as tx:
            tx.mentoring.save_profile(7, mentor_bio="Teaches.")
            tx.mentoring.save_profile(7, mentor_bio="Teaches more.")
            subject = tx.mentoring.create_subject(7, title="Algebra")
            tx.mentoring.change_subject(subject.id, title="Geometry")
        mentoring.accept(link.id, actor_id=7)
        mentoring.change_subscriptions(link.id, quizzes=False, actor_id=9)
        mentoring.write_note(link.id, note="Plaintext", actor_id=7)
        published = mentoring.publish(7, PublicationKind.QUIZ, reference="q1", title="A quiz", actor_id=7)
        mentoring.block(7, 9, actor_id=7)
        mentoring.remove(link.id, actor_id=9)
        mentoring.unblock(7, 9, actor_id=7)

        [row] = [row for row in told(admin, "auth.users") if row["row_key"] == {"id": user.id}]
        assert (row["actor_kind"], row["actor_id"], row["secret_columns"]) == ("admin", 20, ["first_name"])
        relation, pair = {"id": link.id}, {"blocker_id": 7, "blocked_id": 9}
        assert [
            (row["table_name"], row["operation"], row["row_key"], row["actor_id"])
            for row in audit_log(admin, "mentoring")[before:]
        ] == [
            ("user_profiles", "insert", {"user_id": 7}, 7),
            ("user_profiles", "update", {"user_id": 7}, 7),
            ("subjects", "insert", {"id": subject.id}, 7),
            ("subjects", "update", {"id": subject.id}, 7),
            ("mentor_mentee", "update", relation, 9),
            ("mentor_mentee", "update", relation, 7),
            ("publications", "insert", {"id": published.id}, 7),
            ("blocks", "insert", pair, 7),
            ("mentor_mentee", "update", relation, 9),
            ("blocks", "delete", pair, 7),
        ]

    def test_all_changes_of_a_transaction_name_it(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        with acting(app, "system"):
            for user in (3, 4):
                with app.transaction():
                    app.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (%s)", [user])
            app.execute("UPDATE auth.users SET is_active = false WHERE id = 3")
            [[transaction]] = app.execute("SELECT pg_current_xact_id()::text").fetchall()
        rows = [*told(admin, "mentoring.user_profiles"), told(admin, "auth.users")[-1]]
        assert {row["transaction_id"] for row in rows} == {transaction}
        assert len({row["occurred_at"] for row in rows}) == 1

    def test_what_is_rolled_back_is_not_told(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        with acting(app, 3), app.transaction(force_rollback=True):
            app.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (3)")
        assert told(admin, "mentoring.user_profiles") == []

    def test_times_are_written_in_utc_whatever_the_session_reads(self, owner: psycopg.Connection) -> None:
        owner.execute("SET timezone = 'Asia/Kolkata'")
        owner.execute("SET datestyle = 'German'")
        perform(owner, "mentoring.subjects", "insert")
        perform(owner, "mentoring.subjects", "delete")
        owner.execute("RESET timezone")
        owner.execute("RESET datestyle")
        inserted, deleted = told(owner, "mentoring.subjects")
        assert inserted["new_values"]["created_at"].endswith("+00:00")
        assert datetime.fromisoformat(inserted["new_values"]["created_at"]) == inserted["occurred_at"]
        assert deleted["old_values"] == inserted["new_values"]


class TestStatements:
    def test_a_statement_of_many_rows_leaves_as_many(self, owner: psycopg.Connection) -> None:
        owner.execute(
            "INSERT INTO mentoring.subjects (user_id, title) SELECT i, 'Algebra ' || i FROM generate_series(1, 3) AS i"
        )
        owner.execute("UPDATE mentoring.subjects SET title = 'Geometry ' || user_id")
        owner.execute("DELETE FROM mentoring.subjects WHERE user_id > 1")
        found = told(owner, "mentoring.subjects")
        assert [row["operation"] for row in found] == ["insert"] * 3 + ["update"] * 3 + ["delete"] * 2
        assert sorted((row["old_values"]["title"], row["new_values"]["title"]) for row in found[3:6]) == [
            (f"Algebra {i}", f"Geometry {i}") for i in (1, 2, 3)
        ]

    def test_a_statement_that_finds_no_row_leaves_none(self, owner: psycopg.Connection) -> None:
        before = {schema: audit_log(owner, schema) for schema in LOGS}
        for table in AUDITED:
            owner.execute(f"DELETE FROM {table} WHERE false")
            # The key first, which no table computes.
            key = ", ".join(AUDITED[table].key)
            owner.execute(f"INSERT INTO {table} ({key}) SELECT {key} FROM {table} WHERE false")
        assert {schema: audit_log(owner, schema) for schema in LOGS} == before

    def test_a_copy_leaves_a_row_for_each(self, owner: psycopg.Connection) -> None:
        with owner.cursor() as cursor, cursor.copy("COPY mentoring.subjects (user_id, title) FROM STDIN") as copy:
            for user in range(1, 6):
                copy.write_row((user, "Algebra"))
        found = told(owner, "mentoring.subjects")
        assert [row["new_values"]["user_id"] for row in found] == [1, 2, 3, 4, 5]

    def test_on_conflict_each_row_is_told_as_what_became_of_it(self, owner: psycopg.Connection) -> None:
        perform(owner, "mentoring.user_profiles", "insert")
        owner.execute(
            "INSERT INTO mentoring.user_profiles (user_id, max_mentees) VALUES (1, 7), (2, 7), (3, 7)"
            " ON CONFLICT (user_id) DO UPDATE SET max_mentees = excluded.max_mentees"
        )
        owner.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (1), (4) ON CONFLICT DO NOTHING")
        found = [(row["row_key"]["user_id"], row["operation"]) for row in told(owner, "mentoring.user_profiles")[1:]]
        assert sorted(found) == [(1, "update"), (2, "insert"), (3, "insert"), (4, "insert")]
        [updated] = [row for row in told(owner, "mentoring.user_profiles") if row["operation"] == "update"]
        assert (updated["old_values"], updated["new_values"]) == ({"max_mentees": None}, {"max_mentees": 7})

    def test_a_merge_is_told_like_its_parts(self, owner: psycopg.Connection) -> None:
        perform(owner, "mentoring.user_profiles", "insert")
        owner.execute(
            "MERGE INTO mentoring.user_profiles AS p USING (VALUES (1), (2)) AS s (id) ON p.user_id = s.id"
            " WHEN MATCHED THEN UPDATE SET max_mentees = 5 WHEN NOT MATCHED THEN INSERT (user_id) VALUES (s.id)"
        )
        found = [(row["row_key"]["user_id"], row["operation"]) for row in told(owner, "mentoring.user_profiles")[1:]]
        assert sorted(found) == [(1, "update"), (2, "insert")]

    def test_what_a_foreign_key_deletes_is_told_too(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        admin.execute("INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (11, 12), (13, 11)")
        with acting(admin, "system"):
            admin.execute("DELETE FROM auth.users WHERE id = 11")
        found = told(admin, "mentoring.blocks")[2:]
        assert sorted((row["row_key"]["blocker_id"], row["operation"], row["actor_kind"]) for row in found) == [
            (11, "delete", "system"),
            (13, "delete", "system"),
        ]

    @pytest.mark.parametrize("table", [table for table, operation in steps("update")])
    def test_an_update_that_changes_nothing_leaves_nothing(self, owner: psycopg.Connection, table: str) -> None:
        prepare(owner, table, "update")
        known = len(told(owner, table))
        assert AUDITED[table].change
        columns = [part.split("=")[0].strip() for part in AUDITED[table].change.split(",")]
        owner.execute(f"UPDATE {table} SET {', '.join(f'{column} = {column}' for column in columns)}")
        assert len(told(owner, table)) == known

    def test_what_the_database_counts_for_itself_leaves_nothing(self, admin: psycopg.Connection) -> None:
        admin.execute("INSERT INTO mentoring.user_profiles (user_id, max_mentees) VALUES (1, 3)")
        with acting(admin, "system"):
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)"
                " VALUES (1, 2, 'system', 'active')"
            )
        assert admin.execute("SELECT places_version FROM mentoring.user_profiles").fetchone() == (1,)
        admin.execute("UPDATE mentoring.user_profiles SET places_version = 9")
        admin.execute("UPDATE auth.users SET updated_at = now()")
        assert [row["operation"] for row in told(admin, "mentoring.user_profiles")] == ["insert"]
        assert told(admin, "mentoring.mentor_mentee") == []
        assert {row["operation"] for row in told(admin, "auth.users")} == {"insert"}

    def test_a_step_alone_stands_in_the_history_only(self, db: Database, admin: psycopg.Connection) -> None:
        link = db.mentoring.request(7, 9, actor_id=9)
        db.mentoring.accept(link.id, actor_id=7)
        db.mentoring.complete(link.id, actor_id=7)
        assert told(admin, "mentoring.mentor_mentee") == []
        assert len(db.mentoring.history(link.id)) == 3

    @pytest.mark.parametrize(
        ("change", "column"),
        [
            pytest.param("subscribe_to_quizzes = false", "subscribe_to_quizzes"),
            pytest.param("mentor_notes = 'Plaintext'", "mentor_notes"),
            ("hidden_by_mentor_at = now()", "hidden_by_mentor_at"),
        ],
    )
    def test_what_is_changed_together_with_a_step_is_told(
        self, admin: psycopg.Connection, change: str, column: str
    ) -> None:
        put(admin, "active")
        admin.execute(f"UPDATE mentoring.mentor_mentee SET status = 'terminated', {change}")
        [row] = told(admin, "mentoring.mentor_mentee")
        assert column in {*row["new_values"], *row["secret_columns"]}

    def test_a_booking_is_not_taken_from_its_relationship_without_a_trace(self, admin: psycopg.Connection) -> None:
        with acting(admin, "system"):
            admin.execute(
                "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, status)"
                " VALUES (1, 2, 'system', 'active')"
            )
        perform(admin, "mentoring.subjects", "insert")
        perform(admin, "mentoring.subject_schedule", "insert")
        with refused(ReadOnly, "MB006"):
            admin.execute("UPDATE mentoring.subject_schedule SET relationship_id = NULL")


class TestNobodyRewritesIt:
    CHANGES = ("UPDATE {} SET actor_id = 1", "UPDATE {} SET actor_id = 1 WHERE false", "DELETE FROM {}", "TRUNCATE {}")

    @pytest.mark.parametrize("role", ["postgres", "mentorbase_owner"])
    @pytest.mark.parametrize("schema", SAMPLED)
    def test_neither_the_owner_nor_a_superuser(
        self, subtests: pytest.Subtests, admin: psycopg.Connection, schema: str, role: str
    ) -> None:
        perform(admin, {"auth": "auth.users", "mentoring": "mentoring.subjects"}[schema], "insert")
        before = audit_log(admin, schema)
        assert before
        admin.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        for relation in (f"{schema}.audit_log", *leaves(admin, schema)):
            for change in self.CHANGES:
                with subtests.test(f"{change} {relation}"), refused(ReadOnly, "MB006"):
                    admin.execute(sql.SQL(change).format(sql.Identifier(*relation.split("."))))  # type: ignore[arg-type]
        assert audit_log(admin, schema) == before

    @pytest.mark.parametrize("schema", SAMPLED)
    def test_an_application_and_an_analyst_have_no_privilege_whatever_they_set(
        self,
        subtests: pytest.Subtests,
        admin: psycopg.Connection,
        app: psycopg.Connection,
        reader: psycopg.Connection,
        schema: str,
    ) -> None:
        statements = (
            *self.CHANGES,
            "SELECT 1 FROM {}",
            "SELECT id FROM {} FOR UPDATE",
            "COPY {} TO STDOUT",
            "INSERT INTO {} (table_name, row_key, operation, actor_kind, db_login)"
            " VALUES ('users', '{{}}', 'update', 'system', 'x')",
        )
        for conn in (app, reader):
            conn.execute(sql.SQL("SET mentorbase.maintenance = {}").format(sql.Literal(schema)))
            conn.execute("SET mentorbase.actor = 'system'")
            for relation in (f"{schema}.audit_log", *leaves(admin, schema)):
                for statement in statements:
                    with (
                        subtests.test(f"{conn.info.user} {statement} {relation}"),
                        pytest.raises(psycopg.errors.InsufficientPrivilege),
                    ):
                        conn.execute(sql.SQL(statement).format(sql.Identifier(*relation.split("."))))

    @pytest.mark.parametrize(
        "call",
        [
            "platform.make_months('auth', 'audit_log')",
            "platform.drop_months('auth', 'audit_log', '1 day')",
            "platform.maintain_audit_logs()",
            "platform.scrub('auth', 'users', '{{\"id\": 1}}')",
            "platform.pick('{{}}', '{{}}')",
            "mentoring.purge(false)",
            "mentoring.purge()",
        ],
    )
    def test_nobody_but_the_owner_maintains_it(
        self, app: psycopg.Connection, reader: psycopg.Connection, call: str
    ) -> None:
        for conn in (app, reader):
            conn.execute("SET mentorbase.actor = 'system'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"SELECT {call.format()}")  # type: ignore[arg-type]

    @pytest.mark.parametrize("schema", SAMPLED)
    def test_not_even_maintenance_empties_it_or_reaches_another_schema(
        self, owner: psycopg.Connection, schema: str
    ) -> None:
        for setting, statement in ((schema, "TRUNCATE {}"), ("elsewhere", "DELETE FROM {}")):
            owner.execute(sql.SQL("SET mentorbase.maintenance = {}").format(sql.Literal(setting)))
            for relation in (f"{schema}.audit_log", *leaves(owner, schema)):
                with refused(ReadOnly, "MB006"):
                    owner.execute(sql.SQL(statement).format(sql.Identifier(*relation.split("."))))

    def test_nobody_but_the_owner_lets_another_table_write_to_it(self, app: psycopg.Connection) -> None:
        app.execute("CREATE TEMPORARY TABLE mine (id bigint)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TRIGGER mine AFTER UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION platform.audit('id')")

    def test_a_callers_own_table_is_not_taken_for_the_rows_that_changed(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        app.execute("CREATE TEMPORARY TABLE changed_rows (id bigint)")
        app.execute("CREATE TEMPORARY TABLE audit_log (LIKE changed_rows)")
        app.execute("INSERT INTO changed_rows VALUES (1)")
        with acting(app, 3):
            app.execute("INSERT INTO mentoring.user_profiles (user_id) VALUES (3)")
        assert [row["row_key"] for row in told(admin, "mentoring.user_profiles")] == [{"user_id": 3}]

    def test_the_setting_does_not_outlive_the_function_that_needs_it(self, owner: psycopg.Connection) -> None:
        with refused(ReadOnly, "MB006"), owner.transaction():
            owner.execute("SELECT platform.scrub('auth', 'users', '{\"id\": 1}')")
            owner.execute("SELECT platform.make_months('auth', 'audit_log', 7)")
            owner.execute("DELETE FROM auth.audit_log")


class TestWhatAnalystsSee:
    def test_all_but_the_values_and_the_logins(self, owner: psycopg.Connection, reader: psycopg.Connection) -> None:
        for operation in OPERATIONS:
            perform(owner, "auth.users", operation)
        rows = reader.cursor(row_factory=dict_row).execute(
            "SELECT * FROM auth.v_audit_log WHERE row_key = '{\"id\": 50}' ORDER BY change_id"
        )
        found = rows.fetchall()
        secret = ["first_name", "last_name", "username"]
        assert [row["changed_columns"] for row in found] == [secret, sorted([*secret, "language_code"]), secret]
        [told_insert, *_] = [row for row in told(owner, "auth.users") if row["row_key"] == {"id": 50}]
        assert found[0] == {
            "change_id": told_insert["id"],
            "changed_columns": secret,
            **{
                name: told_insert[name]
                for name in (
                    *("table_name", "row_key", "operation", "actor_kind", "actor_id"),
                    *("transaction_id", "occurred_at"),
                )
            },
        }

    @pytest.mark.parametrize("schema", SAMPLED)
    def test_no_value_ever(self, owner: psycopg.Connection, reader: psycopg.Connection, schema: str) -> None:
        for table, audited in AUDITED.items():
            with owner.transaction():
                owner.execute(audited.before)
                for operation in OPERATIONS if audited.change else ("insert", "delete"):
                    perform(owner, table, operation)
                owner.execute("DELETE FROM mentoring.subjects")
        seen = reader.execute(f"SELECT a::text FROM {schema}.v_audit_log AS a").fetchall()
        assert len(seen) > 2
        for word in ("laintext", "Teaches", "Algebra", "Geometry", "EUR", "5050", "A quiz", "postgres", "owner"):
            assert word not in str(seen)

    def test_not_who_blocks_whom(self, db: Database, reader: psycopg.Connection) -> None:
        db.mentoring.block(7, 9, actor_id=7)
        db.mentoring.unblock(7, 9, actor_id=7)
        assert reader.execute("SELECT 1 FROM mentoring.v_audit_log WHERE table_name = 'blocks'").fetchall() == []
