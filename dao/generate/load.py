"""Rows on their way into one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    r"""Rows of one table, for COPY.

    Attributes:
        table: with its schema.
        columns: those that the rows have, in their order.
        rows: makes the rows: lines of COPY's text format, ``\N`` for NULL.
        count: about how many there will be, if that is known before.
        actor: who brings them, as the setting ``mentorbase.actor``.
        without: triggers that are switched off meanwhile, because the rows bring themselves what these would write, or
            are of the past and in a status that nothing begins with. Constraints always hold.
        staged: whether they go by way of a temporary table, as PostgreSQL copies nothing into one with policies.
    """

    table: str
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[str]]
    count: int | None = None
    actor: str = "system"
    without: tuple[str, ...] = ()
    staged: bool = False
