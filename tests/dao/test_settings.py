"""Which server the environment names, and what a wrong setting says."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from mentorbase import Settings, SetupError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

SECRET = "s3cret of the db"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own: neither a variable nor a ``.env``."""
    for name in Settings.model_fields:
        for variable in [found for found in os.environ if found.lower() == name]:
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def server(settings: Settings) -> dict[str, Any]:
    dsn = settings.dsn()
    assert dsn is not None
    return conninfo_to_dict(dsn)


ALL = {
    "MENTORBASE_DSN": "host=whole",
    "POSTGRES_HOST": "plain",
    "POSTGRES_HOST_EXTERNAL": "external",
    "POSTGRES_HOST_INTERNAL": "internal",
}


def test_an_empty_environment_names_no_server() -> None:
    assert Settings.load().dsn() is None


def test_the_dsn_argument_comes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch, **ALL).dsn("host=given") == "host=given"


def test_mentorbase_dsn_comes_before_postgres_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch, **ALL).dsn() == "host=whole"


def test_postgres_host_comes_before_external_and_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    del (without := dict(ALL))["MENTORBASE_DSN"]
    assert server(environment(monkeypatch, **without))["host"] == "plain"


@pytest.mark.parametrize(
    ("server_env", "host"), [(None, "external"), ("", "external"), ("dev", "external"), ("prod", "internal")]
)
def test_server_env_chooses_between_external_and_internal(
    server_env: str | None, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {name: value for name, value in ALL.items() if name.startswith("POSTGRES_HOST_")}
    chosen = {} if server_env is None else {"SERVER_ENV": server_env}
    assert server(environment(monkeypatch, **hosts, **chosen))["host"] == host


@pytest.mark.parametrize(("server_env", "other"), [("dev", "INTERNAL"), ("prod", "EXTERNAL")])
def test_the_other_environments_host_is_never_taken(
    server_env: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = environment(monkeypatch, SERVER_ENV=server_env, **{f"POSTGRES_HOST_{other}": "elsewhere"})
    assert settings.dsn() is None


@pytest.mark.parametrize("name", ALL)
def test_an_empty_variable_counts_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment(monkeypatch, **{name: ""}).dsn() is None


def test_no_server_says_how_to_name_one() -> None:
    with pytest.raises(SetupError) as refused:
        Settings.load().require_dsn()
    assert refused.value.message == "no PostgreSQL server is named"
    assert refused.value.hint == "Give --dsn (or the dsn argument), or set MENTORBASE_DSN or POSTGRES_HOST"


def test_postgres_variables_make_a_dsn_and_tls_settings_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = environment(
        monkeypatch,
        POSTGRES_HOST="db.example",
        POSTGRES_PORT="6432",
        POSTGRES_DB="school",
        POSTGRES_USER="teacher",
        POSTGRES_PASSWORD=SECRET,
        POSTGRES_SSLMODE="verify-full",
        POSTGRES_SSLROOTCERT="/certs/root.crt",
        POSTGRES_SSLCERT="/certs/client.crt",
        POSTGRES_SSLKEY="/certs/client.key",
    )
    assert server(settings) == {
        "host": "db.example",
        "port": "6432",
        "dbname": "school",
        "user": "teacher",
        "password": SECRET,
        "sslmode": "verify-full",
        "sslrootcert": "/certs/root.crt",
        "sslcert": "/certs/client.crt",
        "sslkey": "/certs/client.key",
    }


def test_what_is_not_set_is_left_to_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    found = server(environment(monkeypatch, POSTGRES_HOST="db.example"))
    assert found == {"host": "db.example", "port": "5432", "dbname": "mentorbase"}


def test_the_pool_keeps_the_documented_defaults() -> None:
    settings = Settings.load()
    assert (settings.db_pool_min_size, settings.db_pool_max_size) == (5, 15)
    assert (settings.db_pool_timeout, settings.db_pool_max_lifetime, settings.db_connect_timeout) == (30, 3600, 60)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("POSTGRES_PORT", "54321234", "Input should be less than or equal to 65535"),
        ("POSTGRES_PORT", "http-ish", "Input should be a valid integer, unable to parse string as an integer"),
        ("SERVER_ENV", "stagingish", "Input should be 'dev' or 'prod'"),
        ("DB_POOL_MAX_SIZE", "-7654", "Input should be greater than or equal to 1"),
        ("DB_POOL_TIMEOUT", "0.000", "Input should be greater than 0"),
        ("DB_STATEMENT_TIMEOUT", "forever", "Input should be a valid integer, unable to parse string as an integer"),
        ("DB_ECHO", "perhaps", "Input should be a valid boolean, unable to interpret input"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_is_allowed(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError) as refused:
        environment(monkeypatch, **{name: value})
    assert refused.value.message == f"{name}: {says}"
    assert refused.value.hint == "Correct it in the environment or in .env"
    assert value not in "".join(traceback.format_exception(refused.value))
    assert value not in str(refused.value.__context__)  # which some loggers follow all the same


def test_a_pool_that_keeps_more_than_it_may_hold_is_a_bad_value(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"DB_POOL_M(IN|AX)_SIZE"):
        environment(monkeypatch, DB_POOL_MIN_SIZE="4", DB_POOL_MAX_SIZE="3")


def test_dot_env_is_read_and_the_environment_comes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("POSTGRES_HOST=from-file\nPOSTGRES_USER=from-file\nOTHERS_TOKEN=x\n", "utf-8")
    found = server(environment(monkeypatch, POSTGRES_USER="from-environment"))
    assert (found["host"], found["user"]) == ("from-file", "from-environment")


def test_no_secret_is_in_the_text_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = environment(
        monkeypatch, POSTGRES_HOST="db.example", POSTGRES_PASSWORD=SECRET, MENTORBASE_DSN=f"host=a password='{SECRET}'"
    )
    assert settings.postgres_password == SecretStr(SECRET)
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in text
