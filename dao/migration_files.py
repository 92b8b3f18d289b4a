"""The files of the migrations: read, checked, ordered, and the ones that a command is about."""

from __future__ import annotations

import glob
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from yoyo import ancestors, exceptions, read_migrations  # type: ignore[import-untyped]
from yoyo.migrations import topological_sort  # type: ignore[import-untyped]
from yoyo.topologicalsort import CycleError  # type: ignore[import-untyped]

from . import checksums, resources
from .errors import SetupError

FIRST: Final = "platform"
LAST: Final = "links"


def folders(source: Path | None) -> list[Path]:
    """Return the folder of each service, ``platform`` first and ``links`` last."""
    root = _root(source)
    found = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))]
    return sorted(found, key=lambda path: (path.name != FIRST, path.name == LAST, path.name))


def checked(services: Sequence[str], source: Path | None) -> set[str]:
    """Return *services* as a set.

    Raises:
        SetupError: one of them is unknown.
    """
    known = [folder.name for folder in folders(source)]
    for name in services:
        if name not in known:
            raise SetupError(f'there is no service "{name}"', f"Known are: {', '.join(known)}")
    return set(services)


# yoyo resolves dependencies through one registry of the process that keeps every migration ever read, by id.
# Loading right after reading, one thread at a time, makes them resolve to what was just read.
_registry = threading.Lock()


def read(source: Path | None) -> list[Any]:
    """Return every migration, in an order in which each comes after those it depends on.

    Raises:
        SetupError: a file is not what was released, or depends on what does not exist.
    """
    _verify(source)
    sources = [glob.escape(str(folder)) for folder in folders(source)]
    try:
        with _registry:
            found = list(read_migrations(*sources))
            for migration in found:
                migration.load()
        _refuse_strangers(found)
        return list(topological_sort(found))
    except (exceptions.BadMigration, exceptions.MigrationConflict, CycleError) as error:
        what = f"the migrations cannot be read: {error}"
        raise SetupError(what, "Check their names and depends lines") from error


def service(migration: Any) -> str:
    """Return the service that *migration* belongs to: its folder's name."""
    return path(migration).parent.name


def path(migration: Any) -> Path:
    """Return the file of *migration*."""
    return Path(migration.path)


def rollback_path(migration: Any) -> Path:
    """Return the file that takes *migration* back; it may be missing."""
    return path(migration).with_suffix(".rollback.sql")


def with_needed(known: list[Any], services: Sequence[str], source: Path | None) -> list[Any]:
    """Return the migrations of *services* with ``platform`` and what they depend on; all for no services."""
    if not services:
        return known
    wanted = checked(services, source) | {FIRST}
    chosen = {m for m in known if service(m) in wanted}
    chosen |= {needed for m in chosen for needed in ancestors(m, known)}
    return [m for m in known if m in chosen]


def _root(source: Path | None) -> Path:
    root = source or resources.folder("migrations")
    if not root.is_dir():
        raise SetupError(f"there is no folder of migrations at {root}", "Install mentorbase again")
    return root


def _verify(source: Path | None) -> None:
    root = _root(source)
    if source is None and not (root / checksums.MANIFEST).is_file():
        raise SetupError(f"there is no {checksums.MANIFEST} in {root}", "Install mentorbase again")
    checksums.verify(root)


def _refuse_strangers(found: list[Any]) -> None:
    known = set(found)
    for migration in found:
        for needed in migration.depends - known:
            raise exceptions.BadMigration(f"{migration.id} depends on {needed.id}, which does not exist")
