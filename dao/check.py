"""Is a database what the installed version expects? Changes nothing in it.

What it should be made of is read from ``sql/``, built for a moment in a scratch database beside it, or else on a
private server of the same version; the transaction that builds it is rolled back, so that no role is left either.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from . import clients, embedded, migrate, resources
from .catalog import OURS, SIDES, describe, differences
from .connection import primary_message
from .errors import SetupError

_Connection = psycopg.Connection[tuple[Any, ...]]

_GROUPS: Final = ("mentorbase_owner", "mentorbase_app", "mentorbase_reader")
_SCRATCH: Final = "mentorbase_check"
_STALE_SECONDS: Final = 3600
_DEPLOYER: Final = "Connect as the login that migrates, or as a superuser"


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    SKIPPED = "skipped"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: server, connection, migrations, objects, roles or settings.
        level: only DIFFERENT means that the database is not as expected.
        message: what was found, one line.
        hint: what to do about it, one line.
    """

    topic: str
    level: Level
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class _Target:
    dsn: str
    connection: _Connection
    services: Sequence[str]

    @property
    def version(self) -> int:
        return self.connection.info.server_version // 10000


def check(dsn: str, services: Sequence[str] = (), *, progress: migrate.Progress | None = None) -> list[Finding]:
    """Compare a database with what this version of mentorbase expects.

    Args:
        dsn: libpq connection string or URI of the database; the login that migrates sees everything.
        services: what the database is for: these with ``platform`` and what they depend on; none means all.
        progress: called after each topic.

    Returns:
        The findings by topic, at least one each. What the login may not see is SKIPPED.

    Raises:
        SetupError: no connection, the server is too old, or an unknown service.
    """
    found: list[Finding] = []
    with clients.connected(dsn, "check") as connection:
        needed = [service for service in migrate.services() if service in _with_needed(dsn, services)]
        target = _Target(dsn, connection, needed)
        for done, (topic, look) in enumerate(_TOPICS.items(), 1):
            found += _looked(topic, look, target)
            if progress:
                progress(topic, done, len(_TOPICS))
    return found


def _with_needed(dsn: str, services: Sequence[str]) -> set[str]:
    if not services:
        return set(migrate.services())
    return {migration.service for migration in migrate.status(dsn, services)}


def _looked(topic: str, look: _Look, target: _Target) -> Iterator[Finding]:
    try:
        for level, message, hint in look(target):
            yield Finding(topic, level, message, hint)
    except errors.InsufficientPrivilege as error:
        yield Finding(topic, Level.SKIPPED, f"not enough rights: {primary_message(error)}", _DEPLOYER)
    except SetupError as error:
        if not isinstance(error.__cause__, errors.InsufficientPrivilege):
            raise
        yield Finding(topic, Level.SKIPPED, error.message, _DEPLOYER)


_Line = tuple[Level, str, str]
_Look = Callable[[_Target], Iterator[_Line]]


# Server and connection


def _server(target: _Target) -> Iterator[_Line]:
    shown = f"PostgreSQL {target.connection.info.parameter_status('server_version')}"
    if target.version > clients.NEWEST_SERVER:
        hint = f"mentorbase is tested with PostgreSQL {clients.OLDEST_SERVER} to {clients.NEWEST_SERVER}"
        yield Level.WARNING, f"{shown} is newer than this version of mentorbase", hint
    else:
        yield Level.OK, shown, ""


def _way(target: _Target) -> Iterator[_Line]:
    connection = target.connection
    if connection.pgconn.ssl_in_use:
        yield Level.OK, "TLS", ""
    elif _is_here(connection):
        yield Level.OK, "the server is on this machine", ""
    else:
        yield (
            Level.WARNING,
            f"{connection.info.host} is another machine and is reached without TLS",
            "Add sslmode=verify-full and sslrootcert to the DSN, or set POSTGRES_SSLMODE and POSTGRES_SSLROOTCERT",
        )


def _is_here(connection: _Connection) -> bool:
    """Tell whether the server is on this machine, or at the end of a tunnel, which begins and ends there."""
    if connection.info.host.startswith("/") or ip_address(connection.info.hostaddr).is_loopback:
        return True
    row = connection.execute("SELECT inet_client_addr() IS NOT DISTINCT FROM inet_server_addr()").fetchone()
    return row is not None and bool(row[0])


# Migrations


