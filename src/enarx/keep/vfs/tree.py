"""What the nodes of one memory tree share: device, inode numbers, times, quota, frozenness.

The quota counts the bytes of files and links and a fixed charge for each node and each name, so
that a million empty files cannot take the memory a limit in bytes was meant to protect.
"""

from __future__ import annotations

import errno
import time

from enarx.keep.vfs.node import Node, Stat, os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# About what CPython takes for the objects of an empty file and one name of it, measured and
# rounded up ...
NODE_CHARGE = 768
# ... and for each further name.
NAME_CHARGE = 384
# Device numbers of Linux have at most 32 bits: a tree of ours never has that of a host folder.
_DEVICES = 1 << 48


class Tree:
    """The common part of a memory tree.

    Args:
        device: tells the trees of one keep apart; any small number not used twice.
        limit: bytes that files, links, names and nodes may take together; None for a tree whose
            size was bounded before, as a package's is.
        clock: nanoseconds since 1970.
    """

    __slots__ = ("_inode", "clock", "device", "frozen", "limit", "used")

    def __init__(
        self, *, device: int, limit: int | None = None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.device = _DEVICES | device
        self.limit = limit
        self.clock = clock
        self.used = 0
        self.frozen = False
        self._inode = 0

    def new_inode(self) -> int:
        """Return a number that no node of this tree ever had."""
        self._inode += 1
        return self._inode

    def charge(self, size: int) -> None:
        """Take *size* bytes from the quota; ENOSPC, and nothing taken, if they are not there."""
        if self.limit is not None and self.used + size > self.limit:
            raise os_error(errno.ENOSPC)
        self.used += size

    def release(self, size: int) -> None:
        """Give *size* bytes back to the quota."""
        self.used -= size

    def freeze(self) -> None:
        """Refuse every change from now on."""
        self.frozen = True

    def require_writable(self) -> None:
        """Raise EROFS if the tree is frozen."""
        if self.frozen:
            raise os_error(errno.EROFS)


class Inode(Node):
    """A node of a memory tree.

    Args:
        tree: where it lives.
        size: bytes it takes beside the charge for a node; ENOSPC if they are not there.
    """

    __slots__ = ("atim", "ctim", "ino", "mtim", "nlink", "tree")

    def __init__(self, tree: Tree, size: int = 0) -> None:
        tree.charge(NODE_CHARGE + size)
        self.tree = tree
        self.ino = tree.new_inode()
        self.nlink = 1
        self.atim = self.mtim = self.ctim = tree.clock()

    def size(self) -> int:
        """Return what ``stat`` gives as the size."""
        raise NotImplementedError

    def stat(self) -> Stat:
        """Return the attributes as they are now."""
        return Stat(
            dev=self.tree.device,
            ino=self.ino,
            filetype=self.filetype,
            nlink=self.nlink,
            size=self.size(),
            atim=self.atim,
            mtim=self.mtim,
            ctim=self.ctim,
        )

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None; EROFS in a frozen tree."""
        self.tree.require_writable()
        self.atim = self.atim if atim is None else atim
        self.mtim = self.mtim if mtim is None else mtim
        self.ctim = self.tree.clock()

    def touch(self) -> None:
        """Note that the content changed now."""
        self.mtim = self.ctim = self.tree.clock()

    def add_name(self) -> None:
        """Note that a directory has one more name for this node; ENOSPC if it has no room."""
        self.tree.charge(NAME_CHARGE)
        self.nlink += 1
        self.ctim = self.tree.clock()

    def drop_name(self) -> None:
        """Note that a directory has one name less, and let the node go if it was the last."""
        self.nlink -= 1
        self.ctim = self.tree.clock()
        if self.nlink:
            self.tree.release(NAME_CHARGE)
        else:
            self.forget()

    def forget(self) -> None:
        """Give back what the node takes; called when it has no name any more."""
        self.tree.release(NODE_CHARGE + self.size())
