"""What the policy page says a superuser can take away is taken away, and everything goes on."""

from __future__ import annotations

import re

import psycopg
import pytest
from mentorbase import DataType
from mentorbase.resources import folder
from quests.family import PARENT, PAS, Family

PAGE = (folder("sql") / "quests" / "README.md").read_text("utf-8")
[REVOKES] = re.findall(r"^```sql\n(REVOKE.*?)^```$", PAGE, re.M | re.S)

COUNTERS = (
    "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'quest_analytics'",
    "SELECT pg_stat_get_tuples_updated('quests.quest_analytics'::regclass)",
    "SELECT idx_scan FROM pg_stat_all_indexes",
    "SELECT pg_relation_size('quests.child_progress')",
    "SELECT pg_total_relation_size('quests.child_progress')",
    "SELECT relation FROM pg_locks",
)


def test_a_superuser_takes_the_counters_of_whole_tables_away(family: Family) -> None:
    family.admin.execute(REVOKES)  # type: ignore[call-overload]
    with psycopg.connect(family.dsn(PAS), autocommit=True) as conn:
        for counter in COUNTERS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(counter)  # type: ignore[call-overload]
    quest_id = family.played()
    family.share(quest_id, *DataType)
    assert family.parent.quests.get_quest_analytics(quest_id, actor_id=PARENT).play_count == 1
