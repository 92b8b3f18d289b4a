"""Calls of the queries of auth."""

from __future__ import annotations

from plans.calls import Call

KNOWN = {"telegram_id": "SELECT telegram_id FROM auth.users WHERE id = 5000"}

CALLS: dict[str, list[Call]] = {
    "create_user": [Call({"first_name": "Anna", "telegram_id": 77})],
    "user": [Call({"user_id": 5000}, {"users_pkey"})],
    "user_by_telegram_id": [Call({"telegram_id": "@telegram_id"}, {"users_telegram_id_key"})],
}
