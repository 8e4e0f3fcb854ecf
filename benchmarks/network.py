"""Plain TCP through a keep, against the same server compiled for this machine.

Ping and keep-alive run client and servers on one core, because across cores the machine's wake-ups
are measured instead; streams use one core for each side.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench import alternate
from figures import Figure, at_least, at_most, medians
from servers import alone, ask, in_keep

ROUNDS = 5
PINGS = 20_000
REQUESTS = 20_000
STREAM_BYTES = 1 << 30
COMPETITOR = "native C"


def ping() -> Iterator[Figure]:
    """Guest TCP ping: one byte there and back, all on one core."""
    with in_keep(0) as ours, alone(0) as theirs:
        for how, text in (("ping", "blocking, median"), ("poll", "by a loop of poll(), median")):
            columns = alternate(
                ROUNDS,
                lambda how=how: ask(ours, how, PINGS, 0)[0] / 1e3,
                lambda how=how: ask(theirs, how, PINGS, 0)[0] / 1e3,
            )
            mine, native = medians(*columns)
            yield Figure(
                what=text,
                unit="µs",
                ours=mine,
                theirs=native,
                competitor=COMPETITOR,
                native=True,
                budget=at_most(12, "µs") if how == "ping" else None,
            )


def keep_alive() -> Iterator[Figure]:
    """Guest HTTP/1.1 keep-alive: requests over one connection, all on one core."""
    with in_keep(0) as ours, alone(0) as theirs:
        columns = alternate(
            ROUNDS,
            lambda: ask(ours, "http", REQUESTS, 0)[0],
            lambda: ask(theirs, "http", REQUESTS, 0)[0],
        )
    mine, native = medians(*columns)
    yield Figure(
        what="requests",
        unit="/s",
        ours=mine,
        theirs=native,
        competitor=COMPETITOR,
        budget=at_least(0.65),
    )


def streaming() -> Iterator[Figure]:
    """Guest streaming: 1 GiB in 64 KiB pieces, server and client on a core each."""
    with in_keep(0) as ours, alone(0) as theirs:
        for what, text in (("in", "into the guest"), ("out", "out of the guest")):
            columns = alternate(
                ROUNDS,
                lambda what=what: ask(ours, what, STREAM_BYTES, 1)[0] / 1e9,
                lambda what=what: ask(theirs, what, STREAM_BYTES, 1)[0] / 1e9,
            )
            mine, native = medians(*columns)
            yield Figure(
                what=text,
                unit="GB/s",
                ours=mine,
                theirs=native,
                competitor=COMPETITOR,
                native=True,
                budget=at_least(1, "GB/s"),
            )
