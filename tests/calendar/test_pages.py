"""Calendars: every lesson once, in order, page by page; and by index however many there are."""

from __future__ import annotations

import json

import pytest
from mentorbase import Calendar, TeacherAbsence
from mentorbase.query import Query

from .school import FRIEND, HOUR, OTHER, STUDENT, TEACHER, acting, at, imported, unguarded

LESSONS = 40_000


def all_pages(page, **arguments):
    found, place = [], {}
    while True:
        rows = page(page_size=7, **arguments, **place)
        found += rows
        if len(rows) < 7:
            return found
        place = {"from_at": rows[-1].starts_at, "after_id": rows[-1].id}


@pytest.fixture
def busy_week(admin) -> list[int]:
    """Forty lessons of one teacher and one student, some cancelled at the same time as others, and somebody else's."""
    found = []
    for number in range(30):
        found.append(imported(admin, at(2 * number)))
        imported(admin, at(2 * number), teacher=OTHER, students=(FRIEND,))
        if number % 3 == 0:
            found.append(imported(admin, at(2 * number), status="cancelled"))
    return found


@pytest.mark.parametrize(
    ("name", "whose"),
    [("teacher_lessons", {"teacher_telegram_id": TEACHER}), ("student_lessons", {"student_telegram_id": STUDENT})],
)
def test_pages_show_each_lesson_once_in_order(app, busy_week, name, whose):
    page = getattr(Calendar(app), name)
    found = all_pages(page, **whose)
    assert sorted(one.id for one in found) == sorted(busy_week)
    assert [(one.starts_at, one.id) for one in found] == sorted((one.starts_at, one.id) for one in found)
    some = page(**whose, from_at=at(10), until=at(20), page_size=500)
    assert some == [one for one in found if at(10) <= one.starts_at < at(20)]


def test_a_group_s_lessons_and_a_teacher_s_absences_come_in_pages_too(app):
    calendar = Calendar(app)
    with acting(app, str(TEACHER)):
        lessons = [
            calendar.plan_lesson(TEACHER, "x", at(n), at(n + 1), group_id=1 + n % 2) for n in range(30)
        ]  # fmt: skip
        absences = [calendar.add_absence(TEACHER, at(100 - n % 3), at(200)) for n in range(20)]
    assert all_pages(calendar.group_lessons, group_id=2) == lessons[1::2]
    found: list[TeacherAbsence] = all_pages(calendar.absences, teacher_telegram_id=TEACHER)
    assert sorted(one.id for one in found) == [one.id for one in absences]


def plan(conn, query: Query, **values) -> tuple[set[str], set[str], int]:
    """The nodes and indexes of a query's plan, and the blocks that running it touches."""
    (text,) = conn.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query.sql.sql, values).fetchone()
    document = text if isinstance(text, list) else json.loads(text)
    nodes, indexes, todo = set(), set(), [document[0]["Plan"]]
    while todo:
        node = todo.pop()
        nodes.add(node["Node Type"])
        indexes |= {node["Index Name"]} if "Index Name" in node else set()
        todo += node.get("Plans", [])
    top = document[0]["Plan"]
    return nodes, indexes, top["Shared Hit Blocks"] + top["Shared Read Blocks"]


@pytest.mark.untouched
def test_a_page_of_a_long_calendar_reads_its_own_rows_by_index(admin):
    with unguarded(admin):
        admin.execute(
            """
            INSERT INTO calendar.lessons (id, teacher_telegram_id, group_id, title, starts_at, ends_at)
            SELECT i, 1 + i / 4000, 1 + i / 4000, 'x', %(monday)s + i * %(hour)s, %(monday)s + (i + 1) * %(hour)s
            FROM generate_series(0, %(lessons)s - 1) AS i
            """,
            {"monday": at(0), "hour": HOUR, "lessons": LESSONS},
        )
        admin.execute(
            """
            INSERT INTO calendar.lesson_participants (lesson_id, student_telegram_id, starts_at, ends_at, occupies)
            SELECT l.id, 100 + l.id %% 10, l.starts_at, l.ends_at, l.occupies FROM calendar.lessons AS l
            """,
            {},
        )
    admin.execute("VACUUM ANALYZE calendar.lessons, calendar.lesson_participants")
    page = {"from_at": at(22_000), "after_id": 22_000, "until": at(10**5), "page_size": 50}

    nodes, indexes, blocks = plan(admin, Calendar.teacher_lessons, teacher_telegram_id=6, **page)
    assert (nodes, indexes) == ({"Limit", "Index Scan"}, {"lessons_teacher_telegram_id_idx"})
    assert blocks <= 20

    nodes, indexes, blocks = plan(admin, Calendar.group_lessons, group_id=6, **page)
    assert (nodes, indexes) == ({"Limit", "Index Scan"}, {"lessons_group_id_idx"})
    assert blocks <= 20

    nodes, indexes, blocks = plan(admin, Calendar.student_lessons, student_telegram_id=105, **page)
    assert indexes == {"lesson_participants_student_telegram_id_idx", "lessons_pkey"}
    assert "Seq Scan" not in nodes
    assert "Sort" not in nodes
    assert blocks <= 250

    admin.execute("SET plan_cache_mode = force_generic_plan")
    busy = "SELECT calendar.busy_people(ARRAY[6, 105, 777]::bigint[], %s, %s)"
    admin.execute(busy, [at(22_000), at(22_001)])
    admin.execute("SELECT pg_stat_force_next_flush()")
    (before,) = admin.execute("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE schemaname = 'calendar'").fetchone()
    assert admin.execute(busy, [at(22_001), at(22_002)]).fetchone() == ([6],)
    admin.execute("SELECT pg_stat_force_next_flush()")
    (after,) = admin.execute("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE schemaname = 'calendar'").fetchone()
    assert after == before
