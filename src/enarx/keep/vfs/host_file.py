"""Regular files of a host folder, and their open handles."""

from __future__ import annotations

import errno
import os
import stat

from enarx.keep.vfs.host_node import Mount, Named, stat_of, times_for
from enarx.keep.vfs.kernel import require_storage
from enarx.keep.vfs.node import File, Handle, Stat, os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# O_NONBLOCK: should the name lead to a FIFO by now, opening it must not hang.
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_CREAT | os.O_EXCL
_MODE = 0o666  # less the umask, as every program makes its files
# WASI numbers sequential and random the other way round.
_ADVICE = (
    os.POSIX_FADV_NORMAL,
    os.POSIX_FADV_SEQUENTIAL,
    os.POSIX_FADV_RANDOM,
    os.POSIX_FADV_WILLNEED,
    os.POSIX_FADV_DONTNEED,
    os.POSIX_FADV_NOREUSE,
)


class HostFile(Named, File):
    """A regular file in a host folder."""

    __slots__ = ()

    def open(self, *, read: bool, write: bool, truncate: bool = False) -> HostHandle:
        """Open the file; EACCES if the name leads to something else by now."""
        if write or truncate:
            self.directory.mount.require_writable()
        return open_file(self, read=read, write=write, truncate=truncate)


def open_file(file: HostFile, *, read: bool, write: bool, truncate: bool) -> HostHandle:
    """Open *file*, and cut it if asked; Linux ignores O_TRUNC for all but regular files."""
    flags = _access(read=read, write=write) | (os.O_TRUNC if truncate else 0)
    handle = _open(file, flags)
    try:
        _require_regular(handle, file.directory.device)
    except BaseException:
        handle.close()
        raise
    return handle


def create_file(file: HostFile, *, read: bool, write: bool) -> HostHandle:
    """Make *file*, which must not exist, and open it."""
    return _open(file, _access(read=read, write=write) | _CREATE)


class HostHandle(Handle):
    """An open regular file of a host folder.

    It does not keep the folder: each open file costs one descriptor of the keep, not two.
    """

    __slots__ = ("_mount", "fd")

    def __init__(self, mount: Mount, fd: int) -> None:
        self._mount = mount
        self.fd = fd

    def __del__(self) -> None:
        self.close()

    def stat(self) -> Stat:
        """Return the attributes of the open file."""
        return stat_of(os.fstat(self.fd))

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        self._mount.require_writable()
        os.utime(self.fd, ns=times_for(os.fstat(self.fd), atim, mtim))

    def size(self) -> int:
        """Return the file's size in bytes."""
        return os.fstat(self.fd).st_size

    def read_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Fill *views* from *offset* on."""
        return os.preadv(self.fd, views, offset)

    def write_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Write *views* at *offset*."""
        return os.pwritev(self.fd, views, offset)

    def append(self, views: Sequence[memoryview]) -> int:
        """Write *views* at what is the end at that moment."""
        return os.pwritev(self.fd, views, 0, os.RWF_APPEND)

    def truncate(self, size: int) -> None:
        """Cut or extend the file."""
        os.ftruncate(self.fd, size)

    def allocate(self, offset: int, length: int) -> None:
        """Reserve the bytes on the host's disk."""
        os.posix_fallocate(self.fd, offset, length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Pass the advice on."""
        os.posix_fadvise(self.fd, offset, length, _ADVICE[advice])

    def sync(self, *, data_only: bool) -> None:
        """Return when what was written is on the host's disk."""
        if data_only:
            os.fdatasync(self.fd)
        else:
            os.fsync(self.fd)

    def close(self) -> None:
        """End the use of the handle."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def _access(*, read: bool, write: bool) -> int:
    """Return the access mode; a file opened for neither can still be asked for its attributes."""
    if write:
        return os.O_RDWR if read else os.O_WRONLY
    return os.O_RDONLY


def _open(file: HostFile, flags: int) -> HostHandle:
    """Open by name in the file's directory; a link that took its place is ELOOP."""
    fd = os.open(file.name, flags | _FLAGS, _MODE, dir_fd=file.directory.fd)
    return HostHandle(file.directory.mount, fd)


def _require_regular(handle: HostHandle, device: int) -> None:
    """Raise EACCES if the name led to a device, a FIFO, or a control of the kernel, by now."""
    about = os.fstat(handle.fd)
    if not stat.S_ISREG(about.st_mode):
        raise os_error(errno.EACCES)
    if about.st_dev != device:
        require_storage(handle.fd)
