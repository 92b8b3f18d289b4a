"""What has to be done with time: rows that are no longer to be kept, and the months of logs and events.

Every service that forgets something has a function ``<service>.purge(dry_run, at_most)``, and one that keeps logs or
events by month beside its audit log ``<service>.maintain_logs(dry_run)`` or ``maintain_events(dry_run)``. Their
comments say what goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import sql

from . import clients
from .catalog import OURS
from .connection import primary_message
from .errors import SetupError

BATCH: Final = 1000

_PURGES: Final = (
    OURS
    + """
SELECT n.nspname
FROM routines AS r JOIN ours AS n ON n.oid = r.pronamespace
WHERE r.proname = 'purge' AND pg_get_function_identity_arguments(r.oid) = 'dry_run boolean, at_most bigint'
ORDER BY 1
"""
)


_MONTHS: Final = (
    OURS
    + """
SELECT n.nspname, r.proname
FROM routines AS r JOIN ours AS n ON n.oid = r.pronamespace
WHERE r.proname IN ('maintain_logs', 'maintain_events')
    AND pg_get_function_identity_arguments(r.oid) = 'dry_run boolean'
ORDER BY 1, 2
"""
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What `purge` did, or with a dry run would do.

    Attributes:
        rows: how many rows each service forgot, by service.
        months_made: partitions of logs and events that were made, as ``schema.partition``.
        months_dropped: partitions of logs and events that were dropped because they expired.
    """

    rows: dict[str, int] = field(default_factory=dict)
    months_made: list[str] = field(default_factory=list)
    months_dropped: list[str] = field(default_factory=list)


def purge(dsn: str, *, dry_run: bool = False, progress: Callable[[str, int], None] | None = None) -> Purged:
    """Forget what is no longer to be kept, one transaction a batch; calls the services' functions named above.

    It can be stopped and run again at any time. The login must be a member of ``mentorbase_owner``.

    Args:
        dsn: libpq connection string or URI of the database.
        dry_run: change nothing, count only.
        progress: told after each batch which service has forgotten how many rows so far.

    Raises:
        SetupError: no connection, the database is not migrated, the login may not do this, or it stopped half-way.
    """
    done = Purged()
    with clients.connected(dsn, "purge", pooled=True) as conn:
        try:
            for schema, made, dropped in conn.execute("SELECT * FROM platform.maintain_audit_logs(%s)", [dry_run]):
                done.months_made.extend(f"{schema}.{name}" for name in made)
                done.months_dropped.extend(f"{schema}.{name}" for name in dropped)
            for schema, function in conn.execute(_MONTHS).fetchall():
                maintain = sql.SQL("SELECT made, dropped FROM {}(%s)").format(sql.Identifier(schema, function))
                for made, dropped in conn.execute(maintain, [dry_run]):
                    done.months_made.extend(f"{schema}.{name}" for name in made)
                    done.months_dropped.extend(f"{schema}.{name}" for name in dropped)
            for (schema,) in conn.execute(_PURGES).fetchall():
                done.rows[schema] = _purge_service(conn, schema, dry_run, progress)
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName) as error:
            raise SetupError("the database lacks migrations", "Run mentorbase migrate first") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise SetupError(
                "this login may not purge", "Use the login that deploys, or GRANT mentorbase_owner to it"
            ) from error
        except psycopg.Error as error:
            raise SetupError(
                f"the purge stopped: {primary_message(error)}", "What was forgotten so far stays so; run it again"
            ) from error
    return done


def _purge_service(
    conn: psycopg.Connection[tuple[object, ...]],
    schema: str,
    dry_run: bool,
    progress: Callable[[str, int], None] | None,
) -> int:
    statement = sql.SQL("SELECT {}(%s, %s)").format(sql.Identifier(schema, "purge"))
    total = 0
    while True:
        (count,) = conn.execute(statement, [dry_run, BATCH]).fetchone() or (0,)
        assert isinstance(count, int)
        total += count
        if progress:
            progress(schema, total)
        if dry_run or count < BATCH:
            return total
