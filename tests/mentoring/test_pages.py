"""Lists: every row once, in order, page by page; and by index however many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from mentorbase import LAST, LIVE, Auth, InvalidArgument, Mentoring, Relationship, RelationshipStatus
from mentoring.lifecycle import MENTEE, MENTOR, STATUSES, acting, put, refused, unguarded

PAGE = 7
RELATIONS = 20_000
GROWING = ("mentoring.mentor_mentee", "mentoring.mentor_mentee_history", "mentoring.user_profiles", "auth.users")


@pytest.fixture
def crowd(admin: psycopg.Connection) -> None:
    """Person 1 has 120 mentees and 120 mentors in every status; person 2 has as many in between."""
    with unguarded(admin):
        admin.execute(
            """
            INSERT INTO mentoring.mentor_mentee (
                mentor_id, mentee_id, status, initiated_by, accepted_at, paused_at, paused_by, completed_at, ended_at
            )
            SELECT
                side.mentor_id, side.mentee_id, s.status, 'mentor',
                CASE WHEN s.status IN ('active', 'paused', 'completed', 'terminated') THEN now() END,
                CASE WHEN s.status = 'paused' THEN now() END,
                CASE WHEN s.status = 'paused' THEN side.mentor_id END,
                CASE WHEN s.status = 'completed' THEN now() END,
                CASE WHEN s.status NOT IN ('pending', 'active', 'paused') THEN now() END
            FROM generate_series(1, 120) AS i
            CROSS JOIN LATERAL (
                SELECT (enum_range(NULL::mentoring.mentor_mentee_status))[1 + i * 7 % 8] AS status
            ) AS s
            CROSS JOIN LATERAL (
                VALUES (1, 1000 + i), (2, 2000 + i), (3000 + i, 1), (4000 + i, 2)
            ) AS side (mentor_id, mentee_id)
            """
        )


def all_pages(page: Callable[..., list[Any]], first: int, **arguments: Any) -> list[Any]:
    """Every row that the pages show, with each page but the last one full."""
    found: list[Any] = []
    after_id = first
    while True:
        rows = page(after_id=after_id, page_size=PAGE, **arguments)
        found += rows
        if len(rows) < PAGE:
            return found
        after_id = rows[-1].id


LISTS = pytest.mark.parametrize(
    ("name", "own", "other"), [("mentees", "mentor", "mentee"), ("mentors", "mentee", "mentor")]
)


@LISTS
@pytest.mark.usefixtures("crowd")
def test_pages_show_each_relation_once_newest_first(app: psycopg.Connection, name: str, own: str, other: str) -> None:
    found = all_pages(getattr(Mentoring(app), name), LAST, **{f"{own}_id": 1})
    assert len({relation.id for relation in found}) == len(found) == 120
    assert [relation.id for relation in found] == sorted((relation.id for relation in found), reverse=True)
    assert {getattr(relation, f"{own}_id") for relation in found} == {1}
    assert len({getattr(relation, f"{other}_id") for relation in found}) == 120
    assert {relation.status for relation in found} == set(RelationshipStatus)


@LISTS
@pytest.mark.usefixtures("crowd")
def test_pages_show_the_statuses_asked_for(app: psycopg.Connection, name: str, own: str, other: str) -> None:
    method = getattr(Mentoring(app), name)
    whole = method(1, page_size=500)
    asked = [*([status] for status in RelationshipStatus), LIVE, [*LIVE, *LIVE], list(RelationshipStatus), []]
    for statuses in asked:
        found = all_pages(method, LAST, **{f"{own}_id": 1}, statuses=statuses)
        assert found == [relation for relation in whole if relation.status in statuses]
        assert len(found) == 15 * len(set(statuses))


@LISTS
def test_a_person_without_relations_has_an_empty_list(app: psycopg.Connection, name: str, own: str, other: str) -> None:
    assert getattr(Mentoring(app), name)(4711) == []


@LISTS
@pytest.mark.usefixtures("crowd")
def test_after_the_last_page_comes_an_empty_one(app: psycopg.Connection, name: str, own: str, other: str) -> None:
    method = getattr(Mentoring(app), name)
    last = method(1, page_size=120)
    assert method(1, after_id=last[-1].id) == []
    assert method(1, after_id=0) == []
    assert len(method(1)) == 50


@pytest.mark.usefixtures("crowd")
def test_a_relation_made_between_two_pages_neither_repeats_nor_hides_another(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    mentoring = Mentoring(app)
    before = mentoring.mentees(1, page_size=500)
    first = mentoring.mentees(1, page_size=PAGE)
    put(admin, "active", mentor=1, mentee=5000)
    second = mentoring.mentees(1, after_id=first[-1].id, page_size=PAGE)
    assert first + second == before[: 2 * PAGE]
    assert mentoring.mentees(1)[0].mentee_id == 5000


@pytest.mark.parametrize("name", ["mentees", "mentors", "history"])
def test_a_page_has_1_to_500_rows(app: psycopg.Connection, name: str) -> None:
    for page_size in (0, 501, -1):
        with refused(InvalidArgument) as caught:
            getattr(Mentoring(app), name)(1, page_size=page_size)
        assert caught.value.values == {"argument": "page_size"}


@pytest.mark.usefixtures("people")
def test_history_is_paged_oldest_first_and_shows_each_step_once(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    mentoring = Mentoring(app)
    relation, other = put(admin, "active"), put(admin, "active", mentee=5)
    with acting(app, MENTOR):
        for _ in range(15):
            for one in (relation, other):
                mentoring.pause(one)
                mentoring.resume(one)

    found = all_pages(mentoring.history, 0, relationship_id=relation)

    assert len({step.id for step in found}) == len(found) == 30
    assert [step.id for step in found] == sorted(step.id for step in found)
    assert {step.relationship_id for step in found} == {relation}
    assert [step.to_status for step in found] == ["paused", "active"] * 15
    assert mentoring.history(4711) == []


@pytest.fixture
def big(admin: psycopg.Connection) -> None:
    """20,000 relations of 2,000 mentors and mentees with 40,000 steps; one mentor and one mentee have 1,000 each."""
    with unguarded(admin):
        admin.execute(
            """
            INSERT INTO auth.users (id, telegram_id, first_name)
            SELECT i, 1000000 + i, 'Person' FROM generate_series(1, 4100) AS i
            """
        )
        admin.execute("INSERT INTO mentoring.user_profiles (user_id, max_mentees) SELECT id, 5000 FROM auth.users")
        admin.execute(
            """
            INSERT INTO mentoring.mentor_mentee (
                mentor_id, mentee_id, status, initiated_by, accepted_at, ended_at, ended_by
            )
            SELECT
                CASE WHEN i %% 20 = 0 THEN 1 ELSE 101 + i %% 1999 END,
                CASE WHEN i %% 20 = 1 THEN 2 ELSE 2101 + i %% 1997 END,
                s.status, 'mentee',
                CASE WHEN s.status = 'active' THEN now() END,
                CASE WHEN s.status = 'rejected' THEN now() END,
                CASE WHEN s.status = 'rejected' THEN 1 END
            FROM generate_series(1, %s) AS i
            CROSS JOIN LATERAL (
                SELECT (ARRAY['pending', 'active', 'rejected']::mentoring.mentor_mentee_status[])[1 + i %% 3] AS status
            ) AS s
            ON CONFLICT DO NOTHING
            """,
            [RELATIONS],
        )
        admin.execute(
            """
            INSERT INTO mentoring.mentor_mentee_history (
                relationship_id, mentor_id, mentee_id, to_status, actor_kind, db_login
            )
            SELECT m.id, m.mentor_id, m.mentee_id, m.status, 'system', 'x'
            FROM mentoring.mentor_mentee AS m, generate_series(1, 2)
            """
        )
    for table in GROWING:
        admin.execute(f"VACUUM ANALYZE {table}")
    [[count]] = admin.execute("SELECT count(*) FROM mentoring.mentor_mentee").fetchall()
    assert count > RELATIONS * 0.9


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.mark.usefixtures("big")
def test_the_plan_of_every_read_uses_an_index_and_scans_no_growing_table(admin: psycopg.Connection) -> None:
    one_page = {"statuses": None, "after_id": LAST, "page_size": 20}
    reads: list[tuple[bytes, dict[str, Any], str]] = [
        (Mentoring.relationship.sql.sql, {"relationship_id": 777}, "mentor_mentee_pkey"),
        (Mentoring.mentees.sql.sql, {"mentor_id": 1, **one_page}, "mentor_mentee_mentor_id_status_idx"),
        (
            Mentoring.mentees.sql.sql,
            {"mentor_id": 1, **one_page, "statuses": ["active", "paused"], "after_id": 15_000},
            "mentor_mentee_mentor_id_status_idx",
        ),
        (Mentoring.mentors.sql.sql, {"mentee_id": 2, **one_page}, "mentor_mentee_mentee_id_status_idx"),
        (
            Mentoring.mentors.sql.sql,
            {"mentee_id": 2, **one_page, "statuses": ["pending"]},
            "mentor_mentee_mentee_id_status_idx",
        ),
        (
            Mentoring.history.sql.sql,
            {"relationship_id": 777, "after_id": 0, "page_size": 20},
            "mentor_mentee_history_relationship_id_idx",
        ),
        (Mentoring.profile.sql.sql, {"user_id": 777}, "user_profiles_pkey"),
        (Auth.user.sql.sql, {"user_id": 777}, "users_pkey"),
        (Auth.user_by_telegram_id.sql.sql, {"telegram_id": 1000777}, "users_telegram_id_key"),
    ]
    for statement, params, index in reads:
        found = admin.execute(b"EXPLAIN (FORMAT JSON) " + statement, params).fetchone()
        assert found
        plan = list(nodes(found[0][0]["Plan"]))
        used = {node["Index Name"] for node in plan if "Index Name" in node}
        # One that begins with the whole key of another does as well.
        assert used <= {index, index.replace("_pkey", "_id_mentor_id_mentee_id_key")}, found
        assert used, found
        assert [node for node in plan if node["Node Type"] == "Seq Scan"] == [], found
        assert [node for node in plan if "Bitmap" in node["Node Type"]] == [], "an index in its own order"


@LISTS
@pytest.mark.usefixtures("big")
def test_a_page_of_a_person_with_a_thousand_relations_reads_few_rows(
    admin: psycopg.Connection, name: str, own: str, other: str
) -> None:
    query = getattr(Mentoring, name)
    params = {f"{own}_id": MENTOR if own == "mentor" else MENTEE, "statuses": None, "after_id": LAST, "page_size": 20}
    found = admin.execute(b"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query.sql.sql, params).fetchone()
    assert found
    [scan] = [node for node in nodes(found[0][0]["Plan"]) if node.get("Relation Name") == "mentor_mentee"]
    assert scan["Actual Rows"] * scan["Actual Loops"] <= 20 * len(STATUSES)


def scans(admin: psycopg.Connection) -> dict[str, int]:
    """Sequential scans of each growing table by this session, those of the open transaction included."""
    found = admin.execute(
        "SELECT schemaname || '.' || relname, seq_scan FROM pg_stat_xact_user_tables"
        " WHERE schemaname || '.' || relname = ANY(%s)",
        [list(GROWING)],
    )
    return dict(found.fetchall())


@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.usefixtures("big")
def test_no_method_and_no_statement_inside_a_function_scans_a_growing_table(
    admin: psycopg.Connection, plans: str
) -> None:
    mentoring, auth = Mentoring(admin), Auth(admin)
    admin.prepare_threshold = 0
    pending, active = (
        admin.execute(
            "SELECT id FROM mentoring.mentor_mentee WHERE mentor_id = 1 AND status = %s ORDER BY id LIMIT 4", [status]
        ).fetchall()
        for status in ("pending", "active")
    )
    [rejected] = admin.execute(
        "SELECT r.mentor_id, r.mentee_id FROM mentoring.mentor_mentee AS r WHERE r.status = 'rejected'"
        " AND r.mentor_id <> 1 AND NOT EXISTS (SELECT FROM mentoring.mentor_mentee AS m WHERE m.status <> 'rejected'"
        " AND (m.mentor_id, m.mentee_id) = (r.mentor_id, r.mentee_id)) LIMIT 1"
    ).fetchall()
    with acting(admin, MENTOR):
        admin.execute(f"SET LOCAL plan_cache_mode = {plans}")
        calls: list[Callable[[], object]] = [
            lambda: mentoring.relationship(777),
            lambda: mentoring.mentees(1),
            lambda: mentoring.mentees(1, statuses=LIVE, after_id=15_000, page_size=20),
            lambda: mentoring.mentors(2),
            lambda: mentoring.history(777),
            lambda: mentoring.profile(777),
            lambda: auth.user(777),
            lambda: auth.user_by_telegram_id(1000777),
            lambda: mentoring.accept(pending[0][0]),
            lambda: mentoring.reject(pending[1][0]),
            lambda: mentoring.cancel(pending[2][0], actor_id=mentoring.relationship(pending[2][0]).mentee_id),
            lambda: mentoring.pause(active[0][0]),
            lambda: mentoring.resume(active[0][0]),
            lambda: mentoring.complete(active[0][0]),
            lambda: mentoring.terminate(active[1][0]),
            lambda: mentoring.change_subscriptions(
                active[2][0], quizzes=False, actor_id=mentoring.relationship(active[2][0]).mentee_id
            ),
            lambda: mentoring.request(1, 4000),
            lambda: mentoring.request(1, 4000, actor_id=4000),
            lambda: admin.execute("SELECT mentoring.take_place(1)"),
            lambda: admin.execute("SELECT mentoring.check_may_ask(%s, %s, 1)", rejected),
            lambda: mentoring.save_profile(1, max_mentees=5000),
        ]
        before = scans(admin)
        assert before.keys() == set(GROWING)
        for number, call in enumerate(calls):
            call()
            assert scans(admin) == before, f"call {number}"
        admin.execute("SELECT count(*) FROM auth.users WHERE first_name = 'Person'")
        assert scans(admin)["auth.users"] == before["auth.users"] + 1, "a scan would have been seen"


def test_a_relation_is_read_alone(admin: psycopg.Connection, app: psycopg.Connection) -> None:
    relation = put(admin, "paused", mentor=7, mentee=8)
    found = Mentoring(app).relationship(relation)
    assert isinstance(found, Relationship)
    assert (found.id, found.mentor_id, found.mentee_id, found.status, found.paused_by) == (relation, 7, 8, "paused", 7)
