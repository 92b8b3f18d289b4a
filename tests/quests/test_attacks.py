"""What an attacker with the parent's role tries, or the child's: only ask() and read() show what a child did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from mentorbase import DataType, QuestStatus
from mentorbase.mentoring import LAST
from psycopg import sql
from quests.family import CHILD, EDU, OTHER_CHILD, OTHER_PARENT, PARENT, PAS, Family

OF_THE_CHILD = (
    "quest_analytics",
    "child_privacy_settings",
    "consent_changes",
    "child_progress",
    "achievements",
    "quest_nodes",
    "privacy_reads",
    "audit_log",
    "audit_log_default",
)
"""What the parent's role has no way into."""

OF_THE_PARENT = (
    "users",
    "quests",
    "quest_history",
    "creative_projects",
    "psychological_profiles",
    "messages",
    "sessions",
    "letters",
    "goals",
    "metrics_snapshots",
    "privacy_reads",
    "audit_log",
)
"""What the child's role has no way into."""


@pytest.fixture(scope="module")
def quest_id(shared_family: Family) -> UUID:
    """A quest that was played, nothing of it shared."""
    return shared_family.played()


@pytest.fixture
def parent(shared_family: Family) -> Iterator[psycopg.Connection[Any]]:
    """The attacker with the parents' role, who says who they are as they like."""
    with psycopg.connect(shared_family.dsn(PAS), autocommit=True) as conn:
        conn.execute(f"SET mentorbase.actor = '{PARENT}'")
        yield conn


@pytest.fixture
def child(shared_family: Family) -> Iterator[psycopg.Connection[Any]]:
    """The attacker with the children's role."""
    with psycopg.connect(shared_family.dsn(EDU), autocommit=True) as conn:
        conn.execute(f"SET mentorbase.actor = '{OTHER_CHILD}'")
        yield conn


def state(conn: psycopg.Connection[Any], statement: str, *values: object) -> str:
    """The SQLSTATE that a statement ends with."""
    try:
        conn.execute(statement, values)  # type: ignore[call-overload]
    except psycopg.Error as error:
        return error.sqlstate or ""
    return "00000"


