"""The same diagrams in Mermaid's words, which GitHub draws in a README."""

from __future__ import annotations

from .diagrams import short_type
from .model import Machine, Service


def entities(service: Service) -> str:
    """Return the tables of a service that refer to each other, with their keys."""
    own = {relation.name for relation in service.tables}
    keys = [(r, c) for r in service.tables for c in r.foreign_keys if c.references in own]
    near = {r.name for r, _ in keys} | {c.references for _, c in keys}
    lines = ["erDiagram"]
    for relation in service.tables:
        if relation.name in near:
            lines.append(f"    {relation.bare} {{")
            lines += [
                f"        {short_type(column)} {column.name} {marks.replace(' ', ', ')}"
                for column in relation.columns
                if (marks := relation.key_of(column.name))
            ]
            lines.append("    }")
    for relation, constraint in keys:
        many = "o|" if relation.is_unique(constraint.columns) else "o{"
        optional = any(not column.not_null for column in relation.columns if column.name in constraint.columns)
        one = "|o" if optional else "||"
        parent = constraint.references.partition(".")[2]
        lines.append(f'    {parent} {one}--{many} {relation.bare} : "{", ".join(constraint.columns)}"')
    return "\n".join(lines) + "\n"


def life_cycle(machine: Machine) -> str:
    """Return the statuses of a table of transitions, and who may take which step."""
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += [f"    {s.before or '[*]'} --> {s.after or '[*]'}: {', '.join(s.who)}" for s in machine.steps]
    lines += [f"    {state} --> [*]" for state in machine.states if state in machine.final]
    return "\n".join(lines) + "\n"
