"""The rules that let each service become a shard group of its own."""

from __future__ import annotations

import re

import pytest
from mentorbase import resources
from schema.support import found, without_comments

CROSSING_FOREIGN_KEYS = """
SELECT r.name || ': ' || k.conname
FROM pg_constraint AS k
JOIN relations AS r ON r.oid = k.conrelid
JOIN pg_class AS target ON target.oid = k.confrelid
WHERE k.contype = 'f' AND target.relnamespace <> r.relnamespace
"""

# Keys are what other rows refer to or are told apart by.
SMALL_KEYS = """
SELECT DISTINCT format('%s.%s %s', r.name, a.attname, format_type(a.atttypid, NULL))
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype IN ('p', 'f') AND a.attnum = ANY (k.conkey)
WHERE (k.oid IS NOT NULL OR a.attidentity <> '') AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype)
"""

FOREIGN_TRIGGER_FUNCTIONS = """
SELECT format('%s: %s', r.name, g.tgname)
FROM pg_trigger AS g
JOIN relations AS r ON r.oid = g.tgrelid
JOIN pg_proc AS p ON p.oid = g.tgfoid
WHERE NOT g.tgisinternal AND p.pronamespace <> r.relnamespace AND p.pronamespace <> 'platform'::regnamespace
"""

# A policy looks at the row it is about and at settings.
POLICIES_THAT_LOOK_ELSEWHERE = """
SELECT format('%s: %s looks at %s', r.name, y.polname, pg_describe_object(d.refclassid, d.refobjid, 0))
FROM pg_policy AS y
JOIN relations AS r ON r.oid = y.polrelid
JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = y.oid
WHERE d.refobjid <> r.oid
    AND (
        d.refclassid = 'pg_class'::regclass
        OR EXISTS (
            SELECT FROM routines AS p WHERE d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
        )
    )
"""


def test_no_foreign_key_but_of_links_crosses_a_schema(unlinked):
    assert found(unlinked, CROSSING_FOREIGN_KEYS) == []


def test_every_numeric_key_is_a_bigint(catalog):
    assert found(catalog, SMALL_KEYS) == []


def test_every_trigger_function_is_of_the_table_s_schema_or_the_platform(unlinked):
    assert found(unlinked, FOREIGN_TRIGGER_FUNCTIONS) == []


def test_every_policy_looks_at_its_own_row_only(catalog):
    assert found(catalog, POLICIES_THAT_LOOK_ELSEWHERE) == []


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (CROSSING_FOREIGN_KEYS, "CREATE TABLE mentoring.t (id bigint REFERENCES auth.users)"),
        (SMALL_KEYS, "CREATE TABLE auth.t (id integer PRIMARY KEY)"),
        (SMALL_KEYS, "CREATE TABLE auth.t (id smallint GENERATED ALWAYS AS IDENTITY)"),
        (SMALL_KEYS, "CREATE TABLE auth.t (id integer REFERENCES auth.users)"),
        (
            FOREIGN_TRIGGER_FUNCTIONS,
            """
            CREATE FUNCTION auth.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER settings_f AFTER INSERT ON mentoring.settings FOR EACH ROW EXECUTE FUNCTION auth.f()
            """,
        ),
        (
            POLICIES_THAT_LOOK_ELSEWHERE,
            "CREATE POLICY p ON mentoring.mentor_mentee USING (EXISTS (SELECT FROM mentoring.user_profiles))",
        ),
        (
            POLICIES_THAT_LOOK_ELSEWHERE,
            "CREATE POLICY p ON mentoring.mentor_mentee USING (platform.is_application('mentoring_app'))",
        ),
    ],
)
def test_a_breach_of_each_rule_is_found(sandbox, rule, breach):
    before = found(sandbox, rule)
    sandbox.execute(breach)
    assert set(found(sandbox, rule)) > set(before)


def test_a_policy_on_its_own_row_and_a_setting_is_not_accused(sandbox):
    sandbox.execute(
        """
        CREATE POLICY p ON mentoring.mentor_mentee
        USING (mentor_id = nullif(current_setting('mentorbase.actor', true), '')::bigint)
        """
    )
    assert found(sandbox, POLICIES_THAT_LOOK_ELSEWHERE) == []


# A label that a transaction adds cannot be used in it and never goes away; a new type can be swapped in.
ADDED_LABEL = re.compile(r"\bALTER\s+TYPE\b[^;]*\bADD\s+VALUE\b", re.IGNORECASE)


def test_no_migration_adds_a_label_to_an_enum():
    migrations = sorted(resources.folder("migrations").glob("*/*.sql"))
    assert migrations
    assert [path.name for path in migrations if ADDED_LABEL.search(without_comments(path.read_text()))] == []
    assert ADDED_LABEL.search("ALTER TYPE mentoring.party\nADD VALUE IF NOT EXISTS 'parent'")
