"""Debian's JDBC driver, which DBeaver uses too, in a JVM of this process; and what DBeaver does with it.

DBeaver opens a table or view with ``SELECT * FROM it``, ``setMaxRows(200)`` and a fetch size of 200. With that the
planner does not know that 200 rows will do; with "Use SQL to limit fetch size" it adds ``LIMIT 200``. Both are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import READER, TestServer, ensure_login
from plans.loaded import LARGE, Volume, nodes
from psycopg.conninfo import conninfo_to_dict

JAR = Path("/usr/share/java/postgresql.jar")
PASSWORD = "only for this server"
EDITOR = "test_jdbc_editor"
ROWS = 200

COUNTS_EVERYTHING = {
    "getcourse.v_notification_backlog",
    "getcourse.v_webhook_backlog",
    "notifications.v_notification_backlog",
}
"""One row for all rows of a table, as their comments say; v_queues beside them reads only what is open."""
MAY_SORT = {
    "links.v_mentor_board": "mentoring.mentor_mentee",
    "mentoring.v_mentor_board": "mentoring.mentor_mentee",
}
"""Asked for all rows, the planner walks the index of live relationships or sorts them, as its statistics happen to be:
both cost the same. That reads relationships, not the bookings of more than 200. With LIMIT it always walks."""
TUPLES = 1_000
"""So many rows of one table may be scanned to show 200: of a view that leaves some out."""
PAGES = 8_000
"""So many pages may be touched to show 200 rows, most of them over and over again: some 40 a row."""


def start_java() -> Any:
    """The java package of a JVM that knows the driver and lives as long as the process; skips where one is missing."""
    jpype = pytest.importorskip("jpype", reason="JPype is missing (pip install JPype1)")
    if not JAR.exists():
        pytest.skip(f"{JAR} is missing (Debian: libpostgresql-jdbc-java)")
    if not jpype.isJVMStarted():
        try:
            jpype.startJVM("-Xshare:auto", "-XX:TieredStopAtLevel=1", classpath=[str(JAR)])
        except jpype.JVMNotFoundException:
            pytest.skip("Java is missing (Debian: default-jre-headless)")
    return jpype.JPackage("java")


class Client:
    """Opens connections as DBeaver does."""

    def __init__(self, server: TestServer) -> None:
        self.java = start_java()
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


def count_opened(connection: Any, text: str) -> int:
    """How many rows there are; their values have come, and are not looked at, which takes long from here."""
    statement = connection.createStatement()
    statement.setMaxRows(ROWS)
    statement.setFetchSize(ROWS)
    rows = statement.executeQuery(text)
    shown = 0
    while rows.next():
        shown += 1
    statement.close()
    return shown


def read_whole(connection: Any, text: str) -> tuple[int, dict[str, int]]:
    """How many rows a statement shows, and of which large tables it scans more than that takes."""
    connection.setAutoCommit(False)
    before = scanned(connection)
    shown = count_opened(connection, text)
    after = {table: tuples - before[table] for table, tuples in scanned(connection).items()}
    connection.rollback()
    connection.setAutoCommit(True)
    return shown, {table: tuples for table, tuples in after.items() if tuples > TUPLES}


def open_every_view(volume: Volume, client: Client, subtests: pytest.Subtests) -> None:
    """Show 200 rows of each, and see that no large table is read from end to end for that."""
    dbname = str(conninfo_to_dict(volume.dsn)["dbname"])
    with psycopg.connect(volume.dsn, autocommit=True) as admin, client.connect(dbname, READER) as connection:
        for view in views(admin):
            for text in (f"SELECT * FROM {view}", f"SELECT * FROM {view} LIMIT {ROWS}"):
                with subtests.test(text):
                    shown, whole = read_whole(connection, text)
                    assert shown == count_opened(connection, text) <= ROWS
                    if "LIMIT" not in text:
                        whole.pop(MAY_SORT.get(view, ""), None)
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
