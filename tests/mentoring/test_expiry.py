"""Requests that nobody answers, and how many a mentee may have."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest
from mentorbase import Database, InvalidArgument, Party, RelationshipStatus, TooManyRequests
from mentoring.lifecycle import refused
from mentoring.racing import behind

pytestmark = pytest.mark.usefixtures("people")


def grow_old(admin: psycopg.Connection, days: int) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("UPDATE mentoring.mentor_mentee SET created_at = now() - make_interval(days => %s)", [days])


def test_old_requests_expire_and_leave_history(db: Database, admin: psycopg.Connection) -> None:
    link = db.mentoring.request(7, 9, actor_id=9)
    grow_old(admin, 14)
    young = db.mentoring.request(7, 10, actor_id=10)
    assert db.mentoring.expire_requests() == 1
    assert db.mentoring.relationship(link.id).status is RelationshipStatus.EXPIRED
    assert db.mentoring.relationship(young.id).status is RelationshipStatus.PENDING
    last = db.mentoring.history(link.id)[-1]
    assert (last.to_status, last.actor_kind, last.actor_id) == (RelationshipStatus.EXPIRED, Party.SYSTEM, None)
    assert db.mentoring.expire_requests() == 0


def test_a_request_that_is_a_day_too_young_stays(db: Database, admin: psycopg.Connection) -> None:
    db.mentoring.request(7, 9, actor_id=9)
    grow_old(admin, 13)
    assert db.mentoring.expire_requests() == 0


def test_the_age_is_a_setting(db: Database, admin: psycopg.Connection) -> None:
    db.mentoring.request(7, 9, actor_id=9)
    grow_old(admin, 3)
    admin.execute("UPDATE mentoring.settings SET value = 3 WHERE name = 'request_expiry'")
    assert db.mentoring.expire_requests() == 1


def test_expiry_goes_in_batches(db: Database, admin: psycopg.Connection) -> None:
    for mentee in range(8, 13):
        db.mentoring.request(7, mentee, actor_id=mentee)
    grow_old(admin, 20)
    assert [db.mentoring.expire_requests(at_most=2) for _ in range(4)] == [2, 2, 1, 0]
    with refused(InvalidArgument, "MB007"):
        db.mentoring.expire_requests(at_most=0)


def test_what_is_answered_at_this_moment_is_left_alone(db: Database, admin: psycopg.Connection) -> None:
    link = db.mentoring.request(7, 9, actor_id=9)
    grow_old(admin, 20)
    with db.transaction(actor=7) as tx:
        tx.mentoring.accept(link.id)
        assert db.mentoring.expire_requests() == 0
    assert db.mentoring.relationship(link.id).status is RelationshipStatus.ACTIVE


def test_expiry_reads_the_pending_index_only(admin: psycopg.Connection) -> None:
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute(
            "INSERT INTO mentoring.mentor_mentee (mentor_id, mentee_id, status, initiated_by, accepted_at)"
            " SELECT 1, i, 'active', 'system', now() FROM generate_series(100, 20100) AS i"
        )
    admin.execute("VACUUM ANALYZE mentoring.mentor_mentee")
    plan = admin.execute(
        "EXPLAIN SELECT id FROM mentoring.mentor_mentee WHERE status = 'pending' AND created_at <= now()"
        " ORDER BY created_at, id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED"
    ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "mentor_mentee_pending_idx" in text
    assert "Seq Scan" not in text


def test_a_mentee_waits_for_five_answers_at_most(db: Database) -> None:
    for mentor in range(1, 6):
        db.mentoring.request(mentor, 9, actor_id=9)
    with refused(TooManyRequests, "MB106") as caught:
        db.mentoring.request(6, 9, actor_id=9)
    assert caught.value.values == {"mentee_id": "9", "open_requests": "5", "allowed": "5"}
    db.mentoring.cancel(db.mentoring.mentors(9)[0].id, actor_id=9)
    assert db.mentoring.request(6, 9, actor_id=9).status is RelationshipStatus.PENDING


def test_invitations_do_not_count(db: Database) -> None:
    for mentor in range(1, 8):
        db.mentoring.request(mentor, 9, actor_id=mentor)
    assert db.mentoring.request(10, 9, actor_id=9).status is RelationshipStatus.PENDING
    assert db.mentoring.request(1, 9, actor_id=9).status is RelationshipStatus.ACTIVE


def test_the_limit_is_a_setting(db: Database, admin: psycopg.Connection) -> None:
    admin.execute("UPDATE mentoring.settings SET value = 1 WHERE name = 'open_requests'")
    db.mentoring.request(1, 9, actor_id=9)
    with refused(TooManyRequests, "MB106"):
        db.mentoring.request(2, 9, actor_id=9)


def test_ten_requests_at_once_leave_five(db: Database, admin: psycopg.Connection) -> None:
    jobs = [partial(db.mentoring.request, mentor, 20, actor_id=20) for mentor in range(1, 11)]
    became = behind(admin, "LOCK TABLE mentoring.blocks IN ACCESS EXCLUSIVE MODE", jobs)
    assert sorted(type(each).__name__ for each in became) == ["Relationship"] * 5 + ["TooManyRequests"] * 5
    assert admin.execute("SELECT count(*) FROM mentoring.mentor_mentee WHERE mentee_id = 20").fetchone() == (5,)
