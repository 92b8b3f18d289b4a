"""Teachers: schema ``teachers``. People are known by their Telegram account, and so is who acts."""

from __future__ import annotations

from decimal import Decimal

from pydantic import AwareDatetime
from pydantic.dataclasses import dataclass

from .query import Queries, S, query
from .types import AfterId, CefrLevel, Id, Money, PageSize, Text


@dataclass(frozen=True, slots=True)
class Teacher:
    """A person as a teacher (``teachers.teachers``). Times are UTC instants.

    Attributes:
        rate: for an hour, in `rate_currency`.
    """

    telegram_id: int
    specialization: str | None
    bio: str | None
    rate: Decimal | None
    rate_currency: str | None
    timezone: str
    is_active: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class TeacherLanguage:
    """A language that a teacher teaches (``teachers.teacher_languages``). Times are UTC instants.

    Attributes:
        level: how well they speak it; None only for a native speaker.
    """

    teacher_telegram_id: int
    language: str
    level: CefrLevel | None
    is_native: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Teachers(Queries[S], service="teachers"):
    """Teachers and their languages; runs ``sql/teachers/queries.sql``.

    Writes need an actor, ``db.transaction(actor=...)``: the teacher (their telegram_id), an administrator or
    the system.
    """

    @query
    def save_teacher(
        self,
        telegram_id: Id,
        *,
        specialization: Text | None = None,
        bio: Text | None = None,
        rate: Money | None = None,
        rate_currency: Text | None = None,
        timezone: Text = "UTC",
        is_active: bool = True,
    ) -> Teacher:
        """Make a person's row of ``teachers.teachers``, or replace all that it says.

        Args:
            telegram_id: the person's Telegram account, 1 to 2^52 - 1.
            rate: for an hour, in ``rate_currency`` (ISO 4217); both or neither.
            timezone: an IANA name such as Europe/Berlin.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ReferenceViolation: there is no such user.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def teacher(self, telegram_id: Id) -> Teacher | None:
        """Return a person's row of ``teachers.teachers``, or None if they are no teacher."""
        ...

    @query
    def save_teacher_language(
        self, telegram_id: Id, language: Text, *, level: CefrLevel | None = None, is_native: bool = False
    ) -> TeacherLanguage:
        """Add a language to ``teachers.teacher_languages``, or replace what is said of it.

        Args:
            language: a BCP 47 tag such as en or pt-BR.
            level: how well the teacher speaks it; None only for a native speaker.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ReferenceViolation: there is no such teacher.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def remove_teacher_language(self, telegram_id: Id, language: Text) -> str | None:
        """Take a language out of ``teachers.teacher_languages``; return it, or None if it was not there.

        Raises:
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def teacher_languages(self, telegram_id: Id) -> list[TeacherLanguage]:
        """Return a teacher's rows of ``teachers.teacher_languages``, by language."""
        ...

    @query
    def teachers_of(self, language: Text, *, after_id: AfterId = 0, page_size: PageSize = 50) -> list[TeacherLanguage]:
        """Return one page of the active teachers of a language, by telegram_id.

        Args:
            after_id: the last teacher_telegram_id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...
