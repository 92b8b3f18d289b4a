"""Ten thousand calls by sixteen clients at once, of the same few people, and what must hold all the while."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import psycopg
import pytest
from mentorbase import (
    SYSTEM,
    Actor,
    Block,
    Blocked,
    Booking,
    CapacityReached,
    CoolingDown,
    Database,
    InvalidValue,
    MentorUnavailable,
    NotPermitted,
    Refusal,
    Relationship,
    RelationshipExists,
    SelfMentoring,
    Settings,
    StaleVersion,
    SubjectInactive,
    TooManyRequests,
    TransitionRefused,
)
from mentoring.booking import imported, in_hours, put_subject
from mentoring.racing import outcome

CLIENTS, CALLS = 16, 10_000
MENTORS, MENTEES = range(1, 6), range(4, 13)
"""The two in the middle are both, so they also mentor each other and ask themselves."""

OUTSIDER, ADMIN = 19, Actor.admin(20)
LIMITS: dict[int, tuple[int | None, ...]] = {1: (2,), 2: (2, 4), 3: (3, None), 4: (None,)}
"""What each mentor's max_mentees changes between; the others never say anything."""

OPEN_REQUESTS = 1

STEPS = ("accept", "reject", "cancel", "pause", "resume", "complete", "terminate")
BOOKING_STEPS = ("confirm", "cancel_booking", "complete_booking", "mark_no_show")
REFUSALS: dict[str, set[type[Refusal]]] = {
    "request": {
        *(NotPermitted, RelationshipExists, MentorUnavailable, CoolingDown, Blocked, TooManyRequests),
        *(CapacityReached, SelfMentoring),
    },
    **{step: {NotPermitted, TransitionRefused} for step in STEPS},
    "accept": {NotPermitted, TransitionRefused, CapacityReached},
    "change_subscriptions": {NotPermitted, TransitionRefused, StaleVersion},
    "write_note": {NotPermitted},
    "note": {NotPermitted},
    "book": {NotPermitted, SubjectInactive, InvalidValue},
    **{step: {NotPermitted, TransitionRefused} for step in BOOKING_STEPS},
    "change_subject": {NotPermitted},
    "block": {NotPermitted, InvalidValue},
    "unblock": {NotPermitted},
    "save_profile": {NotPermitted},
    "expire_requests": set(),
}
"""What each method may answer, other than doing it."""

SENSIBLE = {
    "pending": ("accept",) * 5 + ("reject", "cancel", "request", "change_subscriptions"),
    "active": ("pause", "pause", "complete", "terminate", "write_note", "change_subscriptions"),
    "paused": ("resume", "resume", "complete", "terminate", "note"),
}
"""What to do with a relation that was last seen in this status; an ended one is asked for again."""

LIVE = "status IN ('pending', 'active', 'paused')"
STORY = """
    WITH story AS (
        SELECT
            {key} AS key, from_status, to_status, mentor_id,
            lag(to_status) OVER (PARTITION BY {key} ORDER BY id) AS before,
            lead(id) OVER (PARTITION BY {key} ORDER BY id) IS NULL AS ends
        FROM mentoring.{table}_history
    )
    SELECT s.key FROM story AS s LEFT JOIN mentoring.{table} AS t ON t.id = s.key
    WHERE s.from_status IS DISTINCT FROM s.before
        OR (s.ends AND s.to_status IS DISTINCT FROM t.status)
        OR s.mentor_id IS DISTINCT FROM t.mentor_id
        OR NOT EXISTS (
            SELECT FROM mentoring.{table}_transitions AS a
            WHERE a.from_status IS NOT DISTINCT FROM s.from_status AND a.to_status = s.to_status
        )
    UNION ALL
    SELECT t.id FROM mentoring.{table} AS t WHERE t.id NOT IN (SELECT s.key FROM story AS s)
"""
LINGER = """
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(random() / 50);
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER zz_linger BEFORE INSERT OR UPDATE ON mentoring.mentor_mentee
    FOR EACH ROW EXECUTE FUNCTION linger();
    CREATE TRIGGER zz_linger BEFORE INSERT ON mentoring.subject_schedule FOR EACH ROW EXECUTE FUNCTION linger();
    CREATE TRIGGER zz_linger BEFORE INSERT ON mentoring.blocks FOR EACH ROW EXECUTE FUNCTION linger()
"""
"""After its guards and before the write itself everybody pauses a little, so that what is not locked is overtaken."""

