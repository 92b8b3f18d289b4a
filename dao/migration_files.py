"""The files of the migrations: read, checked, ordered, and the ones that a command is about."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from yoyo import ancestors, exceptions, read_migrations  # type: ignore[import-untyped]
from yoyo.migrations import (  # type: ignore[import-untyped]
    MigrationStep,
    TransactionWrapper,
    parse_metadata_from_sql_comments,
    topological_sort,
)
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


def read(source: Path | None) -> list[Any]:
    """Return every migration, in an order in which each comes after those it depends on.

    Raises:
        SetupError: a file is not what was released, or depends on what does not exist.
    """
    _verify(source)
    sources = [glob.escape(str(folder)) for folder in folders(source)]
    try:
        found = {migration.id: migration for migration in read_migrations(*sources)}
        for migration in found.values():
            _load(migration, found)
        return list(topological_sort(found.values()))
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


def _load(migration: Any, known: Mapping[str, Any]) -> None:
    """Read *migration*'s file as yoyo would, but leave it to the server to tell its statements apart.

    That takes a tenth of the time of yoyo's parser. One that runs without a transaction has to be cut into statements
    by somebody else than the server, which would run several of them as one transaction: by yoyo.
    """
    up = path(migration).read_text("utf-8")
    directives, _, _ = parse_metadata_from_sql_comments(up)
    needed = directives.get("depends", "").split()
    if missing := sorted(set(needed) - set(known)):
        raise exceptions.BadMigration(f"{migration.id} depends on {', '.join(missing)}, which does not exist")
    if directives.get("transactional", "true").lower() != "true":
        migration.load()
    else:
        down = rollback_path(migration)
        step = MigrationStep(0, up, down.read_text("utf-8") if down.exists() else None)
        migration.steps = [TransactionWrapper(step)]
    migration._depends = {known[name] for name in needed}  # as its own load() would
