"""What is common to the nodes of a host mount: the mount, and access by name."""

from __future__ import annotations

import errno
import os
import stat

from enarx.keep.vfs.node import (
    FILETYPE_BLOCK_DEVICE,
    FILETYPE_CHARACTER_DEVICE,
    FILETYPE_DIRECTORY,
    FILETYPE_REGULAR_FILE,
    FILETYPE_SOCKET_STREAM,
    FILETYPE_SYMBOLIC_LINK,
    FILETYPE_UNKNOWN,
    Node,
    Stat,
    os_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.vfs.host import HostDirectory

_LATEST = 2**64 - 1  # nanoseconds; some file systems can store later times than WASI can tell
_FILETYPES = {
    stat.S_IFBLK: FILETYPE_BLOCK_DEVICE,
    stat.S_IFCHR: FILETYPE_CHARACTER_DEVICE,
    stat.S_IFDIR: FILETYPE_DIRECTORY,
    stat.S_IFREG: FILETYPE_REGULAR_FILE,
    stat.S_IFSOCK: FILETYPE_SOCKET_STREAM,
    stat.S_IFLNK: FILETYPE_SYMBOLIC_LINK,
}


class Mount:
    """What all nodes of one host mount share.

    Nodes of two mounts never mix, even if they are on one file system of the host: a hard link
    from a read-only mount into a writable one would make the file writable.
    """

    __slots__ = ("writable",)

    def __init__(self, *, writable: bool) -> None:
        self.writable = writable

    def require_writable(self) -> None:
        """Raise EROFS if the mount is read-only."""
        if not self.writable:
            raise os_error(errno.EROFS)


class Named(Node):
    """A node known by its name in an open directory, not by a descriptor of its own."""

    __slots__ = ("directory", "name")

    def __init__(self, directory: HostDirectory, name: bytes) -> None:
        self.directory = directory
        self.name = name

    def stat(self) -> Stat:
        """Return the attributes of what has the name now."""
        return stat_of(self.directory.status(self.name))

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        self.directory.mount.require_writable()
        times = times_for(self.directory.status(self.name), atim, mtim)
        os.utime(self.name, ns=times, dir_fd=self.directory.fd, follow_symlinks=False)


def filetype_of(mode: int) -> int:
    """Return WASI's file type for the *mode* of a file."""
    return _FILETYPES.get(stat.S_IFMT(mode), FILETYPE_UNKNOWN)


def stat_of(about: os.stat_result) -> Stat:
    """Return what the kernel said as a ``Stat``."""
    return Stat(
        dev=about.st_dev,
        ino=about.st_ino,
        filetype=filetype_of(about.st_mode),
        nlink=about.st_nlink,
        size=about.st_size,
        atim=min(about.st_atime_ns, _LATEST),
        mtim=min(about.st_mtime_ns, _LATEST),
        ctim=min(about.st_ctime_ns, _LATEST),
    )


def times_for(about: os.stat_result, atim: int | None, mtim: int | None) -> tuple[int, int]:
    """Return both times to set; ``os.utime`` has no way to leave one alone but to set it again."""
    return (
        about.st_atime_ns if atim is None else atim,
        about.st_mtime_ns if mtim is None else mtim,
    )
