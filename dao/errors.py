"""Every exception that mentorbase raises, and the one place where database errors become them.

Business refusals are told apart by SQLSTATE (table ``platform.refusals``), violated constraints by name; what a
constraint demands is its COMMENT in ``sql/``. Nothing else is translated: unknown errors stay psycopg's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Final, NoReturn

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout
from pydantic import ValidationError

from . import resources


class MentorbaseError(Exception):
    """Base of every exception of this package."""


class SetupError(MentorbaseError):
    """The surroundings are wrong: no server, no rights, a bad setting.

    Attributes:
        message: what is wrong, one line, without secrets.
        hint: what to do about it, one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class KeyMissing(SetupError):
    """There is no key to encrypt with: MENTORBASE_KEYS or MENTORBASE_INDEX_KEY is not set."""


class KeyUnknown(SetupError):
    """What is stored is encrypted with a key that is not among those of MENTORBASE_KEYS.

    Attributes:
        key_id: the number of that key.
    """

    def __init__(self, message: str, hint: str = "", *, key_id: int = 0) -> None:
        super().__init__(message, hint)
        self.key_id = key_id


class Tampered(MentorbaseError):
    """What is stored does not open: somebody changed it, or put it where it does not belong."""


class ConnectionLost(MentorbaseError):
    """The server went away or ended the connection; what was not committed is undone. Another try may succeed.

    Whether the statement that was running was committed is unknown where it, or its COMMIT, was the last one.
    """


class PoolExhausted(MentorbaseError):
    """No connection of the pool came free in time: too many are held too long, or the server cannot be reached."""


class Refusal(MentorbaseError):
    """The database, or a check before it, refused; nothing was changed.

    Attributes:
        sqlstate: five characters; class MB for business rules, else PostgreSQL's own.
        message: what is wrong, for a person.
        detail: the values behind it as ``key=value`` pairs: keys and states, never personal data.
        hint: the way out.
        constraint: name of the violated constraint, if it is one.
    """

    sqlstate: str = "MB000"

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        hint: str = "",
        constraint: str | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.sqlstate = sqlstate or type(self).sqlstate

    def __str__(self) -> str:
        what = f"{self.message} ({self.detail})" if self.detail else self.message
        return f"{what}. {self.hint}" if self.hint else what

    @property
    def values(self) -> dict[str, str]:
        """The pairs of `detail`."""
        return dict(pair.split("=", 1) for pair in self.detail.split(", ") if "=" in pair)


class ActorRequired(Refusal):
    """An application writes without saying who acts."""

    sqlstate = "MB001"


class NotPermitted(Refusal):
    """The step exists, but not for this actor; or the database role lacks the privilege (SQLSTATE 42501)."""

    sqlstate = "MB002"


class TransitionRefused(Refusal):
    """The life cycle has no such step from the present status, or not yet; the hint lists those it has."""

    sqlstate = "MB003"


class NotFound(Refusal):
    """There is no row with this key."""

    sqlstate = "MB004"


class StaleVersion(Refusal):
    """The row was changed since it was read."""

    sqlstate = "MB005"

    @property
    def current(self) -> int:
        """The row's present version."""
        return int(self.values["version"])


class ReadOnly(Refusal):
    """The column or row is kept by the database and cannot be changed by hand."""

    sqlstate = "MB006"


class InvalidArgument(Refusal):
    """An argument is outside what is allowed; found by the method's own types or by the database."""

    sqlstate = "MB007"


class CapacityReached(Refusal):
    """The mentor has no free place."""

    sqlstate = "MB101"


class MentorUnavailable(Refusal):
    """The mentor takes no new requests."""

    sqlstate = "MB102"


class CoolingDown(Refusal):
    """A request of this pair was rejected a short time ago."""

    sqlstate = "MB103"


class RelationshipExists(Refusal):
    """The pair already has a relationship that is pending, active or paused."""

    sqlstate = "MB104"


class Blocked(Refusal):
    """One of the two people has blocked the other."""

    sqlstate = "MB105"


class TooManyRequests(Refusal):
    """The mentee has as many requests open as they may."""

    sqlstate = "MB106"


class SubjectInactive(Refusal):
    """The subject cannot be booked any more."""

    sqlstate = "MB107"


class GroupFull(Refusal):
    """The group has no free seat."""

    sqlstate = "MB201"


class GroupClosed(Refusal):
    """The group takes no members, or none that come by themselves."""

    sqlstate = "MB202"


class InvitationInvalid(Refusal):
    """The invitation is unknown, used, revoked, expired or meant for somebody else; which is not said."""

    sqlstate = "MB203"


class TeacherBusy(Refusal):
    """The teacher teaches or learns at that time already."""

    sqlstate = "MB250"


class StudentsBusy(Refusal):
    """Some of the students learn or teach at that time already."""

    sqlstate = "MB251"

    @property
    def telegram_ids(self) -> list[int]:
        """All who are busy; empty where an exclusion constraint refused, which names nobody."""
        return [int(one) for one in self.values.get("student_telegram_ids", "").split("|") if one]


