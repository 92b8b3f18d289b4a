"""The database as DBeaver sees it: through Debian's JDBC driver, in one JVM.

DBeaver opens a table or view with ``SELECT * FROM it``, ``setMaxRows(200)`` and a fetch size of 200. With that the
planner does not know that 200 rows will do; with "Use SQL to limit fetch size" it adds ``LIMIT 200``. Both are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import READER, TestServer, ensure_login
from plans.loaded import LARGE, Volume, nodes
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql.executors import NoopExecutor

ROOT = Path(__file__).parents[2]
JAR = Path("/usr/share/java/postgresql.jar")
PASSWORD = "only for this server"
EDITOR = "test_jdbc_editor"
ROWS = 200
OTHER = 1111  # java.sql.Types.OTHER

README = (ROOT / "README.md").read_text("utf-8")
GRANTS = re.findall(r"^GRANT [^;]+ TO my_editor;$", README, re.M)
"""What the README gives somebody who edits by hand."""
[REFUSAL] = re.findall(r"^```text\n(ERROR: a relationship.*?)\n^```$", README, re.M | re.S)
"""What it says they are shown."""

COUNTS_EVERYTHING = {
    "getcourse.v_notification_backlog",
    "getcourse.v_webhook_backlog",
    "notifications.v_notification_backlog",
}
"""One row for all rows of a table, as their comments say; v_queues beside them reads only what is open."""
TUPLES = 5_000
"""So many rows of one table may be scanned to show 200: of a view that leaves some out."""
PAGES = 15_000
"""So many pages may be touched to show 200 rows, most of them over and over again: some 75 a row."""

pytestmark = [
    pytest.mark.direct,
    pytest.mark.xdist_group("volume"),
    pytest.mark.skipif(not JAR.exists(), reason=f"{JAR} is missing (Debian: libpostgresql-jdbc-java)"),
]


@pytest.fixture(scope="session")
def java() -> Any:
    """The java.sql package and its driver, in a JVM that lives as long as the process."""
    jpype = pytest.importorskip("jpype", reason="JPype is missing (pip install JPype1)")
    if not jpype.isJVMStarted():
        try:
            jpype.startJVM("-Xshare:auto", "-XX:TieredStopAtLevel=1", classpath=[str(JAR)])
        except jpype.JVMNotFoundException:
            pytest.skip("Java is missing (Debian: default-jre-headless)")
    return jpype.JPackage("java")


class Client:
    """Opens connections as DBeaver does."""

    def __init__(self, java: Any, server: TestServer) -> None:
        self.java = java
        host = "127.0.0.1" if server.host.startswith("/") else server.host
        self.address = f"jdbc:postgresql://{host}:{server.port}"
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            ensure_login(admin, EDITOR)
            for login in (READER, EDITOR):
                admin.execute(f"ALTER ROLE {login} PASSWORD '{PASSWORD}'")

    @contextmanager
    def connect(self, dbname: str, login: str, *, zone: str = "UTC") -> Iterator[Any]:
        """A connection that commits by itself, in a program whose clock shows this zone."""
        before = self.java.util.TimeZone.getDefault()
        self.java.util.TimeZone.setDefault(self.java.util.TimeZone.getTimeZone(zone))
        connection = self.java.sql.DriverManager.getConnection(f"{self.address}/{dbname}", login, PASSWORD)
        try:
            yield connection
        finally:
            connection.close()
            self.java.util.TimeZone.setDefault(before)


@pytest.fixture(scope="session")
def client(java: Any, pg_server: TestServer, pg_template: NoopExecutor) -> Client:
    del pg_template  # which makes the logins
    return Client(java, pg_server)


@pytest.fixture(scope="session")
def of_volume(volume: Volume) -> str:
    return str(conninfo_to_dict(volume.dsn)["dbname"])


@pytest.fixture
def dbname(admin: psycopg.Connection) -> str:
    return admin.info.dbname


def read(results: Any) -> list[dict[str, Any]]:
    """What a result set shows, as DBeaver's grid does; names as the driver gives them."""
    shape = results.getMetaData()
    names = [str(shape.getColumnLabel(column)) for column in range(1, shape.getColumnCount() + 1)]
    rows = []
    while results.next():
        values = [results.getObject(column) for column in range(1, len(names) + 1)]
        rows.append({name: None if value is None else str(value) for name, value in zip(names, values, strict=True)})
    results.close()
    return rows


