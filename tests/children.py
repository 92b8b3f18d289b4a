"""Processes of their own that start in a few milliseconds: forked from one that has the package loaded."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload(["mentorbase.cli"])


def child(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start *work*, a function of a module, in a process of its own."""
    process = _children.Process(target=work, args=arguments)
    process.start()
    return process


def be_the_command(arguments: list[str], cwd: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    """Do in a child what the program `mentorbase` does."""
    from mentorbase import cli
    from mentorbase.cli import console

    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    # The consoles were made before there was an environment to look at.
    console.out.__init__(highlight=False)  # type: ignore[misc]
    console.err.__init__(stderr=True, highlight=False)  # type: ignore[misc]
    sys.argv = ["mentorbase", *arguments]
    cli.main()
