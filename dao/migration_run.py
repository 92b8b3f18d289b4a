"""Runs migrations, each in one transaction with everything that says that it ran."""

from __future__ import annotations

import random
import time
from typing import Any, Final, Literal, Protocol

import psycopg
from yoyo.migrations import StepBase  # type: ignore[import-untyped]

from . import migration_marks as marks
from .connection import explain_connection, primary_message
from .errors import SetupError
from .migration_locks import RIGHTS, Backend, is_about_connection

Direction = Literal["apply", "rollback"]

_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.2
_EXISTS: Final = (
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.DuplicateObject,
)
# Of an extension, up to PostgreSQL 17 and since.
_NOT_INSTALLED: Final = (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported)


class Progress(Protocol):
    """Told before and after each migration how many of them are done."""

    def __call__(self, migration_id: str, done: int, total: int) -> None:
        """Take note; an exception raised here stops the run between two migrations."""


def run_all(backend: Backend, chosen: list[Any], direction: Direction, progress: Progress | None = None) -> list[str]:
    """Run *chosen* in their order and return their ids.

    Raises:
        SetupError: one of them failed; those before it stay done.
    """
    tell = progress or _tell_nobody
    done: list[str] = []
    for migration in chosen:
        tell(migration.id, len(done), len(chosen))
        _run(backend, migration, direction)
        done.append(migration.id)
        tell(migration.id, len(done), len(chosen))
    return done


class _Mark(StepBase):  # type: ignore[misc]
    """The last step of a migration: yoyo's mark and log, and our checksum.

    Inside the migration's own transaction; of a migration without one, in a transaction after it.
    """

    id = "mark"

    def __init__(self, migration: Any) -> None:
        self.migration = migration

    def apply(self, backend: Backend, force: bool = False) -> None:
        self._own_session(backend)
        with backend.transaction():
            backend.mark_one(self.migration, log=False)
            backend.log_migration(self.migration, "apply")
            marks.record(backend.connection, self.migration, "applied")

    def rollback(self, backend: Backend, force: bool = False) -> None:
        self._own_session(backend)
        with backend.transaction():
            backend.unmark_one(self.migration, log=False)  # the checksum goes with the mark
            backend.log_migration(self.migration, "rollback")

    @staticmethod
    def _own_session(backend: Backend) -> None:
        """Undo a SET ROLE or SET search_path of the migration."""
        backend.execute("RESET ROLE")
        backend.init_connection(backend.connection)


def _tell_nobody(migration_id: str, done: int, total: int) -> None:
    pass


def _run(backend: Backend, migration: Any, direction: Direction) -> None:
    own_steps, mark = migration.steps, _Mark(migration)
    # The mark comes last: yoyo runs the steps of a rollback in reverse.
    migration.steps = [*own_steps, mark] if direction == "apply" else [mark, *own_steps]
    try:
        _try_until_alone(backend, migration, direction)
    except psycopg.Error as error:
        cause = _first(error)
        raise _explain(migration, direction, cause) from cause
    finally:
        migration.steps = own_steps


def _try_until_alone(backend: Backend, migration: Any, direction: Direction) -> None:
    for _ in range(_TRIES - 1):
        try:
            return _process(backend, migration, direction)
        except psycopg.Error as error:
            if not migration.use_transactions or not _is_race(_first(error)):
                raise
        time.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311 - no secret
    return _process(backend, migration, direction)


def _process(backend: Backend, migration: Any, direction: Direction) -> None:
    with backend.copy() as worker:
        migration.process_steps(worker, direction)


def _is_race(error: psycopg.Error) -> bool:
    """Tell whether another transaction came first, so that the same may succeed now.

    Roles belong to the cluster: migrators of several databases make and grant the same ones, and PostgreSQL answers
    with a duplicate key of its own catalog, or with an internal error ("tuple concurrently updated").
    """
    if isinstance(error, psycopg.errors.UniqueViolation):
        return error.diag.schema_name == "pg_catalog"
    return isinstance(
        error, psycopg.errors.InternalError_ | psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure
    )


def _first(error: psycopg.Error) -> psycopg.Error:
    """Return the error that came first: yoyo's attempt to roll back on a lost connection raises another."""
    while isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return error


def _explain(migration: Any, direction: Direction, error: psycopg.Error) -> SetupError:
    if error.pgconn is not None and is_about_connection(error):
        return explain_connection(error)
    what = f"migration {migration.id}" if direction == "apply" else f"the rollback of {migration.id}"
    kept = "Nothing of it was kept"
    if not migration.use_transactions:
        kept = "It has no transaction: part of it may have stayed"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        way_out = "End the session that holds it (pg_stat_activity shows who) or wait for it, then try again"
        return SetupError(f"{what} waited too long for a lock", f"{kept}. {way_out}")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return SetupError(f"{what} failed: {primary_message(error)}", f"{kept}. {RIGHTS}")
    if isinstance(error, _NOT_INSTALLED) and "extension" in primary_message(error):
        way_out = "Install PostgreSQL's contrib modules on the server (such as postgresql-contrib), then try again"
        return SetupError(f"{what} failed: {primary_message(error)}", f"{kept}. {way_out}")
    if isinstance(error, _EXISTS):
        way_out = "If the database has all of it but not the mark, mentorbase migrate --stamp marks it"
        return SetupError(f"{what} failed: {primary_message(error)}", f"{kept}. {way_out}")
    return SetupError(f"{what} failed: {primary_message(error)}", kept)
