"""``mentorbase migrate``, ``rollback`` and ``status``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .. import migrate as migrator
from ..settings import Settings
from .console import Dsn, Json, migration_bar, out, print_json, progress

Services = Annotated[
    list[str] | None,
    typer.Argument(help="Services, such as mentoring; platform comes with each. None: all.", show_default=False),
]


def migrate(services: Services = None, dsn: Dsn = None, json: Json = False) -> None:
    """Bring a database to the installed version: apply every migration that it lacks.

    The login needs CREATE on the database, and CREATEROLE or the roles made before. Two runs at once wait for each
    other. A migration that fails leaves nothing of itself behind.
    """
    with progress(quiet=json) as bars:
        applied = migrator.migrate(
            Settings.load().require_dsn(dsn), services or [], progress=migration_bar(bars, "Applying migrations")
        )
    if json:
        print_json({"applied": applied})
    elif applied:
        for migration in applied:
            out.print(f"[green]applied[/]      {migration}")
    else:
        out.print("Nothing to do: the database has every migration.")


def rollback(
    services: Services = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many, newest first.")] = 1,
    everything: Annotated[bool, typer.Option("--all", help="All of them. Drops every table and its data.")] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Take back the newest migration, or more. What they made goes, with its data; roles stay."""
    with progress(quiet=json) as bars:
        undone = migrator.rollback(
            Settings.load().require_dsn(dsn),
            None if everything else count,
            services or [],
            progress=migration_bar(bars, "Rolling back"),
        )
    if json:
        print_json({"rolled_back": undone})
    elif undone:
        for migration in undone:
            out.print(f"[yellow]rolled back[/]  {migration}")
    else:
        out.print("Nothing to do: the database has no migration.")


def status(services: Services = None, dsn: Dsn = None, json: Json = False) -> None:
    """Show which migrations a database has. Exit code 3 if some are pending."""
    found = migrator.status(Settings.load().require_dsn(dsn), services or [])
    pending = [migration.id for migration in found if migration.applied_at is None]
    if json:
        print_json(
            {
                "migrations": [{"id": m.id, "service": m.service, "applied_at": m.applied_at} for m in found],
                "pending": len(pending),
            }
        )
    else:
        table = Table("migration", "applied (UTC)", box=None, pad_edge=False)
        for migration in found:
            when = migration.applied_at
            table.add_row(migration.id, f"{when:%Y-%m-%d %H:%M:%S}" if when else "[yellow]pending[/]")
        out.print(table)
        if pending:
            out.print(f"{len(pending)} pending: [bold]mentorbase migrate[/] applies them.")
        else:
            out.print("Up to date.")
    if pending:
        raise typer.Exit(3)
