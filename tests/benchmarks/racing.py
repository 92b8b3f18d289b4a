"""Rivals in turn, and what came of it as a table for the README."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mentorbase import clients as programs
from mentorbase.errors import SetupError
from psycopg.conninfo import conninfo_to_dict

Rates = dict[str, list[float]]
"""Of each rival, the rate of each round."""


@dataclass(frozen=True)
class Race:
    """How long rivals race: so many rounds of so many seconds each."""

    rounds: int
    seconds: float

    def run(self, rivals: Mapping[str, Callable[[float], float]]) -> Rates:
        """Let the rivals, which take seconds and return a rate, run in turn, each round another one first."""
        for rival in rivals.values():
            rival(min(0.2, self.seconds))  # what is done once is done
        rates: Rates = {name: [] for name in rivals}
        names = list(rivals)
        for turn in range(self.rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                rates[name].append(rivals[name](self.seconds))
        return rates


def per_second(call: Callable[[], object]) -> Callable[[float], float]:
    """Return a rival that calls *call* again and again."""

    def run(seconds: float) -> float:
        done, started = 0, time.perf_counter()
        while (now := time.perf_counter()) < started + seconds:
            call()
            done += 1
        return done / (now - started)

    return run


def find_pgbench() -> Path | None:
    """Return PostgreSQL's pgbench, of any version; None if this machine has none."""
    try:
        return programs.find("pgbench", 0)
    except SetupError:
        return None


def pgbench(program: Path, dsn: str, script: str, clients: int = 1, times: int = 1) -> Callable[[float], float]:
    """Return a rival that runs *script*, prepared, in which what is counted stands so many *times*."""
    parts = conninfo_to_dict(dsn)

    def run(seconds: float) -> float:
        done = subprocess.run(
            [
                program, "--no-vacuum", "--protocol=prepared", f"--time={max(1, round(seconds))}",
                f"--client={clients}", f"--jobs={min(clients, 2)}", "--file=-",
                f"--host={parts['host']}", f"--port={parts.get('port', 5432)}", f"--username={parts['user']}",
                str(parts["dbname"]),
            ],
            input=script, check=False, capture_output=True, text=True,
        )  # fmt: skip
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        assert found, done.stdout + done.stderr
        return float(found[1]) * times

    return run


def table(what: str, rates: Rates, base: str, unit: str = "/s") -> str:
    """Return lines of a table: of each rival the median, and its ratio to *base* in the same round with its spread."""
    lines = []
    for name, found in rates.items():
        ratios = [mine / theirs for mine, theirs in zip(found, rates[base], strict=True)]
        ratio = "1" if name == base else f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {what} | {name} | {median(found):,.0f}{unit} | {ratio} |")
    return "\n".join(lines)


def show(title: str, *lines: str) -> None:
    """Print a table."""
    print(f"\n\n{title}\n\n| what | who | median | of the first |\n|---|---|---|---|\n" + "\n".join(lines))  # noqa: T201
