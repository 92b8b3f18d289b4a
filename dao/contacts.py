"""E-mail addresses and phone numbers, encrypted before they go to ``auth.user_contacts``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Self

from .actor import SYSTEM
from .auth import Contact, ContactKind
from .crypto import Vault
from .database import Database, Transaction
from .errors import InvalidArgument, Tampered
from .settings import Settings

BATCH: Final = 500

_TABLE: Final = "auth.user_contacts"
_EMAIL: Final = re.compile(r"[^\s@\x00-\x20]+@[^\s@.]+(\.[^\s@.]+)+")
_LONGEST_EMAIL = 254
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_IN_PHONES: Final = re.compile(r"[ ()./-]")


class SealedContact(NamedTuple):
    """A contact that may leave the application: what `Auth.save_contact` takes, in order."""

    user_id: int
    kind: ContactKind
    sealed: bytes
    lookup_hash: bytes


class ContactCipher:
    """Seals and opens contacts with the keys of a `Vault`; runs no query, so it serves synchronous code and asyncio.

    >>> cipher = ContactCipher.load()  # doctest: +SKIP
    >>> tx.auth.save_contact(*cipher.seal(7, ContactKind.EMAIL, "anna@example.org"))  # doctest: +SKIP
    >>> [cipher.open(contact) for contact in tx.auth.contacts(7)]  # doctest: +SKIP
    """

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    @classmethod
    def load(cls, settings: Settings | None = None) -> Self:
        """Take the keys that the environment names; as `Vault.load`."""
        return cls(Vault.load(settings))

    def __repr__(self) -> str:
        return f"ContactCipher({self.vault!r})"

    def seal(self, user_id: int, kind: ContactKind, value: str) -> SealedContact:
        """Encrypt a person's contact.

        Args:
            value: an e-mail address, kept as it is written; or a phone number with its country code, kept as E.164.

        Raises:
            InvalidArgument: it is neither; never says the value.
        """
        kept = value.strip() if kind is ContactKind.EMAIL else normal_form(kind, value)
        lookup_hash = self.lookup_hash(kind, value)
        return SealedContact(user_id, kind, self.vault.seal(kept, *contact_place(user_id, kind)), lookup_hash)

    def open(self, contact: Contact) -> str:
        """Return what a contact says.

        Raises:
            KeyUnknown: its key is not among those of the vault.
            Tampered: it was changed, or is another person's or of another kind.
        """
        return self.vault.open(contact.sealed, *contact_place(contact.user_id, contact.kind))

    def lookup_hash(self, kind: ContactKind, value: str) -> bytes:
        """Return what `Auth.user_by_contact` finds a person by.

        Raises:
            InvalidArgument: *value* is no contact of this kind; never says the value.
        """
        return self.vault.blind_index(normal_form(kind, value), _TABLE, kind.value)


def normal_form(kind: ContactKind, value: str) -> str:
    """Return the form in which equal contacts are equal: small letters for e-mail, E.164 for phones.

    Raises:
        InvalidArgument: *value* is no contact of this kind; never says the value.
    """
    if kind is ContactKind.EMAIL:
        address = value.strip().lower()
        if len(address.encode()) <= _LONGEST_EMAIL and _EMAIL.fullmatch(address):
            return address
        raise InvalidArgument("an e-mail address looks like name@example.org", detail="kind=email")
    number = _IN_PHONES.sub("", value.strip())
    if _PHONE.fullmatch(number):
        return number
    raise InvalidArgument(
        "a phone number begins with + and its country code, such as +49 30 123456", detail="kind=phone"
    )


@dataclass(frozen=True, slots=True)
class Rotated:
    """What `rotate_contacts` did.

    Attributes:
        resealed: contacts that are now under the current key.
        overtaken: contacts that somebody wrote meanwhile, with whichever key: run it again.
        unreadable: ids of contacts (``auth.user_contacts.id``) that do not open, and stay as they are.
        unknown_keys: numbers of keys that contacts need and that are not among those of the vault.
    """

    resealed: int = 0
    overtaken: int = 0
    unreadable: list[int] = field(default_factory=list)
    unknown_keys: list[int] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every contact is under the current key, so that the others can be given up."""
        return not (self.overtaken or self.unreadable or self.unknown_keys)


def rotate_contacts(
    db: Database, cipher: ContactCipher, *, batch: int = BATCH, progress: Callable[[int], None] | None = None
) -> Rotated:
    """Encrypt with the current key what older ones encrypted, a batch a transaction, as the system.

    It can be stopped and run again at any time, while applications go on: they read with all keys. Give each of
    them the new key, as one that is not the first, before it is the first anywhere.

    Args:
        batch: contacts of one transaction, 1 to 500.
        progress: told after each batch how many are done.
    """
    resealed, overtaken = 0, 0
    unreadable: list[int] = []
    older = [key_id for key_id in db.auth.contact_keys() if key_id != cipher.vault.key_ids[0]]
    for key_id in [known for known in older if known in cipher.vault.key_ids]:
        after_id = 0
        while page := db.auth.contacts_under(key_id, after_id=after_id, page_size=batch):
            after_id = page[-1].id
            opened: list[tuple[Contact, SealedContact]] = []
            for contact in page:
                try:
                    opened.append((contact, cipher.seal(contact.user_id, contact.kind, cipher.open(contact))))
                except Tampered:
                    unreadable.append(contact.id)
            done = db.retrying(partial(_reseal, opened), actor=SYSTEM)
            resealed += len(done)
            overtaken += len(opened) - len(done)
            if progress:
                progress(resealed)
    unknown = [key_id for key_id in older if key_id not in cipher.vault.key_ids]
    return Rotated(resealed, overtaken, unreadable, unknown)


def _reseal(opened: list[tuple[Contact, SealedContact]], tx: Transaction) -> list[int]:
    return tx.auth.reseal_contacts(
        [contact.id for contact, _ in opened],
        former=[contact.sealed for contact, _ in opened],
        sealed=[sealed.sealed for _, sealed in opened],
        lookup_hashes=[sealed.lookup_hash for _, sealed in opened],
    )


def contact_place(user_id: int, kind: ContactKind) -> tuple[str, int, str]:
    """Where a contact belongs: the context that its ciphertext is bound to."""
    return (_TABLE, user_id, kind.value)
