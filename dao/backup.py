"""Backup and restore: ``pg_dump``'s own format, and beside it a note of what was in it, to compare with afterwards.

The note is made in the snapshot that is dumped, so its counts are exact however busy the database is. A dump holds no
roles, since they belong to the cluster; the note names those that its grants need, and a restore makes them.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors, sql
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from . import clients, migrate, resources
from .catalog import SIDES
from .connection import primary_message
from .errors import SetupError

_T = TypeVar("_T")
_Connection = psycopg.Connection[tuple[Any, ...]]

_OWNER: Final = "mentorbase_owner"
_PLATFORM, _LINKS, _MARKS = "platform", "links", "public"  # the migrations' marks are in the last
_RIGHTS: Final = "Connect as the login that migrates, or as a superuser"
_LOCK_WAIT: Final = "60s"
_SHARED: Final = (
    sql.SQL("SCHEMA"),
    sql.SQL("ALL TABLES IN SCHEMA"),
    sql.SQL("ALL SEQUENCES IN SCHEMA"),
    sql.SQL("ALL ROUTINES IN SCHEMA"),
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role that grants or policies in the dump name.

    Attributes:
        login: it may log in; a restore does not make such a role.
        application: mentorbase_app is a member.
    """

    name: str
    login: bool
    application: bool


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a dump, in a file of its name with ``.json`` added.

    Attributes:
        service: the service that alone is in it; None for all, with what links them.
        server: the major version of the server it was taken from.
        roles: whom its grants and policies name.
        left_out: objects in it (as catalog and oid) that need another service, and are not restored.
        rows: how many each table had, partitions counted with their table; None if only the schema was dumped.
    """

    service: str | None
    server: int
    roles: list[Role]
    left_out: list[tuple[int, int]] = field(default_factory=list)
    rows: dict[str, int] | None = None


_NOTES: Final = TypeAdapter(Note)


def note_of(file: Path) -> Path:
    """Return where the note of a dump stands."""
    return file.with_name(f"{file.name}.json")


# Backup


def backup(
    dsn: str,
    file: Path,
    service: str | None = None,
    *,
    schema_only: bool = False,
    progress: migrate.Progress | None = None,
) -> Note:
    """Write a database, or one service of it with ``platform``, to *file* and the note beside it, mode 0600.

    Args:
        dsn: libpq connection string or URI; a member of mentorbase_owner, such as the login that migrates.
        file: must not exist; appears when it is complete.
        service: what is restored from it is a database of this service alone; by default everything is in it.
        schema_only: no rows.
        progress: called after each table that was counted, and each that was written.

    Raises:
        SetupError: no connection, not enough rights, no fitting ``pg_dump``, a file that exists or cannot be written.
    """
    _refuse_unknown(service)
    with clients.connected(dsn, "backup") as connection, _new_file(file) as part, connection.transaction():
        _begin_snapshot(connection)
        _refuse_without_rights(connection)
        left = _schemas_left_out(connection, service)
        tables, leaves = _tables(connection, left)
        report = _Report(progress, (0 if schema_only else len(tables)) + (0 if schema_only else leaves))
        program = clients.find_for(connection, "pg_dump")
        note = Note(
            service=service,
            server=connection.info.server_version // 10000,
            roles=_roles(connection),
            left_out=_needing(connection, left),
            rows=None if schema_only else {name: report.after(name, _count(connection, name)) for name in tables},
        )
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        address = clients.address(dsn, connection)
        _run(
            [
                *(program, "--format=custom", "--verbose", "--no-password", "--enable-row-security"),
                *(f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}", f"--file={part}"),
                *(f'--exclude-schema="{schema}"' for schema in left),
                *(("--schema-only",) if schema_only else ()),
                f"--dbname={address.conninfo}",
            ],
            address,
            report,
        )
        _write(note_of(file), _NOTES.dump_json(note, indent=2) + b"\n")
    return note


def _refuse_unknown(service: str | None) -> None:
    known = [name for name in migrate.services() if name not in (_PLATFORM, _LINKS)]
    if service is not None and service not in known:
        raise SetupError(f'there is no service "{service}"', f"Known are: {', '.join(known)}")


@contextmanager
def _new_file(file: Path) -> Iterator[Path]:
    """Yield what becomes *file* once the block is left; nothing of it stays if the block fails."""
    part = file.with_name(f"{file.name}.part")
    for path in (file, note_of(file)):
        if path.exists():
            raise SetupError(f"{path} exists already", "Choose another name, or remove it")
    _write(part, b"")
    try:
        yield part
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def _write(file: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out:
            out.write(content)
    except OSError as error:
        raise SetupError(f"Cannot write to {file}: {error.strerror}", "Choose another folder") from error


def _begin_snapshot(connection: _Connection) -> None:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _refuse_without_rights(connection: _Connection) -> None:
    """Refuse whoever might see only some rows: row-level security has a policy for the owner alone."""
    (exists,) = connection.execute("SELECT to_regrole(%s) IS NOT NULL", [_OWNER]).fetchone() or (False,)
    if not exists:
        raise SetupError("the database holds nothing of mentorbase", "mentorbase migrate builds it")
    (member,) = connection.execute("SELECT pg_has_role(%s, 'USAGE')", [_OWNER]).fetchone() or (False,)
    if not member:
        raise SetupError(f"role {connection.info.user} is no member of {_OWNER}", _RIGHTS)


def _schemas_left_out(connection: _Connection, service: str | None) -> list[str]:
    if service is None:
        return []
    rows = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY nspname"
    ).fetchall()
    schemas = [name for (name,) in rows]
    if service not in schemas:
        raise SetupError(f"the database has no service {service}", f"mentorbase migrate {service} builds it")
    return [name for name in schemas if name not in (_PLATFORM, _MARKS, service)]


def _tables(connection: _Connection, left: Sequence[str]) -> tuple[list[str], int]:
    """Return the tables, and how many the rows are stored in: partitions instead of what they are parts of."""
    rows = connection.execute(
        """
        SELECT format('%%I.%%I', n.nspname, c.relname), c.relkind = 'r', c.relispartition
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
            AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL(%s)
            AND NOT EXISTS (
                SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
            )
        ORDER BY n.nspname, c.relname
        """,
        [list(left)],
    ).fetchall()
    return [name for name, _, part in rows if not part], sum(stores for _, stores, _ in rows)


def _roles(connection: _Connection) -> list[Role]:
    rows = connection.execute(
        """
        SELECT DISTINCT r.rolname, r.rolcanlogin, EXISTS (
            SELECT FROM pg_auth_members AS m
            WHERE m.roleid = r.oid AND m.member = to_regrole('mentorbase_app')
        )
        FROM pg_shdepend AS d
        JOIN pg_roles AS r ON r.oid = d.refobjid
        WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype IN ('a', 'r')
            AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY r.rolname
        """
    ).fetchall()
    return [Role(*row) for row in rows]


def _needing(connection: _Connection, left: Sequence[str]) -> list[tuple[int, int]]:
    """Return what depends on an object of the schemas left out: keys, triggers and views that link services."""
    rows = connection.execute(
        """
        SELECT DISTINCT
            CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END::bigint,
            coalesce(w.ev_class, d.objid)::bigint
        FROM (
            SELECT 'pg_class'::regclass, c.oid, c.relnamespace FROM pg_class AS c
            UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc AS p
            UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_type AS t
        ) AS o (kind, id, schema)
        JOIN pg_namespace AS n ON n.oid = o.schema AND n.nspname = ANY(%s)
        JOIN pg_depend AS d ON d.refclassid = o.kind AND d.refobjid = o.id AND d.deptype = 'n'
        LEFT JOIN pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        ORDER BY 1, 2
        """,
        [list(left)],
    ).fetchall()
    return [(catalog, oid) for catalog, oid in rows]


def _count(connection: _Connection, table: str) -> int:
    """Count the rows of a table whose name is quoted already."""
    try:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() or (0,)  # noqa: S608
    except errors.InsufficientPrivilege as error:
        raise SetupError(f"not enough rights: {primary_message(error)}", _RIGHTS) from error
    return int(rows)


# Restore


def restore(dsn: str, file: Path, *, progress: migrate.Progress | None = None) -> Note:
    """Fill an empty database from a backup, wholly or not at all, and compare the number of rows of every table.

    Args:
        dsn: libpq connection string or URI of an empty database; its owner with CREATEROLE, or a superuser.
        file: what `backup` has written, its note beside it.
        progress: called after each table.

    Raises:
        SetupError: no connection, not enough rights, no fitting ``pg_restore``, a database that is not empty, no such
            backup, roles that are missing; or tables whose rows are not those of the backup.
    """
    note = _read_note(file)
    with clients.connected(dsn, "restore") as connection:
        _refuse_used(connection)
        _refuse_older_server(connection, note)
        program = clients.find_for(connection, "pg_restore")
        entries = _entries(program, file, note)
        report = _Report(progress, sum(" TABLE DATA " in entry for entry in entries) + len(note.rows or {}))
        with _explained():
            _make_roles(connection, note)
        address = clients.address(dsn, connection)
        with _owner_may_create_marks(connection), tempfile.NamedTemporaryFile("w", prefix="mentorbase-") as chosen:
            chosen.write("\n".join(entries))
            chosen.flush()
            _run(
                [
                    *(program, "--verbose", "--no-password", "--single-transaction", "--exit-on-error"),
                    *("--no-owner", f"--role={_OWNER}", f"--use-list={chosen.name}"),
                    *(f"--dbname={address.conninfo}", file),
                ],
                address,
                report,
            )
        _compare(connection, note, report)
        _forget_other_services(connection, note)
    return note


def _read_note(file: Path) -> Note:
    note = note_of(file)
    for path in (file, note):
        if not path.is_file():
            raise SetupError(f"there is no {path}", "A backup is two files: the dump, and its note with .json added")
    try:
        return _NOTES.validate_json(note.read_bytes())
    except OSError as error:
        raise SetupError(f"Cannot read {note}: {error.strerror}", "Run it as the user who made it") from error
    except ValidationError as error:
        raise SetupError(f"{note} is not the note of a backup", "Copy it again, beside the dump") from error


def _refuse_used(connection: _Connection) -> None:
    (used,) = connection.execute(
        """
        SELECT min(o.name)
        FROM (
            SELECT 'schema ' || n.nspname
            FROM pg_namespace AS n
            WHERE n.nspname NOT IN ('public', 'information_schema') AND n.nspname !~ '^pg_'
            UNION ALL
            SELECT 'public.' || o.name
            FROM (
                SELECT 'pg_class'::regclass, c.oid, c.relnamespace, c.relname FROM pg_class AS c
                UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, p.proname FROM pg_proc AS p
                UNION ALL
                SELECT 'pg_type'::regclass, t.oid, t.typnamespace, t.typname FROM pg_type AS t
                WHERE t.typtype IN ('e', 'd', 'r')
            ) AS o (kind, id, schema, name)
            WHERE o.schema = 'public'::regnamespace AND NOT EXISTS (
                SELECT FROM pg_depend AS d WHERE d.classid = o.kind AND d.objid = o.id AND d.deptype = 'e'
            )
        ) AS o (name)
        """
    ).fetchone() or ("",)
    if used:
        raise SetupError(
            f'database "{connection.info.dbname}" is not empty: it has {used}',
            "Restore into a new one (CREATE DATABASE)",
        )


def _refuse_older_server(connection: _Connection, note: Note) -> None:
    server = connection.info.server_version // 10000
    if server < note.server:
        raise SetupError(
            f"the backup is of PostgreSQL {note.server}, and the server is PostgreSQL {server}",
            f"Restore it into PostgreSQL {note.server} or newer",
        )


def _entries(program: Path, file: Path, note: Note) -> list[str]:
    """Return the lines of the dump's table of contents that are to be restored."""
    listed = subprocess.run(
        [program, "--list", "--verbose", file], check=False, capture_output=True, text=True, env=_in_english({})
    )
    if listed.returncode != 0:
        raise SetupError(f"{file} cannot be read: {_complaint(listed.stderr)}", "Is it a backup, and whole?")
    found: list[tuple[str, str, set[str]]] = []
    for line in listed.stdout.splitlines():
        if entry := re.match(r"(\d+); (\d+) (\d+) ", line):
            unwanted = (int(entry[2]), int(entry[3])) in note.left_out or re.search(
                r" (ACL|COMMENT) - SCHEMA public ", line
            )
            found.append((entry[1], line, {"left out"} if unwanted else set()))
        elif line.startswith(";\tdepends on:"):
            found[-1][2].update(line.split()[3:])
    gone = {"left out"}
    while more := {number for number, _, needed in found if number not in gone and needed & gone}:
        gone |= more
    return [line for number, line, _ in found if number not in gone]


