"""Writers, workers, and two that are killed: shared with the benchmark, which does it at full size."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import psycopg
from mentorbase import Database, WebhookQueue, Worker

SCRIPT = Path(__file__).parents[1] / "queues" / "killed_worker.py"
INSERT = """
    INSERT INTO getcourse.webhook_events (event_date, user_id, user_email, answer_id, answer_status, raw_payload)
    VALUES ('2025-12-20 00:00+00', %s, %s, %s, 'new', %s)
"""


@dataclass(frozen=True)
class Counts:
    """What there was in the end. Each is a number of events, but for `seconds`."""

    stored: int
    duplicates: int
    processed: int
    effects: int
    processed_twice: int
    killed: int
    seconds: float


def deliveries(unique: int, duplicates: int, seed: int = 7) -> list[int]:
    """The numbers of all answers that are told of, some of them again, in any order."""
    rng = random.Random(seed)
    told = [*range(unique), *(rng.randrange(unique) for _ in range(duplicates))]
    rng.shuffle(told)
    return told


def write(dsn: str, answers: list[int], way: int) -> None:
    """Tell of these answers: by a plain INSERT each, by the DAO each, or by the DAO in batches."""
    bodies = [
        json.dumps(
            {
                "event_date": "2025-12-20",
                "user_id": n % 1000,
                "user_email": f"s{n % 1000}@example.org",
                "answer_id": n,
                "answer_status": "new",
            }
        )
        for n in answers
    ]
    if way == 0:
        with psycopg.connect(dsn, autocommit=True) as conn:
            for n, body in zip(answers, bodies, strict=True):
                conn.execute(INSERT, [str(n % 1000), f"s{n % 1000}@example.org", str(n), body])
        return
    with Database.connect(dsn) as db:
        if way == 1:
            for body in bodies:
                db.getcourse.receive_webhook(body)
        for first in range(0, len(bodies) if way == 2 else 0, 50):
            db.getcourse.receive_webhooks(bodies[first : first + 50])


def race(admin: psycopg.Connection, dsn: str, journal: Path, told: list[int], patience: float) -> Counts:
    """Eight writers tell of these answers, eight workers process them, two of whom are killed on the way."""
    admin.execute("CREATE TABLE public.effects (item_id bigint NOT NULL)")
    admin.execute("GRANT INSERT ON public.effects TO mentorbase_app")

    def handle(event, tx) -> None:
        tx.connection.execute("INSERT INTO public.effects (item_id) VALUES (%s)", [event.id])

    def left() -> int:
        return admin.execute("SELECT count(*) FROM getcourse.webhook_events WHERE processed = FALSE").fetchone()[0]

    begun = time.monotonic()
    victims = [
        subprocess.Popen(
            [sys.executable, SCRIPT, "getcourse.webhook_events", dsn, journal, "never"],
            env=os.environ | {"PYTHONPATH": str(SCRIPT.parent.parent)},
        )
        for _ in range(2)
    ]
    with Database.connect(dsn) as db, ThreadPoolExecutor(8) as pool:
        workers = [Worker(db, WebhookQueue(), handle, poll=0.05, recover=0.3, sweep=2) for _ in range(6)]
        threads = [Thread(target=worker.run) for worker in workers]
        try:
            writers = [pool.submit(write, dsn, told[n::8], n % 3) for n in range(8)]
            # Killed in the midst of their work: the others would be done before these have started.
            while not (journal.exists() and len(journal.read_text().split()) > 20):
                assert time.monotonic() - begun < patience
                time.sleep(0.02)
            for thread in threads:
                thread.start()
            for victim in victims:
                victim.kill()
            killed = sum(victim.wait() == -signal.SIGKILL for victim in victims)
            for writer in writers:
                writer.result()
            while left():
                assert time.monotonic() - begun < patience
                time.sleep(0.05)
            seconds = time.monotonic() - begun
        finally:
            for worker in workers:
                worker.stop()
            for victim in victims:
                victim.kill()
                victim.wait()
            for thread in threads:
                if thread.is_alive():
                    thread.join()
    stored, duplicates, processed = admin.execute(
        "SELECT count(*), sum(duplicates)::bigint, count(*) FILTER (WHERE status = 'processed')"
        " FROM getcourse.webhook_events"
    ).fetchone()
    effects, twice = admin.execute("SELECT count(*), count(*) - count(DISTINCT item_id) FROM public.effects").fetchone()
    return Counts(stored, duplicates, processed, effects, twice, killed, seconds)
