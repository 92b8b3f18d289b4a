"""What every command shares: options, output, and one clear line for what goes wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..connection import explain_connection, primary_message
from ..errors import MentorbaseError, Refusal, SetupError
from ..generate import Progress as RowsProgress
from ..migrate import Progress as MigrationProgress
from ..migration_locks import is_about_connection

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        help="libpq connection string or URI; else MENTORBASE_DSN or POSTGRES_HOST of the environment or .env.",
        show_default=False,
    ),
]


class _Asked:
    """What the command line asked for that outlives its parsing."""

    json = False


def _remember(json: bool) -> bool:
    _Asked.json = json
    return json


Json = Annotated[bool, typer.Option("--json", callback=_remember, help="Print JSON, for programs; errors too.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def run(app: typer.Typer) -> None:
    """Run *app*; what goes wrong becomes one line and what to do about it, and exit code 1."""
    try:
        app()
    except MentorbaseError as error:
        fail(error)
    except psycopg.OperationalError as error:
        fail(explain_connection(error) if is_about_connection(error) else _stopped(error))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; so do we, quietly
        sys.exit(1)


def fail(error: MentorbaseError) -> None:
    """Print *error* (as JSON where that was asked for) and exit with 1."""
    message, hint = (error.message, error.hint) if isinstance(error, SetupError | Refusal) else (str(error), "")
    if _Asked.json:
        print_json({"error": message, "hint": hint})
    else:
        err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
        if hint:
            err.print(f"[bold]to do:[/] {escape(hint)}", soft_wrap=True)
    sys.exit(1)


def _stopped(error: psycopg.OperationalError) -> SetupError:
    what = f"the server stopped the command: {primary_message(error)}"
    return SetupError(what, "Role, database or DSN may set its limits, such as statement_timeout; then try again")


def print_json(document: Any) -> None:
    """Print *document* as JSON; instants in ISO 8601."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=json_value))


def json_value(value: object) -> object:
    """Return what stands in JSON for a value that JSON does not have."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Show bars on stderr while the block runs."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _Bars(*columns, console=err, disable=quiet) as bars:
        yield bars


class _Bars(Progress):
    """Prints nothing, not even an empty line, before its first bar."""

    def add_task(self, *args: Any, **options: Any) -> TaskID:
        task = super().add_task(*args, **options)
        self.start()
        return task

    def start(self) -> None:
        if self.tasks:
            super().start()

    def stop(self) -> None:
        if self.tasks:
            super().stop()


def migration_bar(bars: Progress, description: str) -> MigrationProgress:
    """Return a callback that shows a migrator's progress as a bar of *bars*."""
    task: TaskID | None = None

    def show(migration_id: str, done: int, total: int) -> None:
        nonlocal task
        if task is None:
            task = bars.add_task(description, total=total)
        bars.update(task, completed=done, total=total)

    return show


def rows_bar(bars: Progress, description: str) -> RowsProgress:
    """Return a callback that shows how rows are loaded, one table after another, as a bar of *bars*."""
    task = bars.add_task(description, total=None)

    def show(table: str, sent: int, count: int | None) -> None:
        bars.update(task, description=f"{description}: {table}", completed=sent, total=count)

    return show
