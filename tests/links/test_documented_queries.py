"""The SQL that the services' documentation gives, word for word: each runs as its own service's application."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from conftest import TestServer
from mentorbase.migrate import migrate
from psycopg.rows import dict_row
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, new_database

PERSON = 123456789

# Service, statement, and what comes back of the rows below: how many, and a column that must be among them.
DOCUMENTED = [
    ("auth", "SELECT * FROM users WHERE telegram_id = 123456789;", 1, "first_name"),
    ("teachers", "SELECT * FROM teachers WHERE telegram_id = 123456789;", 1, "bio"),
    ("students", "SELECT * FROM students WHERE telegram_id = 123456789;", 1, "learning_goals"),
    (
        "groups",
        """
SELECT g.*, gm.student_telegram_id
FROM groups g
LEFT JOIN group_members gm ON g.id = gm.group_id
WHERE g.teacher_telegram_id = 123456789;
""",
        3,
        "student_telegram_id",
    ),
    (
        "calendar",
        """
SELECT l.*, lp.student_telegram_id
FROM lessons l
JOIN lesson_participants lp ON l.id = lp.lesson_id
WHERE lp.student_telegram_id = 123456789;
""",
        1,
        "student_telegram_id",
    ),
]

# The documented tables of each service; the teachers' groups are the groups service's, beside which alone they exist.
TABLES = {
    "auth": "users",
    "teachers": "teachers teacher_languages groups",
    "students": "students student_languages group_enrollments",
    "groups": "groups group_members group_invitations group_progress",
    "calendar": "lessons lesson_participants lesson_attendance teacher_schedules teacher_unavailable",
    "notifications": "notifications notification_templates user_notification_settings notification_logs",
}

ROWS = {
    "auth": "INSERT INTO auth.users (telegram_id, first_name) VALUES (123456789, 'Anna'), (201, 'B'), (202, 'C')",
    "teachers": "INSERT INTO teachers.teachers (telegram_id) VALUES (123456789)",
    "students": "INSERT INTO students.students (telegram_id) VALUES (123456789), (201), (202)",
    "groups": """
        INSERT INTO groups.groups (id, teacher_telegram_id, name, language, capacity)
        VALUES (1, 123456789, 'Evening', 'en', 9), (2, 123456789, 'Empty', 'en', 9);
        INSERT INTO groups.group_members (group_id, student_telegram_id) VALUES (1, 201), (1, 202)
    """,
    "calendar": """
        SELECT id FROM calendar.plan_lesson(
            123456789, 'Given', now() + interval '1 hour', now() + interval '2 hours', ARRAY[201]::bigint[]
        );
        SELECT id FROM calendar.plan_lesson(
            {other}, 'Taken', now() + interval '3 hours', now() + interval '4 hours', ARRAY[123456789]::bigint[]
        )
    """,
}


def ask(conn: psycopg.Connection, service: str, statement: str) -> list[dict[str, Any]]:
    """What the service's application gets in its own schema."""
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(f"SET LOCAL ROLE {service}_app; SET LOCAL search_path = {service}")
        return cursor.execute(statement).fetchall()


def furnish(conn: psycopg.Connection, service: str, *, other: int) -> None:
    with conn.transaction():
        conn.execute("SET LOCAL mentorbase.actor = 'system'")
        conn.execute(ROWS[service].format(other=other))


def test_each_runs_as_written_where_the_services_share_a_database(admin: psycopg.Connection) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO auth.users (telegram_id, first_name) VALUES (301, 'Another')")
        admin.execute("INSERT INTO teachers.teachers (telegram_id) VALUES (301)")
    for service in ROWS:
        furnish(admin, service, other=301)
    for service, statement, count, column in DOCUMENTED:
        found = ask(admin, service, statement)
        assert (service, len(found)) == (service, count)
        assert column in found[0]
    for service, tables in TABLES.items():
        for table in tables.split():
            ask(admin, service, f"SELECT FROM {table}")


@pytest.mark.parametrize(("service", "statement", "count", "column"), DOCUMENTED)
def test_each_runs_as_written_in_a_database_of_the_service_s_own(
    pg_server: TestServer, pg_template: NoopExecutor, service: str, statement: str, count: int, column: str
) -> None:
    with new_database(pg_server, f"{pg_template.dbname}_documented") as dsn:
        migrate(as_deploy(dsn), [service])
        with psycopg.connect(dsn, autocommit=True) as conn:
            furnish(conn, service, other=301)
            found = ask(conn, service, statement)
            assert len(found) == count
            assert column in found[0]
            for table in TABLES[service].split():
                if (service, table) != ("teachers", "groups"):
                    ask(conn, service, f"SELECT FROM {table}")
