"""The example application over real HTTP, in both of its languages."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import json
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from examples import mentoring_api
from fastapi import Request
from mentorbase import (
    SYSTEM,
    AlreadyExists,
    Database,
    InvalidValue,
    Refusal,
    Relationship,
    RelationshipStatus,
    Statistics,
    SubjectInactive,
)
from mentoring.racing import PATIENCE, behind, wait_until_stuck

pytestmark = pytest.mark.usefixtures("people")

MENTOR, MENTEE, OUTSIDER, NOBODY = 7, 9, 11, 999
LINK = 1  # the first relationship of a test's database
ABOUT_MENTEE, ABOUT_MENTOR = "slow but steady, top secret", "explains too fast, top secret"
CLIENTS = 20


@dataclass(frozen=True)
class Api:
    """A person's way to the application; keeps every answer."""

    http: httpx.Client
    lang: str = "en"
    answers: list[httpx.Response] = dataclasses.field(default_factory=list)

    def __call__(
        self, user: int | str | None, method: str, path: str, body: dict[str, Any] | None = None, **params: Any
    ) -> httpx.Response:
        headers = {} if user is None else {"X-User-Id": str(user)}
        answer = self.http.request(
            method, f"/{self.lang}/users/{path}", headers=headers, json=body, params=params or None
        )
        self.answers.append(answer)
        return answer

    def done(self, *request: Any, **params: Any) -> Any:
        """What a request that must succeed answers."""
        answer = self(*request, **params)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def served() -> Iterator[str]:
    """Run the application in a thread on a free port; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(mentoring_api.app, lifespan="on", ws="none", log_config=None))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the application did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextmanager
def called(lang: str = "en") -> Iterator[Api]:
    with served() as address, httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as http:
        yield Api(http, lang)


@pytest.fixture
def environment(dsn: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment that the application reads."""
    monkeypatch.setenv("MENTORBASE_DSN", dsn)
    monkeypatch.setenv("DB_POOL_MIN_SIZE", "1")
    monkeypatch.setenv("DB_POOL_MAX_SIZE", str(CLIENTS))
    return monkeypatch


@pytest.fixture
def api(environment: pytest.MonkeyPatch) -> Iterator[Api]:
    with called() as api:
        yield api


def sessions(admin: psycopg.Connection) -> list[int]:
    """Server processes of the application's pool."""
    found = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mentorbase'"
    )
    return [pid for (pid,) in found]


def requested(db: Database) -> Relationship:
    return db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)


def accepted(db: Database) -> Relationship:
    return db.mentoring.accept(requested(db).id, actor_id=MENTOR)


