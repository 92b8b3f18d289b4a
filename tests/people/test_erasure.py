"""One person's export has all that is theirs and nothing of others; their erasure leaves nothing that names them."""

from __future__ import annotations

import json
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from auth.keys import INDEX, OLD
from cli.support import mentorbase
from conftest import APP, DEPLOY, READER, TestServer
from mentorbase import (
    ContactCipher,
    ContactKind,
    NotFound,
    ReadOnly,
    SealedColumn,
    SetupError,
    Vault,
    WordCipher,
    people,
)
from mentorbase.migrate import migrate
from mentorbase.people import Person
from mentoring.lifecycle import refused
from people.sentinels import ANNA, BORIS, MORE, Known, columns, mark, move_telegram_ids, tables_with, theirs
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, fill, new_database

VAULT = Vault({1: OLD}, INDEX)
KEYS = {
    "MENTORBASE_KEYS": f"1:{b64encode(OLD).decode()}",
    "MENTORBASE_INDEX_KEY": b64encode(INDEX).decode(),
}


@pytest.fixture(scope="module")
def marked(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[psycopg.Connection[Any]]:
    """Rows in every table, with the sentinels of two people; a superuser's connection."""
    with (
        new_database(pg_server, f"{pg_template.dbname}_people", pg_template.template_dbname or "template1") as dsn,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        fill(conn)
        conn.execute("SET mentorbase.actor = 'system'")
        conn.execute(MORE)
        conn.execute("RESET mentorbase.actor")
        move_telegram_ids(conn)
        both = mark(conn, ANNA) | mark(conn, BORIS)
        wanted = {(table, column) for table, column, kind, _ in columns(conn, erased=True) if kind in TEXTS}
        assert wanted - both == UNMARKED
        yield conn


TEXTS = ("text", "jsonb", "bytea", "text[]")
# Their constraints leave no room for a sentinel: codes of languages, currencies and time zones.
UNMARKED = {
    ("auth.users", "language_code"),
    ("auth.users", "timezone"),
    ("calendar.teacher_schedules", "timezone"),
    ("mentoring.subjects", "price_currency"),
    ("mentoring.user_profiles", "mentor_rate_currency"),
    ("mentoring.user_profiles", "timezone"),
    ("notifications.user_notification_settings", "timezone"),
    ("students.student_languages", "language"),
    ("students.students", "timezone"),
    ("teachers.teacher_languages", "language"),
    ("teachers.teachers", "rate_currency"),
    ("teachers.teachers", "timezone"),
}


# What Boris was told in Anna's words, what she was told of him, and when a node of the quest she made last changed.
TOLD = {
    ("notifications.notifications", "payload"),
    ("notifications.notifications", "body"),
    ("getcourse.notifications", "message"),
    ("getcourse.notifications", "last_error"),
    ("quests.quest_nodes", "updated_at"),
}


@pytest.fixture
def conn(marked: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    with marked.transaction(force_rollback=True):
        yield marked


def erase(conn: psycopg.Connection[Any], who: Known) -> list[tuple[Any, ...]]:
    return conn.execute(f"SELECT * FROM platform.erase_person({who.row})").fetchall()  # type: ignore[arg-type]


def exported(conn: psycopg.Connection[Any], who: Known) -> list[tuple[str, str, dict[str, Any]]]:
    return conn.execute(f"SELECT * FROM platform.export_person({who.row})").fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize(("who", "other"), [(ANNA, BORIS), (BORIS, ANNA)], ids=["anna", "boris"])
def test_nothing_that_names_who_was_erased_is_left_in_any_table(
    conn: psycopg.Connection[Any], who: Known, other: Known
) -> None:
    assert {"auth.users", "auth.audit_log"} <= set(tables_with(conn, str(who.telegram_id)))
    assert len(tables_with(conn, who.sentinel)) > 15
    before, histories = theirs(conn, other), _histories(conn)

    erase(conn, who)

    assert tables_with(conn, who.sentinel, str(who.telegram_id), who.email) == []
    changed = {place for place, values in theirs(conn, other).items() if values != before[place]}
    assert changed == (TOLD if who is ANNA else set())
    assert _histories(conn) >= histories
    assert conn.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'").fetchone() == (0,)


def _histories(conn: psycopg.Connection[Any]) -> int:
    tables = conn.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relname ~ '_history$' AND relkind = 'r'"
    ).fetchall()
    counts = [conn.execute(f"SELECT count(*) FROM {table}").fetchone() for (table,) in tables]  # type: ignore[arg-type]
    return sum(count for (count,) in counts if count)  # type: ignore[misc]


def test_an_erasure_ends_what_lives_on_by_the_rules(conn: psycopg.Connection[Any]) -> None:
    erase(conn, ANNA)

    assert conn.execute("SELECT count(*) FROM mentoring.mentor_mentee WHERE ended_at IS NULL").fetchone() == (0,)
    assert conn.execute(
        """
        SELECT to_status::text, actor_kind::text, reason, count(*) FROM mentoring.mentor_mentee_history
        WHERE occurred_at = now() GROUP BY 1, 2, 3 ORDER BY 1
        """
    ).fetchall() == [
        ("cancelled", "admin", "the account was erased", 1),
        ("terminated", "system", "the account was erased", 2),
    ]
    assert conn.execute("SELECT status::text FROM groups.groups").fetchall() == [("cancelled",)]
    assert conn.execute("SELECT status::text FROM quests.quests").fetchall() == [("deleted",)]
    assert conn.execute(
        "SELECT count(*) FROM calendar.lessons WHERE status = 'planned' AND starts_at > now()"
    ).fetchone() == (0,)


def test_an_erasure_is_recorded_without_whom_and_run_again_finds_nothing(conn: psycopg.Connection[Any]) -> None:
    conn.execute("SET LOCAL mentorbase.actor = 'admin:20'")
    done = erase(conn, ANNA)
    again = conn.execute("SELECT * FROM platform.erase_person(ROW(1, NULL, NULL, NULL, NULL, 'tutor_001', NULL, NULL))")

    assert again.fetchall() == []
    ((user_id, changed, kind, actor_id, login),) = conn.execute(
        "SELECT user_id, changed, actor_kind::text, actor_id, db_login FROM platform.erasures WHERE user_id = 1"
    )
    assert (user_id, kind, actor_id, login) == (1, "admin", 20, "postgres")
    assert sum(changed.values()) == sum(row[3] for row in done)
    assert conn.execute("SELECT current_setting('mentorbase.actor')").fetchone() == ("admin:20",)


def test_no_record_of_an_erasure_changes(conn: psycopg.Connection[Any]) -> None:
    erase(conn, ANNA)
    with refused(ReadOnly, "MB006"), conn.transaction():
        conn.execute("DELETE FROM platform.erasures")


@pytest.mark.parametrize(("who", "other"), [(ANNA, BORIS), (BORIS, ANNA)], ids=["anna", "boris"])
def test_an_export_has_all_that_is_theirs_and_nothing_of_another(
    conn: psycopg.Connection[Any], who: Known, other: Known
) -> None:
    mine = {place for place, values in theirs(conn, who).items() if any(values)}

    rows = exported(conn, who)

    shown = {(f"{schema}.{table}", column) for schema, table, document in rows for column in document}
    assert mine - shown == set()
    classes = {
        (f"{schema}.{table}", column): kind
        for schema, table, column, kind in conn.execute(
            "SELECT schema_name, table_name, column_name, class::text FROM platform.column_inventory"
        )
    }
    assert {classes[place] for place in shown} == {"none", "identifier", "contact", "personal", "words"}
    assert who.sentinel in json.dumps(rows)
    foreign = (other.sentinel, other.sentinel.encode().hex(), str(other.telegram_id), other.email)
    assert [row for row in rows if any(text in json.dumps(row) for text in foreign)] == []


def test_a_parent_learns_nothing_of_the_child_from_an_export(conn: psycopg.Connection[Any]) -> None:
    tables = {f"{schema}.{table}" for schema, table, _ in exported(conn, ANNA)}
    nodes = [document for schema, table, document in exported(conn, ANNA) if table == "quest_nodes"]

    assert tables.isdisjoint(
        {"quests.quest_analytics", "quests.child_progress", "quests.achievements", "quests.child_privacy_settings"}
    )
    assert {"counted", "updated_at", "child_id"}.isdisjoint(*nodes)


@pytest.mark.parametrize("function", ["find_person", "export_person", "erase_person"])
@pytest.mark.parametrize("login", [APP, READER])
def test_only_the_owner_exports_and_erases(marked: psycopg.Connection[Any], login: str, function: str) -> None:
    with (
        psycopg.connect(make_conninfo(marked.info.dsn, user=login)) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(f"SELECT platform.{function}(ROW(1, NULL, NULL, NULL, NULL, NULL, NULL, NULL))")  # type: ignore[arg-type]


# -- The commands


@pytest.fixture
def deploy(admin: psycopg.Connection[Any]) -> str:
    """A database with one person, who has a contact, a message, and rows as a mentor of the bot."""
    cipher, words = ContactCipher(VAULT), WordCipher(VAULT)
    sealed = cipher.seal(7, ContactKind.EMAIL, "Eva@example.org")
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute("INSERT INTO auth.users (id, telegram_id, first_name) VALUES (7, 77007700, 'Eva')")
        admin.execute(
            "INSERT INTO auth.user_contacts (user_id, kind, sealed, lookup_hash) VALUES (%s, %s, %s, %s)", sealed
        )
        admin.execute("INSERT INTO quests.users (id) VALUES (7)")
        message = words.seal(SealedColumn.MESSAGE, 7, "I am tired")
        admin.execute("INSERT INTO quests.messages (user_id, role, content) VALUES (7, 'user', %s)", [message])
        admin.execute("INSERT INTO getcourse.mentors (email, first_name) VALUES ('eva@example.org', 'Eva')")
    return make_conninfo(admin.info.dsn, user=DEPLOY)


def test_the_command_writes_a_file_of_ones_own_with_words_decrypted(tmp_path: Path, deploy: str) -> None:
    done = mentorbase("export", "7", "--dsn", deploy, cwd=tmp_path, **KEYS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("person-7.json: ")
    file = tmp_path / "person-7.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = json.loads(file.read_text())
    assert written["not_decrypted"] == {}
    assert written["services"]["auth"]["user_contacts"][0]["sealed"] == "Eva@example.org"
    assert written["services"]["quests"]["messages"][0]["content"] == "I am tired"
    assert written["services"]["getcourse"]["mentors"][0]["email"] == "eva@example.org"

    again = mentorbase("export", "7", "--dsn", deploy, cwd=tmp_path)
    assert (again.returncode, again.stderr.splitlines()) == (
        1,
        ["error: person-7.json cannot be written: File exists", "to do: Give another --output"],
    )


def test_without_keys_an_export_says_what_it_could_not_decrypt(deploy: str) -> None:
    done = people.export(deploy, Person(telegram_id=77007700))
    assert done.not_decrypted == {"auth.user_contacts.sealed": 1, "quests.messages.content": 1}
    assert done.services["quests"]["messages"][0]["content"] is None


def test_the_command_shows_asks_and_erases(tmp_path: Path, admin: psycopg.Connection[Any], deploy: str) -> None:
    told = mentorbase("erase", "7", "--dry-run", "--dsn", deploy, cwd=tmp_path, **KEYS)
    assert told.returncode == 0, told.stderr
    assert ["quests", "messages", "1", "would", "be", "deleted"] in [line.split() for line in told.stdout.splitlines()]
    assert told.stdout.endswith("Nothing was changed.\n")
    asked = mentorbase("erase", "7", "--dsn", deploy, cwd=tmp_path, **KEYS)
    assert asked.returncode == 1
    assert admin.execute("SELECT first_name, telegram_id FROM auth.users").fetchall() == [("Eva", 77007700)]

    done = mentorbase("erase", "7", "--yes", "--json", "--dsn", deploy, cwd=tmp_path, **KEYS)
    assert done.returncode == 0, done.stderr
    tables = json.loads(done.stdout)["tables"]
    assert {"service": "quests", "table": "messages", "what": "deleted", "rows": 1} in tables
    told_of = [(row["service"], row["table"], row["what"]) for row in tables]
    assert len(told_of) == len(set(told_of))
    assert tables_with(admin, "Eva", "eva@example.org", "77007700") == []
    assert people.erase(deploy, Person(7)) == []


@pytest.mark.usefixtures("deploy")
def test_nobody_unknown_is_exported_or_erased(tmp_path: Path, deploy: str) -> None:
    for person in (Person(8), Person(telegram_id=1), Person(email="no@example.org"), Person(tutor_id="t")):
        with refused(NotFound, "MB004"):
            people.erase(deploy, person)
    done = mentorbase("export", "8", "--dsn", deploy, cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: nobody is known by that here")
    assert "nobody is named" in mentorbase("erase", "--dsn", deploy, cwd=tmp_path).stderr


def test_a_login_that_may_not_is_told_what_to_do(dsn: str) -> None:
    with pytest.raises(SetupError, match="this login may not erase"):
        people.erase(dsn, Person(7))


def test_an_erasure_that_others_hold_up_does_nothing(
    admin: psycopg.Connection[Any], deploy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    with admin.transaction():
        admin.execute("LOCK TABLE quests.messages IN ROW EXCLUSIVE MODE")
        with pytest.raises(SetupError, match="others are in the way"):
            people.erase(deploy, Person(7))
    assert admin.execute("SELECT first_name FROM auth.users").fetchall() == [("Eva",)]


def test_a_service_that_lives_alone_erases_by_what_it_knows_people_by(
    pg_server: TestServer, pg_template: NoopExecutor
) -> None:
    with new_database(pg_server, f"{pg_template.dbname}_alone") as dsn:
        migrate(as_deploy(dsn), ["calendar"])
        with psycopg.connect(dsn, autocommit=True) as conn:
            with conn.transaction():
                conn.execute("SET LOCAL mentorbase.actor = 'system'")
                conn.execute(
                    "SELECT calendar.plan_lesson("
                    "77007700, 'Zzeva', now() + '1 day', now() + '25 hours', ARRAY[77007701])"
                )
            done = people.erase(as_deploy(dsn), Person(telegram_id=77007700))
            assert {(row.table, row.what) for row in done} == {
                ("", "ended"), ("lessons", "erased"), ("lesson_history", "erased"),
            }  # fmt: skip
            assert tables_with(conn, "77007700", "Zzeva") == []
            assert tables_with(conn, "77007701") != []
        with refused(NotFound, "MB004"):
            people.erase(as_deploy(dsn), Person(telegram_id=77007700))
