"""Declared queries: what a wrong declaration, a wrong argument and a missing row say; every kind of connection."""

from __future__ import annotations

import asyncio
import logging
import pydoc
import re
import secrets
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import psycopg_pool
import pytest
from mentorbase import (
    LIVE,
    InvalidArgument,
    Mentoring,
    NotFound,
    Party,
    Relationship,
    RelationshipStatus,
    TransitionRefused,
    named_sql,
)
from mentorbase import query as module
from mentorbase.query import Queries, S, query
from psycopg.rows import dict_row

NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - that is what must be refused


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder ``sql`` as named queries see it, empty."""
    monkeypatch.setattr(named_sql, "resources", SimpleNamespace(folder=lambda _: tmp_path))
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Callable[[str], str]:
    """Write the queries of a service that only this test has; return its name."""

    def write(sql: str) -> str:
        name = f"test_{secrets.token_hex(8)}"
        (folder / name).mkdir()
        (folder / name / "queries.sql").write_text(sql, "utf-8")
        return name

    return write


@pytest.fixture
def link(app: psycopg.Connection, people: list[int]) -> Relationship:
    """A relationship that person 1 asked person 2 for, as mentor."""
    mentor, mentee = people[:2]
    return Mentoring(app).request(mentor, mentee, initiated_by=Party.MENTOR, actor_id=mentor)


ONE = "-- name: one\n-- Says one.\nSELECT :it::bigint;\n"


def test_a_method_without_a_query_is_refused(service: Callable[[str], str]) -> None:
    name = service(ONE)
    with pytest.raises(TypeError, match=rf"^Broken and sql/{name}/queries\.sql disagree about \['other'\]$"):

        class Broken(Queries[S], service=name):
            @query
            def one(self, it: int) -> int: ...

            @query
            def other(self) -> int: ...


def test_a_query_without_a_method_is_refused(service: Callable[[str], str]) -> None:
    name = service(ONE + "-- name: other\nSELECT 2;\n")
    with pytest.raises(TypeError, match=rf"^Broken and sql/{name}/queries\.sql disagree about \['other'\]$"):

        class Broken(Queries[S], service=name):
            @query
            def one(self, it: int) -> int: ...


def test_a_parameter_of_another_name_is_refused(service: Callable[[str], str]) -> None:
    name = service(ONE)
    with pytest.raises(TypeError, match=rf"^{name}\.one: SQL and signature disagree about \['it', 'that'\]$"):

        class Broken(Queries[S], service=name):
            @query
            def one(self, that: int) -> int: ...


def test_a_parameter_too_many_is_refused(service: Callable[[str], str]) -> None:
    name = service(ONE)
    with pytest.raises(TypeError, match=rf"^{name}\.one: SQL and signature disagree about \['more'\]$"):

        class Broken(Queries[S], service=name):
            @query
            def one(self, it: int, *, more: int = 0) -> int: ...


def test_a_service_without_a_file_of_queries_is_refused(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere/queries\.sql"):

        class Broken(Queries[S], service="nowhere"):
            pass


def test_each_kind_of_result(service: Callable[[str], str], app: psycopg.Connection) -> None:
    name = service(
        """\
