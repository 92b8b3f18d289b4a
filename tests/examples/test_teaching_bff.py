"""Six services in six databases: the documented operations, composed of DAO calls, also while one of them is away."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from conftest import APP, TestServer
from examples import teaching_bff
from examples.teaching_bff import ATTEMPTS, SERVICES, Bff, Unavailable
from mentorbase import (
    ConnectionLost,
    Database,
    InvalidArgument,
    Lesson,
    LessonStatus,
    Links,
    NotFound,
    NotPermitted,
    Refusal,
    Settings,
    StudentsBusy,
    TeacherAway,
    TransitionRefused,
)
from mentorbase.migrate import migrate
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from schema.support import as_deploy, new_database

TEACHER, COLLEAGUE, LONER, STUDENTS = 101, 102, 301, list(range(201, 231))
GROUP, ENDED = 1, 2
MONDAY = datetime(2031, 6, 2, tzinfo=UTC)
PATIENT = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=2)
QUICK = PATIENT.model_copy(update={"db_pool_timeout": 1.0})  # how long each attempt waits for a service that is away

# What each service knows at the beginning: a teacher with a group of thirty, one of whom is busy on Tuesday.
ROWS = {
    "auth": """
        INSERT INTO auth.users (telegram_id, first_name, language_code)
        SELECT i, 'Person', CASE WHEN i = 202 THEN 'ru' ELSE 'en' END
        FROM unnest(ARRAY[101, 102, 301] || ARRAY(SELECT generate_series(201, 230))) AS i
    """,
    "teachers": "INSERT INTO teachers.teachers (telegram_id, is_active) VALUES (101, true), (102, true)",
    "students": """
        INSERT INTO students.students (telegram_id, timezone, is_active)
        SELECT i, CASE WHEN i = 203 THEN 'Asia/Tokyo' ELSE 'UTC' END, i <> 301
        FROM unnest(ARRAY[301] || ARRAY(SELECT generate_series(201, 230))) AS i
    """,
    "groups": """
        INSERT INTO groups.groups (id, teacher_telegram_id, name, language, capacity, status)
        VALUES (1, 101, 'Evening', 'en', 30, 'open'), (2, 101, 'Over', 'en', 30, 'completed');
        INSERT INTO groups.group_members (group_id, student_telegram_id) SELECT 1, generate_series(201, 230)
    """,
    "calendar": """
        INSERT INTO calendar.teacher_unavailable (teacher_telegram_id, starts_at, ends_at)
        VALUES (101, '2031-06-04 00:00:00+00', '2031-06-05 00:00:00+00');
        SELECT id FROM calendar.plan_lesson(
            102, 'Alone', '2031-06-03 10:00:00+00', '2031-06-03 11:00:00+00', ARRAY[207]
        )
    """,
    "notifications": "SELECT",
}


@dataclass(frozen=True)
class House:
    """Where each service lives: a superuser's DSN and the application's."""

    admin: dict[str, str]
    app: dict[str, str]

    def ask(self, service: str, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin[service]) as conn:
            return conn.execute(query).fetchall()


def furnish(dsn: str, services: tuple[str, ...]) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("SET mentorbase.actor = 'system'; SET mentorbase.bulk_load = on")
        for service in services:
            conn.execute(ROWS[service])


@pytest.fixture(scope="module")
def templates(pg_server: TestServer, pg_template: NoopExecutor) -> Iterator[dict[str, str]]:
    """A database of each service alone, and one of all together, with their rows."""
    with ExitStack() as stack:
        found = {}
        for service in SERVICES:
            found[service] = f"{pg_template.dbname}_bff_{service}"
            dsn = stack.enter_context(new_database(pg_server, found[service]))
            migrate(as_deploy(dsn), [service])
            furnish(dsn, (service,))
        found["together"] = f"{pg_template.dbname}_bff_together"
        dsn = stack.enter_context(new_database(pg_server, found["together"], pg_template.template_dbname))
        furnish(dsn, SERVICES)
        yield found


@contextmanager
def cloned(server: TestServer, templates: dict[str, str], suffix: str) -> Iterator[House]:
    with ExitStack() as stack:
        admin = {
            service: stack.enter_context(new_database(server, f"{template}_{suffix}", template))
            for service, template in templates.items()
        }
        yield House(admin, {service: make_conninfo(dsn, user=APP) for service, dsn in admin.items()})


@pytest.fixture
def house(pg_server: TestServer, templates: dict[str, str]) -> Iterator[House]:
    """The test's own databases."""
    with cloned(pg_server, templates, "own") as found:
        yield found


