"""Migrations go up, down and up again, on tables that have rows, and nothing stays behind."""

from __future__ import annotations

import re
import shutil

import psycopg
import pytest
from mentorbase.catalog import describe, differences
from mentorbase.migrate import migrate, rollback, status
from mentorbase.resources import folder
from schema.support import LIVES, SERVICES, as_deploy, fill, found, only_columns_of, people, play, rows


@pytest.fixture
def filled(empty):
    """A migrated database with rows in every table; yields a superuser's connection to it."""
    migrate(as_deploy(empty))
    with psycopg.connect(empty, autocommit=True) as conn:
        fill(conn)
        yield conn


def left_behind(conn):
    """Schemas, rights and default rights of this database that are not those of a new one."""
    return [
        *found(conn, "SELECT 'schema ' || n.nspname FROM ours AS n"),
        *found(conn, "SELECT 'default rights of ' || pg_get_userbyid(d.defaclrole) FROM pg_default_acl AS d"),
        *found(
            conn,
            """
            SELECT format('%s of %s', pg_describe_object(d.classid, d.objid, d.objsubid), r.rolname)
            FROM pg_shdepend AS d
            JOIN pg_roles AS r ON r.oid = d.refobjid
            WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname !~ '^test_'
                AND d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
            """,
        ),
        *found(
            conn,
            """
            SELECT format('%s on the database for %s', a.privilege_type, r.rolname)
            FROM pg_database AS b
            CROSS JOIN LATERAL aclexplode(b.datacl) AS a
            JOIN pg_roles AS r ON r.oid = a.grantee
            WHERE b.datname = current_database() AND a.grantee <> b.datdba
            """,
        ),
    ]


def test_every_table_and_every_status_has_rows_to_go_down_with(filled):
    assert [table for table, found_rows in rows(filled).items() if not found_rows] == []
    statuses = [s for (s,) in filled.execute("SELECT unnest(enum_range(NULL::mentoring.mentor_mentee_status))::text")]
    assert sorted(statuses) == sorted(LIVES)
    assert sorted(s for (s,) in filled.execute("SELECT status::text FROM mentoring.mentor_mentee")) == sorted(LIVES)


def test_all_down_leaves_nothing_and_up_again_gives_the_same_database(filled):
    dsn = as_deploy(filled.info.dsn)
    before = describe(filled)
    assert left_behind(filled)

    undone = rollback(dsn, None)
    assert undone == [migration.id for migration in status(dsn)][::-1]
    assert left_behind(filled) == []
    assert describe(filled) == {}

    migrate(dsn)
    assert differences(before, describe(filled)) == []
    fill(filled)


def test_ever_further_back_and_up_again_gives_the_same_database(filled):
    dsn = as_deploy(filled.info.dsn)
    before, rows_before = describe(filled), people(rows(filled))
    newest_first = [migration.id for migration in reversed(status(dsn))]

    # Ever further down, so that each rollback meets rows and each distance is not walked again and again.
    depths = [*range(1, 6), *(8 * 2**n for n in range(10) if 8 * 2**n < len(newest_first)), len(newest_first)]
    # Lessons name their groups: to lose the groups alone is no state to come up from again.
    groups, lessons = (newest_first.index(init) for init in ("groups.0001.init", "calendar.0001.init"))
    for depth in depths:
        count = lessons + 1 if groups < depth <= lessons else depth
        oldest = newest_first[count - 1]
        assert rollback(dsn, count) == newest_first[:count]
        kept = people(rows(filled))
        assert migrate(dsn) == newest_first[:count][::-1]

        assert differences(before, describe(filled)) == [], oldest
        assert kept == only_columns_of(kept, rows_before), oldest
        rows_before = people(rows(filled))


def test_each_rollback_restores_what_was_before_its_migration(empty, tmp_path):
    """A key that was checked stays checked: to forget that is not worth a rollback."""
    dsn, shipped = as_deploy(empty), folder("migrations")
    order = [migration.id for migration in status(dsn)]
    was = []
    with psycopg.connect(empty, autocommit=True) as conn:
        for service in {migration.split(".")[0] for migration in order}:
            (tmp_path / service).mkdir()
        for migration in order:
            was.append(describe(conn))
            for file in shipped.glob(f"*/{migration}.*sql"):
                shutil.copy(file, tmp_path / file.parent.name)
            assert migrate(dsn, source=tmp_path) == [migration]
        for migration, before in zip(reversed(order), reversed(was), strict=True):
            assert rollback(dsn, 1, source=tmp_path) == [migration]
            wrong = [line for line in differences(before, describe(conn)) if "NOT VALID" not in line]
            assert wrong == [], f"after the rollback of {migration}"
            for file in tmp_path.glob(f"*/{migration}.*sql"):
                file.unlink()


def before(migration, source, to):
    """Copy the migrations of source that do not need this one, and return the others."""
    files = {path.stem: path for path in source.glob("*/*.sql") if ".rollback" not in path.name}
    needs = {name: re.findall(r"^-- depends: (.*)$", path.read_text("utf-8"), re.M) for name, path in files.items()}
    later, found_more = {migration}, True
    while found_more:
        more = {name for name, needed in needs.items() if later & set(" ".join(needed).split())} - later
        found_more, later = bool(more), later | more
    for name in files.keys() - later:
        (to / files[name].parent.name).mkdir(exist_ok=True)
        for file in files[name].parent.glob(f"{name}.*sql"):
            shutil.copy(file, to / file.parent.name)
    return later


def test_a_school_without_quests_gets_them_and_loses_them_with_all_its_rows(empty, tmp_path):
    dsn = as_deploy(empty)
    later = before("platform.0021.quests", folder("migrations"), tmp_path)
    migrate(dsn, source=tmp_path)
    with psycopg.connect(empty, autocommit=True) as conn:
        fill(conn, quests=False)
        was, rows_were = describe(conn), people(rows(conn))
        assert [table for table in rows_were if table.startswith("quests.")] == []
        assert sum(map(len, rows_were.values())) > 200

        assert set(migrate(dsn)) == later
        assert only_columns_of(rows_were, people(rows(conn))) == rows_were
        with conn.transaction():
            conn.execute("SET LOCAL mentorbase.actor = 'system'")
            play(conn)
        rows_with_quests = people(rows(conn))
        assert rows_with_quests["quests.child_progress"]

        assert set(rollback(dsn, len(later))) == later
        assert [line for line in differences(was, describe(conn)) if "NOT VALID" not in line] == []
        assert people(rows(conn)) == rows_were


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_goes_leaves_the_platform_as_it_was(empty, service):
    migrate(as_deploy(empty), ["platform"])
    with psycopg.connect(empty, autocommit=True) as conn:
        before = describe(conn)

        migrate(as_deploy(empty), [service])
        assert differences(before, describe(conn)) != []
        rollback(as_deploy(empty), None, [service])

        assert differences(before, describe(conn)) == []


@pytest.mark.parametrize(
    "leftover",
    [
        "CREATE SCHEMA forgotten",
        "ALTER DEFAULT PRIVILEGES FOR ROLE mentorbase_owner GRANT SELECT ON TABLES TO auth_app",
        "GRANT SELECT ON public._yoyo_migration TO mentoring_app",
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO auth_app', current_database()); END $$",
    ],
)
def test_what_a_rollback_forgets_is_found(filled, leftover):
    rollback(as_deploy(filled.info.dsn), None)

    filled.execute(leftover)

    assert left_behind(filled)
