"""Applies, rolls back and lists the migrations; yoyo does the work, this module and its neighbours guard it.

What yoyo alone does not promise, and how it is had here:

- Released files stay as they were: an edited one is refused (`checksums`), and so is a database that was given
  another file than the installed one (`migration_marks`).
- A migration, its mark, its line of the log and its checksum are one transaction (`migration_run`). So a migrator
  may be killed at any moment: what it was about to do is undone by the server, and the next run goes on. A migration
  that says ``transactional: false`` is the exception: it must be written to run again from its start.
- Two migrators at once wait for each other, and whoever was killed blocks nobody (`migration_locks`). Those of other
  databases of the cluster make the same roles; who loses that race tries again (`migration_run`).
- A migration gives up on a lock after `LOCK_TIMEOUT`, unless the role or the DSN says otherwise.
- A database that has everything but the marks is compared, not trusted, before it is marked (`stamp`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from yoyo.migrations import topological_sort  # type: ignore[import-untyped]

from . import migration_files as files
from . import migration_marks as marks
from .errors import SetupError
from .migration_locks import (
    APPLICATION_NAME,
    GUARD_LOCK,
    LOCK_TIMEOUT,
    OLDEST_SERVER,
    Backend,
    connect,
    explained,
    only_migrator,
    yoyo_uri,
)
from .migration_marks import Change
from .migration_run import Progress, run_all
from .migration_stamp import refuse_unequal

__all__ = [
    "APPLICATION_NAME",
    "GUARD_LOCK",
    "LOCK_TIMEOUT",
    "OLDEST_SERVER",
    "Change",
    "Migration",
    "Progress",
    "history",
    "migrate",
    "plan_migrate",
    "plan_rollback",
    "rollback",
    "services",
    "stamp",
    "status",
    "yoyo_uri",
]


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


def services(*, source: Path | None = None) -> list[str]:
    """Return the services that have migrations, ``platform`` first and ``links`` last."""
    return [folder.name for folder in files.folders(source)]


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
        SetupError: no connection, an unknown service, an edited file, another migrator at work, or a migration
            that failed; those applied before it stay applied.
    """
    known = files.read(source)
    chosen = files.with_needed(known, services, source)
    with _working(dsn, known, wait_seconds) as backend:
        return run_all(backend, _pending(backend.connection, chosen), "apply", progress)


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
    known, wanted = _asked_back(count, services, source)
    with _working(dsn, known, wait_seconds) as backend:
        return run_all(backend, _newest(backend.connection, known, wanted, count), "rollback", progress)


def plan_migrate(dsn: str, services: Sequence[str] = (), *, source: Path | None = None) -> list[Path]:
    """Return the files that `migrate` would run, in its order. Changes nothing and waits for nobody.

    Raises:
        SetupError: as in `status`.
    """
    known = files.read(source)
    chosen = files.with_needed(known, services, source)
    with _looking(dsn, known) as connection:
        return [files.path(m) for m in _pending(connection, chosen)]


def plan_rollback(
    dsn: str, count: int | None = 1, services: Sequence[str] = (), *, source: Path | None = None
) -> list[Path]:
    """Return the files that `rollback` would run, in its order. Changes nothing and waits for nobody.

    Raises:
        SetupError: as in `status`, and what `rollback` would refuse before it begins.
    """
    known, wanted = _asked_back(count, services, source)
    with _looking(dsn, known) as connection:
        return [files.rollback_path(m) for m in _newest(connection, known, wanted, count)]


def stamp(dsn: str, services: Sequence[str] = (), *, source: Path | None = None, wait_seconds: float = 60) -> list[str]:
    """Mark as applied what the database has without a mark, and return the ids. Runs nothing in it.

    The database must be equal, object by object, to one that the migrations make in a scratch database: structure,
    rights, comments and reference rows, but not the data of people. It also accepts the installed file of a migration
    that was applied from another one, or by a plain yoyo.

    Args:
        dsn: libpq connection string or URI of the database.
        services: as in `migrate`; everything else that is in the database must have its mark.
        source: as in `migrate`.
        wait_seconds: how long to wait for another migrator.

    Raises:
        SetupError: as in `migrate`; also if the two databases differ, naming the first differences, or if there is
            no place for a scratch database. Then nothing is marked.
    """
    known = files.read(source)
    chosen = files.with_needed(known, services, source)
    with only_migrator(dsn, wait_seconds) as backend:
        applied = marks.applied_at(backend.connection)
        expected = [m for m in known if m in chosen or m.id in applied]
        unproven = marks.unproven(backend.connection, expected)
        if unproven:
            refuse_unequal(backend, expected)
            marks.prepare(backend)
            marks.stamp(backend, unproven)
        return [m.id for m in unproven]