-- name: scalar
SELECT 1 WHERE :there;
-- name: optional
SELECT 1 WHERE :there;
-- name: several
SELECT i FROM generate_series(1, :upto::integer) AS i;
-- name: nothing
SET LOCAL mentorbase.actor = '';
-- name: void
SELECT pg_notify('channel', '50%');
"""
    )

    class Kinds(Queries[S], service=name):
        @query
        def scalar(self, there: bool) -> int: ...
        @query
        def optional(self, there: bool) -> int | None: ...
        @query
        def several(self, upto: int) -> list[int]: ...
        @query
        def nothing(self) -> None: ...
        @query
        def void(self) -> None: ...

    with app.transaction():
        kinds = Kinds(app)
        assert kinds.scalar(True) == 1
        assert kinds.optional(True) == 1
        assert kinds.optional(False) is None
        assert kinds.several(3) == [1, 2, 3]
        assert kinds.several(0) == []
        for call in (kinds.nothing, kinds.void):
            assert call() is None  # type: ignore[func-returns-value]
        with pytest.raises(NotFound, match=rf"^{name}\.scalar: there is no such row"):
            kinds.scalar(False)


def refused_by(call: Callable[[], Any]) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as refused:
        call()
    assert refused.value.sqlstate == "MB007"
    return refused.value


def call(mentoring: Mentoring[Any], method: str, *args: Any, **kwargs: Any) -> Any:
    """Call as code does that no type checker has seen."""
    return getattr(mentoring, method)(*args, **kwargs)


@pytest.mark.parametrize(
    ("method", "args", "kwargs", "argument", "says"),
    [
        ("accept", ["{}"], {}, "relationship_id", "Input should be a valid integer"),
        ("accept", [True], {}, "relationship_id", "Input should be a valid integer"),
        ("accept", [1.0], {}, "relationship_id", "Input should be a valid integer"),
        ("accept", [None], {}, "relationship_id", "Input should be a valid integer"),
        ("accept", [1], {"actor_id": "{}"}, "actor_id", "Input should be a valid integer"),
        ("accept", [1], {"reason": 7}, "reason", "Input should be a valid string"),
        ("accept", [1], {"reason": "x" * 501}, "reason", "String should have at most 500 characters"),
        ("accept", [], {}, "relationship_id", "Missing required argument"),
        ("accept", [1], {"why": "{}"}, "why", "Unexpected keyword argument"),
        ("accept", [1, 7], {}, "actor_id", "Unexpected positional argument"),
        ("relationship", [1, "{}"], {}, "1", "Unexpected positional argument"),
        ("accept", [1], {"relationship_id": 1}, "relationship_id", "Got multiple values for argument"),
        ("request", [1, 2], {"initiated_by": "{}"}, "initiated_by", "Input should be an instance of Party"),
        ("mentees", [1], {"page_size": 0}, "page_size", "Input should be greater than or equal to 1"),
        ("mentees", [1], {"page_size": 501}, "page_size", "Input should be less than or equal to 500"),
        ("mentees", [1], {"statuses": ["{}"]}, "statuses.0", "Input should be an instance of RelationshipStatus"),
        ("mentees", [1], {"statuses": "{}"}, "statuses", "'str' instances are not allowed as a Sequence value"),
        ("pause", [1], {"resume_at": NAIVE}, "resume_at", "Input should have timezone info"),
        ("pause", [1], {"resume_at": "{}"}, "resume_at", "Input should be a valid datetime"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed_and_not_with_its_value(
    method: str, args: list[Any], kwargs: dict[str, Any], argument: str, says: str, app: psycopg.Connection
) -> None:
    secret = secrets.token_hex(20)

    def filled(value: Any) -> Any:
        return [filled(item) for item in value] if isinstance(value, list) else secret if value == "{}" else value

    error = refused_by(
        lambda: call(Mentoring(app), method, *filled(args), **{name: filled(value) for name, value in kwargs.items()})
    )
    assert error.message == f"mentoring.{method}: {argument}: {says}"
    assert error.values == {"argument": argument}
    assert secret not in "".join(traceback.format_exception(error))
    assert secret not in str(error.__context__)  # which some loggers follow all the same
    assert error.__suppress_context__


def test_a_naive_datetime_of_the_past_is_refused_as_naive_before_it_is_compared(app: psycopg.Connection) -> None:
    error = refused_by(lambda: Mentoring(app).pause(1, resume_at=NAIVE - timedelta(days=9999)))
    assert error.message == "mentoring.pause: resume_at: Input should have timezone info"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**200])
@pytest.mark.parametrize("method", ["accept", "relationship"])
def test_a_number_beyond_bigint_is_a_wrong_argument_or_no_such_row(
    method: str, number: int, app: psycopg.Connection
) -> None:
    """And not an error about the types of the server's functions."""
    with pytest.raises((InvalidArgument, NotFound)):
        call(Mentoring(app), method, number)


def test_text_that_postgresql_cannot_hold_is_a_wrong_argument(app: psycopg.Connection, link: Relationship) -> None:
    refused_by(lambda: Mentoring(app).accept(link.id, actor_id=2, reason="a\0b"))


def test_every_page_size_within_its_bounds_is_allowed(app: psycopg.Connection, link: Relationship) -> None:
    assert Mentoring(app).mentees(link.mentor_id, page_size=1) == [link]
    assert Mentoring(app).mentees(link.mentor_id, page_size=500) == [link]


def test_a_missing_row_is_not_found(app: psycopg.Connection) -> None:
    nobody = 10**12 + secrets.randbelow(10**12)
    with pytest.raises(NotFound) as refused:
        Mentoring(app).relationship(nobody)
    assert refused.value.sqlstate == "MB004"
    assert refused.value.message == "mentoring.relationship: there is no such row"
    assert refused.value.values == {"relationship_id": str(nobody)}


@pytest.mark.parametrize("source", [None, "postgresql://", object()])
def test_what_is_no_connection_is_refused_at_once(source: Any) -> None:
    with pytest.raises(TypeError, match=r"Mentoring runs on a psycopg connection or pool, not on"):
        Mentoring(source)


