"""A database with a million bookings: what ``mentorbase generate --scale 1m`` makes, as fast as a superuser can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
from conftest import ensure_login
from mentorbase.generate import Scale, World, copy, transactions
from mentorbase.generate.tutormax import TutorWorld, finish, tutors
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

# Of the bot the generator makes little: here reference data of two versions each, one of them ended, and two queues
# that are done but for a few. The versions have exclusion constraints, which are what takes time here.
_BOT: LiteralString = """
CREATE TEMPORARY TABLE versions ON COMMIT DROP AS
SELECT * FROM (
    VALUES ('2024-01-01 00:00:00+00'::timestamptz, '2025-01-01 00:00:00+00'::timestamptz),
    ('2025-01-01 00:00:00+00', '9999-12-31 00:00:00+00')
) AS v (valid_from, valid_to);

INSERT INTO getcourse.mentor_ids (email) SELECT format('mentor%s@example.org', i) FROM generate_series(1, 1000) AS i;
INSERT INTO getcourse.mentors (id, email, telegram_id, valid_from, valid_to)
SELECT k.id, k.email, 7000 + k.id, v.valid_from, v.valid_to FROM getcourse.mentor_ids AS k CROSS JOIN versions AS v;

INSERT INTO getcourse.student_ids (email) SELECT format('student%s@example.org', i) FROM generate_series(1, 10000) AS i;
INSERT INTO getcourse.students (id, getcourse_user_id, email, valid_from, valid_to)
SELECT k.id, k.id, k.email, v.valid_from, v.valid_to FROM getcourse.student_ids AS k CROSS JOIN versions AS v;

INSERT INTO getcourse.training_ids (training_id) SELECT 't' || i FROM generate_series(0, 1999) AS i;
INSERT INTO getcourse.trainings (training_id, title, valid_from, valid_to)
SELECT k.training_id, 'Training', v.valid_from, v.valid_to FROM getcourse.training_ids AS k CROSS JOIN versions AS v;

INSERT INTO getcourse.lesson_ids (lesson_id) SELECT 'l' || i FROM generate_series(1, 2000) AS i;
INSERT INTO getcourse.lessons (lesson_id, training_id, title, valid_from, valid_to)
SELECT 'l' || i, 't' || CASE WHEN i <= 200 THEN 0 ELSE i % 2000 END, 'Lesson', v.valid_from, v.valid_to
FROM generate_series(1, 2000) AS i CROSS JOIN versions AS v;

-- One training that many take, one student who takes many, one mentor of many.
INSERT INTO getcourse.mapping_ids (student_id, training_id)
SELECT s, 't' || t FROM generate_series(1, 10000) AS s
CROSS JOIN LATERAL (
    SELECT 1 + s % 1999 AS t UNION SELECT 0 WHERE s % 10 = 0 UNION SELECT generate_series(1, 60) WHERE s = 10
) AS t;
INSERT INTO getcourse.mapping (id, student_id, mentor_id, training_id, valid_from, valid_to)
SELECT
    k.id, k.student_id, CASE WHEN k.id % 20 = 0 THEN 1 ELSE 1 + k.id % 1000 END, k.training_id, v.valid_from, v.valid_to
FROM getcourse.mapping_ids AS k CROSS JOIN versions AS v;

INSERT INTO getcourse.webhook_events (
    id, event_date, user_id, user_email, answer_id, raw_payload, dedupe_key, status, processed, processed_at,
    next_attempt_at
)
SELECT
    i, f.event_date, s, f.user_email, i, to_jsonb(f), getcourse.dedupe_key(f.answer_id, NULL, f.event_date),
    status::getcourse.webhook_status, status = 'processed', CASE WHEN status = 'processed' THEN now() END,
    CASE WHEN status = 'retry' THEN now() + CASE WHEN i < 800 THEN -1 ELSE 1 END * interval '1 hour' END
