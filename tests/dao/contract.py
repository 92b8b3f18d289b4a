"""Compares a declared query with what the database says of it once it is prepared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from inspect import isclass
from itertools import count
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
from mentorbase.query import Queries, Query
from psycopg.pq import DiagnosticField, ExecStatus
from pydantic import AwareDatetime
from pydantic.dataclasses import is_pydantic_dataclass

# Not datetime: a naive one would pass it.
TYPES: dict[Any, set[str]] = {
    bool: {"boolean"},
    int: {"smallint", "integer", "bigint"},
    str: {"text"},
    bytes: {"bytea"},
    float: {"double precision"},
    Decimal: {"numeric"},
    AwareDatetime: {"timestamp with time zone"},
    date: {"date"},
    time: {"time without time zone"},
    timedelta: {"interval"},
    UUID: {"uuid"},
    dict[str, Any]: {"jsonb"},
}
_counter = count()
_PLACEHOLDER = re.compile(r"%(?:%|\((\w+)\)s)")
_FUNCTION = re.compile(r"\b(?:FROM|JOIN|LATERAL)\s+(\w+)\.(\w+)\s*\(", re.I)


@dataclass(frozen=True)
class Column:
    """One column of a result; ``not_null`` is None where the catalog does not tell."""

    name: str
    type: str
    not_null: bool | None


@dataclass(frozen=True)
class Description:
    """What the server says of a prepared query."""

    parameters: list[str]
    columns: list[Column]


class Refused(Exception):
    """The server does not take the query."""


def services() -> list[type[Queries[Any]]]:
    """The class of every service of the package; tests make some of their own."""
    ours = [service for service in Queries.__subclasses__() if service.__module__.startswith("mentorbase.")]
    return sorted(ours, key=lambda service: service.service)


def queries(service: type[Queries[Any]]) -> list[Query[..., Any]]:
    """Every query that a service declares."""
    return [found for found in vars(service).values() if isinstance(found, Query)]


def models(query: Query[..., Any]) -> Iterator[type]:
    """The model of its rows, and every enum of its signature and model."""
    seen = [query.row, *_hints(query).values()]
    if is_pydantic_dataclass(query.row):
        yield query.row
        seen += get_type_hints(query.row, include_extras=True).values()
    for annotation in seen:
        kind, _, _ = unpack(annotation)
        if isclass(kind) and issubclass(kind, StrEnum):
            yield kind


def mismatches(query: Query[..., Any], conn: psycopg.Connection[Any]) -> list[str]:
    """Say where signature or model and the database differ, as the present role of *conn* sees it."""
    try:
        found = describe(query, conn)
    except Refused as error:
        return [str(error)]
    hints = _hints(query)
    wrong = [
        f"parameter {name}: {problem}"
        for name, type_name in zip(query.sql.params, found.parameters, strict=True)
        for problem in _types_differ(hints[name], type_name, conn)
    ]
    if query.nothing:
        return wrong + [f"returns {c.name}, is declared to return nothing" for c in found.columns if c.type != "void"]
    if is_pydantic_dataclass(query.row):
        types = get_type_hints(query.row, include_extras=True)
        expected = {field.name: types[field.name] for field in fields(query.row)}
        if (names := [column.name for column in found.columns]) != list(expected):
            return [*wrong, f"columns {names} are not the fields {list(expected)}"]
        return wrong + [p for c in found.columns for p in _column_differs(c, expected[c.name], conn)]
    if len(found.columns) != 1:
        return [*wrong, f"{len(found.columns)} columns for a scalar"]
    # Of `int | None` a missing row is the None as well, so only a column that may be null without it is wrong.
    scalar = found.columns[0]
    if query.optional and scalar.not_null:
        scalar = Column(scalar.name, scalar.type, not_null=None)
    return wrong + _column_differs(scalar, query.row | None if query.optional else query.row, conn)


def describe(query: Query[..., Any], conn: psycopg.Connection[Any]) -> Description:
    """Prepare and plan a query without running it; planning it asks for the privileges that running it needs.

    Raises:
        Refused: with the server's message.
    """
    numbers = {name: number for number, name in enumerate(query.sql.params, start=1)}
    text = query.sql.sql.decode()
    sql = _PLACEHOLDER.sub(lambda found: f"${numbers[found[1]]}" if found[1] else "%", text)
    statement = f"contract_{next(_counter)}"  # outlives a rollback, so each has a name of its own
    arguments = f"({', '.join(['NULL'] * len(numbers))})" if numbers else ""
    try:
        with conn.transaction():
            # By the protocol, which takes one statement only.
            prepared = conn.pgconn.prepare(statement.encode(), sql.encode())
            if prepared.status != ExecStatus.COMMAND_OK:
                state = prepared.error_field(DiagnosticField.SQLSTATE) or b""
                message = prepared.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
                raise Refused(f"{state.decode()}: {message.decode()}")
            # Planned for the arguments NULL, it would be folded away.
            conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            conn.execute(f"EXPLAIN EXECUTE {statement}{arguments}")
    except psycopg.Error as error:
        raise Refused(f"{error.sqlstate}: {error.diag.message_primary}") from error
    result = conn.pgconn.describe_prepared(statement.encode())
    tables = _returned_tables(text, conn)
    return Description(
        [_type_name(result.param_type(number), conn) for number in range(result.nparams)],
        [
            Column(
                name := (result.fname(number) or b"").decode(),
                _type_name(result.ftype(number), conn),
                _not_null(result.ftable(number), result.ftablecol(number), conn)
                if result.ftable(number)
                else tables.get(name),
            )
            for number in range(result.nfields)
        ],
    )


def unpack(annotation: Any) -> tuple[Any, bool, bool]:
    """Return what an annotation is of at its heart, whether it is a list of that, and whether it may be None."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return unpack(inside[0])
    if NoneType in inside:
        (other,) = (kind for kind in inside if kind is not NoneType)
        return (*unpack(other)[:2], True)
    if isclass(origin) and issubclass(origin, Sequence):
        return (unpack(inside[0])[0], True, False)
    return annotation, False, False


