"""``mentorbase adopt``: import what SQLAlchemy models have built, and show what became of every row."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import TaskID
from rich.table import Table

from ..adopt import Adoption
from ..adopt import adopt as import_source
from ..settings import Settings
from .console import Dsn, Json, out, print_json, progress

_KEYS_SHOWN = 8


def adopt(
    from_schema: Annotated[str, typer.Option(help="The schema of this database that holds the models' tables.")],
    currency: Annotated[
        str | None,
        typer.Option(help="ISO 4217 code of rates and prices; needed where they have none.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Import users, profiles, subjects, bookings and relationships that SQLAlchemy models have built.

    Reads the tables users, user_profiles, subjects, subject_schedule and, if there is one, mentor_mentee; changes
    nothing in them. Rows keep their ids. Each is imported, there already, or named with the rule that refuses it.
    Relationships are then made from bookings. Can be run again, also after it was stopped.

    The login is the one that deploys, with SELECT on the source.
    """
    with progress(quiet=json) as bars:
        tasks: dict[str, TaskID] = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(f"Importing {table}", total=total)
            bars.update(tasks[table], completed=done)

        done = import_source(
            Settings.load().require_dsn(dsn), from_schema, currency=currency, dry_run=dry_run, progress=show
        )
    if json:
        print_json(_document(done))
    else:
        _show(done)


def _document(done: Adoption) -> dict[str, object]:
    document = asdict(done)
    for table in document["tables"]:
        for refused in table["refused"]:
            refused["count"] = len(refused["keys"])
    return document


def _show(done: Adoption) -> None:
    counts = Table("table", box=None, pad_edge=False)
    for column in ("imported", "already there", "refused"):
        counts.add_column(column, justify="right")
    refusals = Table("table", "rows", "why", "keys", box=None, pad_edge=False)
    for table in done.tables:
        refused = sum(len(one.keys) for one in table.refused)
        counts.add_row(table.table, str(table.imported), str(table.already_there), str(refused))
        for one in table.refused:
            keys = ", ".join("-" if key is None else str(key) for key in one.keys[:_KEYS_SHOWN])
            more = ", ..." if len(one.keys) > _KEYS_SHOWN else ""
            refusals.add_row(table.table, str(len(one.keys)), escape(one.reason), keys + more)
    out.print(counts)
    if refusals.row_count:
        out.print("\n[bold]Refused[/] (--json has the codes and every key):")
        out.print(refusals)
    made = done.relationships
    out.print(
        f"\nFrom bookings: [green]{made.created}[/] relationships made, {made.attributed} pairs had one,"
        f" {made.only_cancelled} had cancelled bookings only, {made.blocked} block each other."
    )
    if made.held_back:
        out.print(f"{len(made.held_back)} pairs got none: their own row of mentor_mentee is among the refused.")
    if made.over_capacity:
        mentors = ", ".join(map(str, made.over_capacity[:_KEYS_SHOWN]))
        more = ", ..." if len(made.over_capacity) > _KEYS_SHOWN else ""
        out.print(f"More mentees than max_mentees now have the mentors {mentors}{more}.")
    if done.dry_run:
        out.print("[yellow]A dry run: nothing was changed.[/]")
