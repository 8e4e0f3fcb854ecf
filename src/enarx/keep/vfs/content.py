"""Regular files in memory: their bytes, and the handles that read and write them.

Reads and writes are the hot path of every application that uses files, so each view costs one
copy and nothing is allocated for the whole.  Reading leaves the access time alone, as a file
system mounted ``noatime`` does: a clock reading for each read would serve nobody.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import File, Handle, Stat, os_error
from enarx.keep.vfs.tree import Inode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.vfs.tree import Tree

# Up to this many bytes, slicing a bytearray (a copy) is cheaper than a view of it; measured.
_SMALL = 4096
# A growing file takes its zeros in pieces, so that a hole does not need its size twice.
_ZEROS = bytes(1 << 16)


class MemoryFile(Inode, File):
    """A file's bytes and attributes.

    In a frozen tree ``data`` is a view of the package's own bytes, which cannot be written even by
    a mistake of ours.
    """

    __slots__ = ("data", "opened")

    def __init__(self, tree: Tree, data: bytearray | memoryview) -> None:
        super().__init__(tree, len(data))
        self.data = data
        self.opened = 0

    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.data)

    def open(self, *, read: bool, write: bool, truncate: bool = False) -> MemoryHandle:
        """Open the file; EROFS to write or truncate in a frozen tree."""
        if write or truncate:
            self.tree.require_writable()
        handle = MemoryHandle(self, read=read, write=write)
        if truncate:
            self.resize(0)
        return handle

    def forget(self) -> None:
        """Give the bytes back to the quota once there is neither a name nor a handle."""
        if self.nlink == 0 and self.opened == 0:
            super().forget()
            self.data = bytearray()

    def resize(self, size: int) -> None:
        """Cut or extend with zeros; ENOSPC beyond the quota."""
        data = self._writable()
        if size > len(data):
            self._grow(data, size, memoryview(b""))
        else:
            self.tree.release(len(data) - size)
            del data[size:]
        self.touch()

    def write(self, view: memoryview, offset: int) -> int:
        """Put *view* at *offset* and return its length; ENOSPC beyond the quota."""
        data = self._writable()
        have = len(data)
        end = offset + len(view)
        if end <= have:
            memoryview(data)[offset:end] = view
        elif offset < have:
            self._grow(data, have, view[have - offset :])
            memoryview(data)[offset:have] = view[: have - offset]
        else:
            self._grow(data, offset, view)
        return len(view)

    def _grow(self, data: bytearray, start: int, view: memoryview) -> None:
        """Extend *data* with zeros up to *start*, then with *view*; ENOSPC, and nothing changed."""
        have = len(data)
        growth = start - have + len(view)
        self.tree.charge(growth)
        try:
            _extend(data, start - have)
            data += view
        except MemoryError as e:
            # A quota can be larger than the memory the keep really has.
            del data[have:]
            self.tree.release(growth)
            raise os_error(errno.ENOSPC) from e

    def _writable(self) -> bytearray:
        """Return the bytes if they may change."""
        if not isinstance(self.data, bytearray):
            raise os_error(errno.EROFS)
        return self.data


class MemoryHandle(Handle):
    """An open file of a memory tree."""

    __slots__ = ("_closed", "_read", "_write", "file")

    def __init__(self, file: MemoryFile, *, read: bool, write: bool) -> None:
        self.file = file
        self._read = read
        self._write = write
        self._closed = False
        file.opened += 1

    def stat(self) -> Stat:
        """Return the attributes of the open file."""
        return self.file.stat()

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        self.file.set_times(atim, mtim)

    def size(self) -> int:
        """Return the file's size in bytes."""
        return len(self.file.data)

    def read_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Fill *views* from *offset* on; return the bytes read."""
        if not self._read:
            raise os_error(errno.EBADF)
        data = self.file.data
        size = len(data)
        at = offset
        for view in views:
            end = at + len(view)
            if end > size:
                if at < size:
                    view[: size - at] = data[at:]
                    at = size
                break
            if end - at <= _SMALL:
                view[:] = data[at:end]
            else:
                view[:] = memoryview(data)[at:end]
            at = end
        return at - offset

    def write_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Write *views* at *offset*; short when the quota ends in between, ENOSPC if at once."""
        if not self._write:
            raise os_error(errno.EBADF)
        file = self.file
        at = offset
        for view in views:
            if len(view):
                try:
                    at += file.write(view, at)
                except OSError:
                    if at == offset:
                        raise
                    break
        if at != offset:
            file.touch()
        return at - offset

    def append(self, views: Sequence[memoryview]) -> int:
        """Write *views* at the end."""
        return self.write_at(views, len(self.file.data))

    def truncate(self, size: int) -> None:
        """Cut or extend the file; EINVAL if it is not open for writing, as Linux has it."""
        if not self._write:
            raise os_error(errno.EINVAL)
        self.file.resize(size)

    def allocate(self, offset: int, length: int) -> None:
        """Grow the file to ``offset + length`` if it is shorter."""
        if not self._write:
            raise os_error(errno.EBADF)
        if offset + length > len(self.file.data):
            self.file.resize(offset + length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Ignore the advice: the bytes are in memory already."""

    def sync(self, *, data_only: bool) -> None:
        """Do nothing: memory does not survive the keep, and nobody was promised so."""

    def close(self) -> None:
        """End the use of the handle."""
        if not self._closed:
            self._closed = True
            self._read = self._write = False
            self.file.opened -= 1
            if self.file.nlink == 0:
                self.file.forget()


def _extend(data: bytearray, count: int) -> None:
    """Append *count* zeros."""
    while count >= len(_ZEROS):
        data += _ZEROS
        count -= len(_ZEROS)
    data += _ZEROS[:count]
