"""What the catalog linters of others ask and no file beside this one: Supabase's splinter, pg-index-health, pglinter,
schemalint. Whatever they would find stands here with its reason; what is not found any more must go.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from schema.support import found

COLUMNS = """,
columns AS (
    SELECT r.name AS owner, r.relkind, a.*, t.typtype, format_type(a.atttypid, a.atttypmod) AS type
    FROM relations AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE r.relkind IN ('r', 'p')
)
"""

INDEXES = """,
indexes AS (
    SELECT x.*, x.indexrelid::regclass::text AS name, (x.indkey::smallint[])[0:x.indnkeyatts - 1] AS keys
    FROM pg_index AS x
    JOIN relations AS r ON r.oid = x.indrelid
)
"""

FOREIGN_KEYS = """,
foreign_keys AS (
    SELECT r.name || ': ' || k.conname AS name, k.*
    FROM pg_constraint AS k
    JOIN relations AS r ON r.oid = k.conrelid
    WHERE k.contype = 'f' AND k.conparentid = 0
)
"""

# -- Foreign keys

KEYS_OF_OTHER_TYPES = (
    FOREIGN_KEYS
    + """
SELECT k.name
FROM foreign_keys AS k
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (own, other)
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.own
JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = u.other
WHERE (a.atttypid, a.atttypmod, a.attcollation) <> (b.atttypid, b.atttypmod, b.attcollation)
"""
)

KEYS_TWICE = (
    FOREIGN_KEYS
    + """
SELECT string_agg(k.name, ', ' ORDER BY k.name)
FROM foreign_keys AS k
GROUP BY k.conrelid, k.confrelid, k.conkey
HAVING count(*) > 1
"""
)

KEYS_SET_TO_NULL_THAT_MAY_NOT_BE = (
    FOREIGN_KEYS
    + """
SELECT k.name
FROM foreign_keys AS k
JOIN pg_attribute AS a
    ON a.attrelid = k.conrelid AND a.attnum = ANY (coalesce(nullif(k.confdelsetcols, '{}'), k.conkey)) AND a.attnotnull
WHERE k.confdeltype = 'n'
"""
)

KEYS_PARTLY_NULL = (
    FOREIGN_KEYS
    + """
SELECT k.name
FROM foreign_keys AS k
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull
WHERE cardinality(k.conkey) > 1 AND k.confmatchtype = 's'
"""
)

KEYS_WITH_AN_INDEX_OF_THEIR_FIRST_COLUMN_ONLY = (
    FOREIGN_KEYS
    + """
SELECT k.name
FROM foreign_keys AS k
WHERE NOT EXISTS (
    SELECT FROM pg_index AS x
    WHERE x.indrelid = k.conrelid AND (x.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
)
"""
)

# -- Indexes

UNIQUE_WITH_NULL = (
    INDEXES
    + """
SELECT DISTINCT x.name
FROM indexes AS x
JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.keys) AND NOT a.attnotnull
WHERE x.indisunique AND NOT x.indnullsnotdistinct
"""
)

# An index that a foreign key needs has to be whole.
FULL_OF_NULL = (
    INDEXES
    + """
SELECT x.name
FROM indexes AS x
JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.keys[1] AND NOT a.attnotnull
WHERE x.indpred IS NULL AND NOT x.indisunique AND NOT EXISTS (
    SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND k.conrelid = x.indrelid AND k.conkey[1] = x.keys[1]
)
"""
)

INDEXED_BOOLEANS = (
    INDEXES
    + """
SELECT x.name
FROM indexes AS x
JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.keys) AND a.atttypid = 'boolean'::regtype
"""
)

ARRAYS_IN_A_BTREE = (
    INDEXES
    + """
SELECT x.name
FROM indexes AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_am AS m ON m.oid = i.relam AND m.amname = 'btree'
JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.keys)
JOIN pg_type AS t ON t.oid = a.atttypid AND t.typcategory = 'A'
"""
)

# -- Columns

MANY_TYPES_OF_A_NAME = (
    COLUMNS
    + """
SELECT a.attname || ': ' || string_agg(DISTINCT a.type, ', ')
FROM columns AS a
WHERE a.typtype <> 'e' -- each life cycle has a status of its own
GROUP BY a.attname
HAVING count(DISTINCT a.type) > 1
"""
)

BOOLEANS_WITH_NULL = (
    COLUMNS
    + """
