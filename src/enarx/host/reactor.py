"""One thread, many descriptors: calls back what became ready, what is due, what was posted.

Callbacks never block and may be called once too often: whoever reads or writes must take
"would block" for an answer.  It knows nothing of keeps.
"""

from __future__ import annotations

import heapq
import os
import select
import time
from collections import deque

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


class Reactor:
    """Waits for descriptors, timers and posts; ``once`` is one round."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._wake: _Wake | None = _Wake()
        self.watch(self._wake.fd, select.POLLIN, self._run_posted)

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        """Call *callback* with the poll events of *fd*, which replaces an earlier watch.

        Errors and hang-ups are reported whatever *mask* says.
        """
        self._poll.register(fd, mask)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Stop watching *fd*, before it is closed; unknown descriptors are ignored."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call *callback* once after *delay_s* seconds."""
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def post(self, callback: Callable[[], None]) -> None:
        """Call *callback* in the reactor's thread; the only method for other threads.

        Nothing happens once the reactor is closed: whoever was to be told is gone.
        """
        self._posted.append(callback)
        wake = self._wake  # as long as it is held here, its descriptor stays open
        if wake is not None:
            os.eventfd_write(wake.fd, 1)

    def once(self, timeout_s: float | None = None) -> None:
        """Wait until something happens, or for *timeout_s*, and call what is concerned."""
        for fd, events in self._poll.poll(self._patience(timeout_s)):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback(events)
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()

    def close(self) -> None:
        """Give the reactor's own descriptor back; it must not be used afterwards."""
        if self._wake is not None:
            self.forget(self._wake.fd)
            self._wake = None

    def _patience(self, timeout_s: float | None) -> float | None:
        """Milliseconds to wait: until the first live timer, at most *timeout_s*."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if self._timers:
            left = max(0.0, self._timers[0].due - time.monotonic())
            timeout_s = left if timeout_s is None else min(left, timeout_s)
        return None if timeout_s is None else timeout_s * 1000 + 1

    def _run_posted(self, _events: int) -> None:
        if self._wake is not None:
            os.eventfd_read(self._wake.fd)
        while self._posted:
            self._posted.popleft()()


class _Wake:
    """A descriptor that is closed when nobody holds it any more, in whatever thread."""

    __slots__ = ("fd",)

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self) -> None:
        os.close(self.fd)
