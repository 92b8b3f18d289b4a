"""Databases to compare, rows to fill them with, and the SQL files as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from conftest import DEPLOY, TestServer
from mentorbase import resources
from mentorbase.catalog import OURS, REFERENCE_TABLES
from psycopg.conninfo import make_conninfo

SQL = resources.folder("sql")
SERVICES = sorted(
    folder.name for folder in SQL.iterdir() if folder.is_dir() and folder.name not in ("platform", "links")
)


# -- Databases


@contextmanager
def new_database(server: TestServer, name: str, template: str = "template1") -> Iterator[str]:
    """A database that belongs to the deploying login; yields the superuser's DSN."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {DEPLOY}")
        try:
            yield server.dsn(name)
        finally:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def know_the_catalog(conn: psycopg.Connection) -> None:
    """Let the server plan what is asked of its catalog: of one that was made a moment ago it knows no figures."""
    ours = conn.execute(
        "SELECT format('%I.%I', nspname, relname) FROM pg_class AS c INNER JOIN pg_namespace AS n"
        " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'pg_catalog' AND NOT c.relisshared"
    )
    for (table,) in ours.fetchall():
        conn.execute(f"ANALYZE {table}")


def as_deploy(dsn: str) -> str:
    return make_conninfo(dsn, user=DEPLOY)


def found(conn: psycopg.Connection, query: LiteralString) -> list[str]:
    """What a query about our schemas finds, one text a row."""
    return sorted(row[0] for row in conn.execute(OURS + query))


# -- Rows

# How a relationship of mentor 1 gets into each status: the steps after the request, and who takes them.
LIVES = {
    "pending": [],
    "active": [("active", "mentee")],
    "paused": [("active", "mentee"), ("paused", "mentor")],
    "completed": [("active", "mentee"), ("completed", "mentor")],
    "rejected": [("rejected", "mentee")],
    "cancelled": [("cancelled", "mentor")],
    "expired": [("expired", "system")],
    "terminated": [("active", "mentee"), ("paused", "mentee"), ("terminated", "mentee")],
}


def fill(conn: psycopg.Connection, *, quests: bool = True) -> None:
    """Put rows into every table, as a superuser; without quests, into those that there were before that service."""
    with conn.transaction():
        conn.execute("SET LOCAL mentorbase.actor = 'system'")
        conn.execute(
            """
            INSERT INTO auth.users (id, telegram_id, username, first_name, last_name)
            SELECT i, 1000 + i, 'user' || i, 'First ' || i, 'Last ' || i FROM generate_series(1, 20) AS i
            """
        )
        conn.execute(
            """
            INSERT INTO auth.user_contacts (user_id, kind, sealed, lookup_hash)
            SELECT i, k.kind, '\\x010001' || sha256('sealed'), sha256((i || k.kind::text)::bytea)
            FROM generate_series(1, 3) AS i, unnest(enum_range(NULL::auth.contact_kind)) AS k (kind)
            """
        )
        conn.execute(
            """
            INSERT INTO mentoring.user_profiles (user_id, mentor_bio, mentor_rate, mentor_rate_currency, max_mentees)
            VALUES (1, 'Teaches.', 12.50, 'EUR', 10)
            """
        )
        for mentee_id, steps in enumerate(LIVES.values(), start=2):
            _live(conn, mentee_id, steps)
        conn.execute("SET LOCAL mentorbase.actor = 'admin:20'")
        conn.execute("INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (18, 19)")
        conn.execute("SET LOCAL mentorbase.actor = 'system'")
        conn.execute("INSERT INTO mentoring.subjects (id, user_id, title) VALUES (1, 1, 'Algebra')")
        conn.execute(
            "INSERT INTO mentoring.publications (mentor_id, kind, reference, title) VALUES (1, 'quiz', 'q1', 'A quiz')"
        )
        conn.execute(
            """
            INSERT INTO mentoring.subject_schedule (subject_id, user_id, status, booked_date, ends_at)
            SELECT 1, 2 + i, status, now() - interval '1 day', now() - interval '23 hours'
            FROM unnest(enum_range(NULL::mentoring.booking_status)) WITH ORDINALITY AS s (status, i)
            """
        )
        _teach(conn)
        _plan(conn)
        _notify(conn)
        _bot(conn)
        _tutor(conn)
        if quests:
            play(conn)
            conn.execute("INSERT INTO platform.erasures (changed, actor_kind, db_login) VALUES ('{}', 'system', 'dba')")


