"""Who acts: what ``mentorbase.actor`` is set to for a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .errors import InvalidArgument

_HIGHEST_ID = 10**18


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, and as what they act. Read by ``platform.current_actor()``.

    Attributes:
        kind: user (a person for themselves), admin (a person with an administrator's rights) or system (a job).
        id: the person, below 10^18: ``auth.users.id``, or their telegram_id in the services that know people by that;
            None for the system.

    Raises:
        InvalidArgument: it names nobody.
    """

    kind: Literal["user", "admin", "system"]
    id: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "system":
            if self.id is None:
                return
        elif self.kind in {"user", "admin"} and type(self.id) is int and 1 <= self.id < _HIGHEST_ID:
            return
        raise InvalidArgument(
            "actor: somebody is a user id (a whole number from 1), Actor.admin(user id) or SYSTEM",
            detail="argument=actor",
        )

    @classmethod
    def user(cls, user_id: int) -> Actor:
        """Return a person who acts for themselves."""
        return cls("user", user_id)

    @classmethod
    def admin(cls, user_id: int) -> Actor:
        """Return a person who acts as an administrator."""
        return cls("admin", user_id)

    def __str__(self) -> str:
        if self.kind == "system":
            return "system"
        return str(self.id) if self.kind == "user" else f"admin:{self.id}"


SYSTEM: Final = Actor("system")
