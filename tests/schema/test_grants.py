"""The privileges of the database are those that are written out in grants.py: none is missing and none is extra."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from mentorbase.catalog import OURS
from schema.grants import ALL, DEFAULTS, GRANTS, MEMBERS, OWNER, Privileges

# Every object of our schemas with its privileges, partitions too. Where none are noted, the built-in default holds.
PRIVILEGES = (
    OURS
    + """
, objects (name, kind, owner, acl, columns) AS (
    SELECT 'schema ' || quote_ident(n.nspname), 'n', n.nspowner, n.nspacl, NULL FROM ours AS n
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'view ' ELSE 'table ' END
        || format('%I.%I', n.nspname, c.relname),
        CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.relowner, c.relacl, NULL
    FROM pg_class AS c
    JOIN ours AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT
        CASE WHEN c.relkind IN ('v', 'm') THEN 'view ' ELSE 'table ' END || format('%I.%I', n.nspname, c.relname),
        'c', c.relowner, a.attacl, a.attname
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN ours AS n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT p.kind || ' ' || p.name, 'f', p.proowner, p.proacl, NULL FROM routines AS p
    UNION ALL
    SELECT 'type ' || t.name, 'T', t.typowner, t.typacl, NULL FROM types AS t
)
SELECT
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS role,
    o.name,
    a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege,
    coalesce(o.columns, '*') AS columns
FROM objects AS o
CROSS JOIN aclexplode(coalesce(o.acl, acldefault(o.kind::"char", o.owner))) AS a
"""
)

# What an owner has of an object unless somebody took it away.
OWNED = PRIVILEGES.replace("coalesce(o.acl, acldefault", "(acldefault") + " WHERE o.kind <> 'c' AND a.grantee = o.owner"

DEFAULT_PRIVILEGES = """
SELECT
    pg_get_userbyid(d.defaclrole)
    || CASE WHEN d.defaclnamespace <> 0 THEN ' in ' || d.defaclnamespace::regnamespace ELSE '' END,
    CASE d.defaclobjtype
        WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'routines' WHEN 'T' THEN 'types'
        WHEN 'n' THEN 'schemas' ELSE 'large objects'
    END,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
    a.privilege_type