ATTEMPTS = (
    "SELECT * FROM quests.{table}",
    "SELECT 1 FROM quests.{table}",
    "SELECT count(*) FROM quests.{table}",
    "SELECT xmin, ctid, tableoid FROM quests.{table}",
    "EXPLAIN SELECT * FROM quests.{table}",
    "EXPLAIN SELECT 1 FROM quests.quests AS q WHERE EXISTS (SELECT FROM quests.{table})",
    "TABLE quests.{table}",
    "COPY quests.{table} TO STDOUT",
    "DO $$ BEGIN LOCK TABLE quests.{table} IN ACCESS SHARE MODE; END $$",
    "SELECT 1 FROM quests.{table} FOR UPDATE NOWAIT",
    "INSERT INTO quests.{table} DEFAULT VALUES RETURNING *",
    "DELETE FROM quests.{table} RETURNING *",
    "CREATE VIEW pg_temp.spy AS SELECT * FROM quests.{table}; SELECT * FROM pg_temp.spy",
    "DEALLOCATE ALL; PREPARE spy AS SELECT * FROM quests.{table}; EXECUTE spy",
    "ANALYZE quests.{table}; SELECT * FROM quests.{table}",
    "CREATE TEMPORARY TABLE spy (LIKE quests.{table}); INSERT INTO spy SELECT * FROM quests.{table}",
    "CREATE TRIGGER spy AFTER INSERT ON quests.{table} FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at()",
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_statement_of_the_parent_s_role_reads_a_table_of_the_child(
    parent: psycopg.Connection[Any], quest_id: UUID, attempt: str
) -> None:
    # As themselves, as the child, as an administrator: who somebody says they are opens nothing.
    for actor in (PARENT, CHILD, f"admin:{PARENT}", "system"):
        parent.execute(f"SET mentorbase.actor = '{actor}'")
        assert {table: state(parent, attempt.format(table=table)) for table in OF_THE_CHILD} == dict.fromkeys(
            OF_THE_CHILD, "42501"
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_statement_of_the_child_s_role_reads_a_table_of_the_parent(
    child: psycopg.Connection[Any], quest_id: UUID, attempt: str
) -> None:
    attempt = attempt.replace("FROM quests.quests AS q", "FROM quests.quest_nodes AS q")
    for actor in (OTHER_CHILD, PARENT, f"admin:{PARENT}", "system"):
        child.execute(f"SET mentorbase.actor = '{actor}'")
        assert {table: state(child, attempt.format(table=table)) for table in OF_THE_PARENT} == dict.fromkeys(
            OF_THE_PARENT, "42501"
        )


def test_no_sequence_tells_how_much_a_child_did(parent: psycopg.Connection[Any], quest_id: UUID) -> None:
    sequences = parent.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relnamespace = 'quests'::regnamespace"
    ).fetchall()
    assert len(sequences) >= len(OF_THE_CHILD)
    for (name,) in sequences:
        for attempt in (
            f"SELECT last_value FROM {name}",
            f"SELECT nextval('{name}')",
            f"SELECT currval('{name}')",
        ):
            assert state(parent, attempt) == "42501"
        try:
            told = parent.execute("SELECT pg_sequence_last_value(%s::regclass)", [name]).fetchone()
        except psycopg.errors.InsufficientPrivilege:  # of older servers
            told = (None,)
        assert told == (None,)
    shown = parent.execute("SELECT last_value FROM pg_sequences WHERE schemaname = 'quests'").fetchall()
    assert {value for (value,) in shown} == {None}


def test_the_planner_s_statistics_are_not_shown(
    shared_family: Family, parent: psycopg.Connection[Any], quest_id: UUID
) -> None:
    shared_family.admin.execute("ANALYZE")
    shown = parent.execute("SELECT tablename FROM pg_stats WHERE schemaname = 'quests'").fetchall()
    # Row-level security hides statistics of the tables that the role reads as well: other parents are in them.
    assert {table for (table,) in shown} == {"quests_transitions"}
    for catalog in ("pg_statistic", "pg_statistic_ext_data"):
        assert state(parent, f"SELECT * FROM {catalog}") == "42501"


def leaks(conn: psycopg.Connection[Any], statement: sql.Composable) -> list[str]:
    """What a statement with an attacker's own function in it is told, through its notices."""
    told: list[str] = []
    handler = lambda diag: told.append(diag.message_primary or "")  # noqa: E731
    conn.add_notice_handler(handler)
    conn.execute(statement)
    conn.remove_notice_handler(handler)
    return told


def test_a_function_in_where_sees_no_row_that_the_policy_hides(
    shared_family: Family, parent: psycopg.Connection[Any], quest_id: UUID
) -> None:
    others = shared_family.played(OTHER_PARENT, OTHER_CHILD)
    shared_family.parent.quests.update_quest(others, {"child_name": "Secret"}, actor_id=OTHER_PARENT)
    parent.execute(
        """
        CREATE FUNCTION pg_temp.spy(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
        $$ BEGIN RAISE NOTICE '%', value; RETURN true; END $$
        """
    )
    for statement in (
        "SELECT 1 FROM quests.quests WHERE pg_temp.spy(child_name)",
        "SELECT 1 FROM quests.quests WHERE pg_temp.spy(child_name) AND creator_id > 0 ORDER BY child_name",
        "SELECT 1 FROM quests.quests AS q JOIN quests.users AS u ON pg_temp.spy(q.child_name || u.id)",
        "SELECT 1 FROM quests.creative_projects WHERE pg_temp.spy(quest_id::text)",
        "UPDATE quests.creative_projects SET progress = 1 WHERE pg_temp.spy(quest_id::text)",
    ):
        told = leaks(parent, sql.SQL(statement))
        assert told
        assert not [line for line in told if "Secret" in line or str(others) in line]
    # An error that would quote the row never comes to it either.
    assert state(parent, "SELECT 1 FROM quests.quests WHERE (child_name || 'x')::integer = 1 AND creator_id = 3") == (
        "00000"
    )


def test_a_refused_row_is_not_quoted(parent: psycopg.Connection[Any], quest_id: UUID) -> None:
    attempts = (
        "UPDATE quests.creative_projects SET progress = 101",
        f"SELECT quests.create_creative_project({PARENT}, 'quest', '{uuid4()}')",
        f"SELECT quests.create_creative_project({PARENT}, 'quest', '{quest_id}')",
        f"SELECT quests.update_quest('{quest_id}', '{{\"child_age\": 99}}')",
        "INSERT INTO quests.messages (user_id, role, content) VALUES (1, 'user', 'plain')",
    )
    for attempt in attempts:
        with pytest.raises(psycopg.errors.IntegrityError) as caught:
            parent.execute(attempt)  # type: ignore[call-overload]
        detail = caught.value.diag.message_detail or ""
        assert "contains" not in detail
        assert "=(" not in detail


def same_answer(conn: psycopg.Connection[Any], *statements: str) -> set[tuple[Any, ...]]:
    """What is said to each statement, but for the quest that it names itself."""
    answers = set()
    for statement in statements:
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(statement)  # type: ignore[call-overload]
        diag = caught.value.diag
        asked = statement.split("'")[1]
        detail = (diag.message_detail or "").replace(asked, "it")
        answers.add((diag.sqlstate, diag.message_primary, detail, diag.message_hint))
    return answers


@pytest.mark.parametrize(
    "call",
    [
        "SELECT * FROM quests.get_privacy_settings('{}')",
        "SELECT quests.can_share_with_parent('{}', 'play_frequency')",
        "SELECT quests.update_quest('{}', '{{}}')",
        "SELECT quests.set_quest_status('{}', 'archived')",
        "SELECT quests.export_quest('{}')",
        "SELECT quests.create_creative_project(1, 'quest', '{}')",
    ],
)
def test_a_quest_that_is_another_s_deleted_or_none_is_answered_alike(
    shared_family: Family, parent: psycopg.Connection[Any], call: str
) -> None:
    others = shared_family.played(OTHER_PARENT, OTHER_CHILD)
    deleted = shared_family.played()
    shared_family.parent.quests.set_quest_status(deleted, QuestStatus.DELETED, actor_id=PARENT)
    asked = [others, uuid4()] if "project" in call else [others, deleted, uuid4()]
    assert len(same_answer(parent, *(call.format(quest) for quest in asked))) == 1


def test_a_ticket_says_nothing_before_it_is_read(shared_family: Family, parent: psycopg.Connection[Any]) -> None:
    others = shared_family.played(OTHER_PARENT, OTHER_CHILD)
    tickets = [parent.execute("SELECT quests.ask(%s)", [quest]).fetchone() for quest in (others, uuid4())]
    answers = set()
    for ticket in tickets:
        with pytest.raises(psycopg.Error) as caught:
            parent.execute("SELECT * FROM quests.read(%s)", ticket)
        diag = caught.value.diag
        answers.add((diag.sqlstate, diag.message_primary, diag.message_hint))
    assert len(answers) == 1


def parents_view(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """All that the parent's role can select, of every table and view of the service."""
    found = {}
    for (name,) in conn.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE c.relnamespace = 'quests'::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND has_any_column_privilege(c.oid, 'SELECT')
        """
    ).fetchall():
        found[name] = conn.execute(
            f"SELECT to_jsonb(t), t.xmin::text, t.xmax::text, t.ctid::text FROM {name} AS t ORDER BY 1"
        ).fetchall()  # type: ignore[call-overload]
    return found


def test_nothing_that_the_parent_can_select_changes_by_what_the_child_does(
    shared_family: Family, parent: psycopg.Connection[Any]
) -> None:
    quest_id = shared_family.deployed()
    before = parents_view(parent)
    assert len(before) == 10

    play = shared_family.child.quests
    play.open_quest(quest_id, actor_id=CHILD)
    play.complete_node(quest_id, "a", actor_id=CHILD)
    shared_family.share(quest_id, *DataType)
    play.start_node(quest_id, "b", actor_id=CHILD)
    play.update_quest_progress(quest_id, 3, actor_id=CHILD)
    play.record_achievement(quest_id, {"code": "first", "title": "First"}, actor_id=CHILD)

    # Not even a system column: the child's writes touch no row of the parent's.
    assert parents_view(parent) == before


def test_what_the_child_does_neither_blocks_nor_fails_what_the_parent_does(
    shared_family: Family, parent: psycopg.Connection[Any]
) -> None:
    quest_id = shared_family.opened()
    with shared_family.child.transaction(actor=CHILD) as tx:
        tx.quests.complete_node(quest_id, "a")
        tx.quests.update_privacy_settings(quest_id, {"share_play_frequency": True})
        parent.execute("SET lock_timeout = '1ms'")
        parent.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        parent.execute("SELECT quests.update_quest(%s, '{\"child_age\": 9}')", [quest_id])
        parent.execute("COMMIT")
        ticket = parent.execute("SELECT quests.ask(%s)", [quest_id]).fetchone()
        assert state(parent, "SELECT * FROM quests.read(%s)", *ticket) == "MB601"  # type: ignore[misc]


def test_settings_of_the_session_open_nothing(parent: psycopg.Connection[Any], quest_id: UUID) -> None:
    for setting in ("row_security = off", "session_replication_role = replica", "role = mentorbase_owner"):
        state(parent, f"SET {setting}")
        assert state(parent, "SELECT * FROM quests.quest_analytics") == "42501"
    parent.execute("SET row_security = off")
    # Not the rows of all, but none at all.
    assert state(parent, "SELECT * FROM quests.quests") == "42501"


def test_no_role_of_an_application_becomes_another(shared_family: Family) -> None:
    for login, other in ((PAS, "inner_edu_user"), (EDU, "pas_bot_user"), (PAS, "mentorbase_reader")):
        with psycopg.connect(shared_family.dsn(login), autocommit=True) as conn:
            assert state(conn, f"SET ROLE {other}") == "42501"
    with psycopg.connect(shared_family.dsn("test_app"), autocommit=True) as conn:
        for other in ("pas_bot_user", "inner_edu_user"):
            assert state(conn, f"SET ROLE {other}") == "42501"
        for table in (*OF_THE_CHILD, *OF_THE_PARENT):
            assert state(conn, f"SELECT * FROM quests.{table}") == "42501"


def test_without_a_person_there_is_no_row(shared_family: Family, quest_id: UUID) -> None:
    for login, tables in (
        (PAS, [table for table in OF_THE_PARENT if table not in ("quest_history", "privacy_reads", "audit_log")]),
        (EDU, ["child_privacy_settings", "quest_nodes", "child_progress", "achievements"]),
    ):
        with psycopg.connect(shared_family.dsn(login), autocommit=True) as conn:
            for actor in ("", "system", "admin:1", "admin:2", "0", "2 OR true", "%", "NULL"):
                conn.execute("SELECT set_config('mentorbase.actor', %s, false)", [actor])
                for table in tables:
                    assert conn.execute(f"SELECT 1 FROM quests.{table}").fetchall() == []  # type: ignore[call-overload]


def test_one_person_s_rows_are_not_another_s(shared_family: Family, quest_id: UUID) -> None:
    others = shared_family.played(OTHER_PARENT, OTHER_CHILD)
    with shared_family.parent.transaction(actor=OTHER_PARENT) as tx:
        assert quest_id not in [quest.quest_id for quest in tx.quests.get_user_quests(PARENT, after_id=LAST)]
        assert tx.quests.get_user_quests(PARENT) == []
        assert tx.quests.get_all_projects(PARENT) == []
    with shared_family.child.transaction(actor=OTHER_CHILD) as tx:
        assert tx.quests.quest_nodes(quest_id) == []
        assert tx.quests.achievements(quest_id) == []
        assert [one.code for one in tx.quests.achievements(others)] == ["first"]
