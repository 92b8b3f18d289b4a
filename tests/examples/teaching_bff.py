"""The teaching services, each in a database of its own, and the one place that brings them together.

Made of calls of the DAO only. Each call is checked, logged by name and duration, and tried again where the service may
come back; where it does not, `Unavailable` names it, and what was begun elsewhere is taken back.

Services that share a database have this in one round trip: ``db.links.create_lesson`` and ``db.links.user_profile``.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Final, Self, TypeVar
from zoneinfo import ZoneInfo

from mentorbase import (
    LAST,
    ConnectionLost,
    Database,
    Group,
    GroupMember,
    GroupStatus,
    InvalidArgument,
    Lesson,
    LessonStatus,
    NotFound,
    NotPermitted,
    PoolExhausted,
    Settings,
    SetupError,
    Student,
    TransitionRefused,
    UserProfile,
)
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

T = TypeVar("T")

SERVICES: Final = ("auth", "teachers", "students", "groups", "calendar", "notifications")
ATTEMPTS: Final = 3
AWAY: Final = (ConnectionLost, PoolExhausted)
"""What another attempt may cure."""

_MOMENT = timedelta(microseconds=1)
_log = logging.getLogger("teaching_bff")


class Unavailable(Exception):
    """A service does not answer, after several attempts.

    Attributes:
        service: which.
        lesson_id: a lesson that stays planned though nobody was told, as it could not be cancelled either; else None.
    """

    def __init__(self, service: str, lesson_id: int | None = None) -> None:
        left = "nothing was changed" if lesson_id is None else f"lesson {lesson_id} stays planned and nobody was told"
        super().__init__(f"the {service} service does not answer; {left}")
        self.service = service
        self.lesson_id = lesson_id


class Bff:
    """A backend for frontends over the six services; a context manager. A service may be away when it is made."""

    def __init__(self, dsns: Mapping[str, str], settings: Settings | None = None) -> None:
        self._dsns = {service: dsns[service] for service in SERVICES}
        self._settings = settings
        self._open: dict[str, Database] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # -- The documented operations

    def create_lesson(
        self,
        teacher_telegram_id: int,
        group_id: int | None,
        student_telegram_ids: Sequence[int] | None,
        *,
        title: str,
        starts_at: datetime,
        ends_at: datetime,
        actor_id: int,
    ) -> Lesson:
        """Plan a lesson and tell its students; as `Links.create_lesson`, in seven calls at least.

        Everything is checked before anything is written. Where the students cannot be told the lesson is cancelled:
        it stays in the calendar as such.

        Raises:
            Unavailable: a service does not answer.
            Refusal: those of `Links.create_lesson`.
        """
        self._check_teacher(teacher_telegram_id)
        if group_id is not None:
            self._check_group(group_id, teacher_telegram_id)
            if student_telegram_ids is None:
                student_telegram_ids = [member.student_telegram_id for member in self._members(group_id)]
        students = self._check_students(sorted({*(student_telegram_ids or ())}))
        languages = self._languages(students)

        def plan(db: Database) -> Lesson:
            return db.calendar.plan_lesson(
                teacher_telegram_id,
                title,
                starts_at,
                ends_at,
                student_telegram_ids=[student.telegram_id for student in students],
                group_id=group_id,
                actor_id=actor_id,
            )

        def planned_before(db: Database) -> Lesson | None:
            """What an attempt made whose answer was lost."""
            found = db.calendar.teacher_lessons(
                teacher_telegram_id, from_at=starts_at - _MOMENT, until=starts_at + _MOMENT
            )
            wanted = (title, ends_at, group_id, LessonStatus.PLANNED)
            return next(
                (one for one in found if (one.title, one.ends_at, one.group_id, one.status) == wanted),
                None,
            )

        lesson = self._call("calendar", "plan_lesson", plan, unless=planned_before)
        try:
            self._call("notifications", "enqueue_many", lambda db: _tell(db, lesson, students, languages))
        except Exception:
            self._take_back(lesson, actor_id)
            raise
        return lesson

    def user_profile(self, telegram_id: int, *, at_most: int = 50) -> UserProfile | None:
        """Return what the services know of a person, or None if they have not registered; as `Links.user_profile`.

        Raises:
            Unavailable: a service does not answer.
        """
        now = datetime.now(UTC)
        user = self._call("auth", "user_by_telegram_id", lambda db: db.auth.user_by_telegram_id(telegram_id))
        if user is None:
            return None
        teacher = self._call("teachers", "teacher", lambda db: db.teachers.teacher(telegram_id))
        student = self._call("students", "student", lambda db: db.students.student(telegram_id))
        taught = self._call(
            "groups", "teacher_groups", lambda db: db.groups.teacher_groups(telegram_id, page_size=at_most)
        )
        joined = self._call(
            "groups", "student_groups", lambda db: db.groups.student_groups(telegram_id, page_size=at_most)
        )
        given = self._call(
            "calendar",
            "teacher_lessons",
            lambda db: db.calendar.teacher_lessons(telegram_id, from_at=now, after_id=LAST, page_size=at_most),
        )
        taken = self._call(
            "calendar",
            "student_lessons",
            lambda db: db.calendar.student_lessons(telegram_id, from_at=now, after_id=LAST, page_size=at_most),
        )
        groups: dict[int, Group] = {group.id: group for group in (*taught, *joined)}
        lessons = {lesson.id: lesson for lesson in (*given, *taken)}
        return UserProfile(
            user=user,
            teacher=teacher,
            student=student,
            groups=sorted(groups.values(), key=lambda group: -group.id)[:at_most],
            lessons=sorted(lessons.values(), key=lambda lesson: (lesson.starts_at, lesson.id))[:at_most],
        )

    # -- What is checked before anything is written

    def _check_teacher(self, telegram_id: int) -> None:
        teacher = self._call("teachers", "teacher", lambda db: db.teachers.teacher(telegram_id))
        detail = f"teacher_telegram_id={telegram_id}"
        if teacher is None:
            raise NotFound("there is no such teacher", detail=detail)
        if not teacher.is_active:
            raise InvalidArgument("the teacher teaches no more", detail=detail)

    def _check_group(self, group_id: int, teacher_telegram_id: int) -> None:
        group = self._call("groups", "group", lambda db: db.groups.group(group_id))
        if group.teacher_telegram_id != teacher_telegram_id:
            raise NotPermitted("a group is taught by its own teacher", detail=f"group_id={group_id}")
        if group.status in {GroupStatus.COMPLETED, GroupStatus.CANCELLED}:
            raise TransitionRefused("a group that has ended has no more lessons", detail=f"group_id={group_id}")

    def _check_students(self, telegram_ids: list[int]) -> list[Student]:
        found = self._call("students", "students", lambda db: db.students.students(telegram_ids))
        if missing := {*telegram_ids} - {student.telegram_id for student in found}:
            raise NotFound("there are no such students", detail=f"student_telegram_ids={_joined(missing)}")
        if inactive := {student.telegram_id for student in found if not student.is_active}:
            raise InvalidArgument(
                "some of the students learn no more", detail=f"student_telegram_ids={_joined(inactive)}"
            )
        return found

    def _members(self, group_id: int) -> Iterator[GroupMember]:
        def page_after(last_id: int) -> list[GroupMember]:
            return self._call(
                "groups",
                "active_members",
                lambda db: db.groups.active_members(group_id, after_id=last_id, page_size=500),
            )

        page = page_after(0)
        while page:
            yield from page
            page = page_after(page[-1].id)

    def _languages(self, students: Sequence[Student]) -> dict[int, str]:
        telegram_ids = [student.telegram_id for student in students]
        users = self._call("auth", "users_by_telegram_ids", lambda db: db.auth.users_by_telegram_ids(telegram_ids))
        return {user.telegram_id: user.language_code for user in users if user.telegram_id is not None}

    def _take_back(self, lesson: Lesson, actor_id: int) -> None:
        """Cancel a lesson of which nobody could be told."""
        try:
            self._call(
                "calendar",
                "cancel_lesson",
                lambda db: db.calendar.cancel_lesson(
                    lesson.id, actor_id=actor_id, reason="the students could not be told"
                ),
                unless=lambda db: (
                    found if (found := db.calendar.lesson(lesson.id)).status is LessonStatus.CANCELLED else None
                ),
            )
        except Unavailable as error:
            raise Unavailable(error.service, lesson.id) from error

    # -- One call of a service

    def _call(
        self,
        service: str,
        method: str,
        work: Callable[[Database], T],
        *,
        unless: Callable[[Database], T | None] | None = None,
    ) -> T:
        """Return what *work* returns, tried again while the service is away.

        Args:
            service: whose it is.
            method: what it is called in the log.
            work: the call itself.
            unless: asked before another attempt of something that must not be done twice: what the attempt before
                has done, though its answer was lost.

        Raises:
            Unavailable: the service is away.
        """
        name, numbers = f"{service}.{method}", count(1)

        def attempt() -> T:
            db = self._database(service)
            done = unless(db) if unless and next(numbers) > 1 else None
            return work(db) if done is None else done

        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            _log.warning("%s: attempt %d failed: %s", name, state.attempt_number, type(error).__name__)

        retrying = Retrying(
            retry=retry_if_exception_type(AWAY),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            after=report,
            reraise=True,
        )
        started = time.perf_counter()
        try:
            result = retrying(attempt)
        except AWAY as error:
            raise Unavailable(service) from error
        _log.info("%s took %.1f ms", name, (time.perf_counter() - started) * 1000)
        return result

    def _database(self, service: str) -> Database:
        """The pool of a service, opened when it is first needed."""
        if service not in self._open:
            try:
                db = Database.connect(self._dsns[service], settings=self._settings)
            except SetupError as error:
                raise ConnectionLost(str(error)) from error
            self._open[service] = self._stack.enter_context(db)
        return self._open[service]


def _tell(db: Database, lesson: Lesson, students: Sequence[Student], languages: Mapping[int, str]) -> None:
    """Queue what students are told of a lesson, by their clocks: all or none, and once however often it is tried."""
    by_zone: defaultdict[str, list[int]] = defaultdict(list)
    for student in students:
        by_zone[student.timezone].append(student.telegram_id)
    with db.transaction() as tx:
        for zone, recipients in by_zone.items():
            tx.notifications.enqueue_many(
                recipients,
                "lesson_planned",
                payload={
                    "lesson_id": lesson.id,
                    "title": lesson.title,
                    "starts_at": f"{lesson.starts_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}",
                    "timezone": zone,
                },
                dedupe_key=f"lesson:{lesson.id}",
                languages=[languages.get(telegram_id, "en") for telegram_id in recipients],
            )


def _joined(telegram_ids: set[int]) -> str:
    return "|".join(map(str, sorted(telegram_ids)))
