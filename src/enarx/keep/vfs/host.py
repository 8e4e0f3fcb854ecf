"""A host folder, seen through one directory descriptor and never outside it.

Every step is one component, opened relative to its directory with ``O_NOFOLLOW``: the kernel never
gets to see ``..`` or a path with a slash, and never follows a link for us.  So it does not matter
who swaps names behind our back: a directory that became a link is refused, not followed.

Only regular files, directories and links exist here.  Devices, FIFOs and sockets are EACCES: to
open one may block, or do something.  So is everything of /proc, /sys and their like, whose "files"
are the kernel's controls and would be a way out of the keep (/proc/self/mem).
"""

from __future__ import annotations

import errno
import os
import stat

from enarx.keep.vfs.host_file import HostFile, HostHandle, create_file
from enarx.keep.vfs.host_node import Mount, Named, filetype_of, stat_of
from enarx.keep.vfs.kernel import require_storage
from enarx.keep.vfs.node import (
    FILETYPE_DIRECTORY,
    FILETYPE_REGULAR_FILE,
    FILETYPE_SYMBOLIC_LINK,
    FILETYPE_UNKNOWN,
    Directory,
    Node,
    Stat,
    Symlink,
    os_error,
)

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTING_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def mount(fd: int, *, writable: bool) -> HostDirectory:
    """Return the host folder behind *fd* as a directory; *fd* belongs to it from now on.

    Raises:
        OSError: ENOTDIR if *fd* is no directory; EACCES if it is one of the kernel's own, as /proc.
    """
    about = os.fstat(fd)
    if not stat.S_ISDIR(about.st_mode):
        raise os_error(errno.ENOTDIR)
    require_storage(fd)
    return HostDirectory(Mount(writable=writable), fd, about.st_dev)


class HostSymlink(Named, Symlink):
    """A link in a host folder."""

    __slots__ = ()

    def readlink(self) -> bytes:
        """Return the target as it was written."""
        return os.readlink(self.name, dir_fd=self.directory.fd)


