from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from cli.support import mentorbase
from conftest import DEPLOY
from dao.source_models import build, fill, people
from psycopg.conninfo import make_conninfo


@pytest.fixture
def source(admin: psycopg.Connection) -> psycopg.Connection:
    """A source with two people, a subject, a good booking and twelve bookings of one's own subject."""
    build(admin)
    people(admin, 1, 2)
    fill(admin, "subjects", {"id": 5, "user_id": 1})
    for number in range(1, 14):
        booking = {
            "id": number,
            "subject_id": 5,
            "user_id": 1,
            "status": "completed",
            "booked_date": "2020-05-17 12:00",
        }
        fill(admin, "subject_schedule", booking | ({"user_id": 2} if number == 1 else {}))
    return admin


@pytest.fixture
def deployer(admin: psycopg.Connection) -> str:
    return make_conninfo(admin.info.dsn, user=DEPLOY)


def there(admin: psycopg.Connection) -> int:
    [(count,)] = admin.execute("SELECT count(*) FROM mentoring.subject_schedule").fetchall()
    return int(count)


def test_it_shows_what_became_of_every_row(tmp_path: Path, source: psycopg.Connection, deployer: str) -> None:
    done = mentorbase("adopt", "--from-schema", "public", "--dsn", deployer, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for line in (
        "table imported already there refused",
        "users 2 0 0",
        "user_profiles 0 0 0",
        "subjects 1 0 0",
        "mentor_mentee 0 0 0",
        "subject_schedule 1 0 12",
        "subject_schedule 12 Nobody books their own subject 2, 3, 4, 5, 6, 7, 8, 9, ...",
    ):
        assert line in shown
    assert "From bookings: 1 relationships made" in done.stdout
    assert "dry run" not in done.stdout
    assert "Importing subject_schedule" in done.stderr
    assert there(source) == 1


def test_as_json_it_lists_every_key(tmp_path: Path, source: psycopg.Connection, deployer: str) -> None:
    done = mentorbase("adopt", "--from-schema", "public", "--json", "--dsn", deployer, cwd=tmp_path)
    shown = json.loads(done.stdout)
    assert (done.returncode, done.stderr, shown["dry_run"]) == (0, "", False)
    assert [(table["table"], table["imported"], table["already_there"]) for table in shown["tables"]] == [
        ("users", 2, 0),
        ("user_profiles", 0, 0),
        ("subjects", 1, 0),
        ("mentor_mentee", 0, 0),
        ("subject_schedule", 1, 0),
    ]
    assert shown["tables"][-1]["refused"] == [
        {
            "code": "subject_schedule_not_own_subject_check",
            "reason": "Nobody books their own subject",
            "keys": list(range(2, 14)),
            "count": 12,
        }
    ]
    assert shown["relationships"] == {
        "created": 1,
        "attributed": 0,
        "only_cancelled": 0,
        "blocked": 0,
        "held_back": [],
        "over_capacity": [],
    }


def test_a_dry_run_says_so(tmp_path: Path, source: psycopg.Connection, deployer: str) -> None:
    done = mentorbase("adopt", "--from-schema", "public", "--dry-run", cwd=tmp_path, MENTORBASE_DSN=deployer)
    assert done.returncode == 0, done.stderr
    assert "A dry run: nothing was changed." in done.stdout
    assert there(source) == 0


def test_it_says_who_is_held_back_and_who_has_too_many(
    tmp_path: Path, source: psycopg.Connection, deployer: str
) -> None:
    fill(source, "user_profiles", {"user_id": 1, "mentor_available": True, "max_mentees": 0, "mentor_rate": 9.5})
    people(source, 3)
    booking = {"id": 20, "subject_id": 5, "user_id": 3, "status": "completed", "booked_date": "2020-05-17"}
    fill(source, "subject_schedule", booking)
    source.execute(
        "INSERT INTO mentor_mentee (mentor_id, mentee_id, status, initiated_by, subscribe_to_quizzes,"
        " subscribe_to_courses, subscribe_to_subjects) VALUES (1, 3, 'GONE', 'mentee', true, true, false)"
    )
    done = mentorbase("adopt", "--from-schema", "public", "--currency", "EUR", "--dsn", deployer, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 pairs got none: their own row of mentor_mentee is among the refused." in done.stdout
    assert "More mentees than max_mentees now have the mentors 1." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from-schema", "nowhere"], 'error: there is no schema "nowhere"'),
        (["--from-schema", "auth"], 'error: the schema "auth" has no table user_profiles'),
        (["--from-schema", "public", "--currency", "euro"], "error: the currency is no ISO 4217 code"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    tmp_path: Path, source: psycopg.Connection, deployer: str, arguments: list[str], message: str
) -> None:
    done = mentorbase("adopt", *arguments, "--dsn", deployer, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "to do:" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_has_to_be_named(tmp_path: Path) -> None:
    assert mentorbase("adopt", cwd=tmp_path).returncode == 2


def test_help_teaches(tmp_path: Path) -> None:
    done = mentorbase("adopt", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("--from-schema", "--currency", "--dry-run", "--dsn", "--json"):
        assert option in done.stdout
