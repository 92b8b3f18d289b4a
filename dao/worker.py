"""Works off a queue: an application gives ``send(item)``, a worker does the rest.

Every queue of mentorbase works alike: `claim` takes items for a while (a lease), `begin_attempt` says that one is
acted on now, `finish` says how that ended, `recover` takes back what a worker that died had. A worker that is killed
before `begin_attempt` loses nothing: another one gets the item. Killed between `begin_attempt` and `finish` it leaves
the item *uncertain*: nobody knows whether it was sent, so it is not sent again until a person says so.

>>> def send(item):  # doctest: +SKIP
...     answer = bot.send_message(item.recipient_telegram_id, item.body)
...     if answer.status == 429:
...         raise RetryAfter(answer.retry_after)
...     if answer.status == 403:
...         raise Unreachable("blocked")
...     return answer.message_id
>>> Worker(db, NotificationQueue(Channel.TELEGRAM), send).run()  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from psycopg import OperationalError, sql

from .actor import SYSTEM
from .errors import ConnectionLost, LeaseLost, PoolExhausted

if TYPE_CHECKING:
    from .database import AsyncDatabase, Database

BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Before everything that is due."""

MARGIN: Final = 500
"""So many ids a worker looks back: what was queued before and committed after what it has seen."""

_log = logging.getLogger("mentorbase.worker")


class Outcome(StrEnum):
    """How an attempt ended (``notifications.outcome``)."""

    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    LIMITED = "limited"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"


class Unsent(Exception):
    """Base of what ``send`` raises to say that nothing was sent. The text is kept: a code, no personal data."""

    outcome: Outcome = Outcome.FAILED
    retry_after: timedelta | None = None


class Failed(Unsent):
    """It did not work; try again later."""


class Rejected(Unsent):
    """It will never work: a dead letter."""

    outcome = Outcome.REJECTED


class RetryAfter(Unsent):
    """Too many requests (429): the whole channel rests so many seconds, and the attempt does not count."""

    outcome = Outcome.LIMITED

    def __init__(self, seconds: float, message: str = "429") -> None:
        super().__init__(message)
        self.retry_after = timedelta(seconds=seconds)


class Unreachable(Unsent):
    """The recipient cannot be reached any more (403): all that is queued for them on this channel is cancelled."""

    outcome = Outcome.UNREACHABLE


class Item(Protocol):
    """What a worker has to know of an item; models of the queues fit."""

    @property
    def id(self) -> int:
        """Its key."""
        ...

    @property
    def lease_token(self) -> UUID | None:
        """What its worker shows to report."""
        ...

    @property
    def next_attempt_at(self) -> datetime | None:
        """When it was due; None for what has never waited."""
        ...


I = TypeVar("I", bound=Item)  # noqa: E741 - an item
T = TypeVar("T", bound=Item, contravariant=True)
Services: TypeAlias = Any


class Queue(Protocol[T]):
    """One queue of a database. Its methods return what the DAO's do: results, or awaitables of an asynchronous one."""

    @property
    def transactional(self) -> bool:
        """Whether acting on an item and reporting it done are one transaction of this database."""
        ...

    @property
    def wake_up(self) -> str:
        """The name on which the database notifies (LISTEN) that something is pending, with its lowest id."""
        ...

    def claim(self, db: Services, at_most: int, lease: timedelta, place: Place) -> Any:
        """Take items, from this place on."""
        ...

    def begin_attempt(self, db: Services, item: T, lease: timedelta) -> Any:
        """Say that one is acted on now; None if it is not to be."""
        ...

    def finish(self, db: Services, item: T, report: Report) -> Any:
        """Report how that ended."""
        ...

    def recover(self, db: Services, after_lease: datetime) -> Any:
        """Take back what workers did not finish; returns what has ``checked_until``."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, as `finish` takes it."""

    outcome: Outcome
    error: str | None = None
    retry_after: timedelta | None = None
    external_id: str | None = None