def _make_roles(connection: _Connection, note: Note) -> None:
    """Make the groups that the grants name; people's and machines' logins are the deployment's."""
    script = (resources.folder("sql") / _PLATFORM / "roles.sql").read_bytes()
    with connection.transaction():
        connection.execute(script)
        rows = connection.execute("SELECT rolname FROM pg_roles").fetchall()
        missing = [role for role in note.roles if (role.name,) not in rows]
        if logins := [role.name for role in missing if role.login]:
            raise SetupError(
                f"the backup grants rights to logins that this server lacks: {', '.join(logins)}",
                "Create them (CREATE ROLE ... LOGIN), then try again",
            )
        for role in missing:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role.name)))
        for role in (role for role in missing if role.application):
            connection.execute(sql.SQL("GRANT {} TO mentorbase_app").format(sql.Identifier(role.name)))
        for role in (role for role in missing if role.name in SIDES):
            connection.execute(sql.SQL("GRANT quests_app TO {}").format(sql.Identifier(role.name)))


@contextmanager
def _owner_may_create_marks(connection: _Connection) -> Iterator[None]:
    """Let the owner, as whom everything is restored, create the tables of the migrations' marks."""
    with _explained():
        connection.execute(f"GRANT CREATE ON SCHEMA {_MARKS} TO {_OWNER}")
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # the connection may be what failed
            connection.execute(f"REVOKE CREATE ON SCHEMA {_MARKS} FROM {_OWNER}")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except errors.InsufficientPrivilege as error:
        hint = "Connect as the owner of the database with CREATEROLE, or as a superuser"
        raise SetupError(f"not enough rights: {primary_message(error)}", hint) from error


