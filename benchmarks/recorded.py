"""Evidence recorded on real machines, for benchmarks whose competitors accept nothing else.

It is not part of this repository: ``ENARX_SHARED`` names the folder that has it, by default a
sibling of the work tree.  Without it these benchmarks are skipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bench import HERE
from figures import Skipped

from enarx.adapters.endorsement_directory import load
from enarx.tee.endorsements import Endorsements

BATCH_S = 0.3
"""One timed batch; batches of both sides take turns."""


@dataclass(frozen=True)
class Recorded:
    """One recorded piece of evidence, what it needs, and when it was valid."""

    folder: Path
    file: str
    collateral: str
    now: datetime

    @cached_property
    def data(self) -> bytes:
        """The evidence."""
        return (self.folder / self.file).read_bytes()

    @cached_property
    def endorsements(self) -> Endorsements:
        """The certificates and collateral beside it."""
        return load(str(self.folder / self.collateral)).endorsements

    @property
    def at(self) -> int:
        """``now`` in seconds since 1970."""
        return int(self.now.timestamp())


def recorded(name: str, file: str, now: str, collateral: str = "") -> Recorded:
    """The vector *name*, verified as of *now*."""
    root = Path(os.environ.get("ENARX_SHARED") or HERE.parent.parent / "shared") / "vectors"
    if not (root / name).is_dir():
        raise Skipped("no recorded evidence beside the work tree (set ENARX_SHARED)")
    return Recorded(root / name, file, collateral, datetime.fromisoformat(now).astimezone(UTC))


def rate(action: Callable[[], object]) -> Callable[[], float]:
    """A function that measures how often *action* runs in a second."""

    def measure() -> float:
        count, begin = 0, time.perf_counter()
        while (taken := time.perf_counter() - begin) < BATCH_S:
            action()
            count += 1
        return count / taken

    return measure
