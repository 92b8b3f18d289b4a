"""Whether a database is what migrations make: compared with a scratch database in which they are run.

A snapshot that ships would have to be kept for each set of services and each version of PostgreSQL, and would be one
more thing to trust. The migrations themselves are at hand, and proved equal to ``sql/`` by the tests, so they are run
once more, beside:

- in a database of its own on the same server, if the login may create one;
- else in a private server on this machine, if its PostgreSQL is of the same major version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from . import clients
from .catalog import describe, differences
from .embedded import server
from .errors import SetupError
from .migration_locks import Backend, only_migrator
from .migration_marks import prepare
from .migration_run import run_all

_SHOWN: Final = 5
_WIDTH: Final = 160


def refuse_unequal(backend: Backend, migrations: list[Any]) -> None:
    """Compare the database of *backend* with what *migrations* make.

    Raises:
        SetupError: they differ, naming the first differences; or there is no place for a scratch database.
    """
    with _scratch(backend) as dsn, only_migrator(dsn, wait_seconds=0) as scratch:
        prepare(scratch)
        run_all(scratch, migrations, "apply")
        found = differences(describe(scratch.connection), describe(backend.connection))
    if found:
        first = "; ".join(line.replace("\n", " ")[:_WIDTH] for line in found[:_SHOWN])
        count = f"{len(found)} places, first" if len(found) > _SHOWN else "this"
        raise SetupError(
            f"the database is not what the migrations make. It differs in {count}: {first}",
            "Correct it by hand and try again, or migrate an empty database and copy the data",
        )


@contextmanager
def _scratch(backend: Backend) -> Iterator[str]:
    connection: psycopg.Connection[Any] = backend.connection
    if _may_create_databases(connection):
        with _database(backend, connection) as dsn:
            yield dsn
    else:
        with _private_server(connection.info.server_version // 10000) as dsn:
            yield dsn


def _may_create_databases(connection: psycopg.Connection[Any]) -> bool:
    query = "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    return bool(connection.execute(query).fetchall()[0][0])


@contextmanager
def _database(backend: Backend, connection: psycopg.Connection[Any]) -> Iterator[str]:
    # Who is here has the guard of the database with this oid, so a scratch of that name is a dead migrator's.
    ((name, *likeness),) = connection.execute(
        """
        SELECT 'mentorbase_scratch_' || oid, pg_encoding_to_char(encoding), datcollate, datctype
        FROM pg_catalog.pg_database
        WHERE datname = current_database()
        """
    ).fetchall()
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} LOCALE_PROVIDER libc"
    clients.drop_scratch(connection, name)
    connection.execute(sql.SQL(create).format(sql.Identifier(name), *likeness))
    try:
        yield backend.beside(name)
    finally:
        clients.drop_scratch(connection, name)


@contextmanager
def _private_server(version: int) -> Iterator[str]:
    way_out = f"Let it (ALTER ROLE ... CREATEDB), or have PostgreSQL {version} on this machine (MENTORBASE_PG_BIN)"
    missing = SetupError("the login may not create the scratch database to compare with", way_out)
    with ExitStack() as stack:
        try:
            private = stack.enter_context(server())
        except SetupError as error:
            raise missing from error
        if private.version != version:
            raise missing
        yield private.dsn()