def described(results: Any) -> list[dict[str, Any]]:
    """Rows of metadata, whose names the driver writes in any case."""
    return [{name.upper(): value for name, value in row.items()} for row in read(results)]


def opened(connection: Any, text: str) -> list[dict[str, Any]]:
    statement = connection.createStatement()
    statement.setMaxRows(ROWS)
    statement.setFetchSize(ROWS)
    rows = read(statement.executeQuery(text))
    statement.close()
    return rows


def asked(connection: Any, text: str) -> list[dict[str, Any]]:
    statement = connection.createStatement()
    rows = read(statement.executeQuery(text))
    statement.close()
    return rows


def views(conn: psycopg.Connection) -> list[str]:
    found = conn.execute(
        "SELECT schemaname || '.' || viewname FROM pg_views WHERE viewname ~ '^v_' ORDER BY 1"
    ).fetchall()
    return [view for (view,) in found]


SCANNED = """
SELECT s.schemaname || '.' || s.relname AS name, s.seq_tup_read AS tuples
FROM pg_stat_xact_user_tables AS s INNER JOIN pg_class AS c ON s.relid = c.oid
WHERE c.reltuples >= {}
"""


def scanned(connection: Any) -> dict[str, int]:
    """How many rows of each large table were read by scanning it; earlier transactions may be in it, too."""
    return {row["name"]: int(row["tuples"]) for row in asked(connection, SCANNED.format(LARGE))}


def read_whole(connection: Any, text: str) -> tuple[int, dict[str, int]]:
    """How many rows a statement shows, and of which large tables it scans more than that takes."""
    connection.setAutoCommit(False)
    before = scanned(connection)
    shown = len(opened(connection, text))
    after = {table: tuples - before[table] for table, tuples in scanned(connection).items()}
    connection.rollback()
    connection.setAutoCommit(True)
    return shown, {table: tuples for table, tuples in after.items() if tuples > TUPLES}


def test_every_view_opens_with_200_rows_and_reads_no_large_table_from_end_to_end(
    volume: Volume, of_volume: str, client: Client, subtests: pytest.Subtests
) -> None:
    with psycopg.connect(volume.dsn, autocommit=True) as admin, client.connect(of_volume, READER) as connection:
        for view in views(admin):
            for text in (f"SELECT * FROM {view}", f"SELECT * FROM {view} LIMIT {ROWS}"):
                with subtests.test(text):
                    shown, whole = read_whole(connection, text)
                    assert shown == len(opened(connection, text)) <= ROWS
                    assert (whole == {}) is (view not in COUNTS_EVERYTHING), whole
            with subtests.test(f"{view} within its pages"):
                if view not in COUNTS_EVERYTHING:
                    how = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT * FROM {view} LIMIT {ROWS}"
                    [[[found]]] = admin.execute(how).fetchall()  # type: ignore[call-overload]
                    pages = sum(found["Plan"][kind] for kind in ("Shared Hit Blocks", "Shared Read Blocks"))
                    assert pages <= PAGES, list(nodes(found["Plan"]))
        with subtests.test("what reads a large table is seen"):
            _, whole = read_whole(connection, "SELECT count(*) FROM mentoring.v_bookings WHERE minutes = 4711")
            assert whole["mentoring.subject_schedule"] > 500_000


