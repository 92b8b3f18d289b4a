"""The database as an application sees it: a pool, transactions with an actor, and the services.

Each call of a service is one statement on a borrowed connection; a transaction binds several to one connection.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection, IsolationLevel, sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from .actor import Actor
from .auth import Auth
from .calendar import Calendar
from .connection import explain_connection, parse_dsn
from .errors import InvalidArgument, MentorbaseError, translated
from .getcourse import Getcourse
from .groups import Groups
from .links import Links
from .mentoring import Mentoring
from .notifications import Notifications
from .query import Queries, S, Source, echo
from .quests import Quests
from .settings import Settings
from .students import Students
from .teachers import Teachers
from .tutormax import Tutormax

T = TypeVar("T")

RETRIED: Final = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""What another attempt may cure: SQLSTATE 40001 and 40P01."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.01, 1.0


class Services(Generic[S]):
    """The services of one database, on a connection or a pool.

    Attributes:
        auth: people, schema ``auth``.
        teachers: teachers, schema ``teachers``.
        students: students, schema ``students``.
        groups: groups of students, schema ``groups``.
        calendar: lessons and when teachers are free, schema ``calendar``.
        mentoring: who mentors whom, schema ``mentoring``.
        notifications: what people are told, schema ``notifications``.
        getcourse: the GetCourse bot, schema ``getcourse``.
        quests: quests and what children share of them, schema ``quests``.
        links: what takes several services that share the database, schema ``links``.
        tutormax: how tutors perform, schema ``tutormax``.
    """

    def __init__(self, source: S, asking: Source | None = None) -> None:
        self._source = source
        self._asking = asking
        self._ended = False
        self.auth: Auth[S] = Auth(source)
        self.teachers: Teachers[S] = Teachers(source)
        self.students: Students[S] = Students(source)
        self.groups: Groups[S] = Groups(source)
        self.calendar: Calendar[S] = Calendar(source)
        self.mentoring: Mentoring[S] = Mentoring(source)
        self.notifications: Notifications[S] = Notifications(source)
        self.getcourse: Getcourse[S] = Getcourse(source)
        self.quests: Quests[S] = Quests(source, asking)
        self.links: Links[S] = Links(source)
        self.tutormax: Tutormax[S] = Tutormax(source)

    def _end(self) -> None:
        """Detach the services from a connection that is given back."""
        self._ended = True
        for service in vars(self).values():
            if isinstance(service, Queries):
                service.detach()

    def _open_source(self) -> S:
        if self._ended:
            raise MentorbaseError("the transaction of this object has ended")
        return self._source


class Transaction(Services[Connection[Any]]):
    """The services inside one transaction; ``connection`` is its psycopg connection. Ends with the block."""

    @property
    def connection(self) -> Connection[Any]:
        """The connection, for SQL of the application's own."""
        return self._open_source()

    def copy_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Write many rows with COPY and return how many; every rule holds, and one that is broken undoes all.

        Needs the role's privilege to INSERT these columns and, for people's data, an actor.

        Args:
            table: with its schema, such as auth.users.
            columns: those that are given; the others get their defaults.
            rows: one value for each of *columns*.

        Raises:
            Refusal: the database refuses a row.
        """
        with translated, self.connection.cursor() as cursor:
            with cursor.copy(_copy(table, columns)) as copy:
                for row in rows:
                    copy.write_row(row)
            return cursor.rowcount

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run a block that may be refused without ending the transaction: what it did is then undone."""
        with translated, self.connection.transaction():
            yield


class AsyncTransaction(Services[AsyncConnection[Any]]):
    """The services inside one transaction; ``connection`` is its psycopg connection. Ends with the block."""

    @property
    def connection(self) -> AsyncConnection[Any]:
        """The connection, for SQL of the application's own."""
        return self._open_source()

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Write many rows with COPY; as `Transaction.copy_rows`."""
        with translated:
            async with self.connection.cursor() as cursor:
                async with cursor.copy(_copy(table, columns)) as copy:
                    for row in rows:
                        await copy.write_row(row)
                return cursor.rowcount

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Run a block that may be refused without ending the transaction: what it did is then undone."""
        with translated:
            async with self.connection.transaction():
                yield


