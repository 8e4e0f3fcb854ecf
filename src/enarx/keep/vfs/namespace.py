"""From the mounts of a configuration to the directories an application finds open at its start.

There is one namespace.  If something is mounted at "/", that is the only pre-opened directory and
all other mounts are inside it; otherwise each topmost mount is pre-opened by its own path, and of
a single file that is inside of none, the folder it is in.  One directory per path prefix is what
wasi-libc, Go and CPython all find their files through.
"""

from __future__ import annotations

import time

from enarx.errors import MisconfiguredError
from enarx.keep.vfs.graft import Grafted
from enarx.keep.vfs.memory import MemoryDirectory
from enarx.keep.vfs.node import NAME_MAX, PATH_MAX, Directory, File
from enarx.keep.vfs.resolve import resolve
from enarx.keep.vfs.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The directories between a mount and another one far below it; trees of ours count from 0 up.
_DEVICE = (1 << 32) - 1


def build(
    mounts: Iterable[tuple[bytes, Directory]],
    *,
    files: Iterable[tuple[bytes, File]] = (),
    source: str = "mounts",
    clock: Callable[[], int] = time.time_ns,
) -> tuple[tuple[bytes, Directory], ...]:
    """Return the (path, directory) to pre-open, each with the mounts below it grafted in.

    Args:
        mounts: absolute guest paths and what is mounted there, in any order.
        files: likewise of single files; nothing may be mounted below one.
        source: what to call the list of mounts in an error.
        clock: nanoseconds since 1970.

    Raises:
        MisconfiguredError: a path is not absolute and plain, or is mounted twice.
    """
    between = Tree(device=_DEVICE, clock=clock)
    between.freeze()
    top = _Place()
    for path, directory in mounts:
        _mount(top, path, directory, source)
    for path, file in files:
        way = _mount(top, path, file, source)
        if all(place.directory is None for place in way):
            way[-1].directory = MemoryDirectory(between)
    return tuple(_topmost(b"", top, between))


class _Place:
    """A path in the namespace: what is mounted there, and the places below it."""

    __slots__ = ("below", "directory", "file")

    def __init__(self) -> None:
        self.directory: Directory | None = None
        self.file: File | None = None
        self.below: dict[bytes, _Place] = {}


def _mount(top: _Place, path: bytes, node: Directory | File, source: str) -> list[_Place]:
    """Mount *node* at *path* below *top*; the places on the way to it."""
    way = [top]
    for name in _components(path, source):
        way.append(way[-1].below.setdefault(name, _Place()))
    *on_the_way, place = way
    if place.directory is not None or place.file is not None:
        raise MisconfiguredError(source, "mounted twice", path=_shown(path))
    if isinstance(node, Directory):
        place.directory = node
    else:
        place.file = node
    if any(one.file is not None and one.below for one in way):
        raise MisconfiguredError(source, "a file and a folder at once", path=_shown(path))
    return on_the_way


def _topmost(path: bytes, place: _Place, between: Tree) -> Iterable[tuple[bytes, Directory]]:
    """Give the topmost mounts at and below *place*."""
    if place.directory is not None:
        yield path or b"/", _grafted(place.directory, place, between)
        return
    for name, below in place.below.items():
        yield from _topmost(path + b"/" + name, below, between)


def _grafted(base: Directory, place: _Place, between: Tree) -> Directory:
    """Return *base* with the mounts below *place* in it."""
    if not place.below:
        return base
    points: dict[bytes, Directory | File] = {}
    for name, below in place.below.items():
        if below.file is not None:
            points[name] = below.file
            continue
        under = below.directory or _existing(base, name) or MemoryDirectory(between)
        points[name] = _grafted(under, below, between)
    return Grafted(base, points)


def _existing(base: Directory, name: bytes) -> Directory | None:
    """Return the directory that *base* has on the way to a mount point, if it has one."""
    try:
        node = resolve(base, name, follow=False).node
    except OSError:
        return None
    return node if isinstance(node, Directory) else None


def _components(path: bytes, source: str) -> list[bytes]:
    """Split a mount's path."""
    names = [name for name in path.split(b"/") if name]
    if not path.startswith(b"/"):
        raise MisconfiguredError(source, "the path is not absolute", path=_shown(path))
    if any(name in (b".", b"..") or len(name) > NAME_MAX or b"\0" in name for name in names):
        raise MisconfiguredError(source, "the path is not plain", path=_shown(path))
    try:
        path.decode()
    except UnicodeDecodeError as e:
        raise MisconfiguredError(source, "the path is not UTF-8", path=_shown(path)) from e
    if len(path) >= PATH_MAX:
        raise MisconfiguredError(source, "the path is too long", path=_shown(path[:NAME_MAX]))
    return names


def _shown(path: bytes) -> str:
    """Return *path* fit for a message."""
    return path.decode("utf-8", "backslashreplace")
