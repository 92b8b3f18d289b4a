"""Types that arguments of several services share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field

LAST: Final = 2**63 - 1
"""`after_id` of the first page of a list that runs from the newest to the oldest."""

Id = Annotated[int, Field(ge=1, lt=10**18)]
AfterId = Annotated[int, Field(ge=0, le=LAST)]
Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Percent = Annotated[Decimal, Field(ge=0, le=100, max_digits=5, decimal_places=2)]
TelegramId = Annotated[int, Field(ge=1, le=2**52 - 1)]
TelegramIds = Annotated[Sequence[TelegramId], Field(max_length=500), AfterValidator(list)]
PageSize = Annotated[int, Field(ge=1, le=500)]


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("text cannot hold the character NUL")
    return text


WITHOUT_NUL: Final = AfterValidator(_without_nul)
Text = Annotated[str, WITHOUT_NUL]
Reason = Annotated[str, Field(max_length=500), WITHOUT_NUL]


class CefrLevel(StrEnum):
    """How well somebody speaks a language (``platform.cefr_level``), from A1 (beginner) to C2 (mastery)."""

    A1 = "a1"
    A2 = "a2"
    B1 = "b1"
    B2 = "b2"
    C1 = "c1"
    C2 = "c2"
