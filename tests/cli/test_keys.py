"""``mentorbase reencrypt``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from auth.keys import INDEX, NEW, OLD, cipher
from cli.support import mentorbase
from mentorbase import ContactKind, Database

OLD_KEY, NEW_KEY, INDEX_KEY = (base64.b64encode(key).decode() for key in (OLD, NEW, INDEX))
KEYS = {"MENTORBASE_KEYS": f"2:{NEW_KEY},1:{OLD_KEY}", "MENTORBASE_INDEX_KEY": INDEX_KEY}


@pytest.fixture
def contacts(db: Database, people: list[int]) -> None:
    for user_id in people[:3]:
        with db.transaction(actor=user_id) as tx:
            tx.auth.save_contact(*cipher().seal(user_id, ContactKind.EMAIL, f"person{user_id}@example.org"))


@pytest.mark.usefixtures("contacts")
def test_what_an_older_key_encrypted_is_encrypted_anew(tmp_path: Path, dsn: str, db: Database) -> None:
    done = mentorbase("reencrypt", "--dsn", dsn, cwd=tmp_path, **KEYS)
    assert (done.returncode, done.stdout) == (0, "3 contacts are now under key 2.\n"), done.stderr
    assert db.auth.contact_keys() == [2]
    assert cipher(k2=NEW).open(db.auth.contacts(1)[0]) == "person1@example.org"


@pytest.mark.usefixtures("contacts")
def test_a_key_that_is_missing_here_is_named(tmp_path: Path, dsn: str, db: Database) -> None:
    keys = KEYS | {"MENTORBASE_KEYS": f"2:{NEW_KEY}"}
    done = mentorbase("reencrypt", "--json", "--dsn", dsn, cwd=tmp_path, **keys)
    assert (done.returncode, done.stderr) == (3, "")
    assert json.loads(done.stdout) == {
        "resealed": 0, "overtaken": 0, "unreadable": [], "unknown_keys": [1], "current_key": 2, "words": None,
    }  # fmt: skip
    assert db.auth.contact_keys() == [1]


def test_without_keys_it_says_what_to_do(tmp_path: Path, dsn: str) -> None:
    done = mentorbase("reencrypt", "--dsn", dsn, cwd=tmp_path)
    assert done.returncode == 1
    assert "MENTORBASE_KEYS is not set" in done.stderr
    assert "openssl rand -base64 32" in done.stderr