def _compare(connection: _Connection, note: Note, report: _Report) -> None:
    different = [
        f"{table} has {found}, not {expected}"
        for table, expected in (note.rows or {}).items()
        if (found := report.after(table, _count(connection, table))) != expected
    ]
    if different:
        raise SetupError(
            f"the restored database differs from the backup in rows: {'; '.join(different)}",
            "Do not use it. Restore another backup into a new database",
        )


def _forget_other_services(connection: _Connection, note: Note) -> None:
    """Take away what other services left in the schemas that all share: marks of migrations, columns, and rights."""
    if note.service is None:
        return
    gone = [name for name in migrate.services() if name not in (_PLATFORM, note.service)]
    # Extensions come with every dump; those that this service does not use go.
    with suppress(psycopg.errors.DependentObjectsStillExist), connection.transaction():
        connection.execute("DROP EXTENSION IF EXISTS btree_gist")
    with connection.transaction():
        connection.execute(
            "DELETE FROM public._yoyo_migration WHERE split_part(migration_id, '.', 1) = ANY(%s)", [gone]
        )
        if connection.execute("SELECT to_regclass('platform.column_inventory')").fetchone() != (None,):
            connection.execute("DELETE FROM platform.column_inventory WHERE schema_name = ANY(%s)", [gone])
        strangers = _roles_without_rights(
            connection, [role.name for role in note.roles if role.application], note.service
        )
        for role in map(sql.Identifier, strangers):
            for what in _SHARED:
                connection.execute(sql.SQL("REVOKE ALL ON {} platform FROM {}").format(what, role))


