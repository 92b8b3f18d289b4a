"""One call of a named query: what to call it with, and what its plan has to be."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, LiteralString

from conftest import APP


@dataclass(frozen=True)
class Call:
    """One call. What it may touch stands beside the query, in its header: ``-- budget: <n> buffers``.

    Attributes:
        given: its arguments; @name is one of the service's `KNOWN`.
        indexes: exactly those of its plan; None: not looked at. A function shows none, but its scans are counted.
        only: of these, those that are read without the table.
        pages: shared buffers at most, where this call may touch fewer than the query's budget.
        whole: tables that are read from end to end, because the call may be about all of their rows.
        actor: who acts, where no argument says so.
        login: who calls.
        before: SQL of a superuser that puts things into place, in the same transaction.
    """

    given: Mapping[str, Any]
    indexes: Set[str] | None = None
    only: Set[str] = frozenset()
    pages: int | None = None
    whole: Set[str] = frozenset()
    actor: str = "system"
    login: str = APP
    before: LiteralString = ""

    @property
    def label(self) -> str:
        return "-".join(value[1:] for value in self.given.values() if str(value).startswith("@"))


@dataclass(frozen=True)
class Question:
    """What the specification wants an index for, as SQL that somebody types.

    Attributes:
        role: the login that types it.
        text: the statement, with `KNOWN` in braces.
        pages: shared buffers at most.
        also: indexes that its plan may use as well.
    """

    role: str
    text: str
    pages: int
    indexes: Set[str]
    also: Set[str] = frozenset()
