"""mentorbase: a typed DAO over a hand-written PostgreSQL database for mentoring platforms.

>>> from mentorbase import Database, Party
>>> with Database.connect() as db, db.transaction(actor=7) as tx:  # doctest: +SKIP
...     tx.mentoring.request(mentor_id=7, mentee_id=9, initiated_by=Party.MENTOR)
"""

if __name__ != "mentorbase":
    raise ImportError("import mentorbase, not dao: the folder dao/ is installed as mentorbase (pip install -e .)")

from .actor import SYSTEM, Actor
from .auth import Auth, User, UserRole
from .database import AsyncDatabase, AsyncTransaction, Database, Transaction
from .errors import (
    ActorRequired,
    AlreadyExists,
    CapacityReached,
    ConnectionLost,
    ConstraintViolation,
    CoolingDown,
    InvalidArgument,
    InvalidValue,
    MentorbaseError,
    MentorUnavailable,
    NotFound,
    NotPermitted,
    Overlap,
    PoolExhausted,
    ReadOnly,
    ReferenceViolation,
    Refusal,
    RelationshipExists,
    SelfMentoring,
    SetupError,
    StaleVersion,
    TransitionRefused,
)
from .mentoring import LIVE, Mentoring, Party, Profile, Relationship, RelationshipStatus, Step
from .settings import Settings
from .types import LAST

__all__ = [
    "LAST",
    "LIVE",
    "SYSTEM",
    "Actor",
    "ActorRequired",
    "AlreadyExists",
    "AsyncDatabase",
    "AsyncTransaction",
    "Auth",
    "CapacityReached",
    "ConnectionLost",
    "ConstraintViolation",
    "CoolingDown",
    "Database",
    "InvalidArgument",
    "InvalidValue",
    "MentorUnavailable",
    "MentorbaseError",
    "Mentoring",
    "NotFound",
    "NotPermitted",
    "Overlap",
    "Party",
    "PoolExhausted",
    "Profile",
    "ReadOnly",
    "ReferenceViolation",
    "Refusal",
    "Relationship",
    "RelationshipExists",
    "RelationshipStatus",
    "SelfMentoring",
    "Settings",
    "SetupError",
    "StaleVersion",
    "Step",
    "Transaction",
    "TransitionRefused",
    "User",
    "UserRole",
]
