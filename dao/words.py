"""What a person said, encrypted before it goes to ``quests``: messages, letters, summaries, crises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self

from psycopg import sql

from .actor import SYSTEM
from .crypto import Vault
from .database import Database, Transaction
from .errors import SetupError, Tampered
from .settings import Settings

WORDS_BATCH: Final = 100

# The number of the key is in the second and third byte, which are read without the rest.
_UNDER_OTHERS: Final = sql.SQL(
    "SELECT id, user_id, {column} FROM {table}"
    " WHERE id > %s AND substr({column}, 2, 2) <> %s AND substr({column}, 2, 2) = ANY(%s) ORDER BY id LIMIT %s"
)
_RESEAL: Final = sql.SQL(
    "UPDATE {table} AS t SET {column} = n.sealed"
    " FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS n (id, former, sealed)"
    " WHERE t.id = n.id AND t.{column} = n.former"
)
_IS_OWNER: Final = sql.SQL(
    "SELECT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = 'mentorbase_owner' AND pg_has_role(r.oid, 'USAGE'))"
)
_KEYS: Final = sql.SQL("SELECT DISTINCT substr({column}, 2, 2) FROM {table} WHERE {column} IS NOT NULL")


class SealedColumn(StrEnum):
    """Where an encrypted text belongs; it opens nowhere else."""

    MESSAGE = "quests.messages.content"
    SESSION_SUMMARY = "quests.sessions.summary"
    LETTER_RECIPIENT = "quests.letters.recipient"
    LETTER_TITLE = "quests.letters.title"
    LETTER_BODY = "quests.letters.body"
    CRISIS_HISTORY = "quests.psychological_profiles.crisis_history"


class WordCipher:
    """Seals and opens words with the keys of a `Vault`; runs no query, so it serves synchronous code and asyncio.

    >>> cipher = WordCipher.load()  # doctest: +SKIP
    >>> tx.quests.add_message(7, MessageRole.USER, cipher.seal(SealedColumn.MESSAGE, 7, "I am tired"))  # doctest: +SKIP
    >>> [cipher.open(SealedColumn.MESSAGE, 7, said.content) for said in tx.quests.messages(7)]  # doctest: +SKIP
    """

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    @classmethod
    def load(cls, settings: Settings | None = None) -> Self:
        """Take the keys that the environment names; as `Vault.load`."""
        return cls(Vault.load(settings))

    def __repr__(self) -> str:
        return f"WordCipher({self.vault!r})"

    def seal(self, column: SealedColumn, user_id: int, text: str) -> bytes:
        """Encrypt a person's words for this column only."""
        return self.vault.seal(text, column.value, user_id)

    def open(self, column: SealedColumn, user_id: int, sealed: bytes) -> str:
        """Return what a person's words say.

        Raises:
            KeyUnknown: their key is not among those of the vault.
            Tampered: they were changed, or are another person's or of another column.
        """
        return self.vault.open(sealed, column.value, user_id)


@dataclass(frozen=True, slots=True)
class RotatedWords:
    """What `rotate_words` did.

    Attributes:
        resealed: how many texts are now under the current key.
        overtaken: texts that somebody wrote meanwhile, with whichever key: run it again.
        unreadable: ids of rows whose text does not open and stays as it is, by column.
        unknown_keys: numbers of keys that texts need and that are not among those of the vault.
    """

    resealed: int = 0
    overtaken: int = 0
    unreadable: dict[str, list[int]] = field(default_factory=dict)
    unknown_keys: list[int] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every text is under the current key, so that the others can be given up."""
        return not (self.overtaken or self.unreadable or self.unknown_keys)


def rotate_words(
    db: Database, cipher: WordCipher, *, batch: int = WORDS_BATCH, progress: Callable[[int], None] | None = None
) -> RotatedWords:
    """Encrypt with the current key what older ones encrypted, in every `SealedColumn`, as the system.

    As `rotate_contacts`: a batch a transaction, while applications go on; stopped or killed, it is run again. The login
    of *db* must be a member of ``mentorbase_owner``, for applications see one person's words at a time.

    Args:
        batch: texts of one transaction.
        progress: told after each batch how many are done.

    Raises:
        SetupError: the login is no member of ``mentorbase_owner``.
    """
    if _page(db, _IS_OWNER, []) != [(True,)]:
        raise SetupError(
            "this login may not see all words", "Use the login that deploys, or GRANT mentorbase_owner to it"
        )
    current, *older = (key_id.to_bytes(2) for key_id in cipher.vault.key_ids)
    resealed, overtaken, found = 0, 0, set[bytes]()
    unreadable: dict[str, list[int]] = {}
    for column in SealedColumn:
        names, after_id = _names(column), 0
        while page := _page(db, _UNDER_OTHERS.format(**names), [after_id, current, older, batch]):
            after_id = page[-1][0]
            opened: list[tuple[int, bytes, bytes]] = []
            for row_id, user_id, former in page:
                try:
                    opened.append((row_id, former, cipher.seal(column, user_id, cipher.open(column, user_id, former))))
                except Tampered:
                    unreadable.setdefault(column.value, []).append(row_id)
            done = db.retrying(partial(_reseal, _RESEAL.format(**names), opened), actor=SYSTEM)
            resealed += done
            overtaken += len(opened) - done
            if progress:
                progress(resealed)
        found.update(key for (key,) in _page(db, _KEYS.format(**names), []))
    unknown = sorted(int.from_bytes(key) for key in found - {current, *older})
    return RotatedWords(resealed, overtaken, unreadable, unknown)


def _names(column: SealedColumn) -> dict[str, sql.Identifier]:
    schema, table, name = column.value.split(".")
    return {"table": sql.Identifier(schema, table), "column": sql.Identifier(name)}


def _page(db: Database, query: sql.SQL | sql.Composed, values: list[Any]) -> list[Any]:
    with db.transaction() as tx:
        return list(tx.connection.execute(query, values))


def _reseal(update: sql.Composed, opened: list[tuple[int, bytes, bytes]], tx: Transaction) -> int:
    if not opened:
        return 0
    return tx.connection.execute(update, [list(values) for values in zip(*opened, strict=True)]).rowcount
