"""Imports what was built from SQLAlchemy models, from another schema of the same database.

The source's tables are ``users``, ``user_profiles``, ``subjects``, ``subject_schedule`` and, if there is one,
``mentor_mentee``. They are only read, in one snapshot, into temporary tables (drafts) of a fixed shape, whatever types
they have and whatever they leave out. From there on everything is SQL that stands below: `_TABLES` says of each column
what it takes and what it defaults to. A batch is judged (which rows break a named rule, which are there already), the
rest is inserted by one statement, and what the database itself then refuses is found by halving the batch. So every
row is imported, already there, or named with its reason; reasons hold keys and rules, never values.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Protocol, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from .connection import explain_connection, parse_dsn, primary_message, refuse_pooler
from .errors import Refusal, SetupError, translate
from .mentoring import Mentoring

APPLICATION_NAME: Final = "mentorbase adopt"
BATCH: Final = 5000
_PAIRS: Final = 250  # of one batch of the backfill; each takes a lock
_LOCK: Final = 0x61646F70  # "adop": the first of the two keys of pg_advisory_lock(int, int)

_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows of one table that were not imported, for one reason.

    Attributes:
        code: the violated constraint, the SQLSTATE, or a name of this module's own, such as ``unknown_status``.
        reason: what the rule demands, in words.
        keys: the rows' keys in the source (``id``; of ``user_profiles`` ``user_id``), ascending; None: a row without.
    """

    code: str
    reason: str
    keys: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class AdoptedTable:
    """What became of the rows of one table of the source; the three numbers add up to all of them.

    Attributes:
        table: its name in the source.
        imported: rows that this run imported.
        already_there: rows that were here before; they were left as they are here.
        refused: rows that were not imported, by reason.
    """

    table: str
    imported: int
    already_there: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class MadeFromBookings:
    """What ``mentoring.backfill_relationships()`` made afterwards, counted in pairs of a mentor and a mentee.

    Attributes:
        created: got an active relationship.
        attributed: had a relationship already, which their bookings now count for.
        only_cancelled: have cancelled bookings only, so got none.
        blocked: block each other, so got none.
        held_back: got none, because the source has a relationship of theirs that was refused: with its status
            unknown here, an active one might revive what has ended.
        over_capacity: mentors who now have more than ``max_mentees``. A dry run undoes batch by batch, so it can miss
            one whose mentees are in two of them.
    """

    created: int
    attributed: int
    only_cancelled: int
    blocked: int
    held_back: tuple[tuple[int, int], ...]
    over_capacity: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an import did; or would have done, if it was a dry run."""

    dry_run: bool
    tables: tuple[AdoptedTable, ...]
    relationships: MadeFromBookings


class Progress(Protocol):
    """Told after each batch how many rows of a table are done."""

    def __call__(self, table: str, done: int, total: int) -> None:
        """Take note; an exception raised here stops the import between two batches."""


def adopt(
    dsn: str,
    from_schema: str = "public",
    *,
    currency: str | None = None,
    dry_run: bool = False,
    batch_size: int = BATCH,
    progress: Progress | None = None,
    wait_seconds: float = 60,
) -> Adoption:
    """Import what the schema *from_schema* of a migrated database holds, then make relationships from bookings.

    Can be run again at any time, also after it was killed: it imports what is new and leaves alone what is there.

    Args:
        dsn: libpq connection string or URI, of a login that is a member of ``mentorbase_owner``, may SELECT from
            the source and is no application's.
        from_schema: where the source's tables, or views with their names and columns, are.
        currency: ISO 4217 code of rates and prices; needed only where there are some without.
        dry_run: import in one transaction and undo it; nothing stays but gaps in sequences.
        batch_size: rows a transaction.
        progress: called after each batch.
        wait_seconds: how long to wait for another import into this database.

    Raises:
        SetupError: the source lacks a table or a column, or has a type that cannot be read; a right, the currency or
            a migration is missing; another import is at work. What was imported before stays.
        ConnectionLost: the server went away.
    """
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        raise SetupError("the currency is no ISO 4217 code", "Give three capital letters, such as EUR")
    with _explained(), _connect(dsn) as conn:
        _check_target(conn)
        _only_import(conn, wait_seconds)
        found = _source(conn, from_schema)
        conn.execute("SELECT set_config('mentorbase.reason', %s, false)", [f"imported from {from_schema}"])
        run = _Import(conn, dry_run=dry_run, batch_size=batch_size, progress=progress)
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table, columns in found.items():
                _draft(conn, from_schema, table, columns, currency)
        _check_currency(conn, found)
        with conn.transaction(force_rollback=True) if dry_run else nullcontext():
            if not dry_run:
                for table in found:
                    _move_sequence(conn, table)
            for table in found:
                run.take_table(table)
            return Adoption(dry_run, tuple(run.report(table) for table in found), run.make_relationships())


# -- What is read


@dataclass(frozen=True)
class _Kind:
    """How a column of the source is read.

    Attributes:
        said: what it must be, in words.
        types: types that are read; a category of pg_type where it is one letter.
        value: the SQL that reads it, total: no value of these types makes it fail.
        absent: the draft's type, where the source has no such column.
    """

    said: str
    types: frozenset[str]
    value: LiteralString
    absent: LiteralString


_INTEGERS: Final = frozenset({"int2", "int4", "int8"})
_NUMBER = _Kind("a whole number", _INTEGERS, "{}::bigint", "bigint")
_MONEY = _Kind("a number", _INTEGERS | {"float4", "float8", "numeric", "money"}, "{}::numeric", "numeric")
# An empty text is how forms say that nothing was entered.
_TEXT = _Kind("text", frozenset({"S", "E"}), "nullif({}::text, '')", "text")
_LABEL = _Kind("text or an enum", frozenset({"S", "E"}), "lower({}::text)", "text")
_FLAG = _Kind("boolean", frozenset({"bool"}), "{}", "boolean")
_INSTANT = _Kind("a timestamp", frozenset({"timestamptz", "timestamp", "date"}), "{}", "timestamptz")
_NAIVE: Final[Mapping[str, LiteralString]] = {
    "timestamp": "{} AT TIME ZONE 'UTC'",
    "date": """CASE
        WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN {0}::timestamp AT TIME ZONE 'UTC'
        WHEN {0} IS NOT NULL THEN 'infinity'
    END""",
}


def _kinds(**names: LiteralString) -> dict[str, _Kind]:
    """Return the columns of each kind, from names with blanks between."""
    kinds = {"number": _NUMBER, "money": _MONEY, "text": _TEXT, "label": _LABEL, "flag": _FLAG, "instant": _INSTANT}
    return {name: kinds[kind] for kind, columns in names.items() for name in columns.split()}


@dataclass(frozen=True)
class _Rule:
    """A rule that is looked at before inserting; `broken` is a condition on a row ``c``."""

    broken: LiteralString
    code: str
    reason: str


@dataclass(frozen=True, eq=False)
class _Table:
    """One table of the source and of the target.

    Attributes:
        name: in the source.
        target: here.
        required: columns that the source must have.
        optional: columns that it may have; for NULL, and without one, what `values` says holds.
        values: what columns of the target take from a draft ``d`` where it is not just the column of that name;
            total, as in `_Kind`.
        rules: what is looked at before inserting, beside the target's own CHECK and NOT NULL constraints.
        same: whether a row ``t`` of the target with the same key is the row ``c``.
        key: the column that tells rows apart, in both.
        joined: what `values` reads beside the draft.
        aside: columns that only `values` read.
    """

    name: LiteralString
    target: tuple[LiteralString, LiteralString]
    required: Mapping[str, _Kind]
    optional: Mapping[str, _Kind]
    values: Mapping[str, LiteralString]
    rules: tuple[_Rule, ...]
    same: LiteralString
    key: LiteralString = "id"
    joined: LiteralString = ""
    aside: tuple[str, ...] = ()

    @property
    def draft(self) -> sql.Identifier:
        return sql.Identifier("pg_temp", f"adopt_{self.name}")

    @property
    def columns(self) -> list[str]:
        """The columns of the target that are written."""
        return [name for name in {**self.required, **self.optional, **self.values} if name not in self.aside]

    def rows(self, first: int, last: int) -> sql.Composed:
        """Return the SELECT of these rows as the target takes them."""
        values = {name: sql.Identifier("d", name) for name in self.columns} | {
            name: sql.SQL(value) for name, value in self.values.items()
        }
        return sql.SQL(
            "SELECT d.n, d.fate, d.created_at AS made_at, {} FROM {} AS d {} WHERE d.n BETWEEN {} AND {}"
        ).format(
            sql.SQL(", ").join(sql.SQL("{} AS {}").format(v, sql.Identifier(name)) for name, v in values.items()),
            self.draft,
            sql.SQL(self.joined),
            sql.Literal(first),
            sql.Literal(last),
        )


def _label(column: LiteralString, kind: LiteralString) -> LiteralString:
    """Read a label in lower case; one that the enum does not have becomes NULL."""
    return f"CASE WHEN {column} = ANY (enum_range(NULL::{kind})::text[]) THEN {column}::{kind} END"


def _user(column: LiteralString, constraint: str) -> _Rule:
    return _Rule(
        f"NOT EXISTS (SELECT FROM pg_temp.adopt_users AS u WHERE u.id = c.{column} AND u.fate <= 0)",
        constraint,
        f"{column} is the id of a user of the source that was imported",
    )


_TIMES: Final[Mapping[str, LiteralString]] = {
    "created_at": "coalesce(d.created_at, now())",
    "updated_at": "coalesce(d.updated_at, d.created_at, now())",
}
_STATUS: Final = "the status is none of those that exist here"
_MADE: Final[LiteralString] = "coalesce(t.created_at = c.made_at, true)"
_ENDED: Final[LiteralString] = "greatest(coalesce(d.updated_at, now()), d.accepted_at)"

_TABLES: Final = (
    _Table(
        "users",
        ("auth", "users"),
        _kinds(number="id"),
        _kinds(
            number="telegram_id",
            label="role",
            text="username first_name last_name language_code timezone",
            flag="is_active",
            instant="created_at updated_at",
        ),
        {
            "role": _label("coalesce(d.role, 'student')", "auth.user_role"),
            "first_name": "coalesce(d.first_name, 'User ' || d.id)",
            "language_code": "coalesce(d.language_code, 'en')",
            "timezone": "coalesce(d.timezone, 'UTC')",
            "is_active": "coalesce(d.is_active, true)",
            **_TIMES,
        },
        (_Rule("c.role IS NULL", "unknown_role", "the role is none of those that exist here"),),
        # Who came without telegram_id may have got one here since.
        "coalesce(t.created_at = c.made_at, t.telegram_id = c.telegram_id, true)",
    ),
    _Table(
        "user_profiles",
        ("mentoring", "user_profiles"),
        _kinds(number="user_id"),
        _kinds(
            text="mentor_bio learning_goals preferred_learning_style timezone mentor_rate_currency",
            money="mentor_rate",
            flag="mentor_available",
            number="max_mentees",
            instant="created_at updated_at",
        ),
        {
            "mentor_rate": "round(d.mentor_rate, 2)",
            "mentor_rate_currency": "CASE WHEN d.mentor_rate IS NOT NULL THEN d.mentor_rate_currency END",
            "mentor_available": "coalesce(d.mentor_available, true)",
            "timezone": "coalesce(d.timezone, 'UTC')",
            **_TIMES,
        },
        (_user("user_id", "user_profiles_user_id_fkey"),),
        "EXISTS (SELECT FROM pg_temp.adopt_users AS u WHERE u.id = c.user_id AND u.fate <= 0)",
        key="user_id",
    ),
    _Table(
        "subjects",
        ("mentoring", "subjects"),
        _kinds(number="id user_id"),
        _kinds(
            text="title name description price_currency",
            flag="is_active",
            money="price",
            instant="created_at updated_at",
        ),
        {
            "title": "coalesce(d.title, d.name, 'Subject ' || d.id)",
            "is_active": "coalesce(d.is_active, true)",
            "price": "round(d.price, 2)",
            "price_currency": "CASE WHEN d.price IS NOT NULL THEN d.price_currency END",
            **_TIMES,
        },
        (_user("user_id", "subjects_user_id_fkey"),),
        f"t.user_id = c.user_id AND {_MADE}",
        aside=("name",),
    ),
    # Before the bookings, which then count for these.
    _Table(
        "mentor_mentee",
        ("mentoring", "mentor_mentee"),
        _kinds(number="id mentor_id mentee_id", label="status"),
        _kinds(
            label="initiated_by",
            flag="subscribe_to_quizzes subscribe_to_courses subscribe_to_subjects",
            text="mentor_notes mentee_notes",
            instant="accepted_at completed_at created_at updated_at",
        ),
        {
            "status": _label("d.status", "mentoring.mentor_mentee_status"),
            "initiated_by": _label("coalesce(d.initiated_by, 'system')", "mentoring.party"),
            "subscribe_to_quizzes": "coalesce(d.subscribe_to_quizzes, true)",
            "subscribe_to_courses": "coalesce(d.subscribe_to_courses, true)",
            "subscribe_to_subjects": "coalesce(d.subscribe_to_subjects, false)",
            "accepted_at": """coalesce(
                d.accepted_at,
                CASE
                    WHEN d.status IN ('active', 'paused', 'completed', 'terminated') THEN coalesce(d.created_at, now())
                END
            )""",
            # The documented table says neither who paused a relationship nor when.
            "paused_at": "CASE WHEN d.status = 'paused' THEN coalesce(d.updated_at, now()) END",
            "paused_by": "CASE WHEN d.status = 'paused' THEN d.mentor_id END",
            "completed_at": f"coalesce(d.completed_at, CASE WHEN d.status = 'completed' THEN {_ENDED} END)",
            "ended_at": f"""CASE
                WHEN d.status = 'completed' THEN coalesce(d.completed_at, {_ENDED})
                WHEN d.status IN ('rejected', 'cancelled', 'expired', 'terminated') THEN {_ENDED}
            END""",
            **_TIMES,
        },
        (
            _user("mentor_id", "mentor_mentee_mentor_id_fkey"),
            _user("mentee_id", "mentor_mentee_mentee_id_fkey"),
            _Rule("c.status IS NULL", "unknown_status", _STATUS),
            _Rule("c.initiated_by IS NULL", "unknown_initiator", "initiated_by is none of those that exist here"),
        ),
        f"(t.mentor_id, t.mentee_id) = (c.mentor_id, c.mentee_id) AND {_MADE}",
    ),
    _Table(
        "subject_schedule",
        ("mentoring", "subject_schedule"),
        _kinds(number="id subject_id user_id", label="status", instant="booked_date"),
        _kinds(number="cancelled_by", instant="ends_at cancelled_at created_at updated_at"),
        {
            "mentor_id": "s.user_id",
            "status": _label("d.status", "mentoring.booking_status"),
            # What lies outside of the calendar is refused for its booked_date, and must not fail here.
            "ends_at": "coalesce(d.ends_at, least(d.booked_date, '9999-01-01 00:00:00+00') + interval '1 hour')",
            "cancelled_at": """coalesce(
                d.cancelled_at, CASE WHEN d.status = 'cancelled' THEN coalesce(d.updated_at, now()) END
            )""",
            "created_at": "coalesce(d.created_at, least(d.booked_date, now()))",
            "updated_at": _TIMES["updated_at"],
        },
        (
            _Rule(
                "c.mentor_id IS NULL",
                "subject_schedule_subject_id_fkey",
                "subject_id is the id of a subject of the source that was imported",
            ),
            _user("user_id", "subject_schedule_user_id_fkey"),
            _Rule("c.status IS NULL", "unknown_status", _STATUS),
        ),
        f"(t.subject_id, t.user_id) = (c.subject_id, c.user_id) AND {_MADE}",
        joined="LEFT JOIN pg_temp.adopt_subjects AS s ON s.id = d.subject_id AND s.fate <= 0",
    ),
)
_OPTIONAL_TABLE: Final = "mentor_mentee"


# -- Connection, source and drafts


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if (known := translate(error)) is error:
            state = error.sqlstate or ""
            what = _sqlstate_name(state) if state.startswith(("22", "23")) else primary_message(error)
            known = SetupError(f"the import stopped: {what}", "What was imported stays; run it again")
        raise known from error


def _connect(dsn: str) -> _Connection:
    params = parse_dsn(dsn) | {"application_name": APPLICATION_NAME}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        params.setdefault("connect_timeout", "10")
    try:
        conn = psycopg.connect(make_conninfo(**params), autocommit=True)
    except psycopg.OperationalError as error:
        raise explain_connection(error) from error
    try:
        refuse_pooler(conn)
    except BaseException:
        conn.close()
        raise
    for setting in (
        "search_path = pg_catalog",
        "row_security = off",  # rather fail than not see a row
        "statement_timeout = 0",
        "jit = off",
        # The server then notices within a second that an import was killed, even in the middle of a statement.
        "client_connection_check_interval = '1s'",
        "mentorbase.actor = 'system'",
        "mentorbase.bulk_load = 'on'",
    ):
        conn.execute(sql.SQL("SET ") + sql.SQL(setting))
    return conn


def _check_target(conn: _Connection) -> None:
    needed = "mentoring.backfill_relationships(bigint, bigint, bigint)"
    if _scalar(conn, "SELECT to_regclass('auth.users')") is None or not _scalar(
        conn, "SELECT to_regprocedure(%s)", needed
    ):
        raise SetupError("the database has not what rows are imported into", "Run mentorbase migrate first")
    if not _scalar(conn, "SELECT pg_has_role(current_user, 'mentorbase_owner', 'USAGE')"):
        raise SetupError(
            f'role "{conn.info.user}" may not import: it is no member of mentorbase_owner',
            "Connect as the login that deploys",
        )
    if not _scalar(conn, "SELECT platform.is_bulk_load('mentoring_app')"):
        raise SetupError(
            f'role "{conn.info.user}" may not import: it is an application\'s login',
            "Connect as the login that deploys, which is no member of mentorbase_app",
        )


def _only_import(conn: _Connection, wait_seconds: float) -> None:
    """Wait for another import, also for what the server still does for one that was killed."""
    deadline = time.monotonic() + wait_seconds
    while not _scalar(conn, "SELECT pg_try_advisory_lock(%s, 1)", _LOCK):
        if time.monotonic() >= deadline:
            raise SetupError("another import into this database is at work", "Wait until it has ended")
        time.sleep(0.1)


def _source(conn: _Connection, schema: str) -> dict[_Table, dict[str, str]]:
    """Return the tables that are there, each with the types of those columns that are read."""
    if _scalar(conn, "SELECT to_regnamespace(quote_ident(%s))", schema) is None:
        raise SetupError(f'there is no schema "{schema}"', "Name the schema that holds the models' tables")
    if not _scalar(conn, "SELECT has_schema_privilege(%s, 'USAGE')", schema):
        raise _may_not_read(conn, f'the schema "{schema}"', f'GRANT USAGE ON SCHEMA "{schema}"')
    found = {}
    for table in _TABLES:
        if columns := _columns(conn, schema, table):
            found[table] = columns
        elif table.name != _OPTIONAL_TABLE:
            raise SetupError(
                f'the schema "{schema}" has no table {table.name}',
                "Name the schema that holds the models' tables, or make a view of that name",
            )
    return found


_COLUMNS: Final = """
    SELECT a.attname, t.typname, t.typcategory, format_type(a.atttypid, NULL),
        has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_type AS own ON own.oid = a.atttypid
    JOIN pg_type AS t ON t.oid = CASE WHEN own.typtype = 'd' THEN own.typbasetype ELSE own.oid END
    WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""