@pytest.fixture(scope="module")
def shared(pg_server: TestServer, templates: dict[str, str]) -> Iterator[House]:
    """Databases for tests that leave nothing behind."""
    with cloned(pg_server, templates, "shared") as found:
        yield found


@pytest.fixture
def bff(house: House) -> Iterator[Bff]:
    with Bff(house.app, PATIENT) as made:
        yield made


@pytest.fixture
def quick(house: House) -> Iterator[Bff]:
    with Bff(house.app, QUICK) as made:
        yield made


@contextmanager
def together(house: House) -> Iterator[Links[Any]]:
    """The same operations, of services that share a database."""
    with Database.connect(house.app["together"], settings=PATIENT) as db:
        yield db.links


@contextmanager
def away(house: House, service: str) -> Iterator[None]:
    """The service's database takes no connection, and has lost those that it had."""
    name = psycopg.conninfo.conninfo_to_dict(house.admin[service])["dbname"]
    with psycopg.connect(house.admin["together"], autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        conn.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def create(
    made: Any, *, teacher: int = TEACHER, group: int | None = GROUP, students=None, hours=10, actor=None
) -> Lesson:
    starts_at = MONDAY + timedelta(hours=hours)
    return made.create_lesson(
        teacher, group, students, title="Fractions", starts_at=starts_at, ends_at=starts_at + timedelta(hours=1),
        actor_id=actor or teacher,
    )  # fmt: skip


def without_keys(found: Any) -> Any:
    """A document without what differs between two databases: keys and times of making."""
    if is_dataclass(found):
        left_out = {"created_at", "updated_at"} | ({"id"} if isinstance(found, Lesson) else set())
        return {
            field.name: without_keys(getattr(found, field.name))
            for field in fields(found)
            if field.name not in left_out
        }
    return [without_keys(one) for one in found] if isinstance(found, list) else found


TOLD = "SELECT recipient_telegram_id, body, dedupe_key FROM notifications.notifications ORDER BY 1"
ALONE = ("Alone", MONDAY + timedelta(hours=34), "planned")
LESSONS = "SELECT title, starts_at, status::text FROM calendar.lessons ORDER BY id"
PARTICIPANTS = "SELECT student_telegram_id, starts_at FROM calendar.lesson_participants ORDER BY 2, 1"


def test_six_databases_give_what_one_gives(bff, house):
    with together(house) as links:
        assert without_keys(create(bff)) == without_keys(create(links))
        for service, query in (("notifications", TOLD), ("calendar", LESSONS), ("calendar", PARTICIPANTS)):
            assert house.ask(service, query) == house.ask("together", query)
        assert len(house.ask("notifications", TOLD)) == 30
        for person in (TEACHER, COLLEAGUE, LONER, STUDENTS[0], STUDENTS[6]):
            found = bff.user_profile(person)
            assert found is not None
            assert without_keys(found) == without_keys(links.user_profile(person))
        assert bff.user_profile(999) is links.user_profile(999) is None


@pytest.mark.parametrize(
    ("given", "kind", "values"),
    [
        ({"teacher": 999}, NotFound, {"teacher_telegram_id": "999"}),
        ({"group": 999}, NotFound, {}),
        ({"teacher": COLLEAGUE}, NotPermitted, {"group_id": "1"}),
        ({"group": ENDED}, TransitionRefused, {"group_id": "2"}),
        ({"students": [201, 998, 997]}, NotFound, {"student_telegram_ids": "997|998"}),
        ({"students": [201, LONER]}, InvalidArgument, {"student_telegram_ids": "301"}),
        ({"hours": 34}, StudentsBusy, {"student_telegram_ids": "207"}),
        ({"hours": 50}, TeacherAway, {"teacher_telegram_id": "101"}),
        ({"actor": COLLEAGUE, "group": None, "students": []}, NotPermitted, {}),
    ],
)
def test_six_databases_refuse_what_one_refuses(shared, given, kind: type[Refusal], values):
    with Bff(shared.app, PATIENT) as bff, together(shared) as links:
        for made in (bff, links):
            with pytest.raises(Refusal) as caught:
                create(made, **given)
            assert type(caught.value) is kind
            assert caught.value.values.items() >= values.items()
    for service in ("notifications", "together"):
        assert shared.ask(service, TOLD) == []
    for service in ("calendar", "together"):
        assert [row for row in shared.ask(service, LESSONS) if row[2] == "planned"] == [ALONE]


def test_each_call_is_logged_by_name_and_duration_and_says_nothing_else(bff, caplog):
    caplog.set_level(logging.INFO, "teaching_bff")
    create(bff)
    assert [message.rsplit(" ", 2)[0] for message in caplog.messages] == [
        "teachers.teacher took",
        "groups.group took",
        "groups.active_members took",
        "groups.active_members took",
        "students.students took",
        "auth.users_by_telegram_ids took",
        "calendar.plan_lesson took",
        "notifications.enqueue_many took",
    ]
    assert not any(word in caplog.text for word in ("Fractions", "201", "101 "))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_was_away_from_the_start_is_named(shared, service):
    dsns = shared.app | {service: make_conninfo(shared.app[service], port=1)}
    with Bff(dsns, PATIENT) as bff:
        with pytest.raises(Unavailable) as caught:
            create(bff)
        assert (caught.value.service, caught.value.lesson_id) == (service, None)
        assert str(caught.value) == f"the {service} service does not answer; nothing was changed"
        assert isinstance(caught.value.__cause__, ConnectionLost)
        if service == "notifications":
            assert bff.user_profile(TEACHER) is not None
        else:
            with pytest.raises(Unavailable, match=f"^the {service} service"):
                bff.user_profile(TEACHER)


@pytest.mark.parametrize(("service", "left"), [("calendar", []), ("notifications", ["cancelled"])])
def test_a_service_that_goes_away_is_named_and_is_used_again_once_it_is_back(quick, house, caplog, service, left):
    """A lesson of which nobody could be told is cancelled, and says why."""
    create(quick)
    with away(house, service), pytest.raises(Unavailable) as caught:
        create(quick, hours=12)
    assert (caught.value.service, caught.value.lesson_id) == (service, None)
    failed = [
        record for record in caplog.records if record.name == "teaching_bff" and record.levelno == logging.WARNING
    ]
    assert [record.args[0].split(".")[0] for record in failed if record.args] == [service] * ATTEMPTS
    found = house.ask("calendar", LESSONS)
    assert [status for title, _, status in found if title == "Fractions"] == ["planned", *left]
    reasons = house.ask("calendar", "SELECT reason FROM calendar.lesson_history WHERE to_status = 'cancelled'")
    assert reasons == [("the students could not be told",)] * len(left)

    assert create(quick, hours=12).status is LessonStatus.PLANNED
    assert len(house.ask("notifications", TOLD)) == 60


def test_a_lesson_that_cannot_be_taken_back_either_is_named(quick, house, monkeypatch):
    def tell(*_: object) -> None:
        stack.enter_context(away(house, "calendar"))
        raise ConnectionLost

    monkeypatch.setattr(teaching_bff, "_tell", tell)
    monkeypatch.setattr(teaching_bff, "ATTEMPTS", 1)
    with ExitStack() as stack, pytest.raises(Unavailable) as caught:
        create(quick)
    [(lesson_id,)] = house.ask("calendar", "SELECT id FROM calendar.lessons WHERE title = 'Fractions'")
    assert (caught.value.service, caught.value.lesson_id) == ("calendar", lesson_id)
    assert str(caught.value).endswith(f"lesson {lesson_id} stays planned and nobody was told")


def test_an_answer_that_was_lost_after_its_commit_is_not_asked_for_twice(bff, house, monkeypatch):
    """The statement ran, the connection broke before the answer: the next attempt finds what it did."""
    lost = iter([True, True])
    transaction, calendar = Database.transaction, bff._database("calendar").calendar
    plan = calendar.plan_lesson

    def lossy(*args: Any, **kwargs: Any) -> Lesson:
        lesson = plan(*args, **kwargs)
        if next(lost, False):
            raise ConnectionLost
        return lesson

    @contextmanager
    def lossy_transaction(self: Database, **given: Any) -> Iterator[Any]:
        with transaction(self, **given) as tx:
            yield tx
        if next(lost, False):
            raise ConnectionLost

    monkeypatch.setattr(type(calendar), "plan_lesson", property(lambda _: lossy))
    monkeypatch.setattr(Database, "transaction", lossy_transaction)
    lesson = create(bff)
    assert [status for title, _, status in house.ask("calendar", LESSONS) if title == "Fractions"] == ["planned"]
    told = house.ask("notifications", TOLD)
    assert [row[0] for row in told] == STUDENTS
    assert {row[2] for row in told} == {f"lesson:{lesson.id}"}
    assert house.ask("notifications", "SELECT sum(duplicates) FROM notifications.notifications") == [(30,)]
