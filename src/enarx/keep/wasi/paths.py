"""What the ``path_*`` functions do: a folder's right, a resolved path, one operation of the tree.

Arguments come decoded: paths as bytes, times chosen.  Failures are ``OSError`` with the errno Linux
gives for the call of the same name, or ``WasiError`` where only WASI has a number (NOTCAPABLE).

Source: WASI preview 1 witx, snapshot wasi_snapshot_preview1; where it is silent, Linux and the
wasi-testsuite.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import Directory, Symlink, os_error
from enarx.keep.vfs.resolve import check, resolve, resolve_entry
from enarx.keep.wasi import abi
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.opening import open_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System
    from enarx.keep.vfs.node import Node, Stat
    from enarx.keep.vfs.resolve import Found


def path_create_directory(system: System, fd: int, path: bytes) -> None:
    """Make a directory; a trailing slash is welcome."""
    found = resolve_entry(_folder(system, fd, abi.PATH_CREATE_DIRECTORY), path)
    if found.node is not None:
        raise os_error(errno.EEXIST)
    found.parent.make_directory(found.name)


def path_filestat_get(system: System, fd: int, flags: int, path: bytes) -> Stat:
    """Return the attributes of what *path* names."""
    return _existing(_folder(system, fd, abi.PATH_FILESTAT_GET), flags, path).stat()


def path_filestat_set_times(
    system: System,
    fd: int,
    flags: int,
    path: bytes,
    atim: int | None,
    mtim: int | None,
) -> None:
    """Set those of the times that are not None."""
    folder = _folder(system, fd, abi.PATH_FILESTAT_SET_TIMES)
    _existing(folder, flags, path).set_times(atim, mtim)


def path_link(
    system: System, old_fd: int, old_flags: int, old_path: bytes, new_fd: int, new_path: bytes
) -> None:
    """Give a file or a link another name; following a link first is EINVAL, as in wasmtime."""
    old_folder = _folder(system, old_fd, abi.PATH_LINK_SOURCE)
    new_folder = _folder(system, new_fd, abi.PATH_LINK_TARGET)
    if old_flags:
        raise os_error(errno.EINVAL)
    node = _existing(old_folder, 0, old_path)
    new = _free(new_folder, new_path)
    new.parent.link(new.name, node)


def path_open(
    system: System,
    fd: int,
    dirflags: int,
    path: bytes,
    oflags: int,
    rights_base: int,
    rights_inheriting: int,
    fdflags: int,
) -> int:
    """Open a file or folder; return its descriptor's number."""
    base = _descriptor(system, fd, abi.PATH_OPEN)
    opened = open_path(
        base,
        path,
        follow=_follow(dirflags),
        oflags=oflags,
        fdflags=fdflags,
        rights=(rights_base, rights_inheriting),
    )
    try:
        return system.descriptors.insert(opened)
    except OSError:
        opened.close()
        raise


def path_readlink(system: System, fd: int, path: bytes) -> bytes:
    """Return the whole target of a link; EINVAL for anything else."""
    node = _existing(_folder(system, fd, abi.PATH_READLINK), 0, path)
    if not isinstance(node, Symlink):
        raise os_error(errno.EINVAL)
    return node.readlink()


def path_remove_directory(system: System, fd: int, path: bytes) -> None:
    """Remove an empty directory; a trailing slash is welcome."""
    found = _removable(_folder(system, fd, abi.PATH_REMOVE_DIRECTORY), path)
    if found.is_dot:
        raise os_error(errno.EINVAL if found.name == b"." else errno.ENOTEMPTY)
    found.parent.remove_directory(found.name)


def path_rename(system: System, old_fd: int, old_path: bytes, new_fd: int, new_path: bytes) -> None:
    """Move an entry; trailing slashes are welcome if it is a directory."""
    old_folder = _folder(system, old_fd, abi.PATH_RENAME_SOURCE)
    new_folder = _folder(system, new_fd, abi.PATH_RENAME_TARGET)
    old = resolve_entry(old_folder, old_path)
    new = resolve_entry(new_folder, new_path)
    if old.is_dot or new.is_dot:
        raise os_error(errno.EBUSY)
    if old.node is None:
        raise os_error(errno.ENOENT)
    if not isinstance(old.node, Directory) and (old.trailing_slash or new.trailing_slash):
        raise os_error(errno.ENOTDIR)
    old.parent.rename(old.name, new.parent, new.name)


def path_symlink(system: System, target: bytes, fd: int, path: bytes) -> None:
    """Make a link; an absolute target is EPERM, because it could never be followed."""
    folder = _folder(system, fd, abi.PATH_SYMLINK)
    check(target)
    new = _free(folder, path)
    new.parent.make_symlink(new.name, target)


def path_unlink_file(system: System, fd: int, path: bytes) -> None:
    """Remove the name of a file or link."""
    found = _removable(_folder(system, fd, abi.PATH_UNLINK_FILE), path)
    if isinstance(found.node, Directory):
        raise os_error(errno.EISDIR)
    if found.trailing_slash:
        raise os_error(errno.ENOTDIR)
    found.parent.unlink(found.name)


def _descriptor(system: System, fd: int, right: int) -> DirectoryDescriptor:
    """Return the folder numbered *fd* if it has *right*; ENOTDIR if it is something else."""
    descriptor = system.descriptors.get(fd)
    if not isinstance(descriptor, DirectoryDescriptor):
        raise os_error(errno.ENOTDIR)
    descriptor.require(right)
    return descriptor


def _folder(system: System, fd: int, right: int) -> Directory:
    """Return the directory behind *fd*."""
    return _descriptor(system, fd, right).directory


def _follow(flags: int) -> bool:
    """Return whether a last link is followed; EINVAL for flags nobody knows."""
    if flags & ~abi.SYMLINK_FOLLOW:
        raise os_error(errno.EINVAL)
    return bool(flags)


def _existing(folder: Directory, flags: int, path: bytes) -> Node:
    """Return what *path* names; ENOENT."""
    node = resolve(folder, path, follow=_follow(flags)).node
    if node is None:
        raise os_error(errno.ENOENT)
    return node


def _free(folder: Directory, path: bytes) -> Found:
    """Return the place for a new file or link; EEXIST, and ENOENT after a trailing slash."""
    found = resolve_entry(folder, path)
    if found.node is not None:
        raise os_error(errno.EEXIST)
    if found.trailing_slash:
        raise os_error(errno.ENOENT)
    return found


def _removable(folder: Directory, path: bytes) -> Found:
    """Return the entry to remove; ENOENT."""
    found = resolve_entry(folder, path)
    if found.node is None:
        raise os_error(errno.ENOENT)
    return found