def _columns(conn: _Connection, schema: str, table: _Table) -> dict[str, str]:
    known = {**table.required, **table.optional}
    rows = conn.execute(_COLUMNS, [schema, table.name]).fetchall()
    there = {name for name, *_ in rows}
    for name in table.required if rows else ():
        if name not in there:
            raise SetupError(
                f"{schema}.{table.name} has no column {name}",
                "It is needed; make a view that has it, in a schema of its own, and adopt from that",
            )
    types = {}
    for name, kind, category, shown, readable in rows:
        if name not in known:
            continue
        if not readable:
            raise _may_not_read(conn, f"{schema}.{table.name}", f'GRANT SELECT ON "{schema}".{table.name}')
        if not {kind, category} & known[name].types:
            raise SetupError(
                f"{schema}.{table.name}.{name} is {shown}, not {known[name].said}",
                "Make a view that casts it, in a schema of its own, and adopt from that",
            )
        types[name] = kind
    return types


def _may_not_read(conn: _Connection, what: str, grant: str) -> SetupError:
    return SetupError(f'role "{conn.info.user}" may not read {what}', f'{grant} TO "{conn.info.user}"')


def _draft(conn: _Connection, schema: str, table: _Table, types: Mapping[str, str], currency: str | None) -> None:
    """Read a table of the source into its draft: rows numbered by key, each with its fate, still NULL."""
    values = []
    value: sql.Composable
    for name, kind in {**table.required, **table.optional}.items():
        if name in types:
            value = sql.SQL(_NAIVE.get(types[name], kind.value)).format(sql.Identifier("source", name))
        else:
            value = sql.SQL("NULL::" + kind.absent)
        if name.endswith("_currency"):
            value = sql.SQL("coalesce({}, {}::text)").format(value, sql.Literal(currency))
        values.append(sql.SQL("{} AS {}").format(value, sql.Identifier(name)))
    draft, key = sql.Identifier(f"adopt_{table.name}"), sql.Identifier(table.key)
    conn.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} AS"
            " SELECT row_number() OVER (ORDER BY source.{}) AS n, NULL::integer AS fate, {} FROM {} AS source"
        ).format(draft, key, sql.SQL(", ").join(values), sql.Identifier(schema, table.name))
    )
    conn.execute(sql.SQL("CREATE INDEX ON {} (n)").format(table.draft))
    conn.execute(sql.SQL("CREATE INDEX ON {} ({})").format(table.draft, key))
    conn.execute(sql.SQL("ANALYZE {}").format(table.draft))