def _roles_without_rights(connection: _Connection, roles: list[str], service: str) -> list[str]:
    rows = connection.execute(
        """
        SELECT r.rolname
        FROM pg_roles AS r
        WHERE r.rolname = ANY(%s) AND NOT EXISTS (
            SELECT FROM pg_shdepend AS d
            CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
            WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype IN ('a', 'r')
                AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND coalesce(i.schema, i.name) = %s
        )
        """,
        [roles, service],
    ).fetchall()
    return [name for (name,) in rows]


# The programs


class _Report:
    """Counts steps for a caller who wants to show them."""

    def __init__(self, progress: migrate.Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def after(self, what: str, result: _T) -> _T:
        """Tell that *what* is done and return *result*."""
        self._done += 1
        if self._progress:
            self._progress(what, min(self._done, self._total), self._total)
        return result


_STEP: Final = re.compile(r"(?:dumping contents of|processing data for) table \"(.+)\"")


def _run(command: Sequence[str | Path], address: clients.Address, report: _Report) -> None:
    """Run pg_dump or pg_restore to its end.

    Raises:
        SetupError: it failed; the message holds its first complaint, without values of rows.
    """
    said: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_in_english(address.environment),
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if step := _STEP.search(line):
                report.after(step[1], None)
            elif ": error: " in line:
                said.append(line)
    if running.returncode != 0:
        raise SetupError(f"{Path(command[0]).name} failed: {_complaint(''.join(said))}", "Nothing of it was kept")


def _in_english(environment: dict[str, str]) -> dict[str, str]:
    return {**(environment or os.environ), "LC_ALL": "C"}


def _complaint(said: str) -> str:
    """Return the first error; of one in a row its table only, since the rest may quote the row."""
    found = re.search(r"error: (.+)", said)
    if found is None:
        return "it does not say why"
    text = found[1].strip()
    return re.sub(r"^(COPY failed for table \"[^\"]+\").*", r"\1", text).rstrip(".")
