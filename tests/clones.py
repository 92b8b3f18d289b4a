"""A database for each test, cloned from a migrated template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pytest_postgresql.janitor import DatabaseJanitor


class CopiedDatabase(DatabaseJanitor):
    """Copies the template's files, which takes half the time of sending them through the log."""

    def _build_create_database_sql(self) -> sql.Composed:
        return super()._build_create_database_sql() + sql.SQL(" STRATEGY file_copy")


def clone_of(template: str) -> Callable[..., Any]:
    """A fixture: a superuser's connection to a clone of the database of the fixture *template*."""

    @pytest.fixture
    def clone(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
        server = request.getfixturevalue(template)
        where: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.user}
        where |= {"dbname": server.dbname, "password": server.password}
        with CopiedDatabase(**where, template_dbname=server.template_dbname), psycopg.connect(**where) as conn:
            yield conn

    return clone
