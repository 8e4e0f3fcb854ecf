"""``enarx steward backup``: everything in the database, as one file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

import click

from enarx.adapters.private_files import aside_of, create, remove
from enarx.cli.exit import report_note
from enarx.cli.steward_database import Target, record_options
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@click.command("backup")
@record_options
@click.argument("file")
def command(*, target: Target, file: str) -> None:
    """Write everything in the database to FILE, which must not be there, as of one moment.

    A Steward may be at work. Keys are not in the database: keep the state directory's key files
    apart. FILE is readable for you only, and can be restored to either kind of database.
    """
    with target.records() as engine:
        from enarx.steward.records import backup

        rows = _write_new(file, lambda out: backup.dump(engine, out, where=file))
    report_note(f"{file}: {sum(rows.values())} rows of {len(rows)} tables")


def _write_new(path: str, write: Callable[[BinaryIO], Mapping[str, int]]) -> Mapping[str, int]:
    """Write a file aside and put it in place when it is whole and on the disk."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - descriptors, not paths
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _put(directory, name, write)
        finally:
            os.close(directory)
    except FileExistsError as error:
        raise MisconfiguredError(path, "does already exist") from error
    except OSError as error:
        raise UnavailableError(path, (error.strerror or str(error)).lower()) from error


def _put(
    directory: int, name: str, write: Callable[[BinaryIO], Mapping[str, int]]
) -> Mapping[str, int]:
    if name in os.listdir(directory):
        raise FileExistsError
    aside = aside_of(name)
    with os.fdopen(create(directory, aside), "wb") as file:
        try:
            result = write(file)
            file.flush()
            os.fsync(file.fileno())
            os.link(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
        finally:
            remove(directory, aside)
    os.fsync(directory)
    return result
