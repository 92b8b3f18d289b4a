"""The command line: ``mentorbase --help``."""

from __future__ import annotations

import typer

from . import adopt, backup, check, demo, docs, generate, keys, maintenance, migrations, people, server
from .console import run

app = typer.Typer(
    name="mentorbase",
    help="A PostgreSQL database for mentoring platforms: try it, build it, see where it stands.",
    epilog="Exit codes: 0 done, 1 it could not be done, 2 wrong usage, 3 (status, check, reencrypt) not as expected.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(demo.demo)
app.command()(migrations.migrate)
app.command()(migrations.rollback)
app.command()(migrations.status)
app.command()(generate.generate)
app.command()(maintenance.purge)
app.command()(keys.reencrypt)
app.command()(people.export)
app.command()(people.erase)
app.command()(adopt.adopt)
app.command()(check.check)
app.command()(docs.docs)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(server.up)
app.command()(server.down)
app.command(context_settings={"ignore_unknown_options": True})(server.psql)


def main() -> None:
    """Run the command line: the entry point ``mentorbase``."""
    run(app)
