"""The same diagrams in Mermaid's words, which GitHub draws in a README."""

from __future__ import annotations

from .diagrams import short_type
from .model import Machine, Service


def entities(service: Service) -> str:
    """Return the tables of a service that refer to others or are referred to, with their keys."""
    keys = [(relation, key) for relation in service.tables for key in relation.foreign_keys]
    near = {relation.name for relation, _ in keys} | {key.references for _, key in keys}
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
    for relation, key in keys:
        optional = any(not column.not_null for column in relation.columns if column.name in key.columns)
        one, many = "|o" if optional else "||", "o|" if relation.is_unique(key.columns) else "o{"
        schema, _, bare = key.references.partition(".")
        parent = bare if schema == service.name else f'"{key.references}"'
        lines.append(f'    {parent} {one}--{many} {relation.bare} : "{", ".join(key.columns)}"')
    return "\n".join(lines) + "\n"


def life_cycle(machine: Machine) -> str:
    """Return the statuses of a table of transitions, and who may take which step."""
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += [f"    {s.before or '[*]'} --> {s.after or '[*]'}: {', '.join(s.who)}" for s in machine.steps]
    lines += [f"    {state} --> [*]" for state in machine.states if state in machine.final]
    return "\n".join(lines) + "\n"
