"""What can be counted, for Prometheus; no tenant, no keep and no payload has a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from enarx.protocol.states import ENDS, STATES
from enarx.web import counters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one API process; they begin at zero with it."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = counters.requests("host", registry)
        self.seconds = counters.seconds("host", registry)
        self.envelopes = Counter(
            "enarx_host_envelopes", "Envelopes by result.", ("result",), registry=registry
        )
        self.ends = Counter(
            "enarx_host_keeps_ended", "Keeps ended, by state.", ("state",), registry=registry
        )
        self.channel_bytes = Counter(
            "enarx_host_channel_bytes", "Bytes relayed.", ("direction",), registry=registry
        )
        self.channels = Gauge("enarx_host_channels", "Channels open.", registry=registry)
        self._keeps = Gauge(
            "enarx_host_keeps", "Keeps that may live, by state.", ("state",), registry=registry
        )
        self._keeper = Gauge("enarx_host_keeper_up", "The keeper is there.", registry=registry)

    def text(self, keeps: Mapping[str, int], *, keeper: bool) -> bytes:
        """The exposition, with what is true now."""
        for state in STATES:
            if state not in ENDS or keeps.get(state):
                self._keeps.labels(state).set(keeps.get(state, 0))
        self._keeper.set(keeper)
        return generate_latest(self._registry)
