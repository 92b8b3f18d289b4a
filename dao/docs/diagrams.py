"""The diagrams of the book: tables with their foreign keys, life cycles, services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from .layout import Box, Line, Picture, Row, place, text_width
from .links import anchor, href
from .model import Book, Column, Machine, Relation, Service

_SHORT: Final = {
    "timestamp with time zone": "timestamptz",
    "double precision": "float8",
    "character varying": "varchar",
}
_LABEL: Final = 19
_SENTENCE: Final = 24
"""How many letters a line of an arrow's label has: of words, and of sentences."""


def entities(book: Book, service: Service) -> Picture | None:
    """Return the tables of a service with their keys, and what they refer to; None without tables.

    ``links`` has none of its own: it shows the foreign keys between services, with the tables at their ends.
    """
    keys = [
        (relation, constraint)
        for relation in _all_tables(book)
        for constraint in relation.foreign_keys
        if constraint.references in book.by_name
        and (
            service.name in (relation.schema,) if service.tables else relation.schema != _schema(constraint.references)
        )
    ]
    near = {relation.name for relation, _ in keys} | {constraint.references for _, constraint in keys}
    own = {relation.name for relation in service.tables}
    boxes = [_table(book.by_name[name], whole=name in own) for name in sorted(near | own)]
    if not boxes:
        return None
    lines = []
    for relation, constraint in keys:
        many = "one" if relation.is_unique(constraint.columns) else "many"
        optional = any(not column.not_null for column in relation.columns if column.name in constraint.columns)
        shown = [column.name for column in _keys(relation)]
        lines.append(
            Line(
                constraint.references,
                relation.name,
                "reference",
                0,
                1 + shown.index(constraint.columns[0]) if relation.name in own else 0,
                href=href(relation.schema, anchor("constraint", f"{relation.bare}.{constraint.name}")),
                title=f"{constraint.name}: {constraint.definition}",
                start_mark="optional" if optional else "one",
                end_mark=many,
            )
        )
    return place(f"er-{service.name}", f"Tables of {service.name} and their foreign keys", boxes, lines, ranks=1.0)


def life_cycle(machine: Machine) -> Picture:
    """Return the statuses of a table of transitions, and who may take which step."""
    boxes = [
        Box(state, "final" if state in machine.final else "state", (Row(state, "name", height=28),), _wide(state, 26))
        for state in machine.states
    ]
    if any(not step.before for step in machine.steps):
        boxes.insert(0, Box("(begin)", "begin", (Row("", "dot", height=12),), 12, title="It begins here"))
    if any(not step.after for step in machine.steps):
        boxes.append(Box("(end)", "end", (Row("", "dot", height=12),), 12, title="It is deleted"))
    sentences = any(" " in who for step in machine.steps for who in step.who)
    letters = _SENTENCE if sentences else _LABEL
    lines = [
        Line(
            step.before or "(begin)",
            step.after or "(end)",
            "step",
            label=tuple(wrap(", ".join(step.who), letters)),
            who=", ".join(step.who),
            title=f"{step.before or 'begins as'} → {step.after or 'deleted'}: {', '.join(step.who)}",
            end_mark="arrow",
        )
        for step in machine.steps
    ]
    title = f"Life cycle of {' and '.join(machine.subjects) or machine.table}"
    return place(f"cycle-{machine.bare}", title, boxes, lines, ranks=0.35, between=0.3, down=sentences)


def services(book: Book) -> Picture:
    """Return the services, and which of them refer to which when they share a database."""
    between = Counter(
        (_schema(constraint.references), relation.schema)
        for relation in _all_tables(book)
        for constraint in relation.foreign_keys
        if constraint.references in book.by_name and _schema(constraint.references) != relation.schema
    )
    boxes = [
        Box(
            service.name,
            "service",
            (Row(service.name, "name", height=24), Row(_count(len(service.tables), "table"), "more", height=18)),
            _wide(service.name + "  ", 40),
            href=href(service.name),
            title=service.comment,
        )
        for service in book.services
        if service.tables
    ]
    lines = [
        Line(
            start, end, "reference", label=(_count(count, "key"),), start_mark="arrow", title=f"{end} refers to {start}"
        )
        for (start, end), count in sorted(between.items())
    ]
    return place("map", "Services, and the foreign keys between them", boxes, lines, ranks=0.5)


def short_type(column: Column) -> str:
    """Return a type as a diagram shows it: without the table's own schema, and in few letters."""
    kind = column.type.removeprefix(f"{_schema(column.relation)}.")
    for long, short in _SHORT.items():
        kind = kind.replace(long, short)
    return kind


def _table(relation: Relation, *, whole: bool) -> Box:
    head = Row(relation.bare if whole else relation.name, "name", height=24)
    rows = [head, *(_rows(relation) if whole else ())]
    width = max(
        44 + text_width(row.text + "  " + row.type) if row.kind == "key" else _wide(row.text, 20) for row in rows
    )
    address = href(relation.schema, anchor("table", relation.bare))
    return Box(relation.name, "table" if whole else "elsewhere", tuple(rows), width, address, relation.comment)


def _rows(relation: Relation) -> Iterator[Row]:
    keys = _keys(relation)
    for column in keys:
        yield Row(column.name, "key", short_type(column), relation.key_of(column.name))
    if rest := len(relation.columns) - len(keys):
        yield Row(f"{'+ ' if keys else ''}{_count(rest, 'more column' if keys else 'column')}", "more", height=18)


def _keys(relation: Relation) -> list[Column]:
    return [column for column in relation.columns if relation.key_of(column.name)]


def _all_tables(book: Book) -> Iterator[Relation]:
    return (relation for service in book.services for relation in service.tables)


def _schema(name: str) -> str:
    return name.partition(".")[0]


def _wide(text: str, room: float) -> float:
    return text_width(text) + room


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
