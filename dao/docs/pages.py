"""The pages of the book, from its templates: HTML, one stylesheet, one script, and what the script searches."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import diagrams
from .links import Linker, anchor, href
from .model import Book, Constraint, Grant, Service

_TEMPLATES: Final = Path(__file__).with_name("templates")
_STATIC: Final = ("book.css", "book.js")
_SEARCHED: Final = 110  # letters of a description

ROLES: Final = {
    "mentorbase_owner": "Owns every object and migrates. The deploying login is a member.",
    "mentorbase_app": "All applications' roles in one, for one application on one database.",
    "mentorbase_reader": "Analysts: the v_* views, and nothing else.",
    "pas_bot_user": "The parents' application of quests.",
    "inner_edu_user": "The children's application of quests.",
}


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """Yield each file's name and text; the same for the same book."""
    linker = Linker(book)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(book=book, linker=linker, code=linker.code, anchor=anchor, href=href)
    environment.filters["pairs"] = lambda names, kind: [(name, anchor(kind, name)) for name in names]
    environment.globals.update(grants=_grants(book), role_says=_role_says)

    yield "index.html", _render(environment, "index.html", title="Schema book", picture=diagrams.services(book))
    for service in book.services:
        yield (
            href(service.name),
            _render(
                environment,
                "service.html",
                title=service.name,
                service=service,
                picture=diagrams.entities(book, service),
                machines=[(m.bare.removesuffix("_transitions"), anchor("machine", m.bare)) for m in service.machines],
                functions=[(function.bare, linker.function(function.identity)) for function in service.functions],
                cycles=[(machine, diagrams.life_cycle(machine)) for machine in service.machines],
            ),
        )
    yield href("roles"), _render(environment, "roles.html", title="Roles", roles_of=_roles_of(book))
    yield href("errors"), _render(environment, "errors.html", title="Errors", constraints=_by_exception(book))
    entries = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in _entries(book, linker))
    yield "objects.js", f"const OBJECTS = [\n{entries}\n];\n"
    for name in _STATIC:
        yield name, (_TEMPLATES / name).read_text("utf-8")


def _render(environment: Environment, template: str, *, title: str, **values: Any) -> str:
    return environment.get_template(template).render(title=title, page=title, **values)


def _grants(book: Book) -> dict[str, dict[str, list[Grant]]]:
    """Return what each role may do with an object, by the object's name."""
    found: dict[str, dict[str, list[Grant]]] = defaultdict(lambda: defaultdict(list))
    for grant in book.grants:
        found[grant.name][grant.role].append(grant)
    return found


def _roles_of(book: Book) -> Callable[[Service], list[str]]:
    def roles_of(service: Service) -> list[str]:
        """Return the roles that have a right on any of its tables and views."""
        names = {relation.name for relation in service.relations}
        return sorted({grant.role for grant in book.grants if grant.kind == "table" and grant.name in names})

    return roles_of


def _by_exception(book: Book) -> list[tuple[str, list[Constraint]]]:
    found = defaultdict(list)
    for relation in book.by_name.values():
        for constraint in relation.constraints:
            found[constraint.raises].append(constraint)
    return sorted(found.items())


def _role_says(name: str, comment: str) -> str:
    if comment or name in ROLES:
        return comment or ROLES[name]
    service = name.removesuffix("_app")
    return f"The application of {service}." if service != name else ""


def _entries(book: Book, linker: Linker) -> Iterator[tuple[str, str, str, str]]:
    """Yield what can be searched: kind, name, address and the beginning of its description."""
    for service in book.services:
        for entry in _entries_of(service, linker):
            kind, name, address, comment = entry
            short = comment if len(comment) <= _SEARCHED else comment[:_SEARCHED].rpartition(" ")[0] + " …"
            yield kind, name, address, short
    for role in book.roles:
        yield "role", role.name, href("roles", anchor("role", role.name)), _role_says(role.name, role.comment)
    for error in book.errors:
        name = f"{error.sqlstate} {error.exception or error.name}"
        yield "error", name, href("errors", anchor("error", error.sqlstate)), error.meaning


def _entries_of(service: Service, linker: Linker) -> Iterator[tuple[str, str, str, str]]:
    yield "service", service.name, href(service.name), service.comment

    def entry(kind: str, name: str, comment: str) -> tuple[str, str, str, str]:
        return kind, f"{service.name}.{name}", href(service.name, anchor(kind, name)), comment

    for relation in service.relations:
        yield entry("view" if relation.is_view else "table", relation.bare, relation.comment)
        for column in relation.columns:
            yield entry("column", f"{relation.bare}.{column.name}", column.comment)
        for kind, parts in (
            ("constraint", relation.constraints),
            ("trigger", relation.triggers),
            ("policy", relation.policies),
            ("index", relation.indexes),
        ):
            for part in parts:
                yield entry(kind, f"{relation.bare}.{part.name}", part.comment)
    for machine in service.machines:
        yield entry("machine", machine.bare, f"Life cycle of {', '.join(machine.subjects)}")
    for function in service.functions:
        yield "function", function.name, linker.function_href(function.identity), function.comment
    for made in service.types:
        yield entry("type", made.bare, ", ".join(made.labels) or made.comment)
    for query in service.queries:
        yield entry("query", query.name, query.answers)
