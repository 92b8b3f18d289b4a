"""Keys to test with."""

from __future__ import annotations

from hashlib import sha256

from mentorbase import ContactCipher, Vault

OLD, NEW, INDEX = (sha256(name).digest() for name in (b"old", b"new", b"index"))


def cipher(**keys: bytes) -> ContactCipher:
    """With these keys, named k1, k2 and so on, the first one current; by default with k1 alone."""
    chosen = {int(name[1:]): key for name, key in (keys or {"k1": OLD}).items()}
    return ContactCipher(Vault(chosen, INDEX))
