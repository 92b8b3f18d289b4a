"""Types that arguments of several services share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

LAST: Final = 2**63 - 1
"""`after_id` of the first page of a list that runs from the newest to the oldest."""

Id = Annotated[int, Field(ge=1, le=LAST)]
AfterId = Annotated[int, Field(ge=0, le=LAST)]
PageSize = Annotated[int, Field(ge=1, le=500)]


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("text cannot hold the character NUL")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
