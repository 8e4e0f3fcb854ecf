"""The files of a package as a read-only tree, from the tar archive of its files layer.

Files are views of the archive: a package of 100 MB is ready as soon as its headers are read, and
takes no memory twice.  A hostile archive is refused as a whole rather than repaired, because a
package that means different things to different readers has no meaning.
"""

from __future__ import annotations

import time

from enarx.errors import MalformedError
from enarx.keep.vfs import tar
from enarx.keep.vfs.content import MemoryFile
from enarx.keep.vfs.memory import MemoryDirectory, MemorySymlink
from enarx.keep.vfs.node import NAME_MAX, PATH_MAX, Directory
from enarx.keep.vfs.tree import Inode, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

# A package's device number; scratch trees count from 1.
DEVICE = 0


def package_tree(
    archive: bytes | memoryview,
    *,
    where: str = "files",
    clock: Callable[[], int] = time.time_ns,
) -> MemoryDirectory:
    """Return the root of the read-only tree that *archive* holds.

    Args:
        archive: a tar archive; it must not change while the tree is used.
        where: what to call the archive in an error.
        clock: nanoseconds since 1970, for directories the archive does not mention.

    Raises:
        MalformedError: it is no tar archive, or has an absolute path, a path with ``..``, a name
            twice, a link that leads out, a device, or anything else but files and directories.
    """
    tree = Tree(device=DEVICE, clock=clock)
    builder = _Builder(MemoryDirectory(tree), where)
    for entry in tar.entries(memoryview(archive).cast("B"), where):
        builder.add(entry)
    tree.freeze()
    return builder.root


def subdirectory(root: MemoryDirectory, path: bytes) -> Directory | None:
    """Return the directory at *path* below *root*, following no link; None if there is none."""
    at: Inode = root
    for name in filter(None, path.split(b"/")):
        if not isinstance(at, MemoryDirectory) or name not in at.names:
            return None
        at = at.names[name]
    return at if isinstance(at, MemoryDirectory) else None


class _Builder:
    """A tree that grows by the entries of an archive."""

    def __init__(self, root: MemoryDirectory, where: str) -> None:
        self.root = root
        self._where = where
        self._implied = {root.ino}

    def add(self, entry: tar.Entry) -> None:
        """Add one entry, and the directories above it that the archive left out."""
        names = self._names(entry)
        if not names:
            return  # "./", the root
        parent = self._parent(entry, names)
        existing = parent.names.get(names[-1])
        if existing is not None:
            if entry.kind != tar.DIRECTORY or existing.ino not in self._implied:
                self._refuse(entry, "the path occurs twice")
            self._implied.discard(existing.ino)
            node = existing
        else:
            node = self._node(entry, names)
            parent.add(names[-1], node)
        if entry.kind != tar.HARD_LINK:
            node.atim = node.mtim = node.ctim = entry.mtim

    def _names(self, entry: tar.Entry) -> list[bytes]:
        """Return the components of the entry's path; none for the root."""
        path = entry.path
        if entry.kind == tar.DIRECTORY:
            path = path.removesuffix(b"/")
        if path == b"." and entry.kind == tar.DIRECTORY:
            return []
        return self._components(entry, path)

    def _components(self, entry: tar.Entry, path: bytes) -> list[bytes]:
        """Split *path*, refusing all that is not plain."""
        names = path.removeprefix(b"./").split(b"/")
        if len(path) >= PATH_MAX or max(map(len, names)) > NAME_MAX:
            self._refuse(entry, "a path is too long")
        if path.startswith(b"/"):
            self._refuse(entry, "a path is absolute")
        if any(name in (b"", b".", b"..") for name in names):
            self._refuse(entry, "a path has an empty component, '.' or '..'")
        if b"\0" in path:
            self._refuse(entry, "a path has a NUL")
        try:
            path.decode()
        except UnicodeDecodeError:
            self._refuse(entry, "a path is not UTF-8")
        return names

    def _parent(self, entry: tar.Entry, names: list[bytes]) -> MemoryDirectory:
        """Return the directory for the entry, made where the archive did not mention it."""
        at = self.root
        for name in names[:-1]:
            below = at.names.get(name)
            if below is None:
                below = MemoryDirectory(at.tree)
                below.atim = below.mtim = below.ctim = entry.mtim
                self._implied.add(below.ino)
                at.add(name, below)
            if not isinstance(below, MemoryDirectory):
                self._refuse(entry, "the path goes through what is no directory")
            at = below
        return at

    def _node(self, entry: tar.Entry, names: list[bytes]) -> Inode:
        """Return the new node for the entry."""
        tree = self.root.tree
        if entry.kind == tar.DIRECTORY:
            return MemoryDirectory(tree)
        if entry.kind == tar.REGULAR:
            return MemoryFile(tree, entry.data)
        if entry.kind == tar.SYMLINK:
            self._check_target(entry, len(names) - 1)
            return MemorySymlink(tree, entry.target)
        return self._linked_file(entry)

    def _check_target(self, entry: tar.Entry, depth: int) -> None:
        """Refuse a link that leads out of the tree, as it stands *depth* directories deep.

        A target can pass through another link, so this is for an early and clear message only;
        what holds at run time is that the resolver never leaves a mount.
        """
        target = entry.target
        if not target or len(target) >= PATH_MAX or b"\0" in target:
            self._refuse(entry, "a link has no usable target")
        if target.startswith(b"/"):
            self._refuse(entry, "a link is absolute")
        for name in target.split(b"/"):
            depth += -1 if name == b".." else 0 if name in (b"", b".") else 1
            if depth < 0:
                self._refuse(entry, "a link leads out of the package")

    def _linked_file(self, entry: tar.Entry) -> MemoryFile:
        """Return the earlier file that a hard link means."""
        at: Inode | None = self.root
        for name in self._components(entry, entry.target):
            at = at.names.get(name) if isinstance(at, MemoryDirectory) else None
        if not isinstance(at, MemoryFile):
            self._refuse(entry, "a hard link is to no earlier file")
        at.add_name()
        return at

    def _refuse(self, entry: tar.Entry, problem: str) -> NoReturn:
        """Raise for the entry."""
        path = entry.path[:200].decode("utf-8", "backslashreplace")
        raise MalformedError(f"{self._where}: {path!r}", problem, offset=entry.offset)