def test_every_view_and_column_has_its_remark_in_the_metadata(
    client: Client, dbname: str, admin: psycopg.Connection
) -> None:
    with client.connect(dbname, READER) as connection:
        about = connection.getMetaData()
        tables = described(about.getTables(None, "%", "v\\_%", ["VIEW"]))
        columns = described(about.getColumns(None, "%", "v\\_%", "%"))
        ours = {view.partition(".")[0] for view in views(admin)}
        tables = [table for table in tables if table["TABLE_SCHEM"] in ours]
        columns = [column for column in columns if column["TABLE_SCHEM"] in ours]
    assert sorted(f"{table['TABLE_SCHEM']}.{table['TABLE_NAME']}" for table in tables) == views(admin)
    assert [row for row in tables + columns if not row["REMARKS"]] == []
    told = {(row["TABLE_NAME"], row["COLUMN_NAME"]): row["REMARKS"] for row in columns if row["TABLE_SCHEM"] == "links"}
    assert told["v_bookings", "mentor_starts_local"] == "When it begins by the mentor's clock."


def test_keys_of_the_metadata_are_those_of_the_database(client: Client, dbname: str, admin: psycopg.Connection) -> None:
    with client.connect(dbname, READER) as connection:
        about = connection.getMetaData()
        primary = {
            (row["TABLE_SCHEM"], row["TABLE_NAME"], row["PK_NAME"], row["COLUMN_NAME"], int(row["KEY_SEQ"]))
            for row in described(about.getPrimaryKeys(None, None, None))
        }
        foreign = {
            (row["FKTABLE_SCHEM"], row["FKTABLE_NAME"], row["FK_NAME"], row["FKCOLUMN_NAME"], row["PKTABLE_SCHEM"],
             row["PKTABLE_NAME"], row["PKCOLUMN_NAME"])
            for row in described(about.getImportedKeys(None, None, None))
        }  # fmt: skip
    keys = """
        FROM pg_constraint AS k
        CROSS JOIN unnest(k.conkey) WITH ORDINALITY AS u (number, place)
        INNER JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
        INNER JOIN pg_class AS c ON k.conrelid = c.oid
        INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    """
    ours = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
    assert primary >= set(
        admin.execute(
            f"SELECT n.nspname, c.relname, k.conname, a.attname, u.place {keys} WHERE k.contype = 'p' AND {ours}"
        ).fetchall()
    )
    expected = admin.execute(
        f"""
        SELECT n.nspname, c.relname, k.conname, a.attname, f.relnamespace::regnamespace::text, f.relname, b.attname
        {keys}
        INNER JOIN pg_class AS f ON k.confrelid = f.oid
        INNER JOIN pg_attribute AS b ON b.attrelid = f.oid AND b.attnum = k.confkey[u.place]
        WHERE k.contype = 'f' AND {ours}
        """
    ).fetchall()
    assert foreign == set(expected)
    assert ("mentoring", "mentor_mentee", "mentor_mentee_mentor_id_fkey", "mentor_id", "auth", "users", "id") in foreign


def test_columns_say_their_type_and_which_of_them_the_database_fills(client: Client, dbname: str) -> None:
    with client.connect(dbname, READER) as connection:
        about = connection.getMetaData()
        columns = {
            f"{row['TABLE_SCHEM']}.{row['TABLE_NAME']}.{row['COLUMN_NAME']}": row
            for schema, table in (("mentoring", "%"), ("getcourse", "mentors"), ("links", "v_bookings"))
            for row in described(about.getColumns(None, schema, table, "%"))
        }
    types = client.java.sql.Types
    names = {int(getattr(types, name)): name for name in ("BIGINT", "BIT", "NUMERIC", "TIMESTAMP", "VARCHAR")}
    said = {
        name: (names.get(int(row["DATA_TYPE"])), row["TYPE_NAME"], row["NULLABLE"], row["IS_AUTOINCREMENT"],
               row["IS_GENERATEDCOLUMN"])
        for name, row in columns.items()
    }  # fmt: skip
    assert said["mentoring.subjects.id"] == ("BIGINT", "int8", "0", "YES", "NO")
    assert said["mentoring.subjects.price"] == ("NUMERIC", "numeric", "1", "NO", "NO")
    assert [columns["mentoring.subjects.price"][key] for key in ("COLUMN_SIZE", "DECIMAL_DIGITS")] == ["12", "2"]
    assert said["mentoring.subject_schedule.booked_date"] == ("TIMESTAMP", "timestamptz", "0", "NO", "NO")
    assert said["mentoring.subject_schedule.status"][0] == "VARCHAR"
    assert said["mentoring.subject_schedule.status"][1].strip('"').endswith("booking_status")
    assert said["getcourse.mentors.is_open"] == ("BIT", "bool", "0", "NO", "YES")
    assert said["links.v_bookings.mentor_starts_local"][:2] == ("TIMESTAMP", "timestamp")
    assert said["links.v_bookings.price"][:2] == ("NUMERIC", "numeric")


