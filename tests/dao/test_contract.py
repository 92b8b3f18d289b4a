"""Every named query fits its method: prepared in the migrated database, as the service's own role.

The services are found through `Queries`, so a new one is covered by having a class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from inspect import Parameter, Signature
from typing import Annotated, Any

import psycopg
import pytest
from mentorbase import resources
from mentorbase.mentoring import Mentoring, Party, RelationshipStatus
from mentorbase.named_sql import parse
from mentorbase.query import Queries, Query
from pydantic import AwareDatetime
from pydantic.dataclasses import dataclass

from .contract import mismatches, models, queries, services

SERVICES = [pytest.param(service, id=service.service) for service in services()]
_WORDLESS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.S)
_STAR = re.compile(r"(?:\b(?:SELECT|ALL|DISTINCT|RETURNING)\s+|[,.]\s*)\*", re.I)


# What applications may not run: jobs of the owner.
OWNERS = {"mentoring.backfill_relationships"}

# Quests has two applications: what is in neither is the bot's alone.
BOTH_SIDES = {"quests.get_privacy_settings", "quests.can_share_with_parent"}
INNER_EDU = {
    "quests.achievements",
    "quests.child_progress",
    "quests.complete_node",
    "quests.open_quest",
    "quests.quest_nodes",
    "quests.record_achievement",
    "quests.save_nodes",
    "quests.start_node",
    "quests.update_privacy_settings",
    "quests.update_quest_progress",
}


def become(service: type[Queries[Any]], conn: psycopg.Connection) -> None:
    conn.execute(f"SET ROLE {service.service}_app")


def roles(query: Query[..., Any]) -> list[str]:
    """Who may run a query."""
    service = query.name.partition(".")[0]
    if query.name in OWNERS:
        return ["mentorbase_owner"]
    if service != "quests":
        return [f"{service}_app"]
    if query.name in BOTH_SIDES:
        return ["pas_bot_user", "inner_edu_user"]
    return ["inner_edu_user"] if query.name in INNER_EDU else ["pas_bot_user"]


@pytest.fixture
def application(admin: psycopg.Connection) -> psycopg.Connection:
    """The test's own database, as mentoring's application role."""
    become(Mentoring, admin)
    return admin


@pytest.fixture
def altered(admin: psycopg.Connection) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Change the database, and hand out a connection of mentoring's application role; rolled back at the end."""

    def alter(change: str) -> psycopg.Connection:
        admin.execute(change)
        become(Mentoring, admin)
        return admin

    with admin.transaction(force_rollback=True):
        yield alter


@pytest.mark.parametrize("service", SERVICES)
def test_every_query_fits_its_method(service: type[Queries[Any]], admin: psycopg.Connection) -> None:
    assert queries(service)
    wrong = {}
    for query in queries(service):
        for role in roles(query):
            admin.execute(f"SET ROLE {role}")
            if found := mismatches(query, admin):
                wrong[query.name, role] = found
    assert wrong == {}


@pytest.mark.parametrize("role", ["pas_bot_user", "inner_edu_user", "quests_app", "mentorbase_app"])
def test_neither_side_of_quests_may_run_what_is_the_other_s(admin: psycopg.Connection, role: str) -> None:
    """One side's queries are refused to the other, and all to what only has the rights that both share."""
    [quests] = [service for service in services() if service.service == "quests"]
    admin.execute(f"SET ROLE {role}")
    for query in queries(quests):
        if role not in roles(query):
            assert [line[:5] for line in mismatches(query, admin)] == ["42501"], query.name


@pytest.mark.parametrize("name", sorted(OWNERS))
def test_an_application_may_not_run_a_job_of_the_owner(application: psycopg.Connection, name: str) -> None:
    [query] = [query for service in services() for query in queries(service) if query.name == name]
    assert mismatches(query, application) == [f"42501: permission denied for function {name.partition('.')[2]}"]


def test_every_service_folder_with_queries_has_a_class() -> None:
    folders = {file.parent.name for file in resources.folder("sql").glob("*/queries.sql")}
    assert folders == {service.service for service in services()}


@pytest.mark.parametrize("service", SERVICES)
def test_every_method_and_model_says_what_it_is(service: type[Queries[Any]]) -> None:
    assert service.__doc__
    for query in queries(service):
        assert query.__doc__, query.name
        for model in models(query):
            # A dataclass without a docstring is given its own signature as one.
            assert model.__doc__, model
            assert not model.__doc__.startswith(f"{model.__name__}("), model


@pytest.mark.parametrize("service", SERVICES)
def test_every_query_says_what_it_answers(service: type[Queries[Any]]) -> None:
    silent = [query.name for query in queries(service) if not re.match(r"-- \S", query.sql.sql.decode())]
    assert silent == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_query_selects_a_star(service: type[Queries[Any]]) -> None:
    assert [query.name for query in queries(service) if has_star(query.sql.sql.decode())] == []


