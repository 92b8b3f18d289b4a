"""``mentorbase docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .. import docs as book
from ..settings import Settings
from .console import Dsn, Json, out, print_json

_LINES = 20  # of objects without a description


def docs(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write; made if there is none.")] = Path(
        "schema-book"
    ),
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Write the schema book: what the database is, as pages to open in a browser.

    It is made from the catalog and its comments: tables, views, functions and types of each service, how they hang
    together, life cycles, rights, errors, and every named query with its plan, which is asked for without running
    it. The pages need no server and no network. The same database makes the same files, so that two can be compared.
    The login must be a member of mentorbase_owner. Needs the extra: pip install 'mentorbase[docs]'.
    """
    written = book.write(Settings.load().require_dsn(dsn), output)
    if json:
        print_json(
            {
                "index": written.index,
                "pages": written.pages,
                "objects": written.objects,
                "undocumented": written.undocumented,
            }
        )
        return
    for name in written.undocumented[:_LINES]:
        out.print(f"[yellow]no description[/]  {escape(name)}")
    if len(written.undocumented) > _LINES:
        out.print(f"and {len(written.undocumented) - _LINES} more; --json shows all")
    out.print(
        f"{written.pages} pages about {written.objects} objects. Open {written.index}", markup=False, soft_wrap=True
    )
