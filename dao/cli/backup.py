"""``mentorbase backup`` and ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import backup as keeper
from ..backup import Note
from ..settings import Settings
from .console import Dsn, Json, migration_bar, out, print_json, progress


def backup(
    to: Annotated[Path, typer.Option("--to", help="The file to write; it must not exist.", show_default=False)],
    service: Annotated[
        str | None,
        typer.Argument(help="One service, such as mentoring, with what all share. None: all.", show_default=False),
    ] = None,
    schema_only: Annotated[bool, typer.Option("--schema-only", help="No rows.")] = False,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Write the database to a file, with pg_dump, as it is at this moment. Nobody has to stop working.

    Beside FILE stands FILE.json, with the number of rows of every table: keep the two together. Both are readable by
    you only; encrypt them where they are kept. Roles are not in it. mentorbase restore FILE fills an empty database.
    """
    with progress(quiet=json) as bars:
        note = keeper.backup(
            Settings.load().require_dsn(dsn),
            to,
            service,
            schema_only=schema_only,
            progress=migration_bar(bars, "Backing up"),
        )
    _tell(note, to, "written to", json=json)


def restore(
    file: Annotated[Path, typer.Argument(help="What mentorbase backup has written.", show_default=False)],
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Fill an empty database from a backup, wholly or not at all, and count every table's rows again.

    The login owns the database and has CREATEROLE, or is a superuser. Application roles that the server lacks are
    made; logins are yours to make. A database that is not empty is refused. Afterwards: mentorbase check.
    """
    with progress(quiet=json) as bars:
        note = keeper.restore(Settings.load().require_dsn(dsn), file, progress=migration_bar(bars, "Restoring"))
    _tell(note, file, "restored from", json=json)


def _tell(note: Note, file: Path, what: str, *, json: bool) -> None:
    if json:
        print_json({"file": file, "service": note.service, "rows": note.rows})
    elif note.rows is None:
        out.print(f"Tables without rows {what} {file}.", markup=False, soft_wrap=True)
    else:
        rows = sum(note.rows.values())
        out.print(f"{len(note.rows)} tables with {rows} rows {what} {file}.", markup=False, soft_wrap=True)