def _teach(conn: psycopg.Connection) -> None:
    """Rows of the teaching services: a full group of two with a waiting list, left once, with invitations."""
    conn.execute("INSERT INTO teachers.teachers (telegram_id, bio) VALUES (1001, 'Teaches.')")
    conn.execute(
        "INSERT INTO teachers.teacher_languages (teacher_telegram_id, language, level) VALUES (1001, 'en', 'c2')"
    )
    conn.execute("INSERT INTO students.students (telegram_id) SELECT 1000 + i FROM generate_series(2, 8) AS i")
    conn.execute(
        """
        INSERT INTO students.student_languages (student_telegram_id, language, current_level, target_level)
        VALUES (1002, 'en', 'a1', 'b2')
        """
    )
    conn.execute(
        """
        INSERT INTO groups.groups (id, teacher_telegram_id, name, language, level, capacity)
        VALUES (1, 1001, 'Evening', 'en', 'a2', 2)
        """
    )
    for student in range(1002, 1007):
        conn.execute("SELECT id FROM groups.join_group(1, %s)", [student])
    conn.execute("SELECT id FROM groups.change_member(1, 'completed', 100, reason => 'a reason')")
    conn.execute("SELECT id FROM groups.invite(1, sha256('one'), now() + interval '1 day')")
    conn.execute("SELECT id FROM groups.invite(1, sha256('two'), now() + interval '1 day', 1008)")
    conn.execute("SELECT id FROM groups.accept_invitation(sha256('two'), 1008)")
    conn.execute("SELECT groups.snapshot_progress()")


def _plan(conn: psycopg.Connection) -> None:
    # Person i has the Telegram id 1000 + i; there is a lesson in each status, and one that replaces the cancelled one.
    conn.execute(
        """
        INSERT INTO calendar.lessons (teacher_telegram_id, title, starts_at, ends_at, status)
        SELECT
            1001, 'Lesson ' || i, now() - make_interval(days => i::integer),
            now() - make_interval(days => i::integer) + interval '1 hour', s.status
        FROM unnest(enum_range(NULL::calendar.lesson_status)) WITH ORDINALITY AS s (status, i)
        """
    )
    conn.execute(
        """
        INSERT INTO calendar.lessons (teacher_telegram_id, title, starts_at, ends_at, rescheduled_from)
        SELECT 1001, 'Once more', now() + interval '1 day', now() + interval '25 hours', l.id
        FROM calendar.lessons AS l
        WHERE l.status = 'cancelled'
        """
    )
    conn.execute(
        """
        INSERT INTO calendar.lesson_participants (lesson_id, student_telegram_id)
        SELECT l.id, s.id FROM calendar.lessons AS l, (VALUES (1002), (1003)) AS s (id)
        """
    )
    conn.execute("UPDATE calendar.lessons SET group_id = 1 WHERE status = 'planned'")
    conn.execute("SET LOCAL mentorbase.actor = '1001'")
    conn.execute(
        """
        INSERT INTO calendar.lesson_attendance (lesson_id, student_telegram_id, status)
        SELECT 1 + i % 2, 1002 + i / 2, s.status
        FROM unnest(enum_range(NULL::calendar.attendance_status)) WITH ORDINALITY AS o (status, n)
        CROSS JOIN LATERAL (SELECT o.status, (o.n - 1)::integer AS i) AS s
        """
    )
    conn.execute(
        """
        INSERT INTO calendar.teacher_schedules (
            teacher_telegram_id, weekday, starts_local, ends_local, timezone, valid_from
        ) VALUES (1001, 1, '09:00', '17:00', 'Europe/Berlin', '2026-01-01')
        """
    )
    conn.execute(
        """
        INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)
        VALUES (1001, now() + interval '7 days', now() + interval '8 days')
        """
    )


