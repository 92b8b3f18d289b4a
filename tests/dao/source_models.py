"""The models of the document, as an application has them, and a database that they have built."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import psycopg
from conftest import DEPLOY
from psycopg import sql
from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    create_engine,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool


class Base(DeclarativeBase):
    pass


class UserRole(enum.Enum):
    student = "student"
    teacher = "teacher"
    admin = "admin"


class SubjectBookStatus(enum.Enum):
    pending = "pending"
    confirmed = "confirmed"
    completed = "completed"
    cancelled = "cancelled"


class MentorMenteeStatus(enum.StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    REJECTED = "rejected"


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    telegram_id: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[UserRole | None] = mapped_column(Enum(UserRole, name="user_role"))
    username: Mapped[str | None] = mapped_column(String(200))
    first_name: Mapped[str | None] = mapped_column(String(200))
    last_name: Mapped[str | None] = mapped_column(String(200))
    timezone: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(DateTime, server_default=func.now())


class UserProfile(Base):
    __tablename__ = "user_profiles"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[int | None] = mapped_column(Integer)
    mentor_bio: Mapped[str | None] = mapped_column(Text)
    mentor_rate: Mapped[float | None] = mapped_column(Float)
    mentor_available: Mapped[bool] = mapped_column(Boolean, default=True)
    max_mentees: Mapped[int | None] = mapped_column(Integer)
    learning_goals: Mapped[str | None] = mapped_column(Text)
    preferred_learning_style: Mapped[str | None] = mapped_column(String(50))


class Subject(Base):
    __tablename__ = "subjects"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(Integer)
    name: Mapped[str | None] = mapped_column(String(300))
    description: Mapped[str | None] = mapped_column(Text)


class SubjectSchedule(Base):
    __tablename__ = "subject_schedule"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject_id: Mapped[int | None] = mapped_column(Integer)
    user_id: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[SubjectBookStatus | None] = mapped_column(Enum(SubjectBookStatus, native_enum=False, length=20))
    booked_date: Mapped[datetime | None] = mapped_column(DateTime)
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=func.now())


class MentorMentee(Base):
    """Связь между ментором и учеником"""

    __tablename__ = "mentor_mentee"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)

    mentor_id: Mapped[int] = mapped_column(ForeignKey("users.id"), nullable=False, index=True)
    mentee_id: Mapped[int] = mapped_column(ForeignKey("users.id"), nullable=False, index=True)

    status: Mapped[MentorMenteeStatus] = mapped_column(
        Enum(MentorMenteeStatus, name="mentor_mentee_status", native_enum=False),
        default=MentorMenteeStatus.PENDING,
        nullable=False,
    )

    subscribe_to_quizzes: Mapped[bool] = mapped_column(Boolean, default=True, nullable=False)
    subscribe_to_courses: Mapped[bool] = mapped_column(Boolean, default=True, nullable=False)
    subscribe_to_subjects: Mapped[bool] = mapped_column(Boolean, default=False, nullable=False)

    mentor_notes: Mapped[str | None] = mapped_column(Text, nullable=True)
    mentee_notes: Mapped[str | None] = mapped_column(Text, nullable=True)

    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), nullable=False, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), nullable=False, server_default=func.now(), onupdate=func.now()
    )
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), nullable=True)
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), nullable=True)

    initiated_by: Mapped[str] = mapped_column(String(10), nullable=False)

    __table_args__ = (
        UniqueConstraint("mentor_id", "mentee_id", name="unique_mentor_mentee_pair"),
        Index("idx_mentor_id_status", "mentor_id", "status"),
        Index("idx_mentee_id_status", "mentee_id", "status"),
    )


class Bare(DeclarativeBase):
    """The same tables with what is needed only, and statuses as native enums."""


class BareUser(Bare):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


class BareProfile(Bare):
    __tablename__ = "user_profiles"
    user_id: Mapped[int] = mapped_column(primary_key=True)


class BareSubject(Bare):
    __tablename__ = "subjects"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class BareBooking(Bare):
    __tablename__ = "subject_schedule"
    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[SubjectBookStatus] = mapped_column(Enum(SubjectBookStatus, name="booking_status"))
    booked_date: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class BareRelationship(Bare):
    __tablename__ = "mentor_mentee"
    id: Mapped[int] = mapped_column(primary_key=True)
    mentor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    mentee_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    status: Mapped[MentorMenteeStatus] = mapped_column(Enum(MentorMenteeStatus, name="mentor_mentee_status"))


TABLES = ("users", "user_profiles", "subjects", "mentor_mentee", "subject_schedule")


def build(admin: psycopg.Connection, models: type[DeclarativeBase] = Base, schema: str = "public") -> None:
    """Let the models make their tables, owned by a superuser; the deploying login may read them, and no more."""
    admin.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))

    def connect() -> psycopg.Connection:
        connection = psycopg.connect(admin.info.dsn, autocommit=True)
        connection.execute("SELECT set_config('search_path', quote_ident(%s), false)", [schema])
        connection.autocommit = False
        return connection

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    models.metadata.create_all(engine)
    engine.dispose()
    admin.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), sql.Identifier(DEPLOY)))
    for table in models.metadata.tables:
        admin.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(schema, table), sql.Identifier(DEPLOY)))


def fill(admin: psycopg.Connection, table: str, *rows: dict[str, Any], schema: str = "public") -> None:
    """Put rows into a table of the source."""
    for row in rows:
        admin.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(schema, table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join([sql.Placeholder()] * len(row)),
            ),
            list(row.values()),
        )


def people(admin: psycopg.Connection, *ids: int, schema: str = "public") -> None:
    """Put users without anything but an id into the source."""
    fill(admin, "users", *({"id": number} for number in ids), schema=schema)


def many(admin: psycopg.Connection, bookings: int, *, mentors: int = 20, mentees: int = 200) -> None:
    """Fill the source: mentors from 1, mentees behind them, every hundredth booking of the mentor's own subject."""
    last = mentors + mentees
    admin.execute(
        "INSERT INTO users (id, first_name) SELECT i, 'Person ' || i FROM generate_series(1, %s) AS i", [last]
    )
    admin.execute("INSERT INTO subjects (id, user_id) SELECT i, i FROM generate_series(1, %s) AS i", [mentors])
    admin.execute(
        """
        INSERT INTO subject_schedule (id, subject_id, user_id, status, booked_date)
        SELECT
            i, 1 + i %% %(mentors)s,
            CASE WHEN i %% 100 = 0 THEN 1 + i %% %(mentors)s ELSE %(mentors)s + 1 + i / 7 %% %(mentees)s END,
            (ARRAY['pending', 'confirmed', 'completed', 'cancelled'])[1 + i %% 4],
            timestamp '2025-01-01 12:00' + i * interval '1 minute'
        FROM generate_series(1, %(bookings)s) AS i
        """,
        {"bookings": bookings, "mentors": mentors, "mentees": mentees},
    )
