"""Who may do what: the owner owns, an application stays in its service, analysts read views, PUBLIC has nothing."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from mentorbase.catalog import describe
from schema.support import SERVICES, found

OWNER, ALL_APPS, READER = "mentorbase_owner", "mentorbase_app", "mentorbase_reader"
APPS = {service: f"{service}_app" for service in [*SERVICES, "links"]}
SIDES = {"pas_bot_user": "quests", "inner_edu_user": "quests"}
"""The two applications of quests, which share quests_app and nothing else; mentorbase_app is a member of neither."""


class Grant(NamedTuple):
    kind: str
    name: str
    grantee: str
    privileges: str

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]


GRANT = re.compile(
    r"grant (schema|table|column|sequence|view|materialized view|function|procedure|aggregate|type) (.+) to (\S+)"
)


def grants(described: dict[str, str]) -> list[Grant]:
    keys = [key for key in described if key.startswith("grant ")]
    return [Grant(*GRANT.fullmatch(key).groups(), described[key]) for key in keys]


# What breaks a rule, for each rule.


def of_public(described):
    return [grant for grant in grants(described) if grant.grantee == "PUBLIC"]


def of_the_application_of_all_services(described):
    return [grant for grant in grants(described) if grant.grantee == ALL_APPS]


def outside_the_own_service(described):
    """What an application has of another service, or a stranger of any; the platform is for all applications."""
    everywhere = {OWNER, READER}
    of_platform = {("platform", app) for app in APPS.values()}
    of_service = set(APPS.items()) | {(service, side) for side, service in SIDES.items()}
    return [
        grant
        for grant in grants(described)
        if grant.grantee not in everywhere and (grant.schema, grant.grantee) not in of_platform | of_service
    ]


def of_the_reader_beyond_views(described):
    return [
        grant
        for grant in grants(described)
        if grant.grantee == READER
        and (grant.kind, grant.privileges) not in {("schema", "USAGE"), ("type", "USAGE")}
        and not (grant.kind == "view" and grant.privileges == "SELECT" and grant.name.startswith(f"{grant.schema}.v_"))
    ]


def passed_on(described):
    return [grant for grant in grants(described) if "(grantable)" in grant.privileges]


def unread_by_the_reader(described):
    read = {grant.name for grant in grants(described) if grant.grantee == READER and grant.kind == "view"}
    views = {key.removeprefix("view ") for key in described if re.match(r"view [\w.]+\.v_", key)}
    return sorted(views - read)


RULES = (
    of_public,
    of_the_application_of_all_services,
    outside_the_own_service,
    of_the_reader_beyond_views,
    passed_on,
    unread_by_the_reader,
)


def test_public_has_nothing(described):
    assert of_public(described) == []


def test_the_application_of_all_services_has_nothing_of_its_own(described, catalog):
    assert of_the_application_of_all_services(described) == []
    assert found(catalog, f"SELECT 'owns' FROM pg_shdepend WHERE refobjid = '{ALL_APPS}'::regrole") == []


def test_an_application_has_rights_in_its_own_service_and_the_platform_only(described):
    assert outside_the_own_service(described) == []


def test_the_reader_has_views_only(described):
    assert of_the_reader_beyond_views(described) == []


def test_the_reader_has_every_view_for_analysts(described):
    assert unread_by_the_reader(described) == []


def test_nobody_may_pass_a_right_on(described):
    assert passed_on(described) == []


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (of_public, "GRANT USAGE ON SCHEMA auth TO PUBLIC"),
        (of_public, "GRANT SELECT ON auth.users TO PUBLIC"),
        (of_public, "GRANT SELECT (id) ON auth.users TO PUBLIC"),
        (of_public, "GRANT USAGE ON SEQUENCE auth.users_id_seq TO PUBLIC"),
        (of_public, "CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql RETURN 1"),
        (of_public, "CREATE TYPE auth.t AS ENUM ('one')"),
        (of_the_application_of_all_services, "GRANT SELECT ON auth.users TO mentorbase_app"),
        (outside_the_own_service, "GRANT SELECT ON auth.users TO mentoring_app"),
        (outside_the_own_service, "GRANT UPDATE (role) ON auth.users TO mentoring_app"),
        (outside_the_own_service, "GRANT SELECT ON platform.refusals TO test_app"),
        (outside_the_own_service, "GRANT USAGE ON SCHEMA mentoring TO auth_app"),
        (of_the_reader_beyond_views, "GRANT SELECT ON auth.users TO mentorbase_reader"),
        (of_the_reader_beyond_views, "GRANT UPDATE ON mentoring.v_mentor_mentee TO mentorbase_reader"),
        (of_the_reader_beyond_views, "GRANT EXECUTE ON FUNCTION mentoring.setting(text) TO mentorbase_reader"),
        (of_the_reader_beyond_views, "GRANT CREATE ON SCHEMA mentoring TO mentorbase_reader"),
        (passed_on, "GRANT SELECT ON auth.users TO auth_app WITH GRANT OPTION"),
        (unread_by_the_reader, "CREATE VIEW auth.v_people AS SELECT id FROM auth.users"),
    ],
)
def test_a_breach_of_each_rule_is_found(sandbox, described, rule, breach):
    assert [other.__name__ for other in RULES if other(described)] == []
    sandbox.execute(breach)
    assert rule(describe(sandbox))


# -- Roles and owners

OTHER_OWNERS = f"""
SELECT o.name || ' of ' || pg_get_userbyid(o.owner)
FROM (
    SELECT n.nspname::text, n.nspowner FROM ours AS n
    UNION ALL SELECT r.name, r.relowner FROM relations AS r
    UNION ALL SELECT p.name, p.proowner FROM routines AS p
    UNION ALL SELECT t.name, t.typowner FROM types AS t
) AS o (name, owner)
WHERE o.owner <> '{OWNER}'::regrole
"""


def test_the_owner_owns_everything(catalog):
    assert found(catalog, OTHER_OWNERS) == []


@pytest.mark.parametrize(
    "breach",
    [
        "CREATE SCHEMA other",
        "ALTER TABLE auth.users OWNER TO postgres",
        "ALTER VIEW mentoring.v_mentor_mentee OWNER TO postgres",
        "ALTER TYPE auth.user_role OWNER TO postgres",
        "ALTER FUNCTION mentoring.setting(text) OWNER TO postgres",
    ],
)
def test_another_owner_is_found(sandbox, breach):
    sandbox.execute(breach)
    assert found(sandbox, OTHER_OWNERS)


@pytest.mark.parametrize("role", [OWNER, ALL_APPS, READER, *APPS.values(), *SIDES])
def test_a_role_is_a_group_without_special_rights(catalog, role):
    attributes = catalog.execute(
        """
        SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit
        FROM pg_roles
        WHERE rolname = %s
        """,
        [role],
    ).fetchone()
    assert attributes == (False, False, False, False, False, False, True)


def memberships(conn, role):
    return found(conn, f"SELECT m.roleid::regrole::text FROM pg_auth_members AS m WHERE m.member = '{role}'::regrole")


def test_the_application_of_all_services_is_a_member_of_each(catalog):
    assert memberships(catalog, ALL_APPS) == sorted(APPS.values())


@pytest.mark.parametrize("side", SIDES)
def test_each_side_of_quests_is_a_member_of_what_both_need(catalog, side):
    assert memberships(catalog, side) == [APPS[SIDES[side]]]


@pytest.mark.parametrize("role", [OWNER, READER, *APPS.values()])
def test_no_other_role_is_a_member_of_anything(catalog, role):
    assert memberships(catalog, role) == []


def test_what_the_owner_makes_later_is_not_for_public_either(sandbox):
    sandbox.execute("SET LOCAL ROLE mentorbase_owner")
    sandbox.execute("CREATE FUNCTION auth.f() RETURNS int LANGUAGE sql RETURN 1")
    sandbox.execute("CREATE PROCEDURE auth.p() LANGUAGE sql AS ''")
    sandbox.execute("CREATE TYPE auth.t AS ENUM ('one')")
    sandbox.execute("CREATE TABLE auth.more (id bigint GENERATED ALWAYS AS IDENTITY)")
    assert of_public(describe(sandbox)) == []
