"""Who plays in these tests, and the way to a quest that a child can play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from clones import Clones
from conftest import ensure_login
from mentorbase import SYSTEM, Actor, Database, DataType, ModerationStatus, QuestStatus, Settings
from psycopg.conninfo import make_conninfo

PARENT, CHILD, OTHER_PARENT, OTHER_CHILD, MODERATOR = 1, 2, 3, 4, 5
PAS, EDU = "test_pas", "test_edu"
YAML = "title: The cave\nnodes: [a, b, c, d]\n"
NODES = [{"node_key": key, "type": "task", "content": {"text": key}} for key in "abcd"]

FIELDS = {
    DataType.COMPLETION_PROGRESS: ("nodes_completed", "total_nodes", "completion_percentage"),
    DataType.EDUCATIONAL_PROGRESS: ("educational_progress",),
    DataType.PLAY_FREQUENCY: ("last_played", "play_count"),
}
"""What each setting shows, as the document groups it."""


@dataclass(frozen=True)
class Family:
    """A superuser's connection, and the DAO of each application: the parents' bot and the children's Inner Edu."""

    admin: psycopg.Connection[Any]
    parent: Database
    child: Database

    def dsn(self, login: str) -> str:
        """Where a login connects to."""
        return make_conninfo(self.admin.info.dsn, user=login)

    def approved(self, creator: int = PARENT) -> UUID:
        """A quest that may be deployed."""
        quest = self.parent.quests.create_quest(
            creator, {"child_name": "Ann", "child_age": 8, "quest_yaml": YAML}, actor_id=creator
        )
        self.parent.quests.set_quest_status(quest.quest_id, QuestStatus.READY, actor_id=creator)
        with self.parent.transaction(actor=Actor.admin(MODERATOR)) as tx:
            tx.quests.moderate_quest(quest.quest_id, ModerationStatus.APPROVED)
        return quest.quest_id

    def deployed(self, creator: int = PARENT) -> UUID:
        """A quest that Inner Edu has taken, and nobody opened yet."""
        quest_id = self.approved(creator)
        self.parent.quests.export_quest(quest_id, actor_id=creator)
        with self.child.transaction(actor=SYSTEM) as tx:
            tx.quests.save_nodes(quest_id, NODES)
        return quest_id

    def opened(self, creator: int = PARENT, child: int = CHILD) -> UUID:
        """A quest that the child plays."""
        quest_id = self.deployed(creator)
        self.child.quests.open_quest(quest_id, actor_id=child)
        return quest_id

    def played(self, creator: int = PARENT, child: int = CHILD) -> UUID:
        """A quest of which there is something to know in every field, and nothing shared."""
        quest_id = self.opened(creator, child)
        self.child.quests.complete_node(quest_id, "a", score=Decimal("80.5"), actor_id=child)
        self.child.quests.record_achievement(quest_id, {"code": "first", "title": "First"}, actor_id=child)
        return quest_id

    def share(self, quest_id: UUID, *shared: DataType, child: int = CHILD) -> None:
        """The child shares this, and nothing else."""
        settings = {f"share_{kind}": kind in shared for kind in DataType}
        self.child.quests.update_privacy_settings(quest_id, settings, actor_id=child)

    def ledger(self) -> list[tuple[Any, ...]]:
        """The read ledger: step, reader and result, in order."""
        return self.admin.execute(
            "SELECT step::text, reader_id, result::text FROM quests.privacy_reads ORDER BY id"
        ).fetchall()


def opened(stack: ExitStack, admin: psycopg.Connection[Any], *, pool: int = 4) -> Family:
    """Both applications on a superuser's database, closed with the stack."""
    ensure_login(admin, PAS, "IN ROLE pas_bot_user")
    ensure_login(admin, EDU, "IN ROLE inner_edu_user")
    settings = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=pool)
    databases = [
        stack.enter_context(Database.connect(make_conninfo(admin.info.dsn, user=login), settings=settings))
        for login in (PAS, EDU)
    ]
    return Family(admin, *databases)


@contextmanager
def database_of_its_own(clones: Clones, template: str, name: str) -> Iterator[Family]:
    """A family in a clone of the template, with twenty users."""
    with ExitStack() as stack:
        admin = stack.enter_context(clones.one(name, template))
        admin.autocommit = True
        with admin.transaction():
            admin.execute("SET LOCAL mentorbase.actor = 'system'")
            admin.execute("INSERT INTO auth.users (id, first_name) SELECT i, 'Person' FROM generate_series(1, 20) AS i")
        yield opened(stack, admin)
