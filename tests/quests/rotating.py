"""A rotation of keys that dies in the middle; run in a process of its own."""

from __future__ import annotations

import os
import signal

from auth.keys import INDEX, NEW, OLD
from mentorbase import Database, Settings, Vault, WordCipher, rotate_words

BOTH = WordCipher(Vault({2: NEW, 1: OLD}, INDEX))


def rotate_and_die(dsn: str, after: int) -> None:
    """Kill this process once so many texts are done."""
    with Database.connect(dsn, settings=Settings(_env_file=None, db_pool_min_size=1)) as db:
        rotate_words(db, BOTH, batch=2, progress=lambda done: done >= after and os.kill(os.getpid(), signal.SIGKILL))  # type: ignore[func-returns-value]
