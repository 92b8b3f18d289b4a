"""``mentorbase demo``: the whole way once, from an empty server to a life that was lived, shown to a person."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Annotated

import psycopg
import typer
from psycopg.conninfo import make_conninfo
from rich.panel import Panel
from rich.table import Table

from .. import migrate as migrator
from ..connection import parse_dsn
from ..database import Database
from ..embedded import Server, server
from ..generate import Scale, generate
from ..mentoring import RelationshipStatus
from ..settings import Settings
from . import school
from .console import Dsn, Json, migration_bar, out, print_json, progress, rows_bar

_DATABASE, _DEPLOYER, _APPLICATION = "mentorbase", "demo_deployer", "demo_application"
_KEEP = "[bold]mentorbase up[/] starts one that stays, data included, and says the same of it."
_COLOURS = {
    RelationshipStatus.PENDING: "yellow",
    RelationshipStatus.ACTIVE: "green",
    RelationshipStatus.PAUSED: "cyan",
    RelationshipStatus.COMPLETED: "blue",
}


@dataclass(frozen=True, slots=True)
class _Target:
    """The database of the demonstration.

    Attributes:
        deployer: DSN of the login that migrates.
        application: DSN of the login that the DAO works with.
        private: the server behind it, if the demonstration started it.
    """

    deployer: str
    application: str
    private: Server | None = None


def demo(
    dsn: Dsn = None,
    scale: Annotated[Scale, typer.Option(help="How large the school is.")] = Scale.SMALL,
    wait: Annotated[bool, typer.Option("--wait", help="Keep the server until Enter, to look around.")] = False,
    json: Json = False,
) -> None:
    """Build the database, fill it with a small school, and live one relationship's life in it.

    Without --dsn (and without MENTORBASE_DSN or POSTGRES_HOST) a private server is started for the time of the
    demonstration; nothing of it stays. On a server of yours it fills an empty database only.
    """
    settings = Settings.load()
    given = settings.dsn(dsn)
    with ExitStack() as stack:
        with progress(quiet=json) as bars:
            if given:
                target = _Target(given, given)
            else:
                started = bars.add_task("Starting PostgreSQL", total=1)
                target = _private(stack.enter_context(server(tcp=True)))
                bars.advance(started)
            migrator.migrate(target.deployer, progress=migration_bar(bars, "Applying migrations"))
            if target.private:
                _admit_application(target.private)
            generate(target.deployer, scale, progress=rows_bar(bars, "Filling the school"))
            with Database.connect(target.application, settings=settings) as db:
                story = school.play(db)
        if json:
            print_json(_document(story, target))
        else:
            _show(story)
            _show_way_in(target, waits=wait)
        if wait:
            typer.prompt("Press Enter to end", default="", show_default=False, prompt_suffix=" ", err=True)


def _private(started: Server) -> _Target:
    """Make the database, with a deployer that is no superuser."""
    with psycopg.connect(started.dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {_DEPLOYER} LOGIN CREATEROLE".encode())
        conn.execute(f"CREATE DATABASE {_DATABASE} OWNER {_DEPLOYER}".encode())
    return _Target(started.dsn(_DATABASE, _DEPLOYER), started.dsn(_DATABASE, _APPLICATION), started)


def _admit_application(started: Server) -> None:
    """Make the application's login, which is no owner."""
    with psycopg.connect(started.dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {_APPLICATION} LOGIN IN ROLE mentorbase_app".encode())


def _show(story: school.Story) -> None:
    mentor, mentee = story.mentor.first_name, story.mentee.first_name
    history = Table(title=f"One life cycle: {mentor} and {mentee}", title_justify="left")
    for column in ("#", "from", "to", "who", "as", "why"):
        history.add_column(column)
    for number, step in enumerate(story.history, 1):
        who = story.names.get(step.actor_id or 0, "-")
        history.add_row(
            str(number), _status(step.from_status), _status(step.to_status), who, step.actor_kind, step.reason or ""
        )

    board = Table(title=f"{mentor}'s board: 2 places, newest first", title_justify="left")
    for column in ("mentee", "status", "asked by", "sessions", "to come", "cancelled", "next (UTC)"):
        board.add_column(column)
    for link in story.board:
        sessions = story.statistics[link.id]
        board.add_row(
            story.names[link.mentee_id],
            _status(link.status),
            link.initiated_by,
            str(sessions.total_bookings),
            str(sessions.upcoming_sessions),
            str(sessions.cancelled_sessions),
            f"{sessions.next_session_date:%Y-%m-%d %H:%M}" if sessions.next_session_date else "",
        )

    assert story.lesson is not None
    title = f"{mentor}'s group: 2 seats, and a lesson on {story.lesson.starts_at:%Y-%m-%d at %H:%M} UTC"
    lesson = Table(title=title, title_justify="left")
    for column in ("student", "seat", "is told"):
        lesson.add_column(column)
    for told in story.told:
        lesson.add_row(told.name, told.seat, told.text or "[dim]nothing: no seat yet[/]")

    refused = Table(title="What was refused, by the database itself", title_justify="left", show_lines=True)
    refused.add_column("tried", ratio=2)
    refused.add_column("refused with", ratio=2)
    refused.add_column("because, and the way out", ratio=5)
    for attempt in story.refused:
        refusal = attempt.refusal
        refused.add_row(
            attempt.tried,
            f"[red]{type(refusal).__name__}[/]\n{refusal.sqlstate}",
            f"{refusal.message}\n[dim]{refusal.hint}[/]",
        )
    for table in (history, board, lesson, refused):
        out.print()
        out.print(table)


def _status(status: RelationshipStatus | None) -> str:
    return f"[{_COLOURS.get(status, 'red')}]{status}[/]" if status else ""


def _way_in(target: _Target) -> dict[str, str | int | None]:
    """Return what to enter in DBeaver. A password only where the demonstration made it up."""
    if target.private:
        return {
            "host": "127.0.0.1",
            "port": target.private.port,
            "dbname": _DATABASE,
            "user": "postgres",
            "password": target.private.password,
        }
    parts = parse_dsn(target.application)
    return {key: parts[key] for key in ("host", "port", "dbname", "user") if parts.get(key)}


def _show_way_in(target: _Target, *, waits: bool) -> None:
    if target.private and not waits:
        text = (
            "The private server ends here and leaves nothing behind.\n"
            "[bold]mentorbase demo --wait[/] keeps it until you press Enter, and says what to enter in DBeaver."
            f"\n{_KEEP}"
        )
    else:
        entries = _way_in(target)
        dsn = make_conninfo("", **{key: value for key, value in entries.items() if key != "password"})
        text = "\n".join(f"{key:<9} [bold]{value}[/]" for key, value in entries.items())
        text += f"\n\nDSN       {dsn}\nBegin with the views links.v_*; every table and column has a comment."
        if target.private:
            text += f"\n\nIt ends with Enter. {_KEEP}"
    out.print()
    out.print(Panel(text, title="Look around yourself", title_align="left", expand=False))


def _document(story: school.Story, target: _Target) -> dict[str, object]:
    return {
        "history": [asdict(step) for step in story.history],
        "board": [asdict(link) | {"statistics": asdict(story.statistics[link.id])} for link in story.board],
        "lesson": asdict(story.lesson) if story.lesson else None,
        "told": [asdict(told) for told in story.told],
        "refused": [
            {
                "tried": attempt.tried,
                "error": type(attempt.refusal).__name__,
                "sqlstate": attempt.refusal.sqlstate,
                "message": attempt.refusal.message,
                "hint": attempt.refusal.hint,
            }
            for attempt in story.refused
        ],
        "server": (way_in := _way_in(target)),
        "dsn": make_conninfo("", **{key: value for key, value in way_in.items() if key != "password"}),
    }
