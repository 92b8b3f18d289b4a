"""What a person said, encrypted before it goes to ``quests``: messages, letters, summaries, crises."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from .crypto import Vault
from .settings import Settings


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