def _notify(conn: psycopg.Connection) -> None:
    conn.execute("SET LOCAL mentorbase.actor = 'system'")
    conn.execute("SELECT notifications.save_settings(1002, 'telegram', quiet_from => '22:00', quiet_to => '07:00')")
    conn.execute(
        "INSERT INTO notifications.unreachable_recipients (recipient_telegram_id, channel) VALUES (1004, 'telegram')"
    )
    conn.execute(
        """
        SELECT notifications.enqueue_many(
            ARRAY[1001, 1004, 1004], 'publication', 'telegram', '{"title": "A quiz"}', 'fill', not_before => now()
        )
        """
    )
    conn.execute(
        """
        SELECT notifications.finish(b.id, b.lease_token, 'limited', retry_after => '1 minute')
        FROM notifications.claim('telegram', 1) AS c
        CROSS JOIN LATERAL notifications.begin_attempt(c.id, c.lease_token) AS b
        """
    )


def _bot(conn: psycopg.Connection) -> None:
    """Rows of the GetCourse bot: versions of everything, webhooks of every kind, notifications, logs."""
    conn.execute("INSERT INTO getcourse.mentors (email, telegram_id) VALUES ('anna@example.org', 2001)")
    conn.execute("SELECT getcourse.revise_mentor(1, 'anna@example.org', 'Anna', NULL, 2001)")
    conn.execute("INSERT INTO getcourse.students (email, getcourse_user_id) VALUES ('boris@example.org', '77')")
    conn.execute("INSERT INTO getcourse.trainings (training_id, title) VALUES ('training-001', 'Algebra')")
    conn.execute(
        "INSERT INTO getcourse.lessons (lesson_id, training_id, title) VALUES ('lesson-1', 'training-001', 'Sets')"
    )
    conn.execute("INSERT INTO getcourse.mapping (student_id, mentor_id, training_id) VALUES (1, 1, 'training-001')")
    webhook = '{"event_date": "2025-12-20", "user_id": 77, "user_email": "boris@example.org", "answer_id": %s}'
    bodies = [webhook % answer for answer in (1, 1, 2, 3)]
    conn.execute("SELECT getcourse.receive_webhooks(%s)", [[*bodies, "no JSON"]])
    conn.execute("INSERT INTO getcourse.webhook_staging (body) VALUES (%s)", [webhook % 4])
    conn.execute(
        """
        SELECT getcourse.finish_webhook(c.id, c.lease_token, o.outcome::getcourse.outcome)
        FROM (SELECT w.*, row_number() OVER (ORDER BY w.id) AS place FROM getcourse.claim_webhooks(3) AS w) AS c
        INNER JOIN (VALUES (1, 'done'), (2, 'failed'), (3, 'rejected')) AS o (place, outcome) USING (place)
        """
    )
    conn.execute("SELECT getcourse.enqueue(1, 'answer', 'An answer.', 1)")
    conn.execute("INSERT INTO getcourse.unreachable_mentors (telegram_id) VALUES (2002)")
    conn.execute(
        """
        SELECT getcourse.finish(b.id, b.lease_token, 'limited', retry_after => '1 minute')
        FROM getcourse.claim(1) AS c
        CROSS JOIN LATERAL getcourse.begin_attempt(c.id, c.lease_token) AS b
        """
    )
    conn.execute("INSERT INTO getcourse.application_logs (logger, message) VALUES ('bot', 'It began.')")
    conn.execute("INSERT INTO getcourse.error_logs (error_type, message) VALUES ('ValueError', 'It ended.')")


