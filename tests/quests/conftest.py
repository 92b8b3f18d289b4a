"""A family to test with: the database, and both applications on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from clones import Clones
from groups.home import Home, alone, build, home, template_of, together
from pytest_postgresql.executors import NoopExecutor
from quests.family import Family, database_of_its_own, opened

__all__ = ["alone", "build", "home", "template_of", "together"]


@pytest.fixture
def family(clones: Clones, pg_template: NoopExecutor) -> Iterator[Family]:
    """Both applications beside all other services, in a database of the test's own."""
    with database_of_its_own(clones, pg_template.template_dbname, f"{pg_template.dbname}_family") as found:
        yield found


@pytest.fixture(scope="module")
def shared_family(clones: Clones, pg_template: NoopExecutor) -> Iterator[Family]:
    """The same, for tests that leave nothing behind or do not mind what the others of their module left."""
    with database_of_its_own(clones, pg_template.template_dbname, f"{pg_template.dbname}_shared_family") as found:
        yield found


@pytest.fixture
def house(home: Home) -> Iterator[Family]:
    """Both applications: quests alone in a database, then beside all other services."""
    with ExitStack() as stack:
        yield opened(stack, home.admin)
