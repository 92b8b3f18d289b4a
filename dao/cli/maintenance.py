"""``mentorbase purge``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import TaskID
from rich.table import Table

from .. import maintenance
from ..settings import Settings
from .console import Dsn, Json, out, print_json, progress


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would go.")] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Forget what is no longer to be kept, and make the months ahead of logs and events. For a daily job.

    How long things are kept are rows of the services' settings tables (platform.settings, mentoring.settings and so
    on). Work is done in batches, and can be stopped and run again at any time. The login must be a member of
    mentorbase_owner.
    """
    with progress(quiet=json) as bars:
        tasks: dict[str, TaskID] = {}

        def show(service: str, rows: int) -> None:
            if service not in tasks:
                tasks[service] = bars.add_task(f"Purging {service}", total=None)
            bars.update(tasks[service], completed=rows)

        done = maintenance.purge(Settings.load().require_dsn(dsn), dry_run=dry_run, progress=show)
    if json:
        print_json(asdict(done))
        return
    table = Table("service", "rows to forget" if dry_run else "rows forgotten", box=None, pad_edge=False)
    for service, count in done.rows.items():
        table.add_row(service, str(count))
    out.print(table)
    for name in done.months_made:
        out.print(f"[green]made[/]     {name}")
    for name in done.months_dropped:
        out.print(f"[yellow]{'expired' if dry_run else 'dropped'}[/]  {name}")
    if dry_run:
        out.print("Nothing was changed.")
