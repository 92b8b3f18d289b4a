"""Each service may have a database of its own; only links/ knows two of them."""

from __future__ import annotations

import re

import psycopg
import pytest
from mentorbase.catalog import describe, differences
from mentorbase.migrate import migrate
from schema.support import SERVICES, SQL, as_deploy, code, files, found


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_migrates_alone_into_an_empty_database(empty, described, service):
    migrate(as_deploy(empty), [service])

    with psycopg.connect(empty, autocommit=True) as conn:
        alone = describe(conn)
    assert {key for key in alone if key.startswith("schema ")} == {"schema platform", f"schema {service}"}
    # And is then what it is beside the others.
    assert differences({key: described.get(key, "") for key in alone}, alone) == []


# -- Nobody says another's name


def foreign_names(text: str, own: str) -> list[str]:
    """Which schemas of other services some SQL of the service names, in code or in dynamic SQL."""
    others = "|".join(service for service in SERVICES if service != own)
    return re.findall(rf'(?<![\w.])"?(?:{others})"?\.\w*', code(text))


@pytest.mark.parametrize("service", ["platform", *SERVICES])
def test_no_folder_but_links_names_another_schema(service):
    named = {str(path.relative_to(SQL)): foreign_names(path.read_text(), service) for path in files([service])}
    assert {path: names for path, names in named.items() if names} == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT u.id FROM auth.users AS u", ["auth.users"]),
        ('SELECT u.id FROM "auth".users AS u', ["auth.users"]),
        ("CREATE FUNCTION f() AS $$ SELECT 1 -- why\n FROM auth.users $$", ["auth.users"]),
        ("CREATE FUNCTION f() AS $$ BEGIN EXECUTE 'TABLE auth.users'; END $$", ["auth.users"]),
        ("COMMENT ON TABLE mentoring.t IS 'it''s (auth.users.id)'", []),
        ("SELECT 1 -- auth.users", []),
        ("SELECT 1 /* auth.users\n auth.users */", []),
        ("SELECT platform.f(), mentoring.f()", []),
        ("SELECT '--', auth.f()", ["auth.f"]),
        ("SELECT t.auth.x", []),
    ],
)
def test_a_foreign_name_is_found_where_it_counts(text, names):
    assert [name.replace('"', "") for name in foreign_names(text, "mentoring")] == names


# -- Nobody depends on another

CROSSINGS = """,
places (classid, objid, schema) AS (
    SELECT 'pg_class'::regclass, c.oid, c.relnamespace FROM pg_class AS c
    UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_type AS t
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc AS p
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.connamespace FROM pg_constraint AS k
    UNION ALL
    SELECT 'pg_trigger'::regclass, g.oid, c.relnamespace
    FROM pg_trigger AS g
    JOIN pg_class AS c ON c.oid = g.tgrelid
    WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, c.relnamespace
    FROM pg_rewrite AS w
    JOIN pg_class AS c ON c.oid = w.ev_class
    UNION ALL
    SELECT 'pg_attrdef'::regclass, a.oid, c.relnamespace
    FROM pg_attrdef AS a
    JOIN pg_class AS c ON c.oid = a.adrelid
    UNION ALL
    SELECT 'pg_policy'::regclass, y.oid, c.relnamespace
    FROM pg_policy AS y
    JOIN pg_class AS c ON c.oid = y.polrelid
)
SELECT DISTINCT format(
    '%s on %s',
    pg_describe_object(d.classid, d.objid, 0),
    pg_describe_object(d.refclassid, d.refobjid, 0)
)
FROM pg_depend AS d
JOIN places AS here ON here.classid = d.classid AND here.objid = d.objid
JOIN places AS there ON there.classid = d.refclassid AND there.objid = d.refobjid
JOIN ours AS n ON n.oid = here.schema
JOIN ours AS m ON m.oid = there.schema
WHERE n.oid <> m.oid AND m.nspname <> 'platform'
"""


def test_without_links_no_service_depends_on_another(unlinked):
    assert found(unlinked, CROSSINGS) == []


@pytest.mark.parametrize(
    "crossing",
    [
        "ALTER TABLE mentoring.settings ADD FOREIGN KEY (value) REFERENCES auth.users NOT VALID",
        "CREATE VIEW mentoring.v_users AS SELECT id FROM auth.users",
        "ALTER TABLE mentoring.settings ADD COLUMN role auth.user_role",
        "CREATE FUNCTION mentoring.f(auth.user_role) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION mentoring.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM auth.users; END",
        """
        CREATE FUNCTION auth.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER f AFTER INSERT ON mentoring.settings FOR EACH ROW EXECUTE FUNCTION auth.f()
        """,
        "CREATE POLICY p ON mentoring.settings USING (EXISTS (SELECT FROM auth.users))",
        "CREATE SEQUENCE auth.s; ALTER TABLE mentoring.settings ALTER COLUMN value SET DEFAULT nextval('auth.s')",
        "CREATE TABLE platform.t (role auth.user_role)",
    ],
)
def test_a_dependency_between_services_is_found(unlinked, crossing):
    with unlinked.transaction(force_rollback=True):
        unlinked.execute(crossing)
        assert found(unlinked, CROSSINGS)


def test_links_make_all_the_dependencies_between_services(catalog):
    links = " ".join(code(path.read_text()) for path in files(["links"]))
    crossings = found(catalog, CROSSINGS)

    assert crossings
    assert [crossing for crossing in crossings if not made_by_links(crossing, links)] == []


def made_by_links(crossing: str, links: str) -> bool:
    """Whether what depends on another service is a constraint, a trigger, a view or a function of sql/links."""
    made = re.match(
        r"(?:constraint|trigger) (\w+) on table|(?:rule _RETURN on )?view ([\w.]+)|function ([\w.]+)\(", crossing
    )
    return bool(made) and next(filter(None, made.groups())) in links
