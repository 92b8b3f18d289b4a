"""A database with a million bookings: what ``mentorbase generate --scale 1m`` makes, as fast as a superuser can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
from conftest import ensure_login
from mentorbase.generate import Scale, World, copy, transactions
from plans import quests
from quests.family import EDU, PAS

# What the triggers of these write is wanted too: histories, enrollments.
_GUARDED = {"groups.groups", "groups.group_members", "groups.group_invitations", "calendar.lessons"}
# Indexes are built once their rows are there.
_BARE = "mentoring.subject_schedule", "mentoring.subject_schedule_history"

# One step of each booking will do: a look into one story touches the same few pages.
_STORIES: LiteralString = """
INSERT INTO mentoring.subject_schedule_history (
    booking_id, mentor_id, user_id, to_status, actor_kind, db_login, occurred_at
)
SELECT id, mentor_id, user_id, 'pending', 'mentee', 'x', created_at FROM mentoring.subject_schedule
"""

# What the generator does not make, or little of.
_REST: LiteralString = """
INSERT INTO groups.group_progress (
    group_id, as_of, capacity, active_members, waiting_members, completed_members, left_members
)
SELECT id, current_date - day, capacity, 0, 0, 0, 0 FROM groups.groups CROSS JOIN generate_series(1, 30) AS day;

INSERT INTO auth.user_contacts (user_id, kind, sealed, lookup_hash)
SELECT
    u.id, kind, set_byte('\\x010001'::bytea, 2, (1 + u.id % 3)::integer) || sha256(u.id::text::bytea),
    sha256(('contact ' || u.id)::bytea)
FROM auth.users AS u CROSS JOIN unnest(enum_range(NULL::auth.contact_kind)) AS kind;

INSERT INTO groups.groups (teacher_telegram_id, name, language, capacity, status)
SELECT t.telegram_id, 'Long ago', 'en', 10, 'completed' FROM teachers.teachers AS t CROSS JOIN generate_series(1, 3);

INSERT INTO notifications.unreachable_recipients (recipient_telegram_id, channel)
SELECT 5000 + i, 'telegram' FROM generate_series(1, 20000) AS i
"""


def load(admin: psycopg.Connection[tuple[object, ...]], scale: Scale = Scale.ONE_MILLION) -> None:
    """Fill a migrated database, as a superuser whose triggers do not fire, but for a few."""
    today = datetime.now(UTC).date()
    admin.execute("SET timezone = 'UTC'")
    admin.execute("SET mentorbase.bulk_load = on")
    admin.execute("SET maintenance_work_mem = '256MB'")
    for loads in transactions(World(scale, 1, today)):
        if loads[0].table.startswith("tutormax."):
            continue  # has a volume of its own
        with admin.transaction():
            for rows in loads:
                admin.execute(f"SET LOCAL mentorbase.actor = '{rows.actor}'")
                guarded = rows.table in _GUARDED
                admin.execute(f"SET LOCAL session_replication_role = {'origin' if guarded else 'replica'}")
                for trigger in rows.without if guarded else ():
                    admin.execute(f"ALTER TABLE {rows.table} DISABLE TRIGGER {trigger}")
                with rebuilt(admin, rows.table) if rows.table in _BARE else nullcontext():
                    if rows.table == "mentoring.subject_schedule_history":
                        admin.execute(_STORIES)
                    else:
                        copy(admin, rows)
                for trigger in rows.without if guarded else ():
                    admin.execute(f"ALTER TABLE {rows.table} ENABLE TRIGGER {trigger}")
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(_REST)
        if scale not in (Scale.TINY, Scale.SMALL):
            admin.execute(quests.ROWS)
    ensure_login(admin, PAS, "IN ROLE pas_bot_user")
    ensure_login(admin, EDU, "IN ROLE inner_edu_user")
    # Pages become all-visible only once the commit is known to be on disk.
    admin.execute("SET synchronous_commit = on")
    # ANALYZE takes a sample at random; a large one makes the same plans each time.
    admin.execute("SET default_statistics_target = 1000")
    admin.execute("VACUUM (ANALYZE)")


@contextmanager
def rebuilt(admin: psycopg.Connection[tuple[object, ...]], table: str) -> Iterator[None]:
    """Do without the table's indexes, other than those of constraints, and build them again."""
    found = admin.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    ).fetchall()
    for name, _ in found:
        admin.execute(f"DROP INDEX {name}")
    yield
    for _, definition in found:
        admin.execute(str(definition))
