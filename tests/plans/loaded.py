"""The loaded database, and what a statement did in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from plans import auth, calendar, getcourse, groups, links, mentoring, notifications, quests, students, teachers
from psycopg import sql

CALLS = {
    module.__name__.rpartition(".")[2]: module
    for module in (auth, calendar, getcourse, groups, links, mentoring, notifications, quests, students, teachers)
}
# Tables of the services that do not grow with the platform; all others must be large in the volume.
SMALL = re.compile(
    r"\w+\.(\w+_transitions|settings|notification_templates|(channel|bot)_pauses|audit_log\w*"
    r"|(notification|application|error)_logs_y\w+)"
)
LARGE = 300  # rows

TWINS = {
    "mentor_mentee_id_mentor_id_mentee_id_key": "mentor_mentee_pkey",
    "subjects_id_user_id_key": "subjects_pkey",
    "lessons_id_starts_at_ends_at_occupies_key": "lessons_pkey",
}
"""An index that begins with the whole key of another does as well."""


@dataclass(frozen=True)
class Volume:
    """The loaded database, and whom and what to ask it for.

    Attributes:
        growing: its large tables.
        known: by service.
    """

    dsn: str
    growing: list[str]
    known: Mapping[str, Mapping[str, Any]]

    def resolve(self, service: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(service, one) for one in value]
        return self.known[service][value[1:]] if isinstance(value, str) and value.startswith("@") else value


def large_tables(admin: psycopg.Connection) -> list[str]:
    """The tables that grow, which is all but the small ones; each must have its rows."""
    found = admin.execute(
        "SELECT c.oid::regclass::text, c.reltuples"
        " FROM pg_class AS c INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid"
        " WHERE c.relkind = 'r' AND n.nspname = ANY(%s) ORDER BY 1",
        [list(CALLS)],
    ).fetchall()
    growing = {table: rows for table, rows in found if not SMALL.fullmatch(table)}
    assert {table: rows for table, rows in growing.items() if rows < LARGE} == {}
    return list(growing)


@dataclass(frozen=True)
class Plan:
    """What a statement did.

    Attributes:
        nodes: of its plan.
        scans: how often it scanned each growing table, functions and triggers included.
    """

    nodes: list[dict[str, Any]]
    scans: dict[str, int]

    @property
    def pages(self) -> int:
        return int(self.nodes[0]["Shared Hit Blocks"] + self.nodes[0]["Shared Read Blocks"])

    @property
    def indexes(self) -> set[str]:
        return {TWINS.get(name, name) for node in self.nodes if (name := node.get("Index Name"))}

    @property
    def read_alone(self) -> set[str]:
        """The indexes that are read without their table."""
        kinds: dict[str, set[str]] = {}
        for node in self.nodes:
            if name := node.get("Index Name"):
                kinds.setdefault(name, set()).add(node["Node Type"])
        return {name for name, kind in kinds.items() if kind == {"Index Only Scan"}}


def explain(conn: psycopg.Connection, volume: Volume, statement: sql.Composable) -> Plan:
    before = scans(conn, volume)
    how = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ")
    [[found]] = conn.execute(how + statement, prepare=False).fetchall()
    seen = {table: count - before[table] for table, count in scans(conn, volume).items()}
    return Plan(list(nodes(found[0]["Plan"])), {table: count for table, count in seen.items() if count})


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans(conn: psycopg.Connection, volume: Volume) -> dict[str, int]:
    """Sequential scans of each growing table by the open transaction."""
    found = conn.execute(
        "SELECT schemaname || '.' || relname, seq_scan FROM pg_stat_xact_user_tables"
        " WHERE schemaname || '.' || relname = ANY(%s)",
        [volume.growing],
        prepare=False,
    ).fetchall()
    assert len(found) == len(volume.growing)
    return dict(found)
