"""What a person said is unreadable in the database, and belongs to its person and column."""

from __future__ import annotations

import psycopg
import pytest
from auth.keys import INDEX, NEW, OLD
from mentorbase import InvalidValue, KeyUnknown, LetterStatus, MessageRole, SealedColumn, Tampered, Vault, WordCipher
from mentoring.lifecycle import refused
from quests.family import OTHER_PARENT, PARENT, Family

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
