"""What a person said is unreadable in the database, and belongs to its person and column."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from auth.keys import INDEX, NEW, OLD
from children import child
from cli.support import mentorbase
from conftest import APP, DEPLOY
from mentorbase import (
    Database,
    InvalidValue,
    KeyUnknown,
    LetterStatus,
    MessageRole,
    RotatedWords,
    SealedColumn,
    Settings,
    SetupError,
    Tampered,
    Vault,
    WordCipher,
    rotate_words,
)
from mentoring.lifecycle import refused
from quests.family import OTHER_PARENT, PARENT, Family
from quests.rotating import BOTH, rotate_and_die

SECRET = "I shouted at Ann"
CIPHER = WordCipher(Vault({1: OLD}, INDEX))


def seal(column: SealedColumn, text: str = SECRET) -> bytes:
    return CIPHER.seal(column, PARENT, text)


def test_no_word_of_a_person_reaches_the_server(family: Family) -> None:
    with family.parent.transaction(actor=PARENT) as tx:
        tx.quests.save_recovery(PARENT, recovery_tracks={})
        session = tx.quests.start_session(PARENT, mood_before=3)
        message = tx.quests.add_message(PARENT, MessageRole.USER, seal(SealedColumn.MESSAGE), session_id=session.id)
        letter = tx.quests.write_letter(
            PARENT,
            recipient=seal(SealedColumn.LETTER_RECIPIENT, "Ann"),
            title=seal(SealedColumn.LETTER_TITLE),
            body=seal(SealedColumn.LETTER_BODY),
        )
        session = tx.quests.end_session(session.id, summary=seal(SealedColumn.SESSION_SUMMARY), mood_after=6)
        tx.quests.read_profile(PARENT)
        tx.quests.save_crisis_history(PARENT, seal(SealedColumn.CRISIS_HISTORY))
        sent = tx.quests.change_letter(
            letter.id, recipient=letter.recipient, title=letter.title, body=letter.body, status=LetterStatus.SENT
        )
        assert tx.quests.messages(PARENT) == [message]
        assert tx.quests.letters(PARENT) == [sent]
        assert tx.quests.sessions(PARENT) == [session]
    assert message.key_id == letter.key_id == 1
    assert CIPHER.open(SealedColumn.MESSAGE, PARENT, message.content) == SECRET
    assert CIPHER.open(SealedColumn.LETTER_RECIPIENT, PARENT, letter.recipient) == "Ann"
    assert SECRET not in repr((message, letter, session))

    for (table,) in family.admin.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'quests'::regnamespace AND relkind IN ('r', 'p')"
    ).fetchall():
        for (row,) in family.admin.execute(f"SELECT t::text FROM {table} AS t").fetchall():  # type: ignore[arg-type]
            assert SECRET not in row
            assert SECRET.encode().hex() not in row


def test_a_ciphertext_opens_for_its_person_and_column_only() -> None:
    sealed = seal(SealedColumn.MESSAGE)
    with pytest.raises(Tampered):
        CIPHER.open(SealedColumn.MESSAGE, OTHER_PARENT, sealed)
    with pytest.raises(Tampered):
        CIPHER.open(SealedColumn.LETTER_BODY, PARENT, sealed)
    with pytest.raises(KeyUnknown):
        WordCipher(Vault({2: NEW}, INDEX)).open(SealedColumn.MESSAGE, PARENT, sealed)
    assert "0x" not in repr(CIPHER)


def test_plain_words_are_refused(family: Family) -> None:
    with family.parent.transaction(actor=PARENT) as tx:
        tx.quests.save_recovery(PARENT, recovery_tracks={})
    with (
        refused(InvalidValue, "23514", constraint="messages_content_check"),
        family.parent.transaction(actor=PARENT) as tx,
    ):
        tx.quests.add_message(PARENT, MessageRole.USER, b"plain words of more than thirty-one bytes")


def test_no_session_of_another_person_takes_a_message(family: Family) -> None:
    for person in (PARENT, OTHER_PARENT):
        with family.parent.transaction(actor=person) as tx:
            tx.quests.save_recovery(person, recovery_tracks={})
            session = tx.quests.start_session(person)
    with family.parent.transaction(actor=PARENT) as tx, pytest.raises(psycopg.Error) as caught:
        tx.connection.execute(
            "INSERT INTO quests.messages (user_id, session_id, role, content) VALUES (%s, %s, 'user', %s)",
            [PARENT, session.id, seal(SealedColumn.MESSAGE)],
        )
    assert caught.value.diag.constraint_name == "messages_session_id_fkey"


# -- Another key


TEXTS = 3 * 6 - 1  # of three people one in each column, but for a summary


@pytest.fixture
def said(family: Family) -> Iterator[Database]:
    """Words of three people in every encrypted column, under the old key; the DAO as the login that deploys."""
    for person in (1, 3, 4):
        with family.parent.transaction(actor=person) as tx:
            tx.quests.save_recovery(person, recovery_tracks={})
            session = tx.quests.start_session(person)
            tx.quests.add_message(person, MessageRole.USER, CIPHER.seal(SealedColumn.MESSAGE, person, SECRET))
            tx.quests.write_letter(
                person,
                recipient=CIPHER.seal(SealedColumn.LETTER_RECIPIENT, person, SECRET),
                title=CIPHER.seal(SealedColumn.LETTER_TITLE, person, SECRET),
                body=CIPHER.seal(SealedColumn.LETTER_BODY, person, SECRET),
            )
            if person != 1:
                tx.quests.end_session(session.id, summary=CIPHER.seal(SealedColumn.SESSION_SUMMARY, person, SECRET))
            tx.quests.read_profile(person)
            tx.quests.save_crisis_history(person, CIPHER.seal(SealedColumn.CRISIS_HISTORY, person, SECRET))
    with Database.connect(family.dsn(DEPLOY), settings=Settings(_env_file=None, db_pool_min_size=1)) as db:
        yield db


def keys_in_use(family: Family) -> set[bytes]:
    return {
        key
        for column in SealedColumn
        for (key,) in family.admin.execute(
            "SELECT substr({1}, 2, 2) FROM {0} WHERE {1} IS NOT NULL".format(*column.value.rsplit(".", 1))  # type: ignore[arg-type]
        )
    }


def test_words_of_every_column_are_encrypted_anew(family: Family, said: Database) -> None:
    seen: list[int] = []
    assert rotate_words(said, BOTH, batch=2, progress=seen.append) == RotatedWords(resealed=TEXTS)
    assert seen[-1] == TEXTS
    assert keys_in_use(family) == {b"\0\2"}
    newest = WordCipher(Vault({2: NEW}, INDEX))
    with family.parent.transaction(actor=PARENT) as tx:
        (message,), (letter,) = tx.quests.messages(PARENT), tx.quests.letters(PARENT)
        history = tx.quests.read_profile(PARENT).crisis_history
    assert (message.key_id, letter.key_id) == (2, 2)
    assert history is not None
    for column, sealed in (
        (SealedColumn.MESSAGE, message.content),
        (SealedColumn.LETTER_TITLE, letter.title),
        (SealedColumn.CRISIS_HISTORY, history),
    ):
        assert newest.open(column, PARENT, sealed) == SECRET
    assert rotate_words(said, BOTH) == RotatedWords()


def test_a_rotation_that_was_killed_goes_on_where_it_was(family: Family, said: Database) -> None:
    process = child(rotate_and_die, family.dsn(DEPLOY), 7)
    process.join(60)
    assert process.exitcode == -9
    assert keys_in_use(family) == {b"\0\1", b"\0\2"}
    left = rotate_words(said, BOTH, batch=2)
    assert 0 < left.resealed <= TEXTS - 7
    assert left.is_complete
    assert keys_in_use(family) == {b"\0\2"}


def test_what_a_rotation_cannot_open_is_named_and_stays(family: Family, said: Database) -> None:
    family.admin.execute("SET mentorbase.actor = 'system'")
    family.admin.execute("UPDATE quests.messages SET content = content || '\\x00' WHERE user_id = 1")
    family.admin.execute(
        "UPDATE quests.letters SET title = overlay(title PLACING '\\x0007' FROM 2 FOR 2) WHERE user_id = 3"
    )
    done = rotate_words(said, BOTH)
    ((message,),) = family.admin.execute("SELECT id FROM quests.messages WHERE user_id = 1").fetchall()
    assert done == RotatedWords(TEXTS - 2, unreadable={"quests.messages.content": [message]}, unknown_keys=[7])
    assert not done.is_complete


@pytest.mark.usefixtures("said")
def test_an_application_sees_too_little_to_rotate_words(family: Family) -> None:
    with pytest.raises(SetupError, match="this login may not see all words"):
        rotate_words(family.parent, BOTH)
    assert keys_in_use(family) == {b"\0\1"}


@pytest.mark.usefixtures("said")
def test_the_command_takes_words_and_contacts(tmp_path: Path, family: Family) -> None:
    keys = {
        "MENTORBASE_KEYS": f"2:{b64encode(NEW).decode()},1:{b64encode(OLD).decode()}",
        "MENTORBASE_INDEX_KEY": b64encode(INDEX).decode(),
    }
    left_out = mentorbase("reencrypt", "--dsn", family.dsn(APP), cwd=tmp_path, **keys)
    assert (left_out.returncode, left_out.stdout) == (0, "0 contacts are now under key 2.\n")
    assert "Words were left out: for those use the login that deploys." in left_out.stderr

    done = mentorbase("reencrypt", "--dsn", family.dsn(DEPLOY), cwd=tmp_path, **keys)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"0 contacts are now under key 2.\n{TEXTS} texts are now under key 2.\n"
