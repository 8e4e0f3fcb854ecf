"""What all of ``enarx steward`` share: the state directory, the database, the authority's keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_file
from enarx.adapters.private_files import OTHERS, base_directory, open_directory
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from enarx.steward.authority.authority import Authority

DATABASE = "steward.sqlite"
MEMORY = "checkpoint"
LOG_NAME = "log"

_MAX_URL = 4096

state_option = click.option(
    "--state",
    metavar="DIR",
    default="",
    help="State directory.  [default: ~/.local/state/enarx/steward]",
)
database_option = click.option(
    "--database-url-file",
    metavar="FILE",
    default="",
    help="File with the URL of a PostgreSQL database.  [default: SQLite in the state directory]",
)
passphrase_option = click.option(
    "--passphrase-file",
    metavar="FILE",
    default="",
    help="What the authority's keys are encrypted with.  [default: made in the state directory]",
)
pin_option = click.option(
    "--pin-file", metavar="FILE", default="", help="PIN of the hardware module, if there is one."
)


def state_directory(chosen: str) -> str:
    """The absolute state directory, private; made if need be.

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


def database_url(directory: str, url_file: str) -> str:
    """The URL in *url_file*, or of SQLite in *directory*.

    Raises:
        MisconfiguredError: the file is not there, others may read it, or it has no URL.
    """
    if not url_file:
        return f"sqlite:///{directory}/{DATABASE}"
    if not Path(url_file).is_file():
        raise MisconfiguredError("--database-url-file", f"no file {url_file}")
    if Path(url_file).stat().st_mode & 0o077:
        hint = f"it may have a password: chmod 600 {url_file}"
        raise MisconfiguredError("--database-url-file", "others may read it", hints=(hint,))
    return read_file(url_file, _MAX_URL).decode("utf-8", "replace").strip()


def open_records(directory: str, url_file: str) -> Engine:
    """The database, with all tables.

    Raises:
        MisconfiguredError, UnavailableError: it cannot be used; or the role is not installed.
    """
    try:
        from enarx.steward import tables
        from enarx.steward.records.database import open_engine
        from enarx.steward.records.migrations import migrate
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    engine = open_engine(database_url(directory, url_file))
    tables.load()
    migrate(engine)
    return engine


def open_authority(directory: str, passphrase_file: str, pin_file: str) -> Authority:
    """The authority in *directory*.

    Raises:
        MisconfiguredError: there is none, or its keys cannot be opened.
    """
    from enarx.steward.authority.authority import load
    from enarx.steward.authority.opener import opener_from_files

    return load(
        directory, opener_from_files(directory, passphrase_file=passphrase_file, pin_file=pin_file)
    )


def log_origin(authority: Authority) -> str:
    """What the Steward's log calls itself."""
    return f"{authority.trust_domain}/{LOG_NAME}"


def not_installed(error: ModuleNotFoundError) -> MisconfiguredError:
    """What to tell whoever lacks the role's packages."""
    hint = "pip install 'enarx[steward]'"
    return MisconfiguredError(f"module {error.name}", "is not installed", hints=(hint,))
