"""A recognisable value of two people in every column that is theirs, of every service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

FAR = 770_000_000_000
"""Added to every Telegram id, so that none is another number by chance."""

# What stands in a column of a type, if its constraints let it; %s is the sentinel.
SAMPLES = {
    "text": ["concat_ws(' ', t.{1}, '{0}')", "'{0}'", "'{0}@example.org'"],
    "jsonb": ["""t.{1} || '{{"note": "{0}"}}'""", """'["{0}"]'""", """'{{"{0}": 1}}'"""],
    "bytea": [r"'\x010001'::bytea || rpad('{0}', 40, '.')::bytea"],
    "text[]": ["ARRAY['{0}']"],
}


@dataclass(frozen=True)
class Known:
    """Somebody of the rows that `fill` makes, and what marks what is theirs."""

    user_id: int
    email: str
    sentinel: str
    tutor_id: str | None = None
    student_id: str | None = None

    @property
    def telegram_id(self) -> int:
        return FAR + 1000 + self.user_id

    @property
    def row(self) -> str:
        def text(value: str | None) -> str:
            return f"'{value}'" if value else "NULL"

        return (
            f"ROW({self.user_id}, NULL, '{self.email}', NULL, NULL, {text(self.tutor_id)}, {text(self.student_id)},"
            " NULL)::platform.person"
        )


# A mentor, teacher and parent; and their mentee, student and child.
ANNA = Known(1, "anna@example.org", "zzannazz", tutor_id="tutor_001")
BORIS = Known(2, "boris@example.org", "zzboriszz", student_id="student_001")

# Rows that `fill` has of nobody.
MORE = """
INSERT INTO getcourse.application_logs (logger, message, context)
VALUES ('bot', 'boris@example.org asked', '{"email": "boris@example.org"}');
INSERT INTO getcourse.error_logs (error_type, message, traceback, context)
VALUES ('ValueError', 'It ended.', 'File of anna@example.org', '{}');
SELECT getcourse.receive_webhook('no JSON of boris@example.org');
INSERT INTO tutormax.bulk_rows (load_id, position, document)
VALUES (gen_random_uuid(), 0, '{"tutor_id": "tutor_001"}'), (gen_random_uuid(), 1, '{"student_id": "student_001"}');
SELECT notifications.enqueue_many(
    ARRAY[1002], 'publication', 'telegram', '{"title": "A quiz", "publication_id": 1}', 'publication:1'
);
SET session_replication_role = replica;
UPDATE calendar.lesson_history SET actor_kind = 'teacher', actor_id = 1001;
UPDATE groups.group_history SET actor_kind = 'teacher', actor_id = 1001;
UPDATE students.group_enrollments_history SET actor_kind = 'student', actor_id = 1002;
UPDATE mentoring.subject_schedule_history SET actor_kind = 'mentor', actor_id = 1;
UPDATE quests.quest_history SET actor_kind = 'creator', actor_id = 1;
UPDATE notifications.notification_logs SET recipient_telegram_id = 1002;
RESET session_replication_role;
"""

Columns = list[tuple[str, str, str, str]]


def columns(conn: psycopg.Connection[Any], *, erased: bool = False) -> Columns:
    """Schema-qualified table, column, type and condition of what is somebody's."""
    return conn.execute(
        """
        SELECT
            format('%%I.%%I', i.schema_name, i.table_name), i.column_name, format_type(a.atttypid, a.atttypmod),
            i.found_by
        FROM platform.column_inventory AS i
        JOIN pg_attribute AS a
            ON a.attrelid = format('%%I.%%I', i.schema_name, i.table_name)::regclass AND a.attname = i.column_name
        WHERE i.found_by IS NOT NULL AND i.class IN ('contact', 'personal', 'words') AND i.table_name <> 'audit_log'
            AND (i.erasure <> 'keep' OR NOT %s)
        ORDER BY i.step, 1, 2
        """,
        [erased],
    ).fetchall()


