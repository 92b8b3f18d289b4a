"""A worker in a process of its own, which writes down what it sends and may be told where to die."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from mentorbase import Database, Worker
from queues.adapters import ADAPTERS


class Dying:
    """A queue whose worker is killed right after one of its calls."""

    def __init__(self, queue, die_at: str) -> None:
        self._queue, self._die_at = queue, die_at
        self.wake_up, self.transactional = queue.wake_up, queue.transactional

    def _after(self, point: str, answer):
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def claim(self, *args):
        return self._after("claim", self._queue.claim(*args))

    def begin_attempt(self, *args):
        return self._after("begin", self._queue.begin_attempt(*args))

    def finish(self, *args):
        return self._after("finish", self._queue.finish(*args))

    def recover(self, *args):
        return self._queue.recover(*args)

    def send(self, item, *tx) -> None:
        for one in tx:
            one.connection.execute("INSERT INTO public.effects (item_id) VALUES (%s)", [item.id])
        with Path(journal).open("a") as out:
            out.write(f"{item.id}\n")
            out.flush()
            os.fsync(out.fileno())
        self._after("send", None)
        time.sleep(0.01)


name, dsn, journal, die_at = sys.argv[1:]
with Database.connect(dsn) as db:
    queue = Dying(ADAPTERS[name].queue, die_at)
    Worker(db, queue, queue.send, lease=timedelta(seconds=3), poll=0.1, recover=0.3, sweep=2).run()
