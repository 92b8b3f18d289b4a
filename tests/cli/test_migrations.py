from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from cli.support import environment, mentorbase
from conftest import DEPLOY, TestServer
from mentorbase import checksums, resources
from mentorbase.migrate import GUARD_LOCK, migrate, rollback, status
from old_server import VERSION, old_server
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).parents[2]

SECRET = "sEcReT-7"


def test_migrate_status_and_rollback_tell_one_story(tmp_path: Path, empty_dsn: str) -> None:
    before = mentorbase("status", "--dsn", empty_dsn, cwd=tmp_path)
    assert before.returncode == 3
    assert "pending" in before.stdout

    applied = mentorbase("migrate", "--dsn", empty_dsn, "--json", cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    ids = json.loads(applied.stdout)["applied"]
    assert ids[0] == "platform.0001.init"
    assert ids[-1].startswith("links.")
    assert "Nothing to do" in mentorbase("migrate", "--dsn", empty_dsn, cwd=tmp_path).stdout
    assert "Up to date." in mentorbase("status", "--dsn", empty_dsn, cwd=tmp_path).stdout

    undone = mentorbase("rollback", "--dsn", empty_dsn, cwd=tmp_path)
    assert undone.stdout.split() == ["rolled", "back", ids[-1]]
    pending = json.loads(mentorbase("status", "--dsn", empty_dsn, "--json", cwd=tmp_path).stdout)
    assert pending["pending"] == 1
    assert [found["id"] for found in pending["migrations"] if found["applied_at"] is None] == [ids[-1]]

    everything = mentorbase("rollback", "--all", "--dsn", empty_dsn, "--json", cwd=tmp_path)
    assert json.loads(everything.stdout)["rolled_back"] == ids[-2::-1]
    assert "Nothing to do" in mentorbase("rollback", "--dsn", empty_dsn, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"SERVER_ENV": "dev", "POSTGRES_HOST_INTERNAL": "nowhere"}, "POSTGRES_HOST_EXTERNAL (SERVER_ENV=dev)"),
        ({"POSTGRES_HOST_INTERNAL": "nowhere"}, "POSTGRES_HOST_EXTERNAL (SERVER_ENV is not set: dev)"),
        ({"SERVER_ENV": "prod", "POSTGRES_HOST_EXTERNAL": "nowhere"}, "POSTGRES_HOST_INTERNAL (SERVER_ENV=prod)"),
        ({"POSTGRES_HOST": None, "SERVER_ENV": "prod"}, "POSTGRES_HOST"),
    ],
)
def test_status_says_which_server_was_chosen_and_why_and_never_the_password(
    tmp_path: Path, empty_dsn: str, chosen: dict[str, str | None], why: str
) -> None:
    parts = conninfo_to_dict(empty_dsn)
    hosts = {name: str(parts["host"]) for name in ("POSTGRES_HOST_EXTERNAL", "POSTGRES_HOST_INTERNAL")}
    variables = hosts | {name: value or str(parts["host"]) for name, value in chosen.items()}
    variables |= {
        "POSTGRES_PORT": str(parts.get("port", 5432)),
        "POSTGRES_DB": "empty_test",
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": SECRET,
    }
    told = mentorbase("status", "auth", cwd=tmp_path, **variables)
    assert told.returncode == 3, told.stderr
    assert told.stdout.splitlines()[0] == f"empty_test on {parts['host']}, port {variables['POSTGRES_PORT']}: by {why}"
    as_json = mentorbase("status", "auth", "--json", cwd=tmp_path, **variables)
    assert json.loads(as_json.stdout)["server"] == {
        "host": parts["host"],
        "port": variables["POSTGRES_PORT"],
        "database": "empty_test",
        "chosen_by": why,
    }
    assert SECRET not in told.stdout + told.stderr + as_json.stdout + as_json.stderr


def test_a_plan_shows_the_files_and_runs_nothing(tmp_path: Path, empty_dsn: str) -> None:
    pending = [migration.id for migration in status(empty_dsn)]
    plan = mentorbase("migrate", "--plan", "--dsn", empty_dsn, cwd=tmp_path)
    assert plan.returncode == 0
    lines = plan.stdout.splitlines()
    assert [Path(line.removeprefix("would run").strip()).name for line in lines] == [f"{id_}.sql" for id_ in pending]
    assert all(Path(line.removeprefix("would run").strip()).is_file() for line in lines)
    assert "Nothing would be run." in mentorbase("rollback", "--all", "--plan", "--dsn", empty_dsn, cwd=tmp_path).stdout

    migrate(empty_dsn, ["auth"])
    back = mentorbase("rollback", "-n", "1", "--plan", "--dsn", empty_dsn, "--json", cwd=tmp_path)
    (file,) = json.loads(back.stdout)["plan"]
    assert Path(file).parent.name == "auth"
    assert file.endswith(".rollback.sql")


