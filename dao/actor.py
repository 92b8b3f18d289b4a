"""Who acts: what ``mentorbase.actor`` is set to for a transaction."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True, config=ConfigDict(strict=True))
class Actor:
    """Somebody, and as what they act. Read by ``platform.current_actor()``.

    Attributes:
        kind: user (a person for themselves), admin (a person with an administrator's rights) or system (a job).
        id: the person (``auth.users.id``), below 10^18; None for the system.
    """

    kind: Literal["user", "admin", "system"]
    id: Annotated[int, Field(ge=1, lt=10**18)] | None = None

    def __post_init__(self) -> None:
        if (self.id is None) != (self.kind == "system"):
            raise ValueError("a user or an admin has an id, the system has none")

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
