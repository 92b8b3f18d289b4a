"""What is counted and logged has the documented names, and the alerts look at what is there."""

from __future__ import annotations

import logging
import re

import pytest
from mentorbase import ConsentMissing, Database, DataType, NotFound, PoolExhausted, Settings, metrics
from mentorbase.query import observers
from prometheus_client import CollectorRegistry, generate_latest
from quests.family import CHILD, OTHER_CHILD, OTHER_PARENT, PARENT, PAS, Family


def values(registry: CollectorRegistry) -> dict[str, float]:
    """Everything that is exposed, by name and labels."""
    text = generate_latest(registry).decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) ([0-9.e+-]+)$", text, re.M)
        if "_created" not in name
    }


def test_the_documented_metrics_count(family: Family) -> None:
    quest_id, others = family.played(), family.played(OTHER_PARENT, OTHER_CHILD)
    registry, look = CollectorRegistry(), family.parent.quests.get_quest_analytics
    before = list(observers)
    with metrics.observe(family.parent, registry):
        family.parent.quests.create_quest(PARENT, {}, actor_id=PARENT)
        with pytest.raises(ConsentMissing):
            look(quest_id, actor_id=PARENT)
        family.share(quest_id, DataType.PLAY_FREQUENCY)
        look(quest_id, actor_id=PARENT)
        family.share(quest_id, *DataType)
        look(quest_id, actor_id=PARENT)
        family.parent.quests.can_share_with_parent(quest_id, DataType.PLAY_FREQUENCY, actor_id=PARENT)
        with pytest.raises(NotFound):
            look(others, actor_id=PARENT)
        with family.parent.transaction(actor=PARENT):
            found = values(registry)
    assert observers == before
    assert values(registry) == {}

    assert found["database_connections_active"] == 1
    assert found["database_pool_exhausted_total"] == 0
    assert found["quest_creations_total"] == 1
    assert {name: count for name, count in found.items() if name.startswith("privacy_checks_total")} == {
        'privacy_checks_total{result="allowed"}': 2,
        'privacy_checks_total{result="redacted"}': 1,
        'privacy_checks_total{result="refused"}': 1,
        'privacy_checks_total{result="not_found"}': 1,
    }
    assert found['query_duration_seconds_count{query="read",service="quests"}'] == 4
    assert found['query_duration_seconds_bucket{le="+Inf",query="ask",service="quests"}'] == 4


def test_a_pool_that_is_exhausted_counts(family: Family) -> None:
    registry = CollectorRegistry()
    settings = Settings(_env_file=None, db_pool_min_size=1, db_pool_max_size=1, db_pool_timeout=1)
    with (
        Database.connect(family.dsn(PAS), settings=settings) as db,
        metrics.observe(db, registry),
        db.transaction(actor=PARENT),
    ):
        with pytest.raises(PoolExhausted):
            db.quests.recovery(PARENT)
        assert values(registry)["database_pool_exhausted_total"] == 1


def test_each_alert_looks_at_a_metric_that_is_exposed(shared_family: Family) -> None:
    registry = CollectorRegistry()
    with metrics.observe(shared_family.parent, registry):
        shared_family.played()
        exposed = {name.partition("{")[0] for name in values(registry)}
        buckets = {name for name in values(registry) if 'le="1.0"' in name}
    rules = metrics.RULES.read_text("utf-8")
    asked = set(re.findall(r"(\w+_(?:total|count|bucket))\b", rules))
    assert len(re.findall(r"^      - alert: ", rules, re.M)) == 3
    assert len(asked) == 4
    assert asked <= exposed
    assert buckets
    assert all(word in rules for word in ('le="1.0"', 'result="not_found"'))


def test_what_happens_to_quests_and_consent_is_logged_without_anybody_s_data(
    shared_family: Family, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mentorbase.quests"):
        quest_id = shared_family.played()
        with pytest.raises(ConsentMissing):
            shared_family.parent.quests.get_quest_analytics(quest_id, actor_id=PARENT)
        shared_family.child.quests.update_privacy_settings(quest_id, {"share_play_frequency": True}, actor_id=CHILD)
        shared_family.parent.quests.get_quest_analytics(quest_id, actor_id=PARENT)
    assert [record.getMessage() for record in caplog.records if record.name == "mentorbase.quests"] == [
        "a quest was created",
        "a quest took a step",
        "a quest was moderated",
        "a quest took a step",
        "analytics were accessed: refused",
        "privacy settings were changed",
        "analytics were accessed: redacted",
    ]


def test_a_statement_that_fails_is_counted_as_it_ended(shared_family: Family) -> None:
    told: list[tuple[str, object]] = []
    observer = lambda name, _seconds, outcome: told.append((name, type(outcome)))  # noqa: E731
    observers.append(observer)
    try:
        with pytest.raises(NotFound):
            shared_family.parent.quests.recovery(PARENT)
    finally:
        observers.remove(observer)
    assert told == [("quests.recovery", NotFound)]
