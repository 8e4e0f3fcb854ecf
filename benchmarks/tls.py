"""TLS that ends in a keep, against the same TLS library in plain Python without a keep."""

from __future__ import annotations

from collections.abc import Iterator

from bench import alternate
from figures import Figure, at_least, medians
from servers import ask, in_keep, tls_alone

ROUNDS = 5
REQUESTS = 6_000
STREAM_BYTES = 1 << 28
COMPETITOR = "pyOpenSSL alone"


def tls() -> Iterator[Figure]:
    """TLS 1.3 through the keep: 256 MiB each way, then requests over one connection."""
    with in_keep(0, tls=True) as ours, tls_alone(0) as theirs:
        for what, count, core, scale, text, unit in (
            ("in", STREAM_BYTES, 1, 1e6, "into the guest", "MB/s"),
            ("out", STREAM_BYTES, 1, 1e6, "out of the guest", "MB/s"),
            ("http", REQUESTS, 0, 1, "requests, one core", "/s"),
        ):
            columns = alternate(
                ROUNDS,
                *(
                    lambda port=port, what=what, count=count, core=core, scale=scale: (
                        ask(port, what, count, core, tls=True)[0] / scale
                    )
                    for port in (ours, theirs)
                ),
            )
            mine, native = medians(*columns)
            yield Figure(
                what=text,
                unit=unit,
                ours=mine,
                theirs=native,
                competitor=COMPETITOR,
                budget=at_least(0.8),
            )
