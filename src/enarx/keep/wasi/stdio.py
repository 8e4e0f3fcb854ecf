"""Standard streams, and the descriptor that is nothing.

The host's own pipe, file or terminal is behind a standard stream; whether it is one of these
is told to the guest only as "a character device", which is how C programs know a terminal.
"""

from __future__ import annotations

import errno
import os
import select
import stat

from enarx.keep.vfs.node import Stat
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
            self.rights_base |= abi.FD_SEEK | abi.FD_TELL

    def read(self, views: Sequence[memoryview]) -> int:
        """Read; blocks unless the guest asked for non-blocking, whatever the host's end does."""
        if self._writable:
            raise OSError(errno.EBADF, "an output stream")
        if not views:
            return 0
        if self.fdflags & abi.NONBLOCK and not self._wait(select.POLLIN, 0):
            raise BlockingIOError(errno.EAGAIN, "nothing to read")
        while True:
            try:
                return os.readv(self._fd, views)
            except BlockingIOError:
                if self.fdflags & abi.NONBLOCK:
                    raise
                self._wait(select.POLLIN)

    def write(self, views: Sequence[memoryview]) -> int:
        """Write; blocks unless the guest asked for non-blocking, whatever the host's end does."""
        if not self._writable:
            raise OSError(errno.EBADF, "an input stream")
        if not views:
            return 0
        if self.fdflags & abi.NONBLOCK:
            if not self._wait(select.POLLOUT, 0):
                raise BlockingIOError(errno.EAGAIN, "no room")
            views = _first(views, select.PIPE_BUF)
        while True:
            try:
                return os.writev(self._fd, views)
            except BlockingIOError:
                if self.fdflags & abi.NONBLOCK:
                    raise
                self._wait(select.POLLOUT)
            except BrokenPipeError:
                self.broken = True
                raise

    def pread(self, views: Sequence[memoryview], offset: int) -> int:
        """Read at *offset*, where a file is behind the stream."""
        return os.preadv(self._fd, views, offset) if views else 0

    def pwrite(self, views: Sequence[memoryview], offset: int) -> int:
        """Write at *offset*, where a file is behind the stream."""
        return os.pwritev(self._fd, views, offset) if views else 0

    def seek(self, delta: int, whence: int) -> int:
        """Move, where a file is behind the stream."""
        return os.lseek(self._fd, delta, whence)

    def tell(self) -> int:
        """The offset, where a file is behind the stream."""
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def stat(self) -> Stat:
        """Size and times of a file behind the stream; of anything else, nothing is told."""
        if self.filetype != abi.REGULAR_FILE:
            return super().stat()
        about = os.fstat(self._fd)
        return Stat(
            dev=0,
            ino=self._fd,
            filetype=self.filetype,
            nlink=1,
            size=about.st_size,
            atim=about.st_atime_ns,
            mtim=about.st_mtime_ns,
            ctim=about.st_ctime_ns,
        )

    def sync(self, *, data_only: bool) -> None:
        """Nothing is buffered here."""

    def _wait(self, mask: int, timeout_ms: int | None = None) -> bool:
        poller = select.poll()
        poller.register(self._fd, mask)
        return bool(poller.poll(timeout_ms))

    def poll_ready(self, *, write: bool) -> int | None:
        """Only the host knows."""
        return None

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """The host's descriptor."""
        return ((self._fd, select.POLLOUT if write else select.POLLIN),)


def _first(views: Sequence[memoryview], most: int) -> list[memoryview]:
    """At most *most* bytes: what a pipe that is ready takes without blocking (pipe(7))."""
    taken = []
    for view in views:
        if most <= 0:
            break
        taken.append(view[:most])
        most -= len(view)
    return taken
