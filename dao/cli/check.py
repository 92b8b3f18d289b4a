"""``mentorbase check``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from .. import check as checker
from ..check import Finding, Level
from ..settings import Settings
from .console import Dsn, Json, migration_bar, out, print_json, progress
from .migrations import Services

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.SKIPPED: "cyan", Level.DIFFERENT: "red"}
_LINES = 20  # of a topic; a database without migrations lacks a thousand objects


def check(services: Services = None, dsn: Dsn = None, json: Json = False) -> None:
    """Say whether a database is what this version expects, and what is not. Exit code 3 if something differs.

    Looked at are: the server's version; TLS, if it is another machine; migrations; every object, right and reference
    row, compared with sql/; the roles; and settings, which only warn. Nothing is changed. The comparison builds sql/
    in a scratch database beside yours if the login may create one, else on a private server of the same version.
    """
    with progress(quiet=json) as bars:
        found = checker.check(
            Settings.load().require_dsn(dsn), services or [], progress=migration_bar(bars, "Checking")
        )
    counted = Counter(finding.level for finding in found)
    if json:
        print_json(
            {
                "ok": not counted[Level.DIFFERENT],
                "different": counted[Level.DIFFERENT],
                "findings": [asdict(finding) for finding in found],
            }
        )
    else:
        _show(found, counted)
    if counted[Level.DIFFERENT]:
        raise typer.Exit(3)


def _show(found: list[Finding], counted: Counter[Level]) -> None:
    table = Table("topic", "", "found", "to do", box=None, pad_edge=False)
    shown: Counter[str] = Counter()
    for finding in found:
        shown[finding.topic] += 1
        if shown[finding.topic] <= _LINES:
            level = f"[{_COLOURS[finding.level]}]{finding.level}[/]"
            table.add_row(finding.topic, level, escape(finding.message), escape(finding.hint))
    for topic, lines in shown.items():
        if lines > _LINES:
            table.add_row(topic, "", f"and {lines - _LINES} more", "--json shows all")
    out.print(table)
    if counted[Level.DIFFERENT]:
        out.print(f"{counted[Level.DIFFERENT]} different: this is not the database that this version expects.")
    elif counted[Level.SKIPPED]:
        out.print("As expected, as far as could be seen.")
    else:
        out.print("As expected.")
