"""Small files in a directory that is the user's alone: no symbolic link, no half-written file.

What others may write here would be trusted as the user's own, so the directory and each file must
belong to the user, and others must not have the rights that the caller names.  Files are written
aside and put in place whole: readers and other writers never see a part.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OTHERS_WRITE = 0o022
"""Rights that nobody else may have to what need not be secret."""

OTHERS = 0o077
"""Rights that nobody else may have to a secret."""

ASIDE = ".partial"
"""How the name of a file that is not yet in place ends."""


def base_directory(environ: Mapping[str, str], variable: str, default: str) -> str:
    """The XDG base directory *variable* of *environ*, or *default* below the home directory."""
    base = environ.get(variable, "")
    if os.path.isabs(base):  # the specification: relative paths are ignored
        return base
    return os.path.join(environ.get("HOME") or os.path.expanduser("~"), default)


def open_directory(path: str, others: int) -> int:
    """Open directory *path*, making it if need be.

    Raises:
        OSError: it cannot be made or opened, or others have one of the rights *others* to it.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(path, 0o700)
        fd = os.open(path, flags)
    try:
        _check_owned(os.fstat(fd), others)
    except OSError:
        os.close(fd)
        raise
    return fd


def open_owned(directory: int, name: str, others: int) -> int:
    """Open a regular file of the user's own, to which nobody else has the rights *others*.

    Raises:
        OSError: it is not there, or not that.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=directory)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError("not a regular file")
        _check_owned(status, others)
    except OSError:
        os.close(fd)
        raise
    return fd


def read_small(directory: int, name: str, most: int, others: int) -> bytes:
    """Read a file of at most *most* bytes.

    Raises:
        OSError: as ``open_owned``.
        ValueError: it is longer.
    """
    fd = open_owned(directory, name, others)
    try:
        data = os.read(fd, most + 1)
    finally:
        os.close(fd)
    if len(data) > most:
        raise ValueError("too long")
    return data


def write_small(directory: int, name: str, data: bytes, *, replace: bool = True) -> None:
    """Write a file aside and put it in place; without *replace*, only if there is none.

    Raises:
        OSError: the disk is full, or the directory cannot be written.
    """
    aside = aside_of(name)
    fd = create(directory, aside)
    try:
        written = os.write(fd, data)
    finally:
        os.close(fd)
    if written != len(data):  # what fitted on the disk
        remove(directory, aside)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if replace:
        os.rename(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
        return
    with suppress(FileExistsError):  # another process was faster; its file counts
        os.link(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
    remove(directory, aside)


def aside_of(name: str) -> str:
    """A name, never used before, for what will be called *name*."""
    return f"{name}.{os.urandom(8).hex()}{ASIDE}"


def create(directory: int, name: str) -> int:
    """Make a file that only the user can read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=directory)


def remove(directory: int, name: str) -> None:
    """Remove a file if it is there and can be."""
    with suppress(OSError):
        os.unlink(name, dir_fd=directory)


def _check_owned(status: os.stat_result, others: int) -> None:
    """Refuse what belongs to another user or others may touch."""
    if status.st_uid != os.geteuid() or status.st_mode & others:
        raise PermissionError("not the user's alone")
