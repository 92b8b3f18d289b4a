"""People: schema ``auth``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import Id, Text


class UserRole(StrEnum):
    """What a person mainly is on the platform (``auth.user_role``)."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"


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
