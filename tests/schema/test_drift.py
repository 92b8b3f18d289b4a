"""sql/ says what the database is, migrations/ how it got there: both give the same."""

from __future__ import annotations

import subprocess

import psycopg
import pytest
from mentorbase.catalog import REFERENCE_TABLES, describe, differences
from mentorbase.embedded import find_binaries
from schema.support import SQL, as_deploy


def apply(dsn: str) -> None:
    command = [find_binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", SQL / "apply.sql"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_sql_and_migrations_build_the_same_database(described, empty):
    apply(as_deploy(empty))

    with psycopg.connect(empty) as conn:
        assert differences(describe(conn), described) == [], "the migrations, compared with sql/"


def test_a_description_is_not_empty_of_any_kind(described):
    kinds = {key.split()[0] for key in described}
    assert kinds >= {
        "column", "comment", "constraint", "default", "function", "grant", "index", "procedure", "schema", "seed",
        "sequence", "table", "trigger", "type", "view",
    }  # fmt: skip


def test_every_reference_table_is_described_with_its_rows(catalog, described):
    for table in REFERENCE_TABLES:
        (rows,) = catalog.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert 0 < rows == sum(key.startswith(f"seed {table} ") for key in described)


def test_a_description_leaves_session_and_transaction_as_they_were(catalog):
    before = catalog.execute("SELECT current_setting('search_path'), current_setting('timezone')").fetchone()

    with catalog.transaction(force_rollback=True):
        catalog.execute("CREATE SCHEMA other")
        assert "schema other" in describe(catalog)
        assert catalog.execute("SHOW search_path").fetchone() == before[:1]
        assert catalog.execute("SELECT to_regnamespace('other') IS NOT NULL").fetchone() == (True,)

    assert before == catalog.execute("SELECT current_setting('search_path'), current_setting('timezone')").fetchone()
    assert "schema other" not in describe(catalog)


def test_a_description_does_not_depend_on_the_session_it_is_read_in(sandbox, described):
    sandbox.execute("SET LOCAL search_path = mentoring, auth, platform")
    sandbox.execute("SET LOCAL datestyle = 'German'")
    sandbox.execute("SET LOCAL timezone = 'Asia/Tokyo'")
    assert describe(sandbox) == described


def test_the_owner_and_the_superuser_describe_the_same(sandbox, described):
    sandbox.execute("SET LOCAL ROLE mentorbase_owner")
    assert describe(sandbox) == described


def test_a_role_that_may_not_read_reference_tables_is_refused(sandbox):
    sandbox.execute("SET LOCAL ROLE mentorbase_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        describe(sandbox)


# Objects of kinds that the database does not have yet.
OTHERS = """
CREATE TABLE mentoring.probe (id bigint, label text, d date) PARTITION BY RANGE (d);
CREATE TABLE mentoring.probe_2026 PARTITION OF mentoring.probe FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
ALTER TABLE mentoring.probe ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON mentoring.probe FOR SELECT TO auth_app USING (id = 1);
CREATE DOMAIN mentoring.short AS text CONSTRAINT short_check CHECK (length(VALUE) < 9);
CREATE UNIQUE INDEX probe_key ON mentoring.probe (id, d);
"""

# What is done, and how the line begins that must say so.
CHANGES = {
    "schema owner": ("different: schema mentoring", "ALTER SCHEMA mentoring OWNER TO postgres"),
    "schema comment": ("different: comment on schema mentoring", "COMMENT ON SCHEMA mentoring IS 'other'"),
    "schema right": ("unexpected: grant schema mentoring to auth_app", "GRANT USAGE ON SCHEMA mentoring TO auth_app"),
    "new schema": ("unexpected: schema other", "CREATE SCHEMA other"),
    "extension": ("unexpected: extension pg_trgm", "CREATE EXTENSION pg_trgm"),
    "new table": ("unexpected: table mentoring.more", "CREATE TABLE mentoring.more (id bigint)"),
    "table owner": ("different: table mentoring.settings", "ALTER TABLE mentoring.settings OWNER TO postgres"),
    "table right": (
        "missing: grant table mentoring.settings to mentoring_app",
        "REVOKE SELECT ON mentoring.settings FROM mentoring_app",
    ),
    "table right, grantable": (
        "different: grant table mentoring.settings to mentoring_app",
        "GRANT SELECT ON mentoring.settings TO mentoring_app WITH GRANT OPTION",
    ),
    "table right of public": (
        "unexpected: grant table mentoring.settings to PUBLIC",
        "GRANT SELECT ON mentoring.settings TO PUBLIC",
    ),
    "table right of the owner": (
        "different: grant table mentoring.settings to mentorbase_owner",
        "REVOKE DELETE ON mentoring.settings FROM mentorbase_owner",
    ),
    "table comment": ("missing: comment on table mentoring.settings", "COMMENT ON TABLE mentoring.settings IS NULL"),
    "table option": (
        "different: table mentoring.mentor_mentee",
        "ALTER TABLE mentoring.mentor_mentee SET (fillfactor = 80)",
    ),
    "persistence": ("different: table mentoring.settings", "ALTER TABLE mentoring.settings SET UNLOGGED"),
    "row security": ("different: table mentoring.settings", "ALTER TABLE mentoring.settings ENABLE ROW LEVEL SECURITY"),
    "row security forced": (
        "different: table mentoring.settings",
        "ALTER TABLE mentoring.settings FORCE ROW LEVEL SECURITY",
    ),
    "replica identity": ("different: table mentoring.settings", "ALTER TABLE mentoring.settings REPLICA IDENTITY FULL"),
    "new column": ("unexpected: column mentoring.settings.more", "ALTER TABLE mentoring.settings ADD COLUMN more text"),
    "column name": (
        "missing: column mentoring.settings.unit",
        "ALTER TABLE mentoring.settings RENAME COLUMN unit TO units",
    ),
    "column type": (
        "different: column mentoring.settings.value",
        "ALTER TABLE mentoring.settings ALTER COLUMN value TYPE integer",
    ),
    "column default": (
        "different: column mentoring.user_profiles.timezone",
        "ALTER TABLE mentoring.user_profiles ALTER COLUMN timezone SET DEFAULT 'Europe/Berlin'",
    ),
    "column default gone": (
        "different: column mentoring.user_profiles.timezone",
        "ALTER TABLE mentoring.user_profiles ALTER COLUMN timezone DROP DEFAULT",
    ),
    "column collation": (
        "different: column auth.users.username",
        'ALTER TABLE auth.users ALTER COLUMN username TYPE text COLLATE "C"',
    ),
    "column not null": (
        "different: column mentoring.user_profiles.mentor_bio",
        "ALTER TABLE mentoring.user_profiles ALTER COLUMN mentor_bio SET NOT NULL",
    ),
    "column generated": (
        "unexpected: column auth.users.n",
        "ALTER TABLE auth.users ADD COLUMN n int GENERATED ALWAYS AS (length(username)) STORED",
    ),
    "column identity": (
        "different: column auth.users.id",
        "ALTER TABLE auth.users ALTER COLUMN id SET GENERATED ALWAYS",
    ),
    "column storage": (
        "different: column auth.users.username",
        "ALTER TABLE auth.users ALTER COLUMN username SET STORAGE EXTERNAL",
    ),
    "column statistics": (
        "different: column auth.users.username",
        "ALTER TABLE auth.users ALTER COLUMN username SET STATISTICS 500",
    ),
    "column right": (
        "different: grant column mentoring.mentor_mentee.resume_at to mentoring_app",
        "GRANT UPDATE (resume_at) ON mentoring.mentor_mentee TO mentoring_app",
    ),
    "column comment": ("different: comment on column auth.users.id", "COMMENT ON COLUMN auth.users.id IS 'other'"),
    "check": (
        "missing: constraint auth.users.users_username_check",
        "ALTER TABLE auth.users DROP CONSTRAINT users_username_check",
    ),
    "check not valid": (
        "different: constraint auth.users.users_username_check",
        """
            ALTER TABLE auth.users DROP CONSTRAINT users_username_check;
            ALTER TABLE auth.users ADD CONSTRAINT users_username_check
                CHECK (length(username) BETWEEN 1 AND 64) NOT VALID
            """,
    ),
    "constraint comment": (
        "different: comment on constraint auth.users.users_username_check",
        "COMMENT ON CONSTRAINT users_username_check ON auth.users IS 'other'",
    ),
    "constraint name": (
        "missing: constraint auth.users.users_username_check",
        "ALTER TABLE auth.users RENAME CONSTRAINT users_username_check TO users_name_check",
    ),
    "foreign key deferrable": (
        "different: constraint mentoring.user_profiles.user_profiles_user_id_fkey",
        """
            ALTER TABLE mentoring.user_profiles ALTER CONSTRAINT user_profiles_user_id_fkey DEFERRABLE
            """,
    ),
    "foreign key not enforced": (
        "different: constraint mentoring.user_profiles.user_profiles_user_id_fkey",
        "ALTER TABLE mentoring.user_profiles DISABLE TRIGGER ALL",
    ),
    "unique nulls": (
        "different: constraint mentoring.mentor_mentee_transitions.mentor_mentee_transitions_step_key",
        """
            ALTER TABLE mentoring.mentor_mentee_transitions DROP CONSTRAINT mentor_mentee_transitions_step_key;
            ALTER TABLE mentoring.mentor_mentee_transitions ADD CONSTRAINT mentor_mentee_transitions_step_key
                UNIQUE (from_status, to_status, actor_kind)
            """,
    ),
    "new index": ("unexpected: index auth.users_name_idx", "CREATE INDEX users_name_idx ON auth.users (first_name)"),
    "index dropped": (
        "missing: index mentoring.mentor_mentee_created_at_idx",
        "DROP INDEX mentoring.mentor_mentee_created_at_idx",
    ),
    "index option": (
        "different: index mentoring.mentor_mentee_pkey",
        "ALTER INDEX mentoring.mentor_mentee_pkey SET (fillfactor = 70)",
    ),
    "index comment": (
        "missing: comment on index mentoring.mentor_mentee_live_pair_key",
        "COMMENT ON INDEX mentoring.mentor_mentee_live_pair_key IS NULL",
    ),
    "index clustered": ("different: index auth.users_pkey", "ALTER TABLE auth.users CLUSTER ON users_pkey"),
    "index invalid": (
        "different: index mentoring.mentor_mentee_created_at_idx",
        """
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'mentoring.mentor_mentee_created_at_idx'::regclass
            """,
    ),
    "sequence option": ("different: sequence auth.users_id_seq", "ALTER SEQUENCE auth.users_id_seq CACHE 100"),
    "sequence right": (
        "unexpected: grant sequence auth.users_id_seq to auth_app",
        "GRANT USAGE ON SEQUENCE auth.users_id_seq TO auth_app",
    ),
    "view body": (
        "different: view mentoring.v_mentor_mentee_history",
        """
        DROP VIEW mentoring.v_mentor_mentee_history;
        CREATE VIEW mentoring.v_mentor_mentee_history AS SELECT 1 AS step_id
        """,
    ),
    "view option": (
        "different: view mentoring.v_mentor_mentee",
        "ALTER VIEW mentoring.v_mentor_mentee SET (security_barrier = true)",
    ),
    "view column comment": (
        "different: comment on column mentoring.v_mentor_mentee.status",
        "COMMENT ON COLUMN mentoring.v_mentor_mentee.status IS 'other'",
    ),
    "view right": (
        "missing: grant view mentoring.v_mentor_mentee to mentorbase_reader",
        "REVOKE SELECT ON mentoring.v_mentor_mentee FROM mentorbase_reader",
    ),
    "enum label": ("different: type mentoring.party", "ALTER TYPE mentoring.party RENAME VALUE 'system' TO 'robot'"),
    "enum order": ("different: type mentoring.party", "ALTER TYPE mentoring.party ADD VALUE 'parent' BEFORE 'mentee'"),
    "type owner": ("different: type mentoring.party", "ALTER TYPE mentoring.party OWNER TO postgres"),
    "type right": ("unexpected: grant type mentoring.party to PUBLIC", "GRANT USAGE ON TYPE mentoring.party TO PUBLIC"),
    "type comment": ("different: comment on type mentoring.party", "COMMENT ON TYPE mentoring.party IS 'other'"),
    "composite attribute": ("different: type platform.actor", "ALTER TYPE platform.actor ADD ATTRIBUTE more text"),
    "domain check": (
        "missing: constraint mentoring.short.short_check",
        "ALTER DOMAIN mentoring.short DROP CONSTRAINT short_check",
    ),
    "domain default": ("different: type mentoring.short", "ALTER DOMAIN mentoring.short SET DEFAULT 'x'"),
    "function body": (
        "different: function platform.set_updated_at()",
        """
            CREATE OR REPLACE FUNCTION platform.set_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = ''
            AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$
            """,
    ),
    "function volatility": (
        "different: function mentoring.setting(text)",
        "ALTER FUNCTION mentoring.setting(text) IMMUTABLE",
    ),
    "function parallel safety": (
        "different: function mentoring.setting(text)",
        "ALTER FUNCTION mentoring.setting(text) PARALLEL UNSAFE",
    ),
    "function definer": (
        "different: function mentoring.setting(text)",
        "ALTER FUNCTION mentoring.setting(text) SECURITY DEFINER",
    ),
    "function search_path": (
        "different: function mentoring.setting(text)",
        "ALTER FUNCTION mentoring.setting(text) RESET search_path",
    ),
    "function cost": ("different: function mentoring.setting(text)", "ALTER FUNCTION mentoring.setting(text) COST 7"),
    "function owner": (
        "different: function mentoring.setting(text)",
        "ALTER FUNCTION mentoring.setting(text) OWNER TO postgres",
    ),
    "function right": (
        "unexpected: grant function mentoring.setting(text) to mentoring_app",
        "GRANT EXECUTE ON FUNCTION mentoring.setting(text) TO mentoring_app",
    ),
    "function comment": (
        "different: comment on function mentoring.setting(text)",
        "COMMENT ON FUNCTION mentoring.setting(text) IS 'other'",
    ),
    "procedure dropped": (
        "missing: procedure platform.ensure_application_role(name)",
        "DROP PROCEDURE platform.ensure_application_role(name)",
    ),
    "trigger disabled": (
        "different: trigger mentoring.mentor_mentee.mentor_mentee_guard_update",
        "ALTER TABLE mentoring.mentor_mentee DISABLE TRIGGER mentor_mentee_guard_update",
    ),
    "trigger dropped": (
        "missing: trigger auth.users.users_set_updated_at",
        "DROP TRIGGER users_set_updated_at ON auth.users",
    ),
    "trigger events": (
        "different: trigger auth.users.users_set_updated_at",
        """
            CREATE OR REPLACE TRIGGER users_set_updated_at BEFORE INSERT OR UPDATE ON auth.users
            FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at()
            """,
    ),
    "policy": ("unexpected: policy mentoring.settings.more", "CREATE POLICY more ON mentoring.settings USING (true)"),
    "policy condition": ("different: policy mentoring.probe.own", "ALTER POLICY own ON mentoring.probe USING (id = 2)"),
    "policy roles": ("different: policy mentoring.probe.own", "ALTER POLICY own ON mentoring.probe TO PUBLIC"),
    "partition key": (
        "different: table mentoring.probe",
        """
            DROP TABLE mentoring.probe;
            CREATE TABLE mentoring.probe (id bigint, label text, d date) PARTITION BY LIST (d)
            """,
    ),
    "default privilege": (
        "missing: default privilege on routines made by mentorbase_owner to mentorbase_owner",
        """
            ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner GRANT EXECUTE ON ROUTINES TO PUBLIC
            """,
    ),
    "default privilege in a schema": (
        "unexpected: default privilege on tables made by mentorbase_owner in schema auth to auth_app",
        """
            ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner IN SCHEMA auth GRANT SELECT ON TABLES TO auth_app
            """,
    ),
    "seed changed": (
        'unexpected: seed platform.refusals {"name": "actor_required", "meaning": "other"',
        "UPDATE platform.refusals SET meaning = 'other' WHERE sqlstate = 'MB001'",
    ),
    "seed gone": (
        'missing: seed mentoring.mentor_mentee_transitions {"to_status": "active", "actor_kind": "admin"',
        "DELETE FROM mentoring.mentor_mentee_transitions WHERE from_status IS NULL",
    ),
    "seed added": (
        'unexpected: seed mentoring.settings {"name": "more"',
        "INSERT INTO mentoring.settings (name, value, unit, meaning) VALUES ('more', 1, 'days', 'more')",
    ),
    "kind without a text of its own": (
        "unexpected: statistics object auth.names",
        "CREATE STATISTICS auth.names ON first_name, last_name FROM auth.users",
    ),
}


@pytest.fixture(scope="module")
def before(catalog):
    """What there is with `OTHERS` and without a change; it holds no oids, so it is the same each time."""
    with catalog.transaction(force_rollback=True):
        catalog.execute(OTHERS)
        return describe(catalog)


@pytest.mark.parametrize("change", CHANGES)
def test_a_description_sees_each_kind_of_change(sandbox, before, change):
    line, statements = CHANGES[change]
    sandbox.execute(OTHERS)

    sandbox.execute(statements)

    assert [found for found in differences(before, describe(sandbox)) if found.startswith(line)]


NO_CHANGES = {
    "explicit default rights": """
        GRANT ALL ON TABLE mentoring.probe TO postgres;
        REVOKE SELECT ON mentoring.probe FROM auth_app
        """,
    "another month": """
        CREATE TABLE mentoring.probe_2027 PARTITION OF mentoring.probe FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
        CREATE INDEX ON mentoring.probe_2027 (label);
        COMMENT ON TABLE mentoring.probe_2027 IS 'next year';
        GRANT SELECT ON mentoring.probe_2027 TO auth_app
        """,
    "time stamps of a seed": "UPDATE mentoring.settings SET value = value",
    "order of columns": """
        DROP TABLE mentoring.probe;
        CREATE TABLE mentoring.probe (d date, label text, id bigint) PARTITION BY RANGE (d);
        CREATE UNIQUE INDEX probe_key ON mentoring.probe (id, d);
        ALTER TABLE mentoring.probe ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON mentoring.probe FOR SELECT TO auth_app USING (id = 1)
        """,
    "rows": "SELECT nextval('auth.users_id_seq')",
}


@pytest.mark.parametrize("change", NO_CHANGES)
def test_a_description_leaves_aside_what_is_no_definition(sandbox, before, change):
    sandbox.execute(OTHERS)

    sandbox.execute(NO_CHANGES[change])

    assert differences(before, describe(sandbox)) == []


def test_a_difference_is_one_readable_line():
    expected = {"table a.gone": "permanent", "function a.f()": "owner o\nBEGIN\n  one;\nEND", "view a.same": "x"}
    there = {"table a.new": "permanent", "function a.f()": "owner o\nBEGIN\n  two;\nEND", "view a.same": "x"}

    assert differences(expected, there) == [
        "different: function a.f() | one; | two;",
        "missing: table a.gone",
        "unexpected: table a.new",
    ]