def _check_currency(conn: _Connection, found: Mapping[_Table, object]) -> None:
    for table in found:
        known = table.optional
        for name in known:
            if known[name] is not _MONEY:
                continue
            if _scalar(
                conn,
                sql.SQL("SELECT EXISTS (SELECT FROM {} AS d WHERE d.{} IS NOT NULL AND d.{} IS NULL)").format(
                    table.draft, sql.Identifier(name), sql.Identifier(f"{name}_currency")
                ),
            ):
                raise SetupError(
                    f"{table.name}.{name} has values without a currency",
                    "Say which one they are in: --currency EUR, or another ISO 4217 code",
                )


def _move_sequence(conn: _Connection, table: _Table) -> None:
    """Let new rows get ids past the source's, before its rows come."""
    if table.key == "id":
        conn.execute(
            sql.SQL(
                """
                SELECT setval(seq.name, greatest(seq.highest, coalesce(pg_sequence_last_value(seq.name), 1)))
                FROM (
                    SELECT pg_get_serial_sequence({}, 'id')::regclass AS name, max(d.id) AS highest
                    FROM {} AS d
                    WHERE d.id BETWEEN 1 AND {}
                ) AS seq
                WHERE seq.highest IS NOT NULL
                """
            ).format(sql.Literal(".".join(table.target)), table.draft, _HIGHEST)
        )


