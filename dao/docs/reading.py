"""Reads a `Book` from the catalog of a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from .. import errors, migrate
from ..catalog import OURS
from ..errors import SetupError
from .model import (
    KINDS,
    Book,
    Column,
    Constraint,
    ErrorClass,
    Function,
    Grant,
    Index,
    Machine,
    Policy,
    Relation,
    Role,
    Service,
    Step,
    Trigger,
    Type,
)
from .queries import named_queries, reasons_of_indexes

T = TypeVar("T")
_Connection = psycopg.Connection[Any]

# Names and constants in a definition are written as these settings say, and plans are made as they say.
_SETTINGS: Final = """
SET LOCAL ROLE mentorbase_owner;
SET LOCAL search_path = '';
SET LOCAL quote_all_identifiers = off;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL timezone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL max_parallel_workers_per_gather = 0;
"""

_SCHEMAS: Final = """
SELECT n.nspname AS name, coalesce(obj_description(n.oid, 'pg_namespace'), '') AS comment FROM ours AS n
"""

_RELATIONS: Final = """
SELECT
    r.name,
    CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
    coalesce(obj_description(r.oid, 'pg_class'), '') AS comment,
    coalesce(pg_get_partkeydef(r.oid), '') AS partitioned_by,
    coalesce(r.options, '') AS options,
    CASE WHEN r.relforcerowsecurity THEN 'forced' WHEN r.relrowsecurity THEN 'on' ELSE '' END AS row_security,
    CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) ELSE '' END AS definition
FROM relations AS r
WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm')
ORDER BY r.name COLLATE "C"
"""

_COLUMNS: Final = """
SELECT
    r.name AS relation,
    a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS not_null,
    CASE
        WHEN a.attidentity <> '' THEN 'identity'
        WHEN a.attgenerated <> '' THEN 'generated: ' || pg_get_expr(d.adbin, d.adrelid)
        ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    END AS default,
    coalesce(col_description(r.oid, a.attnum), '') AS comment
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
ORDER BY r.name COLLATE "C", a.attnum
"""

_SENSITIVITIES: Final = """
SELECT
    format('%I.%I', i.schema_name, i.table_name) AS relation,
    i.column_name::text AS name,
    CASE WHEN i.class::text <> 'none' THEN i.class::text ELSE '' END AS class
FROM platform.column_inventory AS i
"""

_CONSTRAINTS: Final = """
SELECT
    r.name AS relation,
    con.conname::text AS name,
    con.contype::text AS kind,
    pg_get_constraintdef(con.oid) AS definition,
    coalesce(obj_description(con.oid, 'pg_constraint'), '') AS comment,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(con.conkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
        ORDER BY k.place
    ) AS columns,
    coalesce(f.name, '') AS references
FROM pg_constraint AS con
JOIN relations AS r ON r.oid = con.conrelid
LEFT JOIN relations AS f ON f.oid = con.confrelid
WHERE con.contype IN ('p', 'u', 'f', 'c', 'x') AND con.conparentid = 0
ORDER BY r.name COLLATE "C", strpos('puxfc', con.contype::text), con.conname COLLATE "C"
"""

_INDEXES: Final = """
SELECT
    r.name AS relation,
    i.relname::text AS name,
    pg_get_indexdef(x.indexrelid) AS definition,
    coalesce(obj_description(x.indexrelid, 'pg_class'), '') AS comment,
    ARRAY(
        SELECT coalesce(a.attname::text, '')
        FROM unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
        LEFT JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
        ORDER BY k.place
    ) AS columns,
    x.indisunique AS unique
FROM pg_index AS x
JOIN relations AS r ON r.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.conrelid = r.oid)
ORDER BY r.name COLLATE "C", i.relname COLLATE "C"
"""

_TRIGGERS: Final = """
SELECT
    r.name AS relation,
    t.tgname::text AS name,
    pg_get_triggerdef(t.oid) AS definition,
    coalesce(obj_description(t.oid, 'pg_trigger'), obj_description(t.tgfoid, 'pg_proc'), '') AS comment,
    t.tgfoid::regprocedure::text AS function
