"""At a million bookings every query still goes by its index, and reads no more pages than it may.

A new named query needs a row in `BUDGETS`: what to call it with, the pages it may touch, and its indexes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import psycopg
import pytest
from conftest import APP, DEPLOY, READER, TestServer
from mentorbase import Mentoring, PublicationKind, RelationshipStatus
from mentorbase.query import Query
from mentoring.booking import in_hours
from mentoring.volume import GROWING, load
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import new_database

PLANS = ("force_custom_plan", "force_generic_plan")

KNOWN = {
    "mentor": "SELECT 1",  # the busiest
    "mentee": "SELECT mentee_id FROM mentoring.mentor_mentee GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "newcomer": "SELECT max(id) FROM auth.users",
    "blocker": "SELECT blocker_id FROM mentoring.blocks GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    # Of twenty bookings, which is the average.
    "typical": "SELECT relationship_id FROM mentoring.subject_schedule"
    " GROUP BY 1 HAVING count(*) = 20 ORDER BY 1 LIMIT 1",
    "busiest": "SELECT relationship_id FROM mentoring.subject_schedule WHERE relationship_id IS NOT NULL"
    " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    "mentor_of_15": "SELECT mentor_id FROM mentoring.v_mentor_load WHERE used = 15 ORDER BY 1 LIMIT 1",
    # What is written to belongs to others than what is read.
    "writer": "SELECT 2",
    "writers_subject": "SELECT min(id) FROM mentoring.subjects WHERE user_id = 2",
    "asked": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = 2 AND status = 'pending'"
    " AND initiated_by = 'mentee'",
    "asker": "SELECT mentee_id FROM mentoring.mentor_mentee WHERE id = {asked}",
    "active": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = 2 AND status = 'active'",
    "learner": "SELECT mentee_id FROM mentoring.mentor_mentee WHERE id = {active}",
    "paused": "SELECT min(id) FROM mentoring.mentor_mentee WHERE mentor_id = 2 AND status = 'paused'",
    "booked": "SELECT min(id) FROM mentoring.subject_schedule WHERE mentor_id = 2 AND status = 'pending'",
    "over": "SELECT min(id) FROM mentoring.subject_schedule WHERE mentor_id = 2 AND status = 'confirmed'"
    " AND ends_at < now()",
}
"""Whom and what the budgets speak of, found once the volume is there."""

TWINS = {
    "mentor_mentee_id_mentor_id_mentee_id_key": "mentor_mentee_pkey",
    "subjects_id_user_id_key": "subjects_pkey",
}
"""An index that begins with the whole key of another does as well."""


@dataclass(frozen=True)
class Budget:
    """One call of a named query, and what it may cost.

    Attributes:
        given: its arguments; @name is one of `KNOWN`.
        pages: shared buffers at most, those of functions and triggers included.
        indexes: exactly those of its plan. A function shows none; that it scans no table is counted.
        actor: who acts, where no argument says so.
        login: who calls.
    """

    given: Mapping[str, Any]
    pages: int
    indexes: set[str] = field(default_factory=set)
    actor: str = "system"
    login: str = APP

    @property
    def label(self) -> str:
        return "-".join(value[1:] for value in self.given.values() if str(value).startswith("@"))


RELATION = "mentor_mentee_pkey"
OF_MENTOR, OF_MENTEE = "mentor_mentee_mentor_id_status_idx", "mentor_mentee_mentee_id_status_idx"
STATISTICS = "subject_schedule_relationship_id_idx"
SUBSCRIBERS = "mentor_mentee_subscribers_idx"
QUIZ = PublicationKind.QUIZ
SESSION = {"booked_date": in_hours(24), "ends_at": in_hours(25)}
PRESENT = [RelationshipStatus.ACTIVE, RelationshipStatus.PAUSED]

# Reads first: a write leaves pages behind of which an index cannot tell what is visible, though it is undone.
BUDGETS: dict[str, list[Budget]] = {
    "relationship": [Budget({"relationship_id": "@typical"}, 5, {RELATION})],
    "mentees": [
        # A page of each status.
        Budget({"mentor_id": "@mentor"}, 400, {OF_MENTOR}),
        Budget({"mentor_id": "@mentor", "after_id": 20_000}, 400, {OF_MENTOR}),
        Budget({"mentor_id": "@mentor", "statuses": PRESENT, "page_size": 15}, 50, {OF_MENTOR}),
    ],
    "mentors": [
        Budget({"mentee_id": "@mentee"}, 60, {OF_MENTEE}),
        Budget({"mentee_id": "@mentee", "statuses": PRESENT}, 40, {OF_MENTEE}),
    ],
    "history": [Budget({"relationship_id": "@typical"}, 5, {"mentor_mentee_history_relationship_id_idx"})],
    "profile": [Budget({"user_id": "@mentor"}, 5, {"user_profiles_pkey"})],
    "subject": [Budget({"subject_id": "@writers_subject"}, 5, {"subjects_pkey"})],
    "subjects": [Budget({"mentor_id": "@mentor"}, 8, {"subjects_user_id_idx"})],
    "booking": [Budget({"booking_id": "@booked"}, 6, {"subject_schedule_pkey"})],
    "mentor_bookings": [
        Budget({"mentor_id": "@mentor"}, 60, {"subject_schedule_mentor_id_idx"}),
        Budget({"mentor_id": "@mentor", "from_date": in_hours(0)}, 60, {"subject_schedule_mentor_id_idx"}),
    ],
    "mentee_bookings": [
        Budget({"mentee_id": "@mentee"}, 60, {"subject_schedule_user_id_idx"}),
        Budget({"mentee_id": "@mentee", "from_date": in_hours(0)}, 60, {"subject_schedule_user_id_idx"}),
    ],
    "booking_history": [Budget({"booking_id": "@booked"}, 6, {"subject_schedule_history_booking_id_idx"})],
    "statistics": [
        Budget({"relationship_id": "@typical"}, 14, {RELATION, STATISTICS}),
        Budget({"relationship_id": "@busiest"}, 30, {RELATION, STATISTICS}),
    ],
    "mentor_statistics": [
        Budget({"mentor_id": "@mentor_of_15", "page_size": 15}, 150, {OF_MENTOR, RELATION, STATISTICS}),
        Budget({"mentor_id": "@mentor"}, 620, {OF_MENTOR, RELATION, STATISTICS}),
    ],
    "mentee_statistics": [Budget({"mentee_id": "@mentee"}, 220, {OF_MENTEE, RELATION, STATISTICS})],
    "get_session_statistics": [
        Budget({"relationship_id": "@typical"}, 20, {RELATION, STATISTICS}),
        # Its sessions to come are read one by one.
        Budget({"relationship_id": "@busiest"}, 260, {RELATION, STATISTICS}),
    ],
    "mentor_load": [Budget({"mentor_id": "@mentor"}, 14, {"user_profiles_pkey", OF_MENTOR})],
    "blocks": [Budget({"blocker_id": "@blocker"}, 60, {"blocks_pkey"})],
    "subscribers": [Budget({"mentor_id": "@mentor", "kind": QUIZ}, 30, {SUBSCRIBERS})],
    "publications": [Budget({"mentor_id": "@writer"}, 5, {"publications_mentor_id_idx"})],
    "note": [Budget({"relationship_id": "@active", "actor_id": "@writer"}, 5)],
    "request": [
        Budget({"mentor_id": "@writer", "mentee_id": "@newcomer", "actor_id": "@newcomer"}, 90),
        Budget({"mentor_id": "@writer", "mentee_id": "@asker", "actor_id": "@writer"}, 75),
    ],
    "accept": [Budget({"relationship_id": "@asked", "actor_id": "@writer"}, 70)],
    "reject": [Budget({"relationship_id": "@asked", "actor_id": "@writer"}, 55)],
    "cancel": [Budget({"relationship_id": "@asked", "actor_id": "@asker"}, 55)],
    "pause": [Budget({"relationship_id": "@active", "actor_id": "@writer"}, 55)],
    "resume": [Budget({"relationship_id": "@paused", "actor_id": "@writer"}, 55)],
    "complete": [Budget({"relationship_id": "@active", "actor_id": "@writer"}, 55)],
    "terminate": [Budget({"relationship_id": "@active", "actor_id": "@learner"}, 55)],
    "change_subscriptions": [Budget({"relationship_id": "@active", "quizzes": False, "actor_id": "@learner"}, 60)],
    "save_profile": [Budget({"user_id": "@writer", "max_mentees": 60}, 12, actor="@writer")],
    "create_subject": [Budget({"mentor_id": "@writer", "title": "x"}, 15, actor="@writer")],
    "change_subject": [Budget({"subject_id": "@writers_subject", "title": "x"}, 30, {"subjects_pkey"}, "@writer")],
    "book": [
        Budget({"subject_id": "@writers_subject", "mentee_id": "@learner", **SESSION, "actor_id": "@learner"}, 90),
        Budget({"subject_id": "@writers_subject", "mentee_id": "@newcomer", **SESSION, "actor_id": "@newcomer"}, 90),
    ],
    "confirm": [Budget({"booking_id": "@booked", "actor_id": "@writer"}, 55)],
    "cancel_booking": [Budget({"booking_id": "@booked", "actor_id": "@writer"}, 55)],
    "complete_booking": [Budget({"booking_id": "@over", "actor_id": "@writer"}, 55)],
    "mark_no_show": [Budget({"booking_id": "@over", "actor_id": "@writer"}, 55)],
    "block": [Budget({"blocker_id": "@writer", "blocked_id": "@learner", "actor_id": "@writer"}, 90)],
    "unblock": [Budget({"blocker_id": "@writer", "blocked_id": "@learner", "actor_id": "@writer"}, 12)],
    "expire_requests": [Budget({"at_most": 10}, 500)],
    "write_note": [Budget({"relationship_id": "@active", "note": "x", "actor_id": "@writer"}, 45)],
    "remove": [Budget({"relationship_id": "@active", "actor_id": "@learner"}, 90)],
    "publish": [
        Budget({"mentor_id": "@writer", "kind": QUIZ, "reference": "q", "title": "x", "actor_id": "@writer"}, 250)
    ],
    "backfill_relationships": [Budget({"at_most": 1}, 150, login=DEPLOY)],
}


@dataclass(frozen=True)
class Question:
    """What the specification wants an index for, as SQL that somebody types.

    Attributes:
        role: the login that types it.
        text: the statement, with `KNOWN` in braces.
        also: indexes that its plan may use as well.
    """

    role: str
    text: str
    pages: int
    indexes: set[str]
    also: set[str] = field(default_factory=set)


BY_DATE = "mentor_mentee_created_at_idx"
QUESTIONS = {
    "a mentor's mentees by status": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee WHERE mentor_id = {mentor} AND status = 'active'",
        60,
        {OF_MENTOR},
    ),
    "a mentee's mentors by status": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee WHERE mentee_id = {mentee} AND status = 'active'",
        40,
        {OF_MENTEE},
    ),
    "relations by date": Question(
        READER,
        "SELECT relationship_id FROM mentoring.v_mentor_mentee"
        " WHERE created_at >= now() - interval '1 day' AND created_at < now()",
        60,
        {BY_DATE},
    ),
    "the latest relations": Question(
        READER,
        "SELECT relationship_id FROM mentoring.v_mentor_mentee ORDER BY created_at DESC LIMIT 20",
        30,
        {BY_DATE},
    ),
    "a pair's active relation": Question(
        APP,
        "SELECT id FROM mentoring.mentor_mentee"
        " WHERE mentor_id = {writer} AND mentee_id = {learner} AND status = 'active'",
        5,
        {SUBSCRIBERS},
    ),
    "a pair's statistics": Question(
        APP,
        "SELECT total_bookings FROM mentoring.mentor_mentee_statistics"
        " WHERE mentor_id = {writer} AND mentee_id = {learner} AND status = 'active'",
        14,
        {SUBSCRIBERS, STATISTICS},
    ),
    "a relation's statistics": Question(
        APP,
        "SELECT total_bookings FROM mentoring.mentor_mentee_statistics WHERE relationship_id = {typical}",
        14,
        {RELATION, STATISTICS},
    ),
    "a board of fifteen mentees": Question(
        READER,
        "SELECT * FROM mentoring.v_mentor_board WHERE mentor_id = {mentor_of_15}",
        150,
        {OF_MENTOR, STATISTICS},
        {RELATION},  # PostgreSQL before 18 joins the table with itself
    ),
    "how full a mentor is": Question(
        READER,
        "SELECT used, free FROM mentoring.v_mentor_load WHERE mentor_id = {mentor}",
        14,
        {"user_profiles_pkey", OF_MENTOR},
    ),
}


@dataclass(frozen=True)
class Volume:
    """The loaded database, and whom and what to ask it for."""

    dsn: str
    known: Mapping[str, int]

    def resolve(self, value: Any) -> Any:
        return self.known[value[1:]] if isinstance(value, str) and value.startswith("@") else value


@pytest.fixture(scope="module")
def volume(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[Volume]:
    """A database with a million bookings, which nothing changes."""
    with new_database(pg_server, f"{pg_template.dbname}_volume", pg_template.template_dbname) as dsn:
        known: dict[str, int] = {}
        with psycopg.connect(dsn, autocommit=True) as admin:
            load(admin)
            for name, query in KNOWN.items():
                [[known[name]]] = admin.execute(query.format(**known)).fetchall()
        yield Volume(dsn, known)


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
        found = {node["Index Name"] for node in self.nodes if "Index Name" in node}
        return {TWINS.get(name, name) for name in found}


def explain(conn: psycopg.Connection, statement: sql.Composable) -> Plan:
    before = scans(conn)
    how = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ")
    [[found]] = conn.execute(how + statement, prepare=False).fetchall()
    seen = {table: count - before[table] for table, count in scans(conn).items()}
    return Plan(list(nodes(found[0]["Plan"])), {table: count for table, count in seen.items() if count})


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans(conn: psycopg.Connection) -> dict[str, int]:
    """Sequential scans of each growing table by the open transaction."""
    found = conn.execute(
        "SELECT schemaname || '.' || relname, seq_scan FROM pg_stat_xact_user_tables"
        " WHERE schemaname || '.' || relname = ANY(%s)",
        [list(GROWING)],
        prepare=False,
    ).fetchall()
    assert len(found) == len(GROWING)
    return dict(found)


def plan_of(volume: Volume, name: str, budget: Budget, plans: str) -> Plan:
    """Call a method as an application does, undo it, and explain the very statement that it has prepared."""
    query: Query[..., Any] = getattr(Mentoring, name)
    given = {key: volume.resolve(value) for key, value in budget.given.items()}
    dsn = make_conninfo(volume.dsn, user=budget.login)
    with (
        psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as conn,
        conn.transaction(force_rollback=True),
    ):
        conn.execute(f"SET LOCAL mentorbase.actor = '{volume.resolve(budget.actor)}'", prepare=False)
        conn.execute(f"SET LOCAL plan_cache_mode = {plans}", prepare=False)
        # Unseen by psycopg, which would forget what it has prepared.
        conn.pgconn.exec_(b"SAVEPOINT called")
        getattr(Mentoring(conn), name)(**given)
        conn.pgconn.exec_(b"ROLLBACK TO called")
        [[prepared]] = conn.execute("SELECT name FROM pg_prepared_statements", prepare=False).fetchall()
        defaults = {key: parameter.default for key, parameter in query.signature.parameters.items()}
        values = [(defaults | given)[key] for key in query.sql.params]
        return explain(conn, execute(prepared, values))


def execute(prepared: str, values: list[Any]) -> sql.Composable:
    arguments = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, values))) if values else sql.SQL("")
    return sql.SQL("EXECUTE {}{}").format(sql.Identifier(prepared), arguments)


def assert_within(plan: Plan, pages: int, indexes: set[str], also: Set[str] = frozenset()) -> None:
    assert plan.scans == {}, plan.nodes
    assert [node for node in plan.nodes if node["Node Type"] == "Seq Scan"] == [], plan.nodes
    assert indexes <= plan.indexes <= indexes | also, plan.nodes
    assert plan.pages <= pages, plan.nodes


def test_every_named_query_has_a_budget() -> None:
    declared = {name for name, found in vars(Mentoring).items() if isinstance(found, Query)}
    assert BUDGETS.keys() == declared


# One test, so that one worker of those that run the tests loads a million bookings.
def test_at_a_million_bookings_every_query_goes_by_its_indexes_and_stays_within_its_budget_of_pages(
    volume: Volume, subtests: pytest.Subtests
) -> None:
    for asked, question in QUESTIONS.items():
        statement = sql.SQL(question.text.format(**volume.known))  # type: ignore[arg-type]
        dsn = make_conninfo(volume.dsn, user=question.role)
        with subtests.test(asked), psycopg.connect(dsn, autocommit=True) as conn, conn.transaction():
            conn.execute(statement)
            assert_within(explain(conn, statement), question.pages, question.indexes, question.also)

    for (name, budgets), plans in product(BUDGETS.items(), PLANS):
        for budget in budgets:
            with subtests.test(f"{name} {budget.label} {plans}"):
                assert_within(plan_of(volume, name, budget, plans), budget.pages, budget.indexes)

    with (
        subtests.test("what goes by no index is seen"),
        psycopg.connect(volume.dsn, autocommit=True) as conn,
        conn.transaction(force_rollback=True),
    ):
        conn.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        plan = explain(conn, sql.SQL("SELECT FROM mentoring.subject_schedule WHERE cancelled_by = 4711"))
        assert plan.scans == {"mentoring.subject_schedule": 1}
        assert plan.nodes[0]["Node Type"] == "Seq Scan"
        assert plan.pages > 10_000
