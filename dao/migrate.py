"""Applies, rolls back and lists the migrations; yoyo does the work, this module guards it.

What yoyo alone does not promise, and how it is had here:

- Two migrators at once wait for each other. A guard connection holds the database's advisory lock
  ``(GUARD_LOCK, 1)``, polled, since a blocked waiter would stall ``CREATE INDEX CONCURRENTLY``. Every
  connection that changes something holds ``(GUARD_LOCK, 2)`` shared, so a statement that outlives its killed
  migrator is waited for too.
- yoyo's own lock row is taken as well, which keeps a plain ``yoyo apply`` out. Rows of this module carry a
  negative process id: whoever has the guard knows that such a row is a dead migrator's.
- A migration and its mark are one transaction.
- A migration gives up on a lock after `LOCK_TIMEOUT`, unless the role or the DSN says otherwise.

yoyo's tables live in the schema ``public`` whatever the role's search_path says: a role named like a service
would otherwise lose sight of them once its schema exists.
"""

from __future__ import annotations

import glob
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, LiteralString, Protocol, TypeGuard
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import make_conninfo
from yoyo import ancestors, exceptions, read_migrations  # type: ignore[import-untyped]
from yoyo.backends import PostgresqlPsycopgBackend  # type: ignore[import-untyped]
from yoyo.connections import parse_uri  # type: ignore[import-untyped]
from yoyo.migrations import (  # type: ignore[import-untyped]
    MigrationList,
    StepBase,
    default_migration_table,
    topological_sort,
)
from yoyo.topologicalsort import CycleError  # type: ignore[import-untyped]

from . import resources
from .connection import explain_connection, parse_dsn, primary_message
from .errors import SetupError

APPLICATION_NAME: Final = "mentorbase migrate"
GUARD_LOCK: Final = 0x6D656E74  # "ment": the first of the two keys of pg_advisory_lock(int, int)
LOCK_TIMEOUT: Final = "5s"
OLDEST_SERVER: Final = 15

_GUARD, _WORK = 1, 2  # the second key
_POLL_SECONDS = 0.1
_FIRST, _LAST = "platform", "links"

_Params = dict[str, Any]
_Direction = Literal["apply", "rollback"]

