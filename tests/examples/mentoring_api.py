"""Mentors and mentees over HTTP: the whole of a FastAPI application on mentorbase.

Run it with the server named in MENTORBASE_DSN: ``uvicorn mentoring_api:app --app-dir tests/examples``. The rules and
their refusals are the database's; what is left here is who asks, what HTTP calls it, and in which language.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mentorbase import (
    LAST,
    ActorRequired,
    AsyncDatabase,
    AsyncTransaction,
    Blocked,
    CapacityReached,
    ConnectionLost,
    CoolingDown,
    InvalidArgument,
    InvalidValue,
    MentorbaseError,
    MentorUnavailable,
    NotFound,
    NotPermitted,
    Party,
    PoolExhausted,
    ReferenceViolation,
    Refusal,
    Relationship,
    RelationshipExists,
    RelationshipStatus,
    SelfMentoring,
    StaleVersion,
    Statistics,
    TooManyRequests,
    TransitionRefused,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator


class Lang(StrEnum):
    """The languages that titles of problems are in. An address in any other one does not exist: 404."""

    EN = "en"
    RU = "ru"


PROBLEMS: Final[dict[type[MentorbaseError], tuple[int, str, str]]] = {
    ActorRequired: (401, "Sign in first", "Сначала войдите"),
    NotPermitted: (403, "This is not yours to do", "Это вам не разрешено"),
    NotFound: (404, "There is no such thing", "Ничего не найдено"),
    InvalidArgument: (422, "This cannot be understood", "Запрос заполнен неверно"),
    InvalidValue: (422, "This value is not allowed", "Недопустимое значение"),
    ReferenceViolation: (422, "There is no such person", "Такого человека нет"),
    SelfMentoring: (422, "Nobody is their own mentor", "Нельзя быть собственным ментором"),
    StaleVersion: (409, "Somebody was faster", "Кто-то успел раньше"),
    TransitionRefused: (409, "The relationship cannot go there", "Такой шаг сейчас невозможен"),
    RelationshipExists: (409, "You are connected already", "Вы уже связаны"),
    CapacityReached: (409, "The mentor has no free place", "Свободных мест нет"),
    MentorUnavailable: (409, "The mentor takes no new mentees", "Ментор не берёт новых учеников"),
    CoolingDown: (409, "It is too early to ask again", "Просить снова ещё рано"),
    Blocked: (409, "You cannot ask this person", "Этого человека попросить нельзя"),
    TooManyRequests: (409, "Too many requests wait for an answer", "Слишком много запросов ждут ответа"),
    Refusal: (409, "This is not possible now", "Сейчас это невозможно"),
    ConnectionLost: (503, "Try again in a moment", "Попробуйте через минуту"),
    PoolExhausted: (503, "Try again in a moment", "Попробуйте через минуту"),
}
"""The status of each refusal and its title in English and in Russian; a kind that is not listed is as its base."""

MISSING_PRIVILEGE: Final = "42501"


class Problem(BaseModel):
    """Why something was refused.

    Attributes:
        title: for whoever uses the application, in their language.
        error: name of the exception; for programs.
        message: what is wrong, for a developer.
        hint: the way out.
        detail: the values behind it, such as the present ``version``; never personal data.
    """

    title: str
    error: str
    message: str
    hint: str
    detail: dict[str, str]


async def problem(request: Request, error: Exception) -> JSONResponse:
    """Answer with what was refused: by the database, by the pool, or by FastAPI's reading of the request."""
    if isinstance(error, RequestValidationError):
        error = unreadable(error)
    refusal = error if isinstance(error, Refusal) else Refusal(str(error))
    if refusal.sqlstate == MISSING_PRIVILEGE:  # the deployment's fault, not this person's: 500
        raise error

    status, english, russian = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    body = Problem(
        title=russian if request.path_params.get("lang") == Lang.RU else english,
        error=type(error).__name__,
        message=refusal.message,
        hint=refusal.hint,
        detail=refusal.values,
    )
    return JSONResponse(body.model_dump(), status)


def unreadable(error: RequestValidationError) -> Refusal:
    """Return the first thing that FastAPI could not read as a refusal like any other, without the value."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    kind = {"path": NotFound, "header": ActorRequired}.get(first["loc"][0], InvalidArgument)
    return kind(f"{name}: {first['msg']}", detail=f"argument={name}", hint="See /docs")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, AsyncDatabase]]:
    """Keep one pool for as long as the application runs."""
    async with AsyncDatabase.connect() as db:
        yield {"db": db}


async def database(request: Request) -> AsyncDatabase:
    """Return the application's pool."""
    db: AsyncDatabase = request.state.db
    return db


async def language(lang: Lang) -> Lang:
    """Return the language of the address."""
    return lang


async def current_user(x_user_id: Annotated[int, Header(ge=1)]) -> int:
    """Return who asks. The header stands in for real authentication: anybody can send it."""
    return x_user_id


Db = Annotated[AsyncDatabase, Depends(database)]
Me = Annotated[int, Depends(current_user)]
RelationshipId = Annotated[int, Path(alias="id")]
AfterId = Annotated[int, Query(ge=0, le=LAST, description="next_after_id of the page before")]
PageSize = Annotated[int, Query(ge=1, le=100)]
StatusFilter = Annotated[list[RelationshipStatus] | None, Query(description="only these; may be repeated")]


class Body(BaseModel):
    """What a request says; what it should not say is refused."""

    model_config = ConfigDict(extra="forbid")


class AddMentee(Body):
    """Whom a mentor asks, and why."""

    mentee_id: int
    reason: str | None = None


class AddMentor(Body):
    """Whom a mentee asks, and why."""

    mentor_id: int
    reason: str | None = None