def labels(enum: str, conn: psycopg.Connection[Any]) -> list[str]:
    """The labels of a database enum, in its order; none if the type is something else."""
    found = conn.execute(
        "SELECT enumlabel FROM pg_enum WHERE format_type(enumtypid, NULL) = %s ORDER BY enumsortorder", [enum]
    )
    return [label for (label,) in found.fetchall()]


def _hints(query: Query[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(query._declaration, include_extras=True)
    return {name: hints[name] for name in query.signature.parameters}


def _column_differs(column: Column, annotation: Any, conn: psycopg.Connection[Any]) -> list[str]:
    optional = unpack(annotation)[2]
    wrong = _types_differ(annotation, column.type, conn)
    if column.not_null is False and not optional:
        wrong.append("may be null, is not declared Optional")
    if column.not_null is True and optional:
        wrong.append("is never null, is declared Optional")
    return [f"column {column.name}: {problem}" for problem in wrong]


def _types_differ(annotation: Any, type_name: str, conn: psycopg.Connection[Any]) -> list[str]:
    kind, many, _ = unpack(annotation)
    element = type_name.removesuffix("[]")
    if type_name == "jsonb" and (is_pydantic_dataclass(kind) or many):
        return []  # a document or a list of them; pydantic checks it when it is read
    if many != (element != type_name):
        return [f"{type_name} is declared as {annotation}"]
    if isclass(kind) and issubclass(kind, StrEnum):
        members, known = [member.value for member in kind], labels(element, conn)
        return [] if members == known else [f"{kind.__name__} has {members}, {element} has {known}"]
    return [] if element in TYPES.get(kind, set()) else [f"{type_name} is declared as {annotation}"]


def _type_name(oid: int, conn: psycopg.Connection[Any]) -> str:
    row = conn.execute("SELECT format_type(%s, NULL)", [oid]).fetchone()
    assert row is not None
    return str(row[0])


def _not_null(table: int, column: int, conn: psycopg.Connection[Any]) -> bool | None:
    """Whether a table's column is NOT NULL; None for a view's, of which the catalog does not say."""
    row = conn.execute(
        "SELECT a.attnotnull FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attrelid = %s AND a.attnum = %s AND c.relkind IN ('r', 'p')",
        [table, column],
    ).fetchone()
    return row[0] if row else None


def _returned_tables(sql: str, conn: psycopg.Connection[Any]) -> dict[str, bool]:
    """NOT NULL by column, for the tables whose row type the functions in the FROM list return."""
    found: dict[str, bool] = {}
    for schema, name in _FUNCTION.findall(sql):
        rows = conn.execute(
            "SELECT a.attname, a.attnotnull FROM pg_proc AS p"
            " JOIN pg_type AS t ON t.oid = p.prorettype"
            " JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind IN ('r', 'p')"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE p.pronamespace = %s::regnamespace AND p.proname = %s",
            [schema, name],
        )
        found |= dict(rows.fetchall())
    return found
