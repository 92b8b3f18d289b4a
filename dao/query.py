"""The declaration of a named query: one typed method that is synchronous or not as its connection is.

A service is a class whose methods have no body: the SQL of the same name in ``sql/<service>/queries.sql`` runs::

    class Mentoring(Queries[S], service="mentoring"):
        @query
        def relationship(self, relationship_id: int) -> Relationship: ...

On a psycopg connection or pool the method returns its result, on an asynchronous one an awaitable of it.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import NoneType
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from psycopg import AsyncConnection, Connection
from psycopg.rows import BaseRowFactory, args_row, scalar_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from pydantic import ConfigDict, ValidationError, validate_call
from pydantic.dataclasses import is_pydantic_dataclass

from . import named_sql
from .errors import InvalidArgument, MentorbaseError, NotFound, raise_translated, translated

P = ParamSpec("P")
R = TypeVar("R")

SyncSource: TypeAlias = Connection[Any] | ConnectionPool[Any]
AsyncSource: TypeAlias = AsyncConnection[Any] | AsyncConnectionPool[Any]
Source: TypeAlias = SyncSource | AsyncSource

S = TypeVar("S", bound=Source, covariant=True)

SLOW_SECONDS: Final = 1.0
"""A query that takes longer is logged as a warning."""
ECHO: Final = logging.DEBUG
"""The level at which every other query is logged."""

Observer: TypeAlias = Callable[[str, float, Any], None]
"""Is told of each query: its name, its duration in seconds, and its result or the exception that it raised."""

observers: Final[list[Observer]] = []

_log = logging.getLogger("mentorbase.query")
_ARGUMENTS = ConfigDict(strict=True, hide_input_in_errors=True)


class Queries(Generic[S]):
    """Base of a service's class: runs its declared queries on a connection, or on one borrowed from a pool.

    The caller owns connection and transaction; no method commits.
    """

    service: ClassVar[str]

    def __init__(self, source: S) -> None:
        self._execute: Callable[..., Any]
        if isinstance(source, Connection):
            self._execute = partial(_run, source)
        elif isinstance(source, AsyncConnection):
            self._execute = partial(_run_async, source)
        elif isinstance(source, ConnectionPool):
            self._execute = partial(_run_in_pool, source)
        elif isinstance(source, AsyncConnectionPool):
            self._execute = partial(_run_in_async_pool, source)
        else:
            raise TypeError(
                f"{type(self).__name__} runs on a psycopg connection or pool, not on {type(source).__name__}"
            )

    def detach(self) -> None:
        """Refuse every further call: the connection belongs to somebody else now."""
        self._execute = _refuse_ended

    def __init_subclass__(cls, *, service: str) -> None:
        super().__init_subclass__()
        cls.service = service
        declared = {name: found for name, found in vars(cls).items() if isinstance(found, Query)}
        sql = named_sql.load(service)
        if unmatched := declared.keys() ^ sql.keys():
            raise TypeError(f"{cls.__name__} and sql/{service}/queries.sql disagree about {sorted(unmatched)}")
        for name, found in declared.items():
            found.complete(service, sql[name])


class _Method(partial[Any]):
    """A query of one service's object, that `help` and editors know by the declaration's docstring and signature.

    The query is the last argument: what is before it belongs to the `partial` that it was made of.
    """

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        doc: str | None = self.args[-1].__doc__
        return doc

    @property
    def __name__(self) -> str:
        name: str = self.args[-1].__name__
        return name

    @property
    def __signature__(self) -> inspect.Signature:
        signature: inspect.Signature = self.args[-1].signature
        return signature

    def __get__(self, instance: object, owner: type | None = None) -> _Method:
        """Be a routine for `inspect`; it is bound already."""
        return self


class Query(Generic[P, R]):
    """One declared query; as an attribute of a service's object it is a typed method.

    Attributes:
        sql: the text and its parameters.
        signature: of the method, without ``self``.
        many: whether it returns a list.
        optional: whether it may return None.
        row: type of one row or scalar; `NoneType` if nothing is returned.
    """

    def __init__(self, declaration: Callable[Concatenate[Any, P], R]) -> None:
        self.__name__ = declaration.__name__
        self.__doc__ = declaration.__doc__
        self._declaration = declaration

    def complete(self, service: str, sql: named_sql.NamedSql) -> None:
        """Join declaration and SQL.

        Raises:
            TypeError: they disagree about the parameters.
        """
        whole = inspect.signature(self._declaration)
        self.signature = whole.replace(parameters=list(whole.parameters.values())[1:])
        self.name = f"{service}.{self.__name__}"
        self.sql = sql
        if unmatched := set(sql.params) ^ self.signature.parameters.keys():
            raise TypeError(f"{self.name}: SQL and signature disagree about {sorted(unmatched)}")

        hints = get_type_hints(self._declaration, include_extras=True)
        returned = hints.pop("return")
        self.many = get_origin(returned) is list
        self.optional = NoneType in get_args(returned)
        self.row: Any = next((kind for kind in get_args(returned) if kind is not NoneType), returned)
        self.nothing = returned is NoneType
        self.row_factory: BaseRowFactory[Any] = args_row(self.row) if is_pydantic_dataclass(self.row) else scalar_row
        self._bind = _binder(self.signature, hints)
        self.__signature__ = whole
        self.__module__ = self._declaration.__module__

    @overload
    def __get__(self, service: None, owner: type) -> Query[P, R]: ...
    @overload
    def __get__(self, service: Queries[SyncSource], owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, service: Queries[AsyncSource], owner: type) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, service: Queries[Any] | None, owner: type) -> Any:
        return self if service is None else _Method(service._execute, self)

    def __call__(self, service: Queries[Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Run it as a method of *service*."""
        return service._execute(self, *args, **kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, checked against the signature's types.

        Raises:
            InvalidArgument: one does not fit; says which and what is allowed, never its value.
        """
        try:
            return self._bind(*args, **kwargs)
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False, include_url=False)[0]
            names = list(self.signature.parameters)
            where, *inside = first["loc"]
            name = names[where] if isinstance(where, int) and where < len(names) else where
            path = ".".join(map(str, [name, *inside]))
            raise InvalidArgument(f"{self.name}: {path}: {first['msg']}", detail=f"argument={path}") from None

    def result(self, rows: Sequence[Any], params: dict[str, Any]) -> Any:
        """Return *rows* as the declared type.

        Raises:
            NotFound: there is none where one is declared.
        """
        if self.many:
            return rows
        if rows:
            return rows[0]
        if self.optional or self.nothing:
            return None
        keys = ", ".join(f"{name}={value}" for name, value in params.items() if type(value) is int)
        raise NotFound(f"{self.name}: there is no such row", detail=keys, hint="Look the key up first")

    def done(self, started: float, outcome: Any) -> None:
        """Log name and duration since *started* (`time.perf_counter`), never values; tell the observers."""
        seconds = time.perf_counter() - started
        for observer in observers:
            observer(self.name, seconds, outcome)
        level = logging.WARNING if seconds > SLOW_SECONDS else ECHO
        if _log.isEnabledFor(level):
            _log.log(level, "%s took %.1f ms", self.name, seconds * 1000)


def echo() -> None:
    """Show the name and duration of every query, on stderr unless the application has set up logging."""
    _log.setLevel(ECHO)
    if not _log.hasHandlers():
        _log.addHandler(logging.StreamHandler())


def query(declaration: Callable[Concatenate[Any, P], R]) -> Query[P, R]:
    """Declare a method that runs the SQL of its name; see the module."""
    return Query(declaration)


def _binder(signature: inspect.Signature, hints: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return a function with this signature that checks its arguments and returns them by name."""
    names = list(signature.parameters)

    def by_name(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(zip(names, args, strict=False)) | kwargs

    by_name.__signature__ = signature  # type: ignore[attr-defined]
    by_name.__annotations__ = hints
    return validate_call(config=_ARGUMENTS)(by_name)


def _refuse_ended(query: Query[..., Any], /, *_args: Any, **_kwargs: Any) -> Any:
    raise MentorbaseError(f"{query.name}: the transaction of this object has ended")


def _idle_cursors(conn: Any) -> list[Any]:
    """Return the cursors of *conn* that no call is using: a new one would look up every loader again.

    A call takes one out, or makes one, and puts it back once it has its rows, so that calls of several threads or
    tasks on one connection never share one. One that failed is not put back. Loaders keep the session's zone and
    encoding as they were, so each of these has cursors of its own.
    """
    status = conn.pgconn.parameter_status
    cursors: dict[Any, list[Any]] = vars(conn).setdefault("_mentorbase_idle_cursors", {})
    return cursors.setdefault((status(b"TimeZone"), status(b"client_encoding")), [])


def _run(conn: Connection[Any], query: Query[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    params = query.bind(args, kwargs)
    started, outcome = time.perf_counter(), None
    try:
        try:
            idle = _idle_cursors(conn)
            cursor = idle.pop() if idle else conn.cursor(binary=True)
            cursor.row_factory = query.row_factory
            cursor.execute(query.sql.sql, params)
            rows = [] if query.nothing else cursor.fetchall()
            idle.append(cursor)
        except Exception as error:
            raise_translated(error, ours=True)
        outcome = query.result(rows, params)
    except Exception as error:
        outcome = error
        raise
    finally:
        query.done(started, outcome)
    return outcome


async def _run_async(conn: AsyncConnection[Any], query: Query[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    params = query.bind(args, kwargs)
    started, outcome = time.perf_counter(), None
    try:
        try:
            idle = _idle_cursors(conn)
            cursor = idle.pop() if idle else conn.cursor(binary=True)
            cursor.row_factory = query.row_factory
            await cursor.execute(query.sql.sql, params)
            rows = [] if query.nothing else await cursor.fetchall()
            idle.append(cursor)
        except Exception as error:
            raise_translated(error, ours=True)
        outcome = query.result(rows, params)
    except Exception as error:
        outcome = error
        raise
    finally:
        query.done(started, outcome)
    return outcome


def _run_in_pool(pool: ConnectionPool[Any], query: Query[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    with translated, pool.connection() as conn:
        return _run(conn, query, *args, **kwargs)


async def _run_in_async_pool(
    pool: AsyncConnectionPool[Any], query: Query[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    with translated:
        async with pool.connection() as conn:
            return await _run_async(conn, query, *args, **kwargs)
