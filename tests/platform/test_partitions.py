"""Months of the audit logs: made ahead, filled late, dropped when expired; and what is erased from them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import pytest
from auditing import LOGS, Row, audit_log, leaves, told
from conftest import DEPLOY
from mentorbase import InvalidArgument, NotFound, ReadOnly
from mentoring.lifecycle import acting, refused
from mentoring.racing import PATIENCE, behind, outcome, wait_until_stuck
from psycopg import sql
from psycopg.conninfo import make_conninfo

pytestmark = pytest.mark.usefixtures("people")
DEFAULT = "auth.audit_log_default"


def month(ago: int = 0) -> datetime:
    """The start of a month that lies so many months back; negative: ahead."""
    now = datetime.now(UTC)
    years, index = divmod(now.year * 12 + now.month - 1 - ago, 12)
    return datetime(years, index + 1, 1, tzinfo=UTC)


def leaf(ago: int = 0, schema: str = "auth") -> str:
    return f"{schema}.audit_log_{month(ago):y%Ym%m}"


def make_months(conn: psycopg.Connection, ahead: int = 3, schema: str = "auth") -> list[str]:
    [[made]] = conn.execute("SELECT platform.make_months(%s, 'audit_log', %s)", [schema, ahead]).fetchall()
    return list(made)


def scrub(conn: psycopg.Connection, user: int) -> int:
    [[count]] = conn.execute(
        "SELECT platform.scrub('auth', 'users', jsonb_build_object('id', %s::bigint))", [user]
    ).fetchall()
    return int(count)


def write(conn: psycopg.Connection, user: int = 1) -> None:
    """A change that is audited: somebody's name, so that there always is one."""
    conn.execute("UPDATE auth.users SET first_name = first_name || '.', language_code = 'ru' WHERE id = %s", [user])


def remember(admin: psycopg.Connection, ago: int, days: int = 3, schema: str = "auth") -> None:
    """Have the log tell of a change so many months back."""
    admin.execute(
        sql.SQL(
            "INSERT INTO {} (table_name, row_key, operation, new_values, actor_kind, db_login, occurred_at)"
            " VALUES ('users', '{{\"id\": 1}}', 'update', '{{\"language_code\": \"ru\"}}', 'system', 'x', %s)"
        ).format(sql.Identifier(schema, "audit_log")),
        [month(ago).replace(day=days)],
    )


def lose(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*name.split("."))))


def rows_of(admin: psycopg.Connection, name: str) -> int:
    [[count]] = admin.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*name.split(".")))).fetchall()
    return int(count)


def content(admin: psycopg.Connection) -> list[Row]:
    return [{key: value for key, value in row.items() if key != "leaf"} for row in audit_log(admin, "auth")]


@contextmanager
def connected(admin: psycopg.Connection, options: str = "") -> Iterator[psycopg.Connection]:
    with psycopg.connect(make_conninfo(admin.info.dsn, options=options), autocommit=True) as conn:
        yield conn