def _migrations(target: _Target) -> Iterator[_Line]:
    try:
        found = migrate.status(target.dsn, target.services)
    except SetupError as error:  # a released migration was edited, here or when it was applied
        if isinstance(error.__cause__, psycopg.Error):
            raise
        yield Level.DIFFERENT, error.message, error.hint
        return
    problems = [
        *((f"{m.id} is pending", "mentorbase migrate applies it") for m in found if m.applied_at is None),
        *_unknown_migrations(target),
    ]
    for message, hint in problems:
        yield Level.DIFFERENT, message, hint
    if not problems:
        yield Level.OK, f"all {len(found)} are applied", ""


def _unknown_migrations(target: _Target) -> Iterator[tuple[str, str]]:
    """Yield those of our services that this version does not have: a newer one was here."""
    (exists,) = target.connection.execute("SELECT to_regclass('public._yoyo_migration') IS NOT NULL").fetchone() or (
        "",
    )
    if not exists:
        return
    known = {migration.id for migration in migrate.status(target.dsn)}
    rows = target.connection.execute("SELECT migration_id FROM public._yoyo_migration ORDER BY 1").fetchall()
    for (applied,) in rows:
        if applied not in known and applied.partition(".")[0] in migrate.services():
            yield f"{applied} is not of this version of mentorbase", "Install the version that applied it"


# Objects


def _objects(target: _Target) -> Iterator[_Line]:
    found = describe(target.connection)
    try:
        expected = _expected(target)
    except SetupError as error:
        yield Level.SKIPPED, error.message, error.hint
        return
    lines = differences(expected, found)
    if lines and _is_pending(target):
        yield Level.DIFFERENT, f"{len(lines)} differ from sql/", "Apply what is pending first, then check again"
        return
    for line in lines:
        if re.match(r"\w+: seed \w+\.settings ", line):
            yield Level.WARNING, line, "A limit was changed here, which its owner may"
        else:
            yield Level.DIFFERENT, line, "Was it changed by hand? sql/ says how it should be"
    if not lines:
        yield Level.OK, f"all {len(found)} are as in sql/", ""


def _is_pending(target: _Target) -> bool:
    try:
        return any(migration.applied_at is None for migration in migrate.status(target.dsn, target.services))
    except SetupError:  # said among the migrations
        return False


def _expected(target: _Target) -> dict[str, str]:
    reasons = []
    for built in (_beside, _on_private_server):
        try:
            with built(target) as connection:
                return _description(connection, target.services)
        except SetupError as error:
            reasons.append(error.message)
        except psycopg.Error as error:
            reasons.append(primary_message(error))
    raise SetupError(
        f"sql/ could not be built to compare with: {'; '.join(reasons)}",
        f"Use a login with CREATEDB that may become mentorbase_owner, or install PostgreSQL {target.version} here",
    )


def _description(connection: _Connection, services: Sequence[str]) -> dict[str, str]:
    with connection.transaction(force_rollback=True):
        connection.execute(_script(services).encode())
        return describe(connection)


def _script(services: Sequence[str]) -> str:
    """Return ``apply.sql`` with the files it names, without those of other services and the transaction."""
    root = resources.folder("sql")
    lines = []
    for line in (root / "apply.sql").read_text("utf-8").splitlines():
        command, _, name = line.partition(" ")
        if command == r"\ir":
            if name.partition("/")[0] in services:
                lines.append((root / name).read_text("utf-8"))
        elif line not in ("BEGIN;", "COMMIT;") and command != r"\o":
            lines.append(line)
    return "\n".join(lines)


@contextmanager
def _beside(target: _Target) -> Iterator[_Connection]:
    """Connect to a new database on the same server, which is dropped in the end."""
    connection = target.connection
    row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or not row[0]:
        raise SetupError(f"role {connection.info.user} may not create a database")
    _drop_stale(connection)
    name = sql.Identifier(database := f"{_SCRATCH}_{time.time():.0f}_{secrets.token_hex(4)}")
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    try:
        reached = clients.pinned(target.dsn, connection) | {"dbname": database}
        with psycopg.connect(make_conninfo("", **reached), autocommit=True) as scratch:
            yield scratch
    finally:
        clients.drop_scratch(connection, database)


