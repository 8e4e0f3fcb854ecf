"""One thread, many descriptors, some timers: the loop that a keep's agent lives in.

Callbacks never block, and may be called once too often: whoever reads or writes must take "would
block" for an answer.  Callbacks of one round see each other's effects, so one that was forgotten
meanwhile is not called.
"""

from __future__ import annotations

import heapq
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """A callback that is due at a time of the monotonic clock, until cancelled."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due

    def cancel(self) -> None:
        """Never call back."""
        self.callback = None


class Loop:
    """Waits for descriptors and timers until ``stop``."""

    __slots__ = ("_callbacks", "_masks", "_poll", "_stopped", "_timers")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._masks: dict[int, int] = {}
        self._timers: list[Timer] = []
        self._stopped = False

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        """Call *callback* with the poll events of *fd*, which replaces an earlier watch.

        Errors and hang-ups are reported whatever *mask* says.
        """
        if self._masks.get(fd) != mask:
            self._poll.register(fd, mask)
            self._masks[fd] = mask
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Stop watching *fd*, before it is closed; unknown descriptors are ignored."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)
            del self._masks[fd]

    def later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call *callback* once after *delay_s* seconds."""
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def stop(self) -> None:
        """Return from ``run`` after this round."""
        self._stopped = True

    def run(self) -> None:
        """Go on until ``stop``."""
        while not self._stopped:
            for fd, events in self._poll.poll(self._patience()):
                callback = self._callbacks.get(fd)
                if callback is not None:
                    callback(events)
            now = time.monotonic()
            while self._timers and self._timers[0].due <= now:
                timer = heapq.heappop(self._timers)
                if timer.callback is not None:
                    timer.callback()

    def _patience(self) -> float | None:
        """Milliseconds to wait: until the first live timer, for ever without one."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0].due - time.monotonic()) * 1000 + 1
