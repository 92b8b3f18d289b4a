"""An application's code, for the type checkers only: nothing here runs.

A line that must be refused ends in ``# E: <mypy's code> <pyright's rule>``; every other line must be accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

import psycopg
import psycopg_pool
from mentorbase import (
    SYSTEM,
    Actor,
    AsyncDatabase,
    AsyncTransaction,
    Auth,
    Database,
    Mentoring,
    Party,
    Profile,
    Relationship,
    RelationshipStatus,
    Step,
    Transaction,
    User,
)


def on_a_connection(conn: psycopg.Connection[Any]) -> None:
    mentoring = Mentoring(conn)
    assert_type(mentoring.accept(1), Relationship)
    assert_type(mentoring.accept(relationship_id=1, actor_id=7, reason="glad to"), Relationship)
    assert_type(mentoring.mentees(1, statuses=[RelationshipStatus.ACTIVE], page_size=20), list[Relationship])
    assert_type(mentoring.history(1), list[Step])
    assert_type(mentoring.profile(1), Profile | None)
    assert_type(mentoring.accept(1).accepted_at is None, bool)
    accept: Callable[[int], Relationship] = mentoring.accept
    accept(1)

    mentoring.accept("1")  # E: arg-type reportArgumentType
    mentoring.accept()  # E: call-arg reportCallIssue
    mentoring.accept(1, 7)  # E: call-arg reportCallIssue
    mentoring.accept(1, because="glad to")  # E: call-arg reportCallIssue
    mentoring.accept(1, reason=7)  # E: arg-type reportArgumentType
    mentoring.accept(None)  # E: arg-type reportArgumentType
    mentoring.request(7, 9, initiated_by="mentor")  # E: arg-type reportArgumentType
    mentoring.mentees(1, statuses=["active"])  # E: list-item reportArgumentType
    mentoring.befriend(1)  # E: attr-defined reportAttributeAccessIssue
    mentoring.accept(1).name  # E: attr-defined reportAttributeAccessIssue # noqa: B018
    mentoring.profile(1).timezone  # E: union-attr reportOptionalMemberAccess # noqa: B018
    mentoring.mentees(1).id  # E: attr-defined reportAttributeAccessIssue # noqa: B018
    step: Step = mentoring.accept(1)  # E: assignment reportAssignmentType # noqa: F841
    version: str = mentoring.accept(1).version  # E: assignment reportAssignmentType # noqa: F841
    mentoring.accept(1).version = 2  # E: misc reportAttributeAccessIssue


def on_a_pool(pool: psycopg_pool.ConnectionPool, typed: psycopg_pool.ConnectionPool[psycopg.Connection[Any]]) -> None:
    assert_type(Mentoring(pool).accept(1), Relationship)
    assert_type(Mentoring(typed).mentees(1), list[Relationship])
    assert_type(Auth(pool).user_by_telegram_id(1), User | None)


def on_a_database(db: Database) -> None:
    assert_type(db.mentoring.mentees(1), list[Relationship])
    assert_type(db.auth.user(1), User)
    with db.transaction(actor=7) as tx:
        assert_type(tx, Transaction)
        assert_type(tx.mentoring.profile(1), Profile | None)
        assert_type(tx.mentoring.request(7, 9, initiated_by=Party.MENTOR).status, RelationshipStatus)
        assert_type(tx.connection, psycopg.Connection[Any])
    with db.transaction(actor=Actor.admin(1), read_only=True), db.transaction(actor=SYSTEM):
        pass
    assert_type(db.retrying(lambda tx: tx.mentoring.accept(1)), Relationship)
    assert_type(db.retrying(finish, actor=7), int)

    db.transaction(actor="7")  # E: arg-type reportArgumentType
    db.retrying(lambda tx: tx.mentoring.accept("1"))  # E: arg-type reportArgumentType
    db.retrying(finish).version  # E: attr-defined reportAttributeAccessIssue # noqa: B018
    Mentoring("postgresql://")  # E: type-var reportArgumentType


def finish(tx: Transaction) -> int:
    return tx.mentoring.complete(1).version


async def on_an_async_connection(conn: psycopg.AsyncConnection[Any]) -> None:
    mentoring = Mentoring(conn)
    _ = assert_type(mentoring.accept(1), Coroutine[Any, Any, Relationship])
    assert_type(await mentoring.accept(1), Relationship)
    assert_type(await mentoring.mentees(1), list[Relationship])
    assert_type(await mentoring.profile(1), Profile | None)

    await mentoring.accept("1")  # E: arg-type reportArgumentType
    await mentoring.accept()  # E: call-arg reportCallIssue
    mentoring.accept(1).version  # E: attr-defined reportAttributeAccessIssue # noqa: B018
    mentoring.accept(1)  # E: unused-coroutine reportUnusedCoroutine
    relationship: Relationship = mentoring.accept(1)  # E: assignment reportAssignmentType # noqa: F841


async def on_an_async_pool(pool: psycopg_pool.AsyncConnectionPool) -> None:
    assert_type(await Mentoring(pool).accept(1), Relationship)
    _ = assert_type(Auth(pool).user(1), Coroutine[Any, Any, User])


async def on_an_async_database(db: AsyncDatabase) -> None:
    assert_type(await db.mentoring.mentees(1), list[Relationship])
    _ = assert_type(db.auth.user(1), Coroutine[Any, Any, User])
    async with db.transaction(actor=7) as tx:
        assert_type(tx, AsyncTransaction)
        assert_type(await tx.mentoring.profile(1), Profile | None)
        assert_type(tx.connection, psycopg.AsyncConnection[Any])
        tx.mentoring.accept(1).version  # E: attr-defined reportAttributeAccessIssue # noqa: B018
    assert_type(await db.retrying(lambda tx: tx.mentoring.accept(1)), Relationship)
    assert_type(await db.retrying(finish_async), int)

    await db.retrying(finish)  # E: arg-type reportArgumentType
    with db.transaction():  # E: attr-defined reportGeneralTypeIssues
        pass


async def finish_async(tx: AsyncTransaction) -> int:
    return (await tx.mentoring.complete(1)).version


async def sync_from_async(db: Database, conn: psycopg.Connection[Any]) -> None:
    await db.mentoring.mentees(1)  # E: misc reportGeneralTypeIssues
    await Mentoring(conn).accept(1)  # E: misc reportGeneralTypeIssues


def service_of_any_connection(mentoring: Mentoring[psycopg.Connection[Any]], tx: Transaction) -> None:
    service_of_any_connection(tx.mentoring, tx)
    service_of_any_connection(Mentoring(tx.connection), tx)
