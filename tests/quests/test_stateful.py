"""A parent, a child and an attacker in random order, in transactions that overlap: no field without consent, ever."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from mentorbase import (
    ConsentMissing,
    DataType,
    IsolationRefused,
    NotFound,
    NotPermitted,
    QuestAnalytics,
    Quests,
    Refusal,
    TicketInvalid,
)
from psycopg import IsolationLevel
from quests.family import CHILD, EDU, FIELDS, OTHER_CHILD, OTHER_PARENT, PARENT, PAS, Family

KINDS = st.sampled_from(list(DataType))
LEVELS = (None, IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)

Seen = Counter[tuple[str, str]]


class Play(RuleBasedStateMachine):
    """One quest an example. The parent has a session that commits at once and one with a transaction, as the child has.

    What the model knows is what is committed (`shared`), and what the child's transaction has changed (`pending`).
    """

    def __init__(self, family: Family, connections: list[psycopg.Connection[Any]], seen: Seen) -> None:
        super().__init__()
        self.family, self.connections, self.seen = family, connections, seen
        self.asking, self.at_once, self.in_transaction, self.attacker, self.child, self.other_child = connections
        self.level: IsolationLevel | None = None
        self.shared: set[DataType] = set()
        self.pending: set[DataType] | None = None
        self.tickets: list[tuple[UUID, DataType | None]] = []
        self.quest_id = family.played()

    def teardown(self) -> None:
        for conn in self.connections:
            conn.rollback()

    # -- The child

    @rule(kind=KINDS, on=st.booleans())
    def decide(self, kind: DataType, on: bool) -> None:
        """The child changes a setting, at once or in its transaction."""
        self.seen["decide", "in a transaction" if self.pending is not None else "at once"] += 1
        Quests(self.child).update_privacy_settings(self.quest_id, {f"share_{kind}": on}, actor_id=CHILD)
        of = self.shared if self.pending is None else self.pending
        (of.add if on else of.discard)(kind)

    @precondition(lambda self: self.pending is None)
    @rule()
    def child_begins(self) -> None:
        self.child.execute("BEGIN")
        self.pending = set(self.shared)

    @precondition(lambda self: self.pending is not None)
    @rule(commit=st.booleans())
    def child_ends(self, commit: bool) -> None:
        self.child.execute("COMMIT" if commit else "ROLLBACK")
        if commit and self.pending is not None:
            self.shared = self.pending
        self.pending = None

    @rule(node=st.sampled_from("abcd"))
    def play(self, node: str) -> None:
        Quests(self.child).complete_node(self.quest_id, node, score=Decimal(50), actor_id=CHILD)

    # -- The parent

    @rule(kind=st.none() | KINDS)
    def ask(self, kind: DataType | None) -> None:
        self.tickets.append((Quests(self.asking).ask(self.quest_id, data_type=kind, actor_id=PARENT), kind))

    @precondition(lambda self: self.level is None)
    @rule(level=st.sampled_from(LEVELS[1:]))
    def parent_begins(self, level: IsolationLevel) -> None:
        """Begin and look at something, so that there is a snapshot where the isolation keeps one."""
        self.in_transaction.execute(f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}")
        self.in_transaction.execute("SELECT FROM quests.quests")
        self.level = level

    @precondition(lambda self: self.level is not None)
    @rule(commit=st.booleans())
    def parent_ends(self, commit: bool) -> None:
        self.in_transaction.execute("COMMIT" if commit else "ROLLBACK")
        self.level = None

    @precondition(lambda self: self.tickets)
    @rule(inside=st.booleans(), data=st.data())
    def read(self, inside: bool, data: st.DataObject) -> None:
        """The parent uses a ticket, in a transaction that may have begun long ago."""
        ticket, kind = self.tickets.pop(data.draw(st.integers(0, len(self.tickets) - 1)))
        conn = self.in_transaction if inside else self.at_once
        level = self.level if inside else None
        asked = set(DataType) if kind is None else {kind}
        with conn.transaction():
            found = self.attempt("read", conn, ticket, PARENT)
        if level not in (None, IsolationLevel.READ_COMMITTED):
            assert isinstance(found, IsolationRefused), found
        elif not asked & self.shared:
            assert isinstance(found, ConsentMissing), found
        else:
            assert isinstance(found, QuestAnalytics), found
            shown = {name for names in FIELDS.values() for name in names if getattr(found, name) is not None}
            assert shown == {name for one in asked & self.shared for name in FIELDS[one]}

    @precondition(lambda self: self.pending is None)
    @rule(kind=KINDS)
    def share_and_look_at_once(self, kind: DataType) -> None:
        self.decide(kind, on=True)
        ticket = Quests(self.asking).ask(self.quest_id, data_type=kind, actor_id=PARENT)
        with self.at_once.transaction():
            found = self.attempt("read", self.at_once, ticket, PARENT)
        assert isinstance(found, QuestAnalytics), found

    @precondition(lambda self: self.level not in (None, IsolationLevel.READ_COMMITTED))
    @rule()
    def look_in_an_old_snapshot(self) -> None:
        ticket = Quests(self.asking).ask(self.quest_id, actor_id=PARENT)
        found = self.attempt("read", self.in_transaction, ticket, PARENT)
        assert isinstance(found, IsolationRefused), found

    @rule()
    def look_at_the_profile(self) -> None:
        ticket = Quests(self.asking).ask(actor_id=PARENT)
        mine = Quests(self.at_once).read_profile(PARENT, ticket=ticket, actor_id=PARENT)
        assert mine.child_engagement == self.engagement()

    def engagement(self) -> int | None:
        """Of the quests of earlier examples the parent may see what was shared last."""
        (count,) = self.family.admin.execute(
            """
            SELECT sum(a.play_count)::bigint
            FROM quests.quest_analytics AS a
            JOIN quests.child_privacy_settings AS s USING (quest_id)
            JOIN quests.quests AS q USING (quest_id)
            WHERE q.creator_id = %s AND CASE WHEN quest_id = %s THEN %s ELSE s.share_play_frequency END
            """,
            [PARENT, self.quest_id, DataType.PLAY_FREQUENCY in self.shared],
        ).fetchone() or (None,)
        return count

    # -- The attacker

    @precondition(lambda self: self.tickets)
    @rule(actor=st.sampled_from([OTHER_PARENT, CHILD, OTHER_CHILD]))
    def steal_a_ticket(self, actor: int) -> None:
        found = self.attempt("steal", self.attacker, self.tickets[-1][0], actor)
        assert isinstance(found, TicketInvalid), found

    @rule(actor=st.sampled_from([OTHER_PARENT, CHILD, OTHER_CHILD]))
    def ask_for_another_s_quest(self, actor: int) -> None:
        ticket = Quests(self.asking).ask(self.quest_id, actor_id=actor)
        found = self.attempt("ask", self.attacker, ticket, actor)
        assert isinstance(found, NotFound), found

    @rule(kind=KINDS, actor=st.sampled_from([PARENT, CHILD, OTHER_CHILD]))
    def decide_for_the_child(self, kind: DataType, actor: int) -> None:
        for conn, who in ((self.attacker, actor), (self.other_child, OTHER_CHILD)):
            if self.pending is not None and conn is self.other_child:
                continue  # it would wait for the child's transaction, and be refused then
            found = None
            try:
                Quests(conn).update_privacy_settings(self.quest_id, {f"share_{kind}": True}, actor_id=who)
            except Refusal as refusal:
                found = refusal
            assert isinstance(found, NotPermitted | NotFound), found

    @rule(actor=st.sampled_from([PARENT, CHILD, OTHER_PARENT]), table=st.sampled_from(["analytics", "nodes"]))
    def look_into_the_table(self, actor: int, table: str) -> None:
        state = None
        try:
            self.attacker.execute(f"SET mentorbase.actor = '{actor}'")
            self.attacker.execute(f"SELECT FROM quests.quest_{table}")
        except psycopg.Error as error:
            state = error.sqlstate
        assert state == "42501"

    def attempt(self, what: str, conn: psycopg.Connection[Any], ticket: UUID, actor: int) -> QuestAnalytics | Refusal:
        """What reading gives, or how it is refused; a refusal ends nothing but its savepoint."""
        found: QuestAnalytics | Refusal
        try:
            with conn.transaction():
                found = Quests(conn).read(ticket, actor_id=actor)
        except Refusal as refusal:
            found = refusal
        self.seen[what, type(found).__name__] += 1
        return found


def test_no_read_ever_shows_a_field_without_consent(shared_family: Family) -> None:
    seen: Seen = Counter()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(shared_family.dsn(login), autocommit=True))
            for login in (PAS, PAS, PAS, PAS, EDU, EDU)
        ]
        run_state_machine_as_test(
            lambda: Play(shared_family, connections, seen),
            settings=settings(
                max_examples=60,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate, Phase.shrink],
            ),
        )
    # It has tried what it is for.
    assert {
        ("decide", "in a transaction"),
        ("decide", "at once"),
        ("read", "QuestAnalytics"),
        ("read", "ConsentMissing"),
        ("read", "IsolationRefused"),
        ("steal", "TicketInvalid"),
        ("ask", "NotFound"),
    } <= seen.keys()
