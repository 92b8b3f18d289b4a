"""Settings from the environment and ``.env``; which server is used, and how."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import SetupError


class ServerEnv(StrEnum):
    """Where the application runs: decides between POSTGRES_HOST_EXTERNAL and POSTGRES_HOST_INTERNAL."""

    DEV = "dev"
    PROD = "prod"


class Settings(BaseSettings):
    """What the environment says. Names are those of the fields, in capitals; ``.env`` is read too.

    The server is MENTORBASE_DSN, else POSTGRES_HOST, else POSTGRES_HOST_EXTERNAL (SERVER_ENV=dev) or
    POSTGRES_HOST_INTERNAL (SERVER_ENV=prod). Times are in seconds.
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    mentorbase_dsn: SecretStr | None = None
    postgres_host: str | None = None
    postgres_host_external: str | None = None
    postgres_host_internal: str | None = None
    server_env: ServerEnv = ServerEnv.DEV
    postgres_port: Annotated[int, Field(ge=1, le=65535)] = 5432
    postgres_db: str = "mentorbase"
    postgres_user: str | None = None
    postgres_password: SecretStr | None = None
    postgres_sslmode: str | None = None
    postgres_sslrootcert: str | None = None
    postgres_sslcert: str | None = None
    postgres_sslkey: str | None = None

    mentorbase_keys: SecretStr | None = None
    mentorbase_index_key: SecretStr | None = None

    db_echo: bool = False
    db_pgbouncer: bool = False
    db_pool_min_size: Annotated[int, Field(ge=0)] = 5
    db_pool_max_size: Annotated[int, Field(ge=1)] = 15
    db_pool_timeout: Annotated[float, Field(gt=0)] = 30
    db_pool_max_lifetime: Annotated[float, Field(gt=0)] = 3600
    db_connect_timeout: Annotated[int, Field(ge=2)] = 60
    db_statement_timeout: Annotated[int, Field(ge=0)] = 60
    db_lock_timeout: Annotated[int, Field(ge=0)] = 10
    db_idle_in_transaction_timeout: Annotated[int, Field(ge=0)] = 120

    @model_validator(mode="after")
    def _pool_can_hold_what_it_keeps(self) -> Self:
        if self.db_pool_min_size > self.db_pool_max_size:
            raise ValueError("DB_POOL_MIN_SIZE is more than DB_POOL_MAX_SIZE")
        return self

    @classmethod
    def load(cls) -> Settings:
        """Read the environment.

        Raises:
            SetupError: a variable has a value that is not allowed; names it, not its value.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False, include_url=False)[0]
            name = str(first["loc"][0]).upper() if first["loc"] else "settings"
            raise SetupError(f"{name}: {first['msg']}", "Correct it in the environment or in .env") from None

    def dsn(self, given: str | None = None) -> str | None:
        """Return *given*, or the server that the environment names, as a libpq connection string; None if neither."""
        if given:
            return given
        if self.mentorbase_dsn:
            return self.mentorbase_dsn.get_secret_value()
        host = self.postgres_host or (
            self.postgres_host_internal if self.server_env is ServerEnv.PROD else self.postgres_host_external
        )
        if not host:
            return None
        return make_conninfo(
            "",
            host=host,
            port=self.postgres_port,
            dbname=self.postgres_db,
            user=self.postgres_user,
            password=self.postgres_password.get_secret_value() if self.postgres_password else None,
            sslmode=self.postgres_sslmode,
            sslrootcert=self.postgres_sslrootcert,
            sslcert=self.postgres_sslcert,
            sslkey=self.postgres_sslkey,
        )

    def chosen(self, given: str | None = None) -> str:
        """Say which of the names of a server `dsn` goes by, and why; no value of theirs."""
        if given:
            return "--dsn"
        if self.mentorbase_dsn:
            return "MENTORBASE_DSN"
        if self.postgres_host:
            return "POSTGRES_HOST"
        prod = self.server_env is ServerEnv.PROD
        said = "SERVER_ENV" if "server_env" in self.model_fields_set else "SERVER_ENV is not set:"
        kind = f"{said}={self.server_env}" if said == "SERVER_ENV" else f"{said} {self.server_env}"
        return f"POSTGRES_HOST_{'INTERNAL' if prod else 'EXTERNAL'} ({kind})"

    def require_dsn(self, given: str | None = None) -> str:
        """Return `dsn`, or refuse.

        Raises:
            SetupError: no server is named.
        """
        if dsn := self.dsn(given):
            return dsn
        raise SetupError(
            "no PostgreSQL server is named",
            "Give --dsn (or the dsn argument), or set MENTORBASE_DSN or POSTGRES_HOST",
        )
