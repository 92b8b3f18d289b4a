"""Encryption of what a person said or is reached by, before it goes to the database.

The keys stay in the application's environment: the server, its logs and its backups see ciphertext only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import KeyMissing, KeyUnknown, SetupError, Tampered
from .settings import Settings

KEY_BYTES: Final = 32
"""Length of each key: AES-256 and HMAC-SHA-256."""

_FORMAT: Final = 1
_HEADER, _NONCE, _TAG = 3, 12, 16  # bytes; the header is the format's number and the key's
_LAST_KEY_ID = 2**16 - 1
_NEW_KEY = "openssl rand -base64 32 makes one"

Context = str | int


class Vault:
    """Encrypts text (AES-256-GCM), reads what it or an older key encrypted, and hashes text so that it can be found.

    A sealed text is bytes: the format's number, two bytes with the key's number, a nonce, ciphertext and tag. It
    opens only in the context that it was sealed in, such as table, row and column, so nobody can move it elsewhere.
    Use a key for at most 2^32 texts.

    Attributes:
        key_ids: numbers of the keys; the first is the current one, which encrypts.
    """

    def __init__(self, keys: Mapping[int, bytes], index_key: bytes) -> None:
        if not keys:
            raise KeyMissing("there is no key to encrypt with", "Set MENTORBASE_KEYS")
        for key_id in keys:
            if not 1 <= key_id <= _LAST_KEY_ID:
                raise SetupError(f"MENTORBASE_KEYS: a key's number is 1 to {_LAST_KEY_ID}", "Give it another one")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise SetupError(f"MENTORBASE_KEYS: a key has {KEY_BYTES} bytes, in base64", _NEW_KEY)
        if len(index_key) != KEY_BYTES:
            raise SetupError(f"MENTORBASE_INDEX_KEY: the key has {KEY_BYTES} bytes, in base64", _NEW_KEY)
        if len({*keys.values(), index_key}) <= len(keys):
            raise SetupError("MENTORBASE_KEYS, MENTORBASE_INDEX_KEY: two keys are the same", _NEW_KEY)
        self.key_ids = tuple(keys)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._index = hmac.new(index_key, digestmod=hashlib.sha256)

    @classmethod
    def load(cls, settings: Settings | None = None) -> Self:
        """Take the keys of MENTORBASE_KEYS and MENTORBASE_INDEX_KEY.

        Raises:
            KeyMissing: they are not set.
            SetupError: they cannot be read; says which, never a value.
        """
        settings = settings or Settings.load()
        if settings.mentorbase_keys is None or settings.mentorbase_index_key is None:
            missing = "MENTORBASE_INDEX_KEY" if settings.mentorbase_keys else "MENTORBASE_KEYS"
            raise KeyMissing(f"{missing} is not set", f"Set it in the environment or in .env; {_NEW_KEY}")
        keys: dict[int, bytes] = {}
        for entry in settings.mentorbase_keys.get_secret_value().split(","):
            number, colon, encoded = entry.strip().partition(":")
            if not (colon and number.isascii() and number.isdigit()) or int(number) in keys:
                raise SetupError(
                    "MENTORBASE_KEYS: not a list of different numbers, each with its key", "Write 2:<base64>,1:<base64>"
                )
            keys[int(number)] = _decoded("MENTORBASE_KEYS", encoded)
        return cls(keys, _decoded("MENTORBASE_INDEX_KEY", settings.mentorbase_index_key.get_secret_value()))

    def __repr__(self) -> str:
        return f"Vault(key_ids={self.key_ids})"

    def seal(self, text: str, *context: Context) -> bytes:
        """Return *text* encrypted with the current key, for this context only."""
        key_id = self.key_ids[0]
        header = bytes([_FORMAT, *key_id.to_bytes(2)])
        nonce = secrets.token_bytes(_NONCE)
        return header + nonce + self._ciphers[key_id].encrypt(nonce, text.encode(), header + _encoded(context))

    def open(self, sealed: bytes, *context: Context) -> str:
        """Return the text that was sealed in this context, with whichever key.

        Raises:
            KeyUnknown: it is encrypted with a key that is not here.
            Tampered: it was changed, or belongs into another context.
        """
        if len(sealed) < _HEADER + _NONCE + _TAG or sealed[0] != _FORMAT:
            raise Tampered("what is stored is no ciphertext")
        key_id = int.from_bytes(sealed[1:_HEADER])
        if key_id not in self._ciphers:
            raise KeyUnknown(
                f"key {key_id} is not known here", f"Add {key_id}:<base64> to MENTORBASE_KEYS", key_id=key_id
            )
        header, nonce, rest = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
        try:
            return self._ciphers[key_id].decrypt(nonce, rest, header + _encoded(context)).decode()
        except InvalidTag:
            raise Tampered("the ciphertext was changed, or moved here from another place") from None

    def blind_index(self, text: str, *context: Context) -> bytes:
        """Return a keyed hash (HMAC-SHA-256) of *text*: the same for the same text and context, and no way back."""
        index = self._index.copy()
        index.update(_encoded((*context, text)))
        return index.digest()


def _decoded(variable: str, key: str) -> bytes:
    try:
        return base64.b64decode(key.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise SetupError(f"{variable}: a key is not in base64", _NEW_KEY) from None


def _encoded(context: tuple[Context, ...]) -> bytes:
    """Return the parts as bytes that no other parts give."""
    return json.dumps(context, separators=(",", ":")).encode()
