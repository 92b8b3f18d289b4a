"""What the services of a made-up platform have in common: its size, its time and its chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

WEEK: Final = 7 * 24
"""Hours in a week."""
PAST: Final = 260
"""Weeks that the platform has run."""
AHEAD: Final = 8
"""Weeks for which sessions are booked."""
BEFORE: Final = 3
"""Weeks before its first session in which people came to it."""

# Telegram gives out ids far below these, so that nothing here is ever sent to anybody; pseudonyms are far above.
_TELEGRAM = 1_000_000_000_000_000


class Scale(StrEnum):
    """How large it is: by its bookings, where that is a number."""

    TINY = "tiny"
    SMALL = "small"
    ONE_MILLION = "1m"
    TEN_MILLION = "10m"


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are."""

    mentors: int
    mentees: int
    relationships: int
    bookings: int


_SIZES: Final = {
    Scale.TINY: Size(3, 12, 20, 150),
    Scale.SMALL: Size(12, 120, 240, 3_000),
    Scale.ONE_MILLION: Size(3_000, 40_000, 50_000, 1_000_000),
    Scale.TEN_MILLION: Size(30_000, 400_000, 500_000, 10_000_000),
}


class World:
    """One platform.

    People are numbered: mentors from 1, then mentees, then one administrator; mentors and mentees from the busiest to
    the idlest. Time is counted in hours since the Monday, midnight UTC, of its first week; `now` is the midnight with
    which its last day begins. A week is 120 hours from Monday to Friday, for sessions of mentors, and 48 of a weekend,
    for lessons of groups, so that nobody is in both at once.
    """

    def __init__(self, scale: Scale, seed: int, as_of: date) -> None:
        self.size: Final = _SIZES[scale]
        self.as_of: Final = as_of
        self.now: Final = PAST * WEEK + as_of.weekday() * 24
        self.mentors: Final = range(1, self.size.mentors + 1)
        self.mentees: Final = range(self.size.mentors + 1, self.size.mentors + self.size.mentees + 1)
        self.admin: Final = self.mentees.stop
        self._seed = seed

    def chance(self, name: str) -> Random:
        """Return a source of chance of its own for each *name*, so that services do not disturb each other."""
        return Random(f"{self._seed} {name}")  # noqa: S311 - no secret

    def at(self, hour: int) -> str:
        """Return an hour as COPY reads it."""
        return self.instants[hour + BEFORE * WEEK]

    def day(self, days: int) -> str:
        """Return the day so many days after today."""
        return (self.as_of + timedelta(days=days)).isoformat()

    @cached_property
    def instants(self) -> list[str]:
        """Every hour as COPY reads it, from `BEFORE` weeks before the first on."""
        monday = datetime.combine(self.as_of, datetime.min.time(), UTC) - timedelta(
            days=self.as_of.weekday(), weeks=PAST + BEFORE
        )
        hours = range((BEFORE + PAST + AHEAD + 4) * WEEK)
        return [f"{monday + timedelta(hours=hour):%Y-%m-%d %H:%M:%S+00}" for hour in hours]

    @staticmethod
    def telegram(person: int) -> int:
        """Return a person's Telegram id."""
        return _TELEGRAM + person


def one_of(things: Sequence[T], draw: float) -> T:
    """Return the one that *draw*, from 0 to 1, points at."""
    return things[int(draw * len(things))]


def rank(number: int, draw: float) -> int:
    """Return a place from 0 to *number*, early ones more often: the n-th about n to the power of -1/3."""
    return int(number * draw**1.5)


def skewed(total: int, number: int, exponent: float, most: int) -> list[int]:
    """Share *total* out among *number*, to the n-th about n to the power of -exponent, *most* at most."""
    weights = [place**-exponent for place in range(1, number + 1)]
    low, high = 0.0, total / weights[-1]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(min(most, middle * weight) for weight in weights) < total else (low, middle)
    # Rounded so that what is lost with one is given to a later one.
    shares, given, wanted = [], 0, 0.0
    for weight in weights:
        wanted += min(most, high * weight)
        shares.append(int(wanted + 0.5) - given)
        given += shares[-1]
    return shares
