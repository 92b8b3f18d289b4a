"""What every function and procedure says of itself, in the catalog and in its source."""

from __future__ import annotations

import re

import pytest
from schema.support import SQL, code, files, found, routines, without_comments

FOLDERS = sorted(folder.name for folder in SQL.iterdir() if folder.is_dir())
SOURCES = {str(path.relative_to(SQL)): path.read_text() for path in files(FOLDERS)}


# -- In the catalog

# A body between BEGIN ATOMIC and END has bound its names when it was made. Others name pg_temp last: with an empty
# search_path PostgreSQL looks for types there first.
OPEN_SEARCH_PATH = """
SELECT p.name
FROM routines AS p
WHERE p.prosqlbody IS NULL AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
"""

OTHER_OWNERS = "SELECT p.name FROM routines AS p WHERE pg_get_userbyid(p.proowner) <> 'mentorbase_owner'"

ROUTINES = "SELECT p.pronamespace::regnamespace || '.' || p.proname FROM routines AS p"

DEFINERS = ROUTINES + " WHERE p.prosecdef"


def test_every_routine_fixes_its_search_path_or_has_bound_its_names(catalog):
    assert found(catalog, OPEN_SEARCH_PATH) == []


def test_every_routine_belongs_to_the_owner(catalog):
    assert found(catalog, OTHER_OWNERS) == []


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (OPEN_SEARCH_PATH, "CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        (OPEN_SEARCH_PATH, "CREATE PROCEDURE auth.p() LANGUAGE plpgsql SET search_path = auth AS 'BEGIN END'"),
        (OPEN_SEARCH_PATH, "CREATE PROCEDURE auth.p() LANGUAGE plpgsql SET search_path = '' AS 'BEGIN END'"),
        (OTHER_OWNERS, "ALTER FUNCTION mentoring.setting(text) OWNER TO postgres"),
    ],
)
def test_a_breach_of_each_rule_is_found(sandbox, rule, breach):
    sandbox.execute(breach)
    assert found(sandbox, rule)


def test_a_body_that_binds_its_names_needs_no_search_path(sandbox):
    sandbox.execute("CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END")
    assert found(sandbox, OPEN_SEARCH_PATH) == []


# -- In the source


def unsaid(header: str) -> list[str]:
    """What a routine's header leaves to PostgreSQL's defaults."""
    wanted = {"security": r"\bSECURITY (INVOKER|DEFINER)\b"}
    if header.startswith("FUNCTION"):
        wanted["volatility"] = r"\b(IMMUTABLE|STABLE|VOLATILE)\b"
        wanted["parallel safety"] = r"\bPARALLEL (SAFE|RESTRICTED|UNSAFE)\b"
    return [what for what, pattern in wanted.items() if not re.search(pattern, without_comments(header))]


def definers_without_reason(text: str) -> list[str]:
    """Routines that say SECURITY DEFINER and, on that line, not why."""
    return [
        name
        for name, header in routines(text).items()
        if "SECURITY DEFINER" in without_comments(header)
        and not re.search(r"^SECURITY DEFINER -- \w+ \w+", header, re.MULTILINE)
    ]


def selects_of_everything(text: str) -> list[str]:
    """Views whose columns are whatever a table has."""
    views = re.findall(r"^CREATE (?:[A-Z ]+ )?VIEW [^;]+", code(text), re.MULTILINE)
    return [view for view in views if re.search(r"(\bSELECT( DISTINCT)?|,)\s*\*|\w\.\*", view)]


def forbidden(text: str) -> list[str]:
    """What a sharded database refuses or does not forward."""
    return re.findall(r"\bMERGE\s+INTO\b|\bset_config\s*\(", code(text), re.IGNORECASE)


def test_every_routine_of_the_database_is_read_from_its_source(catalog):
    in_source = [name for text in SOURCES.values() for name in routines(text)]
    assert sorted(in_source) == found(catalog, ROUTINES)


@pytest.mark.parametrize("source", SOURCES)
def test_every_routine_states_security_volatility_and_parallel_safety(source):
    headers = routines(SOURCES[source])
    assert {name: unsaid(header) for name, header in headers.items() if unsaid(header)} == {}


