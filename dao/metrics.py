"""Metrics for Prometheus: `observe` counts what this process does. Takes the extra ``mentorbase[metrics]``.

What is counted has names, results and durations, and nobody's data. The rules for alerts stand beside, in `RULES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .database import AsyncDatabase, Database
from .errors import SetupError
from .query import observers
from .quests import privacy_result

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
except ModuleNotFoundError as error:
    raise SetupError("prometheus_client is not installed", "pip install 'mentorbase[metrics]'") from error

RULES: Final = Path(__file__).with_name("alerts.yml")
"""The alerts, as a file of rules for Prometheus: pool exhausted, slow queries, attempts to violate privacy."""

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations, in seconds; a query is slow from 1 on."""


class _Pools:
    """Reads the pools of a database when Prometheus asks."""

    def __init__(self, db: Database | AsyncDatabase) -> None:
        self._db = db

    def collect(self) -> Iterable[Metric]:
        stats: dict[str, Any] = self._db.pool.get_stats()
        active = GaugeMetricFamily("database_connections_active", "Connections of the pool that are in use.")
        active.add_metric([], stats.get("pool_size", 0) - stats.get("pool_available", 0))
        exhausted = CounterMetricFamily(
            "database_pool_exhausted", "Requests for a connection that got none in time, or found too many waiting."
        )
        exhausted.add_metric([], stats.get("requests_errors", 0))
        return active, exhausted


@contextmanager
def observe(db: Database | AsyncDatabase, registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Count while the block runs, into a registry that the application exposes, as with ``start_http_server(9100)``.

    - ``database_connections_active``: a gauge;
    - ``database_pool_exhausted_total``: requests for a connection that got none;
    - ``query_duration_seconds``: a histogram by service and query, of every query of this process;
    - ``privacy_checks_total``: by result: allowed, redacted, refused, not_found;
    - ``quest_creations_total``.

    Args:
        db: whose pool is watched.
        registry: none that is observed already.
    """
    durations = Histogram(
        "query_duration_seconds", "How long a query took.", ["service", "query"], buckets=BUCKETS, registry=None
    )
    checks = Counter("privacy_checks", "Checks of a child's consent, by what they found.", ["result"], registry=None)
    creations = Counter("quest_creations", "Quests that were made.", registry=None)
    for result in ("allowed", "redacted", "refused", "not_found"):
        checks.labels(result)  # there from the beginning, so that the first one is an increase

    def count(name: str, seconds: float, outcome: Any) -> None:
        durations.labels(*name.split(".")).observe(seconds)
        if (found := privacy_result(name, outcome)) is not None:
            checks.labels(found).inc()
        elif name == "quests.create_quest" and not isinstance(outcome, Exception):
            creations.inc()

    collectors: list[Any] = [_Pools(db), durations, checks, creations]
    for collector in collectors:
        registry.register(collector)
    observers.append(count)
    try:
        yield
    finally:
        observers.remove(count)
        for collector in collectors:
            registry.unregister(collector)