SELECT a.owner || '.' || a.attname FROM columns AS a WHERE a.atttypid = 'boolean'::regtype AND NOT a.attnotnull
"""
)

INEXACT_NUMBERS = (
    COLUMNS
    + """
SELECT a.owner || '.' || a.attname
FROM columns AS a
WHERE a.atttypid IN ('real'::regtype, 'double precision'::regtype)
    OR (a.atttypid = 'numeric'::regtype AND a.atttypmod = -1)
"""
)

NUMBERS_OF_OBJECTS = (
    COLUMNS
    + """
SELECT a.owner || '.' || a.attname
FROM columns AS a
WHERE a.atttypid IN ('oid'::regtype, 'regclass'::regtype, 'regproc'::regtype, 'regtype'::regtype, 'xid'::regtype)
"""
)

# -- Tables

NARROW_TABLES = COLUMNS + "SELECT a.owner FROM columns AS a GROUP BY a.owner HAVING count(*) < 2"

# The key of a partitioned table holds its time too, which stands where a reader looks for it.
PRIMARY_KEYS_NOT_IN_FRONT = """
SELECT r.name
FROM relations AS r
JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype = 'p'
WHERE r.relkind = 'r' AND NOT k.conkey <@ ARRAY(SELECT n::smallint FROM generate_series(1, cardinality(k.conkey)) AS n)
"""

INHERITING_TABLES = "SELECT r.name FROM relations AS r JOIN pg_inherits AS i ON i.inhrelid = r.oid"

UNLOGGED_TABLES = "SELECT r.name FROM relations AS r WHERE r.relkind = 'r' AND r.relpersistence <> 'p'"

PARTITIONED_WITHOUT_DEFAULT = """
SELECT r.name FROM relations AS r JOIN pg_partitioned_table AS p ON p.partrelid = r.oid WHERE p.partdefid = 0
"""

RULES_OF_TABLES = """
SELECT r.name || ': ' || w.rulename
FROM pg_rewrite AS w
JOIN relations AS r ON r.oid = w.ev_class
WHERE w.rulename <> '_RETURN'
"""

DISABLED_TRIGGERS = """
SELECT r.name || ': ' || g.tgname FROM pg_trigger AS g JOIN relations AS r ON r.oid = g.tgrelid WHERE g.tgenabled <> 'O'
"""

# -- Sequences, types, names, extensions

SEQUENCES = """
SELECT r.name
FROM pg_sequence AS s
JOIN relations AS r ON r.oid = s.seqrelid
WHERE s.seqtypid <> 'bigint'::regtype OR s.seqcycle OR s.seqincrement <> 1
    OR NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refobjsubid > 0 AND d.deptype = 'i'
    )
