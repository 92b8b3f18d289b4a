"""A migrator's connections, and the locks that keep it the only one.

- A guard connection holds the database's advisory lock ``(GUARD_LOCK, 1)``, polled, since a blocked waiter would
  stall ``CREATE INDEX CONCURRENTLY``. Every connection that changes something holds ``(GUARD_LOCK, 2)`` shared, so
  a statement that outlives its killed migrator is waited for too.
- yoyo's own lock row is taken as well, which keeps a plain ``yoyo apply`` out. Rows of this module carry a negative
  process id: whoever has the guard knows that such a row is a dead migrator's.

yoyo's tables live in the schema ``public`` whatever the role's search_path says: a role named like a service would
otherwise lose sight of them once its schema exists.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, LiteralString, TypeGuard
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import make_conninfo
from yoyo.backends import PostgresqlPsycopgBackend  # type: ignore[import-untyped]
from yoyo.connections import parse_uri  # type: ignore[import-untyped]
from yoyo.migrations import default_migration_table  # type: ignore[import-untyped]

from .connection import explain_connection, parse_dsn, primary_message, refuse_pooler
from .errors import SetupError

APPLICATION_NAME: Final = "mentorbase migrate"
GUARD_LOCK: Final = 0x6D656E74  # "ment": the first of the two keys of pg_advisory_lock(int, int)
LOCK_TIMEOUT: Final = "5s"
OLDEST_SERVER: Final = 15
RIGHTS: Final = "Connect as the owner of the database or as a superuser"

# A login that is a member of an application's role must say who acts, also where a migration writes reference rows.
_NAME_THE_SYSTEM: Final = """
SELECT set_config('mentorbase.actor', 'system', false)
WHERE coalesce(current_setting('mentorbase.actor', true), '') = '' AND EXISTS (
    SELECT FROM pg_catalog.pg_roles
    WHERE rolname LIKE '%\\_app' AND pg_has_role(oid, 'USAGE')
) AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
"""

_GUARD, _WORK = 1, 2  # the second key
_POLL_SECONDS = 0.1

_Params = dict[str, Any]

# -- Connections


def connect(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to *dsn*, autocommit, to look at yoyo's tables and ours.

    Raises:
        SetupError: the DSN cannot be read, or the server is too old.
        psycopg.Error: no connection.
    """
    return _connect(_params(dsn))


def yoyo_uri(dsn: str) -> str:
    """Return *dsn* as yoyo takes it: ``postgresql+psycopg:///?...``, passwords included.

    Everything goes into the query, which can hold socket folders, lists of hosts and any character.
    """
    return _uri(_params(dsn))


def _params(dsn: str) -> _Params:
    params = parse_dsn(dsn)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        params.setdefault("connect_timeout", "10")
    return params | {"application_name": APPLICATION_NAME}


def _uri(params: _Params) -> str:
    return "postgresql+psycopg:///?" + urlencode(params | {"schema": "public"})


def _connect(params: _Params) -> psycopg.Connection[tuple[Any, ...]]:
    connection = psycopg.connect(make_conninfo(**params), autocommit=True)
    try:
        _check_version(connection)
        refuse_pooler(connection)
        connection.execute("SET search_path TO public")
        _limit_waits(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _limit_waits(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false) WHERE current_setting('lock_timeout') = '0'",
        [LOCK_TIMEOUT],
    )


def _pinned(params: _Params, connection: psycopg.Connection[Any]) -> _Params:
    """Return *params* narrowed to the server and database that *connection* found among several."""
    info = connection.info
    found = {"host": info.host, "port": str(info.port), "dbname": info.dbname}
    if "hostaddr" in params:
        found["hostaddr"] = info.hostaddr
    return params | found


