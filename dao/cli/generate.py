"""``mentorbase generate``."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from .. import generate as generator
from ..generate import Scale
from ..settings import Settings
from .console import Dsn, Json, out, print_json, progress, rows_bar


def generate(
    scale: Annotated[Scale, typer.Option(help="How large: 1m and 10m are so many bookings.")] = Scale.SMALL,
    seed: Annotated[int, typer.Option(help="Another one makes other rows.")] = 1,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) that the rows take for today; none: the server's own."),
    ] = None,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Fill a migrated database with a platform that is made up: people, relationships, bookings, groups, lessons.

    The same scale, seed and day make the same rows on every server. They come
    as a bulk load by the system, keep all rules, and bring their history. The
    database must have no people yet, and the login be the one that deploys.

    If it is stopped, what was loaded stays: make a new database.
    """
    started = time.monotonic()
    with progress(quiet=json) as bars:
        done = generator.generate(
            Settings.load().require_dsn(dsn),
            scale,
            seed=seed,
            as_of=as_of.date() if as_of else None,
            progress=rows_bar(bars, "Loading"),
        )
    if json:
        print_json(asdict(done))
        return
    table = Table("table", "rows", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count in done.rows.items():
        table.add_row(name, f"{count:,}")
    out.print(table)
    out.print(f"As of {done.as_of}, seed {done.seed}: {time.monotonic() - started:.0f} s")