def test_an_optional_row_is_none_and_a_list_empty_where_there_is_nothing(app: psycopg.Connection) -> None:
    assert Mentoring(app).profile(12345) is None
    assert Mentoring(app).mentees(12345) == []
    assert Mentoring(app).history(12345) == []


def test_positional_and_keyword_arguments_are_the_same_call(app: psycopg.Connection, link: Relationship) -> None:
    mentoring = Mentoring(app)
    assert mentoring.relationship(link.id) == mentoring.relationship(relationship_id=link.id) == link
    with app.transaction(force_rollback=True):
        accepted = mentoring.accept(link.id, actor_id=2)
    assert mentoring.accept(actor_id=2, relationship_id=link.id).version == accepted.version


@pytest.mark.parametrize("statuses", [LIVE, list(LIVE), (RelationshipStatus.PENDING,), None])
def test_any_sequence_of_statuses_is_taken(statuses: Any, app: psycopg.Connection, link: Relationship) -> None:
    assert Mentoring(app).mentees(link.mentor_id, statuses=statuses) == [link]


def test_an_instant_is_kept_whatever_its_zone(app: psycopg.Connection, link: Relationship) -> None:
    mentoring = Mentoring(app)
    mentoring.accept(link.id, actor_id=2)
    until = datetime.now(UTC) + timedelta(days=3)
    for zone in ("UTC", "Asia/Kathmandu"):
        with app.transaction(force_rollback=True):
            app.execute(f"SET LOCAL timezone = '{zone}'")
            paused = mentoring.pause(link.id, actor_id=1, resume_at=until.astimezone(ZoneInfo("America/New_York")))
            assert paused.resume_at == until


def test_instants_are_in_the_zone_that_the_session_has_now(app: psycopg.Connection, link: Relationship) -> None:
    mentoring = Mentoring(app)
    for zone in ("Asia/Kathmandu", "America/New_York", "Asia/Kathmandu"):
        app.execute(f"SET timezone = '{zone}'")
        assert mentoring.relationship(link.id).created_at.tzinfo == ZoneInfo(zone)


def test_text_is_read_in_the_encoding_that_the_session_has_now(app: psycopg.Connection, link: Relationship) -> None:
    mentoring = Mentoring(app)
    mentoring.write_note(link.id, note="\u0416", actor_id=link.mentor_id)
    for encoding in ("UTF8", "WIN1251", "UTF8"):
        app.execute(f"SET client_encoding = '{encoding}'")
        assert mentoring.note(link.id, actor_id=link.mentor_id) == "\u0416"


def test_calls_at_once_on_one_connection_get_their_own_rows(dsn: str, link: Relationship) -> None:
    """Rows of two types in turn: their cursors are used again, and never by two at once."""

    def calls(mentoring: Mentoring[psycopg.Connection[Any]]) -> list[bool]:
        return [mentoring.relationship(link.id) == link and mentoring.history(link.id) == steps for _ in range(50)]

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            mentoring = Mentoring(conn)
            found = await asyncio.gather(
                *(call for _ in range(50) for call in (mentoring.relationship(link.id), mentoring.history(link.id)))
            )
            assert found == [link, steps] * 50

    with psycopg.connect(dsn, autocommit=True) as conn, ThreadPoolExecutor(4) as threads:
        mentoring = Mentoring(conn)
        steps = mentoring.history(link.id)
        assert steps
        assert all(all(found) for found in threads.map(lambda _: calls(mentoring), range(4)))
    asyncio.run(work())


def test_a_query_that_failed_does_no_harm_to_the_next(app: psycopg.Connection, link: Relationship) -> None:
    mentoring = Mentoring(app)
    for _ in range(3):
        with pytest.raises(TransitionRefused):
            mentoring.resume(link.id, actor_id=1)
        assert mentoring.relationship(link.id) == link


