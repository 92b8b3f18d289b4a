"""A step of a relationship against a bare UPDATE of one row, and against the ORM; every commit reaches the disk.

``pytest tests/benchmarks/bench_transitions.py -n 0 -s``; needs pgbench, and the extra ``bench`` for the ORM.
"""

from __future__ import annotations

from itertools import count

import psycopg
import pytest
from benchmarks import orm
from benchmarks.bench_reads import url
from benchmarks.racing import Race, find_pgbench, per_second, pgbench, show, table
from conftest import APP
from mentorbase import Mentoring
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

CLIENTS = (1, 8, 32)
FIRST, MENTORS, EACH = 1_000_000_000, 2_000_000, 100
"""The first ids of the relationships that are changed and of their mentors, and how many each client has to itself."""

# Each of a mentor of its own, as steps of one moment are; the bare table has the same columns, its key, nothing else.
_READY = """
SET session_replication_role = replica;
DELETE FROM mentoring.mentor_mentee WHERE id >= {first};
INSERT INTO mentoring.mentor_mentee (id, mentor_id, mentee_id, status, initiated_by, accepted_at)
SELECT {first} + i, {mentors} + i, 1000000 + i, 'active', 'mentee', now() FROM generate_series(0, {last}) AS i;
DROP TABLE IF EXISTS public.bare;
CREATE TABLE public.bare (LIKE mentoring.mentor_mentee INCLUDING DEFAULTS) WITH (fillfactor = 90);
INSERT INTO public.bare SELECT * FROM mentoring.mentor_mentee WHERE id >= {first};
ALTER TABLE public.bare ADD PRIMARY KEY (id);
GRANT SELECT, UPDATE ON public.bare TO {app};
SET session_replication_role = origin;
SET synchronous_commit = on;
VACUUM (ANALYZE) mentoring.mentor_mentee;
VACUUM (ANALYZE) public.bare
"""

# Whatever an earlier run has left, a pause and a resume are two steps.
_ID = f"\\set id {FIRST} + :client_id * {EACH} + random(0, {EACH - 1})\n"
STEPS = _ID + (
    f"\\set mentor :id - {FIRST} + {MENTORS}\n"
    "SELECT id, status, version FROM mentoring.transition(:id, 'paused', :mentor);\n"
    "SELECT id, status, version FROM mentoring.transition(:id, 'active', :mentor);\n"
)
BARE = _ID + (
    "UPDATE public.bare SET status = 'paused', paused_at = now(), version = version + 1 WHERE id = :id;\n"
    "UPDATE public.bare SET status = 'active', paused_at = NULL, version = version + 1 WHERE id = :id;\n"
)


def ready(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        for statement in _READY.format(first=FIRST, mentors=MENTORS, last=max(CLIENTS) * EACH - 1, app=APP).split(";"):
            admin.execute(statement)


def step_table(dsn: str, race: Race) -> list[str]:
    program = find_pgbench()
    if not program:
        pytest.skip("there is no pgbench on this machine")
    app, lines = make_conninfo(dsn, user=APP), []
    for clients in CLIENTS:
        ready(dsn)
        rivals = {
            "a bare UPDATE": pgbench(program, app, BARE, clients, times=2),
            "mentorbase": pgbench(program, app, STEPS, clients, times=2),
        }
        lines.append(table(f"a step, {clients} at once", race.run(rivals), "a bare UPDATE"))
    return lines


def orm_table(dsn: str, race: Race) -> list[str]:
    """A step from Python: read, change and commit with the ORM, on the bare table."""
    ready(dsn)
    app = make_conninfo(dsn, user=APP)
    engine = create_engine(url(app, "psycopg"))
    numbers, others = count(), count()

    def by_orm() -> None:
        number = next(others)
        with Session(engine) as session:
            relation = session.get(orm.Bare, FIRST + number // 2 % EACH)
            assert relation
            relation.status = orm.Status.ACTIVE if number % 2 else orm.Status.PAUSED
            relation.version += 1
            session.commit()

    with psycopg.connect(app, autocommit=True) as conn:
        mentoring = Mentoring(conn)

        def by_us() -> None:
            number = next(numbers)
            step = mentoring.resume if number % 2 else mentoring.pause
            step(FIRST + number // 2 % EACH, actor_id=MENTORS + number // 2 % EACH)

        rivals = {"SQLAlchemy ORM, bare table": per_second(by_orm), "mentorbase": per_second(by_us)}
        lines = [table("a step from Python", race.run(rivals), "SQLAlchemy ORM, bare table")]
    engine.dispose()
    return lines


def test_steps(durable: str, race: Race) -> None:
    show("Steps of a relationship", *step_table(durable, race))


def test_steps_from_python(durable: str, race: Race) -> None:
    show("Steps of a relationship, from Python", *orm_table(durable, race))
