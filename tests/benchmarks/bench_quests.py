"""Quests at the document's size against its figures; prints them, asserts only what no clock decides.

``pytest tests/benchmarks/bench_quests.py -n 0 -s``. 10,000 quests of 1,000 parents, 100,000 rows of what children did,
100,000 of the read ledger, 90 clients at once, each with a
connection of its own; 100 with ``QUEST_CLIENTS=100`` on a server that takes as many (``MENTORBASE_TEST_DSN``).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import pytest
from benchmarks.racing import find_pgbench, pgbench
from clones import Clones
from mentorbase import Quests
from pytest_postgresql.executors import NoopExecutor
from quests.family import EDU, PAS, Family, database_of_its_own

PARENTS, QUESTS, SECONDS = 1_000, 10_000, 3.0
CLIENTS = int(os.environ.get("QUEST_CLIENTS", 90))

ROWS: Final[LiteralString] = """
INSERT INTO auth.users (id, first_name) SELECT i, 'Person' FROM generate_series(21, 2000) AS i;
INSERT INTO quests.users (id) SELECT id FROM auth.users WHERE id <= 1000;
INSERT INTO quests.quests (
    quest_id, creator_id, child_name, child_age, quest_yaml, status, moderation_status, deployed_at
)
SELECT lpad(i::text, 32, '0')::uuid, 1 + i % 1000, 'Ann', 8,
    repeat('a: 1\n', 50), 'deployed', 'approved', now() FROM generate_series(1, 10000) AS i;
INSERT INTO quests.child_privacy_settings (
    quest_id, child_id, share_completion_progress, share_educational_progress, share_play_frequency
)
SELECT quest_id, 1000 + creator_id, true, true, true FROM quests.quests;
INSERT INTO quests.quest_analytics (quest_id, total_nodes) SELECT quest_id, 10 FROM quests.quests;
INSERT INTO quests.quest_nodes (quest_id, node_key, position, type, child_id)
SELECT quest_id, 'n' || n, n, 'task', child_id
FROM quests.child_privacy_settings CROSS JOIN generate_series(1, 10) AS n;
INSERT INTO quests.child_progress (quest_id, node_key, child_id)
SELECT quest_id, node_key, child_id FROM quests.quest_nodes;
INSERT INTO quests.privacy_reads (step, quest_id, reader_id, result)
SELECT 'asked', quest_id, creator_id, 'allowed' FROM quests.quests CROSS JOIN generate_series(1, 10);
"""

Call = Callable[[int], object]


@pytest.fixture(scope="module")
def family(clones: Clones, pg_template: NoopExecutor) -> Iterator[Family]:
    """The document's numbers of everything."""
    with database_of_its_own(clones, pg_template.template_dbname, f"{pg_template.dbname}_bench_quests") as found:
        with found.admin.transaction():
            found.admin.execute("SET LOCAL session_replication_role = replica")
            found.admin.execute(ROWS)
        found.admin.execute("VACUUM ANALYZE")
        yield found


def connected(stack: ExitStack, family: Family, login: str) -> Quests[psycopg.Connection[Any]]:
    return Quests(stack.enter_context(psycopg.connect(family.dsn(login), autocommit=True)))


def calls(family: Family) -> dict[str, tuple[float, str, Callable[[Quests[Any], list[tuple[UUID, int]]], Call]]]:
    """By name: the document's figure in milliseconds, whose login, and one call of one client."""
    return {
        "creation": (
            100,
            PAS,
            lambda quests, _known: (
                lambda i: quests.create_quest(
                    1 + i % PARENTS,
                    {"child_name": "Ann", "child_age": 8, "quest_yaml": "a: 1"},
                    actor_id=1 + i % PARENTS,
                )
            ),
        ),
        "analytics": (
            200,
            PAS,
            lambda quests, known: (
                lambda i: quests.get_quest_analytics(known[i % QUESTS][0], actor_id=known[i % QUESTS][1])
            ),
        ),
        "progress": (
            100,
            EDU,
            lambda quests, known: (
                lambda i: quests.complete_node(
                    known[i % QUESTS][0], f"n{1 + i % 10}", actor_id=1000 + known[i % QUESTS][1]
                )
            ),
        ),
    }


def of_one_client(call: Call, times: int = 200) -> float:
    """Median of one call after another, in milliseconds."""
    took = []
    for number in range(times):
        started = time.perf_counter()
        call(number * 37)
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def in_a_loop(until: float, start: int, call: Call) -> int:
    done = 0
    while time.monotonic() < until:
        call(start + done * CLIENTS)
        done += 1
    return done


@pytest.mark.parametrize("name", ["creation", "analytics", "progress"])
def test_the_documents_figures(family: Family, name: str) -> None:
    figure, login, of = calls(family)[name]
    known = family.admin.execute("SELECT quest_id, creator_id FROM quests.quests ORDER BY id LIMIT 10000").fetchall()
    with ExitStack() as stack:
        alone = of_one_client(of(connected(stack, family, login), known))
        clients = [of(connected(stack, family, login), known) for _ in range(CLIENTS)]
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(CLIENTS) as pool:
            done = list(pool.map(partial(in_a_loop, until), range(CLIENTS), clients))
    print(  # noqa: T201
        f"\n{name}: {alone:.2f} ms, {figure / alone:.0f} times better than {figure} ms;"
        f" {CLIENTS} clients: {sum(done) / SECONDS:.0f}/s, {sum(done) / SECONDS / 100:.0f} times 100/s"
    )
    assert min(done) > 0


# The same without Python: what the server does of it. pgbench puts numbers and tickets in.
AS_PGBENCH: Final = {
    "creation": (
        PAS,
        r"""
\set i random(1, 10000)
SELECT quest_id FROM quests.create_quest(
    1 + :i % 1000, '{"child_name": "Ann", "child_age": 8, "quest_yaml": "a: 1"}', 1 + :i % 1000
);
""",
    ),
    "analytics": (
        PAS,
        r"""
\set i random(1, 10000)
SELECT quests.ask(lpad(:i::text, 32, '0')::uuid, NULL, 1 + :i % 1000) AS ticket \gset
SELECT * FROM quests.read(:ticket::text::uuid, 1 + :i % 1000);
""",
    ),
    "progress": (
        EDU,
        r"""
\set i random(1, 10000)
\set n random(1, 10)
SELECT * FROM quests.complete_node(lpad(:i::text, 32, '0')::uuid, 'n' || :n::text, NULL, 1001 + :i % 1000);
""",
    ),
}


@pytest.mark.parametrize("name", AS_PGBENCH)
def test_what_the_server_does_without_python(family: Family, name: str) -> None:
    if (program := find_pgbench()) is None:
        pytest.skip("there is no pgbench on this machine")
    login, script = AS_PGBENCH[name]
    done = {clients: pgbench(program, family.dsn(login), script, clients)(SECONDS) for clients in (1, CLIENTS)}
    print(f"\n{name}, pgbench: " + ", ".join(f"{clients} clients {rate:.0f}/s" for clients, rate in done.items()))  # noqa: T201
    assert min(done.values()) > 0