WRONG = {
    "two live relations of a pair": f"""
        SELECT mentor_id, mentee_id FROM mentoring.mentor_mentee WHERE {LIVE} GROUP BY 1, 2 HAVING count(*) > 1
    """,
    # A limit may be lowered below what is taken, so what counts is the highest that it ever was.
    "more mentees than a mentor ever had places": """
        SELECT m.mentor_id, count(*) FROM mentoring.mentor_mentee AS m JOIN unnest(%(limited)s, %(places)s)
        AS l (mentor_id, places) USING (mentor_id) WHERE m.status IN ('active', 'paused')
        GROUP BY m.mentor_id, l.places HAVING count(*) > l.places
    """,
    "times that do not agree with the status": """
        SELECT id, status FROM mentoring.mentor_mentee
        WHERE (accepted_at IS NOT NULL) <> (status IN ('active', 'paused', 'completed', 'terminated'))
            OR (paused_at IS NOT NULL) <> (status = 'paused') OR (paused_by IS NOT NULL) <> (status = 'paused')
            OR (completed_at IS NOT NULL) <> (status = 'completed')
            OR (ended_at IS NULL) <> (status IN ('pending', 'active', 'paused'))
            OR (resume_at IS NOT NULL AND status <> 'paused')
            OR ended_at < accepted_at OR completed_at <> ended_at OR resume_at <= paused_at
    """,
    "a live relation of people of whom one blocks the other": f"""
        SELECT m.id FROM mentoring.mentor_mentee AS m JOIN mentoring.blocks AS b
        ON (m.mentor_id, m.mentee_id) IN ((b.blocker_id, b.blocked_id), (b.blocked_id, b.blocker_id)) WHERE m.{LIVE}
    """,
    "a mentee with more requests waiting than allowed": """
        SELECT mentee_id FROM mentoring.mentor_mentee WHERE status = 'pending' AND initiated_by = 'mentee'
        GROUP BY mentee_id HAVING count(*) > %(open_requests)s
    """,
    "a story of a relation that does not hold together": STORY.format(table="mentor_mentee", key="relationship_id"),
    "a story of a booking that does not hold together": STORY.format(table="subject_schedule", key="booking_id"),
    "a booking that counts for another pair, or for none where there is a relation": """
        SELECT b.id FROM mentoring.subject_schedule AS b
        LEFT JOIN mentoring.mentor_mentee AS m ON m.id = b.relationship_id
        WHERE (m.mentor_id, m.mentee_id) IS DISTINCT FROM (b.mentor_id, b.user_id) AND EXISTS (
            SELECT FROM mentoring.mentor_mentee AS p WHERE p.mentor_id = b.mentor_id AND p.mentee_id = b.user_id
        )
    """,
    "a cancelled booking without its time, or another with one": """
        SELECT id FROM mentoring.subject_schedule WHERE (cancelled_at IS NOT NULL) <> (status = 'cancelled')
    """,
    "statistics that are not what the bookings say": """
        WITH counted AS (
            SELECT
                m.id, m.status, count(b.id), count(*) FILTER (WHERE b.status = 'completed'),
                count(*) FILTER (WHERE b.status = 'confirmed'), count(*) FILTER (WHERE b.status = 'pending'),
                count(*) FILTER (WHERE b.status = 'cancelled'), count(*) FILTER (WHERE b.status = 'no_show')
            FROM mentoring.mentor_mentee AS m LEFT JOIN mentoring.subject_schedule AS b ON b.relationship_id = m.id
            GROUP BY m.id
        ), shown AS (
            SELECT
                relationship_id, status, total_bookings, completed_sessions, confirmed_sessions, pending_sessions,
                cancelled_sessions, no_show_sessions
            FROM mentoring.mentor_mentee_statistics
        )
        (TABLE counted EXCEPT TABLE shown) UNION ALL (TABLE shown EXCEPT TABLE counted)
    """,
    "statistics whose parts are not the whole": """
        SELECT relationship_id FROM mentoring.mentor_mentee_statistics WHERE total_bookings
        <> completed_sessions + confirmed_sessions + pending_sessions + cancelled_sessions + no_show_sessions
    """,
}
"""What must never be found, in no snapshot."""


