"""Foreign keys, indexes and column types."""

from __future__ import annotations

import pytest
from schema.support import found

# The first column is enough where it is a key of the table referred to: the others follow from it.
FOREIGN_KEYS_WITHOUT_INDEX = """
SELECT r.name || ': ' || k.conname
FROM pg_constraint AS k
JOIN relations AS r ON r.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0
    AND NOT EXISTS (
        SELECT FROM pg_index AS x
        WHERE x.indrelid = r.oid AND x.indisvalid AND x.indpred IS NULL
            AND (
                (x.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
                OR x.indkey[0] = k.conkey[1]
                AND EXISTS (
                    SELECT FROM pg_index AS key
                    WHERE key.indrelid = k.confrelid AND key.indisunique AND key.indpred IS NULL
                        AND key.indnkeyatts = 1 AND key.indkey[0] = k.confkey[1]
                )
            )
    )
"""

FOREIGN_KEYS_WITHOUT_ON_DELETE = """
SELECT r.name || ': ' || k.conname
FROM pg_constraint AS k
JOIN relations AS r ON r.oid = k.conrelid
WHERE k.contype = 'f' AND k.confdeltype = 'a'
"""

# A unique index may begin another one that a foreign key of several columns refers to.
REDUNDANT_INDEXES = """,
indexes AS (
    SELECT
        x.indexrelid, x.indrelid, x.indisunique, i.relam,
        coalesce(pg_get_expr(x.indpred, x.indrelid), '') AS predicate,
        ARRAY(
            SELECT format(
                '%s %s %s %s', pg_get_indexdef(x.indexrelid, s.n, true),
                x.indclass[s.n - 1], x.indcollation[s.n - 1], x.indoption[s.n - 1]
            )
            FROM generate_series(1, x.indnkeyatts) AS s (n)
            ORDER BY s.n
        ) AS keys
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN relations AS r ON r.oid = x.indrelid
)
SELECT format('%s begins %s', short.indexrelid::regclass, long.indexrelid::regclass)
FROM indexes AS short
JOIN indexes AS long USING (indrelid, relam, predicate)
WHERE short.indexrelid <> long.indexrelid
    AND short.keys = long.keys[:cardinality(short.keys)]
    AND NOT (
        short.indisunique
        AND EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND k.conindid = long.indexrelid)
    )
"""

INVALID_INDEXES = """
SELECT x.indexrelid::regclass::text
FROM pg_index AS x
JOIN relations AS r ON r.oid = x.indrelid
WHERE NOT x.indisvalid
"""

UNCHECKED_CONSTRAINTS = """
SELECT r.name || ': ' || k.conname
FROM pg_constraint AS k
JOIN relations AS r ON r.oid = k.conrelid
WHERE NOT k.convalidated
"""

SERIAL_COLUMNS = """
SELECT r.name || '.' || a.attname
FROM pg_attrdef AS d
JOIN relations AS r ON r.oid = d.adrelid
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = d.adnum
WHERE pg_get_expr(d.adbin, d.adrelid) ~ '\\mnextval\\('
"""

WRONG_TYPES = """
SELECT format('%s.%s %s', r.name, a.attname, format_type(a.atttypid, a.atttypmod))
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'c')
    AND coalesce(nullif(t.typbasetype, 0), nullif(t.typelem, 0), t.oid) IN (
        'varchar'::regtype, 'bpchar'::regtype, 'timestamp'::regtype, 'timetz'::regtype, 'money'::regtype,
        'json'::regtype
    )
    -- What somebody's clock shows, beside the instant: for people, computed, and never kept.
    AND NOT (r.relkind = 'v' AND a.attname ~ '_local$' AND t.oid = 'timestamp'::regtype)
"""

TABLES_WITHOUT_PRIMARY_KEY = """
SELECT r.name
FROM relations AS r
WHERE r.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = r.oid AND k.contype = 'p')
"""


def test_every_foreign_key_has_an_index_that_starts_with_its_columns(catalog):
    assert found(catalog, FOREIGN_KEYS_WITHOUT_INDEX) == []


def test_every_foreign_key_says_what_happens_on_delete(catalog):
    assert found(catalog, FOREIGN_KEYS_WITHOUT_ON_DELETE) == []


def test_no_index_begins_another(catalog):
    assert found(catalog, REDUNDANT_INDEXES) == []


