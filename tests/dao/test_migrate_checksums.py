"""What was released stays as it was: in the files, and in every database that was given them."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from mentorbase import checksums, resources
from mentorbase.checksums import MANIFEST, add_new, found, listed
from mentorbase.errors import SetupError
from mentorbase.migrate import migrate, plan_migrate, plan_rollback, rollback, stamp, status
from psycopg.conninfo import conninfo_to_dict

from .migrating import AUTH, LINKS, MENTORING, PLATFORM, SECOND, Source, applied, refused, tables, yoyo

ROOT = Path(__file__).parents[2]
SHIPPED = resources.folder("migrations")
LISTED = [migrate, rollback, stamp, status, plan_migrate, plan_rollback]
CHECKED = [call for call in LISTED if call is not stamp]
RESTORE = "Restore it, from git or by installing mentorbase again; a change is a new migration"

Call = Callable[..., Any]


@pytest.fixture
def released(house: Source) -> Source:
    add_new(house.root)
    return house


def append(path: Path, text: str = "-- more\n") -> None:
    path.write_text(path.read_text() + text)


def recorded(dsn: str) -> dict[str, tuple[str, str]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            SELECT migration_id, sha256, origin
            FROM _mentorbase_checksum
            FULL JOIN _yoyo_migration USING (migration_hash)
            """
        )
        return {migration_id: (sha256, origin) for migration_id, sha256, origin in rows}


def of(source: Source, *ids: str, origin: str = "applied") -> dict[str, tuple[str, str]]:
    return {id_: (checksums.of(source.file(id_)), origin) for id_ in ids}


# -- The shipped files


def test_every_migration_is_listed_as_it_is() -> None:
    expected, files = listed(SHIPPED), found(SHIPPED)
    assert sorted(files.keys() - expected.keys()) == [], "new: run  python -m mentorbase.checksums"
    assert sorted(expected.keys() - files.keys()) == [], "released, and missing"
    assert [path for path in files if files[path] != expected[path]] == [], "released, and edited"


