"""Where the SQL lives: inside the installed package, else beside ``dao/`` in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder *name* (``sql`` or ``migrations``).

    A wheel carries it inside the package; an editable install leaves it beside ``dao/``.
    """
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