@dataclass
class Place:
    """Where a worker is in its queue, so that a claim does not read the dead rows behind.

    Every `sweep` it looks from the beginning again, which finds whatever it passed: an item of a long transaction that
    was committed late, or one that another worker had locked and gave back.
    """

    sweep: float = 30.0
    after_id: int = 0
    after_due: datetime = BEGINNING
    after_due_id: int = 0
    after_lease: datetime = BEGINNING
    _swept_at: float = field(default_factory=time.monotonic)

    def passed(self, items: Sequence[Item]) -> None:
        """Go on to behind these, which `claim` returned."""
        waited = [(item.next_attempt_at, item.id) for item in items if item.next_attempt_at is not None]
        pending = [item.id for item in items if item.next_attempt_at is None]
        if waited:
            self.after_due, self.after_due_id = max(waited)
        if pending:
            self.after_id = max(0, max(pending) - MARGIN)

    def go_back(self, first_id: str) -> None:
        """Go back to what was just committed: the payload of a wake-up, an id or nothing."""
        if first_id.isdecimal():
            self.after_id = max(0, min(self.after_id, int(first_id) - 1))

    def sweep_if_due(self) -> None:
        """Look from the beginning, from time to time."""
        if time.monotonic() - self._swept_at >= self.sweep:
            self.after_id = self.after_due_id = 0
            self.after_due = self.after_lease = BEGINNING
            self._swept_at = time.monotonic() - random.uniform(0, self.sweep / 4)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class NotificationQueue:
    """The queue of ``notifications.notifications`` on one channel."""

    channel: Any
    transactional: ClassVar[bool] = False

    @property
    def wake_up(self) -> str:
        """The name on which ``notifications.wake_workers`` notifies."""
        return f"notifications.{self.channel}"

    def claim(self, db: Services, at_most: int, lease: timedelta, place: Place) -> Any:
        """As `Notifications.claim`."""
        return db.notifications.claim(
            self.channel,
            at_most=at_most,
            lease=lease,
            after_id=place.after_id,
            after_due=place.after_due,
            after_due_id=place.after_due_id,
        )

    def begin_attempt(self, db: Services, item: Item, lease: timedelta) -> Any:
        """As `Notifications.begin_attempt`."""
        return db.notifications.begin_attempt(item.id, item.lease_token, lease=lease)

    def finish(self, db: Services, item: Item, report: Report) -> Any:
        """As `Notifications.finish`."""
        return db.notifications.finish(
            item.id,
            item.lease_token,
            report.outcome,
            error=report.error,
            retry_after=report.retry_after,
            external_id=report.external_id,
        )

    def recover(self, db: Services, after_lease: datetime) -> Any:
        """As `Notifications.recover`."""
        return db.notifications.recover(self.channel, after_lease=after_lease)


@dataclass(frozen=True, slots=True)
class BotNotificationQueue:
    """The queue of ``getcourse.notifications``."""

    transactional: ClassVar[bool] = False
    wake_up: ClassVar[str] = "getcourse.notifications"

    def claim(self, db: Services, at_most: int, lease: timedelta, place: Place) -> Any:
        """As `Getcourse.claim`."""
        return db.getcourse.claim(
            at_most=at_most,
            lease=lease,
            after_id=place.after_id,
            after_due=place.after_due,
            after_due_id=place.after_due_id,
        )

    def begin_attempt(self, db: Services, item: Item, lease: timedelta) -> Any:
        """As `Getcourse.begin_attempt`."""
        return db.getcourse.begin_attempt(item.id, item.lease_token, lease=lease)

    def finish(self, db: Services, item: Item, report: Report) -> Any:
        """As `Getcourse.finish`."""
        return db.getcourse.finish(
            item.id,
            item.lease_token,
            report.outcome,
            error=report.error,
            retry_after=report.retry_after,
            telegram_message_id=report.external_id and report.external_id[:50],
        )

    def recover(self, db: Services, after_lease: datetime) -> Any:
        """As `Getcourse.recover`."""
        return db.getcourse.recover(after_lease=after_lease)


@dataclass(frozen=True, slots=True)
class WebhookQueue:
    """The queue of ``getcourse.webhook_events``.

    It has no attempts to begin: what a webhook brings about happens in the transaction that says so. Nothing about it
    is uncertain, and nobody is unreachable.
    """

    transactional: ClassVar[bool] = True
    wake_up: ClassVar[str] = "getcourse.webhooks"

    def claim(self, db: Services, at_most: int, lease: timedelta, place: Place) -> Any:
        """As `Getcourse.claim_webhooks`."""
        return db.getcourse.claim_webhooks(
            at_most=at_most,
            lease=lease,
            after_id=place.after_id,
            after_due=place.after_due,
            after_due_id=place.after_due_id,
        )

    def begin_attempt(self, db: Services, item: Item, lease: timedelta) -> Any:
        """Not called by workers: the claim began it, since the queue is transactional."""
        raise NotImplementedError(
            "a webhook has no attempt to begin: act on it in the transaction that calls finish_webhook"
        )

    def finish(self, db: Services, item: Item, report: Report) -> Any:
        """As `Getcourse.finish_webhook`."""
        outcome = {Outcome.UNCERTAIN: Outcome.FAILED, Outcome.UNREACHABLE: Outcome.REJECTED}.get(
            report.outcome, report.outcome
        )
        return db.getcourse.finish_webhook(
            item.id, item.lease_token, outcome, error=report.error, retry_after=report.retry_after
        )

    def recover(self, db: Services, after_lease: datetime) -> Any:
        """As `Getcourse.recover_webhooks`."""
        return db.getcourse.recover_webhooks(after_lease=after_lease)


