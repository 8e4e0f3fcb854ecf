"""The Steward's log on SQLite: what an entry and a proof cost, however large the log is."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import BUILT
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from figures import Figure, medians

from enarx.steward.log.log import Log
from enarx.steward.records.database import open_engine, retrying
from enarx.steward.records.migrations import migrate
from enarx.transparency.leaf import Entry, salted
from enarx.transparency.proof import check

SIZES = (1, 1_000_000)
FULL = 10_000_000
BATCH = 64
"""As many decisions as the Steward commits at once."""

ROUNDS = 40
FILL = 50_000
COMPETITOR = "its SHA-256 alone"
ENTRY = Entry(
    kind="decision",
    time=1_800_000_000,
    subject="serial 01020304050607080910111213141516",
    salted_sha256=salted(bytes(32), b""),
).encode()


def log() -> Iterator[Figure]:
    """Append and proof at 1 and 10^6 entries, against the hashes that they need, and no more."""
    for size in SIZES:
        yield from _at(size)


def full() -> Iterator[Figure]:
    """The same at 10^7 entries, which takes some minutes and 2 GB."""
    yield from _at(FULL)


def _at(size: int) -> Iterator[Figure]:
    with _log_of(size) as (append, made):
        newest = range(max(0, size - BATCH), size)
        data = made.proofs([size // 2])[0]
        depth = size.bit_length()
        for what, each, hashes, work in (
            ("proof of any one", 1, depth, lambda: made.proofs([size // 2])),
            (
                f"proofs of the newest {len(newest)}",
                len(newest),
                depth,
                lambda: made.proofs(newest),
            ),
            ("check of a proof", 1, depth, lambda: _check(made, data)),
            (f"append, {BATCH} per commit", BATCH, 2, lambda: append(BATCH)),
            ("append, one per commit", 1, 2, lambda: append(1)),
        ):
            ours, theirs = medians(*_interleaved(work, each * hashes))
            yield Figure(
                what=f"{size:.0e} entries: {what}",
                unit="µs",
                ours=ours * 1e6 / each,
                theirs=theirs * 1e6 / each,
                competitor=COMPETITOR,
            )


def _check(made: Log, data: bytes) -> object:
    return check(ENTRY, data, made.origin, (made.verifier,))


def _interleaved(work: Callable[[], object], hashes: int) -> tuple[list[float], list[float]]:
    """Seconds of *work*, and of as many hashes, by turns."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        middle = time.perf_counter()
        for _ in range(hashes):
            hashlib.sha256(b"\x01" + bytes(64)).digest()
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    return ours, theirs


@contextmanager
def _log_of(size: int) -> Iterator[tuple[Callable[[int], object], Log]]:
    """A log of *size* entries on this disk, and how entries are added to it."""
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        engine = open_engine(f"sqlite:///{Path(folder).resolve()}/log.sqlite")
        migrate(engine)
        made = Log(engine, "benchmark.example/log", Ed25519PrivateKey.generate())

        def append(count: int) -> object:
            return retrying(engine, lambda connection: made.append(connection, [ENTRY] * count))

        for begin in range(0, size, FILL):
            append(min(FILL, size - begin))
        yield append, made
        engine.dispose()
