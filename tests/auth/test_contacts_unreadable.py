"""A server that writes down all it can, and then every byte of it: no contact, no key."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from mentorbase import SYSTEM, AlreadyExists, ContactKind, Database, InvalidValue, Settings, rotate_contacts
from mentorbase.embedded import Server, server
from mentorbase.migrate import migrate

from .keys import INDEX, NEW, OLD, cipher

EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE
NAME = "Wilhelmina"  # kept readable, so that the search is known to find what can be found
ADDRESS, NUMBER = "Anna.Karenina@Example.ORG", "+4930123456789"
SECRETS = [ADDRESS, ADDRESS.lower(), "karenina", "Karenina", NUMBER, NUMBER[1:], "4930 123456789"]
TALKATIVE = {
    "fsync": "off",
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_error_statement": "debug5",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_replication_commands": "on",
    "shared_preload_libraries": "pg_stat_statements",
}


@pytest.fixture
def home() -> Iterator[Path]:
    """A server's folder, with settings that make it log every statement with its values."""
    with tempfile.TemporaryDirectory(prefix="test-unreadable-") as above:
        Path(above).chmod(0o755)
        folder = Path(above).resolve() / "home"
        with server(folder) as first, psycopg.connect(first.dsn(), autocommit=True) as conn:
            found = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'").fetchone()
            for name, value in TALKATIVE.items():
                if found or value != "pg_stat_statements":
                    conn.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        yield folder


def use_contacts(running: Server) -> None:
    """Everything that can be done with contacts, refusals included."""
    migrate(running.dsn(), ["auth"])
    both = cipher(k2=NEW, k1=OLD)
    settings = Settings(_env_file=None, db_pool_min_size=1)
    with Database.connect(running.dsn(), settings=settings) as db:
        with db.transaction(actor=SYSTEM) as tx:
            people = [tx.auth.create_user(first_name=NAME).id for _ in range(2)]
            for kind, value in ((EMAIL, ADDRESS), (PHONE, NUMBER)):
                tx.auth.save_contact(*cipher().seal(people[0], kind, value))
        for kind, value in ((EMAIL, ADDRESS.lower()), (PHONE, NUMBER)):
            sealed = cipher().seal(people[1], kind, value)
            with pytest.raises(AlreadyExists), db.transaction(actor=SYSTEM) as tx:
                tx.auth.save_contact(*sealed)
            with pytest.raises(InvalidValue), db.transaction(actor=SYSTEM) as tx:
                tx.auth.save_contact(*sealed._replace(lookup_hash=b"short"))
            found = db.auth.user_by_contact(kind, cipher().lookup_hash(kind, value))
            assert found is not None
            assert found.id == people[0]
        assert rotate_contacts(db, both).resealed == 2
        assert [both.open(one) for one in db.auth.contacts(people[0])] == [ADDRESS, NUMBER]
        with db.transaction(actor=people[0]) as tx:
            tx.auth.remove_contact(people[0], PHONE)
            tx.connection.execute("CHECKPOINT")


def forms(secret: str | bytes) -> set[bytes]:
    """How it may be written: as it is, in hex or in base64, wherever the latter begins."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), raw.decode("latin-1").encode("utf-16-le")}
    return found | {base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3)}


def test_no_contact_and_no_key_is_in_the_server_s_log_or_files(home: Path) -> None:
    with server(home) as running:
        use_contacts(running)
        with psycopg.connect(running.dsn(), autocommit=True) as conn:
            if conn.execute("SELECT FROM pg_settings WHERE name = 'pg_stat_statements.track'").fetchone() is not None:
                conn.execute("CREATE EXTENSION pg_stat_statements")
                queries = conn.execute("SELECT query FROM pg_stat_statements").fetchall()
                assert any("user_contacts" in query for (query,) in queries)
                assert not any(secret in query for (query,) in queries for secret in SECRETS)

    # It has stopped, and written everything out.
    files = {str(file.relative_to(home)): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    holding = {name for name, content in files.items() if NAME.encode() in content}
    assert "log" in holding
    assert {name.split("/")[1] for name in holding - {"log"}} >= {"base", "pg_wal"}
    log = files["log"]
    assert log.count(b"INSERT INTO auth.user_contacts") > 5
    assert b"duplicate key value violates unique constraint" in log
    assert b"DETAIL:  Key (lookup_hash, kind)=" in log

    needles = {form for secret in [*SECRETS, OLD, NEW, INDEX] for form in forms(secret)}
    told = {name: needle for name, content in files.items() for needle in needles if needle in content}
    assert told == {}