# yoyo logs some failures before it raises them; without a handler Python would print those.
logging.getLogger("yoyo").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration and whether the database has it.

    Attributes:
        id: the file's name without its ending, as in ``mentoring.0001.init``.
        service: the folder it is in.
        applied_at: when it was applied, in UTC; None while it is pending.
    """

    id: str
    service: str
    applied_at: datetime | None


class Progress(Protocol):
    """Told before and after each migration how many of them are done."""

    def __call__(self, migration_id: str, done: int, total: int) -> None:
        """Take note; an exception raised here stops the run between two migrations."""


def services(*, source: Path | None = None) -> list[str]:
    """Return the services that have migrations, ``platform`` first and ``links`` last."""
    return [folder.name for folder in _folders(source)]


def migrate(
    dsn: str,
    services: Sequence[str] = (),
    *,
    source: Path | None = None,
    progress: Progress | None = None,
    wait_seconds: float = 60,
) -> list[str]:
    """Apply what is pending and return the ids, in the order of applying.

    Args:
        dsn: libpq connection string or URI of the database.
        services: these with ``platform`` and whatever they depend on; none means all.
        source: the folder that holds one folder of migrations a service; the shipped one by default.
        progress: called before and after each migration.
        wait_seconds: how long to wait for another migrator.

    Raises:
        SetupError: no connection, an unknown service, another migrator at work, or a migration that failed;
            those applied before it stay applied.
    """
    chosen = _with_needed(_read(source), services, source)
    with _only_migrator(dsn, wait_seconds) as backend:
        return _run_all(backend, list(backend.to_apply(MigrationList(chosen))), "apply", progress)


def rollback(
    dsn: str,
    count: int | None = 1,
    services: Sequence[str] = (),
    *,
    source: Path | None = None,
    progress: Progress | None = None,
    wait_seconds: float = 60,
) -> list[str]:
    """Roll back what was applied last and return the ids, in the order of rolling back.

    Args:
        dsn: libpq connection string or URI of the database.
        count: how many migrations at most; None means all.
        services: only these (``platform`` too only when named); none means all.
        source: as in `migrate`.
        progress: called before and after each migration.
        wait_seconds: how long to wait for another migrator.

    Raises:
        SetupError: as in `migrate`; also if an applied migration depends on one to roll back, or a rollback
            file is missing. Then nothing is rolled back.
    """
    if count is not None and count < 1:
        raise ValueError("count must be at least 1, or None for all")
    known = _read(source)
    wanted = _checked(services, source) or {_service(m) for m in known}
    with _only_migrator(dsn, wait_seconds) as backend:
        applied = _newest_first(backend, known)
        chosen = [m for m in applied if _service(m) in wanted][:count]
        _refuse_broken_dependencies(chosen, applied)
        _refuse_missing_rollbacks(chosen)
        return _run_all(backend, chosen, "rollback", progress)


def status(dsn: str, services: Sequence[str] = (), *, source: Path | None = None) -> list[Migration]:
    """Return the migrations `migrate` would look at, in its order. Changes nothing and waits for nobody.

    Raises:
        SetupError: no connection, no right to read yoyo's table, or an unknown service.
    """
    chosen = _with_needed(_read(source), services, source)
    with _explained(), _connect(_params(dsn)) as connection:
        _check_version(connection)
        applied = _applied_at(connection)
    return [Migration(m.id, _service(m), applied.get(m.id)) for m in chosen]


def yoyo_uri(dsn: str) -> str:
    """Return *dsn* as yoyo takes it: ``postgresql+psycopg:///?...``, passwords included.

    Everything goes into the query, which can hold socket folders, lists of hosts and any character.
    """
    return _uri(_params(dsn))


# -- Reading the files


def _folders(source: Path | None) -> list[Path]:
    root = source or resources.folder("migrations")
    if not root.is_dir():
        raise SetupError(f"there is no folder of migrations at {root}", "Install mentorbase again")
    found = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))]
    return sorted(found, key=lambda path: (path.name != _FIRST, path.name == _LAST, path.name))


def _checked(services: Sequence[str], source: Path | None) -> set[str]:
    known = [folder.name for folder in _folders(source)]
    for name in services:
        if name not in known:
            raise SetupError(f'there is no service "{name}"', f"Known are: {', '.join(known)}")
    return set(services)


# yoyo resolves dependencies through one registry of the process that keeps every migration ever read, by id.
# Loading right after reading, one thread at a time, makes them resolve to what was just read.
_registry = threading.Lock()


def _read(source: Path | None) -> list[Any]:
    folders = [glob.escape(str(folder)) for folder in _folders(source)]
    try:
        with _registry:
            found = list(read_migrations(*folders))
            for migration in found:
                migration.load()
        _refuse_strangers(found)
        return list(topological_sort(found))
    except (exceptions.BadMigration, exceptions.MigrationConflict, CycleError) as error:
        what = f"the migrations cannot be read: {error}"
        raise SetupError(what, "Check their names and depends lines") from error


def _refuse_strangers(found: list[Any]) -> None:
    known = set(found)
    for migration in found:
        for needed in migration.depends - known:
            raise exceptions.BadMigration(f"{migration.id} depends on {needed.id}, which does not exist")


def _service(migration: Any) -> str:
    return Path(migration.path).parent.name


def _with_needed(known: list[Any], services: Sequence[str], source: Path | None) -> list[Any]:
    if not services:
        return known
    wanted = _checked(services, source) | {_FIRST}
    chosen = {m for m in known if _service(m) in wanted}
    chosen |= {needed for m in chosen for needed in ancestors(m, known)}
    return [m for m in known if m in chosen]


# -- What to roll back


def _newest_first(backend: _Backend, known: list[Any]) -> list[Any]:
    by_id = {m.id: m for m in known}
    applied_ids = list(_applied_at(backend.connection))
    _refuse_newer_database(applied_ids, known)
    applied = [by_id[migration_id] for migration_id in applied_ids if migration_id in by_id]
    return list(topological_sort(applied))[::-1]


def _refuse_newer_database(applied_ids: list[str], known: list[Any]) -> None:
    ids = {m.id for m in known}
    ours = {_service(m) for m in known}
    for migration_id in applied_ids:
        if migration_id not in ids and migration_id.partition(".")[0] in ours:
            what = f"the database has migration {migration_id}, which this version of mentorbase has not"
            raise SetupError(what, "Roll back with the version that applied it")


def _refuse_broken_dependencies(chosen: list[Any], applied: list[Any]) -> None:
    for stays in (m for m in applied if m not in chosen):
        for needed in (m for m in chosen if m in stays.depends):
            raise SetupError(
                f"{needed.id} cannot be rolled back: {stays.id} is applied and depends on it",
                f"Roll back {_service(stays)} first",
            )


def _refuse_missing_rollbacks(chosen: list[Any]) -> None:
    for migration in chosen:
        # yoyo would do nothing and forget the migration.
        if not Path(migration.path).with_suffix(".rollback.sql").is_file():
            what = f"{migration.id} cannot be rolled back: it has no .rollback.sql"
            raise SetupError(what, "Restore a backup instead")


# -- Connections


def _params(dsn: str) -> _Params:
    params = parse_dsn(dsn)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        params.setdefault("connect_timeout", "10")
    return params | {"application_name": APPLICATION_NAME}


def _uri(params: _Params) -> str:
    return "postgresql+psycopg:///?" + urlencode(params | {"schema": "public"})


def _connect(params: _Params) -> psycopg.Connection[tuple[Any, ...]]:
    connection = psycopg.connect(make_conninfo(**params), autocommit=True)
    connection.execute("SET search_path TO public")
    _limit_waits(connection)
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


def _applied_at(connection: psycopg.Connection[Any]) -> dict[str, datetime]:
    exists = connection.execute("SELECT to_regclass('_yoyo_migration')").fetchone()
    if exists is None or exists[0] is None:
        return {}
    rows = connection.execute(
        "SELECT migration_id, applied_at_utc FROM _yoyo_migration ORDER BY applied_at_utc"
    ).fetchall()
    return {migration_id: applied_at.replace(tzinfo=UTC) for migration_id, applied_at in rows}


class _SilentCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Hides rows from yoyo, which prints those of a migration's SELECT to stdout."""

    @property
    def description(self) -> None:
        return None


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend with this module's session settings; the caller holds the locks."""

    def connect(self, dburi: Any) -> psycopg.Connection[Any]:
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
        yield

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


