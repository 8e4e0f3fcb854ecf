"""What the commands of ``enarx steward`` share: the state directory, and what opens its keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.adapters.private_files import OTHERS, base_directory, open_directory
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from enarx.steward.authority.opener import Opener

    Command = TypeVar("Command", bound=Callable[..., Any])

STATE = click.option(
    "--state",
    metavar="DIR",
    default="",
    help="State directory.  [default: ~/.local/state/enarx/steward]",
)
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


def state_directory(chosen: str) -> str:
    """The absolute state directory of a Steward, private; made if need be.

    Raises:
        MisconfiguredError: others may read or change it.
        UnavailableError: it cannot be used.
    """
    base = base_directory(os.environ, "XDG_STATE_HOME", ".local/state")
    path = str(Path(chosen or f"{base}/enarx/steward").absolute())
    try:
        os.close(open_directory(path, OTHERS))
    except PermissionError as error:
        hint = f"only you may have access to it: chmod 700 {path}"
        raise MisconfiguredError(path, "not private", hints=(hint,)) from error
    except OSError as error:
        raise UnavailableError(path, str(error.strerror).lower()) from error
    return path


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
