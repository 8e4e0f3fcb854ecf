"""What every service counts of its requests, for Prometheus."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Counters(Protocol):
    """What the outermost layer counts with."""

    @property
    def requests(self) -> Counter:
        """Requests answered, by method, route and status."""
        ...

    @property
    def seconds(self) -> Histogram:
        """How long answers took, by route."""
        ...


def requests(service: str, registry: CollectorRegistry) -> Counter:
    """The counter of requests of *service* ("host")."""
    labels = ("method", "route", "status")
    return Counter(f"enarx_{service}_requests", "Requests answered.", labels, registry=registry)


def seconds(service: str, registry: CollectorRegistry) -> Histogram:
    """The histogram of the answers' times of *service*."""
    return Histogram(
        f"enarx_{service}_request_seconds",
        "How long answers took.",
        ("route",),
        buckets=SECONDS,
        registry=registry,
    )