class TestConnections:
    """The same method on whatever the application has."""

    def test_a_connection_of_the_applications_own(self, dsn: str, link: Relationship) -> None:
        with psycopg.connect(dsn) as conn:
            assert Mentoring(conn).relationship(link.id) == link

    def test_the_caller_owns_the_transaction(self, dsn: str, app: psycopg.Connection, link: Relationship) -> None:
        with psycopg.connect(dsn) as conn:
            assert Mentoring(conn).accept(link.id, actor_id=2).status is RelationshipStatus.ACTIVE
            assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
            conn.rollback()
        assert Mentoring(app).relationship(link.id) == link

    def test_a_connection_with_a_row_factory_keeps_it(self, dsn: str, link: Relationship) -> None:
        with psycopg.connect(dsn, row_factory=dict_row) as conn:
            assert Mentoring(conn).relationship(link.id) == link
            assert Mentoring(conn).mentees(link.mentor_id) == [link]
            assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    def test_a_connection_without_prepared_statements(self, dsn: str, link: Relationship) -> None:
        with psycopg.connect(dsn, prepare_threshold=None) as conn:
            for _ in range(10):
                assert Mentoring(conn).relationship(link.id) == link

    def test_a_connection_that_prepares_at_once(self, dsn: str, link: Relationship) -> None:
        with psycopg.connect(dsn, prepare_threshold=0) as conn:
            for statuses in (None, [], LIVE):
                expected = [] if statuses == [] else [link]
                assert Mentoring(conn).mentees(link.mentor_id, statuses=statuses) == expected

    def test_a_pool(self, dsn: str, link: Relationship) -> None:
        with psycopg_pool.ConnectionPool(dsn, min_size=1, open=True) as pool:
            assert Mentoring(pool).relationship(link.id) == link
            assert Mentoring(pool).accept(link.id, actor_id=2).status is RelationshipStatus.ACTIVE
            assert Mentoring(pool).relationship(link.id).status is RelationshipStatus.ACTIVE

    def test_an_async_connection(self, dsn: str, link: Relationship) -> None:
        async def work() -> None:
            async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as conn:
                mentoring = Mentoring(conn)
                assert await mentoring.relationship(link.id) == link
                assert await mentoring.mentees(link.mentor_id) == [link]
                assert await mentoring.profile(12345) is None
                with pytest.raises(NotFound):
                    await mentoring.relationship(12345)
                with pytest.raises(InvalidArgument, match=r"^mentoring\.accept: relationship_id: Input should be"):
                    await call(mentoring, "accept", "1")

        asyncio.run(work())

    def test_an_async_pool(self, dsn: str, link: Relationship) -> None:
        async def work() -> None:
            async with psycopg_pool.AsyncConnectionPool(dsn, min_size=2, open=False) as pool:
                mentoring = Mentoring(pool)
                both = await asyncio.gather(mentoring.relationship(link.id), mentoring.mentees(link.mentor_id))
                assert both == [link, [link]]
                assert (await mentoring.accept(link.id, actor_id=2)).version == link.version + 1

        asyncio.run(work())


def test_a_query_is_found_on_the_class_and_a_method_on_an_object(app: psycopg.Connection) -> None:
    assert Mentoring.accept.name == "mentoring.accept"
    assert Mentoring.accept.__doc__
    assert callable(Mentoring(app).accept)


def test_help_shows_parameters_and_what_they_mean(app: psycopg.Connection) -> None:
    for method in (Mentoring.book, Mentoring(app).book):
        shown = pydoc.render_doc(method, renderer=pydoc.plaintext)  # type: ignore[attr-defined]
        assert "mentee_id: 'Id', *, booked_date: 'AwareDatetime'" in shown
        assert "Book a session, as the mentee" in shown
    assert "book(self, subject_id: 'Id'" in pydoc.render_doc(Mentoring, renderer=pydoc.plaintext)  # type: ignore[attr-defined]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[tuple[int, str]]]]:
    """Levels and texts of the query log, the duration replaced by #."""
    with caplog.at_level(logging.DEBUG, logger="mentorbase.query"):
        yield lambda: [
            (record.levelno, re.sub(r"\d+\.\d", "#", record.getMessage()))
            for record in caplog.records
            if record.name == "mentorbase.query"
        ]


def test_name_and_duration_of_a_query_are_logged_and_no_value(
    log: Callable[[], list[tuple[int, str]]], app: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    secret = secrets.randbelow(10**15) + 10**15
    assert Mentoring(app).profile(secret) is None
    assert log() == [(logging.DEBUG, "mentoring.profile took # ms")]
    assert str(secret) not in caplog.text


def test_a_query_that_fails_is_logged_too(
    log: Callable[[], list[tuple[int, str]]], app: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    secret = secrets.token_hex(20)
    with pytest.raises(NotFound):
        Mentoring(app).accept(12345, actor_id=1, reason=secret)
    assert log() == [(logging.DEBUG, "mentoring.accept took # ms")]
    assert secret not in caplog.text


def test_a_slow_query_is_a_warning(
    log: Callable[[], list[tuple[int, str]]], app: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.0)
    Mentoring(app).profile(1)
    assert log() == [(logging.WARNING, "mentoring.profile took # ms")]


def test_an_async_query_is_logged_as_well(log: Callable[[], list[tuple[int, str]]], dsn: str) -> None:
    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            await Mentoring(conn).profile(1)

    asyncio.run(work())
    assert log() == [(logging.DEBUG, "mentoring.profile took # ms")]
