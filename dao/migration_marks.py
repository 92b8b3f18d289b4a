"""What a database has: yoyo's marks and its log, and the checksum of each migration that was applied.

The checksums are in a table of ours beside yoyo's, ``public._mentorbase_checksum``. A row belongs to yoyo's mark and
goes with it, whoever takes the mark away (``ON DELETE CASCADE``), so a plain ``yoyo rollback`` leaves no stale one.
Its `origin` says how much it proves:

- ``applied``: written in the migration's own transaction, of the very file that ran;
- ``stamped``: the database was found equal to what the file makes, by ``mentorbase migrate --stamp``;
- ``adopted``: a plain yoyo had applied the migration; the file is the one that was installed at the next run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg

from . import checksums
from .errors import SetupError
from .migration_files import path
from .migration_locks import Backend

_CREATE = """
CREATE TABLE _mentorbase_checksum (
    migration_hash varchar(64) NOT NULL,
    sha256         text        NOT NULL,
    origin         text        NOT NULL,

    CONSTRAINT _mentorbase_checksum_pkey PRIMARY KEY (migration_hash),
    CONSTRAINT _mentorbase_checksum_migration_fkey FOREIGN KEY (migration_hash)
        REFERENCES _yoyo_migration (migration_hash) ON DELETE CASCADE,
    CONSTRAINT _mentorbase_checksum_origin_check CHECK (origin IN ('applied', 'stamped', 'adopted'))
);
COMMENT ON TABLE _mentorbase_checksum IS
'SHA-256 of the file of each applied migration. Kept by mentorbase migrate, which refuses to go on if they differ.';
"""

_RECORD = """
INSERT INTO _mentorbase_checksum (migration_hash, sha256, origin) VALUES (%s, %s, %s)
ON CONFLICT (migration_hash) DO UPDATE SET sha256 = excluded.sha256, origin = excluded.origin
"""

_Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the database's history.

    Attributes:
        at: when, in UTC.
        operation: ``apply`` or ``rollback``; ``mark`` or ``unmark`` if nothing was run.
        migration_id: of what, as in ``mentoring.0001.init``.
        username: who: the database login, or the operating system's user of a plain yoyo.
        hostname: from where.
    """

    at: datetime
    operation: str
    migration_id: str
    username: str
    hostname: str


def prepare(backend: Backend) -> None:
    """Create yoyo's tables and ours where they are missing."""
    backend.ensure_internal_schema_updated()
    connection: _Connection = backend.connection
    if not _exists(connection, "_mentorbase_checksum"):
        with connection.transaction():
            connection.execute(_CREATE)


def applied_at(connection: _Connection) -> dict[str, datetime]:
    """Return when each applied migration was applied, in UTC, the oldest first."""
    if not _exists(connection, "_yoyo_migration"):
        return {}
    rows = connection.execute("SELECT migration_id, applied_at_utc FROM _yoyo_migration ORDER BY applied_at_utc")
    return {migration_id: at.replace(tzinfo=UTC) for migration_id, at in _rows(rows)}


def history(connection: _Connection) -> list[Change]:
    """Return what yoyo's log holds, the oldest first."""
    if not _exists(connection, "_yoyo_log"):
        return []
    rows = connection.execute(
        """
        SELECT created_at_utc, operation, migration_id, coalesce(username, ''), coalesce(hostname, '')
        FROM _yoyo_log
        WHERE migration_id IS NOT NULL
        ORDER BY created_at_utc, migration_id
        """
    )
    return [Change(at.replace(tzinfo=UTC), *rest) for at, *rest in _rows(rows)]


def unproven(connection: _Connection, chosen: Iterable[Any]) -> list[Any]:
    """Return the migrations of *chosen* that the database was not given, or not known to be given as they are here."""
    recorded = _recorded(connection)
    return [m for m in chosen if recorded.get(m.id) != checksums.of(path(m))]


def refuse_differing(connection: _Connection, known: Iterable[Any]) -> None:
    """Refuse a database that was given another file than the installed one.

    Raises:
        SetupError: naming the database and the migration.
    """
    recorded = _recorded(connection)
    for migration in unproven(connection, (m for m in known if m.id in recorded)):
        raise SetupError(
            f'{migration.id} was applied to database "{connection.info.dbname}" from a file that was edited since',
            "Install the version that it came from; if both make the same, mentorbase migrate --stamp accepts this one",
        )


def adopt(backend: Backend, known: Iterable[Any]) -> None:
    """Record the checksums of what a plain yoyo has applied."""
    connection: _Connection = backend.connection
    missing = applied_at(connection).keys() - _recorded(connection).keys()
    with connection.transaction():
        for migration in known:
            if migration.id in missing:
                record(connection, migration, "adopted")


def stamp(backend: Backend, chosen: Iterable[Any]) -> None:
    """Mark *chosen* as applied, with their checksums, all or none."""
    connection: _Connection = backend.connection
    marked = applied_at(connection)
    with backend.transaction():
        for migration in chosen:
            if migration.id not in marked:
                backend.mark_one(migration)
            record(connection, migration, "stamped")


def record(connection: _Connection, migration: Any, origin: Literal["applied", "stamped", "adopted"]) -> None:
    """Write the checksum of *migration*, which has yoyo's mark."""
    connection.execute(_RECORD, [migration.hash, checksums.of(path(migration)), origin])


def _recorded(connection: _Connection) -> dict[str, str]:
    if not _exists(connection, "_mentorbase_checksum"):
        return {}
    rows = connection.execute(
        """
        SELECT y.migration_id, c.sha256
        FROM _mentorbase_checksum AS c
        JOIN _yoyo_migration AS y USING (migration_hash)
        """
    )
    return dict(_rows(rows))


def _exists(connection: _Connection, table: str) -> bool:
    (name,) = _rows(connection.execute("SELECT to_regclass(%s)", [table]))[0]
    return name is not None


def _rows(cursor: psycopg.Cursor[Any]) -> list[tuple[Any, ...]]:
    return cursor.fetchall()
