"""What takes several services that share a database: schema ``links``. People are known by their Telegram account.

Where services have databases of their own an application does the same with their methods, one after another.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field
from pydantic.dataclasses import dataclass

from .auth import User
from .calendar import Lesson
from .groups import Group
from .query import Queries, S, query
from .students import Student
from .teachers import Teacher
from .types import Id, Reason, TelegramId, TelegramIds, Text

AtMost = Annotated[int, Field(ge=1, le=500)]


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What the services know of a person (``links.user_profile()``). Times are UTC instants.

    Attributes:
        teacher: None for somebody who teaches nobody.
        student: None for somebody who learns nothing.
        groups: those that they teach, have a seat in or wait for, newest first.
        lessons: those to come that they give or take part in, cancelled ones too, by beginning.
    """

    user: User
    teacher: Teacher | None
    student: Student | None
    groups: list[Group]
    lessons: list[Lesson]


class Links(Queries[S], service="links"):
    """What takes several services that share a database; runs ``sql/links/queries.sql``."""

    @query
    def create_lesson(
        self,
        teacher_telegram_id: TelegramId,
        group_id: Id | None,
        student_telegram_ids: TelegramIds | None,
        *,
        title: Text,
        starts_at: AwareDatetime,
        ends_at: AwareDatetime,
        actor_id: TelegramId | None = None,
        reason: Reason | None = None,
    ) -> Lesson:
        """Plan a lesson and tell its students, all or nothing: ``links.create_lesson()``.

        Each student is told once (template ``lesson_planned``), in their language, by their clock and their settings.

        Args:
            group_id: None: for no group.
            student_telegram_ids: at most 500; who is named twice is entered once. None: all with a seat in the group.
            ends_at: up to 24 hours after ``starts_at``, not included.
            actor_id: who acts: the teacher; None: the transaction's actor. Only an administrator or the system plans
                for the group of another teacher.

        Raises:
            NotFound: there is no such teacher, group or student; ``values`` says which.
            StudentsBusy: some of the students learn or teach then; ``telegram_ids`` says who.
            TeacherBusy: the teacher teaches or learns then.
            TeacherAway: the teacher is away.
            TransitionRefused: the group has ended.
            InvalidArgument: somebody is no longer active, it begins in the past, or its teacher is among the students.
            InvalidValue: a value is outside what its column allows.
            NotPermitted: the actor is not the teacher, or the group is another teacher's.
            TemplateMissing: there is no text to tell the students.
            ActorRequired: nobody is named who acts.
        """
        ...

    @query
    def user_profile(self, telegram_id: TelegramId, *, at_most: AtMost = 50) -> UserProfile | None:
        """Return what the services know of a person, or None if they have not registered: ``links.user_profile()``.

        Args:
            at_most: groups and lessons, 1 to 500 of each.
        """
        ...