def status(dsn: str, services: Sequence[str] = (), *, source: Path | None = None) -> list[Migration]:
    """Return the migrations `migrate` would look at, in its order. Changes nothing and waits for nobody.

    Raises:
        SetupError: no connection, no right to read yoyo's table, an unknown service, or an edited file.
    """
    known = files.read(source)
    chosen = files.with_needed(known, services, source)
    with _looking(dsn, known) as connection:
        applied = marks.applied_at(connection)
    return [Migration(m.id, files.service(m), applied.get(m.id)) for m in chosen]


def history(dsn: str, services: Sequence[str] = (), *, source: Path | None = None) -> list[Change]:
    """Return who applied and rolled back what, the oldest first; none for services means all.

    Changes nothing and waits for nobody. What a version of the future did is told too.

    Raises:
        SetupError: no connection, no right to read yoyo's log, or an unknown service.
    """
    wanted = files.checked(services, source)
    with explained(), connect(dsn) as connection:
        changes = marks.history(connection)
    return [change for change in changes if not wanted or change.migration_id.partition(".")[0] in wanted]


# -- The database


@contextmanager
def _working(dsn: str, known: list[Any], wait_seconds: float) -> Iterator[Backend]:
    with only_migrator(dsn, wait_seconds) as backend:
        marks.prepare(backend)
        marks.adopt(backend, known)
        marks.refuse_differing(backend.connection, known)
        yield backend


@contextmanager
def _looking(dsn: str, known: list[Any]) -> Iterator[psycopg.Connection[Any]]:
    with explained(), connect(dsn) as connection:
        marks.refuse_differing(connection, known)
        yield connection


# -- What to run


def _pending(connection: psycopg.Connection[Any], chosen: list[Any]) -> list[Any]:
    applied = marks.applied_at(connection)
    return [m for m in chosen if m.id not in applied]


def _asked_back(count: int | None, services: Sequence[str], source: Path | None) -> tuple[list[Any], set[str]]:
    if count is not None and count < 1:
        raise ValueError("count must be at least 1, or None for all")
    known = files.read(source)
    return known, files.checked(services, source) or {files.service(m) for m in known}


def _newest(connection: psycopg.Connection[Any], known: list[Any], wanted: set[str], count: int | None) -> list[Any]:
    applied = _newest_first(connection, known)
    chosen = [m for m in applied if files.service(m) in wanted][:count]
    _refuse_broken_dependencies(chosen, applied)
    _refuse_missing_rollbacks(chosen)
    return chosen


def _newest_first(connection: psycopg.Connection[Any], known: list[Any]) -> list[Any]:
    by_id = {m.id: m for m in known}
    applied_ids = list(marks.applied_at(connection))
    _refuse_newer_database(applied_ids, known)
    applied = [by_id[migration_id] for migration_id in applied_ids if migration_id in by_id]
    return list(topological_sort(applied))[::-1]


def _refuse_newer_database(applied_ids: list[str], known: list[Any]) -> None:
    ids = {m.id for m in known}
    ours = {files.service(m) for m in known}
    for migration_id in applied_ids:
        if migration_id not in ids and migration_id.partition(".")[0] in ours:
            what = f"the database has migration {migration_id}, which this version of mentorbase has not"
            raise SetupError(what, "Roll back with the version that applied it")


def _refuse_broken_dependencies(chosen: list[Any], applied: list[Any]) -> None:
    for stays in (m for m in applied if m not in chosen):
        for needed in (m for m in chosen if m in stays.depends):
            raise SetupError(
                f"{needed.id} cannot be rolled back: {stays.id} is applied and depends on it",
                f"Roll back {files.service(stays)} first",
            )


def _refuse_missing_rollbacks(chosen: list[Any]) -> None:
    for migration in chosen:
        # yoyo would do nothing and forget the migration.
        if not files.rollback_path(migration).is_file():
            what = f"{migration.id} cannot be rolled back: it has no .rollback.sql"
            raise SetupError(what, "Restore a backup instead")
