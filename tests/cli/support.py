"""Runs the installed command as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from children import be_the_command, child

COMMAND = Path(sys.executable).with_name("mentorbase")
OURS = ("MENTORBASE_", "POSTGRES_", "SERVER_ENV", "PG", "DB_")


def environment(**extra: str) -> dict[str, str]:
    """The environment without settings of the developer's own; binaries stay as the run has them."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS) or name == "MENTORBASE_PG_BIN"
    }
    return kept | {"COLUMNS": "120", "NO_COLOR": "1"} | extra


def mentorbase(*args: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without the second that a new Python takes, unless it is to look elsewhere."""
    if "PYTHONPATH" in extra:
        return _program(*args, cwd=cwd, **extra)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        running = child(be_the_command, list(args), cwd, environment(**extra), out, err)
        running.join(120)
        assert running.exitcode is not None, f"it does not end: {args}"
        return subprocess.CompletedProcess(args, running.exitcode, out.read_text(), err.read_text())


def _program(*args: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
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