class Subscriptions(Body):
    """What the mentee hears of; None leaves it as it is.

    Attributes:
        version: refuse if the relationship has changed since it had this version; None: change it anyway.
    """

    quizzes: bool | None = None
    courses: bool | None = None
    subjects: bool | None = None
    version: int | None = None


class Change(Body):
    """What to change of a relationship, all of it or nothing.

    Attributes:
        status: where it should go: ``active`` accepts a request and resumes what is paused.
        reason: of the step; kept in its history.
        resume_at: until when to pause.
        note: one's own, shown to nobody; null removes it.
    """

    status: Literal["active", "paused", "completed", "rejected", "cancelled", "terminated"] | None = None
    reason: str | None = None
    resume_at: AwareDatetime | None = None
    subscriptions: Subscriptions | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _belongs_to_a_step(self) -> Self:
        if self.reason is not None and self.status is None:
            raise ValueError("reason goes with a status")
        if self.resume_at is not None and self.status != "paused":
            raise ValueError("resume_at goes with the status paused")
        return self


class Page(BaseModel):
    """One page, newest first; ``next_after_id`` is None on the last one."""

    items: list[Relationship]
    next_after_id: int | None


def page_of(found: list[Relationship], page_size: int) -> Page:
    """Return a page; *found* has one more than it holds if there is another one."""
    items = found[:page_size]
    return Page(items=items, next_after_id=items[-1].id if len(found) > page_size else None)


def require_side(link: Relationship | Statistics, user_id: int) -> None:
    """Refuse who is neither mentor nor mentee: reads take no actor, the application says who sees what."""
    if user_id not in (link.mentor_id, link.mentee_id):
        raise NotPermitted("a relationship is for its two sides only", hint="Look among your own mentors and mentees")


async def take_step(tx: AsyncTransaction, link: Relationship, change: Change) -> None:
    """Move a relationship to the status that is asked for, by the step of that name."""
    step, reason = tx.mentoring, change.reason
    match change.status:
        case "active" if link.status is RelationshipStatus.PAUSED:
            await step.resume(link.id, reason=reason)
        case "active":
            await step.accept(link.id, reason=reason)
        case "paused":
            await step.pause(link.id, resume_at=change.resume_at, reason=reason)
        case "completed":
            await step.complete(link.id, reason=reason)
        case "rejected":
            await step.reject(link.id, reason=reason)
        case "cancelled":
            await step.cancel(link.id, reason=reason)
        case "terminated":
            await step.terminate(link.id, reason=reason)


router = APIRouter(
    prefix="/{lang}/users",
    dependencies=[Depends(language)],
    responses={"4XX": {"model": Problem}, "503": {"model": Problem}},
)


@router.post("/mentor/add-mentee", status_code=201)
async def add_mentee(body: AddMentee, db: Db, me: Me) -> Relationship:
    """Ask for a mentee, as the mentor; active at once if the mentee has asked already."""
    return await db.mentoring.request(me, body.mentee_id, initiated_by=Party.MENTOR, actor_id=me, reason=body.reason)


@router.post("/mentee/add-mentor", status_code=201)
async def add_mentor(body: AddMentor, db: Db, me: Me) -> Relationship:
    """Ask for a mentor, as the mentee; active at once if the mentor has asked already."""
    return await db.mentoring.request(body.mentor_id, me, initiated_by=Party.MENTEE, actor_id=me, reason=body.reason)


@router.put("/mentor-mentee/{id}")
async def change_relationship(relationship_id: RelationshipId, change: Change, db: Db, me: Me) -> Relationship:
    """Change subscriptions, the own note and the status, in one transaction."""
    async with db.transaction(actor=me) as tx:
        link = await tx.mentoring.relationship(relationship_id)
        require_side(link, me)
        if change.subscriptions is not None:
            await tx.mentoring.change_subscriptions(link.id, **change.subscriptions.model_dump())
        if "note" in change.model_fields_set:
            await tx.mentoring.write_note(link.id, note=change.note)
        if change.status is not None:
            await take_step(tx, link, change)
        return await tx.mentoring.relationship(link.id)


@router.delete("/mentor-mentee/{id}")
async def remove_relationship(relationship_id: RelationshipId, db: Db, me: Me) -> Relationship:
    """Withdraw or terminate a relationship, and hide it from one's own list."""
    return await db.mentoring.remove(relationship_id, actor_id=me)


@router.get("/mentor/mentees")
async def mentees(
    db: Db, me: Me, after_id: AfterId = LAST, page_size: PageSize = 50, status: StatusFilter = None
) -> Page:
    """List one's relationships as a mentor."""
    found = await db.mentoring.mentees(me, statuses=status, after_id=after_id, page_size=page_size + 1)
    return page_of(found, page_size)


@router.get("/mentee/mentors")
async def mentors(
    db: Db, me: Me, after_id: AfterId = LAST, page_size: PageSize = 50, status: StatusFilter = None
) -> Page:
    """List one's relationships as a mentee."""
    found = await db.mentoring.mentors(me, statuses=status, after_id=after_id, page_size=page_size + 1)
    return page_of(found, page_size)


@router.get("/mentor-mentee/{id}/stats")
async def stats(relationship_id: RelationshipId, db: Db, me: Me) -> Statistics:
    """Count the sessions of a relationship, for its two sides."""
    statistics = await db.mentoring.statistics(relationship_id)
    require_side(statistics, me)
    return statistics


app = FastAPI(
    title="Mentoring",
    lifespan=lifespan,
    exception_handlers=dict.fromkeys((Refusal, ConnectionLost, PoolExhausted, RequestValidationError), problem),
)
app.include_router(router)
