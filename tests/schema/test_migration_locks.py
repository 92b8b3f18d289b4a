"""Each migration runs on tables with rows while others read and write them: who waits for whom, and for what."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from mentorbase.catalog import OURS, REFERENCE_TABLES, describe, differences
from mentorbase.migrate import migrate
from mentorbase.settings import Settings
from psycopg import sql
from psycopg.conninfo import make_conninfo
from schema.releases import add_files, put, releases
from schema.support import OUR_TABLES, Rows, as_deploy, found

# -- What a migration holds and reads, recorded at its end, with its mark, in its own transaction and session

RECORDER = """
CREATE TABLE public.large (id oid PRIMARY KEY, name text, file oid);
CREATE TABLE public.held (migration text, name text, mode text, whole boolean);

CREATE FUNCTION public.record_held() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.held
    SELECT
        NEW.migration_id, t.name, k.mode,
        pg_stat_get_xact_tuples_returned(t.id) > 0 OR pg_relation_filenode(t.id) IS DISTINCT FROM t.file
    FROM public.large AS t
    LEFT JOIN pg_locks AS k
        ON k.relation = t.id AND k.pid = pg_backend_pid() AND k.mode IN (
            'AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock' -- for which a writer waits
        )
        AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
    RETURN NULL;
END
$$;

