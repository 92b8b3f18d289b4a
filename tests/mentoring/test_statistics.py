"""Statistics: each figure against a count in Python, boards, load, pages, and the plans behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from mentorbase import (
    LAST,
    BookingStatus,
    InvalidArgument,
    Mentoring,
    MentorLoad,
    NotFound,
    SessionStatistics,
    Statistics,
)
from mentorbase.mentoring import UpcomingSession
from mentoring.booking import HOUR, STATUSES, bookings, imported, in_hours, put_booking, put_subject, shown
from mentoring.lifecycle import MENTEE, MENTOR, Row, acting, limit, put, refused, rows, unguarded
from mentoring.lifecycle import STATUSES as RELATION_STATUSES
from psycopg.rows import dict_row

SEED = 20261121
BUCKETS = ("completed", "confirmed", "pending", "cancelled", "no_show")
FIGURES = {field.name for field in fields(Statistics)} - {"relationship_id", "mentor_id", "mentee_id", "status"}


def figures(of: list[Row], now: datetime) -> Row:
    """What the statistics of these bookings should be."""
    counts = {f"{status}_sessions": sum(row["status"] == status for row in of) for status in BUCKETS}
    to_come = [
        row["booked_date"] for row in of if row["status"] in {"pending", "confirmed"} and row["booked_date"] > now
    ]
    began = [
        row["booked_date"]
        for row in of
        if row["status"] == "completed" or (row["status"] == "confirmed" and row["booked_date"] <= now)
    ]
    length = sum((row["ends_at"] - row["booked_date"] for row in of if row["status"] == "completed"), timedelta(0))
    with_outcome = sum(counts[f"{status}_sessions"] for status in ("completed", "no_show", "cancelled"))
    return counts | {
        "total_bookings": len(of),
        "upcoming_sessions": len(to_come),
        "unresolved_sessions": sum(row["status"] == "confirmed" and row["ends_at"] <= now for row in of),
        "first_session_date": min(began, default=None),
        "last_session_date": max(began, default=None),
        "next_session_date": min(to_come, default=None),
        "hours_completed": (Decimal(length // timedelta(seconds=1)) / 3600).quantize(Decimal("0.01"), ROUND_HALF_UP),
        "completion_rate": (
            (Decimal(counts["completed_sessions"]) / with_outcome).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            if with_outcome
            else None
        ),
    }


def expected(admin: psycopg.Connection) -> dict[int, Row]:
    """What the statistics of each relation should be, counted from the rows."""
    found, now = bookings(admin), datetime.now(UTC)
    return {
        relation["id"]: {
            "relationship_id": relation["id"],
            "mentor_id": relation["mentor_id"],
            "mentee_id": relation["mentee_id"],
            "status": relation["status"],
            **figures([row for row in found if row["relationship_id"] == relation["id"]], now),
        }
        for relation in rows(admin)
    }


@pytest.fixture
def school(admin: psycopg.Connection, people: list[int]) -> None:
    """600 bookings in every status, past and to come, of 3 mentors and 6 mentees, many with two relations."""
    random = Random(SEED)
    subjects = [put_subject(admin, mentor) for mentor in (1, 2, 3) for _ in range(2)]
    pairs = [(mentor, mentee) for mentor in (1, 2, 3) for mentee in people[3:9]]

    def book_some() -> None:
        with acting(admin, "system"), admin.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO mentoring.subject_schedule (subject_id, user_id, status, booked_date, ends_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [
                    (
                        random.choice(subjects),
                        random.choice(people[3:9]),
                        random.choice(STATUSES),
                        booked_date := in_hours(random.choice([-1, 1]) * random.randint(2, 5000)),
                        booked_date + timedelta(seconds=random.randint(1, 24 * 3600)),
                    )
                    for _ in range(300)
                ],
            )

    for mentor, mentee in random.sample(pairs, 9):
        put(admin, random.choice(["completed", "terminated", "rejected"]), mentor=mentor, mentee=mentee)
    book_some()
    for mentor, mentee in random.sample(pairs, 10):
        put(admin, random.choice(["pending", "active", "paused"]), mentor=mentor, mentee=mentee)
    book_some()


@pytest.mark.usefixtures("school")
class TestFigures:
    def test_every_figure_is_what_counting_the_rows_gives(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        wanted = expected(admin)
        assert len(wanted) == 19
        for relation, figures_wanted in wanted.items():
            assert shown(Mentoring(app).statistics(relation)) == figures_wanted
        assert sum(row["total_bookings"] > 0 for row in wanted.values()) >= 10
        for figure in FIGURES:
            assert len({row[figure] for row in wanted.values()}) > 3, f"{figure} hardly differs: the test says little"

    def test_the_buckets_add_up_and_no_booking_counts_twice(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        found = [Mentoring(app).statistics(relation) for relation in expected(admin)]
        for row in found:
            assert row.total_bookings == sum(getattr(row, f"{status}_sessions") for status in BUCKETS)
        unattributed = sum(row["relationship_id"] is None for row in bookings(admin))
        assert 0 < unattributed < 600
        assert sum(row.total_bookings for row in found) + unattributed == 600

    @pytest.mark.parametrize(
        ("name", "column", "person"), [("mentor_statistics", "mentor_id", 1), ("mentee_statistics", "mentee_id", 4)]
    )
    def test_pages_show_each_relation_of_a_person_once_newest_first(
        self, admin: psycopg.Connection, app: psycopg.Connection, name: str, column: str, person: int
    ) -> None:
        wanted = [row for row in expected(admin).values() if row[column] == person][::-1]
        method = getattr(Mentoring(app), name)
        for page_size in (1, 2, 500):
            found: list[Statistics] = []
            while page := method(person, after_id=found[-1].relationship_id if found else LAST, page_size=page_size):
                found += page
            assert [shown(row) for row in found] == wanted
        assert len(wanted) >= 3
        assert method(4711) == []
        for page_size in (0, 501):
            with refused(InvalidArgument):
                method(person, page_size=page_size)

    def test_the_board_shows_present_mentees_only_with_the_same_figures(
        self, admin: psycopg.Connection, reader: psycopg.Connection
    ) -> None:
        with reader.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("SELECT * FROM mentoring.v_mentor_board ORDER BY relationship_id").fetchall()
        accepted = {row["id"]: row["accepted_at"] for row in rows(admin)}
        wanted = [
            row | {"accepted_at": accepted[row["relationship_id"]]}
            for row in expected(admin).values()
            if row["status"] in {"active", "paused"}
        ]
        assert found == wanted
        assert {row["status"] for row in found} == {"active", "paused"}

    def test_session_statistics_have_the_documented_keys_and_list_what_is_to_come(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        documented = {
            *("total_bookings", "completed_sessions", "confirmed_sessions", "pending_sessions"),
            *("cancelled_sessions", "last_session_date", "upcoming_sessions"),
        }
        assert {field.name for field in fields(SessionStatistics)} == documented | {"relationship_id"}
        now, listed = datetime.now(UTC), 0
        for relation, wanted in expected(admin).items():
            found = Mentoring(app).get_session_statistics(relation)
            for key in documented - {"upcoming_sessions"} | {"relationship_id"}:
                assert getattr(found, key) == wanted[key]
            to_come = [
                row
                for row in bookings(admin)
                if row["relationship_id"] == relation
                and row["status"] in {"pending", "confirmed"}
                and row["booked_date"] > now
            ]
            to_come.sort(key=lambda row: (row["booked_date"], row["id"]))
            assert found.upcoming_sessions == [
                UpcomingSession(
                    row["id"], row["subject_id"], BookingStatus(row["status"]), row["booked_date"], row["ends_at"]
                )
                for row in to_come
            ]
            assert len(found.upcoming_sessions) == wanted["upcoming_sessions"]
            listed += len(to_come)
            for session in found.upcoming_sessions:
                assert type(session) is UpcomingSession
                assert type(session.status) is BookingStatus
                assert session.booked_date.utcoffset() == timedelta(0)
        assert listed > 50


@pytest.mark.usefixtures("people")
class TestByTheClock:
    def test_a_relation_without_bookings_has_noughts_and_no_rate(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relation = put(admin, "active")
        found = shown(Mentoring(app).statistics(relation))
        assert {name: found[name] for name in FIGURES} == figures([], datetime.now(UTC))
        assert (found["completion_rate"], found["hours_completed"]) == (None, 0)
        sessions = Mentoring(app).get_session_statistics(relation)
        assert (sessions.upcoming_sessions, sessions.total_bookings) == ([], 0)

    @pytest.mark.parametrize(
        ("statuses", "rate"),
        [
            (["pending", "confirmed"], None),
            (["no_show"], "0"),
            (["cancelled"], "0"),
            (["completed"], "1"),
            (["completed", "completed", "no_show", "pending"], "0.6667"),
            (["completed", "no_show", "cancelled"], "0.3333"),
        ],
    )
    def test_the_rate_is_the_share_of_the_completed_among_those_with_an_outcome(
        self, admin: psycopg.Connection, app: psycopg.Connection, statuses: list[str], rate: str | None
    ) -> None:
        relation, subject = put(admin, "active"), put_subject(admin)
        for status in statuses:
            imported(admin, subject, status)
        assert Mentoring(app).statistics(relation).completion_rate == (None if rate is None else Decimal(rate))

    def test_hours_are_those_of_completed_sessions_alone(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relation, subject = put(admin, "active"), put_subject(admin)
        for status, length in [
            *(("completed", 1.5), ("completed", 24), ("completed", 24), ("completed", 1 / 3)),
            *(("confirmed", 2), ("cancelled", 2), ("no_show", 2)),
        ]:
            begins = in_hours(-40)
            imported(admin, subject, status, booked_date=begins, ends_at=begins + timedelta(hours=length))
        assert Mentoring(app).statistics(relation).hours_completed == Decimal("49.83")

    @pytest.mark.parametrize("status", ["pending", "confirmed"])
    def test_the_clock_alone_moves_a_session_from_upcoming_to_unresolved(
        self, admin: psycopg.Connection, status: str
    ) -> None:
        relation, subject = put(admin, "active"), put_subject(admin)
        put_booking(admin, subject, status, relationship_id=relation)
        confirmed = int(status == "confirmed")
        with admin.transaction():
            [[now]] = admin.execute("SELECT now()").fetchall()
            tick = timedelta(microseconds=1)
            for begins, upcoming, begun, unresolved in [
                (now + tick, 1, 0, 0),
                (now, 0, confirmed, 0),
                (now - HOUR + tick, 0, confirmed, 0),
                (now - HOUR, 0, confirmed, confirmed),
            ]:
                admin.execute("SET LOCAL session_replication_role = replica")
                admin.execute(
                    "UPDATE mentoring.subject_schedule SET booked_date = %s, ends_at = %s", [begins, begins + HOUR]
                )
                found = Mentoring(admin).statistics(relation)
                assert shown(found) | {"status": "active"} == {
                    "relationship_id": relation,
                    "mentor_id": MENTOR,
                    "mentee_id": MENTEE,
                    "status": "active",
                    **figures(bookings(admin), now),
                }
                assert (found.upcoming_sessions, found.unresolved_sessions) == (upcoming, unresolved)
                assert found.next_session_date == (begins if upcoming else None)
                assert found.first_session_date == found.last_session_date == (begins if begun else None)
                listed = Mentoring(admin).get_session_statistics(relation).upcoming_sessions
                assert len(listed) == upcoming

    def test_a_cancelled_session_to_come_is_neither_last_nor_next(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        relation, subject = put(admin, "active"), put_subject(admin)
        imported(admin, subject, "completed", booked_date=(past := in_hours(-5)))
        imported(admin, subject, "cancelled", booked_date=in_hours(5))
        imported(admin, subject, "no_show", booked_date=in_hours(-3))
        found = Mentoring(app).statistics(relation)
        assert (found.first_session_date, found.last_session_date, found.next_session_date) == (past, past, None)

    def test_a_relation_that_is_not_there_is_not_found(self, app: psycopg.Connection) -> None:
        for method in (Mentoring(app).statistics, Mentoring(app).get_session_statistics):
            with refused(NotFound):
                method(4711)


@pytest.mark.usefixtures("people")
class TestLoad:
    @pytest.mark.parametrize(("places", "free"), [(5, 2), (3, 0), (1, 0), (0, 0), (None, None)])
    def test_active_and_paused_relations_take_places_and_free_is_never_negative(
        self,
        admin: psycopg.Connection,
        app: psycopg.Connection,
        reader: psycopg.Connection,
        places: int | None,
        free: int | None,
    ) -> None:
        limit(admin, places)
        for i, status in enumerate([*RELATION_STATUSES, "active", "pending", "pending"]):
            put(admin, status, mentee=5 + i)
        put(admin, "active", mentor=MENTEE, mentee=MENTOR)
        wanted = MentorLoad(MENTOR, True, places, used=3, free=free, waiting=3)
        assert Mentoring(app).mentor_load(MENTOR) == wanted
        with reader.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("SELECT * FROM mentoring.v_mentor_load WHERE mentor_id = %s", [MENTOR]).fetchall()
        assert found == [shown(wanted)]

    def test_somebody_without_a_profile_has_no_load_and_who_takes_nobody_says_so(
        self, admin: psycopg.Connection, app: psycopg.Connection
    ) -> None:
        assert Mentoring(app).mentor_load(MENTOR) is None
        with acting(app, MENTOR):
            Mentoring(app).save_profile(MENTOR, mentor_available=False)
        assert Mentoring(app).mentor_load(MENTOR) == MentorLoad(MENTOR, False, None, 0, None, 0)


GROWING = (
    "mentoring.subjects",
    "mentoring.subject_schedule",
    "mentoring.subject_schedule_history",
    "mentoring.mentor_mentee",
    "mentoring.mentor_mentee_history",
    "mentoring.user_profiles",
    "auth.users",
)


@pytest.fixture
def big(admin: psycopg.Connection) -> None:
    """20,000 bookings of 1,000 of 5,000 relations, relation 1 with 2,000; 1,000 subjects, 7,000 people."""
    admin.execute("SET synchronous_commit = on")  # else VACUUM comes too early to mark pages as visible to all
    with unguarded(admin):
        admin.execute("INSERT INTO auth.users (id, first_name) SELECT i, 'Person' FROM generate_series(1, 7000) AS i")
        admin.execute("INSERT INTO mentoring.user_profiles (user_id) SELECT id FROM auth.users")
        admin.execute(
            "INSERT INTO mentoring.subjects (user_id, title) SELECT 1 + i, 'x' FROM generate_series(0, 999) AS i"
        )
        admin.execute(
            """
            INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by, accepted_at)
            SELECT 1 + i % 1000, 1001 + i, 'active', 'mentor', now() FROM generate_series(0, 4999) AS i
            """
        )
        admin.execute(
            """
            INSERT INTO mentoring.mentor_mentee_history (
                relationship_id, mentor_id, mentee_id, to_status, actor_kind, db_login
            )
            SELECT id, mentor_id, mentee_id, status, 'system', 'x'
            FROM mentoring.mentor_mentee, generate_series(1, 4)
            """
        )
        admin.execute(
            """
            INSERT INTO mentoring.subject_schedule (
                subject_id, mentor_id, user_id, relationship_id, status, booked_date, ends_at, cancelled_at
            )
            SELECT
                s.id, m.mentor_id, m.mentee_id, m.id, k.status, k.at, k.at + interval '1 hour',
                CASE WHEN k.status = 'cancelled' THEN now() END
            FROM generate_series(0, 19999) AS i
            CROSS JOIN LATERAL (
                SELECT
                    (enum_range(NULL::mentoring.booking_status))[1 + i / 7 % 5] AS status,
                    now() + (i % 4001 - 3000) * interval '1 hour' AS at
            ) AS k
            JOIN mentoring.mentor_mentee AS m ON m.id = CASE WHEN i % 10 = 0 THEN 1 ELSE 1 + i % 1000 END
            JOIN mentoring.subjects AS s ON s.id = m.mentor_id
            """
        )
        admin.execute(
            """
            INSERT INTO mentoring.subject_schedule_history (
                booking_id, mentor_id, user_id, to_status, actor_kind, db_login
            )
            SELECT id, mentor_id, user_id, status, 'system', 'x' FROM mentoring.subject_schedule
            """
        )
    for name in GROWING:
        admin.execute(f"VACUUM ANALYZE {name}")
    [found] = admin.execute(
        "SELECT count(*), count(*) FILTER (WHERE relationship_id = 1) FROM mentoring.subject_schedule"
    ).fetchall()
    assert found == (20_000, 2_000)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plan_of(admin: psycopg.Connection, query: Any, params: dict[str, Any], how: str = "") -> list[dict[str, Any]]:
    statement = f"EXPLAIN ({how}FORMAT JSON) ".encode() + query.sql.sql
    [[found]] = admin.execute(statement, params).fetchall()
    return list(nodes(found[0]["Plan"]))


PAGE = {"after_id": LAST, "page_size": 20}
DATES = {
    "from_date": datetime(2020, 1, 1, tzinfo=UTC),
    "until": datetime(2099, 1, 1, tzinfo=UTC),
    "after_id": 0,
    "page_size": 20,
}
READS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "subject": ({"subject_id": 77}, {"subjects_pkey"}),
    "subjects": ({"mentor_id": 7, **PAGE}, {"subjects_user_id_idx"}),
    "booking": ({"booking_id": 777}, {"subject_schedule_pkey"}),
    "mentor_bookings": ({"mentor_id": 1, **DATES}, {"subject_schedule_mentor_id_idx"}),
    "mentee_bookings": ({"mentee_id": 1001, **DATES}, {"subject_schedule_user_id_idx"}),
    "booking_history": (
        {"booking_id": 777, "after_id": 0, "page_size": 20},
        {"subject_schedule_history_booking_id_idx"},
    ),
    "statistics": ({"relationship_id": 7}, {"subject_schedule_relationship_id_idx"}),
    "mentor_statistics": ({"mentor_id": 1, **PAGE}, {"subject_schedule_relationship_id_idx"}),
    "mentee_statistics": ({"mentee_id": 1001, **PAGE}, {"subject_schedule_relationship_id_idx"}),
    "get_session_statistics": ({"relationship_id": 7}, {"subject_schedule_relationship_id_idx"}),
    "mentor_load": ({"mentor_id": 1}, {"user_profiles_pkey", "mentor_mentee_mentor_id_status_idx"}),
}


@pytest.mark.usefixtures("big")
class TestPlans:
    def test_no_read_scans_a_growing_table_and_statistics_never_touch_the_table_of_bookings(
        self, admin: psycopg.Connection
    ) -> None:
        for name, (params, indexes) in READS.items():
            plan = plan_of(admin, getattr(Mentoring, name), params)
            # One that begins with the whole key of another does as well.
            used = {
                node["Index Name"].replace("subjects_id_user_id_key", "subjects_pkey")
                for node in plan
                if "Index Name" in node
            }
            assert used >= indexes, (name, plan)
            assert [node for node in plan if node["Node Type"] == "Seq Scan"] == [], (name, plan)
            assert [node for node in plan if node["Node Type"] == "Sort" and "bookings" in name] == [], (name, plan)
            if name.endswith("statistics") and not name.startswith("get_"):
                [scan] = [node for node in plan if node.get("Relation Name") == "subject_schedule"]
                assert scan["Node Type"] == "Index Only Scan", (name, plan)
                assert scan["Index Name"] == "subject_schedule_relationship_id_idx"

    @pytest.mark.untouched
    def test_one_relation_reads_its_own_bookings_only(self, admin: psycopg.Connection) -> None:
        plan = plan_of(admin, Mentoring.statistics, {"relationship_id": 7}, "ANALYZE, BUFFERS, TIMING OFF, ")
        [scan] = [node for node in plan if node.get("Relation Name") == "subject_schedule"]
        [[own]] = admin.execute("SELECT count(*) FROM mentoring.subject_schedule WHERE relationship_id = 7").fetchall()
        assert scan["Actual Rows"] == own == 20
        assert scan["Heap Fetches"] == 0
        assert plan[0]["Shared Hit Blocks"] + plan[0]["Shared Read Blocks"] <= 14

    def test_a_board_of_a_mentor_reads_no_other_mentors_bookings(self, admin: psycopg.Connection) -> None:
        [[found]] = admin.execute(
            "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM mentoring.v_mentor_board WHERE mentor_id = 7"
        ).fetchall()
        plan = list(nodes(found[0]["Plan"]))
        [scan] = [node for node in plan if node.get("Relation Name") == "subject_schedule"]
        assert (scan["Node Type"], scan["Actual Loops"]) == ("Index Only Scan", 5)
        assert scan["Actual Rows"] * scan["Actual Loops"] <= 5 * 20
        assert [node for node in plan if node["Node Type"] == "Seq Scan"] == []

    @pytest.mark.parametrize("name", ["mentor_bookings", "mentee_bookings"])
    def test_a_page_in_the_middle_of_two_thousand_bookings_reads_few_rows(
        self, admin: psycopg.Connection, name: str
    ) -> None:
        params = READS[name][0] | {"from_date": in_hours(-1500)}
        plan = plan_of(admin, getattr(Mentoring, name), params, "ANALYZE, TIMING OFF, ")
        [scan] = [node for node in plan if node.get("Relation Name") == "subject_schedule"]
        assert scan["Actual Rows"] == 20
        assert scan.get("Rows Removed by Filter", 0) <= 20

    @pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
    def test_no_method_and_no_statement_inside_a_function_scans_a_growing_table(
        self, admin: psycopg.Connection, plans: str
    ) -> None:
        mentoring = Mentoring(admin)
        admin.prepare_threshold = 0
        made: list[int] = []
        begins, ends = in_hours(24), in_hours(25)

        def book(mentee: int) -> None:
            made.append(mentoring.book(1, mentee, booked_date=begins, ends_at=ends, actor_id=mentee).id)

        [[confirmed], [missed]] = admin.execute(
            "SELECT id FROM mentoring.subject_schedule"
            " WHERE mentor_id = 1 AND status = 'confirmed' AND ends_at < now() ORDER BY id LIMIT 2"
        ).fetchall()
        with acting(admin, MENTOR):
            admin.execute(f"SET LOCAL plan_cache_mode = {plans}")
            calls: list[Callable[[], object]] = [
                lambda: mentoring.create_subject(MENTOR, title="x"),
                lambda: mentoring.change_subject(1, title="y"),
                lambda: mentoring.subject(1),
                lambda: mentoring.subjects(MENTOR),
                lambda: book(1001),
                lambda: book(3500),
                lambda: mentoring.confirm(made[0]),
                lambda: mentoring.cancel_booking(made[0], actor_id=1001),
                lambda: mentoring.complete_booking(confirmed),
                lambda: mentoring.mark_no_show(missed),
                lambda: mentoring.request(MENTOR, 3500),
                lambda: mentoring.booking(made[0]),
                lambda: mentoring.mentor_bookings(MENTOR),
                lambda: mentoring.mentor_bookings(MENTOR, from_date=in_hours(-100), until=in_hours(100)),
                lambda: mentoring.mentee_bookings(1001),
                lambda: mentoring.booking_history(made[0]),
                lambda: mentoring.statistics(1),
                lambda: mentoring.mentor_statistics(MENTOR),
                lambda: mentoring.mentee_statistics(1001),
                lambda: mentoring.get_session_statistics(1),
                lambda: mentoring.mentor_load(MENTOR),
            ]
            before = scans(admin)
            assert before.keys() == set(GROWING)
            for number, call in enumerate(calls):
                call()
                assert scans(admin) == before, f"call {number}"
            assert mentoring.booking(made[1]).relationship_id is not None
            admin.execute("SELECT count(*) FROM mentoring.subject_schedule WHERE cancelled_by = 4711")
            seen = scans(admin)["mentoring.subject_schedule"]
            assert seen > before["mentoring.subject_schedule"], "a scan would have been seen"


def scans(admin: psycopg.Connection) -> dict[str, int]:
    """Sequential scans of each growing table by this session, those of the open transaction included."""
    found = admin.execute(
        "SELECT schemaname || '.' || relname, seq_scan FROM pg_stat_xact_user_tables"
        " WHERE schemaname || '.' || relname = ANY(%s)",
        [list(GROWING)],
    )
    return dict(found.fetchall())
