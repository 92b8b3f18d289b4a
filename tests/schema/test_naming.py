"""Names say what they belong to, need no quotes, and stay whole where a suffix is appended to them."""

from __future__ import annotations

import re

import pytest
from mentorbase.resources import folder
from schema.support import found

IDENTIFIERS = """,
identifiers (what, name) AS (
    SELECT 'schema', n.nspname FROM ours AS n
    UNION ALL SELECT 'relation ' || r.name, r.relname FROM relations AS r
    UNION ALL SELECT 'column of ' || r.name, a.attname
        FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE r.relkind IN ('r', 'p', 'v', 'm', 'c')
    UNION ALL SELECT 'type ' || t.name, t.typname FROM types AS t
    UNION ALL SELECT 'routine ' || p.name, p.proname FROM routines AS p
    UNION ALL SELECT 'argument of ' || p.name, u.argument FROM routines AS p, unnest(p.proargnames) AS u (argument)
    UNION ALL SELECT 'constraint of ' || r.name, k.conname
        FROM relations AS r JOIN pg_constraint AS k ON k.conrelid = r.oid
    UNION ALL SELECT 'trigger of ' || r.name, g.tgname
        FROM relations AS r JOIN pg_trigger AS g ON g.tgrelid = r.oid AND NOT g.tgisinternal
    UNION ALL SELECT 'policy of ' || r.name, y.polname FROM relations AS r JOIN pg_policy AS y ON y.polrelid = r.oid
)
"""

# Statements and PL/pgSQL that PostgreSQL itself would take as names, and what every SQL reserves.
KEYWORDS = """,
keywords AS (
    SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')
    UNION ALL
    SELECT unnest(ARRAY[
        'abort', 'begin', 'call', 'commit', 'declare', 'execute', 'exception', 'if', 'loop', 'perform', 'prepare',
        'raise', 'return', 'rollback', 'savepoint', 'start'
    ])
)
"""

# Constraints and indexes of tables; NOT NULL, which is a column's own, aside.
TABLE_NAMES = """,
owned (kind, name, owner, suffixes) AS (
    SELECT
        'constraint', k.conname, coalesce(r.relname, t.typname),
        CASE k.contype
            WHEN 'p' THEN 'pkey' WHEN 'u' THEN 'key' WHEN 'f' THEN 'fkey' WHEN 'c' THEN 'check' WHEN 'x' THEN 'excl'
        END
    FROM pg_constraint AS k
    LEFT JOIN relations AS r ON r.oid = k.conrelid
    LEFT JOIN types AS t ON t.oid = k.contypid
    WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0 AND coalesce(r.oid, t.oid) IS NOT NULL
    UNION ALL
    SELECT 'index', i.relname, r.relname, CASE WHEN x.indisunique THEN 'key' ELSE 'idx' END
    FROM pg_index AS x
    JOIN relations AS r ON r.oid = x.indrelid
    JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.conrelid = r.oid)
)
"""

NOT_SNAKE = IDENTIFIERS + "SELECT what || ': ' || name FROM identifiers WHERE name !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$'"

CUT_SHORT = IDENTIFIERS + "SELECT what || ': ' || name FROM identifiers WHERE length(name) > 62"

COLUMN_KEYWORDS = (
    KEYWORDS
    + """
SELECT r.name || '.' || a.attname
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'c') AND a.attname IN (SELECT word FROM keywords)
"""
)

MISNAMED = (
    TABLE_NAMES + "SELECT kind || ' ' || name FROM owned WHERE name !~ format('^%s_(.+_)?(%s)$', owner, suffixes)"
)

TOO_LONG = TABLE_NAMES + "SELECT kind || ' ' || name FROM owned WHERE length(name) > 50"

ENDING_IN_DIGITS = TABLE_NAMES + "SELECT kind || ' ' || name FROM owned WHERE name ~ '[0-9]$'"

TRIGGERS = """
SELECT r.name || ': ' || g.tgname
FROM pg_trigger AS g
JOIN relations AS r ON r.oid = g.tgrelid
WHERE NOT g.tgisinternal AND NOT starts_with(g.tgname, r.relname || '_')
"""

VIEWS = """
SELECT r.name
FROM relations AS r
WHERE r.relkind IN ('v', 'm') AND r.relname !~ '^v_'
    AND coalesce(r.options, '') !~ 'security_invoker=(true|on|1)'
"""


