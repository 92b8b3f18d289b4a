"""Every query goes by its indexes and touches no more pages than its budget.

The volume is modest here; ``TUTORMAX_SESSIONS=1000000`` measures what the budgets speak of, and ``-s`` prints it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from conftest import APP, TestServer
from mentorbase import Tutormax
from mentorbase.generate.tutormax import TutorWorld
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database

from .calls import CALLS, FEEDBACK, KNOWN, SESSIONS, TODAY
from .platform import fill

SESSIONS_MADE = int(os.environ.get("TUTORMAX_SESSIONS", 24_000))
TUTORS = max(800, SESSIONS_MADE // 1_000)
BUDGET = re.compile(rb"\A(?:--[^\n]*\n)*?-- budget: (\d+) buffers\n(?!--)")
LARGE = 300  # rows, from which on a table is not read from end to end
SMALL = ("intervention", "intervention_history", "interventions", "tutor_interventions")
TWINS = {"sessions_session_id_tutor_id_student_id_key": "sessions_pkey"}
"""An index that begins with the whole key of another does as well."""
FLAT = [(name, number) for name, calls in CALLS.items() for number in range(len(calls))]


@dataclass(frozen=True)
class Volume:
    """The loaded database, and whom and what to ask it for."""

    dsn: str
    known: dict[str, Any]

    def resolve(self, value: Any) -> Any:
        return self.known[value[1:]] if isinstance(value, str) and value.startswith("@") else value


@pytest.fixture(scope="module")
def volume(pg_server: TestServer, tutormax_template: NoopExecutor) -> Iterator[Volume]:
    """A made-up platform, which nothing changes."""
    name = f"{tutormax_template.dbname}_volume"
    with new_database(pg_server, name, tutormax_template.template_dbname) as dsn:
        known: dict[str, Any] = {}
        with psycopg.connect(dsn, autocommit=True) as admin:
            fill(admin, TutorWorld(SESSIONS_MADE, 1, TODAY, tutors=TUTORS))
            for what, query in KNOWN.items():
                [[known[what]]] = admin.execute(query.format(**known)).fetchall()
        yield Volume(dsn, known)


def scans(conn: psycopg.Connection) -> dict[str, int]:
    """Sequential scans of each large table by the open transaction."""
    found = conn.execute(
        "SELECT s.relname, s.seq_scan FROM pg_stat_xact_user_tables AS s INNER JOIN pg_class AS c ON s.relid = c.oid"
        " WHERE s.schemaname = 'tutormax' AND c.reltuples >= %s",
        [LARGE],
        prepare=False,
    )
    return dict(found.fetchall())


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def explain(volume: Volume, name: str, number: int, mode: str) -> tuple[int, list[dict[str, Any]], set[str]]:
    """Pages, plan and scanned tables of one call, which is undone."""
    given, _, before = CALLS[name][number]
    query = vars(Tutormax)[name]
    bound = query.bind((), {key: volume.resolve(value) for key, value in given.items()} | uuid_of(given))
    with psycopg.connect(volume.dsn) as conn:
        conn.execute("SET LOCAL mentorbase.actor = 'system'")
        if before:
            conn.execute(before)
        conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier("tutormax_app")))
        if not given.get("actor_id"):
            conn.execute("SET LOCAL mentorbase.actor = 'system'")
        conn.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(sql.Literal(mode)))
        types = query.sql.params
        numbers = {param: position for position, param in enumerate(types, 1)}
        text = re.sub(r"%\((\w+)\)s", lambda found: f"${numbers[found[1]]}", query.sql.sql.decode()).replace("%%", "%")
        conn.pgconn.prepare(b"measured", text.encode())
        arguments = sql.SQL(", ").join(sql.Literal(bound[param]) for param in types)
        call = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE measured ({})").format(arguments)
        # Once before, so that the session knows the catalog.
        with conn.transaction(force_rollback=True):
            conn.execute(call, prepare=False)
        earlier = scans(conn)
        [[found]] = conn.execute(call, prepare=False).fetchall()
        scanned = {table for table, count in scans(conn).items() if count > earlier.get(table, 0)}
        conn.rollback()
    plan = found[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], list(nodes(plan)), scanned


def uuid_of(given: dict[str, Any]) -> dict[str, Any]:
    return {"load_id": UUID(given["load_id"])} if "load_id" in given else {}


def test_every_query_has_a_call_and_a_budget() -> None:
    queries = {name: found for name, found in vars(Tutormax).items() if hasattr(found, "sql")}
    assert queries.keys() == CALLS.keys()
    assert {name for name, found in queries.items() if not BUDGET.match(found.sql.sql)} == set()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(("name", "number"), FLAT)
def test_a_call_keeps_its_budget(volume: Volume, name: str, number: int, mode: str) -> None:
    pages, plan, scanned = explain(volume, name, number, mode)
    print(f"\n{name} {number} {mode}: {pages}", end="")  # noqa: T201
    budget = BUDGET.match(vars(Tutormax)[name].sql.sql)
    assert budget is not None
    assert pages <= int(budget[1])
    assert scanned == set()
    indexes = CALLS[name][number][1]
    # Of a table of few pages no index is worth looking into.
    if indexes is not None and not (name in SMALL and SESSIONS_MADE < 1_000_000):
        assert {TWINS.get(node["Index Name"], node["Index Name"]) for node in plan if "Index Name" in node} == indexes


def test_statistics_are_read_from_indexes_alone(volume: Volume) -> None:
    _, plan, _ = explain(volume, "get_tutor_statistics", 1, "force_generic_plan")
    alone = {node["Index Name"] for node in plan if node["Node Type"] == "Index Only Scan"}
    assert alone >= {SESSIONS, FEEDBACK}
    assert sum(node.get("Heap Fetches", 0) for node in plan) == 0


def test_an_application_reads_it_all(volume: Volume) -> None:
    with psycopg.connect(make_conninfo(volume.dsn, user=APP)) as conn:
        found = Tutormax(conn).get_tutor_statistics(volume.known["busiest"], 36500)
    assert found.total_sessions > 0
