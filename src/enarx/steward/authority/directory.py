"""The directory of an authority: small files, private, whole, and on the disk when a call returns.

A file is written aside, flushed, put in place, and its name flushed: whoever is killed in between,
or loses power, finds the old file or the new one.  One process at a time changes the directory;
any number read it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1 << 20

_OURS = "authority"
_LOCK = "authority.lock"
_ASIDE = ".partial"
_OTHERS = 0o077


class PrivateDirectory:
    """Directory *path*, which must be there, and be the user's alone.

    Raises:
        MisconfiguredError: it is not there, or others have rights to it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with self._opened():
            pass

    def __contains__(self, name: str) -> bool:
        return self.stamp(name) is not None

    def place(self, name: str) -> str:
        """What errors call file *name*."""
        return f"{self.path}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is none.
            MisconfiguredError: others have rights to it, or it is no file of ours.
            UnavailableError: it cannot be read.
        """
        with self._opened() as directory:
            try:
                return _read(directory, name, self.place(name))
            except FileNotFoundError:
                raise
            except OSError as error:
                raise _unavailable(self.place(name), error) from error

    def put(self, name: str, data: bytes) -> None:
        """Put a file in place, instead of one that is there.

        Raises:
            UnavailableError: it cannot be written; the old one is still there.
        """
        aside = f"{name}.{os.urandom(8).hex()}{_ASIDE}"
        with self._opened() as directory:
            try:
                _write(directory, aside, data)
                os.rename(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
                os.fsync(directory)
            except OSError as error:
                with suppress(OSError):
                    os.unlink(aside, dir_fd=directory)
                raise _unavailable(self.place(name), error) from error

    def forget(self, prefix: str, ending: str, *, keep: frozenset[str]) -> None:
        """Remove files that begin and end so and are not in *keep*, and half-written ones.

        The caller holds the lock, so nobody else is writing them.
        """
        with self._opened() as directory:
            for name in os.listdir(directory):  # noqa: PTH208 - of a descriptor
                unused = name.startswith(prefix) and name.endswith(ending) and name not in keep
                if unused or (name.startswith(_OURS) and name.endswith(_ASIDE)):
                    with suppress(OSError):
                        os.unlink(name, dir_fd=directory)

    def stamp(self, name: str) -> tuple[int, int] | None:
        """What differs whenever *name* was put in place again; None if it is not there."""
        with self._opened() as directory:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return found.st_ino, found.st_mtime_ns

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the directory.

        Raises:
            UnavailableError: another process does.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._opened() as directory:
            lock = os.open(_LOCK, flags, 0o600, dir_fd=directory)
        try:
            _take(lock, self.path)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            problem = str(error.strerror).lower()
            hint = "make an authority there: enarx steward ca init"
            raise MisconfiguredError(self.path, problem, hints=(hint,)) from error
        try:
            _check(os.fstat(fd), self.path, "700")
            yield fd
        finally:
            os.close(fd)


def read_private(path: str, *, most: int) -> bytes:
    """The content of a file that is the user's alone, of at most *most* bytes.

    Raises:
        MisconfiguredError: it is not there, not private, or longer.
    """
    try:
        data = _read(None, path, path)
    except OSError as error:
        raise MisconfiguredError(path, str(error.strerror).lower()) from error
    if len(data) > most:
        raise MisconfiguredError(path, f"want at most {most} bytes")
    return data


def _take(lock: int, place: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait for the other `enarx steward ca` to end"
        raise UnavailableError(place, "is being changed", hints=(hint,)) from error


def _read(directory: int | None, name: str, place: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise MisconfiguredError(place, "not a file")
        _check(status, place, "600")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise MisconfiguredError(place, f"want at most {MAX_BYTES} bytes")
    return data


def _write(directory: int, name: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=directory), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _check(status: os.stat_result, place: str, mode: str) -> None:
    if status.st_uid not in {os.geteuid(), 0} or status.st_mode & _OTHERS:
        hint = f"only you may have access to it: chmod {mode} {place}"
        raise MisconfiguredError(place, "others have rights to it", hints=(hint,))


def _unavailable(place: str, error: OSError) -> UnavailableError:
    return UnavailableError(place, str(error.strerror or error).lower())
