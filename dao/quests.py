"""Quests that parents make and children play, and what the children share of it: schema ``quests``.

Two applications, each with a database role of its own: the bot of the parents (``pas_bot_user``) and Inner Edu of the
children (``inner_edu_user``). Row-level security shows each the rows of whoever acts, so what only reads has no
``actor_id`` and is called inside ``db.transaction(actor=...)``. People are known by ``auth.users.id``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, cast, overload
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import AfterValidator, AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .errors import ConsentMissing, NotFound
from .query import AsyncSource, Queries, S, Source, SyncSource, observers, query
from .types import LAST, AfterId, Id, PageSize, Percent, Reason, Text


class QuestStatus(StrEnum):
    """Where a quest stands (``quests.quest_status``)."""

    DRAFT = "draft"
    READY = "ready"
    DEPLOYED = "deployed"
    ARCHIVED = "archived"
    DELETED = "deleted"


class ModerationStatus(StrEnum):
    """What a moderator says of a quest (``quests.moderation_status``)."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class ProjectType(StrEnum):
    """What a creative project is about (``quests.project_type``)."""

    QUEST = "quest"
    LETTER = "letter"
    GOAL = "goal"


class ProjectStatus(StrEnum):
    """Where a creative project stands (``quests.project_status``)."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


class DataType(StrEnum):
    """What a child may share of a quest (``quests.data_type``), one setting each."""

    COMPLETION_PROGRESS = "completion_progress"
    EDUCATIONAL_PROGRESS = "educational_progress"
    PLAY_FREQUENCY = "play_frequency"


class MessageRole(StrEnum):
    """Whose words a message is (``quests.message_role``)."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class LetterStatus(StrEnum):
    """Where a letter stands (``quests.letter_status``)."""

    DRAFT = "draft"
    FINISHED = "finished"
    SENT = "sent"


class GoalStatus(StrEnum):
    """Where a goal stands (``quests.goal_status``)."""

    ACTIVE = "active"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


_FILTERS = {"project_type": ProjectType, "status": ProjectStatus}


def _known_filters(filters: dict[str, Any]) -> dict[str, Any]:
    for name, value in filters.items():
        if name not in _FILTERS:
            raise ValueError(f"can be {' or '.join(_FILTERS)}")
        _FILTERS[name](value)
    return filters


JsonObject = Annotated[dict[str, Any], AfterValidator(Jsonb)]
JsonList = Annotated[list[Any], AfterValidator(Jsonb)]
ProjectFilters = Annotated[dict[str, Any], AfterValidator(_known_filters), AfterValidator(Jsonb)]
Count = Annotated[int, Field(ge=0, le=100_000)]
AtMost = Annotated[int, Field(ge=1, le=100)]
Progress = Annotated[int, Field(ge=0, le=100)]
Mood = Annotated[int, Field(ge=1, le=10)]
Version = Annotated[int, Field(ge=1)]
Yaml = Annotated[Text, Field(max_length=1_000_000)]