def _report(error: Exception) -> Report:
    """What to record of an exception of ``send``: one that does not say that nothing was sent leaves that open."""
    if isinstance(error, Unsent):
        return Report(error.outcome, (str(error) or type(error).__name__)[:500], error.retry_after)
    _log.exception("send raised what is no Unsent: nobody knows whether it was sent", exc_info=error)
    return Report(Outcome.UNCERTAIN, type(error).__name__)


def _undone(error: Exception) -> Report:
    """What to record of an exception that undid the transaction: all that was done with it."""
    if isinstance(error, Unsent):
        return _report(error)
    _log.exception("send raised: what it did is undone, and it is tried again later", exc_info=error)
    return Report(Outcome.FAILED, type(error).__name__)


def _done(answer: Any) -> Report:
    return Report(Outcome.DONE, external_id=None if answer is None else str(answer)[:200])


_LOST: Final = (ConnectionLost, PoolExhausted, OperationalError)


class _Base(Generic[I]):
    def __init__(
        self,
        queue: Queue[I],
        *,
        at_most: int = 8,
        lease: timedelta = timedelta(seconds=60),
        poll: float = 1.0,
        recover: float = 5.0,
        sweep: float = 30.0,
        listen: bool = True,
    ) -> None:
        self._queue = queue
        self._at_most = at_most
        self._lease = lease
        self._poll = poll
        self._recover = recover
        self._listen = sql.SQL("LISTEN {}").format(sql.Identifier(queue.wake_up)) if listen else None
        self.place = Place(sweep)
        self._recovered_at = float("-inf")

    def _recover_is_due(self) -> bool:
        if time.monotonic() - self._recovered_at < self._recover:
            return False
        self._recovered_at = time.monotonic()
        return True


class Worker(_Base[I]):
    """Works off one queue in one thread; run as many workers, in as many processes, as the channel takes.

    Args:
        db: of a role that may work the queue. One connection is kept for LISTEN, unless pgbouncer is in between.
        queue: which one.
        send: acts on an item. Returns what the channel calls the message (or None): done. Raises `Failed`, `Rejected`,
            `RetryAfter` or `Unreachable` if nothing was sent; any other exception leaves that open (uncertain). Must
            end well within *lease*. For a transactional queue (`WebhookQueue`) it is ``send(item, tx)``: what it does
            with the `Transaction`, as the system, is committed with the report that it is done, once, or not at all.
        at_most: how many items to claim at once.
        lease: how long a claim, and an attempt, may take.
        poll: seconds between looks at an empty queue; a wake-up comes before.
        recover: seconds between looks for leases of workers that died.
        sweep: seconds between looks from the queue's beginning; see `Place`.
        listen: False where LISTEN does not work; with DB_PGBOUNCER it is anyway. Polling alone finds everything.
    """

    def __init__(self, db: Database, queue: Queue[I], send: Callable[..., Any], **options: Any) -> None:
        options.setdefault("listen", not db.pgbouncer)
        super().__init__(queue, **options)
        self._db = db
        self._send = send
        self._stopping = Event()

    def stop(self) -> None:
        """Let `run` return once the items that it has claimed are done; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`; a lost connection is waited out."""
        while not self._stopping.is_set():
            try:
                with self._wake_ups() as wait:
                    while not self._stopping.is_set():
                        if not self.run_once():
                            wait()
            except _LOST as error:
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                self._stopping.wait(self._poll)

    def run_once(self) -> int:
        """Recover leases if that is due, claim once and act on what was claimed; how many items that were."""
        if self._recover_is_due():
            self.place.after_lease = self._queue.recover(self._db, self.place.after_lease).checked_until
        self.place.sweep_if_due()
        items: list[I] = self._queue.claim(self._db, self._at_most, self._lease, self.place)
        self.place.passed(items)
        for item in items:
            self._work(item)
        return len(items)

    def _work(self, claimed: I) -> None:
        if self._queue.transactional:
            self._work_at_once(claimed)
            return
        item: I | None = self._queue.begin_attempt(self._db, claimed, self._lease)
        if item is None:
            return
        try:
            report = _done(self._send(item))
        except Exception as error:
            report = _report(error)
        try:
            self._finish(item, report)
        except LeaseLost:
            _log.warning("item %s took longer than its lease and was decided by somebody else", item.id)

    def _work_at_once(self, item: I) -> None:
        try:
            try:
                with self._db.transaction(actor=SYSTEM) as tx:
                    self._send(item, tx)
                    self._queue.finish(tx, item, Report(Outcome.DONE))
            except LeaseLost:
                raise
            except Exception as error:
                self._finish(item, _undone(error))
        except LeaseLost:
            _log.warning("item %s took longer than its lease: what was done is undone", item.id)

    def _finish(self, item: I, report: Report) -> None:
        """Record, again if the connection was lost: not recorded means uncertain."""
        for attempt in range(5):
            try:
                self._queue.finish(self._db, item, report)
            except _LOST:
                if attempt == 4:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                return

    @contextmanager
    def _wake_ups(self) -> Iterator[Callable[[], None]]:
        if self._listen is None:

            def rest() -> None:
                self._stopping.wait(self._poll)

            yield rest
            return
        with self._db.pool.connection() as conn:
            conn.execute(self._listen)

            def wait() -> None:
                # In slices, so that stop() is heard; what has come in is taken whole.
                until = time.monotonic() + self._poll
                while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
                    woken = [note.payload for note in conn.notifies(timeout=min(left, 0.2), stop_after=1)]
                    if woken:
                        woken += [note.payload for note in conn.notifies(timeout=0)]
                        for payload in woken:
                            self.place.go_back(payload)
                        return

            try:
                yield wait
            finally:
                with suppress(OperationalError):
                    conn.execute("UNLISTEN *")


