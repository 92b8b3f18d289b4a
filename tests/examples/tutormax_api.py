"""Tutors over HTTP: a small FastAPI application on mentorbase.

Run it with the server named in MENTORBASE_DSN: ``uvicorn tutormax_api:app --app-dir tests/examples``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from mentorbase import AsyncDatabase, HighRiskTutor, NotFound, TutorStatistics, TutorWithRelations


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, AsyncDatabase]]:
    """Keep one pool for as long as the application runs."""
    async with AsyncDatabase.connect() as db:
        yield {"db": db}


async def database(request: Request) -> AsyncDatabase:
    """Return the application's pool."""
    db: AsyncDatabase = request.state.db
    return db


app = FastAPI(lifespan=lifespan)
Db = Annotated[AsyncDatabase, Depends(database)]
Limit = Annotated[int, Query(ge=1, le=100)]


@app.get("/tutors/at-risk")
async def at_risk(db: Db, min_score: int = 51, limit: Limit = 10) -> list[HighRiskTutor]:
    """List tutors who are likely to leave, the likeliest first."""
    return await db.tutormax.get_high_risk_tutors(min_score, limit)


@app.get("/tutors/{tutor_id}")
async def get_tutor(tutor_id: str, db: Db, with_relations: bool = False) -> TutorWithRelations:
    """Return a tutor, in one round trip with what belongs to them if that is asked for."""
    tutor = await db.tutormax.get_tutor_by_id(tutor_id, with_relations)
    if tutor is None:
        raise HTTPException(404, "There is no such tutor")
    return tutor


@app.get("/tutors/{tutor_id}/statistics")
async def get_statistics(tutor_id: str, db: Db, days_back: Annotated[int, Query(ge=1, le=365)] = 30) -> TutorStatistics:
    """Count a tutor's sessions and ratings of so many days."""
    try:
        return await db.tutormax.get_tutor_statistics(tutor_id, days_back)
    except NotFound as refusal:
        raise HTTPException(404, "There is no such tutor") from refusal
