"""What the schema book knows of a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

KINDS: Final = {
    "p": ("primary key", "23505"),
    "u": ("unique", "23505"),
    "x": ("exclusion", "23P01"),
    "c": ("check", "23514"),
    "f": ("foreign key", "23503"),
}
"""What the catalog's letter for a kind of constraint means, and the SQLSTATE of a violation."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, a view or a composite type; `sensitivity` is its class, where columns are classified."""

    relation: str
    name: str
    type: str
    not_null: bool
    default: str
    comment: str
    sensitivity: str = ""

    @property
    def shown_default(self) -> str:
        """Its default without a cast to its own type."""
        return self.default.removesuffix(f"::{self.type}")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of a table; `references` is the table that a foreign key refers to, else empty."""

    relation: str
    name: str
    kind: str
    definition: str
    comment: str
    columns: tuple[str, ...]
    references: str
    raises: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index that is not a constraint's."""

    relation: str
    name: str
    definition: str
    comment: str
    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger; what it does is its function's comment."""

    relation: str
    name: str
    definition: str
    comment: str
    function: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of row-level security."""

    relation: str
    name: str
    definition: str
    comment: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view, by ``schema.name``; `definition` is the view's."""

    name: str
    kind: str
    comment: str
    partitioned_by: str
    options: str
    row_security: str
    definition: str
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    policies: tuple[Policy, ...] = ()

    @property
    def schema(self) -> str:
        """The schema that it is in."""
        return self.name.partition(".")[0]

    @property
    def bare(self) -> str:
        """Its name without the schema."""
        return self.name.partition(".")[2]

    @property
    def is_view(self) -> bool:
        """Whether it is a view, materialised or not."""
        return "view" in self.kind

    @property
    def foreign_keys(self) -> list[Constraint]:
        """Its foreign keys."""
        return [constraint for constraint in self.constraints if constraint.references]

    def is_unique(self, columns: tuple[str, ...]) -> bool:
        """Tell whether a key lies within *columns*: they find one row at most."""
        return any(
            set(constraint.columns) <= set(columns)
            for constraint in self.constraints
            if constraint.kind in ("primary key", "unique")
        )

    def key_of(self, column: str) -> str:
        """Return ``PK``, ``FK``, both, or nothing."""
        kinds = {constraint.kind for constraint in self.constraints if column in constraint.columns}
        return " ".join(short for short, kind in (("PK", "primary key"), ("FK", "foreign key")) if kind in kinds)


@dataclass(frozen=True, slots=True)
class Function:
    """A function, procedure or aggregate, by ``schema.name(types)``."""

    identity: str
    name: str
    kind: str
    arguments: str
    result: str
    volatility: str
    parallel: str
    security: str
    strict: bool
    language: str
    definition: str
    comment: str

    @property
    def bare(self) -> str:
        """Its name without the schema."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Type:
    """An enum with its labels, or another type with its `definition`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    definition: str
    comment: str
    columns: tuple[Column, ...] = ()

    @property
    def bare(self) -> str:
        """Its name without the schema."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A named query of the Python package; `call` is the method that runs it."""

    service: str
    name: str
    answers: str
    budget: int | None
    sql: str
    call: str
    plan: str


@dataclass(frozen=True, slots=True)
class Step:
    """An arrow of a life cycle; no `before` where it begins, no `after` where the subject may be deleted."""

    before: str
    after: str
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """A life cycle: what a table of transitions says; `subjects` are the columns that it rules."""

    table: str
    subjects: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def bare(self) -> str:
        """The table's name without the schema."""
        return self.table.partition(".")[2]

    @property
    def states(self) -> list[str]:
        """Every status, in order of appearance."""
        return [*dict.fromkeys(s for step in self.steps for s in (step.before, step.after) if s)]

    @property
    def final(self) -> set[str]:
        """Those that nothing follows."""
        return set(self.states) - {step.before for step in self.steps}


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """What a role may do with an object, or with some `columns` of a table."""

    kind: str
    name: str
    role: str
    privilege: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A role that owns or holds something here; `member_of` are the roles whose rights it has."""

    name: str
    attributes: str
    comment: str
    member_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """A refusal: its SQLSTATE, and the exception that it becomes."""

    sqlstate: str
    name: str
    exception: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Service:
    """A schema and all that is in it."""

    name: str
    comment: str
    relations: tuple[Relation, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[Type, ...] = ()
    queries: tuple[NamedQuery, ...] = ()
    machines: tuple[Machine, ...] = ()

    @property
    def tables(self) -> list[Relation]:
        """Its tables."""
        return [relation for relation in self.relations if not relation.is_view]

    @property
    def views(self) -> list[Relation]:
        """Its views."""
        return [relation for relation in self.relations if relation.is_view]


@dataclass(frozen=True, slots=True)
class Book:
    """A database, as the book tells of it."""

    server: int
    services: tuple[Service, ...]
    roles: tuple[Role, ...]
    grants: tuple[Grant, ...]
    errors: tuple[ErrorClass, ...]
    by_name: dict[str, Relation] = field(init=False)

    def __post_init__(self) -> None:
        found = {relation.name: relation for service in self.services for relation in service.relations}
        object.__setattr__(self, "by_name", found)

    def undocumented(self) -> list[str]:
        """Return every object that nothing says the meaning of, as kind and name."""
        return [f"{kind} {name}" for kind, name, comment in self._described() if not comment.strip()]

    def count(self) -> int:
        """Return how many objects there are."""
        return sum(1 for _ in self._described())

    def _described(self) -> Iterator[tuple[str, str, str]]:
        for service in self.services:
            yield "schema", service.name, service.comment
            for relation in service.relations:
                yield relation.kind, relation.name, relation.comment
                for column in relation.columns:
                    yield "column", f"{relation.name}.{column.name}", column.comment
                for kind, parts in (
                    ("constraint", relation.constraints),
                    ("index", relation.indexes),
                    ("trigger", relation.triggers),
                    ("policy", relation.policies),
                ):
                    for part in parts:
                        yield kind, f"{relation.name}.{part.name}", part.comment
            for function in service.functions:
                yield function.kind, function.identity, function.comment
            for made in service.types:
                yield "type", made.name, made.comment
                for column in made.columns:
                    yield "column", f"{made.name}.{column.name}", column.comment
            for query in service.queries:
                yield "query", f"{service.name}.{query.name}", query.answers
