"""The DAO through pgbouncer in transaction mode; `pytest --pgbouncer` sends all tests of the DAO that way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pgbouncer
import psycopg
import pytest
from conftest import DEPLOY
from mentorbase import (
    AsyncDatabase,
    AsyncWorker,
    Channel,
    Database,
    NotificationQueue,
    Party,
    SelfMentoring,
    Settings,
    SetupError,
    Worker,
)
from mentorbase.adopt import adopt
from mentorbase.backup import backup, restore
from mentorbase.check import check
from mentorbase.migrate import migrate, rollback, status
from psycopg.conninfo import make_conninfo

from .migrating import eventually

pytestmark = pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="pgbouncer is not installed")

ACTOR = "SELECT current_setting('mentorbase.actor', true)"
CLIENTS = 6
TITLE = {"title": "Fractions"}


@pytest.fixture
def bounced(bounced_dsn: str) -> Iterator[Database]:
    with Database.connect(bounced_dsn, settings=Settings(db_pgbouncer=True, db_pool_min_size=CLIENTS)) as db:
        yield db


def sessions(admin: psycopg.Connection) -> list[tuple[int, str]]:
    """Number and last statement of pgbouncer's sessions with the server."""
    return admin.execute(
        """
        SELECT pid, query FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = 'test_app'
        """
    ).fetchall()


def test_the_clients_share_sessions_and_leave_no_prepared_statement_in_one(
    bounced: Database, admin: psycopg.Connection, people: list[int]
) -> None:
    with bounced.pool.connection() as one, bounced.pool.connection() as two:
        for conn in (one, two) * 20:
            cursor = conn.execute("SELECT pg_backend_pid(), count(*) FROM pg_prepared_statements WHERE %s", [True])
            (session,) = sessions(admin)
            assert cursor.fetchone() == (session[0], 0)
    for _ in range(20):
        assert bounced.auth.user(people[0]).id == people[0]


def test_an_actor_is_nobody_elses(bounced: Database, admin: psycopg.Connection, people: list[int]) -> None:
    together = threading.Barrier(CLIENTS, timeout=20)

    def act(person: int) -> set[str]:
        seen = set()
        for _ in range(5):
            with bounced.transaction(actor=person) as tx:
                together.wait()
                seen |= {row[0] for row in tx.connection.execute(ACTOR)}
        return seen

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert list(threads.map(act, people[:CLIENTS])) == [{str(person)} for person in people[:CLIENTS]]
    assert len(sessions(admin)) == CLIENTS
    with bounced.pool.connection() as conn:
        assert conn.execute(ACTOR).fetchone() in [("",), (None,)]


def test_a_life_cycle_goes_its_way(bounced: Database, people: list[int]) -> None:
    mentor, mentee, *_ = people
    with bounced.transaction(actor=mentor) as tx:
        tx.mentoring.save_profile(mentor, mentor_bio="Algebra")
        with pytest.raises(SelfMentoring), tx.savepoint():
            tx.mentoring.request(mentor, mentor)
    link = bounced.mentoring.request(mentor, mentee, initiated_by=Party.MENTEE, actor_id=mentee)
    bounced.mentoring.accept(link.id, actor_id=mentor)
    assert [step.to_status for step in bounced.mentoring.history(link.id)] == ["pending", "active"]


def test_asynchronously_too(bounced_dsn: str, people: list[int]) -> None:
    async def work() -> list[int]:
        async with AsyncDatabase.connect(bounced_dsn) as db:
            found = await asyncio.gather(*(db.auth.user(person) for person in people * 3))
            async with db.transaction(actor=people[0]) as tx:
                await tx.mentoring.save_profile(people[0], mentor_bio="Algebra")
            return [user.id for user in found]

    assert asyncio.run(work()) == people * 3


def test_workers_poll_and_nobody_listens(bounced: Database, bounced_dsn: str, admin: psycopg.Connection) -> None:
    sent: list[int] = []
    worker: Worker[Any] = Worker(
        bounced, NotificationQueue(Channel.TELEGRAM), lambda item: sent.append(item.id), poll=0.02
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        bounced.notifications.enqueue_many([1001, 1002], "publication", payload=TITLE)
        eventually(lambda: len(sent) == 2)
    finally:
        worker.stop()
        thread.join(20)
    assert not [query for _, query in sessions(admin) if query.startswith("LISTEN")]

    async def work() -> None:
        async with AsyncDatabase.connect(bounced_dsn) as db:

            async def send(item: object) -> None:
                sent.append(3)
                worker.stop()

            worker: AsyncWorker[Any] = AsyncWorker(db, NotificationQueue(Channel.TELEGRAM), send, poll=0.02)
            await db.notifications.enqueue_many([1003], "publication", payload=TITLE)
            async with asyncio.timeout(20):
                await worker.run()

    asyncio.run(work())
    assert len(sent) == 3
    assert not [query for _, query in sessions(admin) if query.startswith("LISTEN")]


def test_limits_of_the_login_hold_where_the_pool_cannot_set_them(bounced_dsn: str, admin: psycopg.Connection) -> None:
    admin.execute(f"ALTER ROLE test_app IN DATABASE {admin.info.dbname} SET statement_timeout = '7s'")
    with Database.connect(bounced_dsn) as db, db.transaction() as tx:
        assert tx.connection.execute("SHOW statement_timeout").fetchone() == ("7s",)


def test_without_the_setting_it_is_named(bounced_dsn: str) -> None:
    with pytest.raises(SetupError) as refused:
        Database.connect(bounced_dsn, settings=Settings(db_pgbouncer=False))
    assert refused.value.message == "a pooler in between refuses settings of the session"
    assert "DB_PGBOUNCER=true" in refused.value.hint


@pytest.mark.parametrize(
    "work",
    [
        migrate,
        rollback,
        status,
        check,
        lambda dsn: backup(dsn, Path("dump")),
        lambda dsn: restore(dsn, Path("dump")),
        lambda dsn: adopt(dsn, "public", currency="EUR"),
    ],
    ids=["migrate", "rollback", "status", "check", "backup", "restore", "adopt"],
)
def test_what_needs_a_session_of_its_own_is_refused(
    bounced_dsn: str,
    work: Callable[[str], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    admin: psycopg.Connection,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dump").touch()
    Path("dump.json").write_text('{"service": null, "server": 15, "roles": []}')
    with pytest.raises(SetupError) as refused:
        work(make_conninfo(bounced_dsn, user=DEPLOY))
    assert refused.value.message == "a pooler such as pgbouncer is between here and the server"
    assert {path.name for path in tmp_path.iterdir()} == {"dump", "dump.json"}
    assert not admin.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchall()
