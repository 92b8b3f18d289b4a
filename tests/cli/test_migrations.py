from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.support import mentorbase
from conftest import TestServer

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
