"""Directories and links in memory: scratch space, and (frozen) the files of a package.

The errno of each refusal is the one Linux gives for the same operation; the property test holds
this tree against a real folder.  That includes the order of the checks: what exists is EEXIST and
what is missing ENOENT in a frozen tree too, because ``mkdir -p`` relies on it.
"""

from __future__ import annotations

import errno
import time

from enarx.keep.vfs.content import MemoryFile, MemoryHandle
from enarx.keep.vfs.node import NAME_MAX, PATH_MAX, Directory, Node, Symlink, os_error
from enarx.keep.vfs.tree import NODE_CHARGE, Inode, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# A directory's size means nothing to an application; 4096 is what most file systems say.
_DIRECTORY_SIZE = 4096


def scratch(limit: int, *, device: int, clock: Callable[[], int] = time.time_ns) -> MemoryDirectory:
    """Return the root of a new, empty, writable tree of at most *limit* bytes."""
    tree = Tree(device=device, clock=clock)
    root = MemoryDirectory(tree)
    tree.limit = limit + tree.used  # the root itself is free, so no limit is too small to mount
    return root


class MemorySymlink(Inode, Symlink):
    """A link in memory."""

    __slots__ = ("target",)

    def __init__(self, tree: Tree, target: bytes) -> None:
        super().__init__(tree, len(target))
        self.target = target

    def size(self) -> int:
        """Return the length of the target's name, as POSIX has it."""
        return len(self.target)

    def readlink(self) -> bytes:
        """Return the target as it was written."""
        return self.target


class MemoryDirectory(Inode, Directory):
    """A directory in memory.

    Attributes:
        names: the entries, in the order they were made.
        parent: None for the root, and once the directory has been removed.
    """

    __slots__ = ("names", "parent")

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self.names: dict[bytes, Inode] = {}
        self.parent: MemoryDirectory | None = None
        self.nlink = 2  # its name and its own "."; each subdirectory's ".." adds one

    def size(self) -> int:
        """Return a size such as other file systems give."""
        return _DIRECTORY_SIZE

    def lookup(self, name: bytes) -> Inode:
        """Return the node called *name*; ENOENT."""
        node = self.names.get(name)
        if node is None:
            raise os_error(errno.ENAMETOOLONG if len(name) > NAME_MAX else errno.ENOENT)
        return node

    def entries(self) -> list[tuple[bytes, int, int]]:
        """Return (name, inode number, file type) of every entry, in the order they were made."""
        return [(name, node.ino, node.filetype) for name, node in self.names.items()]

    def create(self, name: bytes, *, read: bool, write: bool) -> MemoryHandle:
        """Make an empty file and open it."""
        self._require_free(name)
        file = MemoryFile(self.tree, bytearray())
        self.add(name, file)
        return file.open(read=read, write=write)

    def make_directory(self, name: bytes) -> None:
        """Make an empty directory."""
        self._require_free(name)
        self.add(name, MemoryDirectory(self.tree))

    def make_symlink(self, name: bytes, target: bytes) -> None:
        """Make a link to *target*."""
        self._require_free(name)
        if len(target) >= PATH_MAX:
            raise os_error(errno.ENAMETOOLONG)
        self.add(name, MemorySymlink(self.tree, target))

    def link(self, name: bytes, node: Node) -> None:
        """Give a file or link of this tree another name."""
        self._require_free(name)
        if isinstance(node, Directory):
            raise os_error(errno.EPERM)
        if not isinstance(node, Inode) or node.tree is not self.tree:
            raise os_error(errno.EXDEV)
        if node.nlink == 0:
            raise os_error(errno.ENOENT)
        node.add_name()
        self.add(name, node)

    def unlink(self, name: bytes) -> None:
        """Remove the name of a file or link; handles that are open go on working."""
        node = self.lookup(name)
        self.tree.require_writable()
        if isinstance(node, MemoryDirectory):
            raise os_error(errno.EISDIR)
        self._remove(name)

    def remove_directory(self, name: bytes) -> None:
        """Remove an empty directory."""
        node = self.lookup(name)
        self.tree.require_writable()
        if not isinstance(node, MemoryDirectory):
            raise os_error(errno.ENOTDIR)
        if node.names:
            raise os_error(errno.ENOTEMPTY)
        self._remove(name)

    def rename(self, name: bytes, to: Directory, to_name: bytes) -> None:
        """Move an entry, replacing what Linux would let it replace."""
        target = to.destination(to_name)
        if not isinstance(target, MemoryDirectory) or target.tree is not self.tree:
            raise os_error(errno.EXDEV)
        node = self.lookup(name)
        if len(to_name) > NAME_MAX:
            raise os_error(errno.ENAMETOOLONG)
        self.tree.require_writable()
        if target.nlink == 0:
            raise os_error(errno.ENOENT)
        if isinstance(node, MemoryDirectory) and target.lies_within(node):
            raise os_error(errno.EINVAL)
        existing = target.names.get(to_name)
        if existing is node:
            return  # two names of one file: POSIX leaves both
        if existing is not None:
            self._require_replaceable(existing, node)
            target._remove(to_name)  # noqa: SLF001 - the other directory is one of ours
        target.add(to_name, self._detach(name))

    def lies_within(self, directory: MemoryDirectory) -> bool:
        """Tell whether this is *directory* or below it."""
        at: MemoryDirectory | None = self
        while at is not None:
            if at is directory:
                return True
            at = at.parent
        return False

    def _require_free(self, name: bytes) -> None:
        """Raise unless an entry called *name* may be made now."""
        if name in self.names:
            raise os_error(errno.EEXIST)
        if len(name) > NAME_MAX:
            raise os_error(errno.ENAMETOOLONG)
        if self.nlink == 0:
            raise os_error(errno.ENOENT)
        self.tree.require_writable()

    def add(self, name: bytes, node: Inode) -> None:
        """Put *node* under *name*, which is free, without touching its link count."""
        self.names[name] = node
        self.touch()
        if isinstance(node, MemoryDirectory):
            node.parent = self
            self.nlink += 1

    def forget(self) -> None:
        """Give back what the directory takes."""
        self.tree.release(NODE_CHARGE)

    def _require_replaceable(self, existing: Inode, node: Inode) -> None:
        """Raise as rename(2) does if *node*, from here, cannot take the place of *existing*."""
        if not isinstance(existing, MemoryDirectory):
            if isinstance(node, MemoryDirectory):
                raise os_error(errno.ENOTDIR)
            return
        # Linux looks for an ancestor of the source before it compares the types.
        if self.lies_within(existing):
            raise os_error(errno.ENOTEMPTY)
        if not isinstance(node, MemoryDirectory):
            raise os_error(errno.EISDIR)
        if existing.names:
            raise os_error(errno.ENOTEMPTY)

    def _detach(self, name: bytes) -> Inode:
        """Take the entry away and return its node, untouched."""
        node = self.names.pop(name)
        self.touch()
        if isinstance(node, MemoryDirectory):
            node.parent = None
            self.nlink -= 1
        return node

    def _remove(self, name: bytes) -> None:
        """Take the entry away, and the node with it if that was its last name."""
        node = self._detach(name)
        if isinstance(node, MemoryDirectory):
            node.nlink = 0
            node.forget()
        else:
            node.drop_name()
