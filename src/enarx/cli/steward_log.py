"""``enarx steward log``: name releases and packages in the log, export it, and say its key."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.cli.exit import report_note
from enarx.cli.steward_database import Target, record_options
from enarx.cli.stewarding import key_options, log_of, opener_of, state_directory
from enarx.errors import MalformedError, MisconfiguredError

if TYPE_CHECKING:
    from enarx.steward.authority.authority import Authority

_MAX_NAME = 160


@click.group("log")
def command() -> None:
    """Name releases and packages in the log, export it, and say its key.

    To check a log, as anybody can: enarx log.
    """


@command.command("add")
@record_options
@key_options
@click.argument("kind", type=click.Choice(("package", "release")))
@click.argument("name")
@click.argument("digest")
def add_command(
    *, target: Target, kind: str, name: str, digest: str, passphrase_file: str, pin_file: str
) -> None:
    """Put a package or release into the log: its NAME, and its DIGEST as sha256:….

    Whoever has it finds it in the log by that. The same one again changes nothing.
    """
    from enarx.protocol.claims import check_digest
    from enarx.steward.log.announcing import announce, of_thing
    from enarx.steward.records.database import retrying
    from enarx.transparency.leaf import SALT_BYTES

    try:
        check_digest(digest, "DIGEST")
    except MalformedError as error:
        raise MisconfiguredError("DIGEST", error.problem) from error
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise MisconfiguredError("NAME", f"want 1 to {_MAX_NAME} printable characters")
    directory = state_directory(target.state)
    with target.records() as engine:
        log = log_of(_authority(directory, passphrase_file, pin_file), engine, directory)
        salt = os.urandom(SALT_BYTES)
        number = retrying(
            engine,
            lambda connection: announce(
                connection,
                of_thing(kind, name, digest),
                log.append,
                now=int(time.time()),
                salt=salt,
            ),
        )
    click.echo(f"{kind} {name} {digest}: entry {number} of {log.origin}")


@command.command("export")
@record_options
@key_options
@click.argument("directory")
def export_command(*, target: Target, directory: str, passphrase_file: str, pin_file: str) -> None:
    """Write the log below DIRECTORY, as files that any web server can hand out.

    A later export adds what is new.
    """
    from enarx.steward.log.export import export

    state = state_directory(target.state)
    with target.records() as engine:
        log = log_of(_authority(state, passphrase_file, pin_file), engine, state)
        size = export(log, Path(directory))
    report_note(f"{directory}: {size} entries of {log.origin}")


@command.command("key")
@record_options
@key_options
def key_command(*, target: Target, passphrase_file: str, pin_file: str) -> None:
    """Print the log's key, for --key of `enarx log`."""
    state = state_directory(target.state)
    with target.records() as engine:
        click.echo(
            str(log_of(_authority(state, passphrase_file, pin_file), engine, state).verifier)
        )


def _authority(directory: str, passphrase_file: str, pin_file: str) -> Authority:
    from enarx.steward.authority.authority import load

    return load(directory, opener_of(directory, passphrase_file, pin_file))
