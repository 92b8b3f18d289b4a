"""Runs the installed command as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("mentorbase")
OURS = ("MENTORBASE_", "POSTGRES_", "SERVER_ENV", "PG", "DB_")


def environment(**extra: str) -> dict[str, str]:
    """The environment without settings of the developer's own; binaries stay as the run has them."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS) or name == "MENTORBASE_PG_BIN"
    }
    return kept | {"COLUMNS": "120", "NO_COLOR": "1"} | extra


def mentorbase(*args: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *args],
        cwd=cwd,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
