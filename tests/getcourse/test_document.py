"""The statements of the service's document, as they are written there, in a session whose zone is UTC."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from conftest import DEPLOY
from psycopg.conninfo import make_conninfo


@pytest.fixture
def dbeaver(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Whoever deploys, at an SQL prompt: each statement is a transaction."""
    with psycopg.connect(make_conninfo(admin.info.dsn, user=DEPLOY), autocommit=True) as conn:
        conn.execute("SET search_path = getcourse")
        conn.execute("SET timezone = 'UTC'")
        yield conn


@pytest.fixture
def filled(dbeaver: psycopg.Connection) -> psycopg.Connection:
    """Mentor 123 has a student, of whom a webhook came and was told; there are old logs."""
    for statement in (
        "INSERT INTO mentors (id, email, first_name, telegram_id) VALUES (123, 'Mentor@example.com', 'A', 1)",
        "INSERT INTO students (email) VALUES ('student@example.com')",
        "INSERT INTO trainings (training_id, title) VALUES ('training-001', 'Algebra')",
        "INSERT INTO mapping (student_id, mentor_id, training_id) VALUES (1, 123, 'training-001')",
        "INSERT INTO webhook_events (event_date, user_id, user_email, answer_id)"
        " VALUES (NOW(), '7', 'student@example.com', '1'), (NOW(), '7', 'student@example.com', '2')",
        "INSERT INTO notifications (mentor_id, type, message, webhook_event_id)"
        " VALUES (123, 'answer', 'An answer.', 1)",
        "INSERT INTO application_logs (logger, message, created_at)"
        " SELECT 'bot', 'News.', NOW() - make_interval(days => d) FROM unnest(ARRAY[1, 29, 31, 400]) AS d",
        "INSERT INTO error_logs (error_type, message, created_at)"
        " SELECT 'Error', 'No.', NOW() - make_interval(days => d) FROM unnest(ARRAY[1, 89, 91]) AS d",
    ):
        dbeaver.execute(statement)
    return dbeaver


NOW_VALID = """
SELECT * FROM mentors
WHERE CURRENT_TIMESTAMP BETWEEN valid_from AND valid_to;
"""
OPEN = """
SELECT * FROM students
WHERE valid_to = '9999-12-31'::TIMESTAMPTZ;
"""
CLOSE = """
UPDATE mentors
SET valid_to = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP
WHERE id = 123;
"""
CLOSE_THE_OLD_ONE = """
UPDATE mentors
SET valid_to = CURRENT_TIMESTAMP
WHERE id = 123;
"""
ANOTHER_VERSION = """
INSERT INTO mentors (email, first_name, last_name, telegram_id, valid_from, valid_to)
VALUES ('mentor@example.com', 'Новое', 'Имя', 123456789, CURRENT_TIMESTAMP, '9999-12-31'::TIMESTAMPTZ);
"""
MAPPINGS = """
SELECT * FROM v_active_mappings
WHERE training_id = 'training-001';
"""


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (NOW_VALID, 1),
        (OPEN, 1),
        ("SELECT * FROM v_active_mentors;", 1),
        ("SELECT * FROM v_active_students;", 1),
        ("SELECT * FROM v_active_mappings;", 1),
        (MAPPINGS, 1),
        ("SELECT * FROM v_pending_webhooks\nLIMIT 10;", 2),
        ("SELECT * FROM v_pending_notifications;", 1),
    ],
)
def test_what_the_document_reads_is_there(filled, statement, rows):
    assert len(filled.execute(statement).fetchall()) == rows


def test_the_document_counts_what_waits(filled):
    webhooks = """
    SELECT COUNT(*) as pending_count
    FROM webhook_events
    WHERE processed = FALSE;
    """
    notifications = """
    SELECT COUNT(*) as pending_notifications
    FROM notifications
    WHERE status = 'pending';
    """
    assert (filled.execute(webhooks).fetchone(), filled.execute(notifications).fetchone()) == ((2,), (1,))
    filled.execute("UPDATE webhook_events SET processed = TRUE, processed_at = NOW() WHERE id = 1")
    assert filled.execute(webhooks).fetchone() == (1,)


def test_the_document_closes_a_mentor(filled):
    assert filled.execute(CLOSE).rowcount == 1
    assert filled.execute("SELECT * FROM v_active_mentors;").fetchall() == []
    assert filled.execute(MAPPINGS).fetchall() == []
    assert filled.execute(CLOSE).rowcount == 0


@pytest.mark.parametrize("together", [True, False])
def test_the_documents_new_version_keeps_the_mentor_with_mappings_and_notifications(filled, together):
    if together:
        with filled.transaction():
            filled.execute(CLOSE_THE_OLD_ONE)
            filled.execute(ANOTHER_VERSION)
    else:
        filled.execute(CLOSE_THE_OLD_ONE)
        filled.execute(ANOTHER_VERSION)
    assert filled.execute("SELECT id, first_name, telegram_id FROM v_active_mentors").fetchall() == [
        (123, "Новое", 123456789)
    ]
    assert filled.execute("SELECT mentor_id, mentor_first_name FROM v_active_mappings").fetchall() == [(123, "Новое")]
    assert filled.execute("SELECT recipient(mentor_id) FROM notifications").fetchall() == [(123456789,)]
    ends = filled.execute("SELECT valid_from, valid_to FROM mentors ORDER BY valid_from").fetchall()
    assert (ends[0][1] == ends[1][0]) is together
    # Once more, of what is now three versions: the open one alone is closed.
    filled.execute(CLOSE_THE_OLD_ONE)
    filled.execute(ANOTHER_VERSION)
    assert filled.execute("SELECT count(*), count(*) FILTER (WHERE is_open) FROM mentors").fetchone() == (3, 1)


def test_the_document_deletes_old_logs(filled):
    lines = filled.execute("""
    -- Удаление логов старше 30 дней
    DELETE FROM application_logs
    WHERE created_at < NOW() - INTERVAL '30 days';
    """)
    errors = filled.execute("""
    DELETE FROM error_logs
    WHERE created_at < NOW() - INTERVAL '90 days';
    """)
    assert (lines.rowcount, errors.rowcount) == (2, 1)


def test_the_documents_table_sizes_run(filled):
    sizes = filled.execute("""
    -- Размер таблиц
    SELECT
        schemaname,
        tablename,
        pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size
    FROM pg_tables
    WHERE schemaname = 'public'
    ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;
    """).fetchall()
    assert "_yoyo_migration" in {name for _, name, _ in sizes}
    ours = filled.execute("SELECT table_name, total_bytes FROM v_table_sizes").fetchall()
    assert dict(ours)["webhook_events"] > 0


def test_the_documents_slow_queries_are_refused_with_the_way_to_enable_them(filled):
    with pytest.raises(psycopg.errors.Error) as caught:
        filled.execute("SELECT query, calls, total_exec_time, mean_exec_time FROM slow_queries()")
    assert caught.value.sqlstate == "MB401"
    assert "shared_preload_libraries" in caught.value.diag.message_hint
    assert "CREATE EXTENSION pg_stat_statements" in caught.value.diag.message_hint
