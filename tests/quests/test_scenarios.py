"""The three scenarios of the document, through both applications: creation, play, the parent's view."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

import pytest
from mentorbase import (
    AsyncDatabase,
    ConsentMissing,
    DataType,
    ModerationStatus,
    NotFound,
    ProjectStatus,
    ProjectType,
    QuestStatus,
    Settings,
)
from quests.family import CHILD, EDU, FIELDS, NODES, PARENT, PAS, YAML, Family


def test_a_parent_creates_a_quest_and_inner_edu_takes_it(house: Family) -> None:
    quests = house.parent.quests
    quest = quests.create_quest(PARENT, {"child_name": "Ann", "child_age": 8}, actor_id=PARENT)
    assert (quest.creator_id, quest.child_name, quest.child_age, quest.quest_yaml) == (PARENT, "Ann", 8, None)
    assert (quest.status, quest.moderation_status, quest.version) == (QuestStatus.DRAFT, ModerationStatus.PENDING, 1)

    quest = quests.save_quest_yaml(quest.quest_id, YAML, version=1, actor_id=PARENT)
    assert (quest.quest_yaml, quest.version) == (YAML, 2)

    with house.parent.transaction(actor=PARENT) as tx:
        [project] = tx.quests.get_all_projects(PARENT, {"project_type": "quest", "status": "in_progress"})
        assert (project.quest_id, project.progress, project.status) == (
            quest.quest_id,
            0,
            ProjectStatus.IN_PROGRESS,
        )
        assert tx.quests.recovery(PARENT).recovery_tracks == {"child_connection": 1}
        assert tx.quests.get_quest(quest.quest_id) == quest
        assert tx.quests.get_user_quests(PARENT) == [quest]
    assert quests.get_or_create_profile(PARENT).quests_created == 1

    quest_id = house.approved()
    exported = quests.export_quest(quest_id, actor_id=PARENT)
    assert (exported.status, exported.quest_yaml) == (QuestStatus.DEPLOYED, YAML)
    assert exported.deployed_at is not None
    assert quests.export_quest(quest_id, actor_id=PARENT) == exported
    assert quests.update_project_progress(project.id, 100, actor_id=PARENT).status == ProjectStatus.COMPLETED


def test_a_child_plays_and_details_are_kept_with_consent_only(house: Family) -> None:
    quest_id, play = house.deployed(), house.child.quests
    opened = play.open_quest(quest_id, actor_id=CHILD)
    assert (opened.quest_id, opened.child_name, opened.quest_yaml) == (quest_id, "Ann", YAML)
    with house.child.transaction(actor=CHILD) as tx:
        assert [node.node_key for node in tx.quests.quest_nodes(quest_id)] == [node["node_key"] for node in NODES]

    assert play.start_node(quest_id, "a", actor_id=CHILD) is False
    assert play.complete_node(quest_id, "a", score=Decimal(80), actor_id=CHILD) == 25
    assert play.complete_node(quest_id, "a", score=Decimal(80), actor_id=CHILD) == 25
    with house.child.transaction(actor=CHILD) as tx:
        assert tx.quests.child_progress(quest_id) == []

    settings = play.get_privacy_settings(quest_id, actor_id=CHILD)
    assert not any(getattr(settings, f"share_{kind}") for kind in DataType)
    house.share(quest_id, DataType.EDUCATIONAL_PROGRESS)
    assert play.start_node(quest_id, "b", actor_id=CHILD) is True
    assert play.complete_node(quest_id, "b", actor_id=CHILD) == 50
    unlocked = play.record_achievement(quest_id, {"code": "first", "title": "First"}, actor_id=CHILD)
    assert play.record_achievement(quest_id, {"code": "first", "title": "First"}, actor_id=CHILD) == unlocked
    with house.child.transaction(actor=CHILD) as tx:
        assert [(done.node_key, done.attempts) for done in tx.quests.child_progress(quest_id)] == [("b", 1)]
        assert tx.quests.achievements(quest_id) == [unlocked]

    # What was reached is not lost, whatever a late message says.
    assert play.update_quest_progress(quest_id, 3, actor_id=CHILD) == 75
    assert play.update_quest_progress(quest_id, 1, actor_id=CHILD) == 75
    assert play.complete_node(quest_id, "c", actor_id=CHILD) == 75


def test_a_parent_sees_what_the_child_shares_and_nothing_else(house: Family) -> None:
    quest_id, look = house.played(), house.parent.quests
    with pytest.raises(ConsentMissing, match="Child hasn't consented") as caught:
        look.get_quest_analytics(quest_id, actor_id=PARENT)
    assert caught.value.sqlstate == "MB601"
    assert caught.value.settings == [f"share_{kind}" for kind in DataType]

    house.share(quest_id, DataType.COMPLETION_PROGRESS)
    found = look.get_quest_analytics(quest_id, actor_id=PARENT)
    assert (found.nodes_completed, found.total_nodes, found.completion_percentage) == (1, 4, 25)
    assert (found.educational_progress, found.last_played, found.play_count) == (None, None, None)
    assert found.child_consented_to_sharing
    assert look.can_share_with_parent(quest_id, DataType.COMPLETION_PROGRESS, actor_id=PARENT)
    assert not look.can_share_with_parent(quest_id, DataType.PLAY_FREQUENCY, actor_id=PARENT)
    with pytest.raises(ConsentMissing) as caught:
        look.get_quest_analytics(quest_id, actor_id=PARENT, data_type=DataType.PLAY_FREQUENCY)
    assert caught.value.settings == ["share_play_frequency"]

    house.share(quest_id, *DataType)
    found = look.get_quest_analytics(quest_id, actor_id=PARENT)
    assert found.educational_progress == {"achievements": 1, "scored_nodes": 1, "score_sum": 80.5}
    assert found.play_count == 1
    assert isinstance(found.last_played, datetime)
    assert look.get_or_create_profile(PARENT).child_engagement == 1

    house.share(quest_id)
    with pytest.raises(ConsentMissing):
        look.get_quest_analytics(quest_id, actor_id=PARENT)
    assert look.get_or_create_profile(PARENT).child_engagement is None
    house.share(quest_id, *DataType)
    assert look.get_quest_analytics(quest_id, actor_id=PARENT) == found


def test_a_deleted_quest_is_gone_for_the_parent_and_goes_on_for_the_child(house: Family) -> None:
    quest_id = house.played()
    house.share(quest_id, *DataType)
    house.parent.quests.set_quest_status(quest_id, QuestStatus.DELETED, actor_id=PARENT)

    with house.parent.transaction(actor=PARENT) as tx:
        assert tx.quests.get_user_quests(PARENT) == []
    for look in (
        lambda: house.parent.quests.get_quest_analytics(quest_id, actor_id=PARENT),
        lambda: house.parent.quests.get_privacy_settings(quest_id, actor_id=PARENT),
        lambda: house.parent.quests.can_share_with_parent(quest_id, DataType.PLAY_FREQUENCY, actor_id=PARENT),
        lambda: house.parent.quests.update_quest(quest_id, {"child_age": 9}, actor_id=PARENT),
    ):
        with pytest.raises(NotFound):
            look()

    assert house.child.quests.open_quest(quest_id, actor_id=CHILD).quest_yaml == YAML
    assert house.child.quests.complete_node(quest_id, "b", actor_id=CHILD) == 50
    assert house.admin.execute("SELECT nodes_completed, play_count FROM quests.quest_analytics").fetchall() == [(2, 2)]


def test_the_same_asynchronously(family: Family) -> None:
    quest_id = family.played()
    settings = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=2)

    async def play() -> None:
        async with (
            AsyncDatabase.connect(family.dsn(PAS), settings=settings) as parent,
            AsyncDatabase.connect(family.dsn(EDU), settings=settings) as child,
        ):
            quest = await parent.quests.create_quest(PARENT, {"child_name": "Ben"}, actor_id=PARENT)
            async with parent.transaction(actor=PARENT) as tx:
                assert [found.child_name for found in await tx.quests.get_user_quests(PARENT)] == ["Ben", "Ann"]
                assert await tx.quests.get_quest(quest.quest_id) == quest
                with pytest.raises(ConsentMissing):
                    await tx.quests.get_quest_analytics(quest_id, actor_id=PARENT)
            assert await child.quests.complete_node(quest_id, "b", actor_id=CHILD) == 50
            await child.quests.update_privacy_settings(quest_id, {"share_completion_progress": True}, actor_id=CHILD)
            found = await parent.quests.get_quest_analytics(quest_id, actor_id=PARENT)
            assert (found.nodes_completed, found.play_count) == (2, None)
            assert (await parent.quests.get_or_create_profile(PARENT)).quests_created == 2

    asyncio.run(play())


def test_every_field_belongs_to_one_setting_as_documented(shared_family: Family) -> None:
    quest_id = shared_family.played()
    for kind, fields in FIELDS.items():
        shared_family.share(quest_id, kind)
        found = shared_family.parent.quests.get_quest_analytics(quest_id, actor_id=PARENT)
        shown = {name for names in FIELDS.values() for name in names if getattr(found, name) is not None}
        assert shown == set(fields)


def test_a_project_of_each_kind(shared_family: Family) -> None:
    make = shared_family.parent.quests.create_creative_project
    goal = make(PARENT, ProjectType.GOAL, actor_id=PARENT)
    with shared_family.parent.transaction(actor=PARENT) as tx:
        letter = tx.quests.write_letter(PARENT, recipient=b"\1" * 40, title=b"\1" * 40, body=b"\1" * 40)
    project = make(PARENT, ProjectType.LETTER, str(letter.id), actor_id=PARENT)
    assert (goal.letter_id, project.letter_id) == (None, letter.id)
    with shared_family.parent.transaction(actor=PARENT) as tx:
        assert [one.id for one in tx.quests.get_all_projects(PARENT, {"project_type": "letter"})] == [project.id]
