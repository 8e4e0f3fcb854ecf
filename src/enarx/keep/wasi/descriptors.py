"""What a guest's file descriptor can be, and the table that numbers them.

A descriptor answers every operation; those it does not have fail with the number a guest
expects.  Rights are checked here, once, before the operation.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import Stat
from enarx.keep.wasi import abi
from enarx.keep.wasi.errno import NOTCAPABLE, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The default of [limits] open_files; bounds the memory a guest can make the keep spend.
MAX_DESCRIPTORS = 4096
FIRST_FREE = 3


class Descriptor:
    """The base: a descriptor that can do nothing.

    Attributes:
        filetype: WASI file type.
        fdflags: APPEND, DSYNC, NONBLOCK, RSYNC, SYNC.
        rights_base, rights_inheriting: WASI rights.
        preopen: guest path if this is a folder the guest finds at start, else None.
    """

    filetype = abi.UNKNOWN
    preopen: bytes | None = None

    def __init__(self, rights_base: int, rights_inheriting: int = 0, fdflags: int = 0) -> None:
        self.rights_base = rights_base
        self.rights_inheriting = rights_inheriting
        self.fdflags = fdflags

    def require(self, right: int) -> None:
        """Raise WasiError NOTCAPABLE unless every bit of *right* is held."""
        if self.rights_base & right != right:
            raise WasiError(NOTCAPABLE)

    def restrict(self, base: int, inheriting: int) -> None:
        """Give up rights; asking for one that is not held is NOTCAPABLE."""
        if base & ~self.rights_base or inheriting & ~self.rights_inheriting:
            raise WasiError(NOTCAPABLE)
        self.rights_base, self.rights_inheriting = base, inheriting

    def set_flags(self, fdflags: int) -> None:
        """Replace the flags; which of them can change depends on the kind."""
        if fdflags & ~(abi.APPEND | abi.NONBLOCK):
            raise OSError(errno.EINVAL, "only append and nonblock can be changed")
        self.fdflags = fdflags

    def read(self, views: Sequence[memoryview]) -> int:
        """Fill *views* in order; 0 at the end of the stream."""
        raise OSError(errno.EBADF, "not readable")

    def write(self, views: Sequence[memoryview]) -> int:
        """Take bytes from *views* in order; how many were taken."""
        raise OSError(errno.EBADF, "not writable")

    def read_one(self, view: memoryview) -> int:
        """``read`` into one buffer, perhaps empty; a kind that is read often has its own."""
        return self.read([view] if view else [])

    def write_one(self, view: memoryview) -> int:
        """``write`` from one buffer, perhaps empty."""
        return self.write([view] if view else [])

    def pread(self, views: Sequence[memoryview], offset: int) -> int:
        """Read at *offset* without moving."""
        raise OSError(errno.ESPIPE, "no offset")

    def pwrite(self, views: Sequence[memoryview], offset: int) -> int:
        """Write at *offset* without moving."""
        raise OSError(errno.ESPIPE, "no offset")

    def seek(self, delta: int, whence: int) -> int:
        """Move; the new offset."""
        raise OSError(errno.ESPIPE, "no offset")

    def tell(self) -> int:
        """The offset."""
        raise OSError(errno.ESPIPE, "no offset")

    def stat(self) -> Stat:
        """Attributes."""
        return Stat(
            dev=0, ino=id(self), filetype=self.filetype, nlink=1, size=0, atim=0, mtim=0, ctim=0
        )

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set times in ns; None leaves one."""
        raise OSError(errno.EBADF, "no times")

    def truncate(self, size: int) -> None:
        """Set the size."""
        raise OSError(errno.EBADF, "no size")

    def allocate(self, offset: int, length: int) -> None:
        """Make sure that a range exists."""
        raise OSError(errno.EBADF, "no size")

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Take a hint about use."""
        raise OSError(errno.EBADF, "no offset")

    def sync(self, *, data_only: bool) -> None:
        """Make contents durable, as far as the thing behind can."""
        raise OSError(errno.EINVAL, "cannot be synchronised")

    def readdir(self, cookie: int) -> Iterator[tuple[bytes, int, int, int]]:
        """(name, inode, file type, next cookie) of each entry from *cookie* on."""
        raise OSError(errno.ENOTDIR, "not a directory")

    def accept(self, fdflags: int) -> Descriptor:
        """The next connection."""
        raise OSError(errno.ENOTSOCK, "not a socket")

    def recv(self, views: Sequence[memoryview], riflags: int) -> tuple[int, int]:
        """Receive: number of bytes, roflags."""
        raise OSError(errno.ENOTSOCK, "not a socket")

    def send(self, views: Sequence[memoryview]) -> int:
        """Send: number of bytes."""
        raise OSError(errno.ENOTSOCK, "not a socket")

    def shutdown(self, how: int) -> None:
        """End one or both directions."""
        raise OSError(errno.ENOTSOCK, "not a socket")

    def poll_ready(self, *, write: bool) -> int | None:
        """Bytes (or 0) if known to be ready without asking the host, else None."""
        return 0

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """(host descriptor, poll mask) of all that can make this ready."""
        return ()

    def poll_fired(self, *, write: bool) -> int | None:
        """Called when one of ``poll_interest`` has something: bytes (or 0) if ready now.

        None where what came was not yet for the guest, such as a part of a handshake.
        """
        return 0

    def close(self) -> None:
        """Release what is behind; called once."""


class DescriptorTable:
    """Numbers to descriptors.

    A number that was never opened or is closed is EBADF.
    """

    def __init__(self, limit: int = MAX_DESCRIPTORS) -> None:
        self._table: dict[int, Descriptor] = {}
        self._limit = limit
        self._lowest = FIRST_FREE  # no number from 3 up to here is free
        # The hot path's look-up: a bound method costs less than a method of our own.
        self.find = self._table.get

    def get(self, fd: int) -> Descriptor:
        """The descriptor numbered *fd*."""
        found = self._table.get(fd)
        if found is None:
            raise OSError(errno.EBADF, f"descriptor {fd} is not open")
        return found

    def place(self, fd: int, descriptor: Descriptor) -> None:
        """Number a descriptor before the guest starts."""
        self._table[fd] = descriptor

    def require_room(self) -> None:
        """EMFILE if there is no number left: ask before anything is opened or taken."""
        if len(self._table) >= self._limit:
            raise OSError(errno.EMFILE, "too many open descriptors")

    def insert(self, descriptor: Descriptor) -> int:
        """Give the lowest free number from 3 on; EMFILE when there are too many."""
        self.require_room()
        fd = self._lowest
        while fd in self._table:
            fd += 1
        self._table[fd] = descriptor
        self._lowest = fd + 1
        return fd

    def renumber(self, source: int, target: int) -> None:
        """Move *source* onto *target*, which must be open and is closed."""
        moving, replaced = self.get(source), self.get(target)
        if source == target:
            return
        self._remove(source)
        self._table[target] = moving
        replaced.close()

    def close(self, fd: int) -> None:
        """Close one."""
        closing = self.get(fd)
        self._remove(fd)
        closing.close()

    def close_all(self) -> None:
        """Close every one, at the end of the run; failures there have nobody to hear them."""
        for descriptor in self._table.values():
            try:
                descriptor.close()
            except OSError:
                continue
        self._table.clear()

    def _remove(self, fd: int) -> None:
        del self._table[fd]
        if FIRST_FREE <= fd < self._lowest:
            self._lowest = fd

    def __len__(self) -> int:
        return len(self._table)
