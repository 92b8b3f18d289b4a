"""The schema book: what a database is, as pages to read, made from its catalog and the comments in it.

Needs the extra ``docs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import clients
from ..errors import SetupError


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` has written.

    Attributes:
        index: the page to open first.
        pages: how many pages there are.
        objects: how many objects of the database they describe.
        undocumented: those that have no description, as kind and name.
    """

    index: Path
    pages: int
    objects: int
    undocumented: list[str]


def write(dsn: str, folder: Path) -> Written:
    """Write the schema book of a database. Changes nothing in the database, and runs none of its queries.

    The same database makes the same bytes. Other files of the folder stay.

    Args:
        dsn: libpq connection string or URI; the login is a superuser or a member of ``mentorbase_owner``.
        folder: where to; it is made if there is none.

    Raises:
        SetupError: no connection, not enough rights, no mentorbase there or an older one, the folder cannot be
            written, or the extra ``docs`` is not installed.
    """
    try:
        from .pages import pages
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the schema book needs {error.name}, which is not installed", "Run pip install 'mentorbase[docs]'"
        ) from error
    from .reading import read

    with clients.connected(dsn, "docs") as connection:
        book = read(connection)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for name, text in pages(book):
            (folder / name).write_text(text, "utf-8")
            names.append(name)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written: {error.strerror}", "Name another folder with --output"
        ) from error
    count = sum(name.endswith(".html") for name in names)
    return Written(folder / "index.html", count, book.count(), book.undocumented())
