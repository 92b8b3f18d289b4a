from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cli.support import mentorbase
from conftest import APP, DEPLOY
from mentorbase import maintenance
from mentoring.lifecycle import put, rows
from psycopg.conninfo import make_conninfo

YEARS_AGO = datetime(2019, 3, 1, tzinfo=UTC)


@pytest.fixture
def deploy(admin: psycopg.Connection) -> str:
    return make_conninfo(admin.info.dsn, user=DEPLOY)


def leave_something_old(admin: psycopg.Connection, requests: int) -> None:
    """Old requests that nobody accepted, and an audit log's month that has expired."""
    for mentee in range(2, 2 + requests):
        put(admin, "expired", mentee_id=mentee, created_at=YEARS_AGO, ended_at=YEARS_AGO)
    admin.execute(
        "CREATE TABLE auth.audit_log_y2010m01 PARTITION OF auth.audit_log"
        " FOR VALUES FROM ('2010-01-01 00:00:00+00') TO ('2010-02-01 00:00:00+00')"
    )
    admin.execute("ALTER TABLE auth.audit_log_y2010m01 OWNER TO mentorbase_owner")


def test_a_purge_that_has_to_wait_too_long_says_so(tmp_path: Path, admin: psycopg.Connection, deploy: str) -> None:
    leave_something_old(admin, 0)
    dsn = make_conninfo(deploy, options="-c lock_timeout=50ms")
    with admin.transaction():
        admin.execute("LOCK TABLE auth.audit_log_y2010m01")
        done = mentorbase("purge", "--json", "--dsn", dsn, cwd=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (
        1,
        {
            "error": "the purge stopped: canceling statement due to lock timeout",
            "hint": "What was forgotten so far stays so; run it again",
        },
    )


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    tmp_path: Path, admin: psycopg.Connection, people: list[int], deploy: str
) -> None:
    leave_something_old(admin, 3)
    told = mentorbase("purge", "--dry-run", "--dsn", deploy, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "mentoring  3" in told.stdout
    assert "expired  auth.audit_log_y2010m01" in told.stdout
    assert "Nothing was changed." in told.stdout
    assert len(rows(admin)) == 3
    assert admin.execute("SELECT to_regclass('auth.audit_log_y2010m01')").fetchall() != [(None,)]


def test_a_purge_forgets_what_is_old_and_makes_the_months_ahead(
    tmp_path: Path, admin: psycopg.Connection, people: list[int], deploy: str
) -> None:
    leave_something_old(admin, 3)
    young = put(admin, "expired", mentee_id=19)
    [(last,)] = admin.execute(
        "SELECT max(c.relname) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'mentoring.audit_log'::regclass AND c.relname ~ '_y'"
    ).fetchall()
    admin.execute(f"DROP TABLE mentoring.{last}")
    done = mentorbase("purge", "--json", "--dsn", deploy, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "rows": {"getcourse": 0, "mentoring": 3, "quests": 0},
        "months_made": [f"mentoring.{last}"],
        "months_dropped": ["auth.audit_log_y2010m01"],
    }
    assert [row["id"] for row in rows(admin)] == [young]
    again = mentorbase("purge", "--json", "--dsn", deploy, cwd=tmp_path)
    assert json.loads(again.stdout) == {
        "rows": {"getcourse": 0, "mentoring": 0, "quests": 0},
        "months_made": [],
        "months_dropped": [],
    }


def test_it_goes_on_until_nothing_is_left(
    tmp_path: Path, admin: psycopg.Connection, people: list[int], deploy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_something_old(admin, 5)
    monkeypatch.setattr(maintenance, "BATCH", 2)
    told: list[tuple[str, int]] = []
    assert maintenance.purge(deploy, progress=lambda service, count: told.append((service, count))).rows == {
        "getcourse": 0,
        "mentoring": 5,
        "quests": 0,
    }
    assert told == [("getcourse", 0), ("mentoring", 2), ("mentoring", 4), ("mentoring", 5), ("quests", 0)]
    assert rows(admin) == []


def test_logs_of_services_lose_their_old_rows_and_months(
    tmp_path: Path, admin: psycopg.Connection, deploy: str
) -> None:
    admin.execute(
        """
        INSERT INTO getcourse.application_logs (logger, message, created_at)
        SELECT 'bot', 'News.', now() - make_interval(days => d) FROM unnest(ARRAY[29, 31, 400]) AS d
        """
    )
    admin.execute(
        """
        INSERT INTO getcourse.error_logs (error_type, message, created_at)
        SELECT 'ValueError', 'No.', now() - make_interval(days => d) FROM unnest(ARRAY[89, 91]) AS d
        """
    )
    admin.execute(
        "CREATE TABLE notifications.notification_logs_y2010m01 PARTITION OF notifications.notification_logs"
        " FOR VALUES FROM ('2010-01-01 00:00:00+00') TO ('2010-02-01 00:00:00+00')"
    )
    admin.execute("ALTER TABLE notifications.notification_logs_y2010m01 OWNER TO mentorbase_owner")
    counts = "SELECT (SELECT count(*) FROM getcourse.application_logs), (SELECT count(*) FROM getcourse.error_logs)"

    dry = json.loads(mentorbase("purge", "--dry-run", "--json", "--dsn", deploy, cwd=tmp_path).stdout)
    assert dry["rows"]["getcourse"] == 3
    assert dry["months_dropped"] == ["notifications.notification_logs_y2010m01"]
    assert admin.execute(counts).fetchone() == (3, 2)

    done = json.loads(mentorbase("purge", "--json", "--dsn", deploy, cwd=tmp_path).stdout)
    assert done["rows"]["getcourse"] == 3 - sum("application_logs" in name for name in done["months_dropped"])
    assert "notifications.notification_logs_y2010m01" in done["months_dropped"]
    assert admin.execute(counts).fetchone() == (1, 1)


def test_the_months_of_events_are_made_and_dropped_too(tmp_path: Path, admin: psycopg.Connection, deploy: str) -> None:
    [(last,)] = admin.execute(
        "SELECT max(c.relname) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'tutormax.tutor_events'::regclass AND c.relname ~ '_y'"
    ).fetchall()
    admin.execute(f"DROP TABLE tutormax.{last}")
    # Expired once all of a month is older than event_retention.
    kept, expired = datetime.now(UTC) - timedelta(days=725), datetime.now(UTC) - timedelta(days=765)
    names = {at: f"tutormax.tutor_events_y{at:%Y}m{at:%m}" for at in (kept, expired)}
    for at, name in names.items():
        until = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
        admin.execute(
            f"CREATE TABLE {name} PARTITION OF tutormax.tutor_events"
            f" FOR VALUES FROM ('{at:%Y-%m}-01 00:00:00+00') TO ('{until:%Y-%m}-01 00:00:00+00')"
        )
        admin.execute(f"ALTER TABLE {name} OWNER TO mentorbase_owner")
    there = "SELECT to_regclass(%s) IS NOT NULL"

    dry = json.loads(mentorbase("purge", "--dry-run", "--json", "--dsn", deploy, cwd=tmp_path).stdout)
    assert (dry["months_made"], dry["months_dropped"]) == ([], [names[expired]])
    assert admin.execute(there, [names[expired]]).fetchall() == [(True,)]
    assert admin.execute(there, [f"tutormax.{last}"]).fetchall() == [(False,)]

    done = json.loads(mentorbase("purge", "--json", "--dsn", deploy, cwd=tmp_path).stdout)
    assert (done["months_made"], done["months_dropped"]) == ([f"tutormax.{last}"], [names[expired]])
    assert admin.execute(there, [names[expired]]).fetchall() == [(False,)]
    assert admin.execute(there, [names[kept]]).fetchall() == [(True,)]


def test_an_application_may_not_purge(tmp_path: Path, admin: psycopg.Connection) -> None:
    refused = mentorbase("purge", "--dsn", make_conninfo(admin.info.dsn, user=APP), cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines() == [
        "error: this login may not purge",
        "to do: Use the login that deploys, or GRANT mentorbase_owner to it",
    ]


def test_a_database_without_migrations_is_named(tmp_path: Path, empty_dsn: str) -> None:
    refused = mentorbase("purge", "--dsn", empty_dsn, cwd=tmp_path)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, "error: the database lacks migrations")
