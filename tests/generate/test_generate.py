"""A platform that is made up keeps the rules of a real one, and is the same each time."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import psycopg
import pytest
from cli.support import mentorbase
from conftest import APP, DEPLOY
from generate.invariants import broken
from mentorbase.errors import SetupError
from mentorbase.generate import Scale, World, generate, transactions
from psycopg.conninfo import make_conninfo
from schema.support import as_deploy

DAY = date(2026, 3, 1)


def digest(scale: Scale, seed: int, as_of: date) -> str:
    found = hashlib.sha256()
    for loads in transactions(World(scale, seed, as_of)):
        for load in loads:
            for line in load.rows():
                found.update(line.encode())
    return found.hexdigest()


def test_the_same_seed_and_day_make_the_same_rows_everywhere() -> None:
    assert digest(Scale.TINY, 1, DAY) == ("af78c930a004a81f4e5fc66cde5386c51e439f70fdffce9f537bf1772b538baa")
    assert len({digest(Scale.TINY, seed, DAY) for seed in range(5)}) == 5


def test_all_bookings_are_made_for_any_seed() -> None:
    for seed in range(5):
        for loads in transactions(World(Scale.SMALL, seed, DAY)):
            for load in loads:
                lines = sum(line.count("\n") for line in load.rows())
                assert load.count in (None, lines), load.table


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_made_keeps_every_rule(admin: psycopg.Connection, seed: int) -> None:
    done = generate(as_deploy(admin.info.dsn), Scale.SMALL, seed=seed)
    assert broken(admin) == {}
    for table, count in done.rows.items():
        assert admin.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,), table
    assert done.rows["mentoring.subject_schedule"] == 3_000
    # What an erasure puts in the place of a Telegram id begins at 2^51, and is known by that.
    assert admin.execute("SELECT max(telegram_id) < 2 ^ 51 FROM auth.users").fetchone() == (True,)
    for table, same in (
        ("mentoring.user_profiles", "p.user_id = u.id"),
        ("teachers.teachers", "p.telegram_id = u.telegram_id"),
        ("students.students", "p.telegram_id = u.telegram_id"),
        ("notifications.user_notification_settings", "p.telegram_id = u.telegram_id"),
    ):
        elsewhere = f"SELECT count(*) FROM {table} AS p JOIN auth.users AS u ON {same} WHERE p.timezone <> u.timezone"
        assert admin.execute(elsewhere).fetchone() == (0,), table
    # A few are busy: the first tenth of the mentors has a third of the relationships and more.
    [[busy]] = admin.execute(
        "SELECT count(*) FILTER (WHERE mentor_id <= 2) * 10 / count(*) FROM mentoring.mentor_mentee"
    ).fetchall()
    assert busy >= 3
    for table, number in (("mentoring.mentor_mentee", 8), ("mentoring.subject_schedule", 5)):
        assert admin.execute(f"SELECT count(DISTINCT status) FROM {table}").fetchone() == (number,), table


SPOILED = [
    (
        "UPDATE mentoring.subject_schedule SET created_at = created_at - interval '5 years'",
        "a session lies within its relationship",
    ),
    ("UPDATE mentoring.subject_schedule SET status = 'no_show' WHERE id = 1", "bookings have gone by theirs"),
    (
        "UPDATE mentoring.user_profiles SET max_mentees = 0 WHERE user_id = 1",
        "nobody has more mentees than places",
    ),
    ("UPDATE groups.group_members SET progress = 7", "enrollments say what memberships say"),
    (
        "UPDATE getcourse.mapping SET valid_from = valid_from + interval '1 day' WHERE is_open",
        "a pair of the bot has one mentor after the other, without a gap, and one today",
    ),
    (
        "UPDATE getcourse.webhook_keys SET event_id = event_id + 1",
        "a webhook speaks of a pair of its time, and is known again when it comes again",
    ),
    (
        "UPDATE getcourse.notifications SET mentor_id = mentor_id % 3 + 1, message_hash = id",
        "a mentor of the bot was told of what was processed for them, once, while they could be reached",
    ),
    (
        "UPDATE groups.group_progress SET active_members = capacity + 1",
        "what was last written down of a group is how it stands",
    ),
    ("UPDATE quests.quests SET version = version + 1", "quests have gone by their life cycle"),
    (
        "UPDATE quests.child_privacy_settings SET share_educational_progress = false",
        "a child shares what it last said, and plays what was given to it",
    ),
    (
        "DELETE FROM quests.child_progress WHERE node_key = 'node_1'",
        "numbers of a quest are those of its nodes, and details are there as far as they are shared",
    ),
    (
        "UPDATE quests.privacy_reads SET result = 'violation'",
        "every look at what a child does found what the child shares",
    ),
    ("ALTER TABLE auth.users DISABLE TRIGGER users_guard", "every trigger is on again"),
]


def test_what_breaks_a_rule_is_found(admin: psycopg.Connection) -> None:
    generate(as_deploy(admin.info.dsn), Scale.TINY, as_of=DAY)
    for spoil, rule in SPOILED:
        with admin.transaction(force_rollback=True):
            admin.execute("SET LOCAL session_replication_role = replica")
            admin.execute(spoil)
            assert rule in broken(admin), spoil


# Whom a channel gave back: only failures make these.
EMPTY = {"notifications.v_unreachable_recipients"}


def test_every_view_to_look_at_first_shows_something(admin: psycopg.Connection) -> None:
    generate(as_deploy(admin.info.dsn), Scale.TINY, as_of=DAY)
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    _, _, table = readme.partition("### What to look at first\n")
    views = set(re.findall(r"`([a-z]+\.v_[a-z_]+)`", table.partition("\n- ")[0]))
    assert len(views) > 40
    assert {view for view in views if not admin.execute(f"SELECT FROM {view} LIMIT 1").rowcount} == EMPTY


def test_the_command_says_what_it_made_and_refuses_a_second_time(tmp_path: Path, admin: psycopg.Connection) -> None:
    target = as_deploy(admin.info.dsn)
    made = mentorbase("generate", "--scale", "tiny", "--as-of", "2026-03-01", "--json", "--dsn", target, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    shown = json.loads(made.stdout)
    assert (shown["scale"], shown["seed"], shown["as_of"]) == ("tiny", 1, "2026-03-01")
    assert shown["rows"]["mentoring.subject_schedule"] == 150
    assert made.stderr == ""
    again = mentorbase("generate", "--scale", "tiny", "--dsn", target, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "error: this database already holds people" in again.stderr


def test_an_application_may_not_fill_a_database(admin: psycopg.Connection) -> None:
    with pytest.raises(SetupError, match="this login may not fill the database"):
        generate(make_conninfo(admin.info.dsn, user=APP), Scale.TINY)
    assert admin.execute("SELECT count(*) FROM auth.users").fetchone() == (0,)


def test_a_database_without_migrations_and_a_day_to_come_are_refused(empty_dsn: str, admin: psycopg.Connection) -> None:
    with pytest.raises(SetupError, match="lacks migrations: it has no auth, calendar"):
        generate(empty_dsn, Scale.TINY)
    with pytest.raises(SetupError, match="lies in the future"):
        generate(make_conninfo(admin.info.dsn, user=DEPLOY), Scale.TINY, as_of=date(2999, 1, 1))