class HostDirectory(Directory):
    """A directory of a host folder.

    Attributes:
        fd: its ``O_PATH`` descriptor.  It is closed with the last reference to this object: while
            a path is resolved, a dozen of these live and die, and each has many possible owners.
    """

    __slots__ = ("device", "fd", "mount")

    def __init__(self, mount: Mount, fd: int, device: int) -> None:
        self.mount = mount
        self.fd = fd
        self.device = device

    def __del__(self) -> None:
        os.close(self.fd)

    def status(self, name: bytes) -> os.stat_result:
        """Return the attributes of the entry called *name* itself, link or not."""
        return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def stat(self) -> Stat:
        """Return the attributes as they are now."""
        return stat_of(os.fstat(self.fd))

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        Named(self, b".").set_times(atim, mtim)

    def lookup(self, name: bytes) -> Node:
        """Return the node called *name*; EACCES for a device, FIFO or socket."""
        _require_component(name)
        about = self.status(name)
        mode = about.st_mode
        if stat.S_ISREG(mode):
            return HostFile(self, name)
        if stat.S_ISDIR(mode):
            return self._subdirectory(name, about.st_dev)
        if stat.S_ISLNK(mode):
            return HostSymlink(self, name)
        raise os_error(errno.EACCES)

    def entries(self) -> list[tuple[bytes, int, int]]:
        """Return (name, inode number, file type) of every entry a path of WASI can name.

        Paths of WASI are UTF-8, so an entry whose name is not could be seen but never used.
        """
        found = []
        fd = os.open(b".", _LISTING_FLAGS, dir_fd=self.fd)
        try:
            with os.scandir(fd) as scan:
                for entry in scan:
                    name = os.fsencode(entry.name)
                    try:
                        name.decode()
                    except UnicodeDecodeError:
                        continue
                    found.append((name, entry.inode(), _filetype_of_entry(entry)))
        finally:
            os.close(fd)
        return found

    def sync(self) -> None:
        """Return when the names made and removed here are on the host's disk."""
        fd = os.open(b".", _LISTING_FLAGS, dir_fd=self.fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def create(self, name: bytes, *, read: bool, write: bool) -> HostHandle:
        """Make an empty file and open it."""
        self._require_writable_or_taken(name)
        return create_file(HostFile(self, name), read=read, write=write)

    def make_directory(self, name: bytes) -> None:
        """Make an empty directory."""
        self._require_writable_or_taken(name)
        os.mkdir(name, dir_fd=self.fd)

    def make_symlink(self, name: bytes, target: bytes) -> None:
        """Make a link to *target*."""
        self._require_writable_or_taken(name)
        os.symlink(target, name, dir_fd=self.fd)

    def link(self, name: bytes, node: Node) -> None:
        """Give a file or link of this mount another name."""
        self._require_writable_or_taken(name)
        if isinstance(node, Directory):
            raise os_error(errno.EEXIST if self._has(name) else errno.EPERM)
        if not isinstance(node, Named) or node.directory.mount is not self.mount:
            raise os_error(errno.EXDEV)
        os.link(
            node.name,
            name,
            src_dir_fd=node.directory.fd,
            dst_dir_fd=self.fd,
            follow_symlinks=False,
        )

    def unlink(self, name: bytes) -> None:
        """Remove the name of a file or link; devices, FIFOs and sockets stay."""
        node = self.lookup(name)
        self.mount.require_writable()
        if isinstance(node, Directory):
            raise os_error(errno.EISDIR)
        os.unlink(name, dir_fd=self.fd)

    def remove_directory(self, name: bytes) -> None:
        """Remove an empty directory."""
        _require_component(name)
        if not self.mount.writable:
            self.status(name)
        self.mount.require_writable()
        os.rmdir(name, dir_fd=self.fd)

    def rename(self, name: bytes, to: Directory, to_name: bytes) -> None:
        """Move an entry within the mount."""
        _require_component(name)
        _require_component(to_name)
        target = to.destination(to_name)
        if not isinstance(target, HostDirectory) or target.mount is not self.mount:
            raise os_error(errno.EXDEV)
        if not self.mount.writable:
            self.status(name)
        self.mount.require_writable()
        os.rename(name, to_name, src_dir_fd=self.fd, dst_dir_fd=target.fd)

    def _subdirectory(self, name: bytes, device: int) -> HostDirectory:
        """Open the directory called *name*; a link that took its place is ENOTDIR.

        A file system is mounted there or not, whatever was renamed since *device* was read: the
        kernel lets nobody rename a mount point.
        """
        directory = HostDirectory(self.mount, os.open(name, _FLAGS, dir_fd=self.fd), device)
        if device != self.device:
            require_storage(directory.fd)
        return directory

    def _has(self, name: bytes) -> bool:
        """Tell whether there is an entry called *name*."""
        try:
            self.status(name)
        except FileNotFoundError:
            return False
        return True

    def _require_writable_or_taken(self, name: bytes) -> None:
        """Raise EEXIST or EROFS, in this order, in a read-only mount."""
        _require_component(name)
        if not self.mount.writable:
            raise os_error(errno.EEXIST if self._has(name) else errno.EROFS)


def _require_component(name: bytes) -> None:
    """Raise EINVAL for a name that would make the kernel resolve a path.

    The resolver passes only single components; should it ever fail to, this holds the mount.
    """
    if b"/" in name or name in (b"", b".", b".."):
        raise os_error(errno.EINVAL)


def _filetype_of_entry(entry: os.DirEntry[str]) -> int:
    """Return the type of a directory entry; costs a system call only for the rare kinds."""
    if entry.is_symlink():
        return FILETYPE_SYMBOLIC_LINK
    if entry.is_dir(follow_symlinks=False):
        return FILETYPE_DIRECTORY
    if entry.is_file(follow_symlinks=False):
        return FILETYPE_REGULAR_FILE
    try:
        return filetype_of(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return FILETYPE_UNKNOWN  # gone between the listing and now