def _scalar(conn: _Connection, statement: LiteralString | sql.Composed, *params: object) -> Any:
    row = conn.execute(statement, params or None).fetchone()
    return row and row[0]


def _sqlstate_name(state: str) -> str:
    try:
        return psycopg.errors.lookup(state).__name__
    except KeyError:
        return f"SQLSTATE {state}"


# -- The import

_IMPORTED, _THERE = 0, -1  # the fates of rows that are here; a refused row's is the number of its reason, from 1
_HIGHEST: Final = sql.SQL("999999999999999999")  # what an actor can be, and room above it

# Those CHECK constraints of the target that look at nothing but what is written, and what each demands.
_CONSTRAINTS: Final = """
    SELECT c.conname, pg_get_expr(c.conbin, c.conrelid),
        coalesce(rtrim(obj_description(c.oid, 'pg_constraint'), '.'), c.conname)
    FROM pg_constraint AS c
    WHERE c.conrelid = format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass AND c.contype = 'c'
        AND c.conkey <@ ARRAY(
            SELECT a.attnum FROM pg_attribute AS a
            WHERE a.attrelid = c.conrelid AND a.attname = ANY (%(columns)s::text[])
        )
    ORDER BY c.conname
"""
_NOT_NULL: Final = """
    SELECT a.attname
    FROM pg_attribute AS a
    WHERE a.attrelid = format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass
        AND a.attnotnull AND a.attname = ANY (%(columns)s::text[])
    ORDER BY a.attnum
"""


