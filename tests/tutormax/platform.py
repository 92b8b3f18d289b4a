"""A made-up platform of tutors in a test's database."""

from __future__ import annotations

import psycopg
from mentorbase.generate import copy
from mentorbase.generate.tutormax import TutorWorld, finish, tutors


def fill(conn: psycopg.Connection, world: TutorWorld) -> None:
    """Load it into an empty service, as a superuser, and compute its metrics."""
    conn.execute("SET mentorbase.actor = 'system'")
    conn.execute("SET timezone = 'UTC'")
    for loads in tutors(world):
        with conn.transaction():
            for load in loads:
                copy(conn, load)
    conn.execute("VACUUM (ANALYZE)")
    finish(conn, world.as_of)
    conn.execute("VACUUM (ANALYZE) tutormax.tutor_performance_metrics")
