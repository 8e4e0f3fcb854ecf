"""What every ``enarx steward`` command shares: the state directory, and the records."""

from __future__ import annotations

import functools
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from enarx.cli import hosting
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

DATABASE = "steward.sqlite"
"""In the state directory, where no other database is chosen."""

_MAX_URL = 4096
_GROUP_READS = 0o040
_ROOT = 0

_OPTIONS = (
    click.option("--state", metavar="DIR", default="",
                 help="State directory.  [default: ~/.local/state/enarx/steward]"),
    click.option("--database-url-file", "url_file", metavar="FILE", default="",
                 help="A file with the URL of a PostgreSQL database, instead of a file in DIR."),
)  # fmt: skip


def state_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* --state and --database-url-file: its arguments ``state`` and ``url_file``."""
    return functools.reduce(lambda found, option: option(found), reversed(_OPTIONS), command)


def state_directory(chosen: str) -> str:
    """The absolute state directory, private; made if need be.

    Raises:
        MisconfiguredError: others may read or change it.
        UnavailableError: it cannot be used.
    """
    return hosting.state_directory(chosen, role="steward")


def database_url(directory: str, chosen: str) -> str:
    """Where the records are: the URL in the file *chosen*, or SQLite in the state *directory*.

    A URL may hold a password, so it is in no argument and in no variable, which others can see.

    Raises:
        MisconfiguredError: the file is not private, or holds no URL.
        UnavailableError: it cannot be read.
    """
    if chosen:
        return _read_url(chosen)
    if "?" in directory:  # begins the parameters of a URL
        raise MisconfiguredError("--state", "its path must not contain '?'")
    return f"sqlite:///{directory}/{DATABASE}"


def open_records(directory: str, chosen: str) -> Engine:
    """The records, with the tables of all parts as this version wants them.

    Args:
        directory: the state directory.
        chosen: the file with the database's URL, or empty.

    Raises:
        MisconfiguredError: the role is not installed, the URL is wrong, or the database is newer.
        UnavailableError: the database does not answer.
    """
    try:
        from enarx.steward.parts import import_tables
        from enarx.steward.records.database import open_engine
        from enarx.steward.records.migrations import migrate

        import_tables()
    except ModuleNotFoundError as error:
        raise MisconfiguredError(
            f"module {error.name}", "is not installed", hints=("pip install 'enarx[steward]'",)
        ) from error
    engine = open_engine(database_url(directory, chosen))
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def records(state: str, url_file: str) -> Iterator[Engine]:
    """The records that the options of a command name, until the block is left.

    Raises:
        MisconfiguredError, UnavailableError: as `state_directory` and `open_records`.
    """
    engine = open_records(state_directory(state), url_file)
    try:
        yield engine
    finally:
        engine.dispose()


def _read_url(path: str) -> str:
    try:
        data = _read_private(path)
    except FileNotFoundError as error:
        raise MisconfiguredError(path, "no such file") from error
    except PermissionError as error:
        hint = f"only you may have access to it: chmod 600 {path}"
        problem = (error.strerror or str(error)).lower()
        raise MisconfiguredError(path, problem, hints=(hint,)) from error
    except OSError as error:
        raise UnavailableError(path, (error.strerror or str(error)).lower()) from error
    text = data.decode("utf-8", "replace").strip()
    if len(data) > _MAX_URL or not text or not text.isprintable():
        raise MisconfiguredError(path, "want one line, the URL of a database")
    return text


def _read_private(path: str) -> bytes:
    """Read a file of the user's own, or one that root hands to the user's group.

    The latter is how secrets are mounted into containers.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        others = stat.S_IRWXG | stat.S_IRWXO
        if status.st_uid == _ROOT:
            others &= ~_GROUP_READS
        if status.st_uid not in {_ROOT, os.geteuid()} or status.st_mode & others:
            raise PermissionError("not private")
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError("not a regular file")
        return os.read(fd, _MAX_URL + 1)
    finally:
        os.close(fd)