def test_every_identifier_is_lower_snake_case(catalog):
    assert found(catalog, NOT_SNAKE) == []


def test_no_identifier_is_so_long_that_postgresql_cut_it(catalog):
    assert found(catalog, CUT_SHORT) == []


def test_no_column_is_named_like_a_keyword(catalog):
    assert found(catalog, COLUMN_KEYWORDS) == []


def test_every_constraint_and_index_is_named_after_its_table_and_its_kind(catalog):
    assert found(catalog, MISNAMED) == []


def test_no_constraint_or_index_name_is_longer_than_50_characters(catalog):
    assert found(catalog, TOO_LONG) == []


def test_no_constraint_or_index_name_ends_in_digits(catalog):
    assert found(catalog, ENDING_IN_DIGITS) == []


def test_every_trigger_is_named_after_its_table(catalog):
    assert found(catalog, TRIGGERS) == []


def test_every_view_is_for_analysts_or_runs_with_the_rights_of_its_user(catalog):
    # Read by applications with the owner's rights: the names are the documents', and notes that no role may select.
    assert found(catalog, VIEWS) == [
        "mentoring.mentor_mentee_statistics",
        "mentoring.own_mentee_notes",
        "mentoring.own_mentor_notes",
        "teachers.groups",
    ]


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (NOT_SNAKE, 'CREATE SCHEMA "Other"'),
        (NOT_SNAKE, 'CREATE TABLE auth.t ("firstName" text)'),
        (NOT_SNAKE, 'CREATE FUNCTION auth.f("userId" bigint) RETURNS int LANGUAGE sql RETURN 1'),
        (NOT_SNAKE, "CREATE TYPE auth._kind AS ENUM ('one')"),
        (NOT_SNAKE, 'ALTER TABLE auth.users ADD CONSTRAINT "users id check" CHECK (id > 0)'),
        (CUT_SHORT, f"ALTER TABLE auth.users ADD COLUMN {'c' * 63} text"),
        (COLUMN_KEYWORDS, "ALTER TABLE auth.users ADD COLUMN begin date"),
        (COLUMN_KEYWORDS, 'ALTER TABLE auth.users ADD COLUMN "end" date'),
        (COLUMN_KEYWORDS, "ALTER TABLE auth.users ADD COLUMN declare text"),
        (MISNAMED, "ALTER TABLE auth.users ADD CONSTRAINT positive_check CHECK (id > 0)"),
        (MISNAMED, "ALTER TABLE auth.users ADD CONSTRAINT users_positive CHECK (id > 0)"),
        (MISNAMED, "ALTER TABLE auth.users ADD CONSTRAINT users_name_check UNIQUE (username)"),
        (MISNAMED, "CREATE INDEX users_username_key ON auth.users (username)"),
        (MISNAMED, "CREATE UNIQUE INDEX users_username_idx ON auth.users (username)"),
        (MISNAMED, "CREATE DOMAIN auth.short AS text CONSTRAINT length_check CHECK (length(VALUE) < 9)"),
        (TOO_LONG, f"CREATE INDEX users_{'x' * 42}_idx ON auth.users (username)"),
        (ENDING_IN_DIGITS, "ALTER TABLE auth.users ADD CONSTRAINT users_id_check1 CHECK (id > 0)"),
        (
            TRIGGERS,
            """
            CREATE TRIGGER stamp BEFORE UPDATE ON auth.users
            FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at()
            """,
        ),
        (VIEWS, "CREATE VIEW auth.people AS SELECT id FROM auth.users"),
        (VIEWS, "CREATE VIEW auth.people WITH (security_invoker = false) AS SELECT id FROM auth.users"),
    ],
)
def test_a_breach_of_each_rule_is_found(sandbox, rule, breach):
    before = found(sandbox, rule)
    sandbox.execute(breach)
    assert found(sandbox, rule) != before


def test_every_migration_but_the_first_says_what_it_depends_on():
    silent = [
        path.name
        for path in sorted(folder("migrations").glob("*/*.sql"))
        if not path.name.endswith(".rollback.sql")
        and not re.search(r"^-- depends: \w+\.\d{4}\.\w+", path.read_text("utf-8"), re.M)
    ]
    assert silent == ["platform.0001.init.sql"]
