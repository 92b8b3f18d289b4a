"""What the tests of the migrator start from: an empty database, and migrations of their own."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import TestServer

from .migrating import AUTH, LINKS, MENTORING, PLATFORM, SECOND, Source

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "migrations")


@pytest.fixture
def house(source: Source) -> Source:
    """Four services; the names are out of order on purpose."""
    source.table(LINKS, AUTH, SECOND)
    source.table(PLATFORM)
    source.table(SECOND, MENTORING)
    source.table(MENTORING, PLATFORM)
    source.table(AUTH, PLATFORM)
    return source


@pytest.fixture
def base(pg_server: TestServer) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"migrate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(pg_server.dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
        yield pg_server.dsn(name)
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def conn(base: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(base, autocommit=True) as connection:
        yield connection


@pytest.fixture
def role(base: str) -> Iterator[str]:
    """A login without any rights."""
    name = f"migrate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
        yield name
        connection.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def checkout(house: Source) -> Path:
    """A folder in which plain yoyo finds `house`, as it finds the shipped ones in a checkout."""
    shutil.copy(ROOT / "yoyo.ini", house.root.parent)
    return house.root.parent
