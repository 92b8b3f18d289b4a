"""Who acts: the setting in all its forms, and what holds for those who do not set it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from mentorbase import SYSTEM, Actor, Database, InvalidArgument
from psycopg import sql
from psycopg.conninfo import make_conninfo

CURRENT = "SELECT kind::text, id FROM platform.current_actor('mentoring_app')"
PERSON = ("user", 7)
BY_HAND = ("admin", None)
UNDERSTOOD = [
    ("7", PERSON),
    ("999999999999999999", ("user", 999_999_999_999_999_999)),
    ("admin:5", ("admin", 5)),
    ("admin:999999999999999999", ("admin", 999_999_999_999_999_999)),
    ("system", ("system", None)),
]
MALFORMED = [
    *("0", "007", "-7", "+7", "7.0", "7e1", "0x7", " 7", "7 ", "7\n", "7\n8", "\N{ARABIC-INDIC DIGIT SEVEN}", "7;8"),
    *("admin", "admin:", "admin:0", "admin:07", "admin: 5", "admin:system", "Admin:5", "admin:5:6"),
    *("System", "SYSTEM", "system ", "system:1", "user:7", "null", "none", "mentor"),
    *("1000000000000000000", "9223372036854775808", "9" * 100, "admin:1000000000000000000"),
]
MakeLogin = Callable[..., psycopg.Connection]


def current(conn: psycopg.Connection) -> tuple[str, int | None]:
    found = conn.execute(CURRENT).fetchone()
    assert found
    return found[0], found[1]


def refusal(conn: psycopg.Connection) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(CURRENT)
    assert caught.value.sqlstate == "MB001"
    return caught.value


def say(conn: psycopg.Connection, setting: str) -> None:
    conn.execute("SELECT set_config('mentorbase.actor', %s, false)", [setting])


@pytest.fixture
def login(admin: psycopg.Connection) -> Iterator[MakeLogin]:
    """Makes logins of the cluster and connects as them; both are gone after the test."""
    names: list[str] = []
    connections: list[psycopg.Connection] = []

    def make(
        options: str = "", *, memberships: tuple[str, ...] = ("mentorbase_app",), default: str | None = None
    ) -> psycopg.Connection:
        name = f"test_{uuid.uuid4().hex[:12]}"
        admin.execute(f"CREATE ROLE {name} LOGIN {options}")
        names.append(name)
        admin.execute(f"GRANT USAGE ON SCHEMA platform TO {name}")
        admin.execute(
            f"GRANT EXECUTE ON FUNCTION platform.current_actor(name), platform.is_application(name) TO {name}"
        )
        for group in memberships:
            admin.execute(f"GRANT {group} TO {name}")
        if default is not None:
            admin.execute(
                sql.SQL("ALTER ROLE {} SET mentorbase.actor = {}").format(sql.Identifier(name), sql.Literal(default))
            )
        connections.append(psycopg.connect(make_conninfo(admin.info.dsn, user=name), autocommit=True))
        return connections[-1]

    yield make
    for conn in connections:
        conn.close()
    for name in names:
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize(("setting", "actor"), UNDERSTOOD)
def test_a_setting_names_a_person_an_administrator_or_the_system(
    app: psycopg.Connection, admin: psycopg.Connection, setting: str, actor: tuple[str, int | None]
) -> None:
    for conn in (app, admin):
        say(conn, setting)
        assert current(conn) == actor


def test_a_setting_in_another_form_is_refused_to_everybody(app: psycopg.Connection, admin: psycopg.Connection) -> None:
    for setting in MALFORMED:
        for conn in (app, admin):
            say(conn, setting)
            error = refusal(conn)
            assert error.diag.message_primary == "the setting mentorbase.actor names no actor", setting
            assert error.diag.message_hint == "Set it to a user id, to admin:<user id>, or to system."


def test_an_application_that_names_nobody_is_refused(app: psycopg.Connection) -> None:
    for prepare in ("SELECT 1", "SET mentorbase.actor = ''", "RESET mentorbase.actor"):
        app.execute(prepare)
        error = refusal(app)
        assert error.diag.message_primary == "an application must say who acts"
        assert "admin:<user id>" in str(error.diag.message_hint)


def test_a_setting_of_a_transaction_ends_with_it(app: psycopg.Connection) -> None:
    with app.transaction():
        app.execute("SET LOCAL mentorbase.actor = '7'")
        assert current(app) == PERSON
    refusal(app)


def test_a_superuser_who_names_nobody_is_an_administrator(admin: psycopg.Connection) -> None:
    assert current(admin) == BY_HAND
    say(admin, "")
    assert current(admin) == BY_HAND


def test_the_owner_who_names_nobody_is_an_administrator(admin: psycopg.Connection) -> None:
    admin.execute("SET ROLE mentorbase_owner")
    assert current(admin) == BY_HAND


@pytest.mark.parametrize("role", ["mentorbase_app", "mentoring_app"])
def test_a_superuser_who_sets_an_application_role_is_that_application(admin: psycopg.Connection, role: str) -> None:
    admin.execute(f"SET ROLE {role}")
    refusal(admin)
    admin.execute("RESET ROLE")
    assert current(admin) == BY_HAND


def test_a_service_is_the_application_of_its_own_schema_only(admin: psycopg.Connection) -> None:
    admin.execute("SET ROLE auth_app")
    assert current(admin) == BY_HAND
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("SELECT platform.current_actor('auth_app')")
    assert caught.value.sqlstate == "MB001"


@pytest.mark.parametrize("group", ["mentorbase_app", "mentoring_app"])
def test_a_login_that_inherits_an_application_role_is_that_application(login: MakeLogin, group: str) -> None:
    conn = login(memberships=(group,))
    refusal(conn)
    say(conn, "7")
    assert current(conn) == PERSON


def test_a_login_that_does_not_inherit_is_an_application_once_it_has_set_the_role(login: MakeLogin) -> None:
    conn = login("NOINHERIT", memberships=("mentoring_app",))
    assert current(conn) == BY_HAND
    conn.execute("SET ROLE mentoring_app")
    refusal(conn)
    conn.execute("RESET ROLE")
    assert current(conn) == BY_HAND


def test_a_login_that_does_not_inherit_can_do_nothing_without_the_role(login: MakeLogin) -> None:
    conn = login("NOINHERIT", memberships=("mentoring_app",))
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        conn.execute("SELECT mentoring.transition(1, 'active')")
    assert caught.value.sqlstate == "42501"


def test_a_login_of_no_application_is_an_administrator(login: MakeLogin) -> None:
    assert current(login(memberships=())) == BY_HAND


def test_a_login_whose_name_needs_quotes_is_recognised(admin: psycopg.Connection) -> None:
    name = f'Test "{uuid.uuid4().hex[:8]}"'
    role = sql.Identifier(name)
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    try:
        admin.execute(sql.SQL("GRANT mentoring_app TO {}").format(role))
        with psycopg.connect(make_conninfo(admin.info.dsn, user=name), autocommit=True) as conn:
            refusal(conn)
        admin.execute(sql.SQL("SET ROLE {}").format(role))
        refusal(admin)
    finally:
        admin.execute("RESET ROLE")
        admin.execute(sql.SQL("DROP ROLE {}").format(role))


def test_an_application_is_recognised_inside_code_that_runs_with_the_owners_rights(
    admin: psycopg.Connection, app: psycopg.Connection
) -> None:
    admin.execute(
        "CREATE FUNCTION platform.definer() RETURNS platform.actor LANGUAGE sql SECURITY DEFINER"
        " BEGIN ATOMIC SELECT platform.current_actor('mentoring_app'); END"
    )
    admin.execute("GRANT EXECUTE ON FUNCTION platform.definer() TO mentoring_app")
    with pytest.raises(psycopg.Error) as caught:
        app.execute("SELECT platform.definer()")
    assert caught.value.sqlstate == "MB001"
    assert admin.execute("SELECT (platform.definer()).kind::text").fetchone() == ("admin",)


@pytest.mark.usefixtures("people")
def test_a_role_may_carry_an_actor_of_its_own(login: MakeLogin, admin: psycopg.Connection) -> None:
    conn = login(default="system")
    assert current(conn) == ("system", None)
    conn.execute("UPDATE auth.users SET is_active = false WHERE id = 1")
    conn.execute("SELECT FROM mentoring.request(1, 2, actor_id => 1)")
    [step] = admin.execute("SELECT actor_kind::text, actor_id FROM mentoring.mentor_mentee_history").fetchall()
    assert step == ("mentor", 1)
    assert current(conn) == ("system", None)


def test_a_transaction_acts_as_somebody_else_than_the_role_carries(login: MakeLogin) -> None:
    conn = login(default="system")
    with conn.transaction():
        conn.execute("SET LOCAL mentorbase.actor = '7'")
        assert current(conn) == PERSON
    assert current(conn) == ("system", None)


def test_a_malformed_actor_that_a_role_carries_is_refused(login: MakeLogin) -> None:
    refusal(login(default="robot"))


@pytest.mark.parametrize(
    ("actor", "expected"),
    [(7, PERSON), (Actor.user(7), PERSON), (Actor.admin(5), ("admin", 5)), (SYSTEM, ("system", None))],
)
def test_an_actor_of_the_dao_is_the_actor_of_the_database(
    db: Database, actor: Actor | int, expected: tuple[str, int | None]
) -> None:
    with db.transaction(actor=actor) as tx:
        assert current(tx.connection) == expected
    with db.transaction() as tx:
        with pytest.raises(psycopg.Error) as caught, tx.connection.transaction():
            current(tx.connection)
        assert caught.value.sqlstate == "MB001"


@pytest.mark.parametrize("actor", [0, -1])
def test_no_person_has_an_id_below_one(db: Database, actor: int) -> None:
    with pytest.raises(InvalidArgument) as caught, db.transaction(actor=actor):
        pass
    assert caught.value.sqlstate == "MB007"


@pytest.mark.parametrize(
    ("kind", "person"), [("user", None), ("admin", None), ("system", 1), ("robot", 1), ("user", 0)]
)
def test_an_actor_that_nobody_understands_cannot_be_made(kind: str, person: int | None) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Actor(kind, person)  # type: ignore[arg-type]
    assert (caught.value.sqlstate, caught.value.values) == ("MB007", {"argument": "actor"})
