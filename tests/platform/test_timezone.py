"""Which texts name a time zone."""

from __future__ import annotations

import psycopg
import pytest

NAMES = [
    "UTC",
    "Europe/Berlin",
    "America/Argentina/Buenos_Aires",
    "Asia/Kolkata",
    "Etc/GMT+3",
    "America/Port-au-Prince",
]
OTHERS = [
    *("", "utc", "europe/berlin", "Europe/Nowhere", "Mars/Olympus", "CET", "MSK", "EST5EDT", "+03", "UTC+3"),
    *("<+03>-3", "Europe/Berlin ", "Europe/Berlin\n", "../etc/passwd", "posix/Europe/Berlin", "Europe//Berlin"),
]


def test_an_iana_name_is_a_time_zone_and_nothing_else_is(admin: psycopg.Connection) -> None:
    found = admin.execute(
        "SELECT zone, platform.is_timezone(zone) FROM unnest(%s::text[]) AS zone", [NAMES + OTHERS]
    ).fetchall()
    assert found == [*((zone, True) for zone in NAMES), *((zone, False) for zone in OTHERS)]


@pytest.mark.usefixtures("people")
def test_time_zones_can_be_checked_in_a_parallel_plan(admin: psycopg.Connection) -> None:
    [[version]] = admin.execute("SELECT current_setting('server_version_num')::int").fetchall()
    setting = "debug_parallel_query" if version >= 160000 else "force_parallel_mode"
    admin.execute(f"SET {setting} = on")
    found = admin.execute("SELECT count(*) FROM auth.users WHERE platform.is_timezone(timezone)").fetchone()
    assert found == (20,)