FROM pg_trigger AS t
JOIN relations AS r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal
ORDER BY r.name COLLATE "C", t.tgname COLLATE "C"
"""

_POLICIES: Final = """
SELECT
    r.name AS relation,
    p.polname::text AS name,
    concat_ws(
        ' ',
        CASE WHEN p.polpermissive THEN 'AS PERMISSIVE' ELSE 'AS RESTRICTIVE' END,
        'FOR',
        CASE p.polcmd
            WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL'
        END,
        'TO ' || (
            SELECT string_agg(g.grantee, ', ' ORDER BY g.grantee COLLATE "C")
            FROM unnest(p.polroles) AS u (roleid)
            CROSS JOIN LATERAL (
                SELECT CASE WHEN u.roleid = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u.roleid)::text END
            ) AS g (grantee)
        ),
        'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
    ) AS definition,
    coalesce(obj_description(p.oid, 'pg_policy'), '') AS comment
FROM pg_policy AS p
JOIN relations AS r ON r.oid = p.polrelid
ORDER BY r.name COLLATE "C", p.polname COLLATE "C"
"""

_FUNCTIONS: Final = """
SELECT
    p.name AS identity,
    format('%I.%I', n.nspname, p.proname) AS name,
    p.kind,
    pg_get_function_arguments(p.oid) AS arguments,
    coalesce(pg_get_function_result(p.oid), '') AS result,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
    CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
    CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END AS security,
    p.proisstrict AS strict,
    l.lanname::text AS language,
    CASE WHEN p.prokind = 'a' THEN '' ELSE pg_get_functiondef(p.oid) END AS definition,
    coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment
FROM routines AS p
JOIN ours AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
ORDER BY p.name COLLATE "C"
"""

_TYPES: Final = """
SELECT
    t.name,
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' ELSE 'range' END AS kind,
    ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
    CASE t.typtype
        WHEN 'd' THEN 'domain over ' || format_type(t.typbasetype, t.typtypmod)
        WHEN 'r' THEN 'range of ' || (
            SELECT format_type(g.rngsubtype, NULL) FROM pg_range AS g WHERE g.rngtypid = t.oid
        )
        ELSE ''
    END AS definition,
    coalesce(obj_description(t.oid, 'pg_type'), '') AS comment
FROM types AS t
ORDER BY t.name COLLATE "C"
"""

_GRANTS: Final = """
SELECT
    o.kind,
    o.name,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS role,
    a.privilege_type AS privilege,
    array_remove(array_agg(DISTINCT o.column_name ORDER BY o.column_name), NULL) AS columns
FROM (
    SELECT 'schema', n.nspname::text, NULL::text, n.nspowner, n.nspacl
    FROM ours AS n
    UNION ALL
    SELECT 'table', r.name, NULL, r.relowner, r.relacl
    FROM relations AS r
    WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm')
    UNION ALL
    SELECT 'table', r.name, a.attname::text, r.relowner, a.attacl
    FROM relations AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
    UNION ALL
    SELECT 'function', p.name, NULL, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM routines AS p
) AS o (kind, name, column_name, owner, acl)
CROSS JOIN LATERAL aclexplode(o.acl) AS a
WHERE a.grantee <> o.owner
GROUP BY o.kind, o.name, a.grantee, a.privilege_type, o.column_name IS NULL
"""

_ROLES: Final = """
SELECT
    r.rolname::text AS name,
    concat_ws(
        ', ',
        CASE WHEN r.rolcanlogin THEN 'login' ELSE 'no login' END,
        CASE WHEN r.rolsuper THEN 'superuser' END,
        CASE WHEN r.rolcreaterole THEN 'may create roles' END,
        CASE WHEN r.rolcreatedb THEN 'may create databases' END,
        CASE WHEN r.rolbypassrls THEN 'bypasses row security' END
    ) AS attributes,
    coalesce(shobj_description(r.oid, 'pg_authid'), '') AS comment,
    ARRAY(
        SELECT DISTINCT g.rolname::text COLLATE "C"
        FROM pg_auth_members AS m
        JOIN pg_roles AS g ON g.oid = m.roleid
        WHERE m.member = r.oid
        ORDER BY 1
    ) AS member_of,
    EXISTS (SELECT FROM ours AS o WHERE o.nspowner = r.oid) AS owner
