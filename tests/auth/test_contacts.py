"""Contacts: sealed by the application, found without being read, bound to their row, and moved to new keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    ActorRequired,
    AlreadyExists,
    AsyncDatabase,
    ContactKind,
    Database,
    InvalidArgument,
    InvalidValue,
    KeyUnknown,
    NotPermitted,
    ReadOnly,
    ReferenceViolation,
    Rotated,
    Tampered,
    rotate_contacts,
)
from mentorbase.errors import translated
from mentoring.lifecycle import refused
from mentoring.racing import at_once

from .keys import NEW, OLD, cipher

EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE
ANNA, BORIS = 1, 2
ADDRESS = "Anna.Karenina@Example.ORG"

pytestmark = pytest.mark.usefixtures("people")


def save(db, user_id=ANNA, kind=EMAIL, value=ADDRESS, *, by=None, with_=None):
    with db.transaction(actor=by or user_id) as tx:
        return tx.auth.save_contact(*(with_ or cipher()).seal(user_id, kind, value))


def test_a_contact_comes_back_as_it_was_given(db):
    saved = save(db)
    save(db, kind=PHONE, value="+49 (30) 123-456.78")
    found = db.auth.contacts(ANNA)
    assert found[0] == saved
    assert [(one.kind, cipher().open(one), one.key_id) for one in found] == [
        (EMAIL, ADDRESS, 1),
        (PHONE, "+493012345678", 1),
    ]


def test_saving_again_replaces_and_removing_forgets(db):
    first = save(db)
    second = save(db, value="new@example.org")
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert [cipher().open(one) for one in db.auth.contacts(ANNA)] == ["new@example.org"]
    with db.transaction(actor=ANNA) as tx:
        assert tx.auth.remove_contact(ANNA, EMAIL) == first.id
        assert tx.auth.remove_contact(ANNA, EMAIL) is None
    assert db.auth.contacts(ANNA) == []


@pytest.mark.parametrize(
    ("kind", "kept", "asked"),
    [
        (EMAIL, ADDRESS, " anna.karenina@example.org "),
        (EMAIL, "jörg@bücher.example", "JÖRG@Bücher.Example"),
        (PHONE, "+493012345678", "+49 30 12345678"),
    ],
)
def test_a_person_is_found_by_a_contact_however_it_is_written(db, kind, kept, asked):
    save(db, kind=kind, value=kept)
    found = db.auth.user_by_contact(kind, cipher(k2=NEW).lookup_hash(kind, asked))
    assert found == db.auth.user(ANNA)
    assert db.auth.user_by_contact(kind, cipher().lookup_hash(EMAIL, "other@example.org")) is None


def test_a_contact_belongs_to_one_person(db):
    save(db)
    with refused(AlreadyExists, "23505", constraint="user_contacts_lookup_hash_key"):
        save(db, BORIS, value=ADDRESS.lower())
    save(db, BORIS, PHONE, "+493012345678")


def test_a_person_writes_their_own_contacts_only(db, admin):
    with refused(NotPermitted):
        save(db, by=BORIS)
    with refused(ActorRequired):
        db.auth.save_contact(*cipher().seal(ANNA, EMAIL, ADDRESS))
    save(db, by=SYSTEM)
    with refused(NotPermitted), db.transaction(actor=BORIS) as tx:
        tx.auth.remove_contact(ANNA, EMAIL)
    with refused(ActorRequired):
        db.auth.remove_contact(BORIS, EMAIL)  # even where there is nothing to remove
    with refused(ReferenceViolation, "23503", constraint="user_contacts_user_id_fkey"):
        save(db, 999, value="nobody@example.org", by=SYSTEM)
    assert admin.execute("SELECT user_id FROM auth.user_contacts").fetchall() == [(ANNA,)]


def test_asynchronous_code_does_the_same(dsn):
    async def scenario() -> str:
        async with AsyncDatabase.connect(dsn) as db:
            async with db.transaction(actor=ANNA) as tx:
                await tx.auth.save_contact(*cipher().seal(ANNA, EMAIL, ADDRESS))
            [contact] = await db.auth.contacts(ANNA)
            return cipher().open(contact)

    assert asyncio.run(scenario()) == ADDRESS


def test_who_is_deleted_leaves_no_contact(db, admin):
    save(db)
    admin.execute("DELETE FROM auth.users WHERE id = %s", [ANNA])
    assert admin.execute("SELECT count(*) FROM auth.user_contacts").fetchone() == (0,)


def test_nothing_that_is_shown_holds_a_contact_or_a_key(db):
    sealed, saved = cipher().seal(ANNA, EMAIL, ADDRESS), save(db)
    shown = f"{cipher()!r} {cipher()} {vars(cipher())} {sealed!r} {saved!r} {saved}"
    assert "key_ids=(1,)" in shown
    for secret in (ADDRESS, ADDRESS.lower(), repr(OLD)[2:12], OLD.hex()[:12]):
        assert secret not in shown


# -- What is no contact


@pytest.mark.parametrize(
    "value",
    ["", " ", "anna", "anna@", "@example.org", "anna@localhost", "an na@example.org", "anna@exam ple.org",
     "anna@@example.org", "anna@example..org", "anna@example.org.", "anna\0@example.org", "anna\n@example.org",
     f"{'a' * 243}@example.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_said(value):
    for call in (lambda: cipher().seal(ANNA, EMAIL, value), lambda: cipher().lookup_hash(EMAIL, value)):
        with refused(InvalidArgument) as caught:
            call()
        assert str(caught.value) == "an e-mail address looks like name@example.org (kind=email)"


@pytest.mark.parametrize(
    "value", ["", "12345678", "030 123456", "+0301234567", "+49", "+49301234567890123", "+4930abc123456", "++493012345"]
)
def test_what_is_no_phone_number_is_refused_without_being_said(value):
    for call in (lambda: cipher().seal(ANNA, PHONE, value), lambda: cipher().lookup_hash(PHONE, value)):
        with refused(InvalidArgument) as caught:
            call()
        assert (
            str(caught.value) == "a phone number begins with + and its country code, such as +49 30 123456 (kind=phone)"
        )


# -- What is stored


def test_a_ciphertext_is_of_no_use_in_another_row(db, admin):
    save(db)
    save(db, BORIS, value="boris@example.org")
    admin.execute(
        "UPDATE auth.user_contacts AS b SET sealed = a.sealed FROM auth.user_contacts AS a"
        " WHERE a.user_id = %s AND b.user_id = %s",
        [ANNA, BORIS],
    )
    [moved] = db.auth.contacts(BORIS)
    with pytest.raises(Tampered):
        cipher().open(moved)
    [own] = db.auth.contacts(ANNA)
    with pytest.raises(Tampered):
        cipher().open(replace(own, kind=PHONE))
    with pytest.raises(KeyUnknown) as caught:
        cipher(k2=NEW).open(own)
    assert caught.value.key_id == 1


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("sealed", b"", "user_contacts_sealed_check"),
        ("sealed", b"\x01", "user_contacts_sealed_check"),
        ("sealed", b"anna@example.org, as somebody typed it", "user_contacts_sealed_check"),
        ("sealed", b"\x01\x00\x00" + bytes(40), "user_contacts_sealed_check"),
        ("sealed", b"\x01\x00\x01" + bytes(2000), "user_contacts_sealed_check"),
        ("lookup_hash", b"anna@example.org", "user_contacts_lookup_hash_check"),
    ],
)
def test_what_is_not_sealed_is_not_stored(db, admin, column, value, constraint):
    save(db)
    with refused(InvalidValue, "23514", constraint=constraint), translated:
        admin.execute(f"UPDATE auth.user_contacts SET {column} = %s", [value])


def test_the_key_s_number_is_read_from_the_ciphertext_and_not_written(db, admin, app):
    save(db, with_=cipher(k300=NEW))
    assert admin.execute("SELECT key_id FROM auth.user_contacts").fetchone() == (300,)
    with pytest.raises(psycopg.errors.GeneratedAlways):
        admin.execute("UPDATE auth.user_contacts SET key_id = 1")
    for change in ("user_id = 2", "kind = 'phone'", "created_at = now()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(f"UPDATE auth.user_contacts SET {change}")
    with refused(ReadOnly), translated:
        admin.execute("TRUNCATE auth.user_contacts")


# -- New keys


def fill(db: Database, people: list[int], with_=None) -> None:
    for user_id in people:
        save(db, user_id, value=f"person{user_id}@example.org", with_=with_)


def read_all(db: Database, people: list[int], with_) -> list[str]:
    return [with_.open(one) for user_id in people for one in db.auth.contacts(user_id)]


def test_a_new_key_takes_over_in_batches_and_the_old_one_can_be_given_up(db, people, admin):
    fill(db, people)
    both = cipher(k2=NEW, k1=OLD)
    save(db, 20, value="person20@example.org", with_=both)
    assert db.auth.contact_keys() == [1, 2]
    expected = read_all(db, people, both)

    seen: list[int] = []
    assert rotate_contacts(db, both, batch=7, progress=seen.append) == Rotated(resealed=19)
    assert seen == [7, 14, 19]
    assert db.auth.contact_keys() == [2]
    assert read_all(db, people, cipher(k2=NEW)) == expected
    found = db.auth.user_by_contact(EMAIL, cipher(k2=NEW).lookup_hash(EMAIL, "person3@example.org"))
    assert found is not None
    assert found.id == 3
    assert rotate_contacts(db, both).is_complete
    changes = admin.execute("SELECT new_values, secret_columns FROM auth.audit_log WHERE operation = 'update'")
    assert set(map(str, changes.fetchall())) == {str(({"key_id": 2}, ["sealed"]))}


def test_what_was_written_meanwhile_stays_and_is_counted(db, people):
    fill(db, people[:3])
    both = cipher(k2=NEW, k1=OLD)
    original = both.open

    def open_slowly(contact):
        if contact.user_id == 2:
            save(db, 2, value="faster@example.org")
        return original(contact)

    both.open = open_slowly
    assert rotate_contacts(db, both) == Rotated(resealed=2, overtaken=1)
    both.open = original
    assert read_all(db, [2], both) == ["faster@example.org"]
    assert rotate_contacts(db, both) == Rotated(resealed=1)


def test_two_who_rotate_at_once_do_it_once(db, people):
    fill(db, people)
    both = cipher(k2=NEW, k1=OLD)
    done = at_once([lambda: rotate_contacts(db, both, batch=3)] * 4)
    assert sum(one.resealed for one in done) == len(people)
    assert db.auth.contact_keys() == [2]
    assert read_all(db, people, cipher(k2=NEW)) == [f"person{number}@example.org" for number in people]


def test_what_does_not_open_is_named_and_holds_nothing_up(db, people, admin):
    fill(db, people[:4])
    save(db, 5, value="person5@example.org", with_=cipher(k9=NEW))
    [[broken]] = admin.execute(
        "UPDATE auth.user_contacts SET sealed = sealed || '\\x00' WHERE user_id = 2 RETURNING id"
    ).fetchall()
    done = rotate_contacts(db, cipher(k2=b"7" * 32, k1=OLD), batch=1)
    assert done == Rotated(resealed=3, unreadable=[broken], unknown_keys=[9])
    assert not done.is_complete
    assert db.auth.contact_keys() == [1, 2, 9]
