"""Removing: what is live ends, and the relationship leaves the lists of whoever removed it, and only theirs."""

from __future__ import annotations

import psycopg
import pytest
from mentorbase import SYSTEM, Actor, ActorRequired, CoolingDown, Database, NotFound, NotPermitted, Relationship
from mentoring.lifecycle import MENTEE, MENTOR, OUTSIDER, SETTING, acting, put, refused, rows, scenes, steps

pytestmark = pytest.mark.usefixtures("people")
ENDED = ("completed", "rejected", "cancelled", "expired", "terminated")
PERSON = {"mentor": MENTOR, "mentee": MENTEE}
OTHER = {"mentor": "mentee", "mentee": "mentor"}


def listed(db: Database, side: str) -> list[int]:
    """What one side sees in its lists, which agree."""
    if side == "mentor":
        found = [link.id for link in db.mentoring.mentees(MENTOR)]
        assert found == [row.relationship_id for row in db.mentoring.mentor_statistics(MENTOR)]
    else:
        found = [link.id for link in db.mentoring.mentors(MENTEE)]
        assert found == [row.relationship_id for row in db.mentoring.mentee_statistics(MENTEE)]
    return found


def expected(status: str, initiated_by: str, side: str) -> str:
    if status in {"active", "paused"}:
        return "terminated"
    if status == "pending":
        return "cancelled" if initiated_by == side else "rejected"
    return status


@pytest.mark.parametrize("side", ["mentor", "mentee"])
@pytest.mark.parametrize("status", ["pending", "active", "paused", *ENDED])
def test_either_side_removes_a_relationship_wherever_it_stands(
    admin: psycopg.Connection, db: Database, status: str, side: str
) -> None:
    for scene in scenes(status):
        admin.execute("SET session_replication_role = replica")
        admin.execute("TRUNCATE mentoring.mentor_mentee, mentoring.mentor_mentee_history CASCADE")
        admin.execute("SET session_replication_role = origin")
        link = put(admin, scene)
        gone = db.mentoring.remove(link, actor_id=PERSON[side], reason="enough")
        assert gone.status == expected(status, scene.initiated_by, side)
        assert (listed(db, side), listed(db, OTHER[side])) == ([], [link])
        assert db.mentoring.relationship(link) == gone
        recorded = [(step["from_status"], step["to_status"], step["actor_id"], step["reason"]) for step in steps(admin)]
        assert recorded == ([(status, gone.status, PERSON[side], "enough")] if gone.status != status else [])


def test_both_sides_may_remove_the_same_one(db: Database, admin: psycopg.Connection) -> None:
    link = put(admin, "active")
    db.mentoring.remove(link, actor_id=MENTOR)
    db.mentoring.remove(link, actor_id=MENTEE)
    assert (listed(db, "mentor"), listed(db, "mentee")) == ([], [])
    assert [row["status"] for row in rows(admin)] == ["terminated"]


def test_removing_twice_keeps_the_first_time(db: Database, admin: psycopg.Connection) -> None:
    link = put(admin, "completed")
    db.mentoring.remove(link, actor_id=MENTOR)
    first = rows(admin)[0]["hidden_by_mentor_at"]
    db.mentoring.remove(link, actor_id=MENTOR)
    assert rows(admin)[0]["hidden_by_mentor_at"] == first is not None


def test_only_its_people_remove_it(db: Database, admin: psycopg.Connection) -> None:
    link = put(admin, "active")
    before = rows(admin)
    for actor in (Actor.user(OUTSIDER), Actor.admin(MENTOR), SYSTEM):
        with refused(NotPermitted, "MB002") as caught, db.transaction(actor=actor) as tx:
            tx.mentoring.remove(link)
        assert caught.value.values == {"relationship_id": str(link)}
    with refused(ActorRequired, "MB001"):
        db.mentoring.remove(link)
    with refused(NotFound, "MB004"):
        db.mentoring.remove(link + 1, actor_id=MENTOR)
    assert (rows(admin), steps(admin)) == (before, [])


def test_what_is_removed_frees_the_pair_and_the_place(db: Database) -> None:
    with db.transaction(actor=MENTOR) as tx:
        tx.mentoring.save_profile(MENTOR, max_mentees=1)
    first = ask_and_accept(db)
    db.mentoring.remove(first.id, actor_id=MENTEE)
    second = ask_and_accept(db)
    assert second.id != first.id
    assert (listed(db, "mentor"), listed(db, "mentee")) == ([second.id, first.id], [second.id])


def ask_and_accept(db: Database) -> Relationship:
    asked = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    return db.mentoring.accept(asked.id, actor_id=MENTOR)


def test_removing_a_request_of_the_other_side_declines_it_for_the_cool_down(db: Database) -> None:
    asked = db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)
    db.mentoring.remove(asked.id, actor_id=MENTOR)
    with refused(CoolingDown, "MB103"):
        db.mentoring.request(MENTOR, MENTEE, actor_id=MENTEE)


def test_a_page_is_full_although_some_were_removed(db: Database, admin: psycopg.Connection) -> None:
    links = [put(admin, "completed") for _ in range(10)]
    for link in links[3:7]:
        db.mentoring.remove(link, actor_id=MENTOR)
    page = db.mentoring.mentees(MENTOR, page_size=5)
    assert [link.id for link in page] == [links[i] for i in (9, 8, 7, 2, 1)]
    rest = db.mentoring.mentees(MENTOR, after_id=page[-1].id, page_size=5)
    assert [link.id for link in rest] == [links[0]]


@pytest.mark.parametrize("side", ["mentor", "mentee"])
def test_by_hand_too_nobody_removes_from_the_other_sides_lists(admin: psycopg.Connection, side: str) -> None:
    put(admin, "completed")
    admin.execute("SET ROLE mentorbase_owner")
    with refused(NotPermitted, "MB002"), acting(admin, SETTING[side]):
        admin.execute(f"UPDATE mentoring.mentor_mentee SET hidden_by_{OTHER[side]}_at = now()")
    with acting(admin, SETTING[side]):
        admin.execute(f"UPDATE mentoring.mentor_mentee SET hidden_by_{side}_at = now()")
    admin.execute("RESET ROLE")
    assert rows(admin)[0][f"hidden_by_{side}_at"] is not None
    assert rows(admin)[0][f"hidden_by_{OTHER[side]}_at"] is None


def test_an_application_cannot_write_the_columns(app: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        app.execute("UPDATE mentoring.mentor_mentee SET hidden_by_mentor_at = now()")
    assert caught.value.sqlstate == "42501"