def has_star(sql: str) -> bool:
    return bool(_STAR.search(_WORDLESS.sub("''", sql)))


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM x", "SELECT a, * FROM x", "SELECT x.* FROM x", "SELECT DISTINCT\n* FROM x", "RETURNING *"]
)
def test_a_star_is_seen(sql: str) -> None:
    assert has_star(sql)


@pytest.mark.parametrize("sql", ["SELECT count(*) FROM x", "SELECT 2 * 3", "SELECT '.*'", "SELECT 1 -- , *"])
def test_other_asterisks_are_no_star(sql: str) -> None:
    assert not has_star(sql)


# What follows breaks one thing at a time and expects the comparison to name it.

TABLE = "SELECT id, status, paused_by FROM mentoring.mentor_mentee WHERE id = :relationship_id"
FUNCTION = "SELECT id, status, paused_by FROM mentoring.transition(:relationship_id, 'active')"


@dataclass(frozen=True, slots=True)
class Fitting:
    id: int
    status: RelationshipStatus
    paused_by: int | None


@dataclass(frozen=True, slots=True)
class Renamed:
    id: int
    state: RelationshipStatus
    paused_by: int | None


@dataclass(frozen=True, slots=True)
class Reordered:
    id: int
    paused_by: int | None
    status: RelationshipStatus


@dataclass(frozen=True, slots=True)
class Shorter:
    id: int
    status: RelationshipStatus


@dataclass(frozen=True, slots=True)
class WrongType:
    id: str
    status: RelationshipStatus
    paused_by: int | None


@dataclass(frozen=True, slots=True)
class WrongEnum:
    id: int
    status: Party
    paused_by: int | None


@dataclass(frozen=True, slots=True)
class TextForEnum:
    id: int
    status: str
    paused_by: int | None


@dataclass(frozen=True, slots=True)
class MissingOptional:
    id: int
    status: RelationshipStatus
    paused_by: int


@dataclass(frozen=True, slots=True)
class NeedlessOptional:
    id: int
    status: RelationshipStatus | None
    paused_by: int | None


def declared(sql: str, *, returns: Any, **parameters: Any) -> Query[..., Any]:
    """A query that no file has, as if it had been written into a class."""

    def made(self: Any) -> Any:
        """Stand in for a declaration."""

    names = ["self", *parameters]
    made.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    made.__annotations__ = {**parameters, "return": returns}
    query: Query[..., Any] = Query(made)
    (text,) = parse(f"-- name: made\n{sql};")
    query.complete("mentoring", text)
    return query


@pytest.mark.parametrize("sql", [TABLE, FUNCTION])
@pytest.mark.parametrize("returns", [Fitting, Fitting | None, list[Fitting]])
def test_a_fitting_query_has_no_mismatch(sql: str, returns: Any, application: psycopg.Connection) -> None:
    assert mismatches(declared(sql, returns=returns, relationship_id=int), application) == []


@pytest.mark.parametrize("sql", [TABLE, FUNCTION])
@pytest.mark.parametrize(
    ("model", "mismatch"),
    [
        (Renamed, "columns ['id', 'status', 'paused_by'] are not the fields ['id', 'state', 'paused_by']"),
        (Reordered, "columns ['id', 'status', 'paused_by'] are not the fields ['id', 'paused_by', 'status']"),
        (Shorter, "columns ['id', 'status', 'paused_by'] are not the fields ['id', 'status']"),
        (WrongType, "column id: bigint is declared as <class 'str'>"),
        (TextForEnum, "column status: mentoring.mentor_mentee_status is declared as <class 'str'>"),
        (
            WrongEnum,
            "column status: Party has ['mentor', 'mentee', 'system', 'admin'],"
            " mentoring.mentor_mentee_status has ['pending', 'active', 'paused', 'completed', 'rejected',"
            " 'cancelled', 'expired', 'terminated']",
        ),
        (MissingOptional, "column paused_by: may be null, is not declared Optional"),
        (NeedlessOptional, "column status: is never null, is declared Optional"),
    ],
)
def test_a_model_that_does_not_fit_is_named(
    sql: str, model: type, mismatch: str, application: psycopg.Connection
) -> None:
    assert mismatches(declared(sql, returns=model, relationship_id=int), application) == [mismatch]


@pytest.mark.parametrize(
    ("cast", "annotation"),
    [
        ("bigint", str),
        ("bigint", bool),
        ("bigint", list[int]),
        ("bigint[]", int),
        ("text", int),
        ("text", RelationshipStatus),
        ("mentoring.party", str),
        ("mentoring.party", RelationshipStatus),
        ("mentoring.party[]", Party),
        ("numeric", float),
        ("timestamptz", datetime),  # takes naive ones
        ("timestamp", AwareDatetime),
        ("date", AwareDatetime),
    ],
)
def test_a_parameter_of_another_type_is_named(cast: str, annotation: Any, application: psycopg.Connection) -> None:
    query = declared(f"SELECT true FROM mentoring.settings WHERE :it::{cast} IS NULL", returns=bool, it=annotation)
    (mismatch,) = mismatches(query, application)
    assert mismatch.startswith("parameter it: ")


