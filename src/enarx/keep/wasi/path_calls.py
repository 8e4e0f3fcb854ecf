"""The ``path_*`` functions as the guest calls them: paths copied out of its memory.

What they do is in ``paths``; here are only pointers and results.
"""

from __future__ import annotations

from enarx.keep.wasi import paths
from enarx.keep.wasi.fd_calls import chosen_times, pack_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System


def path_create_directory(system: System, fd: int, path: int, size: int) -> int:
    """Make a directory."""
    paths.path_create_directory(system, fd, system.memory.path(path, size))
    return 0


def path_filestat_get(system: System, fd: int, flags: int, path: int, size: int, out: int) -> int:
    """Attributes of what a path names."""
    stat = paths.path_filestat_get(system, fd, flags, system.memory.path(path, size))
    system.memory.put(out, pack_stat(stat))
    return 0


def path_filestat_set_times(  # the interface fixes the parameters
    system: System, fd: int, flags: int, path: int, size: int, atim: int, mtim: int, fstflags: int
) -> int:
    """Set the times of what a path names."""
    times = chosen_times(system, atim, mtim, fstflags)
    paths.path_filestat_set_times(system, fd, flags, system.memory.path(path, size), *times)
    return 0


def path_link(
    system: System,
    fd: int,
    flags: int,
    path: int,
    size: int,
    new_fd: int,
    new_path: int,
    new_size: int,
) -> int:
    """Give a file a second name."""
    old, new = system.memory.path(path, size), system.memory.path(new_path, new_size)
    paths.path_link(system, fd, flags, old, new_fd, new)
    return 0


def path_open(
    system: System,
    fd: int,
    dirflags: int,
    path: int,
    size: int,
    oflags: int,
    rights_base: int,
    rights_inheriting: int,
    fdflags: int,
    out: int,
) -> int:
    """Open or create a file or a directory."""
    system.memory.span(out, 4)
    system.descriptors.require_room()
    opened = paths.path_open(
        system,
        fd,
        dirflags,
        system.memory.path(path, size),
        oflags,
        rights_base,
        rights_inheriting,
        fdflags,
    )
    system.memory.put_u32(out, opened)
    return 0


def path_readlink(
    system: System, fd: int, path: int, size: int, buffer: int, buffer_size: int, out: int
) -> int:
    """The target of a symbolic link, cut off where the buffer ends."""
    target = paths.path_readlink(system, fd, system.memory.path(path, size))[:buffer_size]
    system.memory.put(buffer, target)
    system.memory.put_u32(out, len(target))
    return 0


def path_remove_directory(system: System, fd: int, path: int, size: int) -> int:
    """Remove an empty directory."""
    paths.path_remove_directory(system, fd, system.memory.path(path, size))
    return 0


def path_rename(
    system: System, fd: int, path: int, size: int, new_fd: int, new_path: int, new_size: int
) -> int:
    """Give a file another name."""
    old, new = system.memory.path(path, size), system.memory.path(new_path, new_size)
    paths.path_rename(system, fd, old, new_fd, new)
    return 0


def path_symlink(
    system: System, target: int, target_size: int, fd: int, path: int, size: int
) -> int:
    """Make a symbolic link."""
    old, new = system.memory.path(target, target_size), system.memory.path(path, size)
    paths.path_symlink(system, old, fd, new)
    return 0


def path_unlink_file(system: System, fd: int, path: int, size: int) -> int:
    """Remove a name of a file."""
    paths.path_unlink_file(system, fd, system.memory.path(path, size))
    return 0