def _check_version(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER * 10000:
        found = connection.info.parameter_status("server_version") or str(connection.info.server_version)
        raise SetupError(
            f"the server is PostgreSQL {found}, too old",
            f"mentorbase needs PostgreSQL {OLDEST_SERVER} or newer",
        )


class _SilentCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Hides rows from yoyo, which prints those of a migration's SELECT to stdout."""

    @property
    def description(self) -> None:
        return None


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend with this module's session settings; the caller holds the locks."""

    def connect(self, dburi: Any) -> psycopg.Connection[Any]:
        """Connect with this module's settings, and let the guards of other migrators see it."""
        connection: psycopg.Connection[Any] = super().connect(dburi)
        try:
            _settle(connection)
        except BaseException:
            connection.close()
            raise
        connection.cursor_factory = _SilentCursor
        return connection

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Do nothing: the row is taken already, on another connection."""
        yield

    def ensure_internal_schema_updated(self) -> None:
        """Look once a run: yoyo looks again before each mark when nothing was to be done."""
        super().ensure_internal_schema_updated()
        self._internal_schema_updated = True

    def copy(self) -> Backend:
        """Connect once more; what was seen of yoyo's tables holds, for no other migrator is at work."""
        copied: Backend = super().copy()
        copied._internal_schema_updated = self._internal_schema_updated
        return copied

    def beside(self, dbname: str) -> str:
        """Return the DSN of another database of the same server, for the same login."""
        params = {key: value for key, value in self.uri.args.items() if key != "schema"}
        return make_conninfo(**params | {"dbname": dbname})

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """Fill yoyo's log without its questions to passwd and DNS, which a container may leave unanswered."""
        data = {"id": os.urandom(16).hex(), "operation": operation}
        who = {"username": self.connection.info.user, "hostname": socket.gethostname()}
        what = {"migration_id": migration and migration.id, "migration_hash": migration and migration.hash}
        return data | who | what | {"created_at_utc": datetime.now(UTC).replace(tzinfo=None)}


def _settle(connection: psycopg.Connection[Any]) -> None:
    _limit_waits(connection)
    connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", [GUARD_LOCK, _WORK])
    # The server then notices within a second that its migrator was killed, even in the middle of a statement.
    connection.execute("SET client_connection_check_interval = '1s'")
    connection.execute(_NAME_THE_SYSTEM)


# -- Locks


@contextmanager
def only_migrator(dsn: str, wait_seconds: float) -> Iterator[Backend]:
    """Yield a backend whose database no other migrator, yoyo's own included, is working on.

    Args:
        dsn: libpq connection string or URI of the database.
        wait_seconds: how long to wait for another migrator.

    Raises:
        SetupError: no connection, not enough rights, or another migrator is still at work.
    """
    deadline = time.monotonic() + wait_seconds
    params = _params(dsn)
    with explained(), _connect(params) as guard:
        guard.execute("SET idle_session_timeout = 0")
        _take_guard(guard, deadline)
        _wait_for_orphans(guard, deadline)
        with Backend(parse_uri(_uri(_pinned(params, guard))), default_migration_table) as backend:
            # yoyo's own creation ignores every error, a missing privilege among them.
            guard.execute(_create_lock_table(backend))
            with _yoyo_lock(guard, deadline):
                yield backend


def _until(deadline: float, succeeded: Callable[[], bool]) -> bool:
    while not succeeded():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _scalar(connection: psycopg.Connection[Any], statement: LiteralString, params: Sequence[Any] = ()) -> Any:
    row = connection.execute(statement, params).fetchone()
    return row and row[0]


def _take_guard(guard: psycopg.Connection[Any], deadline: float) -> None:
    if not _until(deadline, lambda: _try_lock(guard, _GUARD)):
        raise _busy(guard, _GUARD)


def _wait_for_orphans(guard: psycopg.Connection[Any], deadline: float) -> None:
    if not _until(deadline, lambda: _try_lock(guard, _WORK)):
        raise _busy(guard, _WORK)
    guard.execute("SELECT pg_advisory_unlock(%s, %s)", [GUARD_LOCK, _WORK])


def _try_lock(guard: psycopg.Connection[Any], key: int) -> bool:
    return bool(_scalar(guard, "SELECT pg_try_advisory_lock(%s, %s)", [GUARD_LOCK, key]))


def _busy(guard: psycopg.Connection[Any], key: int) -> SetupError:
    holder = guard.execute(
        """
        SELECT a.pid, a.application_name
        FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
          AND l.classid = %s AND l.objid = %s
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        """,
        [GUARD_LOCK, key],
    ).fetchone()
    if holder is None:
        return SetupError("another migrator is at work", "Try again")
    pid, name = holder
    return SetupError(
        "another migrator is at work",
        f"Wait for it, or end it: SELECT pg_terminate_backend({pid}), application_name '{name}'",
    )


def _create_lock_table(backend: Backend) -> bytes:
    statement: str = backend.format_sql(backend.create_lock_table_sql)
    return statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1).encode()


@contextmanager
def _yoyo_lock(guard: psycopg.Connection[Any], deadline: float) -> Iterator[None]:
    if not _until(deadline, lambda: _take_yoyo_lock(guard)):
        holder = _scalar(guard, "SELECT pid FROM yoyo_lock")
        raise SetupError(
            "another migrator is at work",
            f"yoyo, process {holder}, holds its lock; if that process is gone, run yoyo break-lock",
        )
    try:
        yield
    finally:
        # A row that cannot be deleted now is recognised as stale by the next migrator.
        with suppress(psycopg.Error):
            guard.execute("DELETE FROM yoyo_lock WHERE pid = %s", [-os.getpid()])


def _take_yoyo_lock(guard: psycopg.Connection[Any]) -> bool:
    _break_stale_lock(guard)
    taken = guard.execute(
        """
        INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now() AT TIME ZONE 'UTC', %s)
        ON CONFLICT DO NOTHING
        """,
        [-os.getpid()],
    )
    return taken.rowcount == 1


def _break_stale_lock(guard: psycopg.Connection[Any]) -> None:
    """Delete a row that nobody alive can hold.

    A row of this module is stale, since the guard is ours. One of a plain yoyo is stale if no session of the
    database is as old as the row, for a living yoyo keeps its connection. Clocks may differ by a minute.
    """
    guard.execute(
        """
        DELETE FROM yoyo_lock AS y
        WHERE y.pid < 0 OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.usesysid IS NOT NULL
              AND a.application_name <> %s
              AND (
                  a.backend_start IS NULL
                  OR a.backend_start <= y.ctime AT TIME ZONE 'UTC' + interval '1 minute'
              )
        )
        """,
        [APPLICATION_NAME],
    )


# -- Explaining


@contextmanager
def explained() -> Iterator[None]:
    """Say in one line what PostgreSQL refused in the block."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(f"the role has not enough rights: {primary_message(error)}", RIGHTS) from error
    except psycopg.Error as error:
        if is_about_connection(error):
            raise explain_connection(error) from error
        what = f"yoyo's tables cannot be used: {primary_message(error)}"
        raise SetupError(what, "See _yoyo_migration and yoyo_lock in the schema public") from error


def is_about_connection(error: psycopg.Error) -> TypeGuard[psycopg.OperationalError]:
    """Tell whether *error* is the connection's and not the statement's."""
    classes = ("08", "28", "3D", "53", "57P")
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(classes)
    )
