"""How often, how much, how many at once: counters that forget who has been quiet.

They live in memory: a restart of the API forgives.
"""

from __future__ import annotations

from contextlib import contextmanager

from enarx.web.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NAMES = 10_000
_MINUTE_S = 60.0


class Rate:
    """At most *most* per minute for each name, in bursts of at most as many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str, now_s: float, detail: str) -> None:
        """Count one for *name*, at a time of the monotonic clock.

        Raises:
            Problem: it was one too many.
        """
        left, then = self._buckets.pop(name, (float(self._most), now_s))
        left = min(float(self._most), left + (now_s - then) * self._most / _MINUTE_S)
        if left < 1:
            self._buckets[name] = (left, now_s)
            wait = (1 - left) * _MINUTE_S / self._most
            raise Problem("rate", detail, retry_after_s=wait)
        self._buckets[name] = (left - 1, now_s)  # at the end: the first is the longest quiet
        if len(self._buckets) > _MOST_NAMES:
            del self._buckets[next(iter(self._buckets))]


class Gauge:
    """At most *most* at once for each name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[str, int] = {}

    @property
    def total(self) -> int:
        """What all have together."""
        return sum(self._taken.values())

    def taken(self, name: str) -> int:
        """What *name* has."""
        return self._taken.get(name, 0)

    @contextmanager
    def hold(self, name: str, amount: int, detail: str) -> Iterator[None]:
        """Let *name* have *amount* more inside the block.

        Raises:
            Problem: it would have too much.
        """
        if self.taken(name) + amount > self._most:
            raise Problem("quota", detail)
        self._taken[name] = self.taken(name) + amount
        try:
            yield
        finally:
            left = self._taken[name] - amount
            if left:
                self._taken[name] = left
            else:
                del self._taken[name]
