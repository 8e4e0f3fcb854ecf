"""The newest checkpoint that was seen of each log: what it must extend the next time.

<id>.checkpoint              the signed note; <id> stands for the origin
<id>.fork-<n>-known, -shown  two notes of one log that contradict each other: proof against it
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from enarx.adapters.private_files import (
    OTHERS_WRITE,
    base_directory,
    open_directory,
    read_small,
    write_small,
)
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.transparency.note import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ID_DIGITS = 32
_FORK_DIGITS = 16


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a user's state, for *environ*."""
    base = base_directory(environ, "XDG_STATE_HOME", os.path.join(".local", "state"))
    return os.path.join(base, "enarx", "checkpoints")


class CheckpointMemory:
    """The files in one directory, which is the user's alone."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def path(self, origin: str) -> str:
        """The file of the log *origin*."""
        return os.path.join(self._directory, _name(origin))

    def load(self, origin: str) -> bytes | None:
        """The checkpoint that was seen last of *origin*; None if none was.

        Raises:
            MisconfiguredError: the file is too long to be one.
            UnavailableError: it cannot be read, or others may write it.
        """
        with self._opened() as fd:
            try:
                return read_small(fd, _name(origin), MAX_BYTES, OTHERS_WRITE)
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise MisconfiguredError(self.path(origin), "is damaged: too long") from error

    def save(self, origin: str, checkpoint: bytes, *, instead_of: bytes | None) -> bool:
        """Remember *checkpoint* if *instead_of* is what is remembered still; whether it was.

        Raises:
            UnavailableError: it cannot be written.
        """
        with self._opened() as fd:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self.load(origin) != instead_of:
                return False
            write_small(fd, _name(origin), checkpoint)
            return True

    def keep(self, origin: str, known: bytes, shown: bytes) -> tuple[str, str]:
        """Keep two checkpoints that contradict each other; the paths of their files.

        Raises:
            UnavailableError: they cannot be written.
        """
        number = sha256(known + shown).hexdigest()[:_FORK_DIGITS]
        names = [f"{_id(origin)}.fork-{number}-{which}" for which in ("known", "shown")]
        with self._opened() as fd:
            for name, note in zip(names, (known, shown), strict=True):
                write_small(fd, name, note)
        first, second = (os.path.join(self._directory, name) for name in names)
        return first, second

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            fd = open_directory(self._directory, OTHERS_WRITE)
            try:
                yield fd
            finally:
                os.close(fd)
        except OSError as error:
            problem = str(error.strerror or error).lower()
            raise UnavailableError(self._directory, problem) from error


def _id(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()[:_ID_DIGITS]


def _name(origin: str) -> str:
    return f"{_id(origin)}.checkpoint"
