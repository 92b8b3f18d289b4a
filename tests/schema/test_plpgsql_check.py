"""plpgsql_check reads every PL/pgSQL function of the database, trigger functions once for each table they serve."""

from __future__ import annotations

import pytest
from schema.support import found

# Not fatal: after the first error of a function the others would stay unseen.
FINDINGS = """
SELECT DISTINCT concat_ws(
    ': ',
    concat_ws(' on ', p.oid::regprocedure, nullif(u.relid, 0)::regclass),
    regexp_replace(c.level, '^warning ', ''), c.message, c.detail
)
FROM routines AS p
JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
CROSS JOIN LATERAL (
    SELECT 0, NULL, NULL WHERE p.prorettype <> 'trigger'::regtype
    UNION
    SELECT t.tgrelid, t.tgoldtable, t.tgnewtable FROM pg_trigger AS t WHERE t.tgfoid = p.oid AND t.tgparentid = 0
) AS u (relid, old_rows, new_rows)
CROSS JOIN LATERAL public.plpgsql_check_function_tb(
    p.oid, u.relid, fatal_errors => false, other_warnings => true, extra_warnings => true,
    performance_warnings => true, security_warnings => true, oldtable => u.old_rows, newtable => u.new_rows
) AS c
"""

UNUSED = """
SELECT p.name
FROM routines AS p
WHERE p.prorettype = 'trigger'::regtype AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = p.oid)
"""

# Each with its reason.
LITERAL = "CASE or ARRAY makes text of literals; PL/pgSQL converts it, and a word that is no label fails in tests."
ONCE = "Converted once a call, which costs nothing beside the query that follows."
INVENTORY = "Its conditions are those of platform.column_inventory, which migrations fill and nobody else writes."
SETS = "Sets mentorbase.actor or mentorbase.maintenance for its own duration, which only a VOLATILE function may."
ACCEPTED = {
    "calendar.busy_people(bigint[],timestamp with time zone,timestamp with time zone,bigint)"
    ": performance: routine is marked as VOLATILE, should be STABLE": (
        "Asked after a lock was taken: a STABLE one would look with the snapshot from before the lock."
    ),
    'getcourse.parse_webhook(text,text): extra: composite OUT variable "event" is not single argument': (
        "It returns the row beside the reason why there is none."
    ),
    **{
        f'getcourse.slow_queries(integer): extra: OUT variable "{column}" is maybe unmodified'
        ": cannot to determine result of dynamic SQL": "RETURN QUERY EXECUTE fills it: the extension may be missing."
        for column in ("query", "calls", "total_exec_time", "mean_exec_time")
    },
    "getcourse.webhook_fault(getcourse.webhook_events): performance: target type is different type than source type"
    ': cast "integer" value to "bigint" type': ONCE,
    "groups.guard_group_members_insert() on groups.group_members: warning: target type is different type than source"
    ' type: cast "text" value to "groups.member_status" type': LITERAL,
    "groups.refuse_invitation(): performance: routine is marked as STABLE, should be IMMUTABLE": (
        "It only raises; the planner would call an IMMUTABLE one while it plans."
    ),
    'links.user_profile(bigint,integer): warning: name of parameter "user" is reserved keyword'
    ": The reserved keyword was used as parameter name.": "The name of the document's field; written in quotes.",
    "mentoring.actor_kinds(mentoring.mentor_mentee,platform.actor): warning: target type is different type than source"
    ' type: cast "text[]" value to "mentoring.transition_actor[]" type': LITERAL,
    "mentoring.read_note(bigint,bigint): performance: routine is marked as VOLATILE, should be STABLE": (
        "It refuses strangers: VOLATILE keeps it out of index conditions, where it would be called unasked."
    ),
    "mentoring.record_subject_schedule_history() on mentoring.subject_schedule: performance: target type is different"
    ' type than source type: cast "name" value to "text" type': ONCE,
    "mentoring.record_subject_schedule_history() on mentoring.subject_schedule"
    ': error: relation "changed_rows" does not exist': (
        "Only the row trigger of UPDATE has no transition table, and the function does not read it there."
    ),
    "mentoring.request(bigint,bigint,mentoring.party,bigint,text): warning: target type is different type than source"
    ' type: cast "text" value to "mentoring.party" type': LITERAL,
    **{
        f"{routine}: performance: target type is different type than source type"
        ': cast "integer" value to "bigint" type': ONCE
        for routine in (
            "calendar.end_person(platform.person)",
            "getcourse.end_person(platform.person)",
            "groups.end_person(platform.person)",
            "mentoring.end_person(platform.person)",
            "platform.scrub_person(name,platform.person)",
            "quests.end_person(platform.person)",
            "students.end_person(platform.person)",
        )
    },
    **{
        f"platform.{routine}: security: text type variable is not sanitized"
        ": The EXECUTE expression is SQL injection vulnerable.": INVENTORY
        for routine in (
            "erase_person(platform.person)",
            "export_person(platform.person)",
            "find_person(platform.person)",
            "scrub_person(name,platform.person)",
        )
    },
    "platform.erase_person(platform.person): performance: target type is different type than source type"
    ': cast "name" value to "text" type': ONCE,
    "platform.erase_person(platform.person): warning: target type is different type than source type"
    ': cast "text" value to "jsonb" type': "The initial value of a variable, '{}'.",
    **{
        f'platform.export_person(platform.person): extra: OUT variable "{column}" is maybe unmodified'
        ": cannot to determine result of dynamic SQL": "RETURN QUERY EXECUTE fills it: each table has other columns."
        for column in ("schema_name", "table_name", "document")
    },
    "platform.find_person(platform.person): warning: cannot determinate a result of dynamic SQL"
    ": There is a risk of related false alarms.": "Each service's known_as() returns a platform.person.",
    "platform.make_months(name,name,integer): performance: target type is different type than source type"
    ': cast "oid" value to "regclass" type': ONCE,
    "platform.make_months(name,name,integer): security: text type variable is not sanitized"
    ": The EXECUTE expression is SQL injection vulnerable.": (
        "It executes what pg_get_triggerdef says of the owner's own trigger, whose names are quoted there."
    ),
    **{
        f"{routine}: performance: routine is marked as VOLATILE, should be STABLE"
        ": attention: cannot to determine volatility of used dynamic SQL": reason
        for routine, reason in {
            "platform.drop_months(name,name,interval,boolean)": "It drops tables.",
            "platform.make_months(name,name,integer)": "It makes tables.",
            "platform.scrub_rows(name,name,jsonb[],boolean)": "It changes an audit log.",
            "quests.can_share_with_parent(uuid,quests.data_type,bigint)": SETS,
            "quests.get_privacy_settings(uuid,bigint)": SETS,
        }.items()
    },
    "quests.check_read(bigint,uuid,quests.data_type): warning: target type is different type than source type"
    ': cast "text" value to "quests.read_result" type': LITERAL,
    "quests.check_read(bigint,uuid,quests.data_type): performance: routine is marked as VOLATILE, should be STABLE": (
        "It reads the settings of this moment, not those of the snapshot of the statement that calls it."
    ),
}