def test_history_tells_who_did_what(tmp_path: Path, empty_dsn: str) -> None:
    nothing = mentorbase("status", "--history", "--dsn", empty_dsn, cwd=tmp_path)
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing was ever applied.\n")
    *_, newest = migrate(empty_dsn, ["auth"])
    rollback(empty_dsn)

    shown = mentorbase("status", "--history", "--dsn", empty_dsn, cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[0].split() == ["when", "(UTC)", "what", "migration", "by", "from"]
    last = shown.stdout.splitlines()[-1].split()
    assert last[2:5] == ["rollback", newest, DEPLOY]
    as_json = mentorbase("status", "auth", "--history", "--dsn", empty_dsn, "--json", cwd=tmp_path)
    found = json.loads(as_json.stdout)["history"]
    assert {change["migration_id"].partition(".")[0] for change in found} == {"auth"}
    assert [change["operation"] for change in found if change["migration_id"] == newest] == ["apply", "rollback"]
    assert found[0].keys() == {"at", "operation", "migration_id", "username", "hostname"}
    assert found[0]["at"].endswith("+00:00")


def test_marks_that_were_lost_come_back(tmp_path: Path, empty_dsn: str) -> None:
    applied = migrate(empty_dsn)
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("TRUNCATE _yoyo_migration, _mentorbase_checksum")
    error, to_do = said(mentorbase("migrate", "--dsn", empty_dsn, cwd=tmp_path))
    assert error == f'migration {applied[0]} failed: schema "platform" already exists'
    assert to_do.endswith("If the database has all of it but not the mark, mentorbase migrate --stamp marks it")
    assert mentorbase("migrate", "--stamp", "--plan", "--dsn", empty_dsn, cwd=tmp_path).returncode == 2

    stamped = mentorbase("migrate", "--stamp", "--dsn", empty_dsn, "--json", cwd=tmp_path)
    assert (stamped.returncode, json.loads(stamped.stdout)) == (0, {"marked": applied})
    again = mentorbase("migrate", "--stamp", "--dsn", empty_dsn, cwd=tmp_path)
    assert again.stdout == "Nothing to do: the database has every mark.\n"
    assert migrate(empty_dsn) == []


def test_one_service_alone(tmp_path: Path, empty_dsn: str) -> None:
    done = mentorbase("migrate", "mentoring", "--json", cwd=tmp_path, MENTORBASE_DSN=empty_dsn)
    assert {migration.split(".")[0] for migration in json.loads(done.stdout)["applied"]} == {"platform", "mentoring"}


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["status"], {}, "error: no PostgreSQL server is named"),
        (
            ["status", "--dsn", f"host=127.0.0.1 port=1 password={SECRET}"],
            {},
            "error: no server listens at 127.0.0.1:1",
        ),
        (["status", "--dsn", f"port=x password={SECRET}"], {}, "error:"),
        (["status", "--dsn", f"postgresql://u:{SECRET}@[/x"], {}, "error:"),
        (["migrate", "--dsn", "{missing}"], {}, 'error: database "nowhere" does not exist'),
        (["migrate", "--dsn", "{stranger}"], {}, 'error: role "nobody_here" does not exist'),
        (["migrate", "algebra", "--dsn", "{server}"], {}, "algebra"),
        (["status"], {"POSTGRES_HOST": "localhost", "POSTGRES_PORT": SECRET}, "error: POSTGRES_PORT:"),
        (["status"], {"SERVER_ENV": SECRET}, "error: SERVER_ENV:"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    tmp_path: Path, pg_server: TestServer, arguments: list[str], variables: dict[str, str], message: str
) -> None:
    targets = {
        "{server}": pg_server.dsn(),
        "{missing}": pg_server.dsn("nowhere"),
        "{stranger}": pg_server.dsn(user="nobody_here"),
    }
    done = mentorbase(*(targets.get(argument, argument) for argument in arguments), cwd=tmp_path, **variables)
    assert done.returncode == 1
    assert message in done.stderr
    assert "to do:" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert done.stdout == ""


# -- One clear line, each caused for real


