"""At a million bookings every query of every service goes by its indexes, and reads no more pages than it may.

Views for people open there as DBeaver opens them.

A new named query needs a line ``-- budget: <n> buffers`` at the end of its header in ``queries.sql`` (the most that any
call below touches, and some air), and a call in the file of its service here.
"""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import product
from typing import Any

import psycopg
import pytest
from dao.contract import services as all_services
from mentorbase.query import Queries, Query
from plans import mentoring
from plans.calls import Call
from plans.jdbc import open_every_view
from plans.loaded import CALLS, Plan, Volume, explain
from psycopg import sql
from psycopg.types.json import Jsonb

ELSEWHERE = {"tutormax"}
"""Has a volume of its own, in tests/tutormax/test_plans.py."""
PLANS = ("force_custom_plan", "force_generic_plan")
BUDGET = re.compile(rb"\A(?:--[^\n]*\n)*?-- budget: (\d+) buffers\n(?!--)")


def services() -> list[type[Queries[Any]]]:
    return [service for service in all_services() if service.service not in ELSEWHERE]


def plan_of(volume: Volume, service: type[Queries[Any]], name: str, call: Call, plans: str) -> Plan:
    """Call a method as an application does, undo it, and explain the very statement that it has prepared."""
    query: Query[..., Any] = getattr(service, name)
    given = {key: volume.resolve(service.service, value) for key, value in call.given.items()}
    with (
        psycopg.connect(volume.dsn, autocommit=True, prepare_threshold=0) as conn,
        conn.transaction(force_rollback=True),
    ):
        if call.before:
            conn.execute("SET LOCAL session_replication_role = replica", prepare=False)
            conn.execute(call.before, prepare=False)
            conn.execute("SET LOCAL session_replication_role = origin", prepare=False)
        conn.execute(f"SET LOCAL SESSION AUTHORIZATION {call.login}", prepare=False)
        conn.execute(f"SET LOCAL mentorbase.actor = '{volume.resolve(service.service, call.actor)}'", prepare=False)
        conn.execute(f"SET LOCAL plan_cache_mode = {plans}", prepare=False)
        # Unseen by psycopg, which would forget what it has prepared.
        conn.pgconn.exec_(b"SAVEPOINT called")
        getattr(service(conn), name)(**given)
        conn.pgconn.exec_(b"ROLLBACK TO called")
        [[prepared]] = conn.execute("SELECT name FROM pg_prepared_statements", prepare=False).fetchall()
        defaults = {key: parameter.default for key, parameter in query.signature.parameters.items()}
        values = [(defaults | given)[key] for key in query.sql.params]
        return explain(conn, volume, execute(prepared, values))


def execute(prepared: str, values: list[Any]) -> sql.Composable:
    literals = [Jsonb(value) if is_document(value) else value for value in values]
    arguments = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, literals))) if values else sql.SQL("")
    return sql.SQL("EXECUTE {}{}").format(sql.Identifier(prepared), arguments)


def is_document(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))


def assert_within(
    volume: Volume, plan: Plan, pages: int, indexes: Set[str] | None, also: Set[str] = frozenset()
) -> None:
    tables = {table.partition(".")[2] for table in volume.growing}
    scanned = [node for node in plan.nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] in tables]
    assert scanned == [], plan.nodes
    if indexes is not None:
        assert indexes <= plan.indexes <= indexes | also, plan.nodes
    assert plan.pages <= pages, plan.nodes


def budget(query: Query[..., Any]) -> int | None:
    """What stands beside a query, as the last line of its header."""
    found = BUDGET.match(query.sql.sql)
    return int(found[1]) if found else None


def declared(service: type[Queries[Any]]) -> dict[str, Query[..., Any]]:
    return {name: found for name, found in vars(service).items() if isinstance(found, Query)}


def test_every_named_query_has_a_budget_beside_it_and_a_call_here() -> None:
    for service in services():
        queries = declared(service)
        assert {name for name, query in queries.items() if budget(query) is None} == set(), service.service
        assert CALLS[service.service].CALLS.keys() == queries.keys(), service.service
    assert CALLS.keys() == {service.service for service in services()}


# One test, so that one worker of those that run the tests loads a million bookings.
def test_at_a_million_bookings_queries_go_by_indexes_within_their_budgets_and_every_view_opens_as_in_dbeaver(
    volume: Volume, subtests: pytest.Subtests, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--pgbouncer"):
        with subtests.test("views"):
            open_every_view(volume, request.getfixturevalue("jdbc"), subtests)

    for asked, question in mentoring.QUESTIONS.items():
        statement = sql.SQL(question.text.format(**volume.known["mentoring"]))  # type: ignore[arg-type]
        with subtests.test(asked), psycopg.connect(volume.dsn, autocommit=True) as conn, conn.transaction():
            conn.execute(f"SET LOCAL SESSION AUTHORIZATION {question.role}")
            conn.execute(statement)
            plan = explain(conn, volume, statement)
            assert plan.scans == {}, plan.nodes
            assert_within(volume, plan, question.pages, question.indexes, question.also)

    for service in services():
        for (name, calls), plans in product(CALLS[service.service].CALLS.items(), PLANS):
            for call in calls:
                with subtests.test(f"{service.service}.{name} {call.label} {plans}"):
                    plan = plan_of(volume, service, name, call, plans)
                    pages = call.pages or budget(getattr(service, name)) or 0
                    assert plan.scans.keys() <= call.whole, plan.nodes
                    assert_within(volume, plan, pages, call.indexes)
                    assert call.only <= plan.read_alone, plan.nodes

    with (
        subtests.test("what goes by no index is seen"),
        psycopg.connect(volume.dsn, autocommit=True) as conn,
        conn.transaction(force_rollback=True),
    ):
        conn.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        plan = explain(conn, volume, sql.SQL("SELECT FROM mentoring.subject_schedule WHERE cancelled_by = 4711"))
        assert plan.scans == {"mentoring.subject_schedule": 1}
        assert plan.nodes[0]["Node Type"] == "Seq Scan"
        assert plan.pages > 10_000