@pytest.fixture
def checker(sandbox):
    if not sandbox.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'plpgsql_check'").fetchone():
        pytest.skip("the server has no plpgsql_check: Debian has it for PostgreSQL 15, where CI runs this")
    sandbox.execute("CREATE EXTENSION plpgsql_check SCHEMA public")
    return sandbox


def test_every_function_is_as_plpgsql_check_wants_it_or_says_why_not(checker):
    assert found(checker, FINDINGS) == sorted(ACCEPTED)


def test_every_trigger_function_is_used_by_a_trigger_for_which_it_is_checked(catalog):
    assert found(catalog, UNUSED) == []


@pytest.mark.parametrize(
    ("breach", "finding"),
    [
        (
            """
            CREATE FUNCTION auth.f() RETURNS int LANGUAGE plpgsql
            AS 'BEGIN RETURN (SELECT nothing FROM auth.users); END'
            """,
            'error: column "nothing" does not exist',
        ),
        (
            """
            CREATE FUNCTION auth.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.nothing := 1; RETURN NEW; END';
            CREATE TRIGGER users_f BEFORE INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.f()
            """,
            'on auth.users: error: record "new" has no field "nothing"',
        ),
        (
            "CREATE FUNCTION auth.f(t text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE ''DROP TABLE '' || t; END'",
            "security: text type variable is not sanitized",
        ),
        (
            "CREATE FUNCTION auth.f() RETURNS int LANGUAGE plpgsql AS 'DECLARE unused int; BEGIN RETURN 1; END'",
            ': unused variable "unused"',
        ),
        (
            """
            CREATE FUNCTION auth.f() RETURNS int LANGUAGE plpgsql STABLE
            AS 'BEGIN DELETE FROM auth.users; RETURN 1; END'
            """,
            "is not allowed in a non volatile function",
        ),
    ],
)
def test_a_breach_is_found(checker, breach, finding):
    checker.execute(breach)
    assert [line for line in found(checker, FINDINGS) if line.startswith("auth.f(") and finding in line]


def test_a_trigger_function_that_no_trigger_uses_is_found(sandbox):
    sandbox.execute("CREATE FUNCTION auth.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    assert found(sandbox, UNUSED) == ["auth.f()"]
