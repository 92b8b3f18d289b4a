"""Where each object stands in the book, and SQL with links to the objects that it names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from .model import Book

_TOKEN: Final = re.compile(
    r"""(?P<comment> --[^\n]* | /\*.*?\*/ )
      | (?P<string> '(?:[^']|'')*' )
      | (?P<name> \b[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\b )
      | (?P<keyword> \b[A-Z][A-Z]+\b )
      | (?P<param> (?<![:\w]):[a-z_]\w*\b | \$\d+\b )""",
    re.S | re.X,
)
_NAMED: Final = re.compile(r"\b(?:(?P<state>MB\d{3})|[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)\b")


def anchor(kind: str, name: str) -> str:
    """Return the id of an object within its page."""
    return f"{kind}-{name}"


def href(page: str, fragment: str = "") -> str:
    """Return the address of a page of the book, or of a place in it."""
    return f"{page}.html#{fragment}" if fragment else f"{page}.html"


@dataclass(frozen=True, slots=True)
class Use:
    """A place where an object is named."""

    kind: str
    name: str
    href: str


class Linker:
    """Knows the address of every relation, function and type by ``schema.name``."""

    def __init__(self, book: Book) -> None:
        self._addresses: dict[str, str] = {}
        self._functions: dict[str, str] = {}
        self.uses: dict[str, list[Use]] = defaultdict(list)
        for service in book.services:
            seen: dict[str, int] = defaultdict(int)
            for function in service.functions:
                seen[function.name] += 1
                number = f"-{seen[function.name]}" if seen[function.name] > 1 else ""
                self._functions[function.identity] = anchor("function", function.bare + number)
                self._addresses.setdefault(function.name, href(service.name, self._functions[function.identity]))
            for made in service.types:
                self._addresses[made.name] = href(service.name, anchor("type", made.bare))
            for relation in service.relations:
                self._addresses[relation.name] = href(
                    service.name, anchor("view" if relation.is_view else "table", relation.bare)
                )
        self._states = {error.sqlstate for error in book.errors}
        self._look_for_uses(book)

    def function(self, identity: str) -> str:
        """Return the id of a function, of which there may be several with one name."""
        return self._functions[identity]

    def function_href(self, identity: str) -> str:
        """Return the address of a function, empty for one that is not ours."""
        found = self._functions.get(identity)
        return href(identity.partition(".")[0], found) if found else ""

    def href(self, name: str) -> str:
        """Return the address of ``schema.name``; empty if it is not ours."""
        return self._addresses.get(name, "")

    def code(self, text: str, within: str = "") -> Markup:
        """Return SQL as HTML, with links; names of the schema *within* are shown without it."""
        parts, done = [], 0
        for token in _TOKEN.finditer(text):
            parts.append(Markup.escape(text[done : token.start()]))
            parts.append(self._html(token.lastgroup or "", token[0], within))
            done = token.end()
        return Markup("").join([*parts, Markup.escape(text[done:])])

    def prose(self, text: str) -> Markup:
        """Return a comment as HTML, with links from the names and refusals in it."""
        parts, done = [], 0
        for token in _NAMED.finditer(text):
            address = href("errors", anchor("error", token[0])) if token["state"] else self.href(token[0])
            if address and (not token["state"] or token[0] in self._states):
                parts.append(Markup.escape(text[done : token.start()]))
                parts.append(Markup('<a href="{}">{}</a>').format(address, token[0]))
                done = token.end()
        return Markup("").join([*parts, Markup.escape(text[done:])])

    def _html(self, kind: str, text: str, within: str) -> Markup:
        if kind == "name":
            address = self._addresses.get(text)
            shown = text.removeprefix(f"{within}.")
            return Markup('<a href="{}">{}</a>').format(address, shown) if address else Markup.escape(text)
        return Markup('<span class="{}">{}</span>').format(f"tok-{kind}", text)

    def _look_for_uses(self, book: Book) -> None:
        for service in book.services:
            for relation in service.views:
                use = Use("view", relation.name, self._addresses[relation.name])
                self._add(use, relation.definition)
            for function in service.functions:
                address = href(service.name, self._functions[function.identity])
                self._add(Use("function", function.name, address), function.definition, without=function.name)
            for query in service.queries:
                address = href(service.name, anchor("query", query.name))
                self._add(Use("query", f"{service.name}.{query.name}", address), query.sql)
            for relation in service.tables:
                use = Use("table", relation.name, self._addresses[relation.name])
                self._add(use, " ".join(f"{c.type} {c.default}" for c in relation.columns))

    def _add(self, use: Use, text: str, without: str = "") -> None:
        for name in dict.fromkeys(self._names(text)):
            if name != without:
                self.uses[name].append(use)

    def _names(self, text: str) -> Iterator[str]:
        for token in _TOKEN.finditer(text):
            if token["name"] in self._addresses:
                yield token["name"]
