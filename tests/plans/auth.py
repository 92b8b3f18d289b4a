"""Calls of the queries of auth."""

from __future__ import annotations

import hashlib

from mentorbase import ContactKind
from plans.calls import Call

KNOWN = {
    "telegram_id": "SELECT telegram_id FROM auth.users WHERE id = 5000",
    "thirty": "SELECT array_agg(telegram_id) FROM auth.users WHERE id % 1000 = 7 AND id < 30000",
    "contacts": "SELECT array_agg(id ORDER BY id) FROM auth.user_contacts"
    " WHERE user_id % 40 = 7 AND user_id <= 20000 AND kind = 'email'",
    "sealed": "SELECT array_agg(sealed ORDER BY id) FROM auth.user_contacts"
    " WHERE user_id % 40 = 7 AND user_id <= 20000 AND kind = 'email'",
    "hashes": "SELECT array_agg(sha256(lookup_hash) ORDER BY id) FROM auth.user_contacts"
    " WHERE user_id % 40 = 7 AND user_id <= 20000 AND kind = 'email'",
}
SEALED = b"\x01\x00\x03" + bytes(29)
HASH = hashlib.sha256(b"nobody's").digest()
KNOWN_HASH = hashlib.sha256(b"contact 5000").digest()  # as the volume has it

CALLS: dict[str, list[Call]] = {
    "create_user": [Call({"first_name": "Anna", "telegram_id": 77})],
    "user": [Call({"user_id": 5000}, {"users_pkey"})],
    "user_by_telegram_id": [Call({"telegram_id": "@telegram_id"}, {"users_telegram_id_key"})],
    "users_by_telegram_ids": [Call({"telegram_ids": "@thirty"}, {"users_telegram_id_key"})],
    "contacts": [Call({"user_id": 5000}, {"user_contacts_user_id_kind_key"})],
    "user_by_contact": [
        Call({"kind": ContactKind.EMAIL, "lookup_hash": KNOWN_HASH}, {"user_contacts_lookup_hash_key", "users_pkey"}),
    ],
    "contact_keys": [Call({}, {"user_contacts_key_id_idx"})],
    # By its index, or by the key where each third is of it.
    "contacts_under": [Call({"key_id": 2})],
    "save_contact": [
        Call({"user_id": 5000, "kind": ContactKind.EMAIL, "sealed": SEALED, "lookup_hash": HASH}),
        Call({"user_id": 5000, "kind": ContactKind.PHONE, "sealed": SEALED, "lookup_hash": HASH}),
    ],
    "remove_contact": [Call({"user_id": 5000, "kind": ContactKind.EMAIL}, {"user_contacts_user_id_kind_key"})],
    # Five hundred.
    "reseal_contacts": [
        Call({"contact_ids": "@contacts", "former": "@sealed", "sealed": "@sealed", "lookup_hashes": "@hashes"})
    ],
}