def play(conn: psycopg.Connection) -> None:
    """Parent 1 makes a quest, child 2 plays it, and the parent looks at it; and what the bot keeps of the parent."""
    quest = "(SELECT quest_id FROM quests.quests LIMIT 1)"
    conn.execute(
        """
        SELECT quests.create_quest(
            1, '{"child_name": "Ann", "child_age": 8, "quest_yaml": "title: A quest"}'
        )
        """
    )
    conn.execute(f"SELECT quests.set_quest_status({quest}, 'ready')")
    conn.execute(f"SELECT quests.moderate_quest({quest}, 'approved')")
    conn.execute(f"SELECT quests.export_quest({quest})")
    conn.execute(f"""SELECT quests.save_nodes({quest}, '[{{"node_key": "a", "type": "task"}}]')""")
    conn.execute(f"SELECT quests.open_quest({quest}, 2)")
    conn.execute(f"""SELECT quests.update_privacy_settings({quest}, '{{"share_educational_progress": true}}', 2)""")
    conn.execute(f"SELECT quests.complete_node({quest}, 'a', 80, 2)")
    conn.execute(f"""SELECT quests.record_achievement({quest}, '{{"code": "first", "title": "First"}}', 2)""")
    conn.execute(f"SELECT quests.ask({quest}, NULL, 1)")
    sealed = "decode('010001' || repeat('00', 40), 'hex')"
    conn.execute(f"INSERT INTO quests.sessions (id, user_id, summary) VALUES (1, 1, {sealed})")
    conn.execute(f"INSERT INTO quests.messages (user_id, session_id, role, content) VALUES (1, 1, 'user', {sealed})")
    conn.execute(
        f"INSERT INTO quests.letters (user_id, recipient, title, body) VALUES (1, {sealed}, {sealed}, {sealed})"
    )
    conn.execute("INSERT INTO quests.goals (user_id, title) VALUES (1, 'Call once a week')")
    conn.execute("""INSERT INTO quests.metrics_snapshots (user_id, metrics) VALUES (1, '{"calm": 3}')""")
    conn.execute(f"UPDATE quests.psychological_profiles SET crisis_history = {sealed}")


def _tutor(conn: psycopg.Connection) -> None:
    # An intervention in each status, with its steps; metrics of yesterday, and a change since.
    conn.execute("SET LOCAL mentorbase.actor = 'system'")
    conn.execute(
        """
        INSERT INTO tutormax.tutors (tutor_id, name, email, subjects, onboarding_date)
        VALUES
        ('tutor_001', 'Jane Doe', 'jane@example.com', '{Mathematics}', now() - interval '1 year'),
        ('tutor_002', 'John Doe', 'john@example.com', '{}', now() - interval '1 year')
        """
    )
    conn.execute("INSERT INTO tutormax.students (student_id, name) VALUES ('student_001', 'Sam')")
    conn.execute(
        """
        INSERT INTO tutormax.sessions (
            session_id, tutor_id, student_id, subject, scheduled_start, duration_minutes, session_number, status
        )
        SELECT 'session_' || i, 'tutor_001', 'student_001', 'Mathematics', now() - make_interval(days => i::integer),
            60, i, s.status
        FROM unnest(enum_range(NULL::tutormax.session_status)) WITH ORDINALITY AS s (status, i)
        """
    )
    conn.execute(
        """
        INSERT INTO tutormax.student_feedback (session_id, tutor_id, student_id, overall_rating, is_first_session)
        VALUES ('session_2', 'tutor_001', 'student_001', 5, true)
        """
    )
    conn.execute("SELECT tutormax.compute_performance_metrics(current_date - 1)")
    conn.execute("UPDATE tutormax.sessions SET duration_minutes = 45")
    conn.execute(
        """
        INSERT INTO tutormax.churn_predictions (
            tutor_id, prediction_date, churn_score, probability_1d, probability_7d, probability_30d, probability_90d,
            model_version, feature_cutoff
        )
        SELECT 'tutor_001', now() - make_interval(days => i), 100 - 25 * i, 0, 0.1, 0.2, 0.3, 'm1',
            now() - interval '9 days'
        FROM generate_series(0, 3) AS i
        """
    )
    conn.execute(
        """
        INSERT INTO tutormax.interventions (
            tutor_id, intervention_type, trigger_reason, due_date, status, assigned_to, outcome
        )
        SELECT 'tutor_001', 'coaching', 'No-shows.', current_date, s.status,
            CASE WHEN s.status <> 'open' THEN 20 END,
            CASE WHEN s.status = 'completed' THEN 'improved'::tutormax.intervention_outcome END
        FROM unnest(enum_range(NULL::tutormax.intervention_status)) AS s (status)
        """
    )
    conn.execute(
        """
        INSERT INTO tutormax.tutor_events (tutor_id, event_type, event_timestamp, source, source_event_id)
        SELECT 'tutor_001', 'login', now() - make_interval(months => i), 'web', i::text FROM generate_series(0, 3) AS i
        """
    )
    conn.execute("INSERT INTO tutormax.bulk_rows (load_id, position, document) VALUES (gen_random_uuid(), 0, '{}')")


