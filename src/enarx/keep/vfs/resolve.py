"""From a path to a node, never leaving the directory where it started.

The kernel resolves nothing for us: each component is looked up in the directory before it, a link
is replaced by its target's components here, and ``..`` goes back to the directory we came from.
So there is no race with a rename on the host: whatever moves, a path can only reach what lay below
its start when it was looked up.

Source: path_resolution(7); WASI preview 1 asks for the same, with EPERM for what leaves the start.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import NAME_MAX, PATH_MAX, Directory, Node, Symlink, os_error

# Links followed in one path, as in Linux; with PATH_MAX it bounds the work for any path.
_MAX_LINKS = 40


class Found:
    """Where a path leads.

    Attributes:
        parent: directory that has, or would have, the entry.
        name: the entry's name; if the path ends in ``.`` or ``..``, that, and then ``parent`` is
            the node.
        node: None if there is no such entry.
        trailing_slash: whether the path insists on a directory.
    """

    __slots__ = ("name", "node", "parent", "trailing_slash")

    def __init__(
        self, parent: Directory, name: bytes, node: Node | None, *, trailing_slash: bool
    ) -> None:
        self.parent = parent
        self.name = name
        self.node = node
        self.trailing_slash = trailing_slash

    @property
    def is_dot(self) -> bool:
        """Whether the path ends in ``.`` or ``..``, which is no entry one could make or remove."""
        return self.name in (b".", b"..")


def resolve(start: Directory, path: bytes, *, follow: bool) -> Found:
    """Find what *path* names, from *start*.

    Args:
        start: the directory that may not be left.
        path: UTF-8, relative.
        follow: whether a link at the end is followed; with a slash after it, it always is.

    Raises:
        OSError: ENOENT, an empty path or a missing directory on the way (a missing last component
            is a ``Found`` without node); ENOTDIR; ELOOP; ENAMETOOLONG; EPERM, the path is absolute,
            leads out of *start*, or meets a link that does; EILSEQ, not UTF-8; EINVAL, a NUL.
    """
    found = _walk(start, path, follow=follow or path.endswith(b"/"))
    if found.trailing_slash and found.node is not None and not isinstance(found.node, Directory):
        raise os_error(errno.ENOTDIR)
    return found


def resolve_entry(start: Directory, path: bytes) -> Found:
    """Find the entry that *path* names, to make, remove or rename it: a last link stays a link.

    The caller still must refuse a ``Found`` that ``is_dot``, and a trailing slash after what is no
    directory, with the errno of its operation.

    Raises:
        OSError: as ``resolve``.
    """
    return _walk(start, path, follow=False)


def check(path: bytes) -> None:
    """Refuse what can be no path or link target: EILSEQ, EINVAL, ENAMETOOLONG, ENOENT, EPERM."""
    if not path:
        raise os_error(errno.ENOENT)
    if len(path) >= PATH_MAX:
        raise os_error(errno.ENAMETOOLONG)
    if path[0] == _SLASH:
        raise os_error(errno.EPERM)
    if b"\0" in path:
        raise os_error(errno.EINVAL)
    if not path.isascii():
        try:
            path.decode()
        except UnicodeDecodeError as e:
            raise os_error(errno.EILSEQ) from e


_SLASH = ord("/")


def _walk(start: Directory, path: bytes, *, follow: bool) -> Found:
    """Do the work of ``resolve`` and ``resolve_entry``."""
    check(path)
    trail = [start]
    pending = _components(path)
    trailing_slash = path.endswith(b"/")
    links = 0
    while True:
        name = pending.pop()
        if name in (b".", b".."):
            _step(trail, name)
            if pending:
                continue
            return Found(trail[-1], name, trail[-1], trailing_slash=trailing_slash)
        node = _look_up(trail[-1], name, last=not pending)
        if isinstance(node, Symlink) and (pending or follow):
            links += 1
            if links > _MAX_LINKS:
                raise os_error(errno.ELOOP)
            target = node.readlink()
            check(target)
            if not pending:
                trailing_slash = trailing_slash or target.endswith(b"/")
            pending += _components(target)
        elif not pending:
            return Found(trail[-1], name, node, trailing_slash=trailing_slash)
        elif isinstance(node, Directory):
            trail.append(node)
        else:
            raise os_error(errno.ENOTDIR)


def _step(trail: list[Directory], name: bytes) -> None:
    """Stay for ``.``, go back for ``..``; EPERM where the walk started."""
    if name == b"..":
        if len(trail) == 1:
            raise os_error(errno.EPERM)
        trail.pop()


def _look_up(directory: Directory, name: bytes, *, last: bool) -> Node | None:
    """Return the node, or None if it is missing and is the *last* component."""
    if len(name) > NAME_MAX:
        raise os_error(errno.ENAMETOOLONG)
    try:
        return directory.lookup(name)
    except FileNotFoundError:
        if last:
            return None
        raise


def _components(path: bytes) -> list[bytes]:
    """Return the components of a relative path, the last one first."""
    if b"/" not in path:
        return [path]
    components = [name for name in path.split(b"/") if name]
    components.reverse()
    return components
