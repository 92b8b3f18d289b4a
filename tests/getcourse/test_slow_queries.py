"""The slowest queries, on a server that counts them; one that does not is in test_document.py."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from mentorbase import Database, Settings
from mentorbase.embedded import server
from mentorbase.getcourse import Getcourse
from mentorbase.migrate import migrate
from plans.test_plans import budget
from psycopg.conninfo import make_conninfo

APP, MONITOR = "counted_app", "counted_monitor"
SECRET = "anna.karenina@example.org"


@pytest.fixture(scope="module")
def counted() -> Iterator[str]:
    """A server whose superuser has enabled pg_stat_statements as the refusal says; the superuser's DSN."""
    with tempfile.TemporaryDirectory(prefix="test-counted-") as above:
        Path(above).chmod(0o755)
        home = Path(above).resolve() / "home"
        with server(home) as first, psycopg.connect(first.dsn(), autocommit=True) as conn:
            if not conn.execute("SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'").fetchall():
                pytest.skip("this PostgreSQL has no pg_stat_statements")
            conn.execute("ALTER SYSTEM SET fsync = off")
            conn.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        with server(home) as second:
            migrate(second.dsn(), ["getcourse"])
            with psycopg.connect(second.dsn(), autocommit=True) as conn:
                conn.execute("CREATE EXTENSION pg_stat_statements")
                for login in (APP, MONITOR):
                    conn.execute(f"CREATE ROLE {login} LOGIN IN ROLE getcourse_app")
                conn.execute(f"GRANT pg_read_all_stats TO {MONITOR}")
                conn.execute("SELECT pg_stat_statements_reset()")
                # Somebody else's, and one of another database.
                conn.execute("SELECT count(*) FROM getcourse.webhook_events WHERE user_email = '" + SECRET + "'")
                conn.execute("SELECT pg_sleep(0.2), 'slow'")
            with psycopg.connect(second.dsn("template1"), autocommit=True) as conn:
                conn.execute("SELECT pg_sleep(0.3), 'elsewhere', 4711")
            yield second.dsn()


def told(dsn: str, login: str, at_most: int = 100) -> list[tuple[str, int, float, float]]:
    settings = Settings(_env_file=None, db_pool_min_size=1)
    with Database.connect(make_conninfo(dsn, user=login), settings=settings) as db:
        db.getcourse.webhooks_of("boris@example.org")
        found = db.getcourse.slow_queries(at_most=at_most)
    return [(one.query, one.calls, one.total_exec_time, one.mean_exec_time) for one in found]


def test_a_member_of_pg_read_all_stats_sees_the_slowest_first_without_literals(counted: str) -> None:
    found = told(counted, MONITOR)
    assert found[0][0] == "SELECT pg_sleep($1), $2"
    assert found[0][1] == 1
    assert found[0][2] == found[0][3] >= 200
    assert [mean for *_, mean in found] == sorted((mean for *_, mean in found), reverse=True)
    texts = [query for query, *_ in found]
    assert "SELECT count(*) FROM getcourse.webhook_events WHERE user_email = $1" in texts
    assert not any("karenina" in text or "boris" in text or "elsewhere" in text for text in texts)
    assert not any("$3" in text for text in texts if "pg_sleep" in text), "of another database"
    assert len(told(counted, MONITOR, at_most=2)) == 2


def test_another_login_sees_the_times_but_no_text_of_what_is_not_its_own(counted: str) -> None:
    found = told(counted, APP)
    assert found[0][0] == "<insufficient privilege>"
    assert found[0][3] >= 200
    own = [query for query, *_ in found if query != "<insufficient privilege>"]
    assert any("getcourse.webhook_events" in query for query in own)
    assert not any("pg_sleep" in query for query in own)


def test_it_keeps_its_budget(counted: str) -> None:
    with psycopg.connect(make_conninfo(counted, user=MONITOR), autocommit=True) as conn:
        Getcourse(conn).slow_queries()
        [[plan]] = conn.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM getcourse.slow_queries()"
        ).fetchall()
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    print(f"\nslow_queries: {pages} buffers", end="")  # noqa: T201
    assert pages <= (budget(Getcourse.slow_queries) or 0)
