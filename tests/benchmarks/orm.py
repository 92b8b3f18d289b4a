"""Relationships as an SQLAlchemy 2 model, mapped as the documents' own one is."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Enum, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import Select


class Base(DeclarativeBase):
    """Of the models."""


class Status(enum.Enum):
    """As ``mentoring.mentor_mentee_status``."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    TERMINATED = "terminated"


class Side(enum.Enum):
    """As ``mentoring.party``."""

    MENTOR = "mentor"
    MENTEE = "mentee"
    SYSTEM = "system"
    ADMIN = "admin"


class Booked(enum.Enum):
    """As ``mentoring.booking_status``."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


def _enum(kind: type[enum.Enum], name: str) -> Enum:
    return Enum(kind, name=name, schema="mentoring", values_callable=lambda found: [member.value for member in found])


_MOMENT = DateTime(timezone=True)


class MentorMentee(Base):
    """What `mentorbase.Relationship` holds."""

    __tablename__ = "mentor_mentee"
    __table_args__ = {"schema": "mentoring"}  # noqa: RUF012 - SQLAlchemy's way

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    mentor_id: Mapped[int] = mapped_column(BigInteger)
    mentee_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[Status] = mapped_column(_enum(Status, "mentor_mentee_status"))
    initiated_by: Mapped[Side] = mapped_column(_enum(Side, "party"))
    subscribe_to_quizzes: Mapped[bool]
    subscribe_to_courses: Mapped[bool]
    subscribe_to_subjects: Mapped[bool]
    accepted_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    paused_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    paused_by: Mapped[int | None] = mapped_column(BigInteger)
    resume_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    completed_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    ended_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    ended_by: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    updated_at: Mapped[datetime] = mapped_column(_MOMENT)


class Bare(Base):
    """The same columns in a table without anything else."""

    __table__ = MentorMentee.__table__.to_metadata(Base.metadata, schema="public", name="bare")  # type: ignore[attr-defined]


class SubjectSchedule(Base):
    """What `mentorbase.Booking` holds."""

    __tablename__ = "subject_schedule"
    __table_args__ = {"schema": "mentoring"}  # noqa: RUF012 - SQLAlchemy's way

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    subject_id: Mapped[int] = mapped_column(BigInteger)
    mentor_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    relationship_id: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[Booked] = mapped_column(_enum(Booked, "booking_status"))
    booked_date: Mapped[datetime] = mapped_column(_MOMENT)
    ends_at: Mapped[datetime] = mapped_column(_MOMENT)
    cancelled_by: Mapped[int | None] = mapped_column(BigInteger)
    cancelled_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    created_at: Mapped[datetime] = mapped_column(_MOMENT)
    updated_at: Mapped[datetime] = mapped_column(_MOMENT)


def one(relationship_id: int) -> Select[tuple[MentorMentee]]:
    """Select one relationship."""
    return select(MentorMentee).where(MentorMentee.id == relationship_id)


def page(mentor_id: int, size: int) -> Select[tuple[SubjectSchedule]]:
    """Select a mentor's first sessions."""
    found = select(SubjectSchedule).where(SubjectSchedule.mentor_id == mentor_id)
    return found.order_by(SubjectSchedule.booked_date, SubjectSchedule.id).limit(size)