class Database(Services[ConnectionPool[Connection[Any]]]):
    """A pool of connections and the services on it. Close it, or use it as a context manager.

    What is asked of a child's data is written down on a second, small pool (`Quests`), which is empty until then.

    Attributes:
        pgbouncer: whether pgbouncer in transaction mode is in between, where LISTEN does not work.
    """

    def __init__(
        self,
        pool: ConnectionPool[Connection[Any]],
        asking: ConnectionPool[Connection[Any]] | None = None,
        *,
        pgbouncer: bool = False,
    ) -> None:
        super().__init__(pool, asking)
        self.pgbouncer = pgbouncer

    @classmethod
    def connect(cls, dsn: str | None = None, *, settings: Settings | None = None) -> Self:
        """Open a pool.

        Args:
            dsn: a libpq connection string or URI; None: what the environment names (`Settings`).
            settings: instead of those of the environment.

        Raises:
            SetupError: no server is named, or it cannot be reached; says why and what to do.
        """
        settings = settings or Settings.load()
        conninfo = _conninfo(settings, dsn)
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError as error:
            raise explain_connection(error) from error
        pool = ConnectionPool(
            conninfo,
            connection_class=Connection[Any],
            open=True,
            **_pool_options(settings),
        )
        asking = ConnectionPool(conninfo, connection_class=Connection[Any], open=True, **_asking_options(settings))
        return cls(pool, asking, pgbouncer=settings.db_pgbouncer)

    @property
    def pool(self) -> ConnectionPool[Connection[Any]]:
        """The pool itself."""
        return self._source

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()
        if isinstance(self._asking, ConnectionPool):
            self._asking.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(
        self,
        *,
        actor: Actor | int | None = None,
        isolation: IsolationLevel | None = None,
        read_only: bool = False,
    ) -> Iterator[Transaction]:
        """Run a block in one transaction: committed at its end, rolled back if it raises.

        Args:
            actor: who acts, for every statement in it: a user id, or an `Actor`. In the teaching
                services but `auth`, a person's id is their telegram_id.
            isolation: other than the server's default.
            read_only: refuse writes.

        Raises:
            InvalidArgument: *actor* names nobody.
            PoolExhausted: no connection came free within ``db_pool_timeout``.
            ConnectionLost: the server went away; nothing was committed, unless it was lost in the COMMIT itself.
        """
        begin = _begin(actor, isolation, read_only)
        with translated, self.pool.connection() as conn, conn.transaction():
            if begin:
                conn.execute(begin, prepare=False)
            tx = Transaction(conn, self._asking)
            try:
                yield tx
            finally:
                tx._end()

    def retrying(
        self,
        work: Callable[[Transaction], T],
        *,
        attempts: int = 8,
        actor: Actor | int | None = None,
        isolation: IsolationLevel | None = None,
    ) -> T:
        """Run *work* in a transaction, again from the start if it loses against another one.

        Args:
            work: what to do; runs up to *attempts* times, so it must not act outside the database.
            attempts: at most this many, with a growing, jittered pause between them (10 ms to 1 s).
            actor: as of `transaction`.
            isolation: as of `transaction`.

        Raises:
            psycopg.errors.SerializationFailure: every attempt lost (SQLSTATE 40001).
            psycopg.errors.DeadlockDetected: every attempt lost (SQLSTATE 40P01).
        """
        _require_attempts(attempts)
        for attempt in count(1):
            try:
                with self.transaction(actor=actor, isolation=isolation) as tx:
                    return work(tx)
            except RETRIED:
                if attempt == attempts:
                    raise
                time.sleep(_backoff(attempt))
        raise AssertionError