# -- Editing


@pytest.fixture
def editable(admin: psycopg.Connection, people: list[int]) -> Iterator[psycopg.Connection]:
    """Somebody was given what the README says is edited by hand."""
    for grant in GRANTS:
        admin.execute(grant.replace("my_editor", EDITOR))  # type: ignore[arg-type]
    admin.execute(f"GRANT SELECT (id, status), UPDATE (status) ON mentoring.mentor_mentee TO {EDITOR}")
    admin.execute("SELECT mentoring.request(1, 2, 'mentor', 1)")
    yield admin
    admin.execute(f"DROP OWNED BY {EDITOR}")


def changed(connection: Any, text: str, *values: object) -> int:
    """What DBeaver sends for a cell that was edited; an enum goes as an object of no type that JDBC knows."""
    statement = connection.prepareStatement(text)
    for place, value in enumerate(values, 1):
        if isinstance(value, int):
            statement.setLong(place, value)
        else:
            statement.setObject(place, value, OTHER)
    try:
        return int(statement.executeUpdate())
    finally:
        statement.close()


def refusal(java: Any, connection: Any, text: str, *values: object) -> tuple[str, str]:
    """The SQLSTATE and the message that DBeaver shows."""
    with pytest.raises(java.sql.SQLException) as caught:
        changed(connection, text, *values)
    return str(caught.value.getSQLState()), str(caught.value.getMessage())


def test_a_cell_of_a_reference_table_is_edited_and_the_change_is_on_record(
    client: Client, dbname: str, editable: psycopg.Connection
) -> None:
    with client.connect(dbname, EDITOR) as connection:
        result_set = client.java.sql.ResultSet
        grid = connection.createStatement(result_set.TYPE_FORWARD_ONLY, result_set.CONCUR_UPDATABLE)
        rows = grid.executeQuery("SELECT name, value FROM mentoring.settings WHERE name = 'open_requests'")
        assert rows.next()
        rows.updateLong("value", 7)
        rows.updateRow()
        grid.close()
        text = 'UPDATE "notifications"."notification_templates" SET "body" = ? WHERE "id" = ?'
        assert changed(connection, text, "New: {title}", 1) == 1
    assert editable.execute("SELECT value FROM mentoring.settings WHERE name = 'open_requests'").fetchone() == (7,)
    recorded = editable.execute(
        "SELECT old_values, new_values, actor_kind, db_login FROM mentoring.audit_log"
        " WHERE table_name = 'settings' AND operation = 'update'"
    ).fetchall()
    assert recorded == [({"value": 5}, {"value": 7}, "admin", EDITOR)]


def test_an_edited_view_of_versions_makes_another_version(
    client: Client, dbname: str, editable: psycopg.Connection
) -> None:
    with client.connect(dbname, EDITOR) as connection:
        insert = 'INSERT INTO "getcourse"."v_active_mentors" ("email", "first_name") VALUES (?, ?)'
        assert changed(connection, insert, "anna@example.org", "Ana") == 1
        update = 'UPDATE "getcourse"."v_active_mentors" SET "first_name" = ? WHERE "id" = ?'
        [row] = opened(connection, "SELECT * FROM getcourse.v_active_mentors")
        assert changed(connection, update, "Anna", int(row["id"])) == 1
        [row] = opened(connection, "SELECT * FROM getcourse.v_active_mentors")
        assert row["first_name"] == "Anna"
    assert editable.execute("SELECT first_name FROM getcourse.mentors ORDER BY valid_from").fetchall() == [
        ("Ana",),
        ("Anna",),
    ]