def limited(db: Database, places: int | None, *, available: bool = True) -> None:
    with db.transaction(actor=MENTOR) as tx:
        tx.mentoring.save_profile(MENTOR, max_mentees=places, mentor_available=available)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_a_relationship_lives_its_whole_life_over_http(
    environment: pytest.MonkeyPatch, db: Database, lang: str
) -> None:
    with called(lang) as api:
        asked = api(MENTEE, "POST", "mentee/add-mentor", {"mentor_id": MENTOR, "reason": "Algebra"})
        assert asked.status_code == 201
        link = asked.json()
        assert (link["status"], link["initiated_by"], link["accepted_at"]) == ("pending", "mentee", None)
        path = f"mentor-mentee/{link['id']}"
        assert api.done(MENTOR, "GET", "mentor/mentees") == {"items": [link], "next_after_id": None}
        assert api.done(MENTEE, "GET", "mentee/mentors") == {"items": [link], "next_after_id": None}
        assert api.done(OUTSIDER, "GET", "mentor/mentees") == {"items": [], "next_after_id": None}

        assert api.done(MENTOR, "PUT", path, {"status": "active"})["status"] == "active"
        later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
        paused = api.done(MENTEE, "PUT", path, {"status": "paused", "resume_at": later, "reason": "Exams"})
        assert (paused["status"], paused["paused_by"]) == ("paused", MENTEE)
        assert datetime.fromisoformat(paused["resume_at"]) == datetime.fromisoformat(later)
        resumed = api.done(MENTEE, "PUT", path, {"status": "active"})
        assert (resumed["status"], resumed["resume_at"]) == ("active", None)

        chosen = {"quizzes": False, "version": resumed["version"]}
        changed = api.done(MENTEE, "PUT", path, {"subscriptions": chosen, "note": ABOUT_MENTOR})
        assert (changed["subscribe_to_quizzes"], changed["subscribe_to_courses"]) == (False, True)
        assert db.mentoring.note(link["id"], actor_id=MENTEE) == ABOUT_MENTOR
        api.done(MENTEE, "PUT", path, {"note": None})
        assert db.mentoring.note(link["id"], actor_id=MENTEE) is None

        book(db)
        stats = api.done(MENTOR, "GET", f"{path}/stats")
        assert stats == api.done(MENTEE, "GET", f"{path}/stats")
        assert stats.keys() == names(Statistics)
        assert (stats["relationship_id"], stats["total_bookings"], stats["pending_sessions"]) == (link["id"], 1, 1)
        assert (stats["hours_completed"], stats["completion_rate"]) == ("0", None)

        ended = api.done(MENTOR, "PUT", path, {"status": "completed"})
        assert ended.keys() == names(Relationship)
        assert api.done(MENTEE, "GET", "mentee/mentors", status="completed")["items"] == [ended]
        assert api.done(MENTEE, "GET", "mentee/mentors", status=["pending", "active"])["items"] == []
        assert [step.reason for step in db.mentoring.history(link["id"])] == ["Algebra", None, "Exams", None, None]


def book(db: Database) -> None:
    begin = datetime.now(UTC) + timedelta(days=1)
    with db.transaction(actor=MENTOR) as tx:
        subject = tx.mentoring.create_subject(MENTOR, title="Algebra")
    db.mentoring.book(subject.id, MENTEE, booked_date=begin, ends_at=begin + timedelta(hours=1), actor_id=MENTEE)


def names(model: type) -> set[str]:
    return {field.name for field in dataclasses.fields(model)}


@pytest.mark.parametrize(
    ("status", "user", "begun"),
    [
        ("rejected", MENTOR, requested),
        ("cancelled", MENTEE, requested),
        ("terminated", MENTOR, accepted),
        ("terminated", MENTEE, accepted),
    ],
)
def test_a_relationship_ends_by_the_step_of_the_status_asked_for(
    api: Api, db: Database, status: str, user: int, begun: Callable[[Database], Relationship]
) -> None:
    begun(db)
    ended = api.done(user, "PUT", f"mentor-mentee/{LINK}", {"status": status})
    assert (ended["status"], ended["ended_by"]) == (status, user)


def test_who_is_asked_back_is_connected_at_once(api: Api) -> None:
    assert api.done(MENTOR, "POST", "mentor/add-mentee", {"mentee_id": MENTEE})["initiated_by"] == "mentor"
    link = api.done(MENTEE, "POST", "mentee/add-mentor", {"mentor_id": MENTOR})
    assert (link["id"], link["status"]) == (LINK, "active")


@pytest.mark.parametrize(
    ("user", "begun", "status"),
    [(MENTEE, requested, "cancelled"), (MENTOR, requested, "rejected"), (MENTEE, accepted, "terminated")],
)
def test_who_removes_a_relationship_ends_it_and_sees_it_no_more(
    api: Api, db: Database, user: int, begun: Callable[[Database], Relationship], status: str
) -> None:
    begun(db)
    removed = api.done(user, "DELETE", f"mentor-mentee/{LINK}")
    assert (removed["id"], removed["status"], removed["ended_by"]) == (LINK, status, user)
    seen = {
        MENTOR: api.done(MENTOR, "GET", "mentor/mentees")["items"],
        MENTEE: api.done(MENTEE, "GET", "mentee/mentors")["items"],
    }
    assert seen.pop(user) == []
    assert list(seen.values()) == [[removed]]


