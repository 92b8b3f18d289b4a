"""``mentorbase up``, ``down`` and ``psql``: a server of one's own that stays, and a way into any."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.panel import Panel

from .. import clients, embedded
from .. import migrate as migrator
from ..embedded import Server
from ..settings import Settings
from .console import Dsn, Json, migration_bar, out, print_json, progress

_DATABASE, _DEPLOYER, _APPLICATION, _ANALYST = "mentorbase", "deployer", "application", "analyst"


def default_home() -> Path:
    """Return where `up` keeps its data: a folder of the user's, or of the machine for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/mentorbase")  # PostgreSQL does not run as root, and /root is closed to others
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "mentorbase")


Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="The folder of the data; only you can enter it.",
        show_default="~/.local/share/mentorbase, or /var/lib/mentorbase for root",
    ),
]


def up(
    home: Home = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1024,
            max=65535,
            help="TCP port on 127.0.0.1.",
            show_default="that of last time, or a free one",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start a PostgreSQL of your own that stays, bring its database up to date, and say how to get in.

    It listens on 127.0.0.1 only, with a password made for it, which is kept in the file "tcp" of the folder. Where it
    runs already nothing is started. Stop it with mentorbase down; the data stays for the next time.
    """
    folder = (home or default_home()).expanduser().resolve()
    with progress(quiet=json) as bars:
        starting = bars.add_task("Starting PostgreSQL", total=1)
        fresh = embedded.running(folder) is None
        server = embedded.start(folder, port=port)
        bars.advance(starting)
        _make_database(server)
        applied = migrator.migrate(
            server.dsn(_DATABASE, _DEPLOYER), progress=migration_bar(bars, "Applying migrations")
        )
        _admit_others(server)
    if json:
        print_json(_document(folder, server) | {"started": fresh, "applied": applied})
    else:
        _show(folder, server, fresh=fresh)


def down(home: Home = None, json: Json = False) -> None:
    """Stop the PostgreSQL that mentorbase up has started. Its data stays; whoever is connected is cut off."""
    folder = (home or default_home()).expanduser().resolve()
    stopped = embedded.stop(folder)
    if json:
        print_json({"home": folder, "stopped": stopped})
    elif stopped:
        out.print(f"Stopped. The data stays in {folder}.", markup=False, soft_wrap=True)
    else:
        out.print(f"Nothing to do: no server runs in {folder}.", markup=False, soft_wrap=True)


def psql(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARGS]...", help="Passed on to psql, as in -c 'SELECT 1' or -f file.sql."),
    ] = None,
    dsn: Dsn = None,
    json: Json = False,
) -> None:
    """Open psql on the database. The exit code is psql's.

    Takes the psql on the PATH, else the one that comes with the embedded PostgreSQL. A password of the DSN is not
    shown in the list of processes. Before what psql might share with this command (--help, --json) put "--".
    """
    del json  # for what goes wrong, which the console prints
    given = Settings.load().require_dsn(dsn)
    with clients.connected(given, "psql", pooled=True) as connection:
        address = clients.address(given, connection)
        found = shutil.which("psql")
        program = Path(found) if found else clients.find_for(connection, "psql")
    os.execve(program, [str(program), f"--dbname={address.conninfo}", *(arguments or ())], address.environment)  # noqa: S606


def _make_database(server: Server) -> None:
    """Make the database, which belongs to a deployer who is no superuser."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        _ensure_login(conn, _DEPLOYER, sql.SQL("CREATEROLE CREATEDB"))
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone() is None:
            names = (sql.Identifier(_DATABASE), sql.Identifier(_DEPLOYER))
            conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _admit_others(server: Server) -> None:
    """Let an application in by the socket, and an analyst with the password; only its SCRAM verifier travels."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        _ensure_login(conn, _APPLICATION, sql.SQL("IN ROLE mentorbase_app"))
        _ensure_login(conn, _ANALYST, sql.SQL("IN ROLE mentorbase_reader"))
        password = (server.password or "").encode()
        verifier = conn.pgconn.encrypt_password(password, _ANALYST.encode(), b"scram-sha-256").decode()
        conn.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(_ANALYST), verifier))


def _ensure_login(conn: psycopg.Connection, name: str, options: sql.SQL) -> None:
    if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(sql.Identifier(name), options))


def _document(home: Path, server: Server) -> dict[str, object]:
    return {
        "home": home,
        "version": server.version,
        "server": {
            "host": "127.0.0.1",
            "port": server.port,
            "dbname": _DATABASE,
            "user": "postgres",
            "password": server.password,
        },
        "analyst": _ANALYST,
        "dsn": server.dsn(_DATABASE, _DEPLOYER),
        "application_dsn": server.dsn(_DATABASE, _APPLICATION),
    }


def _show(home: Path, server: Server, *, fresh: bool) -> None:
    entries = {
        "Host": "127.0.0.1",
        "Port": str(server.port),
        "Database": _DATABASE,
        "Username": _ANALYST,
        "Password": server.password or "",
    }
    begun = "has started" if fresh else "runs already"
    out.print(f"PostgreSQL {server.version} {begun}; its data is in {home}.", markup=False, soft_wrap=True)
    text = "\n".join(f"{key:<9} [bold]{value}[/]" for key, value in entries.items())
    out.print(Panel(text, title="Enter in DBeaver", title_align="left", expand=False))
    out.print("Begin with the views links.v_*; every view and column has a comment.")
    out.print("Username postgres, with the same password, may also edit, and sees the tables.")
    for what, user in (("mentorbase", _DEPLOYER), ("an application", _APPLICATION)):
        out.print(f"\nFor {what}:", markup=False)
        out.print(f"export MENTORBASE_DSN='{_quoted(server, user)}'", markup=False, soft_wrap=True)
    out.print("\n[bold]mentorbase down[/] stops it; the data stays.")


def _quoted(server: Server, user: str) -> str:
    """Return the DSN for a shell's single quotes."""
    return make_conninfo(server.dsn(_DATABASE, user)).replace("'", "'\\''")
