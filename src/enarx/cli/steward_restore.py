"""``enarx steward restore``: an empty database, filled from a backup."""

from __future__ import annotations

import click

from enarx.cli.exit import report_note
from enarx.cli.steward_database import Target, record_options
from enarx.errors import MisconfiguredError, UnavailableError


@click.command("restore")
@record_options
@click.argument("file")
def command(*, target: Target, file: str) -> None:
    """Fill an empty database from FILE: all of it, or nothing if the file is damaged.

    Do it before a Steward is started on that database.
    """
    try:
        source = open(file, "rb")  # noqa: PTH123, SIM115 - closed below
    except OSError as error:
        raise MisconfiguredError(file, (error.strerror or str(error)).lower()) from error
    with source, target.records() as engine:
        from enarx.steward.records import backup

        try:
            rows = backup.restore(engine, source, where=file)
        except OSError as error:
            raise UnavailableError(file, (error.strerror or str(error)).lower()) from error
    report_note(f"{file}: {sum(rows.values())} rows of {len(rows)} tables")