FROM pg_roles AS r
WHERE r.rolname !~ '^pg_'
ORDER BY r.rolname COLLATE "C"
"""

_MACHINES: Final = """
SELECT
    r.name,
    w.attname::text AS who,
    ARRAY(
        SELECT (s.name || '.' || quote_ident(a.attname)) COLLATE "C"
        FROM relations AS s
        JOIN pg_attribute AS a ON a.attrelid = s.oid AND NOT a.attisdropped
        WHERE a.atttypid = f.atttypid AND a.attname = 'status' AND s.relkind IN ('r', 'p')
        ORDER BY 1
    ) AS subjects
FROM relations AS r
JOIN pg_attribute AS f ON f.attrelid = r.oid AND f.attname = 'from_status'
JOIN pg_attribute AS w ON w.attrelid = r.oid AND w.attname IN ('actor_kind', 'meaning')
WHERE r.relkind IN ('r', 'p') AND r.relname ~ '_transitions$'
ORDER BY r.name COLLATE "C"
"""

_REFUSALS: Final = "SELECT sqlstate, name, meaning FROM platform.refusals ORDER BY sqlstate"


def read(conn: _Connection) -> Book:
    """Read what the catalog says of our schemas, and plan the named queries. Changes nothing, runs no query.

    Args:
        conn: a connection whose role is a superuser or a member of ``mentorbase_owner``.

    Raises:
        SetupError: the role is neither, or there is no mentorbase in this database.
    """
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute(_SETTINGS)
            return _Reader(conn).book()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as error:
        raise SetupError(
            "this login may not look at everything, or there is no mentorbase here",
            "Connect as the login that migrates, or as a superuser; mentorbase migrate makes the database",
        ) from error


class _Reader:
    def __init__(self, conn: _Connection) -> None:
        self._conn = conn

    def book(self) -> Book:
        comments = {row["name"]: row["comment"] for row in self._rows(_SCHEMAS)}
        names = [name for name in migrate.services() if name in comments]
        if not names:
            raise SetupError("there is no mentorbase in this database", "Run mentorbase migrate")
        functions = self._all(Function, _FUNCTIONS)
        relations = list(self._relations())
        types = list(self._types())
        machines = list(self._machines())
        services = tuple(
            Service(
                name=name,
                comment=comments[name],
                relations=_within(name, relations, lambda relation: relation.name),
                functions=_within(name, functions, lambda function: function.name),
                types=_within(name, types, lambda made: made.name),
                queries=tuple(named_queries(self._conn, name)),
                machines=_within(name, machines, lambda machine: machine.table),
            )
            for name in names
        )
        grants = sorted(grant for row in self._rows(_GRANTS) if (grant := Grant(**row)).name.partition(".")[0] in names)
        roles = tuple(self._roles({grant.role for grant in grants}))
        return Book(self._conn.info.server_version // 10000, services, roles, tuple(grants), tuple(self._errors()))

    def _relations(self) -> Iterator[Relation]:
        sensitivities = self._sensitivities()
        columns = defaultdict(list)
        for row in self._rows(_COLUMNS):
            sensitivity = sensitivities.get((row["relation"], row["name"]), "")
            columns[row["relation"]].append(Column(**row, sensitivity=sensitivity))
        constraints = defaultdict(list)
        for row in self._rows(_CONSTRAINTS):
            name = f"{row['relation'].partition('.')[0]}.{row['name']}"
            kind, sqlstate = KINDS[row["kind"]]
            raises = errors.exception_for(name, sqlstate).__name__
            found: dict[str, Any] = row | {"kind": kind, "raises": raises}
            constraints[row["relation"]].append(Constraint(**found))
        indexes = self._indexes(constraints)
        triggers = _by_relation(self._all(Trigger, _TRIGGERS))
        policies = _by_relation(self._all(Policy, _POLICIES))
        for row in self._rows(_RELATIONS):
            name = row["name"]
            yield Relation(
                **row,
                columns=tuple(columns[name]),
                constraints=tuple(constraints[name]),
                indexes=tuple(indexes[name]),
                triggers=tuple(triggers[name]),
                policies=tuple(policies[name]),
            )

    def _indexes(self, constraints: dict[str, list[Constraint]]) -> dict[str, list[Index]]:
        """Return every index with a comment: its own, that of ``sql/``, or the foreign key that it serves."""
        reasons = reasons_of_indexes()
        found = defaultdict(list)
        for row in self._rows(_INDEXES):
            columns = row["columns"]
            served = [
                f"Serves the foreign key {constraint.name}."
                for constraint in constraints[row["relation"]]
                if constraint.references and set(constraint.columns) == set(columns[: len(constraint.columns)])
            ]
            name = f"{row['relation'].partition('.')[0]}.{row['name']}"
            comment = row["comment"] or reasons.get(name, "") or " ".join(served)
            entry: dict[str, Any] = row | {"comment": comment}
            found[row["relation"]].append(Index(**entry))
        return found

    def _sensitivities(self) -> dict[tuple[str, str], str]:
        """Return the class of each classified column, by table and column, where columns are classified."""
        if not self._rows("SELECT FROM relations WHERE name = 'platform.column_inventory'"):
            return {}
        rows = self._rows(_SENSITIVITIES)
        return {(row["relation"], row["name"]): row["class"] for row in rows}

    def _types(self) -> Iterator[Type]:
        columns = defaultdict(list)
        for row in self._rows(_COLUMNS):
            columns[row["relation"]].append(Column(**row))
        for row in self._rows(_TYPES):
            composite = columns[row["name"]] if row["kind"] == "composite" else ()
            yield Type(**row, columns=tuple(composite))

    def _machines(self) -> Iterator[Machine]:
        for row in self._rows(_MACHINES):
            steps: dict[tuple[str, str], list[str]] = defaultdict(list)
            query = sql.SQL(
                "SELECT t.from_status::text, t.to_status::text, t.{who}::text FROM {table} AS t"
                " ORDER BY t.from_status NULLS FIRST, t.to_status, t.{who}"
            ).format(who=sql.Identifier(row["who"]), table=sql.Identifier(*row["name"].split(".")))
            for before, after, who in self._conn.execute(query):
                steps[before or "", after or ""].append(who)
            yield Machine(
                row["name"],
                row["subjects"],
                tuple(Step(before, after, tuple(who)) for (before, after), who in steps.items()),
            )

    def _roles(self, named: set[str]) -> Iterator[Role]:
        """Yield those that own or hold something, and the groups that have their rights; logins are a deployment's."""
        for row in self._rows(_ROLES):
            groups = row["member_of"]
            is_group = row["attributes"].startswith("no login") and not named.isdisjoint(groups)
            if row.pop("owner") or row["name"] in named or is_group:
                yield Role(**row)

    def _errors(self) -> Iterator[ErrorClass]:
        if self._rows("SELECT FROM relations WHERE name = 'platform.refusals'"):
            for row in self._rows(_REFUSALS):
                kind = errors.REFUSALS.get(row["sqlstate"])
                yield ErrorClass(**row, exception=kind.__name__ if kind else "")

    def _rows(self, query: LiteralString) -> list[dict[str, Any]]:
        """Run a query that begins where `OURS` ends; arrays are tuples."""
        with self._conn.cursor(row_factory=dict_row) as cursor:
            return [
                {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
                for row in cursor.execute(OURS + query)
            ]

    def _all(self, kind: type[T], query: LiteralString) -> list[T]:
        with self._conn.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(OURS + query).fetchall()


def _within(schema: str, found: Sequence[T], name: Callable[[T], str]) -> tuple[T, ...]:
    return tuple(one for one in found if name(one).partition(".")[0] == schema)


def _by_relation(found: Iterable[Any]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    for one in found:
        grouped[one.relation].append(one)
    return grouped