def _drop_stale(connection: _Connection) -> None:
    """Drop what a check that was killed has left."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE datname ~ %s AND pg_has_role(datdba, 'USAGE')",
        [f"^{_SCRATCH}_[0-9]+_[0-9a-f]{{8}}$"],
    ).fetchall()
    for (name,) in rows:
        if time.time() - int(name.split("_")[2]) > _STALE_SECONDS:
            clients.drop_scratch(connection, name)


@contextmanager
def _on_private_server(target: _Target) -> Iterator[_Connection]:
    """Connect to a server of the same version, since each writes definitions in its own way."""
    with (
        embedded.server(version=target.version) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
    ):
        yield connection


# Roles

_OF_PUBLIC: Final = """
SELECT o.what, string_agg(DISTINCT a.privilege_type, ', ')
FROM (
    SELECT 'schema ' || n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM ours AS n
    UNION ALL
    SELECT r.name, r.relacl FROM relations AS r
    UNION ALL
    SELECT r.name || '.' || a.attname, a.attacl FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
    UNION ALL
    SELECT p.kind || ' ' || p.name, coalesce(p.proacl, acldefault('f', p.proowner)) FROM routines AS p
    UNION ALL
    SELECT 'type ' || t.name, coalesce(t.typacl, acldefault('T', t.typowner)) FROM types AS t
) AS o (what, acl)
CROSS JOIN LATERAL aclexplode(o.acl) AS a
WHERE a.grantee = 0
GROUP BY o.what
ORDER BY o.what
"""


# Who has what another role has, or after SET ROLE; not who administers it only, nor superusers, who have all.
_HOLDS: Final = """
SELECT h.rolname, array_agg(q.rolname::text ORDER BY q.rolname)
FROM pg_roles AS h
JOIN pg_roles AS q ON q.oid <> h.oid AND (
    pg_has_role(h.oid, q.oid, 'USAGE')
    OR pg_has_role(
        h.oid, q.oid, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
    )
)
WHERE NOT h.rolsuper AND (q.rolname = ANY(%s) OR q.rolname ~ '^mentorbase_' OR q.rolname LIKE '%%\\_app')
GROUP BY h.rolname
HAVING bool_or(q.rolname = ANY(%s)) OR h.rolname = ANY(%s)
ORDER BY h.rolname
"""


def _roles(target: _Target) -> Iterator[_Line]:
    applications = _application_roles(target.services)
    sides = list(SIDES) if "quests" in target.services else []
    problems = [
        *_missing_or_powerful(target.connection, [*_GROUPS, *applications, *sides]),
        *_missing_memberships(target.connection, applications),
        *(wrong_sides(target.connection) if sides else ()),
        *_rights_of_public(target.connection),
    ]
    for message, hint in problems:
        yield Level.DIFFERENT, message, hint
    if not problems:
        count = len(_GROUPS) + len(applications) + len(sides)
        yield Level.OK, f"all {count} are groups; PUBLIC has nothing", ""


def wrong_sides(connection: _Connection) -> Iterator[tuple[str, str]]:
    """Yield who is more than one side of the quests: a parent's application sees what the child shares and no more."""
    sides = list(SIDES)
    held: dict[str, list[str]] = dict(connection.execute(_HOLDS, [sides, sides, sides]).fetchall())
    for side in sides:
        others = held.pop(side, [])
        if "quests_app" not in others:
            yield f"{side} is no member of quests_app", f"GRANT quests_app TO {side}"
        for other in others:
            if other != "quests_app":
                yield f"{side} has the rights of {other}", f"REVOKE {other} FROM {side}, or from what is between"
    for holder, roles in held.items():
        mine = [role for role in roles if role in sides]
        if holder.startswith("mentorbase_") or holder.endswith("_app"):
            for side in mine:
                yield f"{holder} has the rights of {side}", f"REVOKE {side} FROM {holder}, or from what is between"
        elif len(mine) > 1:
            yield f"{holder} is both {' and '.join(mine)}", "Use a login for each of the two applications"
        elif "mentorbase_owner" in roles:
            yield (
                f"{holder} is {mine[0]}, and mentorbase_owner, which sees everything",
                "Use another login to deploy than for the application",
            )


def _application_roles(services: Sequence[str]) -> list[str]:
    files = (resources.folder("sql") / service / "roles.sql" for service in services)
    text = "\n".join(file.read_text("utf-8") for file in files if file.exists())
    return re.findall(r"CALL platform\.ensure_application_role\('(\w+)'\)", text)


