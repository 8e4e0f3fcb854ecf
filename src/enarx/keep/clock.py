"""The keep's wall clock: the host's, which is believed only as far as it cannot do harm.

A host could set its clock back to make an old certificate good again.  The keep's time never goes
back, and is never earlier than what its owner's clock said when the package was sealed.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NS_PER_S = 1_000_000_000


class Clock:
    """Time that only goes forward.

    Args:
        not_before_s: the earliest that it says, in seconds since 1970.
        host_ns: the host's, in nanoseconds since 1970.
    """

    __slots__ = ("_host_ns", "_last")

    def __init__(self, not_before_s: int = 0, host_ns: Callable[[], int] = time.time_ns) -> None:
        self._host_ns = host_ns
        self._last = not_before_s * _NS_PER_S

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        now = self._host_ns()
        if now < self._last:
            return self._last
        self._last = now
        return now

    def now_s(self) -> float:
        """Seconds since 1970."""
        return self.now_ns() / _NS_PER_S