@pytest.fixture
def other(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with connected(admin) as conn:
        yield conn


@pytest.fixture
def third(admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    with connected(admin) as conn:
        yield conn


class TestMonths:
    @pytest.mark.parametrize("schema", LOGS)
    def test_the_migration_makes_this_month_and_three_ahead(self, admin: psycopg.Connection, schema: str) -> None:
        expected = [leaf(-ahead, schema) for ahead in range(4)]
        assert leaves(admin, schema) == [*expected, f"{schema}.audit_log_default"]

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
    def test_a_month_is_one_of_utc_wherever_it_is_made(self, admin: psycopg.Connection, zone: str) -> None:
        admin.execute(sql.SQL("SET timezone = {}").format(sql.Literal(zone)))
        admin.execute("SET datestyle = 'SQL, DMY'")
        assert make_months(admin, 14) == [leaf(-ahead).removeprefix("auth.") for ahead in range(4, 15)]
        admin.execute("RESET timezone")
        admin.execute("RESET datestyle")
        found = dict(
            admin.execute(
                "SELECT oid::regclass::text, pg_get_expr(relpartbound, oid) FROM pg_class"
                " WHERE relispartition AND relkind = 'r' AND relnamespace = 'auth'::regnamespace"
            ).fetchall()
        )
        assert found.pop(DEFAULT) == "DEFAULT"
        assert found == {
            leaf(-ahead): f"FOR VALUES FROM ('{month(-ahead):%Y-%m-%d} 00:00:00+00')"
            f" TO ('{month(-ahead - 1):%Y-%m-%d} 00:00:00+00')"
            for ahead in range(15)
        }

    def test_a_month_that_nobody_made_blocks_no_write(self, admin: psycopg.Connection, app: psycopg.Connection) -> None:
        lose(admin, leaf())
        with acting(app, "system"):
            write(app)
        assert [row["leaf"] for row in told(admin, "auth.users")] == [DEFAULT]

    def test_a_month_that_is_made_late_gets_its_rows(self, admin: psycopg.Connection) -> None:
        lose(admin, leaf())
        for ago in (0, 1, 1, 14, 30):
            remember(admin, ago)
        before = content(admin)
        assert rows_of(admin, DEFAULT) == 5

        assert make_months(admin) == [leaf(ago).removeprefix("auth.") for ago in (30, 14, 1, 0)]
        assert content(admin) == before
        assert [row["leaf"] for row in audit_log(admin, "auth")] == [leaf(ago) for ago in (0, 1, 1, 14, 30)]
        assert rows_of(admin, DEFAULT) == 0
        assert make_months(admin) == []
        assert content(admin) == before

    def test_as_many_months_as_there_are_rows_of_are_made_at_once(self, admin: psycopg.Connection) -> None:
        for ago in range(1, 121):
            remember(admin, ago)
        assert len(make_months(admin)) == 120
        assert rows_of(admin, DEFAULT) == 0

    def test_ids_go_on_after_rows_were_moved(self, admin: psycopg.Connection) -> None:
        lose(admin, leaf())
        write(admin)
        make_months(admin)
        write(admin)
        moved, written = told(admin, "auth.users")
        assert (moved["leaf"], written["leaf"]) == (leaf(), leaf())
        assert written["id"] == moved["id"] + 1

    @pytest.mark.parametrize("change", ["UPDATE {} SET actor_id = 1", "DELETE FROM {}", "TRUNCATE {}"])
    def test_a_month_that_is_made_refuses_changes_too(self, admin: psycopg.Connection, change: str) -> None:
        remember(admin, 5)
        for name in make_months(admin, 5):
            with refused(ReadOnly, "MB006"):
                admin.execute(sql.SQL(change).format(sql.Identifier("auth", name)))  # type: ignore[arg-type]

    def test_a_month_that_is_made_is_like_the_others(self, admin: psycopg.Connection) -> None:
        [made] = make_months(admin, 4)
        looks = """
            SELECT
                pg_get_userbyid(c.relowner), c.relacl,
                ARRAY(
                    SELECT replace(pg_get_indexdef(indexrelid), c.relname, '') FROM pg_index
                    WHERE indrelid = c.oid ORDER BY 1
                ),
                ARRAY(
                    SELECT replace(pg_get_triggerdef(oid), c.relname, '') FROM pg_trigger
                    WHERE tgrelid = c.oid ORDER BY 1
                ),
                ARRAY(
                    SELECT (attname, atttypid, attnotnull, attstorage)::text FROM pg_attribute
                    WHERE attrelid = c.oid AND attnum > 0 ORDER BY attnum
                )
            FROM pg_class AS c WHERE c.oid = %s::regclass
        """
        first = admin.execute(looks, [f"auth.{made}"]).fetchone()
        second = admin.execute(looks, [DEFAULT]).fetchone()
        assert first == second
        [[comment]] = admin.execute("SELECT obj_description(%s::regclass)", [f"auth.{made}"]).fetchall()
        assert comment == f"audit_log of {month(-4):%Y-%m} UTC."

    def test_only_tables_of_the_owner_are_given_months(self, admin: psycopg.Connection) -> None:
        admin.execute("CREATE SCHEMA other")
        admin.execute("CREATE TABLE other.log (id bigint, at timestamptz) PARTITION BY RANGE (at)")
        admin.execute("CREATE TABLE other.log_default PARTITION OF other.log DEFAULT")
        admin.execute("GRANT ALL ON SCHEMA other TO mentorbase_owner")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA other TO mentorbase_owner")
        for table in ("other.log", "auth.users"):
            with refused(InvalidArgument, "MB007"):
                admin.execute("SELECT platform.make_months(%s, %s)", table.split("."))


class TestMonthsMadeWhileOthersWrite:
    def test_a_writer_of_a_month_that_exists_is_not_waited_for(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        with admin.transaction():
            write(admin)
            other.execute("SET lock_timeout = '2s'")
            assert make_months(other, 4) == [leaf(-4).removeprefix("auth.")]
            write(admin)
        assert len(told(admin, "auth.users")) == 22

    def test_a_writer_of_the_default_partition_is_waited_for(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        lose(admin, leaf())
        [made] = behind(
            admin,
            "UPDATE auth.users SET language_code = 'ru' WHERE id = 1",
            [partial(make_months, other)],
        )
        assert made == [leaf().removeprefix("auth.")]
        assert [row["leaf"] for row in told(admin, "auth.users")] == [leaf()]

    def test_who_writes_while_an_overdue_month_is_made_is_not_refused(
        self, admin: psycopg.Connection, other: psycopg.Connection, third: psycopg.Connection
    ) -> None:
        lose(admin, leaf())
        write(admin)
        became = behind(
            admin,
            "SELECT platform.make_months('auth', 'audit_log')",
            [partial(write, other, 2), partial(write, third, 3)],
        )
        assert became == [None, None]
        assert [row["leaf"] for row in told(admin, "auth.users")] == [leaf()] * 3

    def test_writers_lose_nothing_while_months_are_made(self, admin: psycopg.Connection) -> None:
        def write_many(user: int) -> None:
            with connected(admin) as conn:
                for _ in range(40):
                    write(conn, user)

        before = len(audit_log(admin, "auth"))
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(write_many, user) for user in (1, 2, 3)]
            made = [name for ahead in range(4, 16) for name in make_months(admin, ahead)]
            for future in futures:
                future.result(PATIENCE)
        assert len(made) == 12
        assert len(audit_log(admin, "auth")) == before + 120
        assert rows_of(admin, DEFAULT) == 0

    def test_two_who_make_the_same_months_at_once_make_them_once(
        self, admin: psycopg.Connection, other: psycopg.Connection, third: psycopg.Connection
    ) -> None:
        became = behind(
            admin,
            "LOCK TABLE ONLY auth.audit_log IN ACCESS EXCLUSIVE MODE",
            [partial(make_months, other, 6), partial(make_months, third, 6)],
        )
        made = [leaf(-ahead).removeprefix("auth.") for ahead in (4, 5, 6)]
        assert became in ([made, []], [[], made])

    def test_an_analyst_who_reads_is_waited_for(self, admin: psycopg.Connection, other: psycopg.Connection) -> None:
        [made] = behind(admin, "SELECT FROM auth.v_audit_log", [partial(make_months, other, 4)])
        assert made == [leaf(-4).removeprefix("auth.")]


class TestMonthsDropped:
    def test_a_month_goes_once_all_of_it_is_too_old(self, admin: psycopg.Connection) -> None:
        for ago in (1, 2, 3):
            remember(admin, ago)
        make_months(admin)
        drop = "SELECT platform.drop_months('auth', 'audit_log', now() - %s + %s::interval, dry_run => true)"
        expected = [leaf(ago).removeprefix("auth.") for ago in (3, 2)]
        assert admin.execute(drop, [month(1), "0"]).fetchone() == (expected,)
        assert admin.execute(drop, [month(1), "1 microsecond"]).fetchone() == (expected[:1],)

    def test_a_dry_run_names_what_would_go_and_drops_nothing(self, admin: psycopg.Connection) -> None:
        for ago in (1, 2, 130):
            remember(admin, ago)
        make_months(admin)
        before, content_before = leaves(admin, "auth"), content(admin)
        for keep, ages in (("3650 days", (130,)), ("1 day", (130, 2))):
            [[named]] = admin.execute("SELECT platform.drop_months('auth', 'audit_log', %s, true)", [keep]).fetchall()
            assert [name for name in named if name != leaf(1).removeprefix("auth.")] == [
                leaf(ago).removeprefix("auth.") for ago in ages
            ]
        assert (leaves(admin, "auth"), content(admin)) == (before, content_before)

    def test_what_goes_is_what_was_named_and_nothing_else(self, admin: psycopg.Connection) -> None:
        for ago in (0, 100, 130, 131):
            remember(admin, ago)
        make_months(admin)
        remember(admin, 140)
        before = leaves(admin, "auth")
        [[dropped]] = admin.execute("SELECT platform.drop_months('auth', 'audit_log', '3650 days')").fetchall()
        assert dropped == [leaf(ago).removeprefix("auth.") for ago in (131, 130)]
        assert set(before) - set(leaves(admin, "auth")) == {leaf(130), leaf(131)}
        kept = [row["leaf"] for row in audit_log(admin, "auth") if row["db_login"] == "x"]
        assert kept == [leaf(), leaf(100), DEFAULT]
        assert admin.execute("SELECT platform.drop_months('auth', 'audit_log', '3650 days')").fetchone() == ([],)

    def test_the_session_does_not_decide_when_a_month_ends(self, admin: psycopg.Connection) -> None:
        remember(admin, 1)
        make_months(admin)
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            admin.execute(sql.SQL("SET timezone = {}").format(sql.Literal(zone)))
            drop = "SELECT platform.drop_months('auth', 'audit_log', now() - %s, dry_run => true)"
            assert admin.execute(drop, [month()]).fetchone() == ([leaf(1).removeprefix("auth.")],)


class TestMaintenance:
    def maintain(self, conn: psycopg.Connection, *, dry_run: bool = False) -> dict[str, tuple[list[str], list[str]]]:
        found = conn.execute("SELECT * FROM platform.maintain_audit_logs(%s)", [dry_run]).fetchall()
        return {schema: (made, dropped) for schema, made, dropped in found}

    def test_makes_and_drops_the_months_of_every_log(self, admin: psycopg.Connection) -> None:
        for schema in LOGS:
            remember(admin, 130, schema=schema)
            make_months(admin, schema=schema)
            lose(admin, leaf(-3, schema))
        expired, ahead = leaf(130).removeprefix("auth."), leaf(-3).removeprefix("auth.")

        assert self.maintain(admin, dry_run=True) == dict.fromkeys(LOGS, ([], [expired]))
        assert self.maintain(admin) == dict.fromkeys(LOGS, ([ahead], [expired]))
        assert self.maintain(admin) == dict.fromkeys(LOGS, ([], []))
        for schema in LOGS:
            assert leaves(admin, schema)[:-1] == [leaf(-i, schema) for i in range(4)]

    def test_how_long_logs_are_kept_is_a_setting(self, admin: psycopg.Connection) -> None:
        remember(admin, 14)
        make_months(admin)
        assert self.maintain(admin, dry_run=True)["auth"] == ([], [])
        admin.execute("UPDATE platform.settings SET value = 365 WHERE name = 'audit_retention'")
        assert self.maintain(admin, dry_run=True)["auth"] == ([], [leaf(14).removeprefix("auth.")])

    def test_is_run_by_a_member_of_the_owner(self, admin: psycopg.Connection) -> None:
        lose(admin, leaf(-3))
        with psycopg.connect(make_conninfo(admin.info.dsn, user=DEPLOY), autocommit=True) as conn:
            assert self.maintain(conn)["auth"] == ([leaf(-3).removeprefix("auth.")], [])
        [[owner]] = admin.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s::regclass", [leaf(-3)])
        assert owner == "mentorbase_owner"

    def test_leaves_a_table_of_somebody_else_alone(self, admin: psycopg.Connection) -> None:
        admin.execute("CREATE SCHEMA other")
        admin.execute("CREATE TABLE other.audit_log (id bigint, at timestamptz) PARTITION BY RANGE (at)")
        admin.execute("CREATE TABLE other.audit_log_default PARTITION OF other.audit_log DEFAULT")
        admin.execute("GRANT ALL ON SCHEMA other TO mentorbase_owner")
        admin.execute("ALTER SCHEMA other OWNER TO mentorbase_reader")
        assert self.maintain(admin).keys() == set(LOGS)

    def test_takes_its_locks_in_the_order_in_which_analysts_take_theirs(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        remember(admin, 130)
        make_months(admin)
        lose(admin, leaf(-3))
        with ThreadPoolExecutor(1) as pool:
            with admin.transaction():
                admin.execute("LOCK TABLE ONLY auth.audit_log IN ACCESS SHARE MODE")
                maintained = pool.submit(outcome, partial(self.maintain, other))
                wait_until_stuck(admin, [maintained])
                admin.execute("SELECT FROM auth.v_audit_log")
            assert maintained.result() == dict.fromkeys(LOGS, ([], [])) | {
                "auth": ([leaf(-3).removeprefix("auth.")], [leaf(130).removeprefix("auth.")])
            }


class TestScrub:
    KEPT = ("id", "table_name", "row_key", "operation", "secret_columns", "actor_kind", "actor_id", "db_login")

    def test_erases_the_values_of_one_row_and_leaves_who_and_when(self, admin: psycopg.Connection) -> None:
        for user in (1, 2):
            with acting(admin, user):
                admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE id = %s", [user])
        before = audit_log(admin, "auth")
        with acting(admin, "admin:20"):
            [[now]] = admin.execute("SELECT now()").fetchall()
            assert scrub(admin, 1) == 2

        *after, record = audit_log(admin, "auth")
        erased = {"old_values": None, "new_values": None, "scrubbed_at": now}
        assert after == [{**row, **(erased if row["row_key"] == {"id": 1} else {})} for row in before]
        assert {row["actor_id"] for row in after if row["scrubbed_at"]} == {None, 1}
        assert {key: record[key] for key in ("operation", "row_key", "new_values", "actor_kind", "actor_id")} == {
            "operation": "scrub",
            "row_key": {"id": 1},
            "new_values": {"scrubbed": 2},
            "actor_kind": "admin",
            "actor_id": 20,
        }

    def test_erases_what_is_there_and_records_each_time(self, admin: psycopg.Connection) -> None:
        assert [scrub(admin, 1), scrub(admin, 1)] == [1, 0]
        admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE id = 1")
        assert [scrub(admin, 1), scrub(admin, 99)] == [1, 0]
        found = [row["new_values"] for row in audit_log(admin, "auth") if row["operation"] == "scrub"]
        assert found == [{"scrubbed": count} for count in (1, 0, 1, 0)]

    def test_finds_the_row_in_every_month_and_in_none(self, admin: psycopg.Connection) -> None:
        remember(admin, 20)
        make_months(admin)
        remember(admin, 30)
        admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE id = 1")
        assert scrub(admin, 1) == 4
        assert [
            row for row in told(admin, "auth.users") if row["row_key"] == {"id": 1} and row["scrubbed_at"] is None
        ] == [row for row in audit_log(admin, "auth") if row["operation"] == "scrub"]

    def test_takes_a_key_of_several_columns_in_any_order(self, admin: psycopg.Connection) -> None:
        admin.execute("INSERT INTO mentoring.blocks (blocker_id, blocked_id) VALUES (1, 2), (2, 1)")
        key = '{"blocked_id": 2, "blocker_id": 1}'
        assert admin.execute("SELECT platform.scrub('mentoring', 'blocks', %s)", [key]).fetchone() == (1,)
        found = [(row["row_key"], row["scrubbed_at"] is None) for row in told(admin, "mentoring.blocks")[:2]]
        assert found == [({"blocker_id": 1, "blocked_id": 2}, False), ({"blocker_id": 2, "blocked_id": 1}, True)]

    def test_does_not_need_to_quote_names_that_are_hostile(self, admin: psycopg.Connection) -> None:
        for schema in ("auth; DROP TABLE auth.users", 'auth"', "AUTH", "pg_temp"):
            with pytest.raises(psycopg.Error) as caught:
                admin.execute("SELECT platform.scrub(%s, 'users', '{}')", [schema])
            assert caught.value.sqlstate in {"42P01", "3F000", "MB004"}
        assert admin.execute("SELECT count(*) FROM auth.users").fetchone() == (20,)

    def test_of_a_table_that_does_not_exist_is_refused(self, admin: psycopg.Connection) -> None:
        with refused(NotFound, "MB004"):
            admin.execute("SELECT platform.scrub('auth', 'user', '{\"id\": 1}')")

    def test_misses_nothing_that_is_just_being_moved(
        self, admin: psycopg.Connection, other: psycopg.Connection
    ) -> None:
        lose(admin, leaf())
        admin.execute("UPDATE auth.users SET language_code = 'ru' WHERE id = 1")
        became = behind(admin, "SELECT platform.make_months('auth', 'audit_log')", [partial(scrub, other, 1)])
        assert became == [1]

    @pytest.mark.untouched
    def test_reads_no_more_of_a_long_log_than_of_a_short_one(self, admin: psycopg.Connection) -> None:
        def buffers() -> int:
            with admin.transaction(force_rollback=True):
                scrub(admin, 1)  # plans, and reads the catalog
                [[plan]] = admin.execute(
                    "EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT platform.scrub('auth', 'users', '{\"id\": 2}')"
                ).fetchall()
            return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])

        admin.execute("ANALYZE auth.audit_log")
        short = buffers()
        with acting(admin, "system"):
            admin.execute(
                "INSERT INTO auth.users (id, first_name) SELECT i, 'Person' FROM generate_series(100, 20000) AS i"
            )
        admin.execute(f"ANALYZE {leaf()}")  # type: ignore[arg-type]
        assert buffers() < short + 50


def scanned(conn: psycopg.Connection, condition: str, params: list[Any]) -> set[str]:
    """The partitions that a filtered read of the analysts' view touches."""
    [[plan]] = conn.execute(
        f"EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM auth.v_audit_log WHERE {condition}",  # type: ignore[arg-type]
        params,
    ).fetchall()

    def relations(node: dict[str, Any]) -> Iterator[str]:
        if "Relation Name" in node and node["Actual Loops"]:
            yield node["Relation Name"]
        for child in node.get("Plans", []):
            yield from relations(child)

    return set(relations(plan[0]["Plan"]))


class TestReading:
    def test_a_month_is_read_alone(self, admin: psycopg.Connection) -> None:
        for ago in (1, 2, 40):
            remember(admin, ago)
        make_months(admin)
        found = scanned(admin, "occurred_at >= %s AND occurred_at < %s", [month(2), month(1)])
        assert found == {leaf(2).removeprefix("auth.")}

    def test_what_is_younger_than_a_day_is_not_looked_for_in_old_months(self, admin: psycopg.Connection) -> None:
        for ago in (2, 3, 40):
            remember(admin, ago)
        make_months(admin)
        found = scanned(admin, "occurred_at >= now() - interval '1 day'", [])
        assert leaf().removeprefix("auth.") in found
        assert not found & {leaf(ago).removeprefix("auth.") for ago in (2, 3, 40)}
