"""Every earlier state of migrations/, and databases in that state with rows in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import psycopg
from mentorbase.catalog import REFERENCE_TABLES
from mentorbase.migration_files import read
from mentorbase.resources import folder
from psycopg import sql
from schema.support import OUR_TABLES, Rows, found

# What came together, the oldest first. What is not here yet came last.
RELEASES = (
    "platform.0001.init auth.0001.init mentoring.0001.init links.0001.init links.0002.validate",
    "platform.0002.subject_inactive mentoring.0002.bookings links.0003.bookings links.0004.validate_bookings",
    "platform.0003.blocked mentoring.0003.blocks links.0005.blocks links.0006.validate_blocks",
    "mentoring.0004.notes",
    "mentoring.0005.remove mentoring.0006.validate_hidden",
    "mentoring.0007.publications links.0007.publications links.0008.validate_publications",
    "platform.0004.bulk_load mentoring.0008.backfill",
    "platform.0005.audit auth.0002.audit mentoring.0009.audit",
    "platform.0006.maintenance mentoring.0010.purge",
    "mentoring.0011.quiet_notes",
    "mentoring.0012.races",
    "mentoring.0013.import",
    "mentoring.0014.bulk",
    "platform.0010.audit_locks auth.0003.no_truncate mentoring.0015.audit_locks",
    (
        "platform.0007.queues notifications.0001.init links.0015.notifications links.0016.validate_notifications"
        " platform.0008.teaching groups.0001.init students.0001.init teachers.0001.init"
        " links.0009.teaching links.0010.validate_teaching"
    ),
    "platform.0009.calendar calendar.0001.init links.0019.calendar links.0020.validate_calendar",
    (
        "platform.0017.comments auth.0004.contacts notifications.0002.lessons notifications.0003.own_settings"
        " links.0021.lessons links.0022.validate_lessons links.0023.teaching_app"
    ),
    "mentoring.0016.bulk_bookings",
    "platform.0015.getcourse platform.0016.refusals getcourse.0001.init getcourse.0002.pages getcourse.0003.claims",
    "tutormax.0001.init links.0030.tutormax links.0031.validate_tutormax",
    "platform.0021.quests quests.0001.init links.0032.quests links.0033.validate_quests",
    "groups.0002.batches",
    "platform.0022.refusals",
)


def releases() -> list[list[str]]:
    """The ids of each release, and as the last one those of no release yet."""
    named = [release.split() for release in RELEASES]
    known = [migration.id for migration in read(None)]
    rest = [migration for migration in known if not any(migration in release for release in named)]
    return [*named, rest] if rest else named


def add_files(source: Path, migrations: Iterable[str]) -> None:
    """Copy shipped migrations, as they are, into a folder of migrations."""
    for migration in migrations:
        for file in folder("migrations").glob(f"*/{migration}.*sql"):
            (source / file.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, source / file.parent.name)


COLUMNS = """
SELECT a.attname
FROM pg_attribute AS a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attname = ANY (%s)
"""


def put(conn: psycopg.Connection, people: Rows) -> None:
    """Give rows to every table of an earlier state that has none: those of the newest, as far as it has their columns.

    They were made through guards and triggers, which therefore rest; foreign keys hold, since all of them come.
    """
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        for table in found(conn, OUR_TABLES):
            its_rows = people.get(table)
            if table in REFERENCE_TABLES or not its_rows or conn.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
                continue
            columns = sql.SQL(", ").join(
                sql.Identifier(name) for (name,) in conn.execute(COLUMNS, [table, list(its_rows[0])])
            )
            conn.execute(
                sql.SQL(
                    "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE"
                    " SELECT {1} FROM jsonb_populate_recordset(NULL::{0}, %s)"
                ).format(sql.SQL(table), columns),
                [json.dumps(its_rows)],
            )
