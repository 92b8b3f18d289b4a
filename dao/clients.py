"""PostgreSQL's client programs: which of those on this machine fits a server, and how it reaches that server."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from .connection import explain_connection, parse_dsn, refuse_pooler
from .embedded import likely_folders, version_of
from .errors import SetupError

OLDEST_SERVER: Final = 15
NEWEST_SERVER: Final = 18

_UNREADABLE: Final = 17
_CONNECT_TIMEOUT = 10  # seconds
_ADDRESS = ("host", "hostaddr", "port", "dbname", "user")


@dataclass(frozen=True, slots=True)
class Address:
    """How a client program reaches the server that a connection has found.

    Attributes:
        conninfo: for its command line, which everybody on the machine can read: without a password.
        environment: ours, and the rest: the password, and what to ask of TLS.
    """

    conninfo: str
    environment: dict[str, str] = field(repr=False)


@contextmanager
def connected(dsn: str, command: str, *, pooled: bool = False) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect for one of our commands, autocommit.

    Args:
        dsn: libpq connection string or URI.
        command: its name, for the server's list of sessions.
        pooled: whether a pooler may be in between.

    Raises:
        SetupError: there is no connection, the server is too old, or there is a pooler.
    """
    parts = parse_dsn(dsn) | {"application_name": f"mentorbase {command}"}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        parts.setdefault("connect_timeout", _CONNECT_TIMEOUT)
    try:
        connection = psycopg.connect(make_conninfo("", **parts), autocommit=True)
    except psycopg.OperationalError as error:
        raise explain_connection(error) from error
    with connection:
        if connection.info.server_version < OLDEST_SERVER * 10000:
            found = connection.info.parameter_status("server_version")
            raise SetupError(
                f"the server is PostgreSQL {found}, too old", f"mentorbase needs PostgreSQL {OLDEST_SERVER} or newer"
            )
        if not pooled:
            refuse_pooler(connection)
        yield connection


def pinned(dsn: str, connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the parts of *dsn*, narrowed to the server and database that *connection* has found with it.

    A password that libpq found elsewhere, such as in ``~/.pgpass``, is among them.
    """
    info = connection.info
    found = {"host": info.host, "port": info.port, "dbname": info.dbname, "user": info.user, "password": info.password}
    if not info.host.startswith("/"):
        found["hostaddr"] = info.hostaddr
    return parse_dsn(dsn) | {name: value for name, value in found.items() if value}


def address(dsn: str, connection: psycopg.Connection[Any]) -> Address:
    """Return how a client program gets where *connection*, made from *dsn*, has got.

    Raises:
        SetupError: the DSN holds a secret that only a command line could pass on.
    """
    parts = pinned(dsn, connection)
    options = {option.keyword.decode(): option for option in Conninfo.get_defaults()}
    shown, environment = {}, dict(os.environ)
    for name, value in parts.items():
        variable, secret = options[name].envvar, bool(options[name].dispchar)
        # An older program ignores a variable that it does not know, but no word of a DSN.
        if variable and name not in _ADDRESS:
            environment[variable.decode()] = str(value)
        elif secret:
            raise SetupError(
                f"{name} cannot be handed to a client program without showing it to everybody on this machine",
                "Leave it out of the DSN, or run PostgreSQL's own program",
            )
        else:
            shown[name] = value
    return Address(make_conninfo("", **shown), environment)


def find_for(connection: psycopg.Connection[Any], name: str) -> Path:
    """Return the program to use as *connection* is used: with its server, and with TLS where it has that.

    Raises:
        SetupError: as of `find`.
    """
    return find(name, connection.info.server_version // 10000, tls=connection.pgconn.ssl_in_use)


def find(name: str, server: int, *, tls: bool = False) -> Path:
    """Return the program that fits a server: of its own major version, else the next newer one.

    From 17 on, pg_restore says what no older server understands (SET transaction_timeout), and no older pg_restore
    reads what its pg_dump has written. So neither is used with such a server: a backup has to come back.

    Args:
        name: ``psql``, ``pg_dump`` or ``pg_restore``.
        server: the server's major version.
        tls: whether it must be able to use TLS, which the programs of the wheel are not.

    Raises:
        SetupError: there is none, or only others.
    """
    able = [program for program in _on_this_machine(name) if not tls or _knows_tls(program)]
    versions = {program: version for program in able if (version := version_of(program)) is not None}
    limit = _UNREADABLE if name != "psql" and server < _UNREADABLE else None
    fitting = {
        program: version
        for program, version in versions.items()
        if version >= server and (limit is None or version < limit)
    }
    if fitting:
        return min(fitting, key=lambda program: fitting[program])
    newest = max(versions.values(), default=None)
    kind = f"{name} that can use TLS" if tls else name
    found = f"the newest {kind} here is of PostgreSQL {newest}" if newest else f"there is no {kind} here"
    if newest and limit and newest >= limit:
        found = f"the {kind} of PostgreSQL {newest} here makes and reads no backups for servers before {limit}"
    raise SetupError(
        f"{found}, and the server is PostgreSQL {server}",
        f"Install postgresql-client-{server}, or point MENTORBASE_PG_BIN at the folder of such programs",
    )


def _knows_tls(program: Path) -> bool:
    """Ask the psql beside *program*: libpq says so before it looks for a server."""
    asked = [str(program.with_name("psql")), "--no-psqlrc", "--dbname=host=/dev/null sslmode=require"]
    try:
        said = subprocess.run(asked, check=False, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    except OSError:
        return True
    return "not compiled in" not in said.stderr


def _on_this_machine(name: str) -> Iterator[Path]:
    if configured := os.environ.get("MENTORBASE_PG_BIN"):
        yield from _executable(Path(configured).absolute() / name)
    for folder in likely_folders():
        yield from _executable(folder / name)
    if found := shutil.which(name):
        yield Path(found)


def _executable(program: Path) -> Iterator[Path]:
    if os.access(program, os.X_OK):
        yield program


def drop_scratch(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a scratch database, if it is there, with the sessions that were left in it.

    FORCE is refused where autovacuum is at work, which only a superuser may end; a plain DROP makes it stop.
    """
    database = sql.Identifier(name)
    try:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))