def test_what_may_not_be_edited_is_refused_with_a_message_that_says_why_and_what_to_do(
    client: Client, dbname: str, editable: psycopg.Connection
) -> None:
    editable.execute("INSERT INTO getcourse.mentors (email) VALUES ('anna@example.org')")
    with client.connect(dbname, EDITOR) as connection:
        text = 'UPDATE "getcourse"."v_active_mentors" SET "id" = ? WHERE "id" = ?'
        state, message = refusal(client.java, connection, text, 9, 1)
        assert state == "MB006"
        assert message.startswith("ERROR: this column of v_active_mentors cannot be edited")
        assert "Hint: Who or what a row is about does not change: end it, and insert another." in message

        text = 'UPDATE "mentoring"."mentor_mentee" SET "status" = ? WHERE "id" = ?'
        state, message = refusal(client.java, connection, text, "paused", 1)
        assert state == "MB003"
        assert message.startswith(REFUSAL)

        assert changed(connection, text, "active", 1) == 1
        [step] = editable.execute(
            "SELECT from_status, to_status, actor_kind, db_login FROM mentoring.mentor_mentee_history"
            " WHERE from_status IS NOT NULL"
        ).fetchall()
        assert step == ("pending", "active", "admin", EDITOR)


def test_a_reader_edits_nothing(client: Client, dbname: str, editable: psycopg.Connection) -> None:
    del editable
    with client.connect(dbname, READER) as connection:
        for change in ("mentoring.v_mentor_mentee SET mentor_id", "getcourse.v_active_mentors SET telegram_id"):
            state, message = refusal(client.java, connection, f"UPDATE {change} = ?", 7)
            assert (state, "permission denied for view" in message) == ("42501", True)
        with pytest.raises(client.java.sql.SQLException, match="permission denied for table users"):
            opened(connection, "SELECT * FROM auth.users")


# -- The session's zone


def test_local_times_are_the_same_whatever_zone_the_client_sends(
    client: Client, dbname: str, admin: psycopg.Connection, people: list[int]
) -> None:
    del people
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO mentoring.user_profiles (user_id, timezone) VALUES (1, 'Asia/Yekaterinburg')")
        admin.execute("INSERT INTO mentoring.subjects (id, user_id, title) VALUES (1, 1, 'Algebra')")
        admin.execute(
            "INSERT INTO mentoring.subject_schedule (subject_id, mentor_id, user_id, booked_date, ends_at)"
            " VALUES (1, 1, 2, '2099-01-01 12:00+00', '2099-01-01 13:00+00')"
        )
        admin.execute("INSERT INTO getcourse.mentors (email) VALUES ('anna@example.org')")
    seen = {}
    for zone in ("UTC", "America/New_York"):
        with client.connect(dbname, READER, zone=zone) as connection:
            assert asked(connection, "SHOW TimeZone") == [{"TimeZone": zone}]
            [row] = asked(
                connection,
                "SELECT starts_at::text AS instant, mentor_starts_local::text AS mentor,"
                " mentee_starts_local::text AS mentee FROM links.v_bookings",
            )
            closing = "SELECT id FROM getcourse.v_active_mentors WHERE valid_to = '9999-12-31'::TIMESTAMPTZ"
            seen[zone] = (row["instant"], row["mentor"], row["mentee"], len(asked(connection, closing)))
            assert len(asked(connection, "SELECT * FROM getcourse.v_active_mentors")) == 1
    # The instant is shown in the client's zone, and the documented comparison holds in UTC only, as the README says.
    assert seen == {
        "UTC": ("2099-01-01 12:00:00+00", "2099-01-01 17:00:00", "2099-01-01 12:00:00", 1),
        "America/New_York": ("2099-01-01 07:00:00-05", "2099-01-01 17:00:00", "2099-01-01 12:00:00", 0),
    }