class TeacherAway(Refusal):
    """The teacher is away at that time."""

    sqlstate = "MB252"


class TemplateMissing(Refusal):
    """There is no template for a notification of this kind on this channel."""

    sqlstate = "MB301"


class PlaceholderMissing(Refusal):
    """The payload lacks a value that the template asks for; ``values["missing"]`` names it."""

    sqlstate = "MB302"


class LeaseLost(Refusal):
    """The item of a queue is no longer with this worker: its lease ran out, or it was finished before."""

    sqlstate = "MB303"


class StatisticsMissing(Refusal):
    """The server does not count its queries; the hint says how a superuser enables that."""

    sqlstate = "MB401"


class ConsentMissing(Refusal):
    """The child has not agreed to share this with the parent."""

    sqlstate = "MB601"

    @property
    def settings(self) -> list[str]:
        """The settings that are off."""
        return self.values["setting"].split("|")


class NotApproved(Refusal):
    """The quest was not approved by a moderator."""

    sqlstate = "MB602"


class TicketInvalid(Refusal):
    """The ticket for a read cannot be used; ``values["reason"]`` is unknown, expired, used or uncommitted."""

    sqlstate = "MB603"


class IsolationRefused(Refusal):
    """The transaction looks at an older state than the present one: what a child shares needs READ COMMITTED."""

    sqlstate = "MB604"


class ConstraintViolation(Refusal):
    """The data violate a named constraint; the message is what that constraint demands."""

    sqlstate = "23000"


class InvalidValue(ConstraintViolation):
    """A value is outside what its column allows (check and not-null constraints)."""

    sqlstate = "23514"


class AlreadyExists(ConstraintViolation):
    """Another row has this key (unique constraints)."""

    sqlstate = "23505"


class ReferenceViolation(ConstraintViolation):
    """The row referred to does not exist, or is still referred to (foreign keys)."""

    sqlstate = "23503"


class Overlap(ConstraintViolation):
    """The row overlaps another one (exclusion constraints)."""

    sqlstate = "23P01"


class SelfMentoring(InvalidValue):
    """Nobody is their own mentor."""


class UnknownTutor(ReferenceViolation):
    """There is no such tutor."""


class FeedbackMismatch(ReferenceViolation):
    """Feedback is of a session that exists, by its own student and for its own tutor."""


class InvalidRating(InvalidValue):
    """A rating is 1 to 5."""


class InvalidProbability(InvalidValue):
    """A probability is 0 to 1."""


class HorizonNotMonotone(InvalidValue):
    """Probabilities do not decrease with the horizon."""


class PredictionFromFuture(InvalidValue):
    """A prediction is not made in the future."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a bulk load that was not stored.

    Attributes:
        position: its place among the rows given, from 0.
        error: what the row alone would have raised.
    """

    position: int
    error: Refusal