def test_who_is_neither_side_removes_nothing(api: Api, db: Database) -> None:
    accepted(db)
    refused = api(OUTSIDER, "DELETE", f"mentor-mentee/{LINK}")
    assert (refused.status_code, refused.json()["error"]) == (403, "NotPermitted")
    assert db.mentoring.relationship(LINK).status == "active"


def test_a_change_is_made_whole_or_not_at_all(api: Api, db: Database) -> None:
    before = accepted(db)
    change = {"status": "completed", "subscriptions": {"quizzes": False}, "note": ABOUT_MENTOR}
    assert api(MENTEE, "PUT", f"mentor-mentee/{LINK}", change).status_code == 403
    assert db.mentoring.relationship(LINK) == before
    assert db.mentoring.note(LINK, actor_id=MENTEE) is None


@pytest.mark.parametrize(("user", "path"), [(MENTOR, "mentor/mentees"), (MENTEE, "mentee/mentors")])
def test_pages_follow_one_another_newest_first_and_the_last_says_so(
    api: Api, db: Database, user: int, path: str
) -> None:
    for other in range(12, 16):
        mentor, mentee = (MENTOR, other) if user == MENTOR else (other, MENTEE)
        db.mentoring.request(mentor, mentee, actor_id=other)
    pages, after = [], {}
    while True:
        page = api.done(user, "GET", path, page_size=2, **after)
        pages.append([link["id"] for link in page["items"]])
        if page["next_after_id"] is None:
            break
        after = {"after_id": page["next_after_id"]}
    assert pages == [[4, 3], [2, 1]]


TITLES = {
    "ActorRequired": (401, "Sign in first", "Сначала войдите"),
    "NotPermitted": (403, "This is not yours to do", "Это вам не разрешено"),
    "NotFound": (404, "There is no such thing", "Ничего не найдено"),
    "InvalidArgument": (422, "This cannot be understood", "Запрос заполнен неверно"),
    "ReferenceViolation": (422, "There is no such person", "Такого человека нет"),
    "SelfMentoring": (422, "Nobody is their own mentor", "Нельзя быть собственным ментором"),
    "StaleVersion": (409, "Somebody was faster", "Кто-то успел раньше"),
    "TransitionRefused": (409, "The relationship cannot go there", "Такой шаг сейчас невозможен"),
    "RelationshipExists": (409, "You are connected already", "Вы уже связаны"),
    "CapacityReached": (409, "The mentor has no free place", "Свободных мест нет"),
    "MentorUnavailable": (409, "The mentor takes no new mentees", "Ментор не берёт новых учеников"),
    "CoolingDown": (409, "It is too early to ask again", "Просить снова ещё рано"),
    "Blocked": (409, "You cannot ask this person", "Этого человека попросить нельзя"),
    "TooManyRequests": (409, "Too many requests wait for an answer", "Слишком много запросов ждут ответа"),
    "ConnectionLost": (503, "Try again in a moment", "Попробуйте через минуту"),
    "PoolExhausted": (503, "Try again in a moment", "Попробуйте через минуту"),
}


def refused(answer: httpx.Response, error: str, lang: str = "en") -> dict[str, Any]:
    """What an answer says beside its status and title, which must be those of this error."""
    status, english, russian = TITLES[error]
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body.pop("error")) == (status, error)
    assert body.pop("title") == (russian if lang == "ru" else english)
    assert body.keys() == {"message", "hint", "detail"}
    return body


@dataclass(frozen=True)
class Refused:
    """A request that is refused, and what the answer says."""

    request: tuple[Any, ...]
    error: str
    message: str
    hint: str
    detail: dict[str, str]
    before: Callable[[Database], object] = accepted


def blocked(db: Database) -> None:
    db.mentoring.block(MENTOR, MENTEE, actor_id=MENTOR)


def rejected(db: Database) -> None:
    db.mentoring.reject(requested(db).id, actor_id=MENTOR)


