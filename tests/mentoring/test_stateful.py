"""Random lives of relations and bookings by random people, beside a model of what is allowed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from mentorbase import (
    CapacityReached,
    CoolingDown,
    Mentoring,
    NotPermitted,
    Refusal,
    RelationshipExists,
    TransitionRefused,
)
from mentoring.booking import ALLOWED as BOOKING_STEPS
from mentoring.booking import HOUR, in_hours, put_subject
from mentoring.lifecycle import ALLOWED, limit, refused

MENTORS = {1: 1, 2: 2, 3: None}
"""Each mentor's places."""

MENTEES = range(4, 9)
OUTSIDER, ADMIN = 9, 20
LIVE = ("pending", "active", "paused")
BUCKETS = ("completed", "confirmed", "pending", "cancelled", "no_show")

RELATION_METHODS = {
    "accept": ("pending", "active"),
    "reject": (None, "rejected"),
    "cancel": (None, "cancelled"),
    "pause": (None, "paused"),
    "resume": ("paused", "active"),
    "complete": (None, "completed"),
    "terminate": (None, "terminated"),
}
BOOKING_METHODS = {
    "confirm": "confirmed",
    "cancel_booking": "cancelled",
    "complete_booking": "completed",
    "mark_no_show": "no_show",
}

WHO = ("mentor", "mentee", "outsider", "admin", "system")
people = st.sampled_from(["mentor", "mentee", "mentor", "mentee", "outsider", "admin", "system"])
mentors, mentees = st.sampled_from(sorted(MENTORS)), st.sampled_from(MENTEES)
seeds = st.integers(0, 2**32)
Choice = tuple[int, str, str]


def any_of(possible: list[Choice], seed: int) -> Choice:
    """One of them, each method as likely as another."""
    random = Random(seed)
    method = random.choice(sorted({method for _, method, _ in possible}))
    return random.choice([choice for choice in possible if choice[1] == method])


@dataclass
class Relation:
    """What the model knows of a relation."""

    id: int
    mentor: int
    mentee: int
    status: str
    initiated_by: str
    paused_by: str | None = None
    rejected_by: str | None = None

    def kinds(self, who: str) -> set[str]:
        if who == "outsider":
            return set()
        found = {who}
        if who in {"mentor", "mentee"} and self.initiated_by in {"mentor", "mentee"}:
            found.add("initiator" if self.initiated_by == who else "counterparty")
        if self.paused_by == who:
            found.add("pauser")
        return found


@dataclass
class Session:
    """What the model knows of a booking."""

    id: int
    mentor: int
    mentee: int
    status: str
    past: bool
    relation: int | None


