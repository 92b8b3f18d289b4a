"""Who may do what to which table, from the catalog, against what is written here by hand; and which rows."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from quests.family import Family

OPERATIONS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE", "R": "REFERENCES"}

# Small letters: some columns only. What is not listed is nobody's but the owner's.
MATRIX = {
    "pas_bot_user": {
        "users": "Siu",
        "quests": "S",
        "creative_projects": "Su",
        "psychological_profiles": "Su",
        "messages": "SiuD",
        "sessions": "SiuD",
        "letters": "SiuD",
        "goals": "SiuD",
        "metrics_snapshots": "SiD",
        "quests_transitions": "S",
    },
    "inner_edu_user": {
        "child_privacy_settings": "S",
        "quest_nodes": "S",
        "child_progress": "S",
        "achievements": "S",
        "quests_transitions": "S",
    },
    "quests_app": {"quests_transitions": "S"},
    "mentorbase_app": {"quests_transitions": "S"},
    "mentorbase_reader": {
        "v_quests": "S",
        "v_creative_projects": "S",
        "v_quest_history": "S",
        "v_consent_changes": "S",
        "v_privacy_reads": "S",
        "v_audit_log": "S",
    },
    "public": {},
}

FOUND = """
SELECT r.role::text, c.relname::text, o.letter, has_table_privilege(r.role, c.oid, o.privilege) AS whole
FROM unnest(%s::text[]) AS r (role)
CROSS JOIN pg_class AS c
CROSS JOIN unnest(%s::text[], %s::text[]) AS o (letter, privilege)
WHERE c.relnamespace = 'quests'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND CASE
        WHEN o.privilege IN ('DELETE', 'TRUNCATE') THEN has_table_privilege(r.role, c.oid, o.privilege)
        ELSE has_any_column_privilege(r.role, c.oid, o.privilege)
    END
"""

BY_THE_OWNER = {"settings", "quests_transitions", "audit_log"}
"""Tables without rows of people, and the log, which no application has any right to."""


def matrix(conn: psycopg.Connection[Any]) -> dict[str, dict[str, str]]:
    """Role to table to operations, inherited ones too."""
    found: dict[str, dict[str, set[str]]] = {role: {} for role in MATRIX}
    for role, table, letter, whole in conn.execute(
        FOUND, [list(MATRIX), list(OPERATIONS), list(OPERATIONS.values())]
    ).fetchall():
        found[role].setdefault(table, set()).add(letter if whole else letter.lower())
    order = "sSiIuUdDtTrR".index
    return {
        role: {table: "".join(sorted(letters, key=order)) for table, letters in tables.items()}
        for role, tables in found.items()
    }


def test_the_privileges_are_those_of_the_matrix(shared_family: Family) -> None:
    assert matrix(shared_family.admin) == MATRIX


@pytest.mark.parametrize(
    "breach",
    [
        "GRANT SELECT ON quests.quest_analytics TO pas_bot_user",
        "GRANT SELECT (play_count) ON quests.quest_analytics TO PUBLIC",
        "GRANT UPDATE (share_play_frequency) ON quests.child_privacy_settings TO inner_edu_user",
        "GRANT pas_bot_user TO mentorbase_app",
        "REVOKE DELETE ON quests.letters FROM pas_bot_user",
    ],
)
def test_a_privilege_too_many_or_too_few_is_found(shared_family: Family, breach: str) -> None:
    with shared_family.admin.transaction(force_rollback=True):
        shared_family.admin.execute(breach)  # type: ignore[call-overload]
        assert matrix(shared_family.admin) != MATRIX


def unforced(conn: psycopg.Connection[Any]) -> list[str]:
    """Tables of the service without row-level security that also holds for the owner."""
    rows = conn.execute(
        """
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'quests'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND NOT (relrowsecurity AND relforcerowsecurity)
        """
    ).fetchall()
    return sorted({name for (name,) in rows} - BY_THE_OWNER)


def test_row_level_security_is_forced_on_every_table_of_people(shared_family: Family) -> None:
    assert unforced(shared_family.admin) == []
    with shared_family.admin.transaction(force_rollback=True):
        shared_family.admin.execute("ALTER TABLE quests.letters NO FORCE ROW LEVEL SECURITY")
        assert unforced(shared_family.admin) == ["letters"]


def test_each_table_has_the_owner_s_policy_and_at_most_one_application_s(shared_family: Family) -> None:
    found = shared_family.admin.execute(
        """
        SELECT tablename::text, array_agg(roles::text[] ORDER BY policyname DESC)
        FROM pg_policies WHERE schemaname = 'quests' GROUP BY tablename
        """
    ).fetchall()
    expected = {"pas_bot_user": [], "inner_edu_user": []} | {
        role: sorted(set(MATRIX[role]) - BY_THE_OWNER) for role in ("pas_bot_user", "inner_edu_user")
    }
    for role, tables in expected.items():
        assert sorted(table for table, roles in found if [role] in roles) == tables
    assert all(["mentorbase_owner"] in roles and len(roles) <= 2 for _, roles in found)


def test_what_redacts_is_volatile_and_the_owner_s(shared_family: Family) -> None:
    found = shared_family.admin.execute(
        """
        SELECT proname::text, provolatile::text, prosecdef, proowner::regrole::text FROM pg_proc
        WHERE pronamespace = 'quests'::regnamespace AND proname IN ('ask', 'read', 'get_or_create_profile')
        ORDER BY proname
        """
    ).fetchall()
    assert found == [(name, "v", True, "mentorbase_owner") for name in ("ask", "get_or_create_profile", "read")]
