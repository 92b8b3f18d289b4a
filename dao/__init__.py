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
    Blocked,
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
    SubjectInactive,
    TooManyRequests,
    TransitionRefused,
)
from .mentoring import (
    LIVE,
    Block,
    Booking,
    BookingStatus,
    BookingStep,
    Mentoring,
    MentorLoad,
    Party,
    Profile,
    Relationship,
    RelationshipStatus,
    SessionStatistics,
    Statistics,
    Step,
    Subject,
)
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
    "Block",
    "Blocked",
    "Booking",
    "BookingStatus",
    "BookingStep",
    "CapacityReached",
    "ConnectionLost",
    "ConstraintViolation",
    "CoolingDown",
    "Database",
    "InvalidArgument",
    "InvalidValue",
    "MentorLoad",
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
    "SessionStatistics",
    "Settings",
    "SetupError",
    "StaleVersion",
    "Statistics",
    "Step",
    "Subject",
    "SubjectInactive",
    "TooManyRequests",
    "Transaction",
    "TransitionRefused",
    "User",
    "UserRole",
]
