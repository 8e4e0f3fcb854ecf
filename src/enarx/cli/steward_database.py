"""Which database an ``enarx steward`` command is about: a state directory's, or one at a URL."""

from __future__ import annotations

import functools
import os
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* --state and --database-url-file, collected into its argument ``target``."""

    @functools.wraps(command)
    def collected(*, state: str, database_url_file: str, **values: Any) -> Any:  # noqa: ANN401
        return command(target=Target(state=state, url_file=database_url_file), **values)

    return state_option(database_option(collected))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The database that a command is for, as its options say; empty for what is not said."""

    state: str
    url_file: str

    @contextmanager
    def records(self) -> Iterator[Engine]:
        """The records, until the block is left.

        Raises:
            MisconfiguredError, UnavailableError: as `state_directory` and `open_records`.
        """
        engine = open_records(state_directory(self.state), self.url_file)
        try:
            yield engine
        finally:
            engine.dispose()


def now() -> int:
    """Seconds since 1970, as the records have them."""
    return int(time.time())


def date(seconds: int) -> str:
    """A day, for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def state_directory(chosen: str) -> str:
    """The absolute state directory, private; made if need be.

    Raises:
        MisconfiguredError: others may read or change it.
        UnavailableError: it cannot be used.
    """
    return hosting.state_directory(chosen, role="steward")


def database_url(directory: str, url_file: str) -> str:
    """Where the records are: the URL in *url_file*, or SQLite in the state *directory*.

    A URL may hold a password, so it is in no argument and in no variable, which others can see.

    Raises:
        MisconfiguredError: the file is not private, or holds no URL.
        UnavailableError: it cannot be read.
    """
    if url_file:
        return _read_url(url_file)
    if "?" in directory:  # begins the parameters of a URL
        raise MisconfiguredError("--state", "its path must not contain '?'")
    return f"sqlite:///{directory}/{DATABASE}"


def open_records(directory: str, url_file: str) -> Engine:
    """The records, with the tables of all parts as this version wants them.

    Args:
        directory: the state directory.
        url_file: the file with the database's URL, or empty.

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
    engine = open_engine(database_url(directory, url_file))
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


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
