"""A platform that has run for some years: a million bookings, a few busy people and a long tail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

MENTORS, MENTEES = 3_000, 40_000

GROWING = (
    "auth.users",
    "mentoring.user_profiles",
    "mentoring.mentor_mentee",
    "mentoring.mentor_mentee_history",
    "mentoring.subjects",
    "mentoring.subject_schedule",
    "mentoring.subject_schedule_history",
    "mentoring.blocks",
)
"""Mentors are the users from 1, mentees those from 10001; both from the busiest to the idlest."""

PEOPLE = f"""
INSERT INTO auth.users (id, first_name)
SELECT i, 'Mentor' FROM generate_series(1, {MENTORS}) AS i
UNION ALL
SELECT 10000 + i, 'Mentee' FROM generate_series(1, {MENTEES}) AS i;

INSERT INTO mentoring.user_profiles (user_id, max_mentees)
SELECT i, CASE WHEN i % 2 = 0 THEN 60 END FROM generate_series(1, {MENTORS}) AS i
UNION ALL
SELECT 10000 + i, NULL FROM generate_series(1, {MENTEES}, 10) AS i;

INSERT INTO mentoring.subjects (id, user_id, title)
SELECT i, 1 + (i - 1) / 3, 'Subject ' || i FROM generate_series(1, 3 * {MENTORS}) AS i;

INSERT INTO mentoring.blocks (blocker_id, blocked_id)
SELECT DISTINCT 10001 + (39000 * random() ^ 4)::integer, 1 + (2999 * random())::integer
FROM generate_series(1, 20000);
"""

# A mentor's relations fall off with the rank; of the busy ones up to 60 are live. A tenth of all is with 200
# busy mentees. No pair twice.
RELATIONSHIPS = f"""
CREATE TEMPORARY TABLE relations AS
WITH mentors AS (
    SELECT mentor, ceil(815 / mentor ^ 0.6)::integer AS mentees FROM generate_series(1, {MENTORS}) AS mentor
), pairs AS (
    SELECT
        mentor, k,
        CASE
            WHEN k % 10 = 0 THEN 10001 + (mentor * 7 + k / 10) % 200
            ELSE 10201 + (mentor * 7919 + k * 104729) % ({MENTEES} - 200)
        END AS mentee,
        now() - make_interval(hours => (k * 17 + mentor) % 30000 + 1) AS asked,
        CASE
            WHEN k <= 60 AND (mentor <= 100 OR k % 2 = 0) THEN
                (ARRAY['active', 'active', 'active', 'active', 'active', 'paused', 'pending'])[k % 7 + 1]
            ELSE (ARRAY['completed', 'completed', 'terminated', 'rejected', 'cancelled', 'expired'])[k % 6 + 1]
        END::mentoring.mentor_mentee_status AS status
    FROM mentors CROSS JOIN generate_series(1, mentees) AS k
)
SELECT row_number() OVER (ORDER BY asked, mentor, k) AS id, * FROM pairs;

INSERT INTO mentoring.mentor_mentee (
    id, mentor_id, mentee_id, status, initiated_by, mentor_notes, accepted_at, paused_at, paused_by, completed_at,
    ended_at, created_at, updated_at
)
SELECT
    id, mentor, mentee, status, CASE WHEN k % 3 = 0 THEN 'mentor' ELSE 'mentee' END::mentoring.party,
    CASE WHEN k % 5 = 0 THEN repeat('a note ', 10) END,
    CASE WHEN status IN ('active', 'paused', 'completed', 'terminated') THEN asked + interval '5 minutes' END,
    CASE WHEN status = 'paused' THEN asked + interval '10 minutes' END,
    CASE WHEN status = 'paused' THEN mentor END,
    CASE WHEN status = 'completed' THEN asked + interval '30 minutes' END,
    CASE WHEN status NOT IN ('pending', 'active', 'paused') THEN asked + interval '30 minutes' END,
    asked, asked
FROM relations
ORDER BY id;

INSERT INTO mentoring.mentor_mentee_history (
    relationship_id, mentor_id, mentee_id, to_status, actor_kind, db_login, occurred_at
)
SELECT id, mentor, mentee, step, 'mentor', 'x', asked
FROM relations CROSS JOIN unnest(ARRAY['pending', status]::mentoring.mentor_mentee_status[]) AS step
ORDER BY id;
"""

# A relation's bookings fall off with its rank too, which has nothing to do with its mentor's. They come in the order of
# time, so that those of one relation lie far apart. One in fifty was made by somebody who has no relation yet.
SESSIONS = f"""
INSERT INTO mentoring.subject_schedule (
    subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_at, created_at, updated_at
)
SELECT
    3 * mentor - i % 3, mentor, mentee, id, s.status, begins, begins + interval '1 hour',
    CASE WHEN s.status = 'cancelled' THEN begins END, begins, begins
FROM (
    SELECT
        r.mentor, i,
        CASE WHEN stray THEN 10001 + (r.rank * 31 + i * 104729) % {MENTEES} ELSE r.mentee END AS mentee,
        CASE WHEN NOT stray THEN r.id END AS id,
        now() + make_interval(mins => ((r.rank * 7907 + i * 104729) % 1000000 * 2 - 1850000)::integer) AS begins
    FROM (
        SELECT *, row_number() OVER (ORDER BY id * 48271 % 50021, id) AS rank FROM relations
    ) AS r
    CROSS JOIN generate_series(1, ceil(2195 / r.rank ^ 0.5)::integer) AS i
    CROSS JOIN LATERAL (SELECT (r.rank + i) % 50 = 0) AS s (stray)
) AS booked
CROSS JOIN
    LATERAL (
        SELECT
            CASE
                WHEN i % 8 = 0 THEN 'cancelled'
                WHEN begins > now() THEN CASE WHEN i % 2 = 0 THEN 'confirmed' ELSE 'pending' END
                WHEN i % 13 = 0 THEN 'no_show'
                WHEN i % 17 = 0 THEN 'confirmed'
                ELSE 'completed'
            END::mentoring.booking_status AS status
    ) AS s
ORDER BY begins;
"""

STORIES = """
INSERT INTO mentoring.subject_schedule_history (
    booking_id, mentor_id, user_id, to_status, actor_kind, db_login, occurred_at
)
SELECT id, mentor_id, user_id, 'pending', 'mentee', 'x', created_at FROM mentoring.subject_schedule ORDER BY id
"""

SEQUENCES = "auth.users", "mentoring.subjects", "mentoring.mentor_mentee"


def load(admin: psycopg.Connection) -> None:
    """Fill a migrated database, as a superuser whose triggers do not fire."""
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("SET LOCAL work_mem = '256MB'")
        admin.execute("SET LOCAL maintenance_work_mem = '256MB'")
        admin.execute("SELECT setseed(0.5)")
        admin.execute(PEOPLE)
        admin.execute(RELATIONSHIPS)
        with rebuilt(admin, "mentoring.subject_schedule"):
            admin.execute(SESSIONS)
        with rebuilt(admin, "mentoring.subject_schedule_history"):
            admin.execute(STORIES)
        for name in SEQUENCES:
            admin.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
    # Pages become all-visible only once the commit is known to be on disk.
    admin.execute("SET synchronous_commit = on")
    # ANALYZE takes a sample at random; a large one makes the same plans each time.
    admin.execute("SET default_statistics_target = 1000")
    admin.execute(f"VACUUM (ANALYZE) {', '.join(GROWING)}")


@contextmanager
def rebuilt(admin: psycopg.Connection, table: str) -> Iterator[None]:
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
        admin.execute(definition)
