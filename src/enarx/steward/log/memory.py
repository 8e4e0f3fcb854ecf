"""What a log told others, kept in a file beside the database: a database can be put back."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.transparency.checkpoint import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BYTES = 1 << 16


class Memory(Protocol):
    """Where the newest checkpoint is kept, beside the database and not in it."""

    def load(self) -> bytes | None:
        """The checkpoint of the largest size that was ever saved; None if none was."""
        ...

    def save(self, checkpoint: bytes) -> None:
        """Keep *checkpoint* durably, unless one of its size or a larger one is there."""
        ...


class FileMemory:
    """One file, which threads and processes of one machine may share; a lock lies beside it."""

    def __init__(self, path: Path) -> None:
        """The file *path*, in a directory that is there and that only the service may write."""
        self._path = path

    def load(self) -> bytes | None:
        """What was saved last, or None.

        Raises:
            MisconfiguredError: the file is no checkpoint.
            UnavailableError: it cannot be read.
        """
        with self._available():
            try:
                with self._path.open("rb") as file:
                    data = file.read(_MAX_BYTES)
            except FileNotFoundError:
                return None
        self._size(data)
        return data

    def save(self, checkpoint: bytes) -> None:
        """Put *checkpoint* on the disk, unless one of its size or a larger one is there.

        Raises:
            MisconfiguredError, UnavailableError: as ``load``; or it cannot be written.
        """
        with self._available(), self._locked():
            known = self.load()
            if known is not None and self._size(known) >= self._size(checkpoint):
                return
            aside = self._path.with_name(f"{self._path.name}.new")
            with suppress(FileNotFoundError):
                aside.unlink()  # of somebody who was stopped; only who has the lock writes it
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(checkpoint)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(self._path)
            self._sync_directory()

    def _size(self, data: bytes) -> int:
        try:
            return parse(data.decode().partition("\n\n")[0] + "\n").size
        except (MalformedError, UnicodeDecodeError) as error:
            hint = "restore it: it says what the log has told others"
            raise MisconfiguredError(str(self._path), "is no checkpoint", hints=(hint,)) from error

    def _sync_directory(self) -> None:
        fd = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._path.with_name(f"{self._path.name}.lock")
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            problem = (error.strerror or str(error)).lower()
            raise UnavailableError(str(self._path), problem) from error