# -- Locks


@contextmanager
def _only_migrator(dsn: str, wait_seconds: float) -> Iterator[_Backend]:
    """Yield a backend whose database no other migrator, yoyo's own included, is working on."""
    deadline = time.monotonic() + wait_seconds
    params = _params(dsn)
    with _explained(), _connect(params) as guard:
        _check_version(guard)
        guard.execute("SET idle_session_timeout = 0")
        _take_guard(guard, deadline)
        _wait_for_orphans(guard, deadline)
        with _Backend(parse_uri(_uri(_pinned(params, guard))), default_migration_table) as backend:
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


def _create_lock_table(backend: _Backend) -> bytes:
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


# -- Running


class _Mark(StepBase):  # type: ignore[misc]
    """The step that keeps yoyo's record, inside the migration's own transaction."""

    id = "mark"

    def __init__(self, migration: Any) -> None:
        self.migration = migration

    def apply(self, backend: _Backend, force: bool = False) -> None:
        self._own_session(backend)
        backend.mark_one(self.migration, log=False)
        backend.log_migration(self.migration, "apply")

    def rollback(self, backend: _Backend, force: bool = False) -> None:
        self._own_session(backend)
        backend.unmark_one(self.migration, log=False)
        backend.log_migration(self.migration, "rollback")

    @staticmethod
    def _own_session(backend: _Backend) -> None:
        """Undo a SET ROLE or SET search_path of the migration."""
        backend.execute("RESET ROLE")
        backend.init_connection(backend.connection)


def _run_all(backend: _Backend, chosen: list[Any], direction: _Direction, progress: Progress | None) -> list[str]:
    tell = progress or _tell_nobody
    done: list[str] = []
    for migration in chosen:
        tell(migration.id, len(done), len(chosen))
        _run_one(backend, migration, direction)
        done.append(migration.id)
        tell(migration.id, len(done), len(chosen))
    return done


def _tell_nobody(migration_id: str, done: int, total: int) -> None:
    pass


def _run_one(backend: _Backend, migration: Any, direction: _Direction) -> None:
    mark = _Mark(migration)
    # The mark comes last: yoyo runs the steps of a rollback in reverse.
    migration.steps = [*migration.steps, mark] if direction == "apply" else [mark, *migration.steps]
    try:
        with backend.copy() as worker:
            migration.process_steps(worker, direction)
    except psycopg.Error as error:
        cause = _first(error)
        raise _explain_failure(migration, direction, cause) from cause


# -- Explaining


def _first(error: psycopg.Error) -> psycopg.Error:
    """Return the error that came first: yoyo's attempt to roll back on a lost connection raises another."""
    while isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return error


def _explain_failure(migration: Any, direction: _Direction, error: psycopg.Error) -> SetupError:
    if error.pgconn is not None and _is_about_connection(error):
        return explain_connection(error)
    what = f"migration {migration.id}" if direction == "apply" else f"the rollback of {migration.id}"
    kept = "Nothing of it was kept"
    if not migration.use_transactions:
        kept = "It has no transaction: part of it may have stayed"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        way_out = "End the session that holds it (pg_stat_activity shows who) or wait for it, then try again"
        return SetupError(f"{what} waited too long for a lock", f"{kept}. {way_out}")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return SetupError(f"{what} failed: {primary_message(error)}", f"{kept}. {_RIGHTS}")
    return SetupError(f"{what} failed: {primary_message(error)}", kept)


_RIGHTS = "Connect as the owner of the database or as a superuser"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupError(f"the role has not enough rights: {primary_message(error)}", _RIGHTS) from error
    except psycopg.Error as error:
        if _is_about_connection(error):
            raise explain_connection(error) from error
        what = f"yoyo's tables cannot be used: {primary_message(error)}"
        raise SetupError(what, "See _yoyo_migration and yoyo_lock in the schema public") from error


def _is_about_connection(error: psycopg.Error) -> TypeGuard[psycopg.OperationalError]:
    classes = ("08", "28", "3D", "53", "57P")
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(classes)
    )
