"""What was released stays as it was: the checksums of the migrations, in ``migrations/checksums.txt``.

A line is as ``sha256sum`` writes it, so ``sha256sum -c checksums.txt`` in that folder checks them without Python.
A file that is listed was released: it never changes, and a change is a new migration. Files that are not listed
yet may lie in a checkout, where migrations are written; an installed package has none.

``python -m mentorbase.checksums`` adds the lines of new files and changes no other line. To go on writing a
migration that nobody was given yet, delete its lines first.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from . import resources
from .errors import SetupError

MANIFEST: Final = "checksums.txt"

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_RUN_BY_YOYO = {".sql", ".py"}


def of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def found(root: Path) -> dict[str, str]:
    """Return the checksum of every file below *root* that yoyo would run, by its path there."""
    paths = (path for path in root.glob("[!_.]*/*") if path.suffix in _RUN_BY_YOYO)
    return {path.relative_to(root).as_posix(): of(path) for path in sorted(paths)}


def listed(root: Path) -> dict[str, str]:
    """Return the checksums of the manifest in *root*; none if there is no manifest.

    Raises:
        SetupError: a line is not one of ``sha256sum``.
    """
    manifest = root / MANIFEST
    if not manifest.is_file():
        return {}
    lines = manifest.read_text("utf-8").splitlines()
    checksums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise SetupError(f"{MANIFEST}, line {number} is not a checksum", "Restore the file")
        checksums[match[2]] = match[1]
    return checksums


def verify(root: Path) -> None:
    """Check the files below *root* against its manifest. Without a manifest nothing there was released.

    Raises:
        SetupError: a released file was edited or is missing, or a file that was never released is installed.
    """
    if not (root / MANIFEST).is_file():
        return
    expected, files = listed(root), found(root)
    _refuse_changed(expected, files)
    if not _is_checkout(root):
        _refuse(files.keys() - expected.keys(), "was never released", "Remove it, or install mentorbase again")


def add_new(root: Path) -> list[str]:
    """Add the files below *root* that its manifest lacks, and return their paths.

    Raises:
        SetupError: a file that is listed was edited or is missing. Then nothing is added.
    """
    expected, files = listed(root), found(root)
    _refuse_changed(expected, files)
    lines = [f"{checksum}  {path}\n" for path, checksum in files.items()]
    (root / MANIFEST).write_text("".join(lines), "utf-8")
    return sorted(files.keys() - expected.keys())


def _refuse_changed(expected: dict[str, str], files: dict[str, str]) -> None:
    restore = "Restore it, from git or by installing mentorbase again; a change is a new migration"
    _refuse(expected.keys() - files.keys(), "was released and is missing", restore)
    edited = (path for path in expected if files[path] != expected[path])
    _refuse(edited, "was edited after its release", restore)


def _refuse(paths: Iterable[str], what: str, way_out: str) -> None:
    if names := sorted(paths):
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise SetupError(f"migrations/{names[0]} {what}{more}", way_out)


def _is_checkout(root: Path) -> bool:
    return (root.parent / "pyproject.toml").is_file()


def main() -> None:
    """List the new files of this checkout: ``python -m mentorbase.checksums``."""
    try:
        added = add_new(resources.folder("migrations"))
    except SetupError as error:
        sys.exit(f"error: {error}")
    sys.stdout.writelines(f"added {path}\n" for path in added)


if __name__ == "__main__":
    main()
