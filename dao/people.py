"""One person in every service: all that is kept of them as a document, and their erasure.

What is whose stands in the database (``platform.column_inventory``), and so does what is done about it
(``platform.export_person``, ``platform.erase_person``); this reads and calls that, and opens what is encrypted.
Of several databases each is exported, and erased, for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from . import clients
from .auth import ContactKind
from .connection import primary_message
from .contacts import contact_place
from .crypto import Vault
from .errors import KeyUnknown, SetupError, Tampered, translate
from .words import SealedColumn

_Connection = psycopg.Connection[tuple[Any, ...]]

_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '10s'"
_NAMES: Final = ("user_id", "telegram_id", "email", "bot_mentor_id", "bot_student_id", "tutor_id", "student_id")
_PERSON: Final = sql.SQL("ROW({}, NULL)::platform.person").format(sql.SQL(", ").join(map(sql.Placeholder, _NAMES)))
_FIND: Final = sql.SQL("SELECT (p).* FROM (SELECT platform.find_person({}) AS p OFFSET 0) AS f").format(_PERSON)
_EXPORT: Final = sql.SQL("SELECT schema_name, table_name, document FROM platform.export_person({})").format(_PERSON)
_ERASE: Final = sql.SQL("SELECT schema_name, table_name, what, changed FROM platform.erase_person({})").format(_PERSON)
_EMAIL: Final = "SELECT sealed FROM auth.user_contacts WHERE user_id = %s AND kind = 'email'"
_CONTACT: Final = "auth.user_contacts.sealed"
_SEALED: Final = frozenset({_CONTACT, *SealedColumn})


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about: one of these suffices; the database finds what else it knows them by.

    Attributes:
        user_id: ``auth.users.id``.
        telegram_id: their Telegram account.
        email: as the GetCourse bot and tutormax know them. With keys it is found among their contacts.
        tutor_id: their key in tutormax, as a tutor.
        student_id: their key in tutormax, as a student.
    """

    user_id: int | None = None
    telegram_id: int | None = None
    email: str | None = field(default=None, repr=False)
    tutor_id: str | None = None
    student_id: str | None = None
    bot_mentor_id: int | None = None
    bot_student_id: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What a database keeps of a person.

    Attributes:
        services: rows as documents, by service and table.
        not_decrypted: how many values of which column (``schema.table.column``) there was no key for, or no valid
            ciphertext; they are None in the documents.
    """

    exported_at: datetime
    services: dict[str, dict[str, list[dict[str, Any]]]] = field(repr=False)
    not_decrypted: dict[str, int]


class Erased(NamedTuple):
    """What an erasure did in one table.

    Attributes:
        service: the schema.
        table: the table; empty for what was ended by the service's own rules.
        what: ``ended``, ``scrubbed`` (of an audit log), ``erased`` (nobody's any more) or ``deleted``.
        rows: how many rows; one that is changed for two reasons counts twice.
    """

    service: str
    table: str
    what: str
    rows: int


def export(dsn: str, person: Person, *, vault: Vault | None = None) -> Export:
    """Return what the database keeps of a person: nothing of anybody else, no secrets, no audit logs.

    Args:
        dsn: libpq connection string or URI; the login must be a member of ``mentorbase_owner``.
        vault: the keys to open contacts and words with.

    Raises:
        NotFound: nobody is known by that.
        SetupError: no connection, the database is not migrated, or the login may not do this.
    """
    services: dict[str, dict[str, list[dict[str, Any]]]] = {}
    closed: Counter[str] = Counter()
    with _transaction(dsn, "export", person, vault) as (conn, found):
        for schema, table, document in conn.execute(_EXPORT, _values(found)):
            closed.update(_open(document, f"{schema}.{table}", vault))
            services.setdefault(schema, {}).setdefault(table, []).append(document)
    return Export(datetime.now(UTC), services, dict(closed))


def erase(dsn: str, person: Person, *, vault: Vault | None = None, dry_run: bool = False) -> list[Erased]:
    """Erase a person, all or nothing, and say what was done; once more finds nothing.

    What lives on ends by the services' rules, audit logs are scrubbed, rows are deleted or name nobody any more;
    ``platform.erasures`` keeps that it was done. Histories and what others wrote stay. Who writes the same tables
    waits.

    Args:
        dsn: libpq connection string or URI; the login must be a member of ``mentorbase_owner``.
        vault: finds the person's e-mail address among their contacts, where *person* has none.
        dry_run: do it, and roll it back.

    Raises:
        NotFound: nobody is known by that.
        SetupError: no connection, the database is not migrated, the login may not do this, or others hold locks.
    """
    with _transaction(dsn, "erase", person, vault, undo=dry_run) as (conn, found):
        changed: Counter[tuple[str, str, str]] = Counter()
        for service, table, what, rows in conn.execute(_ERASE, _values(found)):
            changed[service, table, what] += rows
        return [Erased(*where, rows) for where, rows in changed.items()]


@contextmanager
def _transaction(
    dsn: str, command: str, person: Person, vault: Vault | None, *, undo: bool = False
) -> Iterator[tuple[_Connection, Person]]:
    """Begin one, and find the person."""
    with clients.connected(dsn, command, pooled=True) as conn:
        try:
            with conn.transaction(force_rollback=undo):
                if command == "export":
                    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                conn.execute(_LOCK_TIMEOUT)
                yield conn, _found(conn, person, vault)
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName) as error:
            raise SetupError("the database lacks migrations", "Run mentorbase migrate first") from error
        except psycopg.errors.InsufficientPrivilege as error:
            hint = "Use the login that deploys, or GRANT mentorbase_owner to it"
            raise SetupError(f"this login may not {command}", hint) from error
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            raise SetupError(
                f"others are in the way: {primary_message(error)}", "Nothing was done; try again"
            ) from error
        except psycopg.Error as error:
            raise translate(error) from error


def _found(conn: _Connection, person: Person, vault: Vault | None) -> Person:
    names = conn.execute(_FIND, _values(person)).fetchone()
    assert names is not None
    found = Person(**dict(zip(_NAMES, names[:-1], strict=True)))  # without the pseudonym
    if found.email or vault is None or found.user_id is None or not _exists(conn, "auth.user_contacts"):
        return found
    for (sealed,) in conn.execute(_EMAIL, [found.user_id]):
        try:
            email = vault.open(sealed, *contact_place(found.user_id, ContactKind.EMAIL))
        except (KeyUnknown, Tampered):
            return found
        return replace(found, email=email)
    return found


def _exists(conn: _Connection, table: str) -> bool:
    return conn.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,)


def _values(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in _NAMES}


def _open(document: dict[str, Any], table: str, vault: Vault | None) -> Iterator[str]:
    """Put words in place of ciphertexts; yield the columns of which that was not possible."""
    for column, value in document.items():
        name = f"{table}.{column}"
        if value is None or name not in _SEALED:
            continue
        document[column] = None
        if vault is None:
            yield name
            continue
        context: tuple[str | int, ...]
        if name == _CONTACT:
            context = contact_place(document["user_id"], ContactKind(document["kind"]))
        else:
            context = (name, document["user_id"])
        try:
            document[column] = vault.open(bytes.fromhex(value.removeprefix("\\x")), *context)
        except (KeyUnknown, Tampered):
            yield name