@dataclass(frozen=True, slots=True)
class Quest:
    """One quest as its parent made it (``quests.quests``). Times are UTC instants.

    Attributes:
        quest_id: the quest, for applications.
        creator_id: the parent.
        moderation_issues: what the moderator found.
        deployed_at: when it was first given to Inner Edu.
        version: grows with each change; give it to be refused if somebody was faster.
    """

    id: int
    quest_id: UUID
    creator_id: int
    child_name: str | None
    child_age: int | None
    quest_yaml: str | None
    status: QuestStatus
    moderation_status: ModerationStatus
    moderation_issues: list[Any]
    deployed_at: AwareDatetime | None
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class QuestAnalytics:
    """What the child shares of a quest at the moment of reading (``quests.read()``); None for all else.

    Attributes:
        completion_percentage: 0 to 100.
        educational_progress: numbers: achievements, scored_nodes, score_sum.
        last_played: a UTC instant; None too if the child never played.
        child_consented_to_sharing: whether anything of what was asked for is shared.
    """

    quest_id: UUID
    nodes_completed: int | None
    total_nodes: int | None
    completion_percentage: Decimal | None
    educational_progress: dict[str, Any] | None
    last_played: AwareDatetime | None
    play_count: int | None
    child_consented_to_sharing: bool


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What the child of a quest shares (``quests.child_privacy_settings``).

    Attributes:
        updated_at: when the child last changed it, a UTC instant; None for everybody but the child.
    """

    quest_id: UUID
    share_completion_progress: bool
    share_educational_progress: bool
    share_play_frequency: bool
    updated_at: AwareDatetime | None


@dataclass(frozen=True, slots=True)
class CreativeProject:
    """What a parent makes (``quests.creative_projects``). Times are UTC instants.

    Attributes:
        progress: how far the parent has come with making it, 0 to 100.
    """

    id: int
    user_id: int
    project_type: ProjectType
    quest_id: UUID | None
    letter_id: int | None
    status: ProjectStatus
    progress: int
    completed_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class PsychologicalProfile:
    """What is known of a parent (``quests.psychological_profiles``). Times are UTC instants.

    Attributes:
        emotional_trends: how the person felt, oldest first, each with ``at``.
        crisis_history: still encrypted: `WordCipher.open` reads it.
        primary_coping_strategies: what helps, with how often it did.
        child_engagement: how often the person's quests were opened, of the children who share play frequency at this
            moment; None if none does.
        version: grows with each change.
    """

    user_id: int
    emotional_trends: list[Any]
    crisis_history: bytes | None = field(repr=False)
    primary_coping_strategies: dict[str, Any]
    triggers: list[Any]
    communication_style: str | None
    toxic_patterns: list[Any]
    growth_areas: list[Any]
    quests_created: int
    child_engagement: int | None
    recommended_techniques: list[Any]
    version: int
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What may help a person, of their own profile.

    Attributes:
        kind: coping_strategy, recommended_technique or growth_area.
        suggestion: the strategy, technique or area.
    """

    kind: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far a person's recovery has come (``quests.users``). Times are UTC instants.

    Attributes:
        recovery_tracks: steps taken on each track.
    """

    id: int
    recovery_tracks: dict[str, Any]
    primary_track: str | None
    recovery_week: int
    recovery_day: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class BotSession:
    """A person's session with the bot (``quests.sessions``). Times are UTC instants.

    Attributes:
        summary: still encrypted: `WordCipher.open` reads it.
        mood_before: 1 (worst) to 10, as mood_after.
    """

    id: int
    user_id: int
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    summary: bytes | None = field(repr=False)
    mood_before: int | None
    mood_after: int | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class BotMessage:
    """What parent or bot said (``quests.messages``). Times are UTC instants.

    Attributes:
        content: still encrypted: `WordCipher.open` reads it.
        key_id: number of the key that it is encrypted with.
    """

    id: int
    user_id: int
    session_id: int | None
    role: MessageRole
    content: bytes = field(repr=False)
    key_id: int
    sent_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that a parent writes (``quests.letters``), still encrypted: `WordCipher.open` reads it. Times are UTC.

    Attributes:
        key_id: number of the key that body is encrypted with.
    """

    id: int
    user_id: int
    recipient: bytes = field(repr=False)
    title: bytes = field(repr=False)
    body: bytes = field(repr=False)
    key_id: int
    status: LetterStatus
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of a parent (``quests.goals``). Times are UTC instants.

    Attributes:
        due_date: by the person's calendar.
        progress: 0 to 100.
    """

    id: int
    user_id: int
    title: str
    specific: str | None
    measurable: str | None
    achievable: str | None
    relevant: str | None
    due_date: date | None
    status: GoalStatus
    progress: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Figures about a parent at one moment (``quests.metrics_snapshots``). Times are UTC instants."""

    id: int
    user_id: int
    taken_at: AwareDatetime
    metrics: dict[str, Any]
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class OpenedQuest:
    """A deployed quest, for the child who plays it (``quests.open_quest()``). Times are UTC instants."""

    quest_id: UUID
    child_name: str | None
    child_age: int | None
    quest_yaml: str
    deployed_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class QuestNode:
    """A node of a deployed quest (``quests.quest_nodes``)."""

    quest_id: UUID
    node_key: str
    position: int
    type: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodeProgress:
    """How a child went through a node (``quests.child_progress``), kept with consent only. Times are UTC instants.

    Attributes:
        score: the best, 0 to 100.
    """

    quest_id: UUID
    node_key: str
    started_at: AwareDatetime
    completed_at: AwareDatetime | None
    attempts: int
    score: Decimal | None