class Lives(RuleBasedStateMachine):
    """One transaction an example, rolled back at its end; a refusal undoes its savepoint only."""

    def __init__(
        self, conn: psycopg.Connection, subjects: dict[int, int], seen: Counter[tuple[str, type[Refusal] | None]]
    ) -> None:
        super().__init__()
        self.conn, self.subjects, self.seen = conn, subjects, seen
        self.mentoring = Mentoring(conn)
        self.relations: dict[int, Relation] = {}
        self.sessions: dict[int, Session] = {}
        conn.execute("BEGIN")
        conn.execute("SET LOCAL ROLE mentorbase_app")

    def teardown(self) -> None:
        self.conn.execute("ROLLBACK")

    def attempt(
        self, name: str, who: str, pair: tuple[int, int], refusal: type[Refusal] | None, *args: Any, **given: Any
    ) -> Any:
        """Call the method as *who*; it must be refused exactly as the model says, or not at all."""
        method = getattr(self.mentoring, name)
        person = {"mentor": pair[0], "mentee": pair[1], "outsider": OUTSIDER}.get(who)
        self.act_as({"admin": f"admin:{ADMIN}", "system": "system"}.get(who, ""))
        found = None
        if refusal:
            with refused(refusal), self.conn.transaction():
                method(*args, actor_id=person, **given)
        else:
            with self.conn.transaction():
                found = method(*args, actor_id=person, **given)
        self.act_as("")
        self.seen[name, refusal] += 1
        return found

    def act_as(self, actor: str) -> None:
        self.conn.execute("SELECT set_config('mentorbase.actor', %s, true)", [actor])

    def live(self, mentor: int, mentee: int) -> Relation | None:
        found = [one for one in self.of_pair(mentor, mentee) if one.status in LIVE]
        return found[0] if found else None

    def of_pair(self, mentor: int, mentee: int) -> list[Relation]:
        return [one for one in self.relations.values() if (one.mentor, one.mentee) == (mentor, mentee)]

    def full(self, mentor: int) -> bool:
        taken = sum(one.mentor == mentor and one.status in {"active", "paused"} for one in self.relations.values())
        places = MENTORS[mentor]
        return places is not None and taken >= places

    def refusal_to_ask(self, mentor: int, mentee: int, who: str) -> type[Refusal] | None:
        live = self.live(mentor, mentee)
        side = "mentee" if who == "outsider" else who
        if live and live.status == "pending" and who not in {"admin", "system"} and live.initiated_by != side:
            if who == "outsider" or live.initiated_by not in {"mentor", "mentee"}:
                return NotPermitted
            return CapacityReached if self.full(mentor) else None
        if live:
            return RelationshipExists
        if who == "outsider":
            return NotPermitted
        if who in {"admin", "system"}:
            return CapacityReached if self.full(mentor) else None
        rejections = [one for one in self.of_pair(mentor, mentee) if one.status == "rejected"]
        return CoolingDown if rejections and rejections[-1].rejected_by != who else None

    @rule(mentor=mentors, mentee=mentees, who=people)
    def request(self, mentor: int, mentee: int, who: str) -> None:
        self.ask(mentor, mentee, who)

    def ask(self, mentor: int, mentee: int, who: str) -> None:
        refusal = self.refusal_to_ask(mentor, mentee, who)
        found = self.attempt("request", who, (mentor, mentee), refusal, mentor, mentee)
        if found is None:
            return
        if live := self.live(mentor, mentee):
            assert found.id == live.id
            live.status = "active"
            return
        status = "active" if who in {"admin", "system"} else "pending"
        self.relations[found.id] = Relation(found.id, mentor, mentee, status, who)
        for session in self.sessions.values():
            if (session.mentor, session.mentee, session.relation) == (mentor, mentee, None):
                session.relation = found.id

    def refusal_of_step(self, relation: Relation, method: str, who: str) -> type[Refusal] | None:
        start, to_status = RELATION_METHODS[method]
        allowed = ALLOWED.get((relation.status, to_status))
        if allowed is None or (start and relation.status != start):
            return TransitionRefused
        if not relation.kinds(who) & set(allowed):
            return NotPermitted
        if method == "resume" and who == "system":
            return TransitionRefused  # nobody said when it may
        if method == "accept" and self.full(relation.mentor):
            return CapacityReached
        return None

    @precondition(lambda self: self.relations)
    @rule(data=st.data(), who=people)
    def ask_again(self, data: st.DataObject, who: str) -> None:
        relation = self.relations[data.draw(st.sampled_from(sorted(self.relations)))]
        self.ask(relation.mentor, relation.mentee, who)

    @precondition(lambda self: self.relations)
    @rule(data=st.data(), method=st.sampled_from(sorted(RELATION_METHODS)), who=people)
    def change(self, data: st.DataObject, method: str, who: str) -> None:
        self.take(self.relations[data.draw(st.sampled_from(sorted(self.relations)))], method, who)

    @precondition(lambda self: self.possible_steps())
    @rule(seed=seeds)
    def change_as_allowed(self, seed: int) -> None:
        relation, method, who = any_of(self.possible_steps(), seed)
        self.take(self.relations[relation], method, who)

    @rule(first=mentees)
    def crowd(self, first: int) -> None:
        """Two ask a mentor of one place, who takes both."""
        for mentee in (first, first + 1 if first + 1 in MENTEES else MENTEES[0]):
            self.ask(1, mentee, "mentee")
            if live := self.live(1, mentee):
                self.take(live, "accept", "mentor")

    def possible_steps(self) -> list[Choice]:
        return [
            (relation.id, method, who)
            for relation in self.relations.values()
            for method in RELATION_METHODS
            for who in WHO
            if self.refusal_of_step(relation, method, who) is None
        ]

    def take(self, relation: Relation, method: str, who: str) -> None:
        refusal = self.refusal_of_step(relation, method, who)
        if self.attempt(method, who, (relation.mentor, relation.mentee), refusal, relation.id) is None:
            return
        relation.status = RELATION_METHODS[method][1]
        relation.paused_by = who if method == "pause" else None
        relation.rejected_by = who if method == "reject" else None

    def attributed(self, mentor: int, mentee: int) -> int | None:
        if live := self.live(mentor, mentee):
            return live.id
        return max((one.id for one in self.of_pair(mentor, mentee)), default=None)

    @rule(mentor=mentors, mentee=mentees, who=st.sampled_from(["mentee", "mentee", "mentee", *WHO]))
    def book(self, mentor: int, mentee: int, who: str) -> None:
        refusal = None if who in {"mentee", "admin", "system"} else NotPermitted

        times = {"booked_date": in_hours(24), "ends_at": in_hours(25)}
        if found := self.attempt("book", who, (mentor, mentee), refusal, self.subjects[mentor], mentee, **times):
            relation = self.attributed(mentor, mentee)
            self.sessions[found.id] = Session(found.id, mentor, mentee, "pending", False, relation)

    @rule(mentor=mentors, mentee=mentees, status=st.sampled_from(["confirmed", "confirmed", *BUCKETS]))
    def import_past_session(self, mentor: int, mentee: int, status: str) -> None:
        self.conn.execute("RESET ROLE")
        self.act_as("system")
        [[booking]] = self.conn.execute(
            "INSERT INTO mentoring.subject_schedule (subject_id, user_id, status, booked_date, ends_at)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [self.subjects[mentor], mentee, status, in_hours(-24), in_hours(-24) + HOUR],
        ).fetchall()
        self.act_as("")
        self.conn.execute("SET LOCAL ROLE mentorbase_app")
        self.sessions[booking] = Session(booking, mentor, mentee, status, True, self.attributed(mentor, mentee))

    def refusal_of_booking_step(self, session: Session, method: str, who: str) -> type[Refusal] | None:
        to_status = BOOKING_METHODS[method]
        allowed = BOOKING_STEPS.get((session.status, to_status))
        if allowed is None:
            return TransitionRefused
        if who not in allowed:
            return NotPermitted
        early = to_status in {"completed", "no_show"} and not session.past
        return TransitionRefused if early else None

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), method=st.sampled_from(sorted(BOOKING_METHODS)), who=people)
    def change_booking(self, data: st.DataObject, method: str, who: str) -> None:
        self.take_booking_step(self.sessions[data.draw(st.sampled_from(sorted(self.sessions)))], method, who)

    @precondition(lambda self: self.possible_booking_steps())
    @rule(seed=seeds)
    def change_booking_as_allowed(self, seed: int) -> None:
        session, method, who = any_of(self.possible_booking_steps(), seed)
        self.take_booking_step(self.sessions[session], method, who)

    def possible_booking_steps(self) -> list[Choice]:
        return [
            (session.id, method, who)
            for session in self.sessions.values()
            for method in BOOKING_METHODS
            for who in WHO
            if self.refusal_of_booking_step(session, method, who) is None
        ]

    def take_booking_step(self, session: Session, method: str, who: str) -> None:
        refusal = self.refusal_of_booking_step(session, method, who)
        if self.attempt(method, who, (session.mentor, session.mentee), refusal, session.id):
            session.status = BOOKING_METHODS[method]

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        relations = self.conn.execute("SELECT id, mentor_id, mentee_id, status::text FROM mentoring.mentor_mentee")
        assert set(relations.fetchall()) == {
            (one.id, one.mentor, one.mentee, one.status) for one in self.relations.values()
        }
        sessions = self.conn.execute(
            "SELECT id, mentor_id, user_id, status::text, relationship_id FROM mentoring.subject_schedule"
        )
        assert set(sessions.fetchall()) == {
            (one.id, one.mentor, one.mentee, one.status, one.relation) for one in self.sessions.values()
        }

    @invariant()
    def each_booking_counts_once_and_the_buckets_add_up(self) -> None:
        found = [row for mentor in MENTORS for row in self.mentoring.mentor_statistics(mentor, page_size=500)]
        assert {row.relationship_id for row in found} == self.relations.keys()
        for row in found:
            own = [one.status for one in self.sessions.values() if one.relation == row.relationship_id]
            counts = [getattr(row, f"{status}_sessions") for status in BUCKETS]
            assert counts == [own.count(status) for status in BUCKETS]
            assert row.total_bookings == sum(counts)
        [[unattributed, all_bookings]] = self.conn.execute(
            "SELECT count(*) FILTER (WHERE relationship_id IS NULL), count(*) FROM mentoring.subject_schedule"
        ).fetchall()
        assert sum(row.total_bookings for row in found) + unattributed == all_bookings

    @invariant()
    def a_pair_has_one_live_relation_and_a_mentor_no_more_mentees_than_places(self) -> None:
        pairs = self.conn.execute(
            "SELECT mentor_id, mentee_id FROM mentoring.mentor_mentee WHERE status = ANY(%s::"
            "mentoring.mentor_mentee_status[]) GROUP BY mentor_id, mentee_id HAVING count(*) > 1",
            [list(LIVE)],
        )
        assert pairs.fetchall() == []
        for mentor, places in MENTORS.items():
            load = self.mentoring.mentor_load(mentor)
            assert load is not None
            assert places is None or load.used <= places
            assert load.used == sum(
                one.mentor == mentor and one.status in {"active", "paused"} for one in self.relations.values()
            )

    @invariant()
    def every_story_ends_where_its_subject_stands(self) -> None:
        for table, history, key in (
            ("mentor_mentee", "mentor_mentee_history", "relationship_id"),
            ("subject_schedule", "subject_schedule_history", "booking_id"),
        ):
            wrong = self.conn.execute(
                f"""
                WITH story AS (
                    SELECT
                        {key} AS id, from_status, to_status,
                        lag(to_status) OVER (PARTITION BY {key} ORDER BY id) AS before,
                        lead(id) OVER (PARTITION BY {key} ORDER BY id) IS NULL AS ends
                    FROM mentoring.{history}
                )
                SELECT s.id FROM story AS s LEFT JOIN mentoring.{table} AS t ON t.id = s.id
                WHERE s.from_status IS DISTINCT FROM s.before OR (s.ends AND s.to_status IS DISTINCT FROM t.status)
                UNION ALL
                SELECT t.id FROM mentoring.{table} AS t WHERE t.id NOT IN (SELECT s.id FROM story AS s)
                """
            )
            assert wrong.fetchall() == []

    @invariant()
    def nobody_acts_any_more(self) -> None:
        assert self.conn.execute("SELECT current_setting('mentorbase.actor', true)").fetchall() in [[("",)], [(None,)]]


@pytest.mark.usefixtures("people")
def test_random_lives_are_allowed_and_refused_as_the_model_says_and_every_figure_holds(
    admin: psycopg.Connection,
) -> None:
    subjects = {mentor: put_subject(admin, mentor) for mentor in MENTORS}
    for mentor, places in MENTORS.items():
        limit(admin, places, mentor)
    seen: Counter[tuple[str, type[Refusal] | None]] = Counter()
    run_state_machine_as_test(
        lambda: Lives(admin, subjects, seen),
        settings=settings(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    for method in {"request", "book", *RELATION_METHODS, *BOOKING_METHODS}:
        assert seen[method, None] > 0, f"{method} never went through: the test says nothing of it"
    assert {refusal for _, refusal in seen} == {
        *(None, NotPermitted, TransitionRefused, RelationshipExists, CapacityReached, CoolingDown),
    }