class Client:
    """Calls at random what makes sense after what anybody saw last, and sometimes what does not."""

    def __init__(self, db: Database, subjects: dict[int, int], seen: list[Any], seed: str) -> None:
        self.db, self.subjects, self.seen, self.random = db, subjects, seen, Random(seed)
        self.outcomes: Counter[tuple[str, type[Exception] | None]] = Counter()
        self.reached: Counter[tuple[str, str]] = Counter()
        kinds = {self.relation: 60, self.ask: 12, self.booking: 12, self.book: 5, self.blocks: 4, self.profile: 4}
        self.kinds, self.weights = [*kinds, self.subject, self.expire], [*kinds.values(), 1, 0.5]

    def run(self, calls: int) -> None:
        for _ in range(calls):
            [kind] = self.random.choices(self.kinds, self.weights)
            kind()

    def call(self, name: str, actor: Actor | int, *args: Any, **given: Any) -> None:
        """Call one method and keep what came of it; anything but a refusal that it may give ends this client."""
        found = outcome(partial(self.answer, name, actor, *args, **given))
        if isinstance(found, Exception):
            if type(found) not in REFUSALS[name]:
                raise found
            if isinstance(found, CapacityReached):
                assert int(found.values["taken"]) >= int(found.values["max_mentees"])
            self.outcomes[name, type(found)] += 1
            return
        self.outcomes[name, None] += 1
        if isinstance(found, Relationship | Booking | Block):
            self.seen.append(found)
        if name in ("request", *STEPS):
            self.reached["mentor_mentee", found.status] += 1
        elif name in ("book", *BOOKING_STEPS):
            self.reached["subject_schedule", found.status] += 1
        elif name == "expire_requests":
            self.reached["mentor_mentee", "expired"] += found

    def answer(self, name: str, actor: Actor | int, *args: Any, **given: Any) -> Any:
        if isinstance(actor, int):
            return getattr(self.db.mentoring, name)(*args, **given, actor_id=actor)
        with self.db.transaction(actor=actor) as tx:
            return getattr(tx.mentoring, name)(*args, **given)

    def last(self, kind: type[Any]) -> Any:
        """One of the last that anybody saw, as it was then."""
        recent = [found for found in self.seen[-40:] if type(found) is kind]
        return self.random.choice(recent) if recent else None

    def pair(self) -> tuple[int, int]:
        return self.random.choice(MENTORS), self.random.choice(MENTEES)

    def somebody(self, mentor: int, mentee: int, *others: Actor) -> Actor | int:
        return self.random.choice([*[mentor, mentee] * 6, OUTSIDER, *others])

    def ask(self) -> None:
        mentor, mentee = self.pair()
        self.call("request", self.somebody(mentor, mentee), mentor, mentee)

    def relation(self) -> None:
        relation = self.last(Relationship)
        if relation is None:
            return self.ask()
        name = self.random.choice(SENSIBLE.get(relation.status, ("request",)))
        if self.random.random() < 0.15:
            name = self.random.choice(STEPS)
        mentor, mentee = relation.mentor_id, relation.mentee_id
        if name == "request":
            return self.call(name, self.somebody(mentor, mentee), mentor, mentee)
        given: dict[str, Any] = {}
        others = [ADMIN]
        if name == "pause" and self.random.random() < 0.5:
            given["resume_at"] = in_hours(0) + timedelta(milliseconds=50)
        elif name == "resume":
            others *= 4
            others += [SYSTEM] * 4
        elif name == "write_note":
            given["note"] = "x" * self.random.randrange(1000)
        elif name == "change_subscriptions":
            given = {"courses": self.random.random() < 0.5, "version": self.random.choice([None, relation.version])}
        return self.call(name, self.somebody(mentor, mentee, *others), relation.id, **given)

    def book(self) -> None:
        mentor, mentee = self.pair()
        begins = in_hours(self.random.randrange(1, 1000))
        actor = self.random.choice([mentee] * 6 + [mentor, OUTSIDER])
        times = {"booked_date": begins, "ends_at": begins + timedelta(hours=1)}
        self.call("book", actor, self.subjects[mentor], mentee, **times)

    def booking(self) -> None:
        booking = self.last(Booking) or self.random.choice(self.seen[:40])
        if self.random.random() < 0.3:
            booking = self.random.choice([found for found in self.seen[:200] if isinstance(found, Booking)])
        actor = self.somebody(booking.mentor_id, booking.user_id, ADMIN)
        self.call(self.random.choice(BOOKING_STEPS), actor, booking.id)

    def blocks(self) -> None:
        block = self.last(Block)
        if block and self.random.random() < 0.7:
            one, other, name = block.blocker_id, block.blocked_id, "unblock"
        else:
            [one, other], name = self.random.sample(self.pair(), 2), "block"
        self.call(name, self.random.choice([one] * 8 + [other, ADMIN]), one, other)

    def profile(self) -> None:
        mentor = self.random.choice(list(LIMITS))
        actor = Actor.user(self.random.choice([mentor] * 8 + [OUTSIDER]))
        given = {
            "max_mentees": self.random.choice(LIMITS[mentor]),
            "mentor_available": self.random.random() < 0.9,
        }
        self.call("save_profile", actor, mentor, **given)

    def subject(self) -> None:
        mentor = self.random.choice(MENTORS)
        actor = Actor.user(self.random.choice([mentor] * 8 + [OUTSIDER]))
        self.call("change_subject", actor, self.subjects[mentor], title="x", is_active=self.random.random() < 0.8)

    def expire(self) -> None:
        self.call("expire_requests", SYSTEM, at_most=self.random.randrange(1, 4))