FROM generate_series(1, 20000) AS i
CROSS JOIN LATERAL (SELECT CASE WHEN i % 100 = 0 THEN 10 ELSE 1 + i % 10000 END AS s) AS s
CROSS JOIN LATERAL (
    SELECT
        timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute' AS event_date, s.s AS user_id,
        format('student%s@example.org', s.s) AS user_email, i::text AS answer_id
) AS f
CROSS JOIN LATERAL (
    SELECT CASE i % 100 WHEN 1 THEN 'received' WHEN 2 THEN 'retry' WHEN 3 THEN 'dead' ELSE 'processed' END AS status
) AS w;
SELECT setval('getcourse.webhook_events_id_seq', 20000);
INSERT INTO getcourse.webhook_keys (source, dedupe_key, event_id)
SELECT source, dedupe_key, id FROM getcourse.webhook_events;

INSERT INTO getcourse.notifications (
    mentor_id, type, message, webhook_event_id, message_hash, status, attempts, next_attempt_at, sent_at
)
SELECT
    CASE WHEN i % 100 = 0 THEN 1 ELSE 1 + i % 1000 END, 'answer', 'x', i, i, status::getcourse.notification_status, 1,
    CASE WHEN status = 'waiting' THEN now() + CASE WHEN i < 800 THEN -1 ELSE 1 END * interval '1 hour' END,
    CASE WHEN status = 'sent' THEN now() END
FROM generate_series(1, 20000) AS i
CROSS JOIN LATERAL (
    SELECT CASE i % 100 WHEN 1 THEN 'pending' WHEN 2 THEN 'waiting' WHEN 3 THEN 'dead' ELSE 'sent' END AS status
) AS w;

INSERT INTO getcourse.webhook_quarantine (source, reason, raw_text, raw_hash)
SELECT 'getcourse', 'not_json', rpad('text ' || i, 1000), sha256(i::text::bytea) FROM generate_series(1, 400) AS i;
INSERT INTO getcourse.webhook_staging (body)
SELECT jsonb_set(raw_payload, '{answer_id}', to_jsonb('staged ' || id))::text
FROM getcourse.webhook_events WHERE id <= 2000;
INSERT INTO getcourse.unreachable_mentors (telegram_id) SELECT 20000 + i FROM generate_series(1, 20000) AS i;
INSERT INTO getcourse.application_logs (logger, message, created_at)
SELECT 'x', 'x', '2020-01-01 00:00:00+00'::timestamptz + i * interval '1 minute' FROM generate_series(1, 1000) AS i;
INSERT INTO getcourse.error_logs (error_type, message, created_at)
SELECT 'x', 'x', '2020-01-01 00:00:00+00'::timestamptz + i * interval '1 minute' FROM generate_series(1, 1000) AS i
"""


def load(admin: psycopg.Connection[tuple[object, ...]], scale: Scale = Scale.ONE_MILLION) -> None:
    """Fill a migrated database, as a superuser whose triggers do not fire, but for a few."""
    today = datetime.now(UTC).date()
    admin.execute("SET timezone = 'UTC'")
    admin.execute("SET mentorbase.bulk_load = on")
    admin.execute("SET maintenance_work_mem = '256MB'")
    for loads in transactions(World(scale, 1, today)):
        # As many tutors as bookings would have, of whom a few will do; and what is made here in other numbers.
        if loads[0].table.startswith(("tutormax.", "getcourse.", "quests.", "groups.group_progress")):
            continue
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
        admin.execute(_BOT)
        if scale not in (Scale.TINY, Scale.SMALL):
            admin.execute(quests.ROWS)
    if scale not in (Scale.TINY, Scale.SMALL):
        load_tutors(admin, TutorWorld(6_000, 1, today, tutors=400))
    ensure_login(admin, PAS, "IN ROLE pas_bot_user")
    ensure_login(admin, EDU, "IN ROLE inner_edu_user")
    # Pages become all-visible only once the commit is known to be on disk.
    admin.execute("SET synchronous_commit = on")
    # ANALYZE takes a sample at random; a large one makes the same plans each time.
    admin.execute("SET default_statistics_target = 1000")
    admin.execute("VACUUM (ANALYZE)")


def load_tutors(admin: psycopg.Connection[tuple[object, ...]], world: TutorWorld) -> None:
    for loads in tutors(world):
        with admin.transaction():
            admin.execute("SET LOCAL mentorbase.actor = 'system'")
            for rows in loads:
                copy(admin, rows)
    finish(admin, world.as_of)


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
