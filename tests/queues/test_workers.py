"""Workers: eight at once, woken up, stopped, and killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Lock, Thread

import psycopg
import pytest
from mentorbase import AsyncDatabase, AsyncWorker, Failed, Rejected, RetryAfter, Worker
from mentoring.racing import PATIENCE
from queues.adapters import ADAPTERS, Adapter

OPEN = {"pending", "waiting", "processing", "sending"}


def wait_for(condition, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def fill(queue: Adapter, admin: psycopg.Connection, items: int) -> None:
    admin.execute(queue.bulk % items)


@pytest.mark.parametrize("listen", [True, False])
def test_eight_workers_send_each_item_once_and_the_counts_add_up(queue, db, admin, listen):
    fill(queue, admin, 400)
    sent, lock = Counter(), Lock()

    def send(item, *_):
        with lock:
            sent[item.id] += 1
        if item.id % 50 == 0:
            raise Rejected("no")
        if item.id % 70 == 0:
            raise ValueError

    workers = [Worker(db, queue.queue, send, poll=0.05, listen=listen and n < 4) for n in range(8)]
    threads = [Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    # What raised is either uncertain, or undone and waits for another time.
    expected = {"sent": 388, "dead": 8, "uncertain" if queue.begins else "waiting": 4}
    wait_for(lambda: queue.count(admin) == expected)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert sent == Counter(dict.fromkeys(range(1, 401), 1))


@pytest.mark.direct
def test_a_worker_is_woken_by_a_commit_however_long_it_would_poll(queue, db):
    done = []
    worker = Worker(db, queue.queue, lambda item, *_: done.append(item.id), poll=60)
    thread = Thread(target=worker.run)
    thread.start()
    time.sleep(0.5)
    item = queue.enqueue(db, "a")
    try:
        wait_for(lambda: done == [item.id], 10)
    finally:
        worker.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.direct
def test_what_was_queued_first_and_committed_last_is_found_behind_the_place(queue, db, admin):
    done = []
    worker = Worker(db, queue.queue, lambda item, *_: done.append(item.id), poll=0.1)
    thread = Thread(target=worker.run)
    with db.transaction() as tx:
        late = queue.enqueue(tx, "late")
        fill(queue, admin, 600)
        thread.start()
        wait_for(lambda: len(done) == 600)
        wait_for(lambda: worker.place.after_id > late.id, 5)
    try:
        wait_for(lambda: done[-1] == late.id, 10)
    finally:
        worker.stop()
        thread.join(PATIENCE)


def test_an_asynchronous_worker_does_the_same(queue, dsn, admin):
    fill(queue, admin, 40)
    sent: list[int] = []

    async def scenario():
        async with AsyncDatabase.connect(dsn) as db:

            async def send(item, *_):
                sent.append(item.id)
                if item.id == 3:
                    raise Failed("later")

            workers = [AsyncWorker(db, queue.queue, send, poll=0.05, listen=n == 0) for n in range(3)]
            tasks = [asyncio.create_task(worker.run()) for worker in workers]
            async with asyncio.timeout(PATIENCE):
                while queue.count(admin).keys() != {"sent", "waiting"}:
                    await asyncio.sleep(0.02)
                for worker in workers:
                    worker.stop()
                await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert sorted(sent) == list(range(1, 41))
    assert queue.count(admin) == {"sent": 39, "waiting": 1}


def test_after_a_limit_a_worker_rests_and_then_sends_everything(resting_queue, db, admin):
    fill(resting_queue, admin, 5)
    times = []

    def send(item, *_):
        times.append(time.monotonic())
        if len(times) == 1:
            raise RetryAfter(1)

    worker = Worker(db, resting_queue.queue, send, poll=0.05)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        wait_for(lambda: resting_queue.count(admin) == {"sent": 5})
    finally:
        worker.stop()
        thread.join(PATIENCE)
    assert len(times) == 6
    assert times[1] - times[0] > 0.9


# -- Killed

SCRIPT = Path(__file__).with_name("killed_worker.py")


def start(queue: Adapter, dsn: str, journal: Path, die_at: str = "never") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, SCRIPT, queue.name, dsn, journal, die_at],
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parent.parent)},
    )


def journalled(journal: Path) -> Counter[int]:
    return Counter(map(int, journal.read_text().split())) if journal.exists() else Counter()


def settle(queue: Adapter, dsn: str, journal: Path, admin: psycopg.Connection) -> None:
    """Let a worker that nobody kills do what is left."""
    process = start(queue, dsn, journal)
    try:
        wait_for(lambda: not OPEN & queue.count(admin).keys(), 60)
    finally:
        process.kill()
        process.wait()


def make_effects(admin: psycopg.Connection) -> None:
    """Where a worker of a transactional queue writes what it does."""
    admin.execute("CREATE TABLE public.effects (item_id bigint NOT NULL)")
    admin.execute("GRANT INSERT ON public.effects TO mentorbase_app")


def effects(queue: Adapter, journal: Path, admin: psycopg.Connection) -> Counter[int]:
    """How often each item was acted on, so that it was seen."""
    if queue.begins:
        return journalled(journal)
    return Counter(item for (item,) in admin.execute("SELECT item_id FROM public.effects"))


DEATHS = [("claim", 0, 1), ("begin", 1, 0), ("send", 1, 1), ("finish", 0, 1)]
# One transaction: whatever it had done was undone, and is done by another worker.
DEATHS_AT_ONCE = [("claim", 0, 1), ("send", 0, 1), ("finish", 0, 1)]


@pytest.mark.parametrize(
    ("queue", "die_at", "uncertain", "times"),
    [(name, *death) for name, a in ADAPTERS.items() for death in (DEATHS if a.begins else DEATHS_AT_ONCE)],
    indirect=["queue"],
)
def test_a_worker_killed_at_this_point_loses_nothing_and_nothing_happens_twice(
    queue, dsn, admin, tmp_path, die_at, uncertain, times
):
    make_effects(admin)
    fill(queue, admin, 5)
    journal = tmp_path / "sent"
    process = start(queue, dsn, journal, die_at)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    settle(queue, dsn, journal, admin)
    expected = {"sent": 5 - uncertain} | ({"uncertain": uncertain} if uncertain else {})
    assert queue.count(admin) == expected
    found = effects(queue, journal, admin)
    assert found[1] == times
    assert all(found[item] == 1 for item in range(2, 6))


def test_workers_killed_at_random_lose_nothing_and_do_nothing_twice(queue, dsn, admin, tmp_path):
    items, rng = 300, random.Random(7)
    make_effects(admin)
    fill(queue, admin, items)
    journal = tmp_path / "sent"
    processes = [start(queue, dsn, journal) for _ in range(2)]
    for _ in range(8):
        goal = sum(journalled(journal).values()) + rng.randint(5, 25)
        wait_for(lambda goal=goal: sum(journalled(journal).values()) >= goal)
        time.sleep(rng.uniform(0, 0.02))
        killed = processes.pop(0)
        killed.kill()
        killed.wait()
        processes.append(start(queue, dsn, journal))
    for process in processes:
        process.kill()
        process.wait()
    settle(queue, dsn, journal, admin)

    found = effects(queue, journal, admin)
    statuses = {row["id"]: row["status"] for row in queue.rows(admin)}
    assert len(statuses) == items
    assert queue.count(admin).keys() - {"uncertain"} == {"sent"}
    assert [item for item, times in found.items() if times > 1] == []
    uncertain = queue.word("uncertain")
    assert [item for item, status in statuses.items() if status != uncertain and found[item] != 1] == []


def test_a_worker_waits_out_a_lost_connection(queue, db, admin):
    done = []
    worker = Worker(db, queue.queue, lambda item, *_: done.append(item.id), poll=0.1)
    thread = Thread(target=worker.run)
    thread.start()
    time.sleep(0.3)
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    fill(queue, admin, 3)
    try:
        wait_for(lambda: len(done) == 3)
    finally:
        worker.stop()
        thread.join(PATIENCE)
