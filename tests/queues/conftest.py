from __future__ import annotations

import psycopg
import pytest
from queues.adapters import ADAPTERS, Adapter


def made(name: str, admin: psycopg.Connection) -> Adapter:
    with admin.transaction():
        admin.execute("SET LOCAL mentorbase.actor = 'system'")
        admin.execute(ADAPTERS[name].prepare)
    return ADAPTERS[name]


@pytest.fixture(params=ADAPTERS)
def queue(request: pytest.FixtureRequest, admin: psycopg.Connection) -> Adapter:
    """Each queue of the database."""
    return made(request.param, admin)


@pytest.fixture(params=[name for name, adapter in ADAPTERS.items() if adapter.begins])
def sending_queue(request: pytest.FixtureRequest, admin: psycopg.Connection) -> Adapter:
    """Each queue whose attempts may end in uncertainty."""
    return made(request.param, admin)


@pytest.fixture(params=[name for name, adapter in ADAPTERS.items() if adapter.rests])
def resting_queue(request: pytest.FixtureRequest, admin: psycopg.Connection) -> Adapter:
    """Each queue whose items meet one limit together."""
    return made(request.param, admin)
