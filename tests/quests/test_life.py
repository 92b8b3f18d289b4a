"""The life of a quest and its moderation: by the table of steps, on record; nobody overwrites another."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    ActorRequired,
    InvalidArgument,
    InvalidValue,
    ModerationStatus,
    NotApproved,
    NotFound,
    NotPermitted,
    Quest,
    QuestStatus,
    ReadOnly,
    ReferenceViolation,
    StaleVersion,
    TransitionRefused,
)
from mentorbase.database import Transaction
from mentoring.lifecycle import refused
from mentoring.racing import at_once
from psycopg import IsolationLevel
from quests.family import MODERATOR, OTHER_PARENT, PARENT, YAML, Family

STEPS = {
    (QuestStatus.DRAFT, QuestStatus.READY),
    (QuestStatus.DRAFT, QuestStatus.DELETED),
    (QuestStatus.READY, QuestStatus.DRAFT),
    (QuestStatus.READY, QuestStatus.DEPLOYED),
    (QuestStatus.READY, QuestStatus.DELETED),
    (QuestStatus.DEPLOYED, QuestStatus.ARCHIVED),
    (QuestStatus.DEPLOYED, QuestStatus.DELETED),
    (QuestStatus.ARCHIVED, QuestStatus.DEPLOYED),
    (QuestStatus.ARCHIVED, QuestStatus.DELETED),
}
WAYS = {
    QuestStatus.DRAFT: [],
    QuestStatus.READY: [QuestStatus.READY],
    QuestStatus.DEPLOYED: [QuestStatus.READY, QuestStatus.DEPLOYED],
    QuestStatus.ARCHIVED: [QuestStatus.READY, QuestStatus.DEPLOYED, QuestStatus.ARCHIVED],
    QuestStatus.DELETED: [QuestStatus.DELETED],
}


def made(family: Family, status: QuestStatus = QuestStatus.DRAFT) -> UUID:
    """An approved quest with this status."""
    quest = family.parent.quests.create_quest(PARENT, {"quest_yaml": YAML}, actor_id=PARENT)
    with family.parent.transaction(actor=SYSTEM) as tx:
        tx.quests.moderate_quest(quest.quest_id, ModerationStatus.APPROVED)
        for step in WAYS[status]:
            tx.quests.set_quest_status(quest.quest_id, step)
    return quest.quest_id


@pytest.mark.parametrize("before", QuestStatus)
def test_the_creator_takes_the_steps_of_the_table_and_no_others(shared_family: Family, before: QuestStatus) -> None:
    for after in QuestStatus:
        quest_id = made(shared_family, before)
        step = partial(shared_family.parent.quests.set_quest_status, quest_id, after, actor_id=PARENT)
        if (before, after) in STEPS:
            assert step().status == after
        else:
            with pytest.raises(NotFound if before == QuestStatus.DELETED else TransitionRefused):
                step()


def test_every_step_is_on_record_with_who_and_why(family: Family) -> None:
    quest_id = family.approved()
    family.parent.quests.export_quest(quest_id, actor_id=PARENT, reason="it is good")
    family.parent.quests.set_quest_status(quest_id, QuestStatus.DELETED, actor_id=PARENT)
    assert family.admin.execute(
        "SELECT from_status::text, to_status::text, moderation_status::text, actor_kind::text, actor_id, reason"
        " FROM quests.quest_history ORDER BY id"
    ).fetchall() == [
        (None, "draft", "pending", "creator", PARENT, None),
        ("draft", "ready", "pending", "creator", PARENT, None),
        ("ready", "ready", "approved", "admin", MODERATOR, None),
        ("ready", "deployed", "approved", "creator", PARENT, "it is good"),
        ("deployed", "deleted", "approved", "creator", PARENT, None),
    ]


def test_what_was_not_approved_is_not_deployed(shared_family: Family) -> None:
    quests = shared_family.parent.quests
    quest_id = quests.create_quest(PARENT, {"quest_yaml": YAML}, actor_id=PARENT).quest_id
    with pytest.raises(TransitionRefused):
        quests.export_quest(quest_id, actor_id=PARENT)
    quests.set_quest_status(quest_id, QuestStatus.READY, actor_id=PARENT)
    with pytest.raises(NotApproved) as caught:
        quests.export_quest(quest_id, actor_id=PARENT)
    assert (caught.value.sqlstate, caught.value.values["moderation_status"]) == ("MB602", "pending")
    with shared_family.parent.transaction(actor=Actor.admin(MODERATOR)) as tx:
        found = tx.quests.moderate_quest(quest_id, ModerationStatus.REJECTED, issues=[{"line": 3}])
        assert found.moderation_issues == [{"line": 3}]
    with pytest.raises(NotApproved):
        quests.export_quest(quest_id, actor_id=PARENT)


def test_nobody_approves_their_own_quest(shared_family: Family) -> None:
    quest_id = shared_family.parent.quests.create_quest(PARENT, {"quest_yaml": YAML}, actor_id=PARENT).quest_id
    with shared_family.parent.transaction(actor=PARENT) as tx, pytest.raises(NotPermitted, match="somebody else"):
        tx.quests.moderate_quest(quest_id, ModerationStatus.APPROVED)
    with shared_family.parent.transaction(actor=OTHER_PARENT) as tx, pytest.raises(NotFound):
        tx.quests.moderate_quest(quest_id, ModerationStatus.APPROVED)


def test_another_yaml_has_to_be_approved_anew_and_a_deployed_one_stays(shared_family: Family) -> None:
    quest_id, quests = shared_family.approved(), shared_family.parent.quests
    assert quests.update_quest(quest_id, {"child_age": 9}, actor_id=PARENT).moderation_status == "approved"
    assert quests.save_quest_yaml(quest_id, "title: worse", actor_id=PARENT).moderation_status == "pending"
    with pytest.raises(NotApproved):
        quests.export_quest(quest_id, actor_id=PARENT)
    deployed = shared_family.deployed()
    with pytest.raises(ReadOnly):
        quests.save_quest_yaml(deployed, "title: worse", actor_id=PARENT)
    with refused(ReadOnly):
        shared_family.admin.execute("UPDATE quests.quests SET quest_yaml = 'x' WHERE quest_id = %s", [deployed])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("status = 'archived'", TransitionRefused),
        ("status = 'deployed'", TransitionRefused),
        ("creator_id = 3", ReadOnly),
        ("quest_id = gen_random_uuid()", ReadOnly),
        ("version = 9", ReadOnly),
        ("deployed_at = now()", ReadOnly),
    ],
)
def test_the_guard_holds_for_what_is_typed_by_hand(shared_family: Family, change: str, kind: Any) -> None:
    quest_id = shared_family.parent.quests.create_quest(PARENT, {}, actor_id=PARENT).quest_id
    with refused(kind):
        shared_family.admin.execute(f"UPDATE quests.quests SET {change} WHERE quest_id = %s", [quest_id])  # type: ignore[arg-type]


def test_who_was_slower_is_told_the_present_version(shared_family: Family) -> None:
    quests = shared_family.parent.quests
    quest = quests.create_quest(PARENT, {"child_age": 8}, actor_id=PARENT)
    assert quests.update_quest(quest.quest_id, {"child_age": 9}, version=1, actor_id=PARENT).version == 2
    with pytest.raises(StaleVersion) as caught:
        quests.update_quest(quest.quest_id, {"child_age": 10}, version=1, actor_id=PARENT)
    assert caught.value.current == 2
    version = quests.update_profile_emotions(PARENT, {"joy": 3}, actor_id=PARENT)
    assert quests.add_coping_strategy(PARENT, "a walk", actor_id=PARENT) == version + 1
    with pytest.raises(StaleVersion) as caught:
        quests.update_profile(PARENT, {"triggers": ["noise"]}, version=version, actor_id=PARENT)
    assert caught.value.current == version + 1


def test_of_eight_who_write_at_once_one_wins_and_the_others_are_told(family: Family) -> None:
    quests = family.parent.quests
    quest = quests.create_quest(PARENT, {}, actor_id=PARENT)
    jobs = [
        partial(quests.update_quest, quest.quest_id, {"child_age": age}, version=1, actor_id=PARENT) for age in range(8)
    ]
    results = at_once(jobs)
    assert sorted(type(result).__name__ for result in results) == ["Quest"] + ["StaleVersion"] * 7


def test_serializable_writers_are_retried_and_none_is_lost(family: Family) -> None:
    def once_more(tx: Transaction) -> int:
        return tx.quests.add_coping_strategy(PARENT, "a walk", actor_id=PARENT)

    family.parent.quests.get_or_create_profile(PARENT)
    jobs = [
        partial(family.parent.retrying, once_more, isolation=IsolationLevel.SERIALIZABLE, attempts=100)
        for _ in range(8)
    ]
    assert [result for result in at_once(jobs) if isinstance(result, Exception)] == []
    assert family.parent.quests.get_or_create_profile(PARENT).primary_coping_strategies == {"a walk": 8}


def test_making_quests_moves_the_track_that_the_parent_follows(family: Family) -> None:
    with family.parent.transaction(actor=PARENT) as tx:
        tx.quests.save_recovery(PARENT, recovery_tracks={"self_work": 2}, primary_track="self_work", recovery_week=3)
    family.parent.quests.create_quest(PARENT, {}, actor_id=PARENT)
    with family.parent.transaction(actor=PARENT) as tx:
        found = tx.quests.recovery(PARENT)
    assert (found.recovery_tracks, found.recovery_week) == ({"self_work": 3}, 3)


def test_a_quest_that_fails_leaves_nothing(family: Family) -> None:
    with pytest.raises(InvalidValue) as caught:
        family.parent.quests.create_quest(PARENT, {"child_age": 99}, actor_id=PARENT)
    assert caught.value.constraint == "quests_child_age_check"
    for table in ("users", "quests", "creative_projects", "psychological_profiles", "quest_analytics"):
        assert family.admin.execute(f"SELECT FROM quests.{table}").fetchall() == []  # type: ignore[arg-type]


def test_what_cannot_be_is_refused(shared_family: Family) -> None:
    quests = shared_family.parent.quests
    with pytest.raises(InvalidArgument):
        quests.create_quest(PARENT, {"status": "deployed"}, actor_id=PARENT)
    with pytest.raises(NotPermitted):
        quests.create_quest(PARENT, {}, actor_id=OTHER_PARENT)
    with pytest.raises(ActorRequired):
        quests.create_quest(PARENT, {})
    with pytest.raises(ReferenceViolation) as caught:
        quests.create_quest(999, {}, actor_id=999)
    assert caught.value.constraint == "users_id_fkey"
    with pytest.raises(InvalidValue) as violated:
        quests.set_quest_status(
            quests.create_quest(PARENT, {}, actor_id=PARENT).quest_id, QuestStatus.READY, actor_id=PARENT
        )
    assert violated.value.constraint == "quests_ready_check"
    with shared_family.parent.transaction(actor=PARENT) as tx, pytest.raises(InvalidArgument):
        tx.quests.get_all_projects(PARENT, {"kind": "quest"})


def test_recommendations_are_the_same_for_the_same_profile(family: Family) -> None:
    quests = family.parent.quests
    for strategy in ("a walk", "music", "music", "breathing"):
        quests.add_coping_strategy(PARENT, strategy, actor_id=PARENT)
    quests.update_profile(
        PARENT, {"recommended_techniques": ["diary", "CBT"], "growth_areas": ["patience"]}, actor_id=PARENT
    )
    with family.parent.transaction(actor=PARENT) as tx:
        found = tx.quests.get_recommendations(PARENT)
        assert found == tx.quests.get_recommendations(PARENT)
        assert tx.quests.get_recommendations(PARENT, at_most=1) == found[:1]
    assert [(one.kind, one.suggestion) for one in found] == [
        ("coping_strategy", "music"),
        ("coping_strategy", "a walk"),
        ("coping_strategy", "breathing"),
        ("recommended_technique", "diary"),
        ("recommended_technique", "CBT"),
        ("growth_area", "patience"),
    ]


def test_the_last_hundred_emotions_are_kept(family: Family) -> None:
    with family.parent.transaction(actor=PARENT) as tx:
        for strength in range(103):
            tx.quests.update_profile_emotions(PARENT, {"joy": strength})
    kept = family.parent.quests.get_or_create_profile(PARENT).emotional_trends
    assert [one["joy"] for one in kept] == list(range(3, 103))
    assert all("at" in one for one in kept)


def test_pages_of_quests_go_from_the_newest_to_the_oldest(family: Family) -> None:
    made = [family.parent.quests.create_quest(PARENT, {}, actor_id=PARENT) for _ in range(5)]
    pages: list[Quest] = []
    with family.parent.transaction(actor=PARENT) as tx:
        page = tx.quests.get_user_quests(PARENT, page_size=2)
        while page:
            pages += page
            page = tx.quests.get_user_quests(PARENT, after_id=page[-1].id, page_size=2)
    assert pages == made[::-1]
