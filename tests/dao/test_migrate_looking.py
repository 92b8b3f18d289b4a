"""Looking without touching: what would be run, and what was."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from mentorbase.errors import SetupError
from mentorbase.migrate import GUARD_LOCK, Change, history, migrate, plan_migrate, plan_rollback, rollback
from psycopg.conninfo import make_conninfo

from .migrating import AUTH, LINKS, MENTORING, PLATFORM, SECOND, Source, refused, tables, yoyo


def objects(dsn: str) -> list[tuple[str, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT oid::text, relname, xmin::text FROM pg_class ORDER BY oid").fetchall()


# -- Plans


def test_a_plan_is_what_would_be_run_in_its_order_and_changes_nothing(base: str, house: Source) -> None:
    before = objects(base)
    plan = plan_migrate(base, source=house.root)
    assert objects(base) == before
    up = migrate(base, source=house.root)
    assert plan == [house.file(id_) for id_ in up]
    assert plan_migrate(base, source=house.root) == []

    before = objects(base)
    plan = plan_rollback(base, None, source=house.root)
    assert objects(base) == before
    assert plan == [house.file(id_).with_suffix(".rollback.sql") for id_ in rollback(base, None, source=house.root)]
    assert plan_rollback(base, None, source=house.root) == []


def test_a_plan_is_about_the_services_asked_for(base: str, house: Source) -> None:
    assert plan_migrate(base, ["auth"], source=house.root) == [house.file(PLATFORM), house.file(AUTH)]
    migrate(base, ["auth", "mentoring"], source=house.root)
    plan = plan_rollback(base, 3, ["mentoring"], source=house.root)
    assert [path.name for path in plan] == [f"{SECOND}.rollback.sql", f"{MENTORING}.rollback.sql"]


def test_a_plan_of_what_would_be_refused_is_refused(base: str, house: Source) -> None:
    migrate(base, source=house.root)
    with refused(f"{SECOND} cannot be rolled back: {LINKS} is applied and depends on it"):
        plan_rollback(base, 1, ["mentoring"], source=house.root)
    house.file(LINKS).with_suffix(".rollback.sql").unlink()
    with refused(f"{LINKS} cannot be rolled back: it has no .rollback.sql"):
        plan_rollback(base, source=house.root)
    with refused('there is no service "billing"'):
        plan_migrate(base, ["billing"], source=house.root)
    with pytest.raises(ValueError, match="count must be at least 1"):
        plan_rollback(base, 0, source=house.root)


def test_a_plan_waits_for_nobody(base: str, house: Source, conn: psycopg.Connection) -> None:
    conn.execute("SELECT pg_advisory_lock(%s, 1)", [GUARD_LOCK])
    assert len(plan_migrate(base, source=house.root)) == 5


# -- History


def test_history_tells_who_did_what_and_when(base: str, house: Source, role: str, conn: psycopg.Connection) -> None:
    assert history(base, source=house.root) == []
    conn.execute(f"ALTER DATABASE {conn.info.dbname} OWNER TO {role}")
    owner = make_conninfo(base, user=role)
    migrate(owner, ["auth"], source=house.root)
    rollback(owner, source=house.root)

    changes = history(base, source=house.root)
    steps = [("apply", PLATFORM), ("apply", AUTH), ("rollback", AUTH)]
    assert [(change.operation, change.migration_id) for change in changes] == steps
    assert {(change.username, change.hostname) for change in changes} == {(role, socket.gethostname())}
    times = [change.at for change in changes]
    assert times == sorted(times)
    assert datetime.now(UTC) - times[0] < timedelta(minutes=1)
    assert [change.migration_id for change in history(base, ["auth"], source=house.root)] == [AUTH, AUTH]


def test_history_includes_what_plain_yoyo_and_other_versions_did(base: str, house: Source, checkout: Path) -> None:
    house.table("auth.0002.future", AUTH)
    yoyo(base, checkout, "apply")
    house.file("auth.0002.future").unlink()
    assert isinstance(history(base, source=house.root)[0], Change)
    assert "auth.0002.future" in [change.migration_id for change in history(base, ["auth"], source=house.root)]
    with pytest.raises(SetupError, match='there is no service "billing"'):
        history(base, ["billing"], source=house.root)


def test_history_can_be_read_when_a_file_was_edited(base: str, house: Source) -> None:
    migrate(base, source=house.root)
    house.file(AUTH).write_text("-- nothing\n")
    assert len(history(base, source=house.root)) == 5
    assert len(tables(base)) == 5
