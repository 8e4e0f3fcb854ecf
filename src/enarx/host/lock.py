"""One process for each state directory: a lock that the kernel releases with its holder."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager

from enarx.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_NOTE = 4096


class AlreadyRunningError(UnavailableError):
    """Another process holds the lock; *note* is what it has written there."""

    def __init__(self, path: str, who: str, note: str) -> None:
        super().__init__(path, f"{who} runs already: {note}")
        self.note = note


def take(path: str) -> int | None:
    """Lock the file at *path*, and return its descriptor; None if another process holds it.

    The lock is the descriptor's: a child that inherits it holds the lock as well.

    Raises:
        UnavailableError: the file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise UnavailableError(path, str(error.strerror).lower()) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    os.ftruncate(fd, 0)  # the note of who held it before
    return fd


@contextmanager
def hold(path: str, who: str, *, taken: int = -1) -> Iterator[Lock]:
    """Hold the lock at *path* for *who*; *taken* is its descriptor if whoever started us took it.

    Raises:
        AlreadyRunningError: another process holds it.
        UnavailableError: the file cannot be made.
    """
    fd = take(path) if taken < 0 else taken
    if fd is None:
        raise AlreadyRunningError(path, who, read_note(path))
    try:
        os.set_inheritable(fd, False)  # noqa: FBT003 - takes no keyword
        lock = Lock(fd)
        lock.note(f"process {os.getpid()}")
        yield lock
    finally:
        os.close(fd)


class Lock:
    """A lock that is held."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def note(self, text: str) -> None:
        """Write who holds it, for whoever comes later."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)


def is_held(path: str) -> bool:
    """Whether a process holds the lock at *path* now."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def read_note(path: str) -> str:
    """What the holder has written at *path*."""
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_NOTE).decode("utf-8", "replace")
    except OSError:
        return ""