def _live(conn: psycopg.Connection, mentee_id: int, steps: list[tuple[str, str]]) -> None:
    # An INSERT rather than mentoring.request(), so that it is old enough to expire.
    conn.execute("SET LOCAL mentorbase.actor = '1'")
    (relationship_id,) = conn.execute(
        """
        INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, initiated_by, mentor_notes, created_at)
        VALUES (1, %s, 'mentor', 'A note.', now() - interval '1 year')
        RETURNING id
        """,
        [mentee_id],
    ).fetchone() or (None,)
    conn.execute("SET LOCAL mentorbase.actor = 'system'")
    actors = {"mentor": 1, "mentee": mentee_id, "system": None}
    for status, side in steps:
        conn.execute(
            "SELECT id FROM mentoring.transition(%s, %s, %s, 'a reason')", [relationship_id, status, actors[side]]
        )


SEEDED = {*REFERENCE_TABLES, "notifications.notification_templates"}  # the latter are edited, too
OUR_TABLES: LiteralString = "SELECT r.name FROM relations AS r WHERE r.relkind IN ('r', 'p')"

Rows = dict[str, list[dict[str, Any]]]
"""What is in each table, as JSON."""


def rows(conn: psycopg.Connection) -> Rows:
    return {
        table: [row for (row,) in conn.execute(f"SELECT to_jsonb(t) AS row FROM {table} AS t ORDER BY 1")]
        for table in found(conn, OUR_TABLES)
    }


def people(found_rows: Rows) -> Rows:
    """The rows that people wrote: those of tables with seed rows, audited ones too, come and go with migrations."""
    return {
        table: [row for row in its_rows if f"{table.partition('.')[0]}.{row.get('table_name')}" not in SEEDED]
        for table, its_rows in found_rows.items()
        if table not in SEEDED
    }


def only_columns_of(kept: Rows, before: Rows) -> Rows:
    """The rows from before, with the columns that are still there; for the tables that are still there."""
    return {
        table: [{column: row[column] for column in now} for now, row in zip(its_rows, before[table], strict=True)]
        for table, its_rows in kept.items()
    }


# -- The SQL files

_COMMENT = r"--[^\n]*|/\*.*?\*/"
_LITERAL = r"[eE]?'(?:[^']|'')*'"
_BODY = r"\$\$.*?\$\$"


def files(folders: Iterable[str]) -> list[Path]:
    return sorted(path for folder in folders for path in (SQL / folder).glob("*.sql"))


def without_comments(text: str) -> str:
    """SQL without comments; a literal that looks like one stays."""
    return re.sub(f"({_LITERAL})|{_COMMENT}", lambda match: match[1] or " ", text, flags=re.DOTALL)


def code(text: str) -> str:
    """SQL without comments and literals; a body between $$ keeps its literals, which may be dynamic SQL."""
    return re.sub(f"({_BODY})|{_LITERAL}", lambda match: match[1] or "''", without_comments(text), flags=re.DOTALL)


def routines(text: str) -> dict[str, str]:
    """The functions and procedures that some SQL creates: name to what stands before the body."""
    starts = re.split(r"^CREATE (?:OR REPLACE )?(?=FUNCTION|PROCEDURE)", text, flags=re.MULTILINE)[1:]
    headers = [re.split(r"\$\$|\bBEGIN ATOMIC\b", start)[0] for start in starts]
    return {re.split(r"[\s(]+", header)[1]: header for header in headers}
