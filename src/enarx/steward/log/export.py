"""The log as a directory that any web server can hand out; a later export adds what is new."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from enarx.errors import MalformedError, MisconfiguredError, UnauthenticError, UnavailableError
from enarx.transparency.checkpoint import open_checkpoint
from enarx.transparency.tiles import CHECKPOINT, tiles_between

if TYPE_CHECKING:
    from pathlib import Path

    from enarx.steward.log.log import Log

_MAX_BYTES = 1 << 16


def export(log: Log, directory: Path) -> int:
    """Write checkpoint and tiles below *directory*, the checkpoint last; the number of entries.

    Files appear whole, so the directory may be served meanwhile.  What an earlier export wrote is
    left as it is, once the log was seen to extend it.

    Raises:
        MisconfiguredError: another log is in the directory, or the log lost entries.
        UnavailableError: the database does not answer, or the directory cannot be written.
    """
    signed = log.checkpoint()
    size = open_checkpoint(signed, log.origin, (log.verifier,)).size
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for tile in tiles_between(_exported(log, directory), size):
            data = log.tile(tile)
            if data is None:
                raise MisconfiguredError("database", f"{tile.path} of the log is missing")
            _write(directory / tile.path, data)
        _write(directory / CHECKPOINT, signed)
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise UnavailableError(str(error.filename or directory), problem) from error
    return size


def _exported(log: Log, directory: Path) -> int:
    """How many entries are there already."""
    try:
        with (directory / CHECKPOINT).open("rb") as file:
            data = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return 0
    try:
        known = open_checkpoint(data, log.origin, (log.verifier,))
    except (MalformedError, UnauthenticError) as error:
        hint = "export into another directory"
        raise MisconfiguredError(
            str(directory), f"is of another log: {error}", hints=(hint,)
        ) from error
    log.must_extend(known)
    return known.size


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.urandom(8).hex()}.partial")
    try:
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
