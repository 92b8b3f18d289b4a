"""The named queries as the book shows them: their text, and how the server would run them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import psycopg

from .. import named_sql, resources
from ..errors import raise_translated
from ..query import Queries, Query
from .model import NamedQuery

_BUDGET: Final = re.compile(r"^--[ \t]*budget:[ \t]*(\d+) buffers[ \t]*\n", re.M)
_ANSWERS: Final = re.compile(r"\A((?:--[^\n]*\n)+)")
_PLACEHOLDER: Final = re.compile(r"%(?:%|\((\w+)\)s)")
_INDEX: Final = re.compile(r"^CREATE (?:UNIQUE )?INDEX (\w+)\s+ON (?:ONLY )?(\w+)\.", re.M)
_ANNOTATION: Final = re.compile(r"(: |-> )'([^']*)'")


def named_queries(conn: psycopg.Connection[Any], service: str) -> Iterator[NamedQuery]:
    """Yield the named queries of *service*, in the order of its file, with plans made for this database.

    A plan is the generic one, which serves any arguments: prepared, and explained with NULL for each of them.
    """
    for declared in _declared(service):
        query = declared.sql
        text = query.sql.decode()
        budget = _BUDGET.search(text)
        text = _BUDGET.sub("", text)
        header = _ANSWERS.match(text)
        statement = text[header.end() :] if header else text
        signature = _ANNOTATION.sub(r"\1\2", str(declared.signature))
        yield NamedQuery(
            service=service,
            name=query.name,
            answers=_words(header[1]) if header else "",
            budget=int(budget[1]) if budget else None,
            sql=_PLACEHOLDER.sub(lambda found: f":{found[1]}" if found[1] else "%", statement).strip() + ";",
            call=f"db.{service}.{query.name}{signature}",
            plan=_plan(conn, query, statement),
        )


def _declared(service: str) -> list[Query[..., Any]]:
    found = next((kind for kind in Queries.__subclasses__() if kind.service == service), None)
    if found is None:
        return []
    return [getattr(found, name) for name in named_sql.load(service)]


def _plan(conn: psycopg.Connection[Any], query: named_sql.NamedSql, statement: str) -> str:
    numbers = {name: f"${place}" for place, name in enumerate(query.params, 1)}
    numbered = _PLACEHOLDER.sub(lambda found: numbers[found[1]] if found[1] else "%", statement)
    given = f"({', '.join(['NULL'] * len(numbers))})" if numbers else ""
    try:
        conn.execute(f"PREPARE mentorbase_docs AS {numbered}".encode(), prepare=False)
        rows = conn.execute(f"EXPLAIN (COSTS OFF) EXECUTE mentorbase_docs{given}".encode(), prepare=False).fetchall()
        conn.execute("DEALLOCATE mentorbase_docs", prepare=False)
    except psycopg.Error as error:
        raise_translated(error, ours=True)
    return "\n".join(line for (line,) in rows)


@cache
def reasons_of_indexes() -> dict[str, str]:
    """Return why each index exists, by ``schema.name``: the comment above it, or above several, in ``sql/``."""
    return {
        f"{schema}.{name}": _words(comment[0])
        for file in sorted(resources.folder("sql").glob("*/tables.sql"))
        for paragraph in file.read_text("utf-8").split("\n\n")
        if (comment := _ANSWERS.match(paragraph))
        for name, schema in _INDEX.findall(paragraph)
    }


def _words(comment: str) -> str:
    words = " ".join(line.removeprefix("--").strip() for line in comment.splitlines())
    return words if words.endswith((".", ":", "?")) else f"{words}."