FROM pg_default_acl AS d
CROSS JOIN aclexplode(d.defaclacl) AS a
"""


def lines(role: str, name: str, privileges: Privileges) -> Iterator[str]:
    """Each privilege of a role on an object as a sentence, one a column."""
    for privilege, columns in privileges.items():
        for column in columns.split():
            yield f"{role} may {privilege} {name}" + (f" ({column})" if column != ALL else "")


def written() -> set[str]:
    return {
        line
        for role, objects in GRANTS.items()
        for name, privileges in objects.items()
        for line in lines(role, name, privileges)
    }


def read(conn: psycopg.Connection, query: str = PRIVILEGES) -> set[str]:
    return {
        line
        for role, name, privilege, column in conn.execute(query)  # type: ignore[call-overload]
        for line in lines(role, name, {privilege: column})
    }


def differences(conn: psycopg.Connection) -> list[str]:
    """What the database and grants.py do not agree about, a line each."""
    found, owned = read(conn), read(conn, OWNED)
    expected = written() | owned
    return sorted(
        [f"extra in the database: {line}" for line in found - expected]
        + [f"missing in the database: {line}" for line in expected - found]
    )


def defaults(conn: psycopg.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for maker, kind, grantee, privilege in conn.execute(DEFAULT_PRIVILEGES).fetchall():
        assert maker == OWNER
        found.setdefault(kind, {})[grantee] = privilege
    return found


def test_the_privileges_are_those_written_out(catalog: psycopg.Connection) -> None:
    assert differences(catalog) == []


def test_what_is_made_later_is_for_whom_is_written_out(catalog: psycopg.Connection) -> None:
    assert defaults(catalog) == DEFAULTS


def test_the_roles_are_members_of_what_is_written_out(catalog: psycopg.Connection) -> None:
    roles = [role for role in (*GRANTS, OWNER) if role != "PUBLIC"]
    found = catalog.execute(
        "SELECT member::regrole::text, array_agg(roleid::regrole::text) FROM pg_auth_members"
        " WHERE member::regrole::text = ANY (%s) GROUP BY member",
        [roles],
    ).fetchall()
    assert {member: set(groups) for member, groups in found} == MEMBERS


@pytest.mark.parametrize(
    ("breach", "named"),
    [
        ("GRANT USAGE ON SCHEMA auth TO PUBLIC", "extra in the database: PUBLIC may USAGE schema auth"),
        (
            "GRANT CREATE ON SCHEMA auth TO auth_app",
            "extra in the database: auth_app may CREATE schema auth",
        ),
        (
            "REVOKE USAGE ON SCHEMA auth FROM auth_app",
            "missing in the database: auth_app may USAGE schema auth",
        ),
        (
            "GRANT DELETE ON auth.users TO auth_app",
            "extra in the database: auth_app may DELETE table auth.users",
        ),
        (
            "GRANT SELECT ON auth.users TO test_app",
            "extra in the database: test_app may SELECT table auth.users",
        ),
        (
            "GRANT SELECT ON auth.users TO auth_app WITH GRANT OPTION",
            "extra in the database: auth_app may SELECT WITH GRANT OPTION table auth.users",
        ),
        (
            "REVOKE SELECT ON mentoring.blocks FROM mentoring_app",
            "missing in the database: mentoring_app may SELECT table mentoring.blocks",
        ),
        (
            "GRANT SELECT (mentor_notes) ON mentoring.mentor_mentee TO mentoring_app",
            "extra in the database: mentoring_app may SELECT table mentoring.mentor_mentee (mentor_notes)",
        ),
        (
            "REVOKE UPDATE (is_active) ON auth.users FROM auth_app",
            "missing in the database: auth_app may UPDATE table auth.users (is_active)",
        ),
        (
            "GRANT SELECT ON auth.audit_log TO mentorbase_reader",
            "extra in the database: mentorbase_reader may SELECT table auth.audit_log",
        ),
        (
            "GRANT INSERT ON auth.audit_log_default TO auth_app",
            "extra in the database: auth_app may INSERT table auth.audit_log_default",
        ),
        (
            "GRANT SELECT (row_key) ON auth.audit_log_default TO auth_app",
            "extra in the database: auth_app may SELECT table auth.audit_log_default (row_key)",
        ),
        (
            "REVOKE SELECT ON mentoring.v_mentor_board FROM mentorbase_reader",
            "missing in the database: mentorbase_reader may SELECT view mentoring.v_mentor_board",
        ),
        (
            "GRANT USAGE ON SEQUENCE auth.users_id_seq TO auth_app",
            "extra in the database: auth_app may USAGE sequence auth.users_id_seq",
        ),
        (
            "GRANT EXECUTE ON FUNCTION platform.audit() TO mentorbase_app",
            "extra in the database: mentorbase_app may EXECUTE function platform.audit()",
        ),
        (
            "GRANT EXECUTE ON PROCEDURE platform.ensure_application_role(name) TO auth_app",
            "extra in the database: auth_app may EXECUTE procedure platform.ensure_application_role(name)",
        ),
        (
            "CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql RETURN 1",
            "extra in the database: PUBLIC may EXECUTE function auth.f()",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION mentoring.block(bigint, bigint, bigint) FROM mentoring_app",
            "missing in the database: mentoring_app may EXECUTE function mentoring.block(bigint,bigint,bigint)",
        ),
        (
            "GRANT USAGE ON TYPE auth.contact_kind TO mentorbase_reader",
            "extra in the database: mentorbase_reader may USAGE type auth.contact_kind",
        ),
        (
            "REVOKE UPDATE ON mentoring.settings FROM mentorbase_owner",
            "missing in the database: mentorbase_owner may UPDATE table mentoring.settings",
        ),
    ],
)
def test_a_grant_too_many_or_too_few_is_named(sandbox: psycopg.Connection, breach: str, named: str) -> None:
    sandbox.execute(breach)  # type: ignore[call-overload]
    assert named in differences(sandbox)


@pytest.mark.parametrize(
    "breach",
    [
        "GRANT EXECUTE ON ROUTINES TO PUBLIC",
        "GRANT SELECT ON TABLES TO mentorbase_reader",
        "GRANT USAGE ON TYPES TO mentoring_app",
    ],
)
def test_a_default_privilege_too_many_is_found(sandbox: psycopg.Connection, breach: str) -> None:
    sandbox.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} {breach}")  # type: ignore[call-overload]
    assert defaults(sandbox) != DEFAULTS


def test_every_name_that_is_written_out_exists(catalog: psycopg.Connection) -> None:
    existing = {line.split(" ", 3)[3] for line in read(catalog, OWNED) if " WITH " not in line}
    assert {name for objects in GRANTS.values() for name in objects} - existing == set()
