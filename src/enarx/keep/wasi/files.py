"""An open regular file as the guest sees it: a handle of some file system and a position in it.

The handle reads and writes at offsets; position, append mode and the promises of SYNC and DSYNC
are made here, so they are the same on every file system.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import os_error
from enarx.keep.wasi import abi
from enarx.keep.wasi.descriptors import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.vfs.node import Handle, Stat

RIGHTS_FILE = (
    abi.FD_DATASYNC
    | abi.FD_READ
    | abi.FD_SEEK
    | abi.FD_FDSTAT_SET_FLAGS
    | abi.FD_SYNC
    | abi.FD_TELL
    | abi.FD_WRITE
    | abi.FD_ADVISE
    | abi.FD_ALLOCATE
    | abi.FD_FILESTAT_GET
    | abi.FD_FILESTAT_SET_SIZE
    | abi.FD_FILESTAT_SET_TIMES
    | abi.POLL_FD_READWRITE
)
_MAX_OFFSET = 2**63 - 1
_DURABLE = abi.SYNC | abi.DSYNC


class FileDescriptor(Descriptor):
    """An open regular file.

    Args:
        handle: belongs to the descriptor from now on.
        rights_base: what the guest may do with it, already checked against the folder's rights.
        fdflags: APPEND, DSYNC, NONBLOCK, RSYNC, SYNC.
    """

    filetype = abi.REGULAR_FILE

    def __init__(self, handle: Handle, rights_base: int, fdflags: int = 0) -> None:
        super().__init__(rights_base, 0, fdflags)
        self._handle = handle
        self._position = 0

    def read(self, views: Sequence[memoryview]) -> int:
        """Read from the position on."""
        count = self._handle.read_at(views, self._position)
        self._position += count
        return count

    def write(self, views: Sequence[memoryview]) -> int:
        """Write at the position, or at the end in append mode."""
        if self.fdflags & abi.APPEND:
            count = self._handle.append(views)
            self._position = self._handle.size()
        else:
            count = self._handle.write_at(views, self._position)
            self._position += count
        if self.fdflags & _DURABLE:
            self._make_durable()
        return count

    def pread(self, views: Sequence[memoryview], offset: int) -> int:
        """Read at *offset*; the position stays."""
        return self._handle.read_at(views, offset)

    def pwrite(self, views: Sequence[memoryview], offset: int) -> int:
        """Write at *offset*, in append mode too, as POSIX has it; the position stays."""
        count = self._handle.write_at(views, offset)
        if self.fdflags & _DURABLE:
            self._make_durable()
        return count

    def seek(self, delta: int, whence: int) -> int:
        """Move the position; beyond the end is allowed, before the start is EINVAL."""
        if whence == abi.WHENCE_SET:
            position = delta
        elif whence == abi.WHENCE_CUR:
            position = self._position + delta
        elif whence == abi.WHENCE_END:
            position = self._handle.size() + delta
        else:
            raise os_error(errno.EINVAL)
        if not 0 <= position <= _MAX_OFFSET:
            raise os_error(errno.EINVAL)
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def stat(self) -> Stat:
        """Return the file's attributes."""
        return self._handle.stat()

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        self._handle.set_times(atim, mtim)

    def truncate(self, size: int) -> None:
        """Cut the file or extend it with zeros."""
        self._handle.truncate(size)

    def allocate(self, offset: int, length: int) -> None:
        """Make sure that a range exists; EINVAL for an empty one, EFBIG beyond 2**63."""
        if length == 0:
            raise os_error(errno.EINVAL)
        if offset + length > _MAX_OFFSET:
            raise os_error(errno.EFBIG)
        self._handle.allocate(offset, length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Pass a hint on."""
        self._handle.advise(offset, length, advice)

    def sync(self, *, data_only: bool) -> None:
        """Make contents durable, as far as the file system can."""
        self._handle.sync(data_only=data_only)

    def set_flags(self, fdflags: int) -> None:
        """Replace the flags; all of them are ours to keep, so all can change."""
        self.fdflags = fdflags

    def poll_ready(self, *, write: bool) -> int | None:
        """Files never make anyone wait; answer how many bytes are left to read."""
        return 0 if write else max(0, self._handle.size() - self._position)

    def close(self) -> None:
        """Close the handle."""
        self._handle.close()

    def _make_durable(self) -> None:
        self._handle.sync(data_only=not self.fdflags & abi.SYNC)
