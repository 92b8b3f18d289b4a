"""Quests that parents made, and what children did with them; nothing that an application would have encrypted.

What is in the tables is what the functions of the service would have written, step by step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from .load import Load
from .world import World, one_of

_NULL: Final = r"\N"

Step = tuple[str, str, str]
"""Status, what the moderator says, and who took the step."""

_DRAFT: Final[tuple[Step, ...]] = (("draft", "pending", "creator"),)
_READY: Final = (*_DRAFT, ("ready", "pending", "creator"))
_REJECTED: Final = (*_READY, ("ready", "rejected", "admin"))
_APPROVED: Final = (*_READY, ("ready", "approved", "admin"))
_DEPLOYED: Final = (*_APPROVED, ("deployed", "approved", "system"))
_ARCHIVED: Final = (*_DEPLOYED, ("archived", "approved", "creator"))
_DELETED: Final = (*_DEPLOYED, ("deleted", "approved", "creator"))
_DROPPED: Final = (*_DRAFT, ("deleted", "pending", "creator"))
# The last of these waits for a child to open it.
_LIVES: Final = (_DRAFT, _READY, _REJECTED, _APPROVED, _DROPPED, _ARCHIVED, _DELETED, *[_DEPLOYED] * 5)

_TYPES: Final = ("completion_progress", "educational_progress", "play_frequency")
_ALL, _COMPLETION, _NOTHING, _LESS = _TYPES, _TYPES[:1], (), _TYPES[:2]
_SHARED: Final[tuple[tuple[str, ...], ...]] = (_ALL, _COMPLETION, _NOTHING, _LESS)

_NAMES: Final = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn")


@dataclass(frozen=True, slots=True)
class Quest:
    """One quest.

    Attributes:
        hour: at which it was made; each step takes a day.
        child: who has opened it.
        shared: what the child shares now.
        nodes: how many it has, as far as Inner Edu knows.
        scores: of those that the child has completed, the first ones.
    """

    id: int
    quest_id: UUID
    parent: int
    hour: int
    life: tuple[Step, ...]
    child: int | None
    shared: tuple[str, ...]
    nodes: int
    scores: tuple[int, ...]

    @property
    def deployed(self) -> int | None:
        """The hour at which Inner Edu got it."""
        return self.hour + 24 * _DEPLOYED.index(_DEPLOYED[-1]) if _DEPLOYED[-1] in self.life else None

    @property
    def opened(self) -> int:
        """The hour at which a child opened it, if one did; the child completes a node a day from then on."""
        return (self.deployed or self.hour) + 6

    @property
    def played(self) -> int:
        """The hour at which the child was there last."""
        return self.opened + 24 * len(self.scores)


def loads(world: World) -> Iterator[tuple[Load, ...]]:
    """Three quests of a parent; parents are some mentees, and their children others."""
    plan = quests(world)
    stamps = ("created_at", "updated_at")
    yield (
        Load(
            "quests.users",
            ("id", "recovery_tracks", "primary_track", "recovery_week", "recovery_day", *stamps),
            lambda: _users(world),
            len(_parents(world)),
            staged=True,
        ),
        # Steps are of the past, and bring their history.
        Load(
            "quests.quests",
            (
                "id", "quest_id", "creator_id", "child_name", "child_age", "quest_yaml", "status",
                "moderation_status", "moderation_issues", "deployed_at", "deleted_at", "version", *stamps,
            ),
            lambda: _quests(world, plan),
            len(plan),
            without=("quests_guard", "quests_make_companions", "quests_record_history"),
            staged=True,
        ),
        Load(
            "quests.quest_history",
            (
                "quest_id", "creator_id", "from_status", "to_status", "moderation_status", "actor_kind", "actor_id",
                "db_login", "occurred_at",
            ),
            lambda: _history(world, plan),
            sum(len(quest.life) for quest in plan),
            staged=True,
        ),
        Load(
            "quests.child_privacy_settings",
            ("quest_id", "child_id", *(f"share_{kind}" for kind in _TYPES), *stamps),
            lambda: _settings(world, plan),
            len(plan),
            without=("child_privacy_settings_guard",),
            staged=True,
        ),
        Load(
            "quests.consent_changes",
            ("quest_id", "data_type", "shared", "actor_kind", "actor_id", "db_login", "changed_at"),
            lambda: _consents(world, plan),
            staged=True,
        ),
        Load(
            "quests.quest_analytics",
            (
                "quest_id", "nodes_completed", "total_nodes", "educational_progress", "last_played", "play_count",
                *stamps,
            ),
            lambda: _analytics(world, plan),
            len(plan),
            staged=True,
        ),
        Load(
            "quests.quest_nodes",
            ("quest_id", "node_key", "position", "type", "child_id", "counted", *stamps),
            lambda: _nodes(world, plan),
            sum(quest.nodes for quest in plan),
            staged=True,
        ),
        Load(
            "quests.child_progress",
            ("quest_id", "node_key", "started_at", "completed_at", "score", *stamps),
            lambda: _done(world, plan),
            staged=True,
        ),
        Load(
            "quests.achievements",
            ("quest_id", "child_id", "code", "title", "unlocked_at", *stamps),
            lambda: _achievements(world, plan),
            staged=True,
        ),
        Load(
            "quests.creative_projects",
            ("user_id", "project_type", "quest_id", "status", "progress", "completed_at", *stamps),
            lambda: _projects(world, plan),
            len(plan) + len(_parents(world)),
            staged=True,
        ),
        Load(
            "quests.privacy_reads",
            ("ticket", "step", "quest_id", "reader_id", "result", "db_login", "occurred_at"),
            lambda: _reads(world, plan),
            staged=True,
        ),
    )  # fmt: skip


def quests(world: World) -> list[Quest]:
    """Plan the quests: each life in its turn."""
    chance = world.chance("quests.quests")
    draw = chance.random
    parents = _parents(world)
    plan = []
    for number in range(1, 3 * len(parents) + 1):
        life = _LIVES[(number - 1) % len(_LIVES)]
        place = number % len(parents)
        played = _DEPLOYED[-1] in life
        nodes = 5 + int(draw() * 10) if played else 0
        scores = tuple(50 + int(draw() * 51) for _ in range(1 + int(draw() * nodes)))
        opened = played and number % len(_LIVES) != 0
        plan.append(
            Quest(
                number,
                UUID(int=chance.getrandbits(128), version=4),
                parents[place],
                world.now - 24 * (40 + int(draw() * 300)),
                life,
                world.mentees[-1 - place] if opened else None,
                one_of(_SHARED, draw()) if number > len(_LIVES) else _SHARED[number % len(_SHARED)],
                nodes,
                scores if opened else (),
            )
        )
    return plan


def _parents(world: World) -> range:
    return world.mentees[: max(6, len(world.mentees) // 50)]


def _users(world: World) -> Iterator[str]:
    draw = world.chance("quests.users").random
    came = world.at(0)
    for parent in _parents(world):
        week = int(draw() * 50)
        yield (
            f'{parent}\t{{"child_connection": {week}}}\tchild_connection\t{week}\t{7 * week + int(draw() * 7)}\t'
            f"{came}\t{came}\n"
        )


def _quests(world: World, plan: list[Quest]) -> Iterator[str]:
    draw = world.chance("quests.children").random
    for quest in plan:
        status, said, _ = quest.life[-1]
        last = world.at(quest.hour + 24 * (len(quest.life) - 1))
        yaml = _NULL if quest.life in (_DRAFT, _DROPPED) else f"title: Quest {quest.id}"
        issues = '["too long"]' if said == "rejected" else "[]"
        yield (
            f"{quest.id}\t{quest.quest_id}\t{quest.parent}\t{one_of(_NAMES, draw())}\t{5 + int(draw() * 12)}\t{yaml}\t"
            f"{status}\t{said}\t{issues}\t"
            f"{_NULL if quest.deployed is None else world.at(quest.deployed)}\t"
            f"{last if status == 'deleted' else _NULL}\t{len(quest.life)}\t{world.at(quest.hour)}\t{last}\n"
        )


def _history(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest in plan:
        before = _NULL
        for place, (status, said, party) in enumerate(quest.life):
            who = {"creator": quest.parent, "admin": world.admin}.get(party, _NULL)
            yield (
                f"{quest.quest_id}\t{quest.parent}\t{before}\t{status}\t{said}\t{party}\t{who}\tgenerated\t"
                f"{world.at(quest.hour + 24 * place)}\n"
            )
            before = status


def _opened(plan: list[Quest]) -> Iterator[tuple[Quest, int]]:
    """Every quest that a child has opened, and who."""
    for quest in plan:
        if quest.child is not None:
            yield quest, quest.child


def _shares(quest: Quest) -> tuple[str, ...]:
    return () if quest.child is None else quest.shared


def _settings(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest in plan:
        flags = "\t".join("t" if kind in _shares(quest) else "f" for kind in _TYPES)
        then = quest.hour if quest.child is None else quest.opened + (24 if quest.shared == _LESS else 0)
        who = _NULL if quest.child is None else quest.child
        yield f"{quest.quest_id}\t{who}\t{flags}\t{world.at(quest.hour)}\t{world.at(then)}\n"


def _consents(world: World, plan: list[Quest]) -> Iterator[str]:
    """On the day of opening it; some children have thought better of one of them the day after."""
    for quest, child in _opened(plan):
        shared = _ALL if quest.shared == _LESS else quest.shared
        changes = [(kind, "t", quest.opened) for kind in shared]
        changes += [(kind, "f", quest.opened + 24) for kind in shared if kind not in quest.shared]
        for kind, flag, hour in changes:
            yield f"{quest.quest_id}\t{kind}\t{flag}\tchild\t{child}\tgenerated\t{world.at(hour)}\n"


def _analytics(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest in plan:
        scores, made = quest.scores, world.at(quest.hour)
        sums = f'{{"scored_nodes": {len(scores)}, "score_sum": {sum(scores)}}}' if scores else "{}"
        played = _NULL if quest.child is None else world.at(quest.played)
        times = 0 if quest.child is None else 1 + len(scores)
        then = made if quest.child is None else played
        yield f"{quest.quest_id}\t{len(scores)}\t{quest.nodes}\t{sums}\t{played}\t{times}\t{made}\t{then}\n"


def _nodes(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest in plan:
        who = _NULL if quest.child is None else quest.child
        made = world.at(quest.deployed or 0)
        for node in range(1, quest.nodes + 1):
            done = node <= len(quest.scores)
            then = world.at(quest.opened + 24 * node) if done else made
            yield f"{quest.quest_id}\tnode_{node}\t{node}\ttask\t{who}\t{'t' if done else 'f'}\t{made}\t{then}\n"


def _done(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest, _ in _opened(plan):
        if "educational_progress" in quest.shared:
            for node, score in enumerate(quest.scores, 1):
                hour = quest.opened + 24 * node
                began, ended = world.at(hour - 1), world.at(hour)
                yield f"{quest.quest_id}\tnode_{node}\t{began}\t{ended}\t{score}\t{began}\t{ended}\n"


def _achievements(world: World, plan: list[Quest]) -> Iterator[str]:
    for quest, child in _opened(plan):
        won = [("first_step", "The first step", 1)]
        won += [("all_steps", "All of it", quest.nodes)] if len(quest.scores) == quest.nodes else []
        for code, title, node in won:
            when = world.at(quest.opened + 24 * node)
            yield f"{quest.quest_id}\t{child}\t{code}\t{title}\t{when}\t{when}\t{when}\n"


def _projects(world: World, plan: list[Quest]) -> Iterator[str]:
    """One a quest, and each parent has a goal."""
    for quest in plan:
        made, then = world.at(quest.hour), world.at(quest.hour + 24 * (len(quest.life) - 1))
        status, progress = "in_progress", min(90, 40 * len(quest.life) - 20)
        if quest.deployed is not None:
            status, progress = "completed", 100
        elif quest.life == _DROPPED:
            status, progress = "abandoned", 20
        done = then if status == "completed" else _NULL
        yield (f"{quest.parent}\tquest\t{quest.quest_id}\t{status}\t{progress}\t{done}\t{made}\t{then}\n")
    made = world.at(world.now - 60 * 24)
    for parent in _parents(world):
        yield f"{parent}\tgoal\t{_NULL}\tin_progress\t{parent * 7 % 90}\t{_NULL}\t{made}\t{made}\n"


def _reads(world: World, plan: list[Quest]) -> Iterator[str]:
    """Each parent has looked once, days after the child was there last; a look that was refused ended with asking."""
    tickets = world.chance("quests.privacy_reads")
    for quest, _ in _opened(plan):
        result = {3: "allowed", 0: "refused"}.get(len(quest.shared), "redacted")
        if quest.life == _DELETED:
            result = "missing"
        ticket, when = UUID(int=tickets.getrandbits(128), version=4), world.at(quest.played + 48)
        for step in ("asked", "read")[: 2 if result in ("allowed", "redacted") else 1]:
            yield f"{ticket}\t{step}\t{quest.quest_id}\t{quest.parent}\t{result}\tgenerated\t{when}\n"
