"""Every test of this folder runs where tutormax lives alone: no other service, no links."""

from __future__ import annotations

import psycopg
from clones import clone_of
from conftest import APP, DEPLOY, READER, ensure_login
from mentorbase.migrate import migrate
from psycopg.conninfo import make_conninfo
from pytest_postgresql import factories


def _load(*, host: str, port: int, user: str, dbname: str, password: str | None, autocommit: bool) -> None:
    admin = make_conninfo(host=host, port=port, user=user, dbname=dbname, password=password)
    with psycopg.connect(admin, autocommit=True) as conn:
        ensure_login(conn, DEPLOY, "CREATEROLE NOSUPERUSER")
        conn.execute(f"ALTER DATABASE {dbname} OWNER TO {DEPLOY}")
    migrate(make_conninfo(admin, user=DEPLOY), ["tutormax"])
    with psycopg.connect(admin, autocommit=True) as conn:
        ensure_login(conn, APP)
        ensure_login(conn, READER)
        conn.execute(f"GRANT mentorbase_app TO {APP}")
        conn.execute(f"GRANT mentorbase_reader TO {READER}")


tutormax_template = factories.postgresql_noproc(
    depends_on="pg_server", dbname="mentorbase_tutormax_test", load=[_load], load_autocommit=True
)
postgresql = clone_of("tutormax_template")