class AsyncWorker(_Base[I]):
    """`Worker` for asyncio: ``send`` is a coroutine function; cancel the task of `run` to end it at once."""

    def __init__(self, db: AsyncDatabase, queue: Queue[I], send: Callable[..., Awaitable[Any]], **options: Any) -> None:
        options.setdefault("listen", not db.pgbouncer)
        super().__init__(queue, **options)
        self._db = db
        self._send = send
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `run` return once the items that it has claimed are done."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`; a lost connection is waited out."""
        while not self._stopping.is_set():
            try:
                async with self._wake_ups() as wait:
                    while not self._stopping.is_set():
                        if not await self.run_once():
                            await wait()
            except _LOST as error:
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                await self._pause(self._poll)

    async def run_once(self) -> int:
        """Recover leases if that is due, claim once and act on what was claimed; how many items that were."""
        if self._recover_is_due():
            self.place.after_lease = (await self._queue.recover(self._db, self.place.after_lease)).checked_until
        self.place.sweep_if_due()
        items: list[I] = await self._queue.claim(self._db, self._at_most, self._lease, self.place)
        self.place.passed(items)
        for item in items:
            await self._work(item)
        return len(items)

    async def _work(self, claimed: I) -> None:
        if self._queue.transactional:
            await self._work_at_once(claimed)
            return
        item: I | None = await self._queue.begin_attempt(self._db, claimed, self._lease)
        if item is None:
            return
        try:
            report = _done(await self._send(item))
        except Exception as error:
            report = _report(error)
        try:
            await self._finish(item, report)
        except LeaseLost:
            _log.warning("item %s took longer than its lease and was decided by somebody else", item.id)

    async def _work_at_once(self, item: I) -> None:
        try:
            try:
                async with self._db.transaction(actor=SYSTEM) as tx:
                    await self._send(item, tx)
                    await self._queue.finish(tx, item, Report(Outcome.DONE))
            except LeaseLost:
                raise
            except Exception as error:
                await self._finish(item, _undone(error))
        except LeaseLost:
            _log.warning("item %s took longer than its lease: what was done is undone", item.id)

    async def _finish(self, item: I, report: Report) -> None:
        for attempt in range(5):
            try:
                await self._queue.finish(self._db, item, report)
            except _LOST:
                if attempt == 4:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                return

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    @asynccontextmanager
    async def _wake_ups(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        if self._listen is None:
            yield lambda: self._pause(self._poll)
            return
        async with self._db.pool.connection() as conn:
            await conn.execute(self._listen)

            async def wait() -> None:
                until = time.monotonic() + self._poll
                while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
                    woken = [note.payload async for note in conn.notifies(timeout=min(left, 0.2), stop_after=1)]
                    if woken:
                        woken += [note.payload async for note in conn.notifies(timeout=0)]
                        for payload in woken:
                            self.place.go_back(payload)
                        return

            try:
                yield wait
            finally:
                with suppress(OperationalError):
                    await conn.execute("UNLISTEN *")
