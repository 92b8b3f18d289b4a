"""``mentorbase migrate``, ``rollback`` and ``status``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .. import migrate as migrator
from ..connection import where
from ..settings import Settings
from .console import Dsn, Json, migration_bar, out, print_json, progress

Services = Annotated[
    list[str] | None,
    typer.Argument(help="Services, such as mentoring; platform comes with each. None: all.", show_default=False),
]
OnlyServices = Annotated[
    list[str] | None,
    typer.Argument(help="Only these services, such as mentoring. None: all.", show_default=False),
]
Plan = Annotated[bool, typer.Option("--plan", help="Print the files that would be run, in order; change nothing.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for another migrator.")]


def migrate(
    services: Services = None,
    plan: Plan = False,
    stamp: Annotated[
        bool, typer.Option("--stamp", help="Run nothing; mark as applied what the database is found to have.")
    ] = False,
    wait: Wait = 60,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Bring a database to the installed version: apply every migration that it lacks.

    The login owns the database, and may create roles (CREATEROLE) or was
    granted those made before. No superuser is needed.

    Each migration is one transaction with its mark: what fails or is killed
    leaves nothing of itself behind, and the next run goes on. Two runs at
    once wait for each other. A lock is waited for 5 seconds; longer with
    options=-clock_timeout=1min in the DSN.

    Released files have checksums, and a database remembers those it was
    given. An edited file is an error, wherever it was edited.

    --stamp is for a database that has everything but the marks, because it
    was built by sql/apply.sql or a yoyo was killed, or for a harmless edit.
    It is compared with a scratch database, made beside it (CREATEDB) or else
    on a private server here. Unless they are equal, the rows of people
    aside, nothing is marked.
    """
    if plan and stamp:
        raise typer.BadParameter("--plan and --stamp exclude each other")
    target = Settings.load().require_dsn(dsn)
    if plan:
        _show_plan(migrator.plan_migrate(target, services or []), json=json)
    elif stamp:
        marked = migrator.stamp(target, services or [], wait_seconds=wait)
        _show(marked, "marked", "Nothing to do: the database has every mark.", json=json)
    else:
        with progress(quiet=json) as bars:
            bar = migration_bar(bars, "Applying migrations")
            applied = migrator.migrate(target, services or [], progress=bar, wait_seconds=wait)
        _show(applied, "applied", "Nothing to do: the database has every migration.", json=json)


def rollback(
    services: OnlyServices = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", min=1, help="How many, newest first; 1 if it is not said.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them. Drops every table and its data.")] = False,
    plan: Plan = False,
    wait: Wait = 60,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Take back the newest migration, or more. What they made goes, with its data; roles stay.

    Look first: mentorbase rollback -n 3 --plan

    Each is one transaction with its mark, as in migrate. What others depend
    on, or has no way back, is refused before anything is done.
    """
    if everything and count:
        raise typer.BadParameter("--count and --all exclude each other")
    target, number = Settings.load().require_dsn(dsn), None if everything else count or 1
    if plan:
        _show_plan(migrator.plan_rollback(target, number, services or []), json=json)
        return
    with progress(quiet=json) as bars:
        bar = migration_bar(bars, "Rolling back")
        undone = migrator.rollback(target, number, services or [], progress=bar, wait_seconds=wait)
    _show(undone, "rolled back", "Nothing to do: the database has no migration.", json=json)


def status(
    services: Services = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show who applied and rolled back what, and when, oldest first.")
    ] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Show which migrations a database has, and which server that is. Exit code 3 if some are pending.

    Changes nothing and waits for nobody. Exit code 1 if a released file was
    edited, or the database was given another file than the installed one;
    --history works even then, and ends with 0.
    """
    settings = Settings.load()
    target = settings.require_dsn(dsn)
    if history:
        _show_history(migrator.history(target, services or []), json=json)
        return
    found = migrator.status(target, services or [])
    server = {**where(target), "chosen_by": settings.chosen(dsn)}
    pending = sum(migration.applied_at is None for migration in found)
    if json:
        print_json({"server": server, "migrations": [asdict(migration) for migration in found], "pending": pending})
    else:
        line = f"{server['database']} on {server['host']}, port {server['port']}: by {server['chosen_by']}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
        table = Table("migration", "applied (UTC)", box=None, pad_edge=False)
        for migration in found:
            when = migration.applied_at
            table.add_row(migration.id, f"{when:%Y-%m-%d %H:%M:%S}" if when else "[yellow]pending[/]")
        out.print(table)
        out.print(f"{pending} pending: [bold]mentorbase migrate[/] applies them." if pending else "Up to date.")
    if pending:
        raise typer.Exit(3)


def _show(done: Sequence[str], what: str, nothing: str, *, json: bool) -> None:
    if json:
        print_json({what.replace(" ", "_"): done})
    elif done:
        for migration in done:
            out.print(f"[green]{what:<12}[/] {migration}")
    else:
        out.print(nothing)


def _show_plan(files: Sequence[Path], *, json: bool) -> None:
    if json:
        print_json({"plan": [str(file) for file in files]})
    elif files:
        for file in files:
            out.print(f"[yellow]would run[/]    {file}", soft_wrap=True)
    else:
        out.print("Nothing would be run.")


def _show_history(changes: Sequence[migrator.Change], *, json: bool) -> None:
    if json:
        print_json({"history": [asdict(change) for change in changes]})
        return
    table = Table("when (UTC)", "what", "migration", "by", "from", box=None, pad_edge=False)
    for change in changes:
        when = f"{change.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, change.operation, change.migration_id, change.username, change.hostname)
    out.print(table if changes else "Nothing was ever applied.")
