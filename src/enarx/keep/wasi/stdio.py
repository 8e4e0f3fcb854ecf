"""Standard streams, and the descriptor that is nothing.

The host's own pipe, file or terminal is behind a standard stream; whether it is one of these
is told to the guest only as "a character device", which is how C programs know a terminal.
"""

from __future__ import annotations

import errno
import os
import select
import stat

from enarx.keep.wasi import abi
from enarx.keep.wasi.descriptors import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Null(Descriptor):
    """Reads nothing and swallows everything: ``kind = "null"``, and unset standard streams."""

    filetype = abi.CHARACTER_DEVICE

    def __init__(self) -> None:
        super().__init__(abi.RIGHTS_NULL)

    def read(self, views: Sequence[memoryview]) -> int:
        """The end, at once."""
        return 0

    def write(self, views: Sequence[memoryview]) -> int:
        """All of it."""
        return sum(map(len, views))

    def sync(self, *, data_only: bool) -> None:
        """Nothing to do."""


class Stdio(Descriptor):
    """One of the host's standard streams.

    Attributes:
        broken: whether the reader of an output stream has gone away.
    """

    def __init__(self, fd: int, *, writable: bool) -> None:
        super().__init__(abi.RIGHTS_STDOUT if writable else abi.RIGHTS_STDIN)
        self._fd = fd
        self._writable = writable
        self.broken = False
        mode = os.fstat(fd).st_mode
        if stat.S_ISCHR(mode):
            self.filetype = abi.CHARACTER_DEVICE
        elif stat.S_ISREG(mode):
            self.filetype = abi.REGULAR_FILE

    def read(self, views: Sequence[memoryview]) -> int:
        """Read; blocks unless the guest asked for non-blocking."""
        if self._writable:
            raise OSError(errno.EBADF, "an output stream")
        if not views:
            return 0
        if self.fdflags & abi.NONBLOCK and not self._has_input():
            raise BlockingIOError(errno.EAGAIN, "nothing to read")
        return os.readv(self._fd, views)

    def write(self, views: Sequence[memoryview]) -> int:
        """Write; blocks, also where the host's end is a non-blocking pipe."""
        if not self._writable:
            raise OSError(errno.EBADF, "an input stream")
        if not views:
            return 0
        while True:
            try:
                return os.writev(self._fd, views)
            except BlockingIOError:
                if self.fdflags & abi.NONBLOCK:
                    raise
                self._wait()
            except BrokenPipeError:
                self.broken = True
                raise

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        poller.poll()

    def sync(self, *, data_only: bool) -> None:
        """Nothing is buffered here."""

    def _has_input(self) -> bool:
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        return bool(poller.poll(0))

    def poll_ready(self, *, write: bool) -> int | None:
        """Only the host knows."""
        return None

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """The host's descriptor."""
        return ((self._fd, select.POLLOUT if write else select.POLLIN),)