"""

UNUSED_TYPES = """
SELECT t.name
FROM types AS t
WHERE NOT EXISTS (
    SELECT FROM pg_depend AS d
    WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
)
"""

# Columns are asked by test_naming.py.
RESERVED_NAMES = """
SELECT n.what
FROM (
    SELECT 'schema ' || s.nspname, s.nspname FROM ours AS s
    UNION ALL SELECT 'relation ' || r.name, r.relname FROM relations AS r
    UNION ALL SELECT 'type ' || t.name, t.typname FROM types AS t
    UNION ALL SELECT 'routine ' || p.name, p.proname FROM routines AS p
    UNION ALL SELECT 'argument ' || u.argument || ' of ' || p.name, u.argument
        FROM routines AS p, unnest(p.proargnames) AS u (argument)
) AS n (what, name)
JOIN pg_get_keywords() AS k ON k.word = n.name AND k.catcode IN ('R', 'T')
"""

EXTENSIONS_IN_PUBLIC = """
SELECT e.extname::text FROM pg_extension AS e WHERE e.extnamespace = 'public'::regnamespace
"""

# -- Row-level security

POLICIES_WITHOUT_EFFECT = """
SELECT r.name || ': ' || y.polname
FROM pg_policy AS y
JOIN relations AS r ON r.oid = y.polrelid
WHERE NOT r.relrowsecurity
"""

SECURITY_WITHOUT_POLICY = """
SELECT r.name
FROM relations AS r
WHERE r.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = r.oid)
"""

SECURITY_NOT_FORCED = "SELECT r.name FROM relations AS r WHERE r.relrowsecurity AND NOT r.relforcerowsecurity"

POLICIES_THAT_ADD_UP = """
SELECT r.name || ': ' || string_agg(DISTINCT y.polname, ', ')
FROM pg_policy AS y
JOIN relations AS r ON r.oid = y.polrelid
CROSS JOIN LATERAL unnest(y.polroles) AS o (id)
JOIN unnest(ARRAY['r', 'a', 'w', 'd']) AS c (cmd) ON y.polcmd IN (c.cmd::"char", '*')
WHERE y.polpermissive
GROUP BY r.name, o.id, c.cmd
HAVING count(*) > 1
"""

POLICIES_THAT_ASK_FOR_EACH_ROW = """
SELECT r.name || ': ' || y.polname
FROM pg_policy AS y
JOIN relations AS r ON r.oid = y.polrelid
CROSS JOIN LATERAL concat(pg_get_expr(y.polqual, r.oid), pg_get_expr(y.polwithcheck, r.oid)) AS e (condition)
WHERE e.condition ~ 'current_setting' AND e.condition !~ 'SELECT'
"""

# What is found and stays, with the reason.
FIRST_IS_A_KEY = "The first column is a key of the table referred to, so it finds one row; the others follow from it."
NONE = "NULL: none, which many rows may have."
SECRET = "Ciphertext here; plain text elsewhere, where it is no secret."
DOCUMENTED = "Different things in different services, named and typed as their documents say."
ACCEPTED = {
    KEYS_PARTLY_NULL: dict.fromkeys(
        [
            "mentoring.subject_schedule: subject_schedule_relationship_id_fkey",
            "quests.creative_projects: creative_projects_letter_id_fkey",
            "quests.creative_projects: creative_projects_quest_id_fkey",
            "quests.messages: messages_session_id_fkey",
            "tutormax.interventions: interventions_prediction_id_fkey",
        ],
        "The id alone may be NULL and then refers to nothing; the others are the row's own and never NULL.",
    ),
    KEYS_WITH_AN_INDEX_OF_THEIR_FIRST_COLUMN_ONLY: dict.fromkeys(
        [
            "calendar.lesson_participants: lesson_participants_lesson_id_fkey",
            "getcourse.mapping: mapping_id_fkey",
            "mentoring.subject_schedule: subject_schedule_relationship_id_fkey",
            "tutormax.student_feedback: student_feedback_session_id_fkey",
        ],
        FIRST_IS_A_KEY,
    ),
    UNIQUE_WITH_NULL: dict.fromkeys(
        [
            "auth.users_telegram_id_key",
            "calendar.lessons_rescheduled_from_key",
            "getcourse.mentor_ids_email_key",
            "getcourse.student_ids_email_key",
            "groups.group_members_invitation_id_key",
            "quests.creative_projects_letter_id_key",
            "quests.creative_projects_quest_id_key",
            "students.group_enrollments_membership_id_key",
        ],
        NONE,
    ),
    FULL_OF_NULL: {
        "getcourse.mentors_telegram_id_idx": "Few versions lack a telegram_id.",
        "getcourse.students_getcourse_user_id_idx": "Few versions lack a getcourse_user_id.",
        "getcourse.webhook_events_raw_payload_idx": "Few webhooks lack a payload.",
        "quests.privacy_reads_quest_id_idx": "Only who reads the whole analytics names no quest.",
    },
    INDEXED_BOOLEANS: {
        "calendar.lessons_id_starts_at_ends_at_occupies_key": (
            "A foreign key refers to it, so that participants carry the time of their lesson and whether it is taken."
        ),
    },
    MANY_TYPES_OF_A_NAME: {
        "body: bytea, text": SECRET,
        "content: bytea, jsonb": SECRET,
        "engagement_score: numeric, numeric(4,3)": "A session's as it came; a metric's is a mean, rounded.",
        "lesson_id: bigint, text": DOCUMENTED,
        "position: bigint, integer": "A place in a bulk load, of which there is no limit; a place in a course.",
        "progress: integer, numeric(5,2)": "Whole percent of a quest or a goal; a mean over lessons.",
        "session_id: bigint, text": DOCUMENTED,
        "student_id: bigint, text": DOCUMENTED,
        "title: bytea, text": SECRET,
        "user_id: bigint, text": DOCUMENTED,
        "valid_from: date, timestamp with time zone": "A weekly window counts local days; a version, instants.",
        "valid_to: date, timestamp with time zone": "Likewise.",
    },
    BOOLEANS_WITH_NULL: {
        "tutormax.sessions.learning_objectives_met": "NULL: not judged.",
        "tutormax.student_feedback.would_recommend": "NULL: not answered.",
    },
    INEXACT_NUMBERS: {
        "tutormax.churn_predictions.probability_1d": "A model's probability, as it was computed.",
        "tutormax.churn_predictions.probability_30d": "Likewise.",
        "tutormax.churn_predictions.probability_7d": "Likewise.",
        "tutormax.churn_predictions.probability_90d": "Likewise.",
        "tutormax.sessions.engagement_score": "A share from outside, kept as it came.",
        "tutormax.tutors.baseline_sessions_per_week": "An estimate.",
    },
    UNLOGGED_TABLES: {"tutormax.bulk_rows": "Rows on their way in, which whoever sends them sends again."},
    RESERVED_NAMES: {
        "argument user of links.user_profile(bigint,integer)": "A field of the document's result; written in quotes.",
    },
    EXTENSIONS_IN_PUBLIC: {
        "btree_gist": "Several services use it, and any of them may be there alone or leave; see sql/README.md.",
    },
    POLICIES_THAT_ASK_FOR_EACH_ROW: dict.fromkeys(
        [
            "quests.achievements: achievements_child",
            "quests.child_privacy_settings: child_privacy_settings_child",
            "quests.child_progress: child_progress_child",
            "quests.creative_projects: creative_projects_parent",
            "quests.goals: goals_parent",
            "quests.letters: letters_parent",
            "quests.messages: messages_parent",
            "quests.metrics_snapshots: metrics_snapshots_parent",
            "quests.psychological_profiles: psychological_profiles_parent",
            "quests.quest_nodes: quest_nodes_child",
            "quests.quests: quests_parent",
            "quests.sessions: sessions_parent",
            "quests.users: users_parent",
        ],
        "Queries find their rows by an index (tests/plans), so few rows are asked.",
    ),
}

HELPERS = ("COLUMNS", "INDEXES", "FOREIGN_KEYS")
RULES = {
    name: rule
    for name, rule in globals().items()
    if name.isupper() and isinstance(rule, str) and "SELECT" in rule and name not in HELPERS
}


@pytest.mark.parametrize("name", RULES)
def test_nothing_is_found_without_a_reason(catalog, name):
    assert found(catalog, RULES[name]) == sorted(ACCEPTED.get(RULES[name], {}))


PARENT = "CREATE TABLE auth.parent (id bigint, sub bigint, PRIMARY KEY (id, sub));"
BREACHES = {
    "KEYS_OF_OTHER_TYPES": "CREATE TABLE auth.t (id integer REFERENCES auth.users)",
    "KEYS_TWICE": "CREATE TABLE auth.t (id bigint REFERENCES auth.users REFERENCES auth.users)",
    "KEYS_SET_TO_NULL_THAT_MAY_NOT_BE": (
        "CREATE TABLE auth.t (id bigint NOT NULL REFERENCES auth.users ON DELETE SET NULL)"
    ),
    "KEYS_PARTLY_NULL": PARENT + "CREATE TABLE auth.t (a bigint, b bigint, FOREIGN KEY (a, b) REFERENCES auth.parent)",
    "KEYS_WITH_AN_INDEX_OF_THEIR_FIRST_COLUMN_ONLY": (
        PARENT
        + "CREATE TABLE auth.t (a bigint, b bigint, FOREIGN KEY (a, b) REFERENCES auth.parent);"
        + "CREATE INDEX ON auth.t (a)"
    ),
    "UNIQUE_WITH_NULL": "CREATE TABLE auth.t (id bigint UNIQUE)",
    "FULL_OF_NULL": "CREATE INDEX ON auth.users (last_name)",
    "INDEXED_BOOLEANS": "CREATE TABLE auth.t (a boolean NOT NULL); CREATE INDEX ON auth.t (a)",
    "ARRAYS_IN_A_BTREE": "CREATE TABLE auth.t (a text[] NOT NULL); CREATE INDEX ON auth.t (a)",
    "MANY_TYPES_OF_A_NAME": "CREATE TABLE auth.t (telegram_id text)",
    "BOOLEANS_WITH_NULL": "CREATE TABLE auth.t (a boolean DEFAULT false)",
    "INEXACT_NUMBERS": "CREATE TABLE auth.t (price real)",
    "NUMBERS_OF_OBJECTS": "CREATE TABLE auth.t (a regclass)",
    "NARROW_TABLES": "CREATE TABLE auth.t (id bigint)",
    "PRIMARY_KEYS_NOT_IN_FRONT": "CREATE TABLE auth.t (a text, id bigint PRIMARY KEY)",
    "INHERITING_TABLES": "CREATE TABLE auth.t () INHERITS (auth.users)",
    "UNLOGGED_TABLES": "CREATE UNLOGGED TABLE auth.t (id bigint)",
    "PARTITIONED_WITHOUT_DEFAULT": "CREATE TABLE auth.t (id bigint) PARTITION BY RANGE (id)",
    "RULES_OF_TABLES": "CREATE RULE quiet AS ON DELETE TO auth.users DO INSTEAD NOTHING",
    "DISABLED_TRIGGERS": "ALTER TABLE auth.users DISABLE TRIGGER users_set_updated_at",
    "SEQUENCES": "CREATE SEQUENCE auth.s",
    "UNUSED_TYPES": "CREATE TYPE auth.colour AS ENUM ('red')",
    "RESERVED_NAMES": 'CREATE FUNCTION auth.f("limit" int) RETURNS int LANGUAGE sql RETURN 1',
    "EXTENSIONS_IN_PUBLIC": "CREATE EXTENSION pg_trgm SCHEMA public",
    "POLICIES_WITHOUT_EFFECT": "CREATE POLICY p ON auth.users USING (true)",
    "SECURITY_WITHOUT_POLICY": "ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY",
    "SECURITY_NOT_FORCED": "ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY",
    "POLICIES_THAT_ADD_UP": (
        "CREATE POLICY p ON auth.users USING (true); CREATE POLICY q ON auth.users FOR SELECT USING (id > 0)"
    ),
    "POLICIES_THAT_ASK_FOR_EACH_ROW": (
        "CREATE POLICY p ON auth.users USING (id = current_setting('mentorbase.actor', true)::bigint)"
    ),
}


def test_each_rule_has_a_breach_to_find():
    assert sorted(BREACHES) == sorted(RULES)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_each_rule_is_found(sandbox, name):
    before = found(sandbox, RULES[name])
    sandbox.execute(BREACHES[name])
    assert found(sandbox, RULES[name]) != before


def test_a_policy_that_asks_once_is_not_accused(sandbox):
    before = found(sandbox, RULES["POLICIES_THAT_ASK_FOR_EACH_ROW"])
    sandbox.execute("CREATE POLICY p ON auth.users USING (id = (SELECT current_setting('a.b', true)::bigint))")
    assert found(sandbox, RULES["POLICIES_THAT_ASK_FOR_EACH_ROW"]) == before


# -- Files

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", [".squawk.toml", ".sqlfluff"])
def test_what_a_linter_of_files_leaves_out_has_a_comment_above_it(file):
    lines = (ROOT / file).read_text("utf-8").splitlines()
    waived = [n for n, line in enumerate(lines) if re.match(r'\s+("[\w/.-]+",|[a-z_]+\.[a-z_]+,?)$', line)]
    assert waived
    above = {n: n - 1 - next(i for i, line in enumerate(lines[n - 1 :: -1]) if n - 1 - i not in waived) for n in waived}
    assert [lines[n] for n, reason in above.items() if not lines[reason].lstrip().startswith("#")] == []


def test_squawk_leaves_out_only_migrations_that_exist():
    config = tomllib.loads((ROOT / ".squawk.toml").read_text("utf-8"))
    assert [path for path in config["excluded_paths"] if not (ROOT / path).is_file()] == []


IGNORED_WITHOUT_REASON = r"(?m)^(?!-- \w+ \w+).*\n-- squawk-ignore"


def test_what_squawk_is_told_to_ignore_has_a_comment_above_it():
    files = sorted((ROOT / "migrations").glob("*/*.sql"))
    assert files
    assert [file.name for file in files if re.search(IGNORED_WITHOUT_REASON, file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "accused"),
    [
        ("\n-- squawk-ignore ban-drop-view\nDROP VIEW a.b;", True),
        ("SELECT 1;\n-- squawk-ignore ban-drop-view\nDROP VIEW a.b;", True),
        ("-- Made again below.\n-- squawk-ignore ban-drop-view\nDROP VIEW a.b;", False),
    ],
)
def test_a_statement_that_is_ignored_without_a_reason_is_found(text, accused):
    assert bool(re.search(IGNORED_WITHOUT_REASON, text)) is accused
