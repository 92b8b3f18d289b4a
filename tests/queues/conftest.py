from __future__ import annotations

import pytest
from queues.adapters import ADAPTERS, Adapter


@pytest.fixture(params=sorted(ADAPTERS))
def queue(request: pytest.FixtureRequest) -> Adapter:
    """Each queue of the database."""
    return ADAPTERS[request.param]
