"""What the commands of ``enarx steward`` share: the state directory, and what opens its keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.cli.steward_database import state_directory, state_option
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from sqlalchemy import Engine

    from enarx.steward.authority.authority import Authority
    from enarx.steward.authority.opener import Opener
    from enarx.steward.log.log import Log

    Command = TypeVar("Command", bound=Callable[..., Any])

__all__ = ["MEMORY", "STATE", "key_options", "log_of", "opener_of", "state_directory"]

MEMORY = "checkpoint"
"""In the state directory: the newest checkpoint of the log, beside the database."""

STATE = state_option
_PASSPHRASE = click.option(
    "--passphrase-file",
    default="",
    metavar="FILE",
    help="What keys are encrypted with.  [default: a random one, in the state directory]",
)
_PIN = click.option("--pin-file", default="", metavar="FILE", help="PIN of the PKCS#11 token.")


def key_options(command: Command) -> Command:
    """Give *command* the options ``passphrase_file`` and ``pin_file``."""
    return _PASSPHRASE(_PIN(command))


def opener_of(directory: str, passphrase_file: str, pin_file: str) -> Opener:
    """What opens the authority in *directory*.

    Raises:
        MisconfiguredError: a file is not there or not private, or the extra is not installed.
    """
    try:
        from enarx.steward.authority.opener import opener_from_files
    except ModuleNotFoundError as error:
        hint = "pip install 'enarx[steward]'"
        raise MisconfiguredError(
            f"module {error.name}", "is not installed", hints=(hint,)
        ) from error
    return opener_from_files(directory, passphrase_file=passphrase_file, pin_file=pin_file)


def log_of(authority: Authority, engine: Engine, directory: str) -> Log:
    """The log of a Steward, which is what it told others that it is.

    Raises:
        MisconfiguredError: it lost entries, or has others than it once had.
        UnavailableError: the database or the state directory cannot be read.
    """
    from enarx.steward.log.log import Log
    from enarx.steward.log.memory import FileMemory

    log = Log(engine, f"{authority.trust_domain}/log", authority.log_key)
    log.remember(FileMemory(Path(f"{directory}/{MEMORY}")))
    return log
