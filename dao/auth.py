"""People: schema ``auth``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import AfterId, Id, PageSize, TelegramIds, Text


class UserRole(StrEnum):
    """What a person mainly is on the platform (``auth.user_role``)."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"


class ContactKind(StrEnum):
    """How a person is reached beside Telegram (``auth.contact_kind``)."""

    EMAIL = "email"
    PHONE = "phone"


KeyId = Annotated[int, Field(ge=1, le=2**16 - 1)]
Ids = Annotated[Sequence[int], AfterValidator(list)]
Sealed = Annotated[Sequence[bytes], AfterValidator(list)]


@dataclass(frozen=True, slots=True)
class User:
    """One person (``auth.users``). Times are UTC instants."""

    id: int
    telegram_id: int | None
    role: UserRole
    username: str | None
    first_name: str
    last_name: str | None
    language_code: str
    timezone: str
    is_active: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Contact:
    """A person's contact (``auth.user_contacts``), still encrypted: `ContactCipher.open` reads it. Times are UTC.

    Attributes:
        sealed: the contact, encrypted.
        lookup_hash: what it is found by.
        key_id: number of the key that it is encrypted with.
    """

    id: int
    user_id: int
    kind: ContactKind
    sealed: bytes = field(repr=False)
    lookup_hash: bytes = field(repr=False)
    key_id: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Auth(Queries[S], service="auth"):
    """People; runs ``sql/auth/queries.sql``."""

    @query
    def create_user(
        self,
        *,
        first_name: Text,
        telegram_id: Id | None = None,
        role: UserRole = UserRole.STUDENT,
        username: Text | None = None,
        last_name: Text | None = None,
        language_code: Text = "en",
        timezone: Text = "UTC",
    ) -> User:
        """Register a person in ``auth.users``. Needs an actor: ``db.transaction(actor=...)``.

        Args:
            telegram_id: the person's Telegram account, 1 to 2^52 - 1; None if they have none.
            username: Telegram's @name, without the @.
            language_code: a BCP 47 tag such as ru or pt-BR.
            timezone: an IANA name such as Europe/Berlin.

        Raises:
            AlreadyExists: the Telegram account belongs to another user.
            InvalidValue: a value is outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def user(self, user_id: Id) -> User:
        """Return one person of ``auth.users``.

        Raises:
            NotFound: there is none.
        """
        ...

    @query
    def user_by_telegram_id(self, telegram_id: Id) -> User | None:
        """Return the person of ``auth.users`` with this Telegram account, or None."""
        ...

    @query
    def users_by_telegram_ids(self, telegram_ids: TelegramIds) -> list[User]:
        """Return those of these people who are in ``auth.users``, by telegram_id.

        Args:
            telegram_ids: at most 500.
        """
        ...

    @query
    def save_contact(self, user_id: Id, kind: ContactKind, sealed: bytes, lookup_hash: bytes) -> Contact:
        """Write a person's contact to ``auth.user_contacts``, or replace the one of this kind. Needs an actor.

        ``db.auth.save_contact(*cipher.seal(user_id, kind, value))``: a `ContactCipher` makes all four.

        Raises:
            AlreadyExists: it is another user's (constraint ``user_contacts_lookup_hash_key``).
            ReferenceViolation: there is no such user.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_contact(self, user_id: Id, kind: ContactKind) -> int | None:
        """Forget a contact of ``auth.user_contacts``; return its id, or None if there was none. Needs an actor.

        Raises:
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def contacts(self, user_id: Id) -> list[Contact]:
        """Return a person's rows of ``auth.user_contacts``, still encrypted: `ContactCipher.open` reads them."""
        ...

    @query
    def user_by_contact(self, kind: ContactKind, lookup_hash: bytes) -> User | None:
        """Return the person with this contact, or None.

        Args:
            lookup_hash: what `ContactCipher.lookup_hash` makes of it.
        """
        ...

    @query
    def contact_keys(self) -> list[int]:
        """Return the numbers of the keys that contacts are encrypted with. A key in none of them can be given up."""
        ...

    @query
    def contacts_under(self, key_id: KeyId, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[Contact]:
        """Return one page of the contacts that are encrypted with a key, by id; for `rotate_contacts`.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def reseal_contacts(self, contact_ids: Ids, *, former: Sealed, sealed: Sealed, lookup_hashes: Sealed) -> list[int]:
        """Replace ciphertexts by others of the same contacts, and return the ids; for `rotate_contacts`.

        Args:
            former: what each was when it was read; who was changed since is left out.

        Raises:
            NotPermitted: the actor is a person, and one of the contacts is another's.
            ActorRequired: nobody is named who acts.
        """
        ...
