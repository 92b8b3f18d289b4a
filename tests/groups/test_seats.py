"""Seats are never oversold, whoever races for them and at whatever isolation."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import pytest
from groups.classes import assert_in_step, make_group, statuses, students_who
from groups.home import CLIENTS, STUDENTS, TEACHER, Home
from mentorbase import AlreadyExists, Group, GroupFull, GroupMember, MemberStatus
from mentoring.lifecycle import refused
from mentoring.racing import at_once, behind
from psycopg import IsolationLevel

RACERS = STUDENTS[:CLIENTS]
LOCK_GROUP = "SELECT FROM groups.groups WHERE id = %s FOR UPDATE"
LEVELS = [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]


def join(home: Home, group: Group, student: int, *, may_wait: bool, isolation: IsolationLevel) -> GroupMember:
    return home.db.retrying(
        lambda tx: tx.groups.join_group(group.id, student, may_wait=may_wait, actor_id=student),
        isolation=isolation,
        attempts=100,
    )


@pytest.mark.parametrize("isolation", LEVELS)
def test_sixteen_who_join_at_once_leave_three_of_three_seats(home: Home, isolation: IsolationLevel) -> None:
    group = make_group(home, capacity=3)
    jobs = [partial(join, home, group, student, may_wait=False, isolation=isolation) for student in RACERS]

    results = behind(home.admin, LOCK_GROUP, jobs, [group.id])

    losers = [result for result in results if isinstance(result, Exception)]
    assert Counter(type(loser) for loser in losers) == {GroupFull: CLIENTS - 3}, losers
    for loser in losers:
        assert isinstance(loser, GroupFull)
        assert loser.sqlstate == "MB201"
        assert loser.values == {"group_id": str(group.id), "capacity": "3", "taken": "3"}
    assert Counter(status for _, status in statuses(home, group)) == {"active": 3}
    assert_in_step(home)


@pytest.mark.parametrize("isolation", LEVELS)
def test_sixteen_who_may_wait_get_three_seats_and_places_in_line(home: Home, isolation: IsolationLevel) -> None:
    group = make_group(home, capacity=3)
    jobs = [partial(join, home, group, student, may_wait=True, isolation=isolation) for student in RACERS]

    results = behind(home.admin, LOCK_GROUP, jobs, [group.id])

    assert [result for result in results if isinstance(result, Exception)] == []
    assert [status for _, status in statuses(home, group)] == ["active"] * 3 + ["waiting"] * (CLIENTS - 3)
    seats = home.db.groups.group_seats(group.id)
    assert (seats.capacity, seats.taken, seats.free, seats.waiting) == (3, 3, 0, CLIENTS - 3)
    assert_in_step(home)


def test_a_student_who_joins_twice_at_once_is_in_it_once(home: Home) -> None:
    group = make_group(home)
    jobs = [partial(home.db.groups.join_group, group.id, RACERS[0], actor_id=RACERS[0])] * 8
    results = at_once(jobs)
    losers = [result for result in results if isinstance(result, Exception)]
    assert Counter(type(loser) for loser in losers) == {AlreadyExists: 7}, losers
    assert {loser.constraint for loser in losers if isinstance(loser, AlreadyExists)} == {"group_members_live_key"}
    assert statuses(home, group) == [(RACERS[0], "active")]
    assert_in_step(home)


@pytest.mark.parametrize("isolation", LEVELS)
def test_whoever_comes_and_goes_at_once_the_seats_are_full_and_the_line_is_kept(
    home: Home, isolation: IsolationLevel
) -> None:
    group = make_group(home, capacity=4)
    members = [home.db.groups.join_group(group.id, student, actor_id=student) for student in STUDENTS[:12]]
    order = [member.student_telegram_id for member in members]

    def leave(member: GroupMember) -> GroupMember:
        return home.db.retrying(
            lambda tx: tx.groups.change_member(
                member.id, to_status=MemberStatus.LEFT, actor_id=member.student_telegram_id
            ),
            isolation=isolation,
            attempts=100,
        )

    gone = [*members[:3], members[5], members[7]]
    jobs = [partial(leave, member) for member in gone]
    jobs += [partial(join, home, group, s, may_wait=True, isolation=isolation) for s in STUDENTS[12:18]]
    random.Random(7).shuffle(jobs)
    results = at_once(jobs)

    assert [result for result in results if isinstance(result, Exception)] == []
    left = {member.student_telegram_id for member in gone}
    stayed = [student for student in order if student not in left]
    assert students_who(home, group, "active") == stayed[:4]
    assert students_who(home, group, "waiting")[: len(stayed) - 4] == stayed[4:]
    assert_in_step(home)


def test_a_seat_typed_by_hand_is_counted_too(home: Home) -> None:
    group = make_group(home, capacity=1)
    home.db.groups.join_group(group.id, STUDENTS[0], actor_id=TEACHER)
    with refused(GroupFull):
        home.admin.execute(
            "INSERT INTO groups.group_members (group_id, student_telegram_id, status) VALUES (%s, %s, 'active')",
            [group.id, STUDENTS[1]],
        )
    home.admin.execute(
        "INSERT INTO groups.group_members (group_id, student_telegram_id) VALUES (%s, %s)", [group.id, STUDENTS[1]]
    )
    assert statuses(home, group) == [(STUDENTS[0], "active"), (STUDENTS[1], "waiting")]


def test_a_bulk_load_as_the_system_takes_seats_without_being_counted(home: Home) -> None:
    group = make_group(home, capacity=1)
    with home.admin.transaction():
        home.admin.execute("SET LOCAL mentorbase.actor = 'system'; SET LOCAL mentorbase.bulk_load = on")
        with home.admin.cursor().copy("COPY groups.group_members (group_id, student_telegram_id) FROM STDIN") as copy:
            for student in STUDENTS:
                copy.write_row((group.id, student))
    assert [status for _, status in statuses(home, group)] == ["active"] * len(STUDENTS)
    assert home.db.groups.group_seats(group.id).free == 0
    assert_in_step(home)
