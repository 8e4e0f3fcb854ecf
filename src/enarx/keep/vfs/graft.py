"""Directories with other directories, and single files, mounted in them.

The mount points are fixed when the namespace is built.  They cannot be removed, renamed or
replaced (EBUSY), so what an operator mounted stays where it was mounted.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import Directory, File, Handle, Node, Stat, os_error


class Grafted(Directory):
    """*base* with *points* in it; an entry of the base with the name of a point is hidden."""

    __slots__ = ("_base", "_points")

    def __init__(self, base: Directory, points: dict[bytes, Directory | File]) -> None:
        self._base = base
        self._points = points

    def stat(self) -> Stat:
        """Return the attributes of the base."""
        return self._base.stat()

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times of the base."""
        self._base.set_times(atim, mtim)

    def sync(self) -> None:
        """Synchronise the base."""
        self._base.sync()

    def lookup(self, name: bytes) -> Node:
        """Return the mount point or the base's node called *name*."""
        return self._points.get(name) or self._base.lookup(name)

    def entries(self) -> list[tuple[bytes, int, int]]:
        """Return the entries of the base and the mount points, each name once."""
        base = [entry for entry in self._base.entries() if entry[0] not in self._points]
        points = [(name, point.stat().ino, point.filetype) for name, point in self._points.items()]
        return base + points

    def create(self, name: bytes, *, read: bool, write: bool) -> Handle:
        """Make a file in the base."""
        self._require_free(name)
        return self._base.create(name, read=read, write=write)

    def make_directory(self, name: bytes) -> None:
        """Make a directory in the base."""
        self._require_free(name)
        self._base.make_directory(name)

    def make_symlink(self, name: bytes, target: bytes) -> None:
        """Make a link in the base."""
        self._require_free(name)
        self._base.make_symlink(name, target)

    def link(self, name: bytes, node: Node) -> None:
        """Give a node of the base's tree another name."""
        self._require_free(name)
        self._base.link(name, node)

    def unlink(self, name: bytes) -> None:
        """Remove a name in the base; EISDIR or EBUSY for a mount point."""
        if isinstance(self._points.get(name), Directory):
            raise os_error(errno.EISDIR)
        self._require_no_point(name)
        self._base.unlink(name)

    def remove_directory(self, name: bytes) -> None:
        """Remove a directory in the base; ENOTDIR or EBUSY for a mount point."""
        if isinstance(self._points.get(name), File):
            raise os_error(errno.ENOTDIR)
        self._require_no_point(name)
        self._base.remove_directory(name)

    def rename(self, name: bytes, to: Directory, to_name: bytes) -> None:
        """Move an entry of the base; EBUSY for a mount point."""
        self._require_no_point(name)
        self._base.rename(name, to, to_name)

    def destination(self, name: bytes) -> Directory:
        """Return the base; EBUSY if *name* is a mount point."""
        self._require_no_point(name)
        return self._base.destination(name)

    def _require_no_point(self, name: bytes) -> None:
        """Raise EBUSY for the name of a mount point."""
        if name in self._points:
            raise os_error(errno.EBUSY)

    def _require_free(self, name: bytes) -> None:
        """Raise EEXIST for the name of a mount point."""
        if name in self._points:
            raise os_error(errno.EEXIST)