class _Import:
    """Takes tables from their drafts into the target, and keeps the reasons of what it refuses."""

    def __init__(self, conn: _Connection, *, dry_run: bool, batch_size: int, progress: Progress | None) -> None:
        self._conn = conn
        self._dry_run = dry_run
        self._batch_size = batch_size
        self._progress = progress
        self._reasons: list[tuple[str, str]] = []

    def take_table(self, table: _Table) -> None:
        total = _scalar(self._conn, sql.SQL("SELECT count(*) FROM {}").format(table.draft))
        fate = self._judgement(table)
        for first in range(1, total + 1, self._batch_size):
            last = min(first + self._batch_size - 1, total)
            with self._conn.transaction():
                self._take(table, fate, first, last)
            if self._progress:
                self._progress(table.name, last, total)
        # Plans for an empty table would be far too slow for what follows.
        self._conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*table.target)))

    def _take(self, table: _Table, fate: sql.Composed, first: int, last: int) -> None:
        """Take these rows; where the database refuses, halve them down to the row that it refuses."""
        reason = self._try(table, fate, first, last)
        if reason is None:
            return
        if first < last:
            middle = (first + last) // 2
            self._take(table, fate, first, middle)
            self._take(table, fate, middle + 1, last)
            return
        self._conn.execute(
            sql.SQL("UPDATE {} AS d SET fate = {} WHERE d.n = {}").format(
                table.draft, sql.Literal(self._number(*reason)), sql.Literal(first)
            )
        )

    def _try(self, table: _Table, fate: sql.Composed, first: int, last: int) -> tuple[str, str] | None:
        """Judge these rows and insert those that no rule forbids; nothing of it stays where a reason is returned."""
        rows = table.rows(first, last)
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        try:
            with self._conn.transaction():
                self._conn.execute(
                    sql.SQL(
                        "UPDATE {} AS d SET fate = judged.fate FROM (SELECT c.n, {} AS fate FROM ({}) AS c) AS judged"
                        " WHERE d.n = judged.n AND d.n BETWEEN {} AND {}"
                    ).format(table.draft, fate, rows, sql.Literal(first), sql.Literal(last))
                )
                self._conn.execute(
                    sql.SQL("INSERT INTO {} ({}) SELECT {} FROM ({}) AS c WHERE c.fate = {} ORDER BY c.n").format(
                        sql.Identifier(*table.target), columns, columns, rows, sql.Literal(_IMPORTED)
                    )
                )
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(("22", "23", "MB")):
                raise
            return _reason(error)
        return None

    def _judgement(self, table: _Table) -> sql.Composed:
        """Return the CASE that gives a row ``c`` its fate."""
        names = {"schema": table.target[0], "table": table.target[1], "columns": table.columns}
        key, target, draft = sql.Identifier(table.key), sql.Identifier(*table.target), table.draft
        cases: list[sql.Composable] = []

        def refuse(broken: sql.Composable, code: str, reason: str) -> None:
            cases.append(sql.SQL("WHEN {} THEN {}").format(broken, sql.Literal(self._number(code, reason))))

        refuse(
            sql.SQL("c.{0} IS NULL OR c.{0} NOT BETWEEN 1 AND {1}").format(key, _HIGHEST),
            "key_out_of_range",
            f"{table.key} is a whole number from 1 to {_HIGHEST.as_string()}",
        )
        refuse(
            sql.SQL("EXISTS (SELECT FROM {0} AS o WHERE o.{1} = c.{1} AND o.n < c.n)").format(draft, key),
            f"{table.target[1]}_pkey",
            f"another row of the source has this {table.key}",
        )
        same = sql.SQL("EXISTS (SELECT FROM {0} AS t WHERE t.{1} = c.{1} AND {2})")
        cases.append(
            sql.SQL("WHEN {} THEN {}").format(same.format(target, key, sql.SQL(table.same)), sql.Literal(_THERE))
        )
        refuse(same.format(target, key, sql.SQL("true")), "key_taken", f"this {table.key} is another row's here")
        for rule in table.rules:
            refuse(sql.SQL(rule.broken), rule.code, rule.reason)
        for name, expression, comment in self._conn.execute(_CONSTRAINTS, names).fetchall():
            refuse(sql.SQL("NOT ({})").format(sql.SQL(cast(LiteralString, expression))), name, comment)
        for (name,) in self._conn.execute(_NOT_NULL, names).fetchall():
            refuse(sql.SQL("c.{} IS NULL").format(sql.Identifier(name)), f"{name}_not_null", f"{name} must be given")
        return sql.SQL("CASE {} ELSE {} END").format(sql.SQL(" ").join(cases), sql.Literal(_IMPORTED))

    def _number(self, code: str, reason: str) -> int:
        """Return the number of a reason; it stands in the drafts."""
        if (code, reason) not in self._reasons:
            self._reasons.append((code, reason))
        return self._reasons.index((code, reason)) + 1

    def report(self, table: _Table) -> AdoptedTable:
        counts = {_IMPORTED: 0, _THERE: 0}
        refused = []
        for fate, count, keys in self._conn.execute(
            sql.SQL(
                """
                SELECT d.fate, count(*), CASE WHEN d.fate > 0 THEN array_agg(d.{} ORDER BY d.n) END
                FROM {} AS d
                GROUP BY d.fate
                """
            ).format(sql.Identifier(table.key), table.draft)
        ).fetchall():
            if keys is None:
                counts[fate] = count
            else:
                code, reason = self._reasons[fate - 1]
                refused.append(Refused(code, reason, tuple(keys)))
        refused.sort(key=lambda one: (one.code, one.reason))
        return AdoptedTable(table.name, counts[_IMPORTED], counts[_THERE], tuple(refused))

    # -- Relationships from bookings

    def make_relationships(self) -> MadeFromBookings:
        """Backfill all pairs but those that are held back."""
        created = attributed = only_cancelled = blocked = 0
        over_capacity: list[int] = []
        held_back = self._held_back()
        after, end = (0, 0), (2**63 - 1, 2**63 - 1)
        total = self._pairs_between(after, end) - len(held_back)
        done = 0
        for stop in (*held_back, end):
            pairs = self._pairs_between(after, stop)
            while pairs > 0:
                with self._conn.transaction(force_rollback=self._dry_run):  # its locks go with it
                    batch = Mentoring(self._conn).backfill_relationships(
                        after_mentor_id=after[0], after_mentee_id=after[1], at_most=min(pairs, _PAIRS)
                    )
                if batch.last_mentor_id is None or batch.last_mentee_id is None:
                    break
                after = (batch.last_mentor_id, batch.last_mentee_id)
                pairs -= batch.pairs
                done += batch.pairs
                created += batch.created
                attributed += batch.attributed
                only_cancelled += batch.only_cancelled
                blocked += batch.blocked
                over_capacity += batch.over_capacity
                if self._progress:
                    self._progress("relationships", done, total)
            after = stop
        return MadeFromBookings(
            created, attributed, only_cancelled, blocked, held_back, tuple(sorted(set(over_capacity)))
        )

    def _held_back(self) -> tuple[tuple[int, int], ...]:
        """Return the pairs whose relationship in the source was refused, in the backfill's order."""
        if _scalar(self._conn, "SELECT to_regclass('pg_temp.adopt_mentor_mentee')") is None:
            return ()
        rows = self._conn.execute(
            """
            SELECT DISTINCT d.mentor_id, d.mentee_id
            FROM pg_temp.adopt_mentor_mentee AS d
            WHERE d.fate > 0
                AND EXISTS (
                    SELECT FROM mentoring.subject_schedule AS b
                    WHERE b.mentor_id = d.mentor_id AND b.user_id = d.mentee_id AND b.relationship_id IS NULL
                )
                AND NOT EXISTS (
                    SELECT FROM mentoring.mentor_mentee AS m
                    WHERE m.mentor_id = d.mentor_id AND m.mentee_id = d.mentee_id
                )
            ORDER BY d.mentor_id, d.mentee_id
            """
        ).fetchall()
        return tuple((mentor_id, mentee_id) for mentor_id, mentee_id in rows)

    def _pairs_between(self, after: tuple[int, int], before: tuple[int, int]) -> int:
        """Return how many pairs the backfill would look at."""
        count: int = _scalar(
            self._conn,
            """
            SELECT count(*)
            FROM (
                SELECT DISTINCT b.mentor_id, b.user_id
                FROM mentoring.subject_schedule AS b
                WHERE b.relationship_id IS NULL
                    AND (b.mentor_id, b.user_id) > (%s, %s) AND (b.mentor_id, b.user_id) < (%s, %s)
            ) AS pairs
            """,
            *after,
            *before,
        )
        return count


def _reason(error: psycopg.Error) -> tuple[str, str]:
    """Say why the database refuses a row, without its values."""
    known = translate(error)
    if isinstance(known, Refusal):
        return known.constraint or known.sqlstate, known.message
    state = error.sqlstate or ""
    code = error.diag.constraint_name or state
    return code, f"a value does not fit ({_sqlstate_name(state)})"