class Installed:
    """The package as a wheel lays it out, to be damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        package = folder / "mentorbase"
        shutil.copytree(ROOT / "dao", package, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("migrations", "sql"):
            shutil.copytree(resources.folder(name), package / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.migrations = package / "migrations"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from mentorbase.cli import main; main()", *arguments],
            cwd=self.folder,
            env=environment(PYTHONPATH=str(self.folder), PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def said(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """Return the two lines of an error: what is wrong, and what to do."""
    assert (done.returncode, done.stdout) == (1, "")
    error, to_do = " ".join(done.stderr.split()).partition("error: ")[2].split(" to do: ")
    return error, to_do


@pytest.mark.parametrize("command", ["status", "migrate", "rollback"])
def test_an_edited_migration_is_named(installed: Installed, empty_dsn: str, command: str) -> None:
    (installed.migrations / "auth" / "auth.0001.init.sql").write_text("SELECT 1;\n")
    error, to_do = said(installed.run(command, "--dsn", empty_dsn))
    assert error == "migrations/auth/auth.0001.init.sql was edited after its release"
    assert "a change is a new migration" in to_do


def test_a_database_that_was_given_another_file_is_named(installed: Installed, empty_dsn: str) -> None:
    migrate(empty_dsn, ["auth"])
    edited = installed.migrations / "auth" / "auth.0001.init.sql"
    edited.write_text(edited.read_text() + "-- Of another release.\n")
    (installed.migrations / checksums.MANIFEST).write_text(
        "".join(f"{sum_}  {path}\n" for path, sum_ in checksums.found(installed.migrations).items())
    )
    error, to_do = said(installed.run("status", "--dsn", empty_dsn))
    assert error == 'auth.0001.init was applied to database "empty_test" from a file that was edited since'
    assert "mentorbase migrate --stamp" in to_do
    done = installed.run("migrate", "auth", "--stamp", "--dsn", empty_dsn)
    assert (done.returncode, done.stdout.split()) == (0, ["marked", "auth.0001.init"])
    assert installed.run("status", "auth", "--dsn", empty_dsn).returncode == 0


def test_a_file_that_was_never_released_is_not_run(installed: Installed, empty_dsn: str) -> None:
    (installed.migrations / "auth" / "auth.9999.stray.sql").write_text("SELECT 1;\n")
    error, _ = said(installed.run("migrate", "--dsn", empty_dsn))
    assert error == "migrations/auth/auth.9999.stray.sql was never released"


@pytest.mark.parametrize("command", ["migrate", "rollback"])
def test_another_migrator_at_work_is_named(tmp_path: Path, empty_dsn: str, command: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True, application_name="the other one") as other:
        other.execute("SELECT pg_advisory_lock(%s, 1)", [GUARD_LOCK])
        error, to_do = said(mentorbase(command, "--wait", "0.2", "--dsn", empty_dsn, cwd=tmp_path))
        assert error == "another migrator is at work"
        assert f"pg_terminate_backend({other.info.backend_pid}), application_name 'the other one'" in to_do


def test_missing_rights_are_named(tmp_path: Path, empty_dsn: str, pg_server: TestServer) -> None:
    name = f"cli_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN")
        stranger = make_conninfo(empty_dsn, user=name)
        error, to_do = said(mentorbase("migrate", "--dsn", stranger, cwd=tmp_path))
        conn.execute(f"DROP ROLE {name}")
    assert error == "the role has not enough rights: permission denied for schema public"
    assert to_do == "Connect as the owner of the database or as a superuser"


@pytest.mark.parametrize("command", [["status", "--history"], ["migrate"]])
def test_a_server_that_is_too_old_is_named(tmp_path: Path, command: list[str]) -> None:
    with old_server() as dsn:
        error, to_do = said(mentorbase(*command, "--dsn", dsn, cwd=tmp_path))
    assert error == f"the server is PostgreSQL {VERSION}, too old"
    assert to_do == "mentorbase needs PostgreSQL 15 or newer"


def test_errors_as_json_too(tmp_path: Path) -> None:
    done = mentorbase("status", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "no PostgreSQL server is named"


def test_settings_come_from_dot_env(tmp_path: Path, pg_server: TestServer) -> None:
    (tmp_path / ".env").write_text(f"MENTORBASE_DSN={pg_server.dsn('nowhere')}\n")
    assert 'database "nowhere" does not exist' in mentorbase("status", cwd=tmp_path).stderr


@pytest.mark.parametrize("command", ["demo", "migrate", "rollback", "status"])
def test_help_teaches(tmp_path: Path, command: str) -> None:
    done = mentorbase(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--dsn" in done.stdout
    assert "--json" in done.stdout


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert mentorbase("migrat", cwd=tmp_path).returncode == 2
    assert mentorbase("rollback", "--count", "0", cwd=tmp_path).returncode == 2
    assert mentorbase("rollback", "--count", "2", "--all", cwd=tmp_path).returncode == 2
    assert mentorbase("migrate", "--wait", "-1", cwd=tmp_path).returncode == 2