class AsyncDatabase(Services[AsyncConnectionPool[AsyncConnection[Any]]]):
    """`Database` for asyncio: use it as an asynchronous context manager, or `open` and `close` it.

    Attributes:
        pgbouncer: as of `Database`.
    """

    @classmethod
    def connect(cls, dsn: str | None = None, *, settings: Settings | None = None) -> Self:
        """Make a pool, not yet open.

        Args:
            dsn: a libpq connection string or URI; None: what the environment names (`Settings`).
            settings: instead of those of the environment.

        Raises:
            SetupError: no server is named.
        """
        settings = settings or Settings.load()
        conninfo = _conninfo(settings, dsn)
        pool = AsyncConnectionPool(
            conninfo,
            connection_class=AsyncConnection[Any],
            open=False,
            **_pool_options(settings),
        )
        asking = AsyncConnectionPool(
            conninfo, connection_class=AsyncConnection[Any], open=False, **_asking_options(settings)
        )
        return cls(pool, conninfo, asking, pgbouncer=settings.db_pgbouncer)

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[Any]],
        conninfo: str,
        asking: AsyncConnectionPool[AsyncConnection[Any]] | None = None,
        *,
        pgbouncer: bool = False,
    ) -> None:
        super().__init__(pool, asking)
        self._conninfo = conninfo
        self.pgbouncer = pgbouncer

    @property
    def pool(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        """The pool itself."""
        return self._source

    async def open(self) -> None:
        """Open the pool in the running event loop.

        Raises:
            SetupError: the server cannot be reached; says why and what to do.
        """
        try:
            probe = await AsyncConnection.connect(self._conninfo)
        except psycopg.OperationalError as error:
            raise explain_connection(error) from error
        await probe.close()
        await self.pool.open()
        if isinstance(self._asking, AsyncConnectionPool):
            await self._asking.open()

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()
        if isinstance(self._asking, AsyncConnectionPool):
            await self._asking.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(
        self,
        *,
        actor: Actor | int | None = None,
        isolation: IsolationLevel | None = None,
        read_only: bool = False,
    ) -> AsyncIterator[AsyncTransaction]:
        """Run a block in one transaction; as `Database.transaction`."""
        begin = _begin(actor, isolation, read_only)
        with translated:
            async with self.pool.connection() as conn, conn.transaction():
                if begin:
                    await conn.execute(begin, prepare=False)
                tx = AsyncTransaction(conn, self._asking)
                try:
                    yield tx
                finally:
                    tx._end()

    async def retrying(
        self,
        work: Callable[[AsyncTransaction], Awaitable[T]],
        *,
        attempts: int = 8,
        actor: Actor | int | None = None,
        isolation: IsolationLevel | None = None,
    ) -> T:
        """Run *work* in a transaction, again if it loses against another one; as `Database.retrying`."""
        _require_attempts(attempts)
        for attempt in count(1):
            try:
                async with self.transaction(actor=actor, isolation=isolation) as tx:
                    return await work(tx)
            except RETRIED:
                if attempt == attempts:
                    raise
                await asyncio.sleep(_backoff(attempt))
        raise AssertionError


def _copy(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _require_attempts(attempts: int) -> None:
    if attempts < 1:
        raise InvalidArgument("attempts: at least 1", detail="argument=attempts")


def _backoff(attempt: int) -> float:
    """Return seconds to wait after this attempt: a random part of a doubling span."""
    return random.uniform(0, min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2**attempt))  # noqa: S311 - no secret


def _begin(actor: Actor | int | None, isolation: IsolationLevel | None, read_only: bool) -> bytes:
    """Return what a transaction starts with, in one round trip."""
    parts = []
    if isolation is not None:
        parts.append(f"SET TRANSACTION ISOLATION LEVEL {isolation.name.replace('_', ' ')}")
    if read_only:
        parts.append("SET TRANSACTION READ ONLY")
    if actor is not None and not isinstance(actor, Actor):
        actor = Actor.user(actor)
    if actor is not None:
        parts.append(f"SET LOCAL mentorbase.actor = '{actor}'")
    return "; ".join(parts).encode()  # an Actor is digits and fixed words


def _conninfo(settings: Settings, dsn: str | None) -> str:
    """Return the connection string with what every session needs; what the caller's own says goes first."""
    if settings.db_echo:
        echo()
    given = parse_dsn(settings.require_dsn(dsn))
    usual: dict[str, Any] = {"application_name": "mentorbase", "connect_timeout": settings.db_connect_timeout}
    if settings.db_pgbouncer:  # it shares the server's sessions, and refuses to set them up for one client
        return make_conninfo("", **usual | given)
    options = (
        f"-c timezone=UTC -c statement_timeout={settings.db_statement_timeout}s"
        f" -c lock_timeout={settings.db_lock_timeout}s"
        f" -c idle_in_transaction_session_timeout={settings.db_idle_in_transaction_timeout}s"
        f" {given.pop('options', None) or ''}"
    ).strip()
    return make_conninfo("", **usual | given | {"options": options})


def _pool_options(settings: Settings) -> dict[str, Any]:
    connection: dict[str, Any] = {"autocommit": True}
    if settings.db_pgbouncer:
        connection["prepare_threshold"] = None  # a prepared statement stays in a session that is another's next time
    return {
        "kwargs": connection,
        "min_size": settings.db_pool_min_size,
        "max_size": settings.db_pool_max_size,
        "timeout": settings.db_pool_timeout,
        "max_lifetime": settings.db_pool_max_lifetime,
        "name": "mentorbase",
    }


def _asking_options(settings: Settings) -> dict[str, Any]:
    """Return the options of a small pool beside: a full one must not keep what it holds from asking (`Quests`)."""
    return _pool_options(settings) | {"min_size": 0, "max_size": 2, "name": "mentorbase-asking", "num_workers": 1}
