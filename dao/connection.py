"""Why a server cannot be reached, in one line, and what to do about it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from .errors import SetupError


def parse_dsn(dsn: str) -> dict[str, Any]:
    """Return the parts of a libpq connection string or URI.

    Raises:
        SetupError: it is neither.
    """
    try:
        return {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        # libpq quotes what it stumbled over, which may be a password.
        raise SetupError("the DSN cannot be read", "Write it as postgresql://user@host/database") from None


def where(dsn: str) -> dict[str, str]:
    """Return host, port and database that *dsn* and libpq's own settings name; no user, no password.

    Raises:
        SetupError: it is no DSN.
    """
    defaults = {option.keyword.decode(): (option.val or b"").decode() for option in Conninfo.get_defaults()}
    parts = defaults | {name: str(value) for name, value in parse_dsn(dsn).items()}
    return {
        "host": parts["host"] or parts["hostaddr"] or "the local socket",
        "port": parts["port"],
        "database": parts["dbname"] or parts["user"],
    }


def primary_message(error: psycopg.Error) -> str:
    """Return the first line of what the server said, without its full stop."""
    text = error.diag.message_primary or str(error)
    return text.strip().partition("\n")[0].rstrip(".")


def refuse_pooler(connection: psycopg.Connection[Any]) -> None:
    """Refuse a connection through a pooler, for work that needs a session of its own: locks, snapshots, settings.

    Raises:
        SetupError: the client and the server know the session by different numbers.
    """
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    if row is not None and row[0] != connection.info.backend_pid:
        raise SetupError(
            "a pooler such as pgbouncer is between here and the server",
            "Connect to the server itself: this needs a session of its own",
        )


class _Refusal(NamedTuple):
    state: str
    text: str
    message: str
    hint: str


# libpq reports a refused connection as text only, without a SQLSTATE: the text decides the category, no more.
_REFUSALS = (
    _Refusal(
        "28P01",
        "password authentication failed",
        'the password for role "{user}" is wrong',
        "Check it in the DSN, PGPASSWORD or ~/.pgpass",
    ),
    _Refusal(
        "3D000",
        'database ".*" does not exist|no such database',
        'database "{database}" does not exist',
        "Create it (CREATE DATABASE), or correct the name",
    ),
    _Refusal(
        "",
        "unsupported startup parameter",
        "a pooler in between refuses settings of the session",
        "Of pgbouncer in transaction mode: set DB_PGBOUNCER=true. To migrate, connect to the server itself",
    ),
    _Refusal(
        "",
        r"pg_hba\.conf",
        'the server does not admit role "{user}" to database "{database}" from here',
        "Add a line to its pg_hba.conf",
    ),
    _Refusal(
        "28000",
        'role ".*" does not exist|is not permitted to log in|"trust" authentication failed',
        'role "{user}" does not exist or may not log in',
        "Create it (CREATE ROLE ... LOGIN), or correct the name",
    ),
    _Refusal(
        "42501",
        "permission denied for database",
        'role "{user}" may not connect to database "{database}"',
        "Grant it: GRANT CONNECT ON DATABASE",
    ),
    _Refusal(
        "53300",
        "too many clients|too many connections|remaining connection slots",
        "the server has no free connection",
        "Close some, or raise max_connections",
    ),
    _Refusal(
        "57P03",
        "the database system is",
        "the server is starting up or shutting down",
        "Try again in a moment",
    ),
    _Refusal(
        "57014",
        "timeout expired|Connection timed out",
        "the server did not answer in time",
        "Check host and port, and that no firewall is in between",
    ),
    _Refusal(
        "08001",
        "Connection refused|No such file or directory|No route to host|Network is unreachable",
        "no server listens at {where}",
        "Start it, or check host and port",
    ),
    _Refusal(
        "",
        "resolve host|translate host name",
        "the host name is unknown",
        "Check the host in the DSN",
    ),
)


def explain_connection(error: psycopg.OperationalError) -> SetupError:
    """Say what went wrong while connecting, without passwords and without the DSN.

    Args:
        error: what `psycopg.connect` raised.

    Returns:
        The error to raise from it; role, database and address are named where libpq knows them.
    """
    if error.pgconn is not None and error.pgconn.needs_password:
        refusal = _Refusal("", "", 'role "{user}" needs a password', "Put it into the DSN, PGPASSWORD or ~/.pgpass")
    else:
        refusal = _refusal(error)
    return SetupError(refusal.message.format(**_target(error)), refusal.hint)


def _refusal(error: psycopg.OperationalError) -> _Refusal:
    text = str(error)
    for refusal in _REFUSALS:
        if re.search(refusal.text, text) or (refusal.state and refusal.state == error.sqlstate):
            return refusal
    reason = primary_message(error).rpartition(" failed: ")[2].replace("{", "{{").replace("}", "}}")
    return _Refusal("", "", f"the connection failed: {reason}", "Check the DSN and the server's log")


def _target(error: psycopg.OperationalError) -> dict[str, str]:
    if error.pgconn is None:
        return {"user": "", "database": "", "where": "that address"}
    user, database, host, port = (
        value.decode(errors="replace")
        for value in (error.pgconn.user, error.pgconn.db, error.pgconn.host, error.pgconn.port)
    )
    where = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
    return {"user": user, "database": database, "where": where}