def _missing_or_powerful(connection: _Connection, roles: list[str]) -> Iterator[tuple[str, str]]:
    rows = connection.execute(
        """
        SELECT
            w.name,
            r.oid IS NOT NULL,
            concat_ws(
                ', ',
                CASE WHEN r.rolsuper THEN 'superuser' END,
                CASE WHEN r.rolcanlogin THEN 'login' END,
                CASE WHEN r.rolcreaterole THEN 'createrole' END,
                CASE WHEN r.rolcreatedb THEN 'createdb' END,
                CASE WHEN r.rolreplication THEN 'replication' END,
                CASE WHEN r.rolbypassrls THEN 'bypassrls' END
            )
        FROM unnest(%s::text[]) AS w (name)
        LEFT JOIN pg_roles AS r ON r.rolname = w.name
        """,
        [roles],
    ).fetchall()
    for name, exists, powers in rows:
        if not exists:
            yield f"role {name} does not exist", "mentorbase migrate makes it; else CREATE ROLE"
        elif powers:
            without = ", ".join(f"no{power}" for power in powers.split(", "))
            yield f"role {name} has {powers}", f"ALTER ROLE {name} {without.upper().replace(',', '')}"


def _missing_memberships(connection: _Connection, applications: list[str]) -> Iterator[tuple[str, str]]:
    rows = connection.execute(
        """
        SELECT r.rolname FROM pg_roles AS r
        WHERE r.rolname = ANY(%s) AND NOT EXISTS (
            SELECT FROM pg_auth_members AS m
            WHERE m.roleid = r.oid AND m.member = (SELECT a.oid FROM pg_roles AS a WHERE a.rolname = 'mentorbase_app')
        )
        ORDER BY r.rolname
        """,
        [applications],
    ).fetchall()
    for (name,) in rows:
        yield f"mentorbase_app is no member of {name}", f"GRANT {name} TO mentorbase_app"


def _rights_of_public(connection: _Connection) -> Iterator[tuple[str, str]]:
    for what, rights in connection.execute((OURS + _OF_PUBLIC).encode()).fetchall():
        yield f"PUBLIC has {rights} on {what}", "REVOKE it"


# Settings

_LIMITS: Final = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
_LOGGED: Final = ("log_min_duration_statement", "log_min_duration_sample")
_SHOWN: Final = (
    *(*_LIMITS, *_LOGGED, "log_statement", "log_parameter_max_length", "log_parameter_max_length_on_error"),
    *("log_error_verbosity", "server_encoding", "TimeZone", "default_transaction_isolation"),
    *("fsync", "full_page_writes", "synchronous_commit"),
)


def _settings(target: _Target) -> Iterator[_Line]:
    rows = target.connection.execute(
        "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS s (name)", [list(_SHOWN)]
    ).fetchall()
    found: dict[str, str] = dict(rows)
    lines = [
        *((Level.DIFFERENT, *problem) for problem in _wrong_settings(found)),
        *((Level.WARNING, *problem) for problem in _risky_settings(found)),
    ]
    yield from lines or [(Level.OK, f"all {len(_SHOWN)} suit", "")]


def _wrong_settings(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    if found["server_encoding"] != "UTF8":
        yield f"the database is encoded in {found['server_encoding']}", "Create it with ENCODING 'UTF8' and restore"


def _risky_settings(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    set_it = "ALTER DATABASE ... SET {} = {}"
    if found["TimeZone"] not in ("UTC", "Etc/UTC"):
        yield f"TimeZone is {found['TimeZone']}: clients see instants in it", set_it.format("timezone", "'UTC'")
    if unlimited := [name for name in _LIMITS if found[name] == "0"]:
        yield (
            f"no limit for sessions that set none, such as DBeaver's: {', '.join(unlimited)}",
            set_it.format(unlimited[0], "'60s'"),
        )
    if found["default_transaction_isolation"] != "read committed":
        isolation = found["default_transaction_isolation"]
        yield f"transactions are {isolation} by default: expect conflicts", "Set default_transaction_isolation back"
    yield from _telling_logs(found)
    if off := [name for name in ("fsync", "full_page_writes", "synchronous_commit") if found[name] == "off"]:
        yield f"a crash may lose what was committed: {', '.join(off)} is off", "Turn it on"


def _telling_logs(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what makes the server write personal data into its log."""
    if found["log_parameter_max_length_on_error"] != "0":
        yield "the server's log shows the values of statements that fail", "Set log_parameter_max_length_on_error = 0"
    if found["log_error_verbosity"] != "terse":
        yield "the server's log shows rows that break a constraint", "Set log_error_verbosity = terse"
    logged = found["log_statement"] != "none" or any(found[name] != "-1" for name in _LOGGED)
    if logged and found["log_parameter_max_length"] != "0":
        yield "the server's log shows the values of statements", "Set log_parameter_max_length = 0"


_TOPICS: Final[dict[str, _Look]] = {
    "server": _server,
    "connection": _way,
    "migrations": _migrations,
    "objects": _objects,
    "roles": _roles,
    "settings": _settings,
}