def test_every_security_definer_says_why(catalog):
    assert [line for text in SOURCES.values() for line in definers_without_reason(text)] == []
    definers = [
        name
        for text in SOURCES.values()
        for name, header in routines(text).items()
        if "SECURITY DEFINER" in without_comments(header)
    ]
    assert sorted(definers) == found(catalog, DEFINERS)


@pytest.mark.parametrize("source", SOURCES)
def test_no_view_selects_everything(source):
    assert selects_of_everything(SOURCES[source]) == []


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_used_that_a_sharded_database_refuses(source):
    assert forbidden(SOURCES[source]) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (unsaid, "FUNCTION a.f() RETURNS int LANGUAGE sql PARALLEL SAFE SECURITY INVOKER AS "),
        (unsaid, "FUNCTION a.f() RETURNS int LANGUAGE sql STABLE SECURITY INVOKER AS "),
        (unsaid, "FUNCTION a.f() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS "),
        (unsaid, "FUNCTION a.f() RETURNS int -- STABLE\nLANGUAGE sql PARALLEL SAFE SECURITY INVOKER AS "),
        (unsaid, "PROCEDURE a.p() LANGUAGE sql AS "),
        (definers_without_reason, "CREATE FUNCTION a.f()\nSECURITY DEFINER\nAS $$ $$"),
        (
            definers_without_reason,
            "CREATE FUNCTION a.f()\n-- SECURITY DEFINER -- for this reason\nSECURITY DEFINER\nAS $$ $$",
        ),
        (selects_of_everything, "CREATE VIEW a.v AS\nSELECT *\nFROM a.t"),
        (selects_of_everything, "CREATE OR REPLACE VIEW a.v AS\nSELECT t.*, 1 AS one\nFROM a.t AS t"),
        (selects_of_everything, "CREATE VIEW a.v AS\nSELECT 1 AS one, *\nFROM a.t AS t"),
        (forbidden, "CREATE FUNCTION a.f() AS $$ BEGIN MERGE INTO a.t USING a.u ON true; END $$"),
        (forbidden, "SELECT set_config('mentorbase.actor', '1', true)"),
        (forbidden, "CREATE FUNCTION a.f() AS $$ BEGIN PERFORM pg_catalog.set_config ('x', '', true); END $$"),
    ],
)
def test_a_breach_in_the_source_is_found(check, text):
    assert check(text)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (unsaid, "FUNCTION a.f() RETURNS int LANGUAGE sql\nSTABLE\nPARALLEL SAFE\nSECURITY INVOKER\nAS "),
        (unsaid, "PROCEDURE a.p() LANGUAGE sql SECURITY INVOKER AS "),
        (definers_without_reason, "CREATE PROCEDURE a.p()\nSECURITY DEFINER -- writes what no role may\nAS $$ $$"),
        (selects_of_everything, "CREATE VIEW a.v AS\nSELECT count(*) AS n, 2 * t.x AS double\nFROM a.t AS t"),
        (selects_of_everything, "CREATE VIEW a.v AS\nSELECT 1 AS one;\nSELECT t.* FROM a.t AS t"),
        (forbidden, "SELECT 1 -- set_config() and MERGE INTO are not for us"),
    ],
)
def test_what_keeps_the_rule_in_the_source_is_not_accused(check, text):
    assert check(text) == []


# -- In use


TRAP = """
CREATE FUNCTION pg_temp.trap(value pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'mentorbase_owner' THEN
        RAISE EXCEPTION 'an application runs as the owner';
    END IF;
    RETURN true;
END $$;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.trap(value));
CREATE DOMAIN pg_temp.name AS pg_catalog.name CHECK (pg_temp.trap(value::pg_catalog.text));
"""


@pytest.mark.parametrize("search_path", ["pg_catalog", "pg_temp, pg_catalog"])
def test_an_application_cannot_run_its_own_types_with_the_rights_of_the_owner(app, people, search_path):
    app.execute(f"SET search_path = {search_path}")
    app.execute(TRAP)
    made = app.execute("SELECT id FROM mentoring.request(1, 2, actor_id => 2, reason => 'why')").fetchone()
    app.execute("SELECT mentoring.transition(%s, 'active', 1, 'why')", made)
    app.execute("SELECT mentoring.change_subscriptions(%s, false, actor_id => 2)", made)
    app.execute("SET mentorbase.actor = '1'")
    app.execute("UPDATE mentoring.mentor_mentee SET status = 'completed' WHERE id = %s", made)
