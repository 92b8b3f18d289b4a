"""The service in a database of its own; the extension that it needs, made once; analysts' views."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from conftest import DEPLOY, TestServer, ensure_login
from mentorbase import Calendar
from mentorbase.migrate import migrate, rollback
from psycopg.conninfo import make_conninfo

from .school import TEACHER, at, imported


@pytest.fixture
def bare(pg_server: TestServer) -> Iterator[psycopg.Connection]:
    """A superuser's connection to an empty database that the deploying login owns."""
    name = "mentorbase_calendar_bare"
    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        ensure_login(conn, DEPLOY, "CREATEROLE NOSUPERUSER")
        conn.execute(f"DROP DATABASE IF EXISTS {name}")
        conn.execute(f"CREATE DATABASE {name} OWNER {DEPLOY}")
        with psycopg.connect(pg_server.dsn(name), autocommit=True) as own:
            yield own
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def extension(conn: psycopg.Connection) -> tuple[str, str] | None:
    return conn.execute(
        """
        SELECT extowner::regrole::text, extnamespace::regnamespace::text
        FROM pg_extension
        WHERE extname = 'btree_gist'
        """
    ).fetchone()


def test_no_other_service_is_here(admin):
    found = admin.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'calendar', 'mentoring', 'platform') ORDER BY 1"
    )
    assert found.fetchall() == [("calendar",), ("platform",)]


def test_the_owner_makes_the_extension_and_a_rollback_drops_it(bare):
    dsn = make_conninfo(bare.info.dsn, user=DEPLOY)
    migrate(dsn, ["calendar"])
    assert extension(bare) == ("mentorbase_owner", "public")
    rollback(dsn, None, ["calendar"])
    assert extension(bare) is None


def test_an_extension_that_something_else_needs_survives_the_rollback(bare):
    dsn = make_conninfo(bare.info.dsn, user=DEPLOY)
    migrate(dsn, ["calendar"])
    bare.execute(
        "CREATE TABLE public.rooms (room bigint, day daterange, EXCLUDE USING gist (room WITH =, day WITH &&))"
    )
    rollback(dsn, None, ["calendar"])
    assert extension(bare) == ("mentorbase_owner", "public")
    migrate(dsn, ["calendar"])


@pytest.mark.parametrize("schema", ["public", "extensions"])
def test_an_extension_that_a_dba_made_is_used_and_left(bare, schema):
    bare.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    bare.execute(f"CREATE EXTENSION btree_gist SCHEMA {schema}")
    dsn = make_conninfo(bare.info.dsn, user=DEPLOY)
    migrate(dsn, ["calendar"])
    imported(bare, at(10))
    rollback(dsn, None, ["calendar"])
    assert extension(bare) == (bare.info.user, schema)


def test_analysts_read_views_and_nothing_else(reader, admin, app):
    imported(admin, at(10))
    Calendar(app).reschedule(1, at(12), at(13), actor_id=TEACHER)
    found = reader.execute(
        "SELECT lesson_id, status, participants, rescheduled_from, rescheduled_to FROM calendar.v_lessons ORDER BY 1"
    ).fetchall()
    assert found == [(1, "cancelled", 1, None, 2), (2, "planned", 1, 1, None)]
    for view in (
        "lesson_participants",
        "lesson_history",
        "audit_log",
        "teacher_schedules",
        "teacher_unavailable",
    ):
        reader.execute(f"SELECT * FROM calendar.v_{view}")
    for table in ("lessons", "lesson_participants", "lesson_attendance", "lesson_history", "audit_log"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"SELECT * FROM calendar.{table}")
