"""What a file system of the keep is: files, directories and symbolic links, and nothing else.

Every tree (memory, package, host, grafted) gives these classes; the resolver and the WASI layer
know no others.  Names and paths are ``bytes``; every refusal is an ``OSError`` with a POSIX errno.
Nothing here follows a link, understands ``..`` or checks a WASI right: that is for the resolver
and the descriptors.

Source: the file types are ``filetype`` of WASI preview 1; the errno values those of Linux.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FILETYPE_UNKNOWN = 0
FILETYPE_BLOCK_DEVICE = 1
FILETYPE_CHARACTER_DEVICE = 2
FILETYPE_DIRECTORY = 3
FILETYPE_REGULAR_FILE = 4
FILETYPE_SOCKET_DGRAM = 5
FILETYPE_SOCKET_STREAM = 6
FILETYPE_SYMBOLIC_LINK = 7

NAME_MAX = 255  # bytes of one component, as on Linux
PATH_MAX = 4096  # bytes of a path and of a link's target, with the NUL Linux counts


def os_error(code: int) -> OSError:
    """The ``OSError`` (of the subclass Python has for it) for the errno *code*."""
    return OSError(code, os.strerror(code))


class Stat:
    """What ``filestat`` tells; times are nanoseconds since 1970."""

    __slots__ = ("atim", "ctim", "dev", "filetype", "ino", "mtim", "nlink", "size")

    def __init__(
        self,
        *,
        dev: int,
        ino: int,
        filetype: int,
        nlink: int,
        size: int,
        atim: int,
        mtim: int,
        ctim: int,
    ) -> None:
        self.dev = dev
        self.ino = ino
        self.filetype = filetype
        self.nlink = nlink
        self.size = size
        self.atim = atim
        self.mtim = mtim
        self.ctim = ctim


class Node:
    """One inode of a tree."""

    __slots__ = ()

    filetype = FILETYPE_UNKNOWN

    def stat(self) -> Stat:
        """Return the node's attributes as they are now."""
        raise NotImplementedError

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None, in nanoseconds.

        Raises:
            OSError: EROFS in a read-only tree.
        """
        raise NotImplementedError


class Symlink(Node):
    """A symbolic link; only the resolver ever follows it."""

    __slots__ = ()

    filetype = FILETYPE_SYMBOLIC_LINK

    def readlink(self) -> bytes:
        """Return the target as it was written."""
        raise NotImplementedError


class File(Node):
    """A regular file."""

    __slots__ = ()

    filetype = FILETYPE_REGULAR_FILE

    def open(self, *, read: bool, write: bool, truncate: bool = False) -> Handle:
        """Open the file; the handle outlives the file's last name.

        Raises:
            OSError: EROFS to write or truncate in a read-only tree; EACCES if the name no longer
                leads to a regular file.
        """
        raise NotImplementedError


class Handle:
    """An open file.  It has no position: the descriptor above it does.

    *views* are at most 1024 memoryviews of format ``B``, as many as the kernel takes; offsets are
    at least 0 and below 2**63.
    """

    __slots__ = ()

    def stat(self) -> Stat:
        """Return the attributes of the open file, also after its last name is gone."""
        raise NotImplementedError

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None, in nanoseconds."""
        raise NotImplementedError

    def size(self) -> int:
        """Return the file's size in bytes; cheaper than ``stat``."""
        raise NotImplementedError

    def read_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Fill *views* from *offset* on; return the bytes read, 0 at or after the end."""
        raise NotImplementedError

    def write_at(self, views: Sequence[memoryview], offset: int) -> int:
        """Write *views* at *offset*; return the bytes written.

        A file that was shorter has zeros in between.
        """
        raise NotImplementedError

    def append(self, views: Sequence[memoryview]) -> int:
        """Write *views* at what is the end at that moment; return the bytes written."""
        raise NotImplementedError

    def truncate(self, size: int) -> None:
        """Cut the file to *size* bytes or extend it with zeros."""
        raise NotImplementedError

    def allocate(self, offset: int, length: int) -> None:
        """Make sure the bytes exist; the file grows to ``offset + length`` but never shrinks."""
        raise NotImplementedError

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Take WASI's *advice* (0 to 5) on how the bytes will be used; it may be ignored."""
        raise NotImplementedError

    def sync(self, *, data_only: bool) -> None:
        """Return when what was written is on disk, where the tree has one."""
        raise NotImplementedError

    def close(self) -> None:
        """End the use of the handle; a second call does nothing."""
        raise NotImplementedError


class Directory(Node):
    """Named nodes.

    A *name* is one component: neither empty, ``.`` nor ``..``, without a slash or NUL.
    """

    __slots__ = ()

    filetype = FILETYPE_DIRECTORY

    def lookup(self, name: bytes) -> Node:
        """Return the node called *name*, a link as a link.

        Raises:
            OSError: ENOENT; EACCES for what is neither file, directory nor link.
        """
        raise NotImplementedError

    def entries(self) -> list[tuple[bytes, int, int]]:
        """Return (name, inode, file type) of every entry as of now, without ``.`` and ``..``."""
        raise NotImplementedError

    def create(self, name: bytes, *, read: bool, write: bool) -> Handle:
        """Make an empty file and open it in one step.

        Raises:
            OSError: EEXIST if *name* is taken, also by a dangling link; ENOSPC; EROFS.
        """
        raise NotImplementedError

    def make_directory(self, name: bytes) -> None:
        """Make an empty directory; EEXIST as in ``create``."""
        raise NotImplementedError

    def make_symlink(self, name: bytes, target: bytes) -> None:
        """Make a link to *target*, which is stored unexamined; EEXIST as in ``create``."""
        raise NotImplementedError

    def link(self, name: bytes, node: Node) -> None:
        """Give *node* another name.

        Raises:
            OSError: EEXIST; EPERM for a directory; EXDEV if *node* lives in another tree.
        """
        raise NotImplementedError

    def unlink(self, name: bytes) -> None:
        """Remove the name of a file or link; EISDIR for a directory."""
        raise NotImplementedError

    def remove_directory(self, name: bytes) -> None:
        """Remove an empty directory; ENOTEMPTY, ENOTDIR."""
        raise NotImplementedError

    def rename(self, name: bytes, to: Directory, to_name: bytes) -> None:
        """Move an entry, replacing a file, or an empty directory by a directory, in one step.

        Raises:
            OSError: EXDEV to another tree; EINVAL into itself; EISDIR, ENOTDIR and ENOTEMPTY as
                rename(2).
        """
        raise NotImplementedError

    def sync(self) -> None:
        """Return when the names made and removed here are on disk, where the tree has one."""

    def destination(self, name: bytes) -> Directory:
        """Return the directory in which a rename or link to *name* here really happens.

        Raises:
            OSError: EBUSY if *name* is a mount point.
        """
        del name
        return self