@dataclass(frozen=True, slots=True)
class Achievement:
    """What a child unlocked (``quests.achievements``). Times are UTC instants."""

    id: int
    quest_id: UUID
    code: str
    title: str
    unlocked_at: AwareDatetime


class Quests(Queries[S], service="quests"):
    """Quests and what children share of them; runs ``sql/quests/queries.sql``.

    Args:
        source: a connection or pool, as of each service.
        asking: where `get_quest_analytics` and `get_or_create_profile` write down that somebody asks, in a transaction
            of its own: another connection or pool of the same kind; None: *source*, which must not be in a transaction.
    """

    def __init__(self, source: S, asking: Source | None = None) -> None:
        super().__init__(source)
        self._asking: Quests[Any] = self if asking is None else Quests(asking)

    # -- Quests, of the bot

    @query
    def create_quest(self, creator_id: Id, quest_data: JsonObject, *, actor_id: Id | None = None) -> Quest:
        """Make a quest as a draft with its project and move the parent's recovery: ``quests.create_quest()``.

        Args:
            quest_data: child_name, child_age, quest_yaml, any of them.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            InvalidArgument: *quest_data* has something else in it.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def get_quest(self, quest_id: UUID) -> Quest:
        """Return one quest of ``quests.quests``, of the transaction's actor.

        Raises:
            NotFound: there is none, it is deleted, it is somebody else's, or the transaction has no actor.
        """
        ...

    @query
    def update_quest(
        self, quest_id: UUID, changes: JsonObject, *, version: Version | None = None, actor_id: Id | None = None
    ) -> Quest:
        """Change a quest: ``quests.update_quest()``. Another YAML has to be approved anew.

        Args:
            changes: child_name, child_age, quest_yaml, any of them; None empties.
            version: the version it was read with; None: whatever it is.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            StaleVersion: it was changed since; ``current`` is its version.
            NotFound: the actor has no such quest.
            ReadOnly: it was deployed, and its YAML does not change any more.
            InvalidArgument: *changes* has something else in it.
            InvalidValue: a value is outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def get_user_quests(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Quest]:
        """Return one page of a parent's rows of ``quests.quests``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def set_quest_status(
        self, quest_id: UUID, status: QuestStatus, *, actor_id: Id | None = None, reason: Reason | None = None
    ) -> Quest:
        """Take one step of a quest's life: ``quests.set_quest_status()``. Deleted, it is hidden from the parent only.

        Raises:
            TransitionRefused: the life cycle has no such step from here.
            NotApproved: it is to be deployed and was not approved.
            NotFound: the actor has no such quest.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def save_quest_yaml(
        self, quest_id: UUID, yaml_content: Yaml, *, version: Version | None = None, actor_id: Id | None = None
    ) -> Quest:
        """Write a quest's YAML: ``quests.save_quest_yaml()``; as `update_quest`."""
        ...

    @query
    def moderate_quest(
        self,
        quest_id: UUID,
        decision: ModerationStatus,
        *,
        issues: JsonList | None = None,
        reason: Reason | None = None,
    ) -> Quest:
        """Say what a moderator found: ``quests.moderate_quest()``. As ``Actor.admin(...)`` or ``SYSTEM``.

        Raises:
            NotPermitted: the actor is the quest's parent.
            NotFound: there is no such quest, or the actor is somebody else.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def export_quest(self, quest_id: UUID, *, actor_id: Id | None = None, reason: Reason | None = None) -> Quest:
        """Deploy a quest that is ready and return it for Inner Edu: ``quests.export_quest()``. Again changes nothing.

        Raises:
            NotApproved: it was not approved.
            TransitionRefused: it is not ready.
            NotFound: the actor has no such quest.
            ActorRequired: nobody is named who acts.
        """
        ...

    # -- What the child shares

    @overload
    def get_quest_analytics(
        self: Quests[SyncSource], quest_id: UUID, *, actor_id: int, data_type: DataType | None = None
    ) -> QuestAnalytics: ...
    @overload
    def get_quest_analytics(
        self: Quests[AsyncSource], quest_id: UUID, *, actor_id: int, data_type: DataType | None = None
    ) -> Coroutine[Any, Any, QuestAnalytics]: ...
    def get_quest_analytics(self, quest_id: UUID, *, actor_id: int, data_type: DataType | None = None) -> Any:
        """Return what the child shares of a quest at this moment: `ask`, committed on a connection of its own, `read`.

        Args:
            actor_id: the parent.
            data_type: None: all there is.

        Raises:
            ConsentMissing: the child shares nothing of it; ``settings`` names what is off.
            NotFound: the parent has no such quest.
            IsolationRefused: the transaction is not READ COMMITTED.
        """
        quests = cast("Quests[Any]", self)
        return quests._asked(lambda ticket: quests.read(ticket, actor_id=actor_id), quest_id, data_type, actor_id)

    @query
    def ask(
        self, quest_id: UUID | None = None, *, data_type: DataType | None = None, actor_id: Id | None = None
    ) -> UUID:
        """Say in the read ledger that somebody asks for what a child did: ``quests.ask()``; return a ticket.

        Commit it before `read`. `get_quest_analytics` does both.

        Args:
            quest_id: None: for `read_profile`.
            data_type: None: all there is.
            actor_id: the parent; None: the transaction's actor.

        Raises:
            NotPermitted: the actor is no person.
            IsolationRefused: the transaction is not READ COMMITTED.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def read(self, ticket: UUID, *, actor_id: Id | None = None) -> QuestAnalytics:
        """Return what the child shares at this moment of what was asked for: ``quests.read()``.

        Args:
            ticket: of `ask`, committed; good for one read, for a minute.
            actor_id: who asked; None: the transaction's actor.

        Raises:
            ConsentMissing: the child shares nothing of it; ``settings`` names what is off.
            NotFound: the parent has no such quest.
            TicketInvalid: unknown, expired, used, or of the same transaction.
            IsolationRefused: the transaction is not READ COMMITTED.
        """
        ...

    @query
    def get_privacy_settings(self, quest_id: UUID, *, actor_id: Id | None = None) -> PrivacySettings:
        """Return what the child of a quest shares, to parent and child: ``quests.get_privacy_settings()``.

        Raises:
            NotFound: the actor has no such quest.
            IsolationRefused: the transaction is not READ COMMITTED.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def can_share_with_parent(self, quest_id: UUID, data_type: DataType, *, actor_id: Id | None = None) -> bool:
        """Return whether the child shares this now: ``quests.can_share_with_parent()``. Reading checks again.

        Raises:
            NotFound: the actor has no such quest.
            IsolationRefused: the transaction is not READ COMMITTED.
            ActorRequired: nobody is named who acts.
        """
        ...

    # -- Creative projects

    @query
    def create_creative_project(
        self, user_id: Id, project_type: ProjectType, linked_id: Text | None = None, *, actor_id: Id | None = None
    ) -> CreativeProject:
        """Make a project: ``quests.create_creative_project()``. `create_quest` makes its own.

        Args:
            linked_id: quest_id of a quest, or id of a letter, as text; None: not linked.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            InvalidArgument: *linked_id* is nothing that this kind is linked to.
            ReferenceViolation: the person has no such quest or letter.
            AlreadyExists: it has a project.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def get_all_projects(
        self, user_id: Id, filters: ProjectFilters | None = None, *, after_id: AfterId = LAST, page_size: PageSize = 50
    ) -> list[CreativeProject]:
        """Return one page of a person's ``quests.creative_projects``, newest first; of the transaction's actor only.

        Args:
            filters: project_type, status, any of them.
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def update_project_progress(
        self, project_id: Id, progress: Progress, *, actor_id: Id | None = None
    ) -> CreativeProject:
        """Say how far a project has come, 0 to 100: ``quests.update_project_progress()``. 100 completes it.

        Raises:
            NotFound: the actor has no such project.
            ActorRequired: nobody is named who acts.
        """
        ...

    # -- The parent's profile

    @overload
    def get_or_create_profile(self: Quests[SyncSource], user_id: int) -> PsychologicalProfile: ...
    @overload
    def get_or_create_profile(self: Quests[AsyncSource], user_id: int) -> Coroutine[Any, Any, PsychologicalProfile]: ...
    def get_or_create_profile(self, user_id: int) -> Any:
        """Return a person's profile, made if there is none, as that person: `ask`, then `read_profile`.

        Raises:
            IsolationRefused: the transaction is not READ COMMITTED.
        """
        quests = cast("Quests[Any]", self)

        def then(ticket: UUID) -> Any:
            return quests.read_profile(user_id, ticket=ticket, actor_id=user_id)

        return quests._asked(then, None, None, user_id)

    @query
    def read_profile(
        self, user_id: Id, *, ticket: UUID | None = None, actor_id: Id | None = None
    ) -> PsychologicalProfile:
        """Return a person's profile, made if there is none: ``quests.get_or_create_profile()``.

        Args:
            ticket: of `ask` without a quest; None: without child_engagement.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            NotPermitted: the actor is another person.
            TicketInvalid: unknown, expired, used, or of the same transaction.
            IsolationRefused: the transaction is not READ COMMITTED.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def update_profile(
        self, user_id: Id, changes: JsonObject, *, version: Version | None = None, actor_id: Id | None = None
    ) -> int:
        """Change what a profile says: ``quests.update_profile()``; return its version.

        Args:
            changes: triggers, communication_style, toxic_patterns, growth_areas, recommended_techniques, any of them.
            version: the version it was read with; None: whatever it is.
            actor_id: who acts; None: the transaction's actor.

        Raises:
            StaleVersion: it was changed since; ``current`` is its version.
            InvalidArgument: *changes* has something else in it.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def update_profile_emotions(
        self, user_id: Id, emotional_data: JsonObject, *, version: Version | None = None, actor_id: Id | None = None
    ) -> int:
        """Add how a person feels now: ``quests.update_profile_emotions()``; return the profile's version.

        Raises:
            StaleVersion: it was changed since; ``current`` is its version.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def add_coping_strategy(self, user_id: Id, strategy: Text, *, actor_id: Id | None = None) -> int:
        """Record that a strategy helped, once more: ``quests.add_coping_strategy()``; return the profile's version.

        Raises:
            InvalidArgument: it has not 1 to 200 characters.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def save_crisis_history(self, user_id: Id, crisis_history: bytes | None) -> int:
        """Replace the crises of ``quests.psychological_profiles``, encrypted; return the profile's version.

        Args:
            crisis_history: what `WordCipher.seal` made; None: forget it.

        Raises:
            NotFound: the transaction's actor has no such profile.
        """
        ...

    @query
    def get_recommendations(self, user_id: Id, *, at_most: AtMost = 10) -> list[Recommendation]:
        """Return what may help a person, of their own profile: what helped most often first, then techniques, areas.

        The same for the same profile; of the transaction's actor only.

        Args:
            at_most: 1 to 100.
        """
        ...

    # -- The bot's own

    @query
    def save_recovery(
        self,
        user_id: Id,
        *,
        recovery_tracks: JsonObject,
        primary_track: Text | None = None,
        recovery_week: Count = 0,
        recovery_day: Count = 0,
    ) -> Recovery:
        """Write down how far a person's recovery has come, in ``quests.users``. Needs the person as the actor.

        Args:
            recovery_tracks: track to steps taken, numbers.
            primary_track: the one followed mainly; small letters and underscores.
            recovery_week: from 0, as recovery_day.

        Raises:
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def recovery(self, user_id: Id) -> Recovery:
        """Return how far a person's recovery has come (``quests.users``); of the transaction's actor only.

        Raises:
            NotFound: they have not begun.
        """
        ...

    @query
    def start_session(self, user_id: Id, *, mood_before: Mood | None = None) -> BotSession:
        """Begin a session in ``quests.sessions``. Needs the person as the actor.

        Args:
            mood_before: 1 (worst) to 10.

        Raises:
            ReferenceViolation: the person is not known here yet: `save_recovery` registers them.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def end_session(
        self, session_id: Id, *, summary: bytes | None = None, mood_after: Mood | None = None
    ) -> BotSession:
        """End a session of ``quests.sessions``.

        Args:
            summary: what `WordCipher.seal` made.
            mood_after: 1 (worst) to 10.

        Raises:
            NotFound: the transaction's actor has no such session.
        """
        ...

    @query
    def sessions(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[BotSession]:
        """Return one page of a person's ``quests.sessions``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def add_message(
        self, user_id: Id, role: MessageRole, content: bytes, *, session_id: Id | None = None
    ) -> BotMessage:
        """Keep a message in ``quests.messages``. Needs the person as the actor.

        Args:
            content: what `WordCipher.seal` made.

        Raises:
            ReferenceViolation: the person is not known here yet, or has no such session.
            InvalidValue: *content* is no ciphertext.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def messages(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[BotMessage]:
        """Return one page of a person's ``quests.messages``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def write_letter(self, user_id: Id, *, recipient: bytes, title: bytes, body: bytes) -> Letter:
        """Keep a letter in ``quests.letters``. Needs the person as the actor.

        Args:
            recipient: what `WordCipher.seal` made, as title and body.

        Raises:
            ReferenceViolation: the person is not known here yet.
            InvalidValue: one of them is no ciphertext.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_letter(
        self, letter_id: Id, *, recipient: bytes, title: bytes, body: bytes, status: LetterStatus
    ) -> Letter:
        """Replace a letter of ``quests.letters``; as `write_letter`.

        Raises:
            NotFound: the transaction's actor has no such letter.
        """
        ...

    @query
    def letters(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Letter]:
        """Return one page of a person's ``quests.letters``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def create_goal(
        self,
        user_id: Id,
        title: Text,
        *,
        specific: Text | None = None,
        measurable: Text | None = None,
        achievable: Text | None = None,
        relevant: Text | None = None,
        due_date: date | None = None,
    ) -> Goal:
        """Write down a goal in ``quests.goals``. Needs the person as the actor.

        Args:
            due_date: by the person's calendar; None: open.

        Raises:
            ReferenceViolation: the person is not known here yet.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def change_goal(self, goal_id: Id, *, status: GoalStatus, progress: Progress) -> Goal:
        """Say how far a goal of ``quests.goals`` is reached, 0 to 100.

        Raises:
            NotFound: the transaction's actor has no such goal.
        """
        ...

    @query
    def goals(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Goal]:
        """Return one page of a person's ``quests.goals``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def add_metrics(self, user_id: Id, metrics: JsonObject) -> MetricsSnapshot:
        """Keep figures about a person in ``quests.metrics_snapshots``. Needs the person as the actor.

        Raises:
            ReferenceViolation: the person is not known here yet.
            InvalidValue: they are too many.
            NotPermitted: the actor is another person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def metrics(self, user_id: Id, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[MetricsSnapshot]:
        """Return one page of a person's ``quests.metrics_snapshots``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    # -- Of Inner Edu

    @query
    def open_quest(self, quest_id: UUID, *, actor_id: Id | None = None) -> OpenedQuest:
        """Open a deployed quest for the child, and count that: ``quests.open_quest()``. The first to open it has it.

        Args:
            actor_id: the child; None: the transaction's actor.

        Raises:
            NotFound: it is not deployed, or another child's.
            NotPermitted: the actor is the parent.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def update_privacy_settings(
        self, quest_id: UUID, settings: JsonObject, *, actor_id: Id | None = None
    ) -> PrivacySettings:
        """Change what the child shares: ``quests.update_privacy_settings()``. Holds for what starts after the commit.

        Args:
            settings: share_completion_progress, share_educational_progress, share_play_frequency, any of them.
            actor_id: the child; None: the transaction's actor.

        Raises:
            NotFound: the actor plays no such quest.
            NotPermitted: somebody else switches sharing on.
            InvalidArgument: *settings* has something else in it.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def save_nodes(self, quest_id: UUID, nodes: JsonList) -> int:
        """Write down the nodes of a deployed quest: ``quests.save_nodes()``; return how many it has. As ``SYSTEM``.

        Args:
            nodes: objects with node_key, type and content, in order.

        Raises:
            NotFound: there is no such quest, or it is not deployed.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is a person.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def start_node(self, quest_id: UUID, node_key: Text, *, actor_id: Id | None = None) -> bool:
        """Say that the child tries a node: ``quests.start_node()``; return whether that is kept, which takes consent.

        Raises:
            NotFound: the actor plays no such quest, or it has no such node.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def complete_node(
        self, quest_id: UUID, node_key: Text, *, score: Percent | None = None, actor_id: Id | None = None
    ) -> Decimal:
        """Say that the child completed a node: ``quests.complete_node()``; once or often is the same.

        Args:
            score: 0 to 100; kept for this node only with consent.
            actor_id: the child; None: the transaction's actor.

        Returns:
            How much of the quest is done, 0 to 100.

        Raises:
            NotFound: the actor plays no such quest, or it has no such node.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def update_quest_progress(self, quest_id: UUID, nodes_completed: Count, *, actor_id: Id | None = None) -> Decimal:
        """Say how many nodes the child has completed: ``quests.update_quest_progress()``. It never goes back.

        Returns:
            How much of the quest is done, 0 to 100.

        Raises:
            InvalidValue: the quest has fewer nodes.
            NotFound: the actor plays no such quest.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def record_achievement(
        self, quest_id: UUID, achievement_data: JsonObject, *, actor_id: Id | None = None
    ) -> Achievement:
        """Write down what the child unlocked, once: ``quests.record_achievement()``.

        Args:
            achievement_data: code and title.
            actor_id: the child; None: the transaction's actor.

        Raises:
            NotFound: the actor plays no such quest.
            InvalidArgument: *achievement_data* has something else in it.
            InvalidValue: a value is missing, or outside what its column allows.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def quest_nodes(self, quest_id: UUID, *, after: Count = 0, page_size: PageSize = 50) -> list[QuestNode]:
        """Return one page of a quest's ``quests.quest_nodes``, in order; of the transaction's actor only.

        Args:
            after: the last position of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def child_progress(self, quest_id: UUID, *, after: Text = "", page_size: PageSize = 50) -> list[NodeProgress]:
        """Return one page of ``quests.child_progress``, by node_key; of the transaction's actor only.

        Args:
            after: the last node_key of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    @query
    def achievements(self, quest_id: UUID, *, after_id: AfterId = LAST, page_size: PageSize = 50) -> list[Achievement]:
        """Return one page of a quest's ``quests.achievements``, newest first; of the transaction's actor only.

        Args:
            after_id: the last id of the page before.
            page_size: rows at most, 1 to 500.
        """
        ...

    def _asked(
        self, then: Callable[[UUID], Any], quest_id: UUID | None, data_type: DataType | None, actor_id: int
    ) -> Any:
        """Ask, then read with the ticket; asynchronously where the source is."""
        ticket: Any = self._asking.ask(quest_id, data_type=data_type, actor_id=actor_id)
        return _read_later(ticket, then) if isinstance(ticket, Coroutine) else then(ticket)


_log = logging.getLogger("mentorbase.quests")
_TOLD: Final = {
    "quests.create_quest": "a quest was created",
    "quests.update_quest": "a quest was updated",
    "quests.save_quest_yaml": "a quest was updated",
    "quests.set_quest_status": "a quest took a step",
    "quests.export_quest": "a quest took a step",
    "quests.moderate_quest": "a quest was moderated",
    "quests.update_privacy_settings": "privacy settings were changed",
}
_READS: Final = {"quests.read", "quests.can_share_with_parent"}


def privacy_result(name: str, outcome: Any) -> str | None:
    """Return what a check of consent found, for logs and metrics: allowed, redacted, refused or not_found.

    Args:
        name: of a query, such as quests.read.
        outcome: its result, or the exception that it raised.

    Returns:
        None if the query checks no consent, or failed for another reason. A quest of another parent is not_found too;
        the ledger, ``quests.v_privacy_reads``, tells them apart.
    """
    if name not in _READS:
        return None
    if isinstance(outcome, NotFound):
        return "not_found"
    if isinstance(outcome, ConsentMissing) or outcome is False:
        return "refused"
    if isinstance(outcome, QuestAnalytics):
        kinds = (outcome.nodes_completed, outcome.educational_progress, outcome.play_count)
        return "redacted" if None in kinds else "allowed"
    return "allowed" if outcome is True else None


def _tell(name: str, _seconds: float, outcome: Any) -> None:
    """Log what the document wants logged: that it happened, and the result of a check; nobody's data."""
    if (found := privacy_result(name, outcome)) is not None:
        _log.info("analytics were accessed: %s", found)
    elif (told := _TOLD.get(name)) is not None and not isinstance(outcome, Exception):
        _log.info("%s", told)


observers.append(_tell)


async def _read_later(ticket: Coroutine[Any, Any, UUID], then: Callable[[UUID], Any]) -> Any:
    return await then(await ticket)