def look(conn: psycopg.Connection) -> dict[str, Sequence[Any]]:
    """What is wrong in a snapshot of this moment, read from the tables themselves, not from an index."""
    limited = {mentor: max(filter(None, limits)) for mentor, limits in LIMITS.items() if None not in limits}
    values = {"limited": list(limited), "places": list(limited.values()), "open_requests": OPEN_REQUESTS}
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            conn.execute(f"SET LOCAL enable_{way} = off")
        found = {what: conn.execute(query, values).fetchall() for what, query in WRONG.items()}
    return {what: rows for what, rows in found.items() if rows}


def steps(conn: psycopg.Connection) -> Counter[tuple[str, str]]:
    """How often relations and bookings reached each status, other than by a block or an import."""
    found = conn.execute(
        """
        SELECT 'mentor_mentee', to_status::text, count(*) FROM mentoring.mentor_mentee_history
        WHERE reason IS DISTINCT FROM 'blocked' GROUP BY to_status
        UNION ALL
        SELECT 'subject_schedule', to_status::text, count(*) FROM mentoring.subject_schedule_history
        WHERE actor_kind <> 'system' GROUP BY to_status
        """
    )
    return Counter({(table, status): count for table, status, count in found.fetchall()})


@pytest.fixture
def seed() -> str:
    """Of all that the clients choose; shown when the test fails."""
    found = os.environ.get("MENTORBASE_STORM_SEED") or str(Random().randrange(10**6))
    logging.getLogger(__name__).warning("MENTORBASE_STORM_SEED=%s", found)
    return found


@pytest.fixture
def crowd(dsn: str) -> Iterator[Database]:
    """A pool with a connection for each client, all open."""
    settings = Settings(_env_file=None, db_pool_min_size=CLIENTS, db_pool_max_size=CLIENTS)
    with Database.connect(dsn, settings=settings) as database:
        database.pool.wait()
        yield database


@pytest.mark.usefixtures("people")
def test_whatever_sixteen_clients_do_at_once_is_done_whole_or_refused_by_name_and_every_invariant_holds(
    admin: psycopg.Connection, crowd: Database, seed: str
) -> None:
    admin.execute("UPDATE mentoring.settings SET value = 0 WHERE name = 'request_expiry'")
    admin.execute("UPDATE mentoring.settings SET value = %s WHERE name = 'open_requests'", [OPEN_REQUESTS])
    subjects = {mentor: put_subject(admin, mentor) for mentor in MENTORS}
    over = [
        imported(admin, subject, "confirmed", mentee=mentee)
        for mentor, subject in subjects.items()
        for mentee in MENTEES
        for _ in range(2)
        if mentee != mentor
    ]
    seen: list[Any] = [crowd.mentoring.booking(booking) for booking in over]
    admin.execute(LINGER)
    for mentor in LIMITS:
        with crowd.transaction(actor=mentor) as tx:
            tx.mentoring.save_profile(mentor, max_mentees=LIMITS[mentor][0])

    clients = [Client(crowd, subjects, seen, f"{seed} {number}") for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(client.run, CALLS // CLIENTS) for client in clients]
        while not all(future.done() for future in futures):
            assert look(admin) == {}
            time.sleep(0.05)
    for future in futures:
        future.result()

    assert look(admin) == {}
    assert sum((client.reached for client in clients), Counter[Any]()) == steps(admin), "each step once, and no other"
    outcomes = sum((client.outcomes for client in clients), Counter[Any]())
    assert outcomes.total() == CALLS
    assert {name for name, refusal in outcomes if refusal is None} == REFUSALS.keys(), "each went through"
    assert {refusal for _, refusal in outcomes if refusal} == set().union(*REFUSALS.values()), "each was seen"