def move_telegram_ids(conn: psycopg.Connection[Any]) -> None:
    """Give every Telegram account a number of its own, in logs too."""
    named = conn.execute(
        """
        SELECT format('%I.%I', schema_name, table_name), column_name FROM platform.column_inventory
        WHERE found_by = format('t.%s = p.telegram_id', column_name) OR column_name = 'telegram_id'
        ORDER BY 1, 2
        """
    ).fetchall()
    conn.execute("SET session_replication_role = replica")
    for table, column in named:
        conn.execute(f"UPDATE {table} SET {column} = {column} + {FAR} WHERE {column} BETWEEN 1001 AND 1999")  # type: ignore[arg-type]
    for (log,) in conn.execute("SELECT oid::regclass::text FROM pg_class WHERE relname = 'audit_log'").fetchall():
        for column in ("row_key", "old_values", "new_values"):
            moved = r"""'((?:telegram_id|marked_by)": )(1\d\d\d)\M', '\177000000\2', 'g'"""
            conn.execute(f"UPDATE {log} SET {column} = regexp_replace({column}::text, {moved})::jsonb")  # type: ignore[arg-type]
    conn.execute("RESET session_replication_role")


def found(conn: psycopg.Connection[Any], who: Known) -> str:
    """The person under all names, as a subquery p."""
    ((person,),) = conn.execute(f"SELECT platform.find_person({who.row})::text")  # type: ignore[arg-type]
    return f"(SELECT ('{person}'::platform.person).*) AS p"


def mark(conn: psycopg.Connection[Any], who: Known) -> set[tuple[str, str]]:
    """Put the sentinel into every column of theirs that takes it; the columns that did."""
    marked, person = set(), found(conn, who)
    for table, column, kind, found_by in columns(conn):
        if table.startswith("getcourse.") and column.endswith("email"):
            marked.add((table, column))  # what they are found by: it is the sentinel itself
            continue
        for sample in SAMPLES.get(kind, []):
            value = sample.format(who.sentinel, column)
            if _put(conn, f"UPDATE {table} AS t SET {column} = {value} FROM {person} WHERE {found_by}"):
                marked.add((table, column))
                break
    return marked


def _put(conn: psycopg.Connection[Any], update: str) -> bool:
    """Change as anybody would, so that it is audited; or else past the guards."""
    for role in ("origin", "replica"):
        try:
            with conn.transaction():
                conn.execute("SET LOCAL mentorbase.actor = 'system'")
                conn.execute(f"SET LOCAL session_replication_role = {role}")
                return conn.execute(update).rowcount > 0  # type: ignore[arg-type]
        except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
            return False
        except psycopg.Error as error:
            if role == "replica" and not (error.sqlstate or "").startswith(("MB", "42", "22", "23", "0A", "428")):
                raise
    return False


def theirs(conn: psycopg.Connection[Any], who: Known) -> dict[tuple[str, str], list[str]]:
    """What stands in each column that is theirs."""
    person = found(conn, who)
    return {
        (table, column): [
            value
            for (value,) in conn.execute(
                f"SELECT t.{column}::text FROM {table} AS t, {person} WHERE {found_by} ORDER BY 1"  # type: ignore[arg-type]
            )
        ]
        for table, column, _, found_by in columns(conn)
    }


def tables_with(conn: psycopg.Connection[Any], *texts: str) -> list[str]:
    """The tables with a row that has one of these texts anywhere, as it is or in the hexadecimal of a bytea."""
    wanted = [f"%{text}%" for text in texts] + [f"%{text.encode().hex()}%" for text in texts]
    every = conn.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)'
        ORDER BY 1
        """
    ).fetchall()
    return [
        table
        for (table,) in every
        if conn.execute(f"SELECT EXISTS (SELECT FROM {table} AS t WHERE t::text LIKE ANY (%s))", [wanted]).fetchone()  # type: ignore[arg-type]
        == (True,)
    ]