def asked_five(db: Database) -> None:
    for mentor in range(12, 17):
        db.mentoring.request(mentor, MENTEE, actor_id=MENTEE)


def full(db: Database) -> None:
    limited(db, 0)
    requested(db)


ASK = (MENTEE, "POST", "mentee/add-mentor")
CHANGE = ("PUT", f"mentor-mentee/{LINK}")
STATS = ("GET", f"mentor-mentee/{LINK}/stats")
SIDES = ("a relationship is for its two sides only", "Look among your own mentors and mentees")
NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"
FROM_ACTIVE = (
    "From active a relationship may go to: "
    "paused (mentor, mentee), completed (mentor, admin), terminated (mentor, mentee, admin, system)."
)
PAIR = {"mentor_id": str(MENTOR), "mentee_id": str(MENTEE)}

REFUSED = {
    "nobody asks": Refused(
        (None, *STATS),
        "ActorRequired",
        "header.x-user-id: Field required",
        "See /docs",
        {"argument": "header.x-user-id"},
    ),
    "the user is no number": Refused(
        ("me", *STATS), "ActorRequired", f"header.x-user-id: {NO_NUMBER}", "See /docs", {"argument": "header.x-user-id"}
    ),
    "an outsider reads statistics": Refused((OUTSIDER, *STATS), "NotPermitted", *SIDES, {}),
    "an outsider changes nothing": Refused((OUTSIDER, *CHANGE, {}), "NotPermitted", *SIDES, {}),
    "the wrong side completes": Refused(
        (MENTEE, *CHANGE, {"status": "completed"}),
        "NotPermitted",
        "a relationship goes from active to completed only by: mentor, admin",
        FROM_ACTIVE,
        {"relationship_id": "1", "initiated_by": "mentee", "actor_is": "mentee|initiator"},
    ),
    "statistics of nothing": Refused(
        (MENTOR, "GET", "mentor-mentee/5/stats"),
        "NotFound",
        "mentoring.statistics: there is no such row",
        "Look the key up first",
        {"relationship_id": "5"},
    ),
    "an id that is no number": Refused(
        (MENTOR, "GET", "mentor-mentee/first/stats"),
        "NotFound",
        f"path.id: {NO_NUMBER}",
        "See /docs",
        {"argument": "path.id"},
    ),
    "nobody is named": Refused(
        (*ASK, {}), "InvalidArgument", "body.mentor_id: Field required", "See /docs", {"argument": "body.mentor_id"}
    ),
    "a status that nobody asks for": Refused(
        (MENTOR, *CHANGE, {"status": "expired"}),
        "InvalidArgument",
        "body.status: Input should be 'active', 'paused', 'completed', 'rejected', 'cancelled' or 'terminated'",
        "See /docs",
        {"argument": "body.status"},
    ),
    "a body that says more": Refused(
        (MENTOR, *CHANGE, {"subscriptions": {"news": True}}),
        "InvalidArgument",
        "body.subscriptions.news: Extra inputs are not permitted",
        "See /docs",
        {"argument": "body.subscriptions.news"},
    ),
    "a pause's end without a pause": Refused(
        (MENTOR, *CHANGE, {"status": "completed", "resume_at": "2100-01-01T00:00:00Z"}),
        "InvalidArgument",
        "body: Value error, resume_at goes with the status paused",
        "See /docs",
        {"argument": "body"},
    ),
    "a reason for nothing": Refused(
        (MENTOR, *CHANGE, {"reason": "Exams"}),
        "InvalidArgument",
        "body: Value error, reason goes with a status",
        "See /docs",
        {"argument": "body"},
    ),
    "a page too long": Refused(
        (MENTOR, "GET", "mentor/mentees?page_size=101"),
        "InvalidArgument",
        "query.page_size: Input should be less than or equal to 100",
        "See /docs",
        {"argument": "query.page_size"},
    ),
    "a note too long": Refused(
        (MENTOR, *CHANGE, {"note": "x" * 10_001}),
        "InvalidArgument",
        "mentoring.write_note: note: String should have at most 10000 characters",
        "",
        {"argument": "note"},
    ),
    "a mentor who is no user": Refused(
        (*ASK, {"mentor_id": NOBODY}), "ReferenceViolation", "mentor_id is the id of a user", "", {}
    ),
    "one's own mentor": Refused((*ASK, {"mentor_id": MENTEE}), "SelfMentoring", "Nobody is their own mentor", "", {}),
    "an old version": Refused(
        (MENTEE, *CHANGE, {"subscriptions": {"quizzes": False, "version": 1}}),
        "StaleVersion",
        "the relationship was changed since it was read",
        "Read it again and decide again.",
        {"relationship_id": "1", "version": "2"},
    ),
    "accepted twice": Refused(
        (MENTOR, *CHANGE, {"status": "active"}),
        "TransitionRefused",
        "this step starts from pending, the relationship is active",
        FROM_ACTIVE,
        {"relationship_id": "1", "status": "active"},
    ),
    "asked twice": Refused(
        (*ASK, {"mentor_id": MENTOR}),
        "RelationshipExists",
        "the pair already has a relationship, it is active",
        FROM_ACTIVE,
        {"relationship_id": "1", "status": "active"},
    ),
    "no free place": Refused(
        (MENTOR, *CHANGE, {"status": "active"}),
        "CapacityReached",
        "the mentor has no free place",
        "Wait until a relationship of this mentor ends, or have the mentor raise max_mentees.",
        {"mentor_id": str(MENTOR), "max_mentees": "0", "taken": "0"},
        before=full,
    ),
    "a mentor who takes nobody": Refused(
        (*ASK, {"mentor_id": MENTOR}),
        "MentorUnavailable",
        "the mentor takes no new requests",
        "Ask another mentor, or have this one set mentor_available.",
        {"mentor_id": str(MENTOR)},
        before=partial(limited, places=None, available=False),
    ),
    "rejected a moment ago": Refused(
        (*ASK, {"mentor_id": MENTOR}),
        "CoolingDown",
        "a request of this pair was rejected a short time ago",
        "Wait until <time>, or let the side that rejected ask.",
        PAIR | {"asks_again_at": "<time>"},
        before=rejected,
    ),
    "blocked": Refused(
        (*ASK, {"mentor_id": MENTOR}),
        "Blocked",
        "no request is possible between these two people",
        "Ask somebody else.",
        PAIR,
        before=blocked,
    ),
    "a sixth request": Refused(
        (*ASK, {"mentor_id": MENTOR}),
        "TooManyRequests",
        "a mentee waits for the answer to 5 requests at most",
        "Wait for an answer, or cancel one of them.",
        {"mentee_id": str(MENTEE), "open_requests": "5", "allowed": "5"},
        before=asked_five,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_has_its_status_and_says_why_in_the_language_of_the_address(
    api: Api, db: Database, case: str
) -> None:
    expected = REFUSED[case]
    expected.before(db)
    for lang in ("en", "ru"):
        said = refused(Api(api.http, lang)(*expected.request), expected.error, lang)
        timeless = re.sub(r"\d{4}-\d\d-\d\d[ T][\d:]+( UTC|Z)", "<time>", json.dumps(said))
        assert json.loads(timeless) == {
            "message": expected.message,
            "hint": expected.hint,
            "detail": expected.detail,
        }


@pytest.mark.parametrize(
    ("error", "status", "english", "russian"),
    [
        (InvalidValue("no"), 422, "This value is not allowed", "Недопустимое значение"),
        (AlreadyExists("no"), 409, "This is not possible now", "Сейчас это невозможно"),
        (SubjectInactive("no"), 409, "This is not possible now", "Сейчас это невозможно"),
    ],
)
def test_a_refusal_that_these_endpoints_never_meet_is_answered_as_its_base(
    error: Refusal, status: int, english: str, russian: str
) -> None:
    for lang, title in (("en", english), ("ru", russian)):
        request = Request({"type": "http", "path_params": {"lang": lang}})
        answer = asyncio.run(mentoring_api.problem(request, error))
        assert (answer.status_code, json.loads(bytes(answer.body))["title"]) == (status, title)


def test_every_problem_of_the_application_is_met_in_these_tests() -> None:
    assert TITLES.keys() | {"InvalidValue", "Refusal"} == {kind.__name__ for kind in mentoring_api.PROBLEMS}
    assert TITLES.keys() == {case.error for case in REFUSED.values()} | {"ConnectionLost", "PoolExhausted"}


def test_a_language_that_nobody_translated_is_no_address(api: Api) -> None:
    answer = Api(api.http, "de")(MENTOR, "GET", "mentor/mentees")
    assert refused(answer, "NotFound") == {
        "message": "path.lang: Input should be 'en' or 'ru'",
        "hint": "See /docs",
        "detail": {"argument": "path.lang"},
    }


@pytest.mark.direct
def test_a_lost_connection_is_503_and_the_next_request_has_a_new_one(api: Api, admin: psycopg.Connection) -> None:
    api.done(MENTOR, "GET", "mentor/mentees")
    for session in sessions(admin):
        admin.execute("SELECT pg_terminate_backend(%s, 10000)", [session])
    said = refused(api(MENTOR, "GET", "mentor/mentees"), "ConnectionLost")
    assert said == {"message": "the connection to the server was lost", "hint": "", "detail": {}}
    api.done(MENTOR, "GET", "mentor/mentees")


def test_a_pool_without_a_free_connection_is_503(
    environment: pytest.MonkeyPatch, admin: psycopg.Connection, db: Database
) -> None:
    requested(db)
    environment.setenv("DB_POOL_MAX_SIZE", "1")
    environment.setenv("DB_POOL_TIMEOUT", "0.1")
    with called() as api, ThreadPoolExecutor(1) as pool:
        with admin.transaction():
            admin.execute("SELECT FROM mentoring.mentor_mentee FOR UPDATE")
            accepting = pool.submit(api, MENTOR, *CHANGE, {"status": "active"})
            wait_until_stuck(admin, [accepting])
            refused(api(MENTOR, "GET", "mentor/mentees"), "PoolExhausted")
        assert accepting.result().status_code == 200


def test_a_missing_privilege_is_the_deployments_fault_and_not_the_users(api: Api, admin: psycopg.Connection) -> None:
    admin.execute("REVOKE SELECT ON mentoring.mentor_mentee FROM mentoring_app")
    answer = api(MENTOR, "GET", "mentor/mentees")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_twenty_clients_accepting_the_last_place_leave_one_with_it(
    api: Api, admin: psycopg.Connection, db: Database
) -> None:
    limited(db, 1)
    with db.transaction(actor=SYSTEM) as tx:
        one_more = tx.auth.create_user(first_name="Person 21").id
    mentees = [*(person for person in range(1, 21) if person != MENTOR), one_more]
    links = {mentee: db.mentoring.request(MENTOR, mentee, actor_id=MENTOR).id for mentee in mentees}
    jobs = [partial(api, mentee, "PUT", f"mentor-mentee/{links[mentee]}", {"status": "active"}) for mentee in mentees]
    assert len(jobs) == CLIENTS

    lock = "SELECT FROM mentoring.user_profiles WHERE user_id = %s FOR UPDATE"
    answers = [answer for answer in behind(admin, lock, jobs, [MENTOR]) if isinstance(answer, httpx.Response)]

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: CLIENTS - 1}
    for answer in answers:
        if answer.status_code == 409:
            detail = refused(answer, "CapacityReached")["detail"]
            assert detail == {"mentor_id": str(MENTOR), "max_mentees": "1", "taken": "1"}
    assert [link["id"] for link in api.done(MENTOR, "GET", "mentor/mentees", status="active")["items"]] == [
        answer.json()["id"] for answer in answers if answer.status_code == 200
    ]


def test_no_answer_tells_what_anybody_noted(api: Api, db: Database) -> None:
    accepted(db)
    api.done(MENTOR, *CHANGE, {"note": ABOUT_MENTEE})
    api.done(MENTEE, *CHANGE, {"note": ABOUT_MENTOR})
    for user in (MENTOR, MENTEE, OUTSIDER):
        api(user, *CHANGE, {"note": ABOUT_MENTEE, "unknown": True})
        api(user, *CHANGE, {"note": ABOUT_MENTEE * 1000})
        api(user, *CHANGE, {"note": [ABOUT_MENTEE]})
        api(user, "POST", "mentor/add-mentee", {"mentee_id": MENTEE})
        api(user, "POST", "mentee/add-mentor", {"mentor_id": MENTOR})
        api(user, *CHANGE, {"subscriptions": {"courses": False}})
        api(user, *CHANGE, {"status": "paused"})
        api(user, *CHANGE, {"status": "active"})
        api(user, *STATS)
        api(user, "GET", "mentor/mentees")
        api(user, "GET", "mentee/mentors")
    api(MENTOR, *CHANGE, {"status": "terminated"})
    assert {answer.status_code for answer in api.answers} == {200, 201, 403, 409, 422}
    told = [answer.text for answer in api.answers if "secret" in answer.text or "note" in answer.json()]
    assert told == []
    assert db.mentoring.note(LINK, actor_id=MENTOR) == ABOUT_MENTEE
    assert db.mentoring.note(LINK, actor_id=MENTEE) == ABOUT_MENTOR


@pytest.mark.direct
def test_the_pool_closes_with_the_application(environment: pytest.MonkeyPatch, admin: psycopg.Connection) -> None:
    with called() as api:
        api.done(MENTOR, "GET", "mentor/mentees")
        assert sessions(admin)
    deadline = time.monotonic() + PATIENCE
    while left := sessions(admin):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_the_schema_shows_the_documented_endpoints_and_the_models_of_the_package(api: Api) -> None:
    schema = api.http.get("/openapi.json").raise_for_status().json()
    answers = {
        f"{method.upper()} {path}": operation["responses"]
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    assert {endpoint: shown(responses) for endpoint, responses in answers.items()} == {
        "POST /{lang}/users/mentor/add-mentee": {"201": "Relationship"},
        "POST /{lang}/users/mentee/add-mentor": {"201": "Relationship"},
        "PUT /{lang}/users/mentor-mentee/{id}": {"200": "Relationship"},
        "DELETE /{lang}/users/mentor-mentee/{id}": {"200": "Relationship"},
        "GET /{lang}/users/mentor/mentees": {"200": "Page"},
        "GET /{lang}/users/mentee/mentors": {"200": "Page"},
        "GET /{lang}/users/mentor-mentee/{id}/stats": {"200": "Statistics"},
    }
    models = schema["components"]["schemas"]
    assert models["Relationship"]["properties"].keys() == names(Relationship)
    assert models["Statistics"]["properties"].keys() == names(Statistics)
    assert models["Page"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Relationship"}
    assert models["RelationshipStatus"]["enum"] == list(RelationshipStatus)
    assert api.http.get("/docs").is_success


def shown(responses: dict[str, Any]) -> dict[str, str]:
    """The model of each answer that is none of a refusal; a refusal's is always the same."""
    models = {
        status: answer["content"]["application/json"]["schema"]["$ref"].removeprefix("#/components/schemas/")
        for status, answer in responses.items()
    }
    assert (models.pop("4XX"), models.pop("503")) == ("Problem", "Problem")
    return models


def test_the_application_needs_nothing_beside_the_package_and_fastapi() -> None:
    nodes = list(ast.walk(ast.parse(Path(mentoring_api.__file__).read_text("utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {"fastapi", "fastapi.exceptions", "fastapi.responses", "mentorbase", "pydantic"}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert attributes & {"connection", "pool", "execute", "cursor"} == set()