def test_every_index_is_valid(catalog):
    assert found(catalog, INVALID_INDEXES) == []


def test_every_constraint_has_checked_the_rows_there_are(catalog):
    assert found(catalog, UNCHECKED_CONSTRAINTS) == []


def test_no_column_is_serial(catalog):
    assert found(catalog, SERIAL_COLUMNS) == []


def test_no_column_has_a_type_with_a_better_one_beside_it(catalog):
    assert found(catalog, WRONG_TYPES) == []


def test_every_table_has_a_primary_key(catalog):
    assert found(catalog, TABLES_WITHOUT_PRIMARY_KEY) == []


PARENT = "CREATE TABLE auth.parent (id bigint, sub bigint, PRIMARY KEY (id, sub));"
CHILD = "CREATE TABLE auth.child (a bigint, b bigint, FOREIGN KEY (a, b) REFERENCES auth.parent (id, sub));"


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD),
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD + "CREATE INDEX ON auth.child (a)"),
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD + "CREATE INDEX ON auth.child (a, b) WHERE a > 0"),
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD + "CREATE INDEX ON auth.child ((a + b), a, b)"),
        (FOREIGN_KEYS_WITHOUT_ON_DELETE, PARENT + CHILD),
        (REDUNDANT_INDEXES, "CREATE INDEX ON mentoring.mentor_mentee (mentor_id)"),
        (REDUNDANT_INDEXES, "CREATE INDEX ON mentoring.mentor_mentee (mentor_id, status, id)"),
        (REDUNDANT_INDEXES, "CREATE UNIQUE INDEX ON auth.users (id, role)"),
        (INVALID_INDEXES, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'auth.users_pkey'::regclass"),
        (UNCHECKED_CONSTRAINTS, "ALTER TABLE auth.users ADD CHECK (id > 0) NOT VALID"),
        (SERIAL_COLUMNS, "CREATE TABLE auth.t (id bigserial)"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c varchar)"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c varchar(9)[])"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c char(2))"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c timestamp(3))"),
        (WRONG_TYPES, "CREATE VIEW auth.v AS SELECT now() AT TIME ZONE 'UTC' AS c"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c_local timestamp)"),
        (WRONG_TYPES, "CREATE TABLE auth.t (c timetz)"),
        (WRONG_TYPES, "CREATE TYPE auth.t AS (c money)"),
        (WRONG_TYPES, "CREATE DOMAIN auth.d AS json; CREATE TABLE auth.t (c auth.d)"),
        (TABLES_WITHOUT_PRIMARY_KEY, "CREATE TABLE auth.t (id bigint UNIQUE)"),
    ],
)
def test_a_breach_of_each_rule_is_found(sandbox, rule, breach):
    sandbox.execute(breach)
    assert found(sandbox, rule)


@pytest.mark.parametrize(
    ("rule", "harmless"),
    [
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD + "CREATE INDEX ON auth.child (b, a)"),
        (FOREIGN_KEYS_WITHOUT_INDEX, PARENT + CHILD + "CREATE INDEX ON auth.child (a, b, (a + b))"),
        (REDUNDANT_INDEXES, "CREATE INDEX ON mentoring.mentor_mentee (status, mentor_id)"),
        (REDUNDANT_INDEXES, "CREATE INDEX ON mentoring.mentor_mentee (mentor_id) WHERE status = 'paused'"),
        (REDUNDANT_INDEXES, "CREATE INDEX ON mentoring.mentor_mentee (mentor_id DESC, status)"),
        (
            REDUNDANT_INDEXES,
            """
            CREATE UNIQUE INDEX i ON auth.users (id, role);
            CREATE TABLE auth.t (a bigint, b auth.user_role, FOREIGN KEY (a, b) REFERENCES auth.users (id, role))
            """,
        ),
        (WRONG_TYPES, "CREATE TABLE auth.t (a text, b timestamptz(0), c jsonb, d date, e time, f text[])"),
        (WRONG_TYPES, "CREATE VIEW auth.v AS SELECT now() AT TIME ZONE 'UTC' AS c_local"),
        (SERIAL_COLUMNS, "CREATE TABLE auth.t (id bigint GENERATED ALWAYS AS IDENTITY)"),
    ],
)
def test_what_keeps_the_rule_is_not_accused(sandbox, rule, harmless):
    sandbox.execute(harmless)
    assert found(sandbox, rule) == []