CREATE TRIGGER record_held AFTER INSERT ON public._yoyo_migration
FOR EACH ROW EXECUTE FUNCTION public.record_held();
"""

# Partitions hold the rows of their tables. Reference tables do not grow.
LARGE = """
INSERT INTO public.large
SELECT c.oid, c.oid::regclass::text, pg_relation_filenode(c.oid)
FROM pg_class AS c
JOIN ours AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0
"""


def watch(conn: psycopg.Connection) -> None:
    """Record from now on what is done to the tables that have rows now."""
    if conn.execute("SELECT to_regclass('public.held')").fetchone() == (None,):
        conn.execute(RECORDER)
    conn.execute("TRUNCATE public.large")
    conn.execute(OURS + LARGE)
    conn.execute("DELETE FROM public.large WHERE name = ANY (%s)", [list(REFERENCE_TABLES)])


def held(conn: psycopg.Connection) -> dict[str, tuple[dict[str, str], list[str]]]:
    """Of each migration: the tables whose writers it holds up, with the locks, and those that it reads whole."""
    locks: dict[str, dict[str, str]] = defaultdict(dict)
    whole: dict[str, set[str]] = defaultdict(set)
    for migration, name, mode, read in conn.execute("SELECT * FROM public.held ORDER BY migration, name, mode DESC"):
        if mode is not None:
            locks[migration][name] = mode
        if read:
            whole[migration].add(name)
    return {migration: (locks[migration], sorted(whole[migration])) for migration in sorted({*locks, *whole})}


def unsafe(conn: psycopg.Connection) -> dict[str, str]:
    """The migrations that hold up writers for as long as a table is large."""
    return {
        migration: f"holds up {', '.join(sorted(locks))} and reads {', '.join(whole)}"
        for migration, (locks, whole) in held(conn).items()
        if locks and whole
    }


# -- Others at work

COLUMN = """
SELECT a.attname FROM pg_attribute AS a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
ORDER BY a.attnum DESC LIMIT 1
"""
WORKERS, PAUSE = 2, 0.005


class Work:
    """What some connections do to every table: read a row and write it, over and over, as autocommitted statements.

    Guards and triggers rest, since a row is only written as it is; what a writer locks is the same.

    Attributes:
        migration: the one that is running.
        longest: of each migration, how long a statement took at most, in seconds, and which one.
        failed: what went wrong, such as a wait that exceeded the lock_timeout of applications.
    """

    def __init__(self, dsn: str) -> None:
        self.migration = ""
        self.longest: dict[str, tuple[float, str]] = {}
        self.done = 0
        self.failed: list[str] = []
        limit = f"{Settings.load().db_lock_timeout}s"
        self._dsn = make_conninfo(dsn, options=f"-c lock_timeout={limit} -c session_replication_role=replica")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        ended = threading.Event()
        begun = threading.Barrier(WORKERS + 1)
        workers = [threading.Thread(target=self._work, args=[i, begun, ended]) for i in range(WORKERS)]
        for worker in workers:
            worker.start()
        try:
            begun.wait(60)
            yield
        finally:
            ended.set()
            begun.abort()
            for worker in workers:
                worker.join()

    def _work(self, number: int, begun: threading.Barrier, ended: threading.Event) -> None:
        with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None) as conn:
            statements = list(self._statements(conn))[:: -1 if number else 1]
            begun.wait(60)
            while not ended.is_set():
                for statement in statements:
                    self._run(conn, statement)
                    ended.wait(PAUSE)

    @staticmethod
    def _statements(conn: psycopg.Connection) -> Iterator[str]:
        for table in found(conn, OUR_TABLES):
            yield f"SELECT * FROM {table} LIMIT 1"
            if row := conn.execute(COLUMN, [table]).fetchone():
                column = sql.Identifier(row[0]).as_string(conn)
                yield f"UPDATE {table} SET {column} = {column} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"

    def _run(self, conn: psycopg.Connection, statement: str) -> None:
        migration, started = self.migration, time.perf_counter()
        try:
            conn.execute(statement.encode())
        except psycopg.Error as error:
            self.failed.append(f"{migration}: {statement}: {error}")
        took = time.perf_counter() - started
        self.done += 1
        self.longest[migration] = max((took, statement), self.longest.get(migration, (0.0, "")))


# -- All of them, as living databases got them

# Released before the rule, and a released migration is never edited. Times: a million relationships, two busy cores.
ACCEPTED = {
    "links.0021.lessons": "Reads the calendar before it takes a lock; then it only exchanges keys, NOT VALID.",
    "mentoring.0002.bookings": "One unique index of relationships: 1.8 s.",
    "mentoring.0003.blocks": "One index of pending requests: 0.6 s.",
    "mentoring.0007.publications": "One index of active relationships: 0.6 s.",
    "mentoring.0010.purge": "One index of requests that ended: 0.6 s.",
    "mentoring.0012.races": "Two indexes of relationships are built again: 3.9 s.",
}


def test_no_migration_holds_up_writers_for_as_long_as_a_table_is_large(
    empty: str, tmp_path: Path, written: Rows, described: dict[str, str]
) -> None:
    work = Work(empty)

    def tell(migration_id: str, done: int, total: int) -> None:
        work.migration = migration_id

    with psycopg.connect(empty, autocommit=True) as conn:
        for release in releases():
            add_files(tmp_path, release)
            with work.going_on():
                assert sorted(migrate(as_deploy(empty), source=tmp_path, progress=tell)) == sorted(release)
            put(conn, written)
            watch(conn)

        report = []
        for migration, (locks, whole) in held(conn).items():
            seconds, statement = work.longest.get(migration, (0.0, ""))
            report.append(f"{migration}: {locks or 'holds up nobody'}; reads {whole}; {seconds:.3f} s: {statement}")
        seconds, statement = max(work.longest.values())
        report.append(f"{work.done} statements of others; the longest took {seconds:.3f} s: {statement}")
        print(*report, sep="\n")  # noqa: T201 - pytest -rP shows it
        assert work.failed == []
        assert differences(described, describe(conn)) == []
        assert sorted(unsafe(conn)) == sorted(ACCEPTED)


# -- What the record tells

PROBE = """
CREATE TABLE auth.probe (id bigint PRIMARY KEY, name text, CONSTRAINT probe_name_check CHECK (name IS NOT NULL));
INSERT INTO auth.probe SELECT i, 'name' FROM generate_series(1, 20) AS i;
CREATE TABLE auth.child AS SELECT id FROM auth.probe;
ALTER TABLE auth.child ADD CONSTRAINT child_id_check CHECK (id > 0) NOT VALID;
"""

# What is done, and whom it holds up.
BREACHES = {
    "CREATE INDEX ON auth.probe (name)": "auth.probe",
    "ALTER TABLE auth.probe ADD CONSTRAINT c CHECK (id > 0)": "auth.probe",
    "ALTER TABLE auth.probe ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE auth.probe VALIDATE CONSTRAINT c": (
        "auth.probe"
    ),
    "ALTER TABLE auth.probe ADD UNIQUE (id, name)": "auth.probe",
    "ALTER TABLE auth.child ALTER COLUMN id SET NOT NULL": "auth.child",
    "ALTER TABLE auth.probe ALTER COLUMN name TYPE varchar(100)": "auth.probe",
    "ALTER TABLE auth.probe ADD COLUMN token uuid DEFAULT gen_random_uuid()": "auth.probe",
    "ALTER TABLE auth.probe ADD COLUMN more text; UPDATE auth.probe SET more = name": "auth.probe",
    "ALTER TABLE auth.child ADD FOREIGN KEY (id) REFERENCES auth.probe": "auth.child, auth.probe",
    "LOCK TABLE auth.probe IN SHARE MODE; SELECT count(*) FROM auth.child": "auth.probe",
}

HARMLESS = [
    "ALTER TABLE auth.probe ADD COLUMN more text, ADD COLUMN points integer NOT NULL DEFAULT 0",
    "ALTER TABLE auth.probe ADD CONSTRAINT c CHECK (id > 0) NOT VALID",
    "ALTER TABLE auth.child ADD FOREIGN KEY (id) REFERENCES auth.probe NOT VALID",
    "ALTER TABLE auth.child VALIDATE CONSTRAINT child_id_check",
    "ALTER TABLE auth.probe ALTER COLUMN name SET NOT NULL",  # a CHECK says so already
    "UPDATE auth.probe SET name = 'other'",
    "CREATE TABLE auth.t AS SELECT id FROM auth.probe; CREATE INDEX ON auth.t (id)",
    "CREATE INDEX ON mentoring.settings (unit)",
    "CREATE OR REPLACE VIEW auth.v_probe AS SELECT id FROM auth.probe",
]


def told_of(dsn: str, statements: str) -> str:
    with psycopg.connect(dsn) as conn:
        conn.execute(statements.encode())
        conn.execute("INSERT INTO public._yoyo_migration (migration_hash, migration_id) VALUES ('x', 'x')")
        told = unsafe(conn).get("x", "")
        conn.rollback()
    return told.removeprefix("holds up ").partition(" and reads")[0]


def test_what_reads_a_table_while_writers_wait_is_told_and_the_safe_form_is_not(admin: psycopg.Connection) -> None:
    admin.execute(PROBE)
    watch(admin)
    assert {statements: told_of(admin.info.dsn, statements) for statements in BREACHES} == BREACHES
    assert [statements for statements in HARMLESS if told_of(admin.info.dsn, statements)] == []


def test_the_safe_form_of_an_index_is_built_while_others_write_and_can_be_run_again(
    admin: psycopg.Connection, tmp_path: Path
) -> None:
    add_files(tmp_path, [migration for release in releases() for migration in release])
    index = """
        DROP INDEX CONCURRENTLY IF EXISTS auth.probe_name_idx;
        CREATE INDEX CONCURRENTLY probe_name_idx ON auth.probe (name);
    """
    admin.execute(PROBE)
    admin.execute("ALTER TABLE auth.probe OWNER TO mentorbase_owner")
    watch(admin)
    # As a run that was broken off leaves it.
    admin.execute("SET ROLE mentorbase_owner")
    admin.execute("CREATE INDEX probe_name_idx ON auth.probe (id)")
    admin.execute("RESET ROLE")
    (tmp_path / "auth" / "auth.9001.index.sql").write_text(
        "-- An index.\n-- depends: auth.0004.contacts\n-- transactional: false\n"
        f"SET ROLE mentorbase_owner;\nSET lock_timeout = 0;\n{index}"
    )
    work = Work(admin.info.dsn)
    with work.going_on():
        assert migrate(admin.info.dsn, source=tmp_path) == ["auth.9001.index"]
    assert work.failed == []
    assert unsafe(admin) == {}
    assert admin.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = 'auth.probe_name_idx'::regclass"
        " AND indisvalid"
    ).fetchone() == ("CREATE INDEX probe_name_idx ON auth.probe USING btree (name)",)
