"""What the owner sends to the application's standard input, on its way there.

The channel's credit bounds it: nobody may send more than is granted, and what has gone into the
pipe is granted anew.
"""

from __future__ import annotations

import errno
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.agent.loop import Loop

WINDOW = 256 * 1024
"""Bytes that may be under way to the application."""


class Input:
    """The pipe to the application's standard input.

    Args:
        fd: our end, non-blocking, owned from here on.
        moved: called with the number of bytes that have left, whether the application took them
            or nobody ever will.

    Attributes:
        ended: the end was sent; no more may come.
        waiting: bytes that are still here.
    """

    __slots__ = ("_fd", "_loop", "_moved", "_queue", "ended")

    def __init__(self, loop: Loop, fd: int, moved: Callable[[int], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._moved = moved
        self._queue = bytearray()
        self.ended = False

    @property
    def waiting(self) -> int:
        """Bytes that are still here."""
        return len(self._queue)

    def write(self, data: bytes) -> None:
        """Send *data*; the caller has seen that no more than ``WINDOW`` is waiting."""
        self._queue += data
        self._pump()

    def end(self) -> None:
        """Send the end, after what is waiting."""
        self.ended = True
        self._pump()

    def close(self) -> None:
        """Drop what is waiting."""
        if self._fd >= 0:
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = -1
        dropped = len(self._queue)
        self._queue[:] = bytes(dropped)
        self._queue.clear()
        if dropped:
            self._moved(dropped)

    def _pump(self) -> None:
        if self._fd < 0:
            self.close()
            return
        while self._queue:
            try:
                sent = os.write(self._fd, self._queue)
            except BlockingIOError:
                self._loop.watch(self._fd, select.POLLOUT, lambda _: self._pump())
                return
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                self.close()  # the application has closed it, or is gone
                return
            del self._queue[:sent]
            self._moved(sent)
        self._loop.forget(self._fd)
        if self.ended:
            self.close()
