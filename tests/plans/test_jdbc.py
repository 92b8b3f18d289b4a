"""The database as DBeaver sees it through JDBC: metadata, editing, the session's zone.

That every view opens at a million bookings is seen in ``test_plans.py``, which has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import READER
from plans.jdbc import EDITOR, Client, asked, described, opened, views

OTHER = 1111  # java.sql.Types.OTHER

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
GRANTS = re.findall(r"^GRANT [^;]+ TO my_editor;$", README, re.M)
"""What the README gives somebody who edits by hand."""
[REFUSAL] = re.findall(r"^```text\n(ERROR: a relationship.*?)\n^```$", README, re.M | re.S)
"""What it says they are shown."""

pytestmark = pytest.mark.direct


@pytest.fixture
def dbname(admin: psycopg.Connection) -> str:
    return admin.info.dbname


def test_every_view_and_column_has_its_remark_in_the_metadata(
    jdbc: Client, dbname: str, admin: psycopg.Connection
) -> None:
    with jdbc.connect(dbname, READER) as connection:
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


def test_keys_of_the_metadata_are_those_of_the_database(jdbc: Client, dbname: str, admin: psycopg.Connection) -> None:
    with jdbc.connect(dbname, READER) as connection:
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


def test_columns_say_their_type_and_which_of_them_the_database_fills(jdbc: Client, dbname: str) -> None:
    with jdbc.connect(dbname, READER) as connection:
        about = connection.getMetaData()
        columns = {
            f"{row['TABLE_SCHEM']}.{row['TABLE_NAME']}.{row['COLUMN_NAME']}": row
            for schema, table in (("mentoring", "%"), ("getcourse", "mentors"), ("links", "v_bookings"))
            for row in described(about.getColumns(None, schema, table, "%"))
        }
    types = jdbc.java.sql.Types
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
    jdbc: Client, dbname: str, editable: psycopg.Connection
) -> None:
    with jdbc.connect(dbname, EDITOR) as connection:
        result_set = jdbc.java.sql.ResultSet
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
    jdbc: Client, dbname: str, editable: psycopg.Connection
) -> None:
    with jdbc.connect(dbname, EDITOR) as connection:
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
    jdbc: Client, dbname: str, editable: psycopg.Connection
) -> None:
    editable.execute("INSERT INTO getcourse.mentors (email) VALUES ('anna@example.org')")
    with jdbc.connect(dbname, EDITOR) as connection:
        text = 'UPDATE "getcourse"."v_active_mentors" SET "id" = ? WHERE "id" = ?'
        state, message = refusal(jdbc.java, connection, text, 9, 1)
        assert state == "MB006"
        assert message.startswith("ERROR: this column of v_active_mentors cannot be edited")
        assert "Hint: Who or what a row is about does not change: end it, and insert another." in message

        text = 'UPDATE "mentoring"."mentor_mentee" SET "status" = ? WHERE "id" = ?'
        state, message = refusal(jdbc.java, connection, text, "paused", 1)
        assert state == "MB003"
        assert message.startswith(REFUSAL)

        assert changed(connection, text, "active", 1) == 1
        [step] = editable.execute(
            "SELECT from_status, to_status, actor_kind, db_login FROM mentoring.mentor_mentee_history"
            " WHERE from_status IS NOT NULL"
        ).fetchall()
        assert step == ("pending", "active", "admin", EDITOR)


def test_a_reader_edits_nothing(jdbc: Client, dbname: str, editable: psycopg.Connection) -> None:
    del editable
    with jdbc.connect(dbname, READER) as connection:
        for change in ("mentoring.v_mentor_mentee SET mentor_id", "getcourse.v_active_mentors SET telegram_id"):
            state, message = refusal(jdbc.java, connection, f"UPDATE {change} = ?", 7)
            assert (state, "permission denied for view" in message) == ("42501", True)
        with pytest.raises(jdbc.java.sql.SQLException, match="permission denied for table users"):
            opened(connection, "SELECT * FROM auth.users")


# -- The session's zone


def test_local_times_are_the_same_whatever_zone_the_client_sends(
    jdbc: Client, dbname: str, admin: psycopg.Connection, people: list[int]
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
        with jdbc.connect(dbname, READER, zone=zone) as connection:
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
