"""Named queries: ``-- name: x`` headers and ``:param`` placeholders in plain SQL that also runs in psql."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from . import resources

_HEADER = re.compile(r"^--[ \t]*name:[ \t]*(\w+)[ \t]*$", re.M)
_TOKEN = re.compile(
    r"""(?P<verbatim> '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
                    | --[^\n]* | /\*.*?\*/ | :: | := )
      | (?P<percent> % )
      | (?<![\w:]) : (?P<param> [a-z_]\w* )""",
    re.S | re.X,
)


@dataclass(frozen=True, slots=True)
class NamedSql:
    """One named query.

    Attributes:
        name: as in the header, and of the method that runs it.
        sql: the text with psycopg's placeholders.
        params: names of its parameters, in order of first appearance.
    """

    name: str
    sql: bytes
    params: tuple[str, ...]


def parse(text: str) -> Iterator[NamedSql]:
    """Yield the queries of a file."""
    _, *parts = _HEADER.split(text)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        yield _compile(name, body)


@cache
def load(service: str) -> dict[str, NamedSql]:
    """Return the queries of ``sql/<service>/queries.sql`` by name.

    Raises:
        ValueError: two of them have the same name.
    """
    text = (resources.folder("sql") / service / "queries.sql").read_text("utf-8")
    found: dict[str, NamedSql] = {}
    for query in parse(text):
        if query.name in found:
            raise ValueError(f"sql/{service}/queries.sql has two queries named {query.name}")
        found[query.name] = query
    return found


def _compile(name: str, body: str) -> NamedSql:
    params: dict[str, None] = {}

    def replace(token: re.Match[str]) -> str:
        if param := token["param"]:
            params[param] = None
            return f"%({param})s"
        return token[0].replace("%", "%%")

    sql = _TOKEN.sub(replace, body.strip().removesuffix(";"))
    return NamedSql(name, sql.encode(), tuple(params))