@pytest.mark.parametrize(
    ("cast", "annotation"),
    [
        ("bigint", int),
        ("smallint", int | None),
        ("bigint[]", Sequence[int]),
        ("text[]", list[str] | None),
        ("mentoring.party", Party | None),
        ("mentoring.party[]", Sequence[Party]),
        ("timestamptz", AwareDatetime),
        ("numeric", Annotated[Decimal, "an amount"]),
    ],
)
def test_a_parameter_of_its_own_type_fits(cast: str, annotation: Any, application: psycopg.Connection) -> None:
    query = declared(f"SELECT true FROM mentoring.settings WHERE :it::{cast} IS NULL", returns=bool, it=annotation)
    assert mismatches(query, application) == []


@pytest.mark.parametrize(
    ("sql", "returns", "expected"),
    [
        ("SELECT version FROM mentoring.mentor_mentee", int, []),
        ("SELECT version FROM mentoring.mentor_mentee", int | None, []),  # None where there is no row
        ("SELECT version FROM mentoring.mentor_mentee", list[int], []),
        ("SELECT count(*) FROM mentoring.mentor_mentee", int, []),
        ("SELECT ended_by FROM mentoring.mentor_mentee", int | None, []),
        (
            "SELECT ended_by FROM mentoring.mentor_mentee",
            int,
            ["column ended_by: may be null, is not declared Optional"],
        ),
        (
            "SELECT ended_by FROM mentoring.mentor_mentee",
            list[int],
            ["column ended_by: may be null, is not declared Optional"],
        ),
        ("SELECT status FROM mentoring.mentor_mentee", RelationshipStatus, []),
        ("SELECT id, version FROM mentoring.mentor_mentee", int, ["2 columns for a scalar"]),
        ("UPDATE mentoring.mentor_mentee SET status = 'active'", None, []),
        ("UPDATE mentoring.mentor_mentee SET status = 'active'", int, ["0 columns for a scalar"]),
        (
            "UPDATE mentoring.mentor_mentee SET status = 'active' RETURNING id",
            None,
            ["returns id, is declared to return nothing"],
        ),
        (
            "UPDATE mentoring.mentor_mentee SET mentor_notes = 'x'",
            None,
            ["42501: permission denied for table mentor_mentee"],
        ),
        ("SELECT no_such_column FROM mentoring.settings", str, ['42703: column "no_such_column" does not exist']),
        ("SELECT 1; SELECT 2", int, ["42601: cannot insert multiple commands into a prepared statement"]),
    ],
)
def test_scalars_and_queries_without_a_result(
    sql: str, returns: Any, expected: list[str], application: psycopg.Connection
) -> None:
    assert mismatches(declared(sql, returns=returns), application) == expected


@pytest.mark.parametrize(
    ("change", "query", "mismatch"),
    [
        (
            "ALTER TABLE mentoring.mentor_mentee RENAME accepted_at TO agreed_at",
            Mentoring.relationship,
            '42703: column "accepted_at" does not exist',
        ),
        (
            "ALTER TABLE mentoring.mentor_mentee RENAME accepted_at TO agreed_at",
            Mentoring.accept,
            '42703: column "accepted_at" does not exist',
        ),
        (
            "ALTER TABLE mentoring.mentor_mentee ALTER ended_by SET NOT NULL",
            Mentoring.mentees,
            "column ended_by: is never null, is declared Optional",
        ),
        (
            "ALTER TABLE mentoring.user_profiles ALTER timezone DROP NOT NULL",
            Mentoring.save_profile,
            "column timezone: may be null, is not declared Optional",
        ),
        (
            "ALTER TABLE mentoring.mentor_mentee_history ALTER reason TYPE varchar(500)",
            Mentoring.history,
            "column reason: character varying is declared as str | None",
        ),
        (
            "REVOKE SELECT (status) ON mentoring.mentor_mentee FROM mentoring_app",
            Mentoring.relationship,
            "42501: permission denied for table mentor_mentee",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION mentoring.request FROM mentoring_app",
            Mentoring.request,
            "42501: permission denied for function request",
        ),
        (
            "REVOKE USAGE ON SCHEMA mentoring FROM mentoring_app",
            Mentoring.history,
            "42501: permission denied for schema mentoring",
        ),
    ],
)
def test_a_changed_database_is_named(
    change: str, query: Query[..., Any], mismatch: str, altered: Callable[[str], psycopg.Connection]
) -> None:
    assert mismatch in mismatches(query, altered(change))


def test_a_label_added_to_an_enum_is_named(altered: Callable[[str], psycopg.Connection]) -> None:
    conn = altered("ALTER TYPE mentoring.party ADD VALUE 'referee' BEFORE 'system'")
    known = "['mentor', 'mentee', 'referee', 'system', 'admin']"
    expected = f"Party has ['mentor', 'mentee', 'system', 'admin'], mentoring.party has {known}"
    assert mismatches(Mentoring.request, conn) == [
        f"parameter initiated_by: {expected}",
        f"column initiated_by: {expected}",
    ]
    assert mismatches(Mentoring.history, conn) == [f"column actor_kind: {expected}"]
