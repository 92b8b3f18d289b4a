"""The pool, its transactions and their actor, what is tried again, and what every session is set to."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    AlreadyExists,
    AsyncDatabase,
    ConnectionLost,
    Database,
    InvalidArgument,
    InvalidValue,
    MentorbaseError,
    NotPermitted,
    PoolExhausted,
    RelationshipExists,
    Settings,
    SetupError,
    Transaction,
    TransitionRefused,
    UserRole,
)
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

SMALL = Settings(db_pool_min_size=0, db_pool_max_size=1, db_pool_timeout=0.2)
ACTOR = "SELECT current_setting('mentorbase.actor', true)"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server of the developer's own: neither a variable nor a ``.env``."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def setting(conn: psycopg.Connection[Any], name: str) -> str:
    row = conn.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


async def async_setting(conn: psycopg.AsyncConnection[Any], name: str) -> str:
    row = await (await conn.execute("SELECT current_setting(%s)", [name])).fetchone()
    assert row is not None
    return str(row[0])


@contextmanager
def opened(dsn: str, kind: Literal["sync", "async"]) -> Iterator[None]:
    """Connect and disconnect, in either way."""
    if kind == "sync":
        with Database.connect(dsn):
            yield
    else:

        async def work() -> None:
            async with AsyncDatabase.connect(dsn):
                pass

        asyncio.run(work())
        yield


@asynccontextmanager
async def async_database(dsn: str, settings: Settings | None = None) -> AsyncIterator[AsyncDatabase]:
    async with AsyncDatabase.connect(dsn, settings=settings) as database:
        yield database


EACH_WAY = pytest.mark.parametrize("way", ["sync", "async"])


class TestConnecting:
    """What stands in the way is said in one line, without the password."""

    @EACH_WAY
    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"user": "nobody_of_that_name"}, 'role "nobody_of_that_name" does not exist or may not log in'),
            ({"dbname": "no_such_database"}, 'database "no_such_database" does not exist'),
            ({"host": "/no/such/folder"}, "no server listens at /no/such/folder/.s.PGSQL.5432"),
            ({"host": "127.0.0.1", "port": 1}, "no server listens at 127.0.0.1:1"),
            ({"host": "db.invalid"}, "the host name is unknown"),
        ],
    )
    def test_a_wrong_dsn_says_what_is_wrong(
        self, changed: dict[str, Any], message: str, way: Literal["sync", "async"], dsn: str
    ) -> None:
        secret = secrets.token_hex(20)
        wrong = make_conninfo(dsn, **{"port": 5432, "password": secret, **changed})
        if "user" in changed or "dbname" in changed:
            wrong = make_conninfo(dsn, password=secret, **changed)
        with pytest.raises(SetupError) as refused, opened(wrong, way):
            pass
        assert refused.value.message == message
        assert refused.value.hint
        assert secret not in "".join(traceback.format_exception(refused.value))

    @EACH_WAY
    def test_no_dsn_says_how_to_give_one(self, way: Literal["sync", "async"]) -> None:
        connect = Database.connect if way == "sync" else AsyncDatabase.connect
        with pytest.raises(SetupError, match=r"^no PostgreSQL server is named\. Give --dsn"):
            connect()

    @EACH_WAY
    @pytest.mark.parametrize("form", ["host=a password={} dbname", "postgresql://u:{}@host:port:5/db", "{}"])
    def test_a_malformed_dsn_is_a_wrong_setting(self, form: str, way: Literal["sync", "async"]) -> None:
        secret = secrets.token_hex(20)
        with pytest.raises(SetupError) as refused, opened(form.format(secret), way):
            pass
        assert secret not in "".join(traceback.format_exception(refused.value))

    def test_the_environment_names_the_server(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MENTORBASE_DSN", dsn)
        with Database.connect() as db:
            assert db.mentoring.mentees(1) == []

    @pytest.mark.direct
    def test_closing_the_database_closes_its_connections(self, dsn: str, admin: psycopg.Connection) -> None:
        name = f"test_{secrets.token_hex(4)}"
        with Database.connect(make_conninfo(dsn, application_name=name)) as db:
            db.mentoring.mentees(1)
            assert connections(admin, name) > 0
        assert db.pool.closed
        wait_until(lambda: connections(admin, name) == 0)


def connections(admin: psycopg.Connection, name: str) -> int:
    row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [name]).fetchone()
    assert row is not None
    return int(row[0])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


@pytest.mark.direct
class TestSession:
    """What every session of the pool is set to."""

    def test_defaults_come_before_those_of_the_database(self, dsn: str, admin: psycopg.Connection) -> None:
        for name, value in [("timezone", "Asia/Tokyo"), ("statement_timeout", "3s"), ("lock_timeout", "3s")]:
            admin.execute(f"ALTER DATABASE {admin.info.dbname} SET {name} = '{value}'")
        with Database.connect(dsn, settings=SMALL) as db, db.transaction() as tx:
            conn = tx.connection
            assert setting(conn, "timezone").upper() == "UTC"
            assert setting(conn, "statement_timeout") == "1min"
            assert setting(conn, "lock_timeout") == "10s"
            assert setting(conn, "idle_in_transaction_session_timeout") == "2min"
            assert setting(conn, "application_name") == "mentorbase"

    def test_settings_decide(self, dsn: str) -> None:
        settings = SMALL.model_copy(
            update={"db_statement_timeout": 7, "db_lock_timeout": 3, "db_idle_in_transaction_timeout": 0}
        )
        with Database.connect(dsn, settings=settings) as db, db.transaction() as tx:
            assert setting(tx.connection, "statement_timeout") == "7s"
            assert setting(tx.connection, "lock_timeout") == "3s"
            assert setting(tx.connection, "idle_in_transaction_session_timeout") == "0"

    def test_the_dsns_own_options_come_first(self, dsn: str) -> None:
        own = make_conninfo(dsn, application_name="school", options="-c statement_timeout=5s -c search_path=mentoring")
        with Database.connect(own, settings=SMALL) as db, db.transaction() as tx:
            assert setting(tx.connection, "statement_timeout") == "5s"
            assert setting(tx.connection, "search_path") == "mentoring"
            assert setting(tx.connection, "application_name") == "school"
            assert setting(tx.connection, "lock_timeout") == "10s"

    def test_a_statement_that_runs_too_long_is_stopped(self, dsn: str) -> None:
        settings = SMALL.model_copy(update={"db_statement_timeout": 1})
        with (
            Database.connect(dsn, settings=settings) as db,
            pytest.raises(psycopg.errors.QueryCanceled),
            db.transaction() as tx,
        ):
            tx.connection.execute("SELECT pg_sleep(20)")

    def test_async(self, dsn: str) -> None:
        async def work() -> None:
            own = make_conninfo(dsn, options="-c lock_timeout=4s")
            async with async_database(own, SMALL) as db, db.transaction() as tx:
                conn = tx.connection
                assert (await async_setting(conn, "timezone")).upper() == "UTC"
                assert await async_setting(conn, "statement_timeout") == "1min"
                assert await async_setting(conn, "lock_timeout") == "4s"
                assert await async_setting(conn, "application_name") == "mentorbase"

        asyncio.run(work())


class Interrupted(Exception):
    """Raised by a block of a test."""


@pytest.mark.usefixtures("people")
class TestTransactions:
    """Committed at its end, rolled back if it raises, with an actor for its length and no longer."""

    def test_commits_at_its_end(self, db: Database) -> None:
        with db.transaction(actor=1) as tx:
            made = tx.mentoring.request(1, 2)
            assert db.mentoring.mentees(1) == []
        assert db.mentoring.mentees(1) == [made]

    def test_rolls_back_when_the_block_raises(self, db: Database) -> None:
        def interrupted() -> None:
            with db.transaction(actor=1) as tx:
                tx.mentoring.request(1, 2)
                raise Interrupted

        with pytest.raises(Interrupted):
            interrupted()
        assert db.mentoring.mentees(1) == []

    def test_a_refusal_rolls_back_everything_before_it(self, db: Database) -> None:
        def refused() -> None:
            with db.transaction(actor=1) as tx:
                tx.mentoring.save_profile(1, mentor_bio="Patient.")
                tx.mentoring.request(1, 2)
                tx.mentoring.request(1, 2)

        with pytest.raises(RelationshipExists):
            refused()
        assert db.mentoring.mentees(1) == []
        assert db.mentoring.profile(1) is None

    def test_a_refusal_inside_a_savepoint_leaves_the_rest(self, db: Database) -> None:
        with db.transaction(actor=1) as tx:
            made = tx.mentoring.request(1, 2)
            with pytest.raises(RelationshipExists), tx.connection.transaction():
                tx.mentoring.request(1, 2)
        assert db.mentoring.mentees(1) == [made]

    @pytest.mark.parametrize(
        ("actor", "expected"),
        [
            (None, None),
            (7, "7"),
            (Actor.user(7), "7"),
            (Actor.admin(7), "admin:7"),
            (SYSTEM, "system"),
        ],
    )
    def test_the_actor_is_set_for_its_length(self, actor: Actor | int | None, expected: str | None, dsn: str) -> None:
        with Database.connect(dsn, settings=SMALL) as db:
            with db.transaction(actor=actor) as tx:
                assert tx.connection.execute(ACTOR).fetchone() == (expected,)
                backend = tx.connection.info.backend_pid
            with db.transaction() as tx:
                assert tx.connection.info.backend_pid == backend
                assert tx.connection.execute(ACTOR).fetchone() in [(None,), ("",)]

    def test_nothing_is_left_of_an_actor_whose_transaction_failed(self, dsn: str) -> None:
        with Database.connect(dsn, settings=SMALL) as db:
            with pytest.raises(Interrupted), db.transaction(actor=SYSTEM, isolation=IsolationLevel.SERIALIZABLE):
                raise Interrupted
            with db.transaction() as tx:
                assert tx.connection.execute(ACTOR).fetchone() in [(None,), ("",)]
                assert setting(tx.connection, "transaction_isolation") == "read committed"

    def test_nothing_is_left_of_a_step_with_an_actor_of_its_own(self, dsn: str) -> None:
        with Database.connect(dsn, settings=SMALL) as db:
            db.mentoring.request(1, 2, actor_id=1, reason="please")
            with pytest.raises(ActorRequired):
                db.mentoring.request(1, 3)

    def test_the_database_takes_the_actor_for_what_it_is(self, db: Database) -> None:
        with db.transaction(actor=1) as tx:
            made = tx.mentoring.request(1, 2)
        with pytest.raises(NotPermitted), db.transaction(actor=1) as tx:
            tx.mentoring.accept(made.id)
        with db.transaction(actor=Actor.admin(3)) as tx:
            tx.mentoring.accept(made.id)
        with db.transaction(actor=SYSTEM) as tx:
            tx.mentoring.terminate(made.id)
        steps = [(step.actor_kind, step.actor_id) for step in db.mentoring.history(made.id)]
        assert steps == [("mentor", 1), ("admin", 3), ("system", None)]

    @pytest.mark.parametrize("actor", [0, -1, True, 10**18, 1.5, "system", "admin:1", "7'; --"])
    def test_what_is_no_user_id_is_refused_before_anything_runs(self, actor: Any, db: Database) -> None:
        entered = False
        with pytest.raises(InvalidArgument) as refused, db.transaction(actor=actor):
            entered = True
        assert not entered
        assert (refused.value.sqlstate, refused.value.values) == ("MB007", {"argument": "actor"})
        assert refused.value.message.startswith("actor: somebody is a user id (a whole number from 1)")

    def test_the_greatest_user_id_that_the_database_reads_is_an_actor(self, db: Database) -> None:
        with db.transaction(actor=10**18 - 1) as tx, pytest.raises(NotPermitted):
            tx.mentoring.request(1, 2)

    @pytest.mark.parametrize("isolation", [None, *IsolationLevel])
    def test_isolation_is_as_asked(self, isolation: IsolationLevel | None, db: Database) -> None:
        expected = isolation.name.replace("_", " ").lower() if isolation else "read committed"
        with db.transaction(isolation=isolation, actor=1) as tx:
            assert setting(tx.connection, "transaction_isolation") == expected
            assert setting(tx.connection, "transaction_read_only") == "off"
            tx.mentoring.request(1, 2)

    def test_read_only_refuses_writes(self, db: Database) -> None:
        with db.transaction(actor=1, isolation=IsolationLevel.REPEATABLE_READ, read_only=True) as tx:
            assert tx.mentoring.mentees(1) == []
            assert setting(tx.connection, "transaction_isolation") == "repeatable read"
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), tx.connection.transaction():
                tx.mentoring.request(1, 2)

    def test_repeatable_read_sees_one_moment(self, db: Database) -> None:
        with db.transaction(isolation=IsolationLevel.REPEATABLE_READ, read_only=True) as tx:
            assert tx.mentoring.mentees(1) == []
            made = db.mentoring.request(1, 2, actor_id=1)
            assert tx.mentoring.mentees(1) == []
        assert db.mentoring.mentees(1) == [made]


class TestPool:
    """A pool that is full says so."""

    def test_a_transaction_that_finds_no_connection(self, dsn: str) -> None:
        with Database.connect(dsn, settings=SMALL) as db, db.transaction():
            with pytest.raises(PoolExhausted, match=r"no connection came free in time"), db.transaction():
                pass
            with pytest.raises(PoolExhausted, match=r"no connection came free in time"):
                db.mentoring.mentees(1)

    def test_async(self, dsn: str) -> None:
        async def work() -> None:
            async with async_database(dsn, SMALL) as db, db.transaction():
                with pytest.raises(PoolExhausted, match=r"no connection came free in time"):
                    async with db.transaction():
                        pass
                with pytest.raises(PoolExhausted, match=r"no connection came free in time"):
                    await db.mentoring.mentees(1)

        asyncio.run(work())

    def test_connections_return_after_errors(self, dsn: str) -> None:
        with Database.connect(dsn, settings=SMALL) as db:
            for _ in range(5):
                with pytest.raises(Interrupted), db.transaction(actor=SYSTEM):
                    raise Interrupted
                with pytest.raises(ActorRequired):
                    db.mentoring.request(1, 2)
            assert db.mentoring.mentees(1) == []

    @pytest.mark.direct
    def test_a_connection_that_the_server_cut_is_replaced(self, dsn: str, admin: psycopg.Connection) -> None:
        with Database.connect(dsn, settings=SMALL) as db:
            with db.transaction() as tx:
                backend = tx.connection.info.backend_pid
            admin.execute("SELECT pg_terminate_backend(%s)", [backend])
            with pytest.raises(ConnectionLost):
                db.mentoring.mentees(1)
            assert db.mentoring.mentees(1) == []

    def test_a_pool_that_is_closed_says_so(self, dsn: str) -> None:
        db = Database.connect(dsn, settings=SMALL)
        db.close()
        with pytest.raises(SetupError, match=r"the pool is not open"):
            db.mentoring.mentees(1)
        with pytest.raises(SetupError, match=r"the pool is not open"), db.transaction():
            pass


def test_a_database_without_the_schema_says_what_to_do(empty_dsn: str) -> None:
    with Database.connect(empty_dsn, settings=SMALL) as db, pytest.raises(SetupError) as failed:
        db.mentoring.mentees(1)
    assert failed.value.hint == "Run mentorbase migrate"


def test_a_row_that_does_not_fit_its_model_is_no_secret_told(db: Database, admin: psycopg.Connection) -> None:
    admin.execute("ALTER TABLE auth.users ALTER first_name DROP NOT NULL")
    admin.execute("INSERT INTO auth.users (id, first_name, last_name) VALUES (77, NULL, 'Secretova')")
    with pytest.raises(SetupError, match=r"a row is not what this version expects") as failed:
        db.auth.user(77)
    assert "Secretova" not in "".join(traceback.format_exception(failed.value))


@pytest.mark.usefixtures("people")
class TestTransactionObjects:
    """What belongs to a transaction ends with it."""

    def test_after_the_block_it_runs_nothing(self, db: Database) -> None:
        with db.transaction(actor=1) as tx:
            mentoring = tx.mentoring
            mentoring.save_profile(1)
        with pytest.raises(MentorbaseError, match=r"the transaction of this object has ended"):
            mentoring.profile(1)

    def test_after_the_block_a_service_that_was_never_used_runs_nothing(self, db: Database) -> None:
        with db.transaction(actor=SYSTEM) as tx:
            pass
        with pytest.raises(MentorbaseError, match=r"the transaction of this object has ended"):
            tx.auth.create_user(first_name="Late")
        with pytest.raises(MentorbaseError, match=r"the transaction of this object has ended"):
            tx.connection.execute("SELECT 1")
        with pytest.raises(MentorbaseError, match=r"the transaction of this object has ended"), tx.savepoint():
            pass

    def test_async_after_the_block_it_runs_nothing(self, dsn: str) -> None:
        async def work() -> None:
            async with async_database(dsn, SMALL) as db:
                async with db.transaction(actor=1) as tx:
                    mentoring = tx.mentoring
                    await mentoring.save_profile(1)
                with pytest.raises(MentorbaseError, match=r"the transaction of this object has ended"):
                    await mentoring.profile(1)

        asyncio.run(work())

    def test_a_refusal_in_a_savepoint_leaves_the_rest(self, db: Database) -> None:
        with db.transaction(actor=1) as tx:
            made = tx.mentoring.request(1, 2)
            with pytest.raises(NotPermitted), tx.savepoint():
                tx.mentoring.accept(made.id)
            tx.mentoring.cancel(made.id)
        assert db.mentoring.relationship(made.id).status == "cancelled"

    def test_async_a_refusal_in_a_savepoint_leaves_the_rest(self, dsn: str) -> None:
        async def work() -> None:
            async with async_database(dsn, SMALL) as db:
                async with db.transaction(actor=1) as tx:
                    made = await tx.mentoring.request(1, 2)
                    with pytest.raises(NotPermitted):
                        async with tx.savepoint():
                            await tx.mentoring.accept(made.id)
                    await tx.mentoring.cancel(made.id)
                assert (await db.mentoring.relationship(made.id)).status == "cancelled"

        asyncio.run(work())


@pytest.mark.parametrize("attempts", [0, -1])
def test_no_attempt_is_no_number_of_attempts(attempts: int, db: Database) -> None:
    with pytest.raises(InvalidArgument, match=r"attempts: at least 1"):
        db.retrying(lambda tx: tx.mentoring.mentees(1), attempts=attempts)


@pytest.fixture
def counter(admin: psycopg.Connection) -> str:
    """A table with the rows 1 and 2, both 0, that the application may change."""
    admin.execute("CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)")
    admin.execute("INSERT INTO counter VALUES (1, 0), (2, 0)")
    admin.execute("GRANT SELECT, UPDATE ON counter TO mentorbase_app")
    return "counter"


def add(conn: psycopg.Connection[Any], row: int) -> None:
    conn.execute("UPDATE counter SET value = value + 1 WHERE id = %s", [row])


def values(conn: psycopg.Connection[Any]) -> list[int]:
    return [value for (value,) in conn.execute("SELECT value FROM counter ORDER BY id").fetchall()]


@pytest.mark.usefixtures("counter")
class TestRetrying:
    """Who loses against another transaction starts again; who is refused does not."""

    @pytest.mark.parametrize("isolation", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
    def test_a_serialization_failure_is_retried(
        self, isolation: IsolationLevel, db: Database, admin: psycopg.Connection
    ) -> None:
        seen = []

        def work(tx: Transaction) -> str:
            seen.append(values(tx.connection))
            if len(seen) == 1:
                add(admin, 1)
            add(tx.connection, 1)
            return setting(tx.connection, "transaction_isolation")

        assert db.retrying(work, isolation=isolation) == isolation.name.replace("_", " ").lower()
        assert seen == [[0, 0], [1, 0]]
        assert values(admin) == [2, 0]

    def test_a_failure_at_commit_is_retried(self, db: Database, dsn: str) -> None:
        """Write skew: each reads what the other writes, which shows only when the second commits."""
        calls = 0
        with psycopg.connect(dsn) as other:
            other.isolation_level = IsolationLevel.SERIALIZABLE

            def work(tx: Transaction) -> None:
                nonlocal calls
                calls += 1
                values(tx.connection)
                if calls == 1:
                    values(other)
                    add(other, 1)
                add(tx.connection, 2)
                if calls == 1:
                    other.commit()

            db.retrying(work, isolation=IsolationLevel.SERIALIZABLE)
            assert calls == 2
            assert values(other) == [1, 1]

    def test_a_deadlock_is_retried(self, db: Database, dsn: str, admin: psycopg.Connection) -> None:
        """The other one waits first and looks for deadlocks late, so ours is the one that is found."""
        admin.execute(f"ALTER DATABASE {admin.info.dbname} SET deadlock_timeout = '50ms'")
        calls = 0
        other = psycopg.connect(make_conninfo(admin.info.dsn, options="-c deadlock_timeout=1h"))
        with Database.connect(dsn, settings=SMALL) as fresh, other:
            add(other, 2)
            waiter = threading.Thread(target=lambda: (add(other, 1), other.commit()))

            def work(tx: Transaction) -> None:
                nonlocal calls
                calls += 1
                add(tx.connection, 1)
                if calls == 1:
                    waiter.start()
                    wait_until(lambda: waits(admin, other.info.backend_pid))
                add(tx.connection, 2)

            fresh.retrying(work)
            waiter.join(10)
        assert calls == 2
        assert values(admin) == [2, 2]

    def test_gives_up_after_its_attempts(self, db: Database, admin: psycopg.Connection) -> None:
        calls = 0

        def work(tx: Transaction) -> None:
            nonlocal calls
            calls += 1
            values(tx.connection)
            add(admin, 1)
            add(tx.connection, 1)

        with pytest.raises(psycopg.errors.SerializationFailure):
            db.retrying(work, attempts=3, isolation=IsolationLevel.REPEATABLE_READ)
        assert calls == 3
        assert values(admin) == [3, 0]

    @pytest.mark.usefixtures("people")
    def test_a_refusal_is_not_retried(self, db: Database) -> None:
        calls = 0

        def work(tx: Transaction) -> None:
            nonlocal calls
            calls += 1
            tx.mentoring.request(1, 2)
            tx.mentoring.request(1, 2)

        with pytest.raises(RelationshipExists):
            db.retrying(work, actor=1)
        assert calls == 1
        assert db.mentoring.mentees(1) == []

    def test_the_blocks_own_exception_is_not_retried(self, db: Database) -> None:
        calls = 0

        def work(tx: Transaction) -> None:
            nonlocal calls
            calls += 1
            raise Interrupted

        with pytest.raises(Interrupted):
            db.retrying(work)
        assert calls == 1

    def test_each_attempt_has_the_actor(self, db: Database, admin: psycopg.Connection) -> None:
        actors = []

        def work(tx: Transaction) -> None:
            actors.append(tx.connection.execute(ACTOR).fetchone())
            values(tx.connection)
            if len(actors) == 1:
                add(admin, 1)
            add(tx.connection, 1)

        db.retrying(work, actor=Actor.admin(7), isolation=IsolationLevel.REPEATABLE_READ)
        assert actors == [("admin:7",)] * 2


def waits(admin: psycopg.Connection, backend: int) -> bool:
    found = admin.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend]).fetchone()
    return found == (True,)


@pytest.mark.usefixtures("people", "counter")
class TestAsync:
    """`AsyncDatabase` does the same."""

    def test_transactions(self, dsn: str) -> None:
        async def work() -> None:
            async with async_database(dsn) as db:
                async with db.transaction(actor=1) as tx:
                    made = await tx.mentoring.request(1, 2)
                    assert await db.mentoring.mentees(1) == []
                assert await db.mentoring.mentees(1) == [made]

                async def refused() -> None:
                    async with db.transaction(actor=SYSTEM) as tx:
                        await tx.mentoring.request(3, 4, actor_id=3)
                        await tx.mentoring.pause(made.id, actor_id=1)

                with pytest.raises(TransitionRefused):
                    await refused()
                assert await db.mentoring.mentees(3) == []

                with pytest.raises(InvalidArgument, match=r"^actor: "):
                    async with db.transaction(actor=0):
                        pass

        asyncio.run(work())

    def test_actor_isolation_and_read_only(self, dsn: str) -> None:
        async def work() -> None:
            async with async_database(dsn, SMALL) as db:
                for actor, expected in [(7, "7"), (Actor.admin(7), "admin:7"), (SYSTEM, "system")]:
                    async with db.transaction(actor=actor, isolation=IsolationLevel.SERIALIZABLE, read_only=True) as tx:
                        assert await async_setting(tx.connection, "mentorbase.actor") == expected
                        assert await async_setting(tx.connection, "transaction_isolation") == "serializable"
                        assert await async_setting(tx.connection, "transaction_read_only") == "on"
                async with db.transaction() as tx:
                    assert await (await tx.connection.execute(ACTOR)).fetchone() in [(None,), ("",)]
                    assert await async_setting(tx.connection, "transaction_isolation") == "read committed"
                    assert await async_setting(tx.connection, "transaction_read_only") == "off"

        asyncio.run(work())

    def test_many_at_once_share_the_pool(self, dsn: str) -> None:
        async def work() -> None:
            settings = SMALL.model_copy(update={"db_pool_max_size": 3, "db_pool_timeout": 30})
            async with async_database(dsn, settings) as db:
                await asyncio.gather(*(db.mentoring.request(1, mentee, actor_id=1) for mentee in range(2, 18)))
                assert len(await db.mentoring.mentees(1)) == 16

        asyncio.run(work())

    def test_a_serialization_failure_is_retried(self, dsn: str, admin: psycopg.Connection) -> None:
        seen: list[list[int]] = []

        async def work() -> None:
            async with async_database(dsn, SMALL) as db:

                async def attempt(tx: Any) -> int:
                    rows = await (await tx.connection.execute("SELECT value FROM counter ORDER BY id")).fetchall()
                    seen.append([value for (value,) in rows])
                    if len(seen) == 1:
                        add(admin, 1)
                    await tx.connection.execute("UPDATE counter SET value = value + 1 WHERE id = 1")
                    return len(seen)

                assert await db.retrying(attempt, isolation=IsolationLevel.REPEATABLE_READ) == 2

        asyncio.run(work())
        assert seen == [[0, 0], [1, 0]]
        assert values(admin) == [2, 0]

    def test_gives_up_after_its_attempts_and_does_not_retry_refusals(self, dsn: str, admin: psycopg.Connection) -> None:
        calls = 0

        async def work() -> None:
            async with async_database(dsn, SMALL) as db:

                async def lose(tx: Any) -> None:
                    nonlocal calls
                    calls += 1
                    await tx.connection.execute("SELECT value FROM counter")
                    add(admin, 1)
                    await tx.connection.execute("UPDATE counter SET value = value + 1 WHERE id = 1")

                with pytest.raises(psycopg.errors.SerializationFailure):
                    await db.retrying(lose, attempts=3, isolation=IsolationLevel.REPEATABLE_READ)
                assert calls == 3

                async def ask(tx: Any) -> None:
                    nonlocal calls
                    calls += 1
                    await tx.mentoring.request(1, 2)

                with pytest.raises(ActorRequired):
                    await db.retrying(ask)
                assert calls == 4

        asyncio.run(work())


# -- Many rows


def test_many_rows_are_copied_by_the_same_rules(db: Database, admin: psycopg.Connection) -> None:
    columns = ["telegram_id", "role", "first_name"]
    with db.transaction(actor=SYSTEM) as tx:
        assert tx.copy_rows("auth.users", columns, ((1000 + i, UserRole.TEACHER, "Anna") for i in range(500))) == 500
        assert tx.copy_rows("auth.users", columns, []) == 0
    assert admin.execute("SELECT count(*), max(telegram_id) FROM auth.users WHERE role = 'teacher'").fetchone() == (
        500,
        1499,
    )
    assert admin.execute("SELECT count(*) FROM auth.audit_log").fetchone() == (500,)


@pytest.mark.parametrize(
    ("actor", "columns", "row", "kind", "sqlstate"),
    [
        (SYSTEM, ["telegram_id", "first_name"], (1000, "Boris"), AlreadyExists, "23505"),
        (SYSTEM, ["telegram_id", "first_name"], (1001, " "), InvalidValue, "23514"),
        (1, ["telegram_id", "first_name"], (1001, "Boris"), NotPermitted, "MB002"),
        (None, ["telegram_id", "first_name"], (1001, "Boris"), ActorRequired, "MB001"),
        (SYSTEM, ["id", "first_name"], (7, "Boris"), NotPermitted, "42501"),
    ],
)
def test_a_copied_row_that_is_refused_undoes_all(
    db: Database, admin: psycopg.Connection, actor: Any, columns: list[str], row: Any, kind: Any, sqlstate: str
) -> None:
    with pytest.raises(kind) as caught, db.transaction(actor=actor) as tx:
        tx.copy_rows("auth.users", columns, [(1000, "Anna"), row])
    assert (type(caught.value), caught.value.sqlstate) == (kind, sqlstate)
    assert "Boris" not in str(caught.value)
    assert admin.execute("SELECT count(*) FROM auth.users").fetchone() == (0,)


def test_asynchronous_code_copies_the_same(dsn: str, admin: psycopg.Connection) -> None:
    async def scenario() -> int:
        async with AsyncDatabase.connect(dsn) as db, db.transaction(actor=SYSTEM) as tx:
            return await tx.copy_rows("auth.users", ["first_name"], [("Anna",), ("Boris",)])

    assert asyncio.run(scenario()) == 2
    assert admin.execute("SELECT count(*) FROM auth.users").fetchone() == (2,)
