"""What can be counted, for Prometheus; no workload, no key and no address has a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from enarx.web import counters

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one process; they begin at zero with it."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = counters.requests("steward", registry)
        self.seconds = counters.seconds("steward", registry)
        self.decisions = Counter(
            "enarx_steward_decisions",
            "Decisions, by what was asked for, platform and result.",
            ("purpose", "platform", "result"),
            registry=registry,
        )

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)