class RowsRefused(Refusal):
    """A bulk load has rows that are refused, and was not asked to keep the others: nothing is stored.

    Attributes:
        refused: each of them, by position.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        hint: str = "",
        constraint: str | None = None,
        sqlstate: str | None = None,
        refused: Sequence[RefusedRow] = (),
    ) -> None:
        super().__init__(message, detail=detail, hint=hint, constraint=constraint, sqlstate=sqlstate)
        self.refused = refused


def _with_subclasses(base: type[Refusal]) -> list[type[Refusal]]:
    return [base, *(found for child in base.__subclasses__() for found in _with_subclasses(child))]


REFUSALS: Final[dict[str, type[Refusal]]] = {
    kind.sqlstate: kind
    for kind in _with_subclasses(Refusal)
    if kind.sqlstate.startswith("MB") and kind.sqlstate != Refusal.sqlstate
}
_VIOLATIONS: Final[dict[str, type[ConstraintViolation]]] = {
    "23001": ReferenceViolation,
    "23502": InvalidValue,
    "23503": ReferenceViolation,
    "23505": AlreadyExists,
    "23514": InvalidValue,
    "23P01": Overlap,
}
_BY_CONSTRAINT: Final[dict[str, type[Refusal]]] = {
    "calendar.lesson_participants_student_period_excl": StudentsBusy,
    "calendar.lessons_teacher_period_excl": TeacherBusy,
    "mentoring.mentor_mentee_live_pair_key": RelationshipExists,
    "mentoring.mentor_mentee_not_self_check": SelfMentoring,
    "tutormax.churn_predictions_horizon_check": HorizonNotMonotone,
    "tutormax.churn_predictions_prediction_date_check": PredictionFromFuture,
    "tutormax.churn_predictions_probability_check": InvalidProbability,
    "tutormax.churn_predictions_tutor_id_fkey": UnknownTutor,
    "tutormax.interventions_tutor_id_fkey": UnknownTutor,
    "tutormax.sessions_tutor_id_fkey": UnknownTutor,
    "tutormax.student_feedback_overall_rating_check": InvalidRating,
    "tutormax.student_feedback_part_ratings_check": InvalidRating,
    "tutormax.student_feedback_session_id_fkey": FeedbackMismatch,
    "tutormax.tutor_events_tutor_id_fkey": UnknownTutor,
}

_MISSING: Final = frozenset({"3F000", "42703", "42704", "42883", "42P01"})
_LOST: Final = ("08", "57P0")

_RULE = re.compile(
    r"^COMMENT ON (?:CONSTRAINT (?P<constraint>\w+) ON (?P<schema>\w+)\.\w+|INDEX (?P<index>\w+\.\w+)) IS"
    r"\s+'(?P<text>(?:[^']|'')*)';",
    re.M,
)
_SHARD = re.compile(r"_\d+$")


@cache
def _rules() -> dict[str, str]:
    """What each constraint demands, in words: its COMMENT in ``sql/``, by ``schema.name``."""
    return {
        rule["index"] or f"{rule['schema']}.{rule['constraint']}": rule["text"].replace("''", "'").rstrip(".")
        for file in resources.folder("sql").glob("*/tables.sql")
        for rule in _RULE.finditer(file.read_text("utf-8"))
    }


@cache
def _unique_names() -> dict[str, str]:
    """The ``schema.name`` of each constraint whose name alone says which it is."""
    found = Counter(name.partition(".")[2] for name in _rules())
    return {bare: name for name in _rules() if found[bare := name.partition(".")[2]] == 1}


def translate(error: psycopg.Error, *, ours: bool = False) -> Exception:
    """Return the exception to raise, from *error*, in place of a psycopg error: a `Refusal`, or *error* itself.

    PostgreSQL's DETAIL of a violated constraint quotes the row, so it is cut from the text of *error*; programs
    still find it in ``error.diag``.

    Args:
        error: what psycopg raised.
        ours: the statement was a named query, so a missing object is a missing migration.
    """
    if isinstance(error, PoolClosed):
        return SetupError("the pool is not open", "Open it, or use it as a context manager")
    if isinstance(error, PoolTimeout):
        return PoolExhausted(
            "no connection came free in time: the server cannot be reached, or too many transactions are held too long"
        )
    state, diag = error.sqlstate or "", error.diag
    message = diag.message_primary or str(error)
    if kind := REFUSALS.get(state):
        return kind(message, detail=diag.message_detail or "", hint=diag.message_hint or "")
    if state == "42501":
        return NotPermitted(message, hint="Have this database role granted what it needs", sqlstate=state)
    if state.startswith("23"):
        error.args = (message,)
        return _violation(state, diag.schema_name, diag.constraint_name, diag.column_name, message) or error
    if ours and state in _MISSING:
        return SetupError(f"the database is not what this version expects: {message}", "Run mentorbase migrate")
    if isinstance(error, psycopg.OperationalError) and (not state or state.startswith(_LOST)):
        return ConnectionLost("the connection to the server was lost")
    return error


def exception_for(constraint: str, sqlstate: str) -> type[Refusal]:
    """Return what `translate` makes of a violation of *constraint*, named as ``schema.name``."""
    return _BY_CONSTRAINT.get(constraint) or _VIOLATIONS[sqlstate]


def raise_translated(error: Exception, *, ours: bool = False) -> NoReturn:
    """Raise what `translate` makes of *error*, or *error* itself. To be called where it was caught."""
    if ours and isinstance(error, ValidationError):
        # Says the value, so it is not passed on.
        raise SetupError("a row is not what this version expects", "Run mentorbase migrate") from None
    if isinstance(error, psycopg.Error) and (known := translate(error, ours=ours)) is not error:
        raise known from error
    raise error


class _Translated:
    """Context in which psycopg errors leave as `translate` says; serves asynchronous code as well."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, psycopg.Error) and (known := translate(error)) is not error:
            raise known from error


translated: Final = _Translated()


def refusal_of(
    sqlstate: str, *, schema: str, constraint: str | None, column: str | None, message: str, detail: str, hint: str
) -> Refusal:
    """Return what `translate` would, of an error that the database has caught and reports as values."""
    if kind := REFUSALS.get(sqlstate):
        return kind(message, detail=detail, hint=hint)
    if sqlstate.startswith("23") and (known := _violation(sqlstate, schema, constraint, column, message)):
        return known
    return InvalidValue("a value cannot be read as its column's, or is outside its range", sqlstate=sqlstate)


def _violation(
    state: str, schema: str | None, constraint: str | None, column: str | None, message: str
) -> Refusal | None:
    if state == "23502":
        return InvalidValue(f"{column} must be given", sqlstate=state)
    name = _constraint(schema, constraint, message)
    kind = _BY_CONSTRAINT.get(name or "") or _VIOLATIONS.get(state)
    if name is None or kind is None:
        return None
    return kind(_rules()[name], constraint=name.partition(".")[2], sqlstate=state)


def _constraint(schema: str | None, reported: str | None, message: str) -> str | None:
    """Return the ``schema.name`` of the constraint.

    A shard of Citus leaves its own name for it in the message only, with a number behind.
    """
    for shard in [reported] if reported else re.findall(r'"(\w+)"', message):
        for name in (shard, _SHARD.sub("", shard)):
            if (qualified := f"{schema}.{name}") in _rules():
                return qualified
            if name in _unique_names():
                return _unique_names()[name]
    return None