def test_the_manifest_is_sorted_and_is_what_sha256sum_reads() -> None:
    paths = [line.split("  ")[1] for line in (SHIPPED / MANIFEST).read_text().splitlines()]
    assert paths == sorted(set(paths))
    done = subprocess.run(["sha256sum", "-c", "--quiet", MANIFEST], cwd=SHIPPED, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_manifest_is_installed_with_the_migrations() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert MANIFEST in setup["package-data"]["mentorbase.migrations"]


# -- Files


@pytest.mark.parametrize("call", LISTED)
@pytest.mark.parametrize("file", [f"{AUTH}.sql", f"{AUTH}.rollback.sql"])
def test_an_edited_file_is_refused_by_its_name(base: str, released: Source, call: Call, file: str) -> None:
    append(released.root / "auth" / file)
    with refused(f"migrations/auth/{file} was edited after its release", RESTORE):
        call(base, source=released.root)
    assert tables(base) == set()


def test_every_service_is_checked_whichever_is_asked_for(base: str, released: Source) -> None:
    append(released.file(SECOND))
    with refused(f"migrations/mentoring/{SECOND}.sql was edited after its release"):
        migrate(base, ["auth"], source=released.root)


def test_several_edited_files_are_counted(base: str, released: Source) -> None:
    for id_ in (SECOND, AUTH, LINKS):
        append(released.file(id_))
    with refused(f"migrations/auth/{AUTH}.sql was edited after its release (and 2 more)"):
        migrate(base, source=released.root)


def test_a_missing_file_is_refused_by_its_name(base: str, released: Source) -> None:
    released.file(SECOND).with_suffix(".rollback.sql").unlink()
    with refused(f"migrations/mentoring/{SECOND}.rollback.sql was released and is missing", RESTORE):
        status(base, source=released.root)


@pytest.mark.parametrize("file", ["auth.0002.more.sql", "auth.0002.more.py"])
def test_an_installed_package_runs_no_file_that_was_never_released(base: str, released: Source, file: str) -> None:
    (released.root / "auth" / file).write_text("")
    with refused(f"migrations/auth/{file} was never released", "Remove it, or install mentorbase again"):
        migrate(base, source=released.root)
    assert tables(base) == set()


def test_a_checkout_may_hold_migrations_that_are_being_written(base: str, released: Source) -> None:
    (released.root.parent / "pyproject.toml").touch()
    released.table("auth.0002.more", AUTH)
    assert "auth.0002.more" in migrate(base, source=released.root)


def test_an_installation_without_a_manifest_is_broken(
    base: str, house: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "folder", lambda name: house.root)
    with refused(f"there is no checksums.txt in {house.root}", "Install mentorbase again"):
        migrate(base)


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", "", "0123  auth/x.sql"])
def test_a_line_that_is_no_checksum_is_refused(base: str, released: Source, line: str) -> None:
    manifest = released.root / MANIFEST
    manifest.write_text(f"{line}\n" + manifest.read_text())
    with refused("checksums.txt, line 1 is not a checksum", "Restore the file"):
        status(base, source=released.root)


# -- Adding new ones


def test_new_files_are_added_and_no_other_line_changes(
    released: Source, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resources, "folder", lambda name: released.root)
    before = (released.root / MANIFEST).read_text().splitlines()
    checksums.main()
    assert capsys.readouterr().out == ""

    released.table("auth.0002.more", AUTH)
    checksums.main()
    new = ["auth/auth.0002.more.rollback.sql", "auth/auth.0002.more.sql"]
    assert capsys.readouterr().out.splitlines() == [f"added {path}" for path in new]
    after = (released.root / MANIFEST).read_text().splitlines()
    assert after[2:4] == [f"{checksums.of(released.root / path)}  {path}" for path in new]
    assert after[:2] + after[4:] == before


def test_an_edited_file_is_not_listed_anew(released: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "folder", lambda name: released.root)
    before = (released.root / MANIFEST).read_text()
    append(released.file(AUTH))
    with pytest.raises(SystemExit, match=rf"^error: migrations/auth/{AUTH}\.sql was edited after its release\. "):
        checksums.main()
    assert (released.root / MANIFEST).read_text() == before


# -- Databases


def test_the_checksum_of_what_was_applied_is_kept_until_it_is_rolled_back(base: str, house: Source) -> None:
    up = migrate(base, source=house.root)
    assert recorded(base) == of(house, *up)
    down = rollback(base, 2, source=house.root)
    assert recorded(base) == of(house, *(set(up) - set(down)))


@pytest.mark.parametrize("call", CHECKED)
def test_a_database_that_was_given_another_file_is_named(base: str, house: Source, call: Call) -> None:
    migrate(base, source=house.root)
    append(house.file(MENTORING))
    name = conninfo_to_dict(base)["dbname"]
    message = f'{MENTORING} was applied to database "{name}" from a file that was edited since'
    with refused(message, "Install the version that it came from"):
        call(base, source=house.root)
    assert len(tables(base)) == 5


def test_another_rollback_file_is_no_other_migration(base: str, house: Source) -> None:
    migrate(base, source=house.root)
    append(house.file(LINKS).with_suffix(".rollback.sql"))
    assert rollback(base, source=house.root) == [LINKS]


def test_a_failed_migration_leaves_no_checksum(base: str, source: Source) -> None:
    source.table(PLATFORM)
    source.add(AUTH, "SELECT 1 / 0", PLATFORM)
    with pytest.raises(SetupError, match="division by zero"):
        migrate(base, source=source.root)
    assert recorded(base) == of(source, PLATFORM)


# -- Plain yoyo


def test_what_plain_yoyo_applied_gets_its_checksums_on_the_next_run(base: str, house: Source, checkout: Path) -> None:
    yoyo(base, checkout, "apply")
    assert [m.id for m in status(base, source=house.root) if m.applied_at is None] == []
    house.table("auth.0002.more", AUTH)
    assert migrate(base, source=house.root) == ["auth.0002.more"]
    ids = [PLATFORM, AUTH, MENTORING, SECOND, LINKS]
    assert recorded(base) == of(house, *ids, origin="adopted") | of(house, "auth.0002.more")
    append(house.file(SECOND))
    with pytest.raises(SetupError, match=f"{SECOND} was applied to database "):
        migrate(base, source=house.root)


def test_a_checksum_goes_with_the_mark_when_plain_yoyo_rolls_back(base: str, house: Source, checkout: Path) -> None:
    migrate(base, source=house.root)
    yoyo(base, checkout, "rollback", "--all")
    assert recorded(base) == {}
    append(house.file(SECOND))
    yoyo(base, checkout, "apply")
    assert migrate(base, source=house.root) == []
    assert recorded(base) == of(house, *applied(base, house), origin="adopted")
