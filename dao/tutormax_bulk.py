"""Many rows of ``tutormax`` at once: by COPY, with every refused row named.

What refuses a row in bulk is what refuses it alone, and it is the same exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from decimal import Decimal
from itertools import islice
from typing import Any, Final, LiteralString, TypeAlias
from uuid import uuid4

from pydantic import AwareDatetime, ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from .database import AsyncTransaction, Transaction
from .errors import InvalidArgument, RefusedRow, RowsRefused, refusal_of
from .tutormax import BulkStored, BulkTarget, SessionStatus
from .types import Text

BATCH: Final = 10_000
"""Rows that are stored by one statement."""

_COPY: Final[LiteralString] = "COPY tutormax.bulk_rows (load_id, position, document) FROM STDIN"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to load; as the arguments of `Tutormax.save_session`."""

    session_id: Text
    tutor_id: Text
    student_id: Text
    subject: Text
    scheduled_start: AwareDatetime
    duration_minutes: int = 60
    session_number: int = 1
    status: SessionStatus = SessionStatus.SCHEDULED
    actual_start: AwareDatetime | None = None
    engagement_score: Decimal | None = None
    learning_objectives_met: bool | None = None


@dataclass(frozen=True, slots=True)
class NewFeedback:
    """Feedback to load; as the arguments of `Tutormax.record_feedback`."""

    session_id: Text
    tutor_id: Text
    student_id: Text
    overall_rating: int
    subject_knowledge_rating: int | None = None
    communication_rating: int | None = None
    patience_rating: int | None = None
    engagement_rating: int | None = None
    helpfulness_rating: int | None = None
    is_first_session: bool = False
    would_recommend: bool | None = None
    improvement_areas: list[Text] = field(default_factory=list)
    free_text: Text | None = None
    submitted_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, config=ConfigDict(ser_json_inf_nan="strings"))
class NewPrediction:
    """A prediction to load; as the arguments of `Tutormax.record_prediction`."""

    tutor_id: Text
    churn_score: int
    probability_1d: float
    probability_7d: float
    probability_30d: float
    probability_90d: float
    model_version: Text
    feature_cutoff: AwareDatetime
    contributing_factors: dict[str, Any] = field(default_factory=dict)
    prediction_date: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to load; as the arguments of `Tutormax.record_event`, but for the time, which must be given."""

    tutor_id: Text
    event_type: Text
    event_timestamp: AwareDatetime
    source: Text
    source_event_id: Text | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


NewRow: TypeAlias = NewSession | NewFeedback | NewPrediction | NewEvent

_TARGETS: Final[dict[type[NewRow], BulkTarget]] = {
    NewSession: BulkTarget.SESSIONS,
    NewFeedback: BulkTarget.STUDENT_FEEDBACK,
    NewPrediction: BulkTarget.CHURN_PREDICTIONS,
    NewEvent: BulkTarget.TUTOR_EVENTS,
}
_ADAPTERS: Final[dict[type[NewRow], TypeAdapter[Any]]] = {kind: TypeAdapter(kind) for kind in _TARGETS}


@dataclass(slots=True, config=ConfigDict(arbitrary_types_allowed=True))
class Loaded:
    """What came of a bulk load.

    Attributes:
        inserted: rows that are new.
        updated: sessions that were there and have changed.
        repeated: sessions and events that were there as they are.
        refused: the rest, by position.
    """

    inserted: int = 0
    updated: int = 0
    repeated: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


def load_rows(tx: Transaction, rows: Iterable[NewRow], *, keep_good: bool = False) -> Loaded:
    """Load many rows of one kind, by COPY: sessions (also changed ones), feedback, predictions or events.

    Rows are read as they are sent, so there may be more of them than memory.

    Args:
        tx: the transaction; feedback needs its actor.
        rows: all of the same class, that of the first.
        keep_good: store the good rows although others are refused.

    Returns:
        How many there were of each, and every refused row with its error.

    Raises:
        RowsRefused: some are, and *keep_good* was not asked for: ``refused`` has each of them. Nothing is stored, and
            the transaction can go on.
        ActorRequired: nobody is named who acts, and the rows are feedback.
        InvalidArgument: the rows are of different classes.
    """
    done = Loaded()
    with tx.savepoint():
        for start, target, lines in _batches(rows):
            load_id = uuid4()
            with tx.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                for position, line in enumerate(lines, start):
                    copy.write_row((load_id, position, line))
            _add(done, tx.tutormax.store_bulk(load_id, target))
        _settle(done, keep_good)
    return done


async def load_rows_async(tx: AsyncTransaction, rows: Iterable[NewRow], *, keep_good: bool = False) -> Loaded:
    """Load many rows of one kind, by COPY; as `load_rows`."""
    done = Loaded()
    async with tx.savepoint():
        for start, target, lines in _batches(rows):
            load_id = uuid4()
            async with tx.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                for position, line in enumerate(lines, start):
                    await copy.write_row((load_id, position, line))
            _add(done, await tx.tutormax.store_bulk(load_id, target))
        _settle(done, keep_good)
    return done


def _batches(rows: Iterable[NewRow]) -> Iterator[tuple[int, BulkTarget, list[str]]]:
    """Yield parts of the rows as documents: place of the first, and where they go."""
    left, start, kind = iter(rows), 0, None
    while some := list(islice(left, BATCH)):
        kind = kind or type(some[0])
        if kind not in _TARGETS or any(type(row) is not kind for row in some):
            raise InvalidArgument("rows: all of one class: " + ", ".join(sorted(known.__name__ for known in _TARGETS)))
        document = _ADAPTERS[kind].dump_json
        yield start, _TARGETS[kind], [document(row).decode() for row in some]
        start += len(some)


def _add(done: Loaded, stored: BulkStored) -> None:
    done.inserted += stored.inserted
    done.updated += stored.updated
    done.repeated += stored.repeated
    for row in sorted(stored.refused, key=lambda row: row.position):
        error = refusal_of(
            row.sqlstate,
            schema="tutormax",
            constraint=row.constraint_name,
            column=row.column_name,
            message=row.message or "",
            detail=row.detail or "",
            hint=row.hint or "",
        )
        done.refused.append(RefusedRow(row.position, error))


def _settle(done: Loaded, keep_good: bool) -> None:
    if done.refused and not keep_good:
        first, places = done.refused[0].error, "|".join(str(row.position) for row in done.refused[:10])
        raise RowsRefused(
            f"{len(done.refused)} rows are refused, the first because: {first.message}",
            detail=f"refused={len(done.refused)}, first_positions={places}",
            hint="Correct or leave out the rows in refused, or load with keep_good=True",
            sqlstate=first.sqlstate,
            refused=done.refused,
        )
