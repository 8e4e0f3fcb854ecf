"""The Steward's durable facts: one database that every instance shares, SQLite or PostgreSQL.

Writers follow one another, in every process and on every machine: SQLite's ``BEGIN IMMEDIATE``,
and in PostgreSQL a lock on one table that is taken before anything is read.  A log has one next
entry and a nonce one use, so whoever writes would have to wait at that place anyway; here nobody
computes in vain first.  Readers see one state of all tables and wait for nobody.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)

from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

_Result = TypeVar("_Result")

metadata = sa.MetaData()
"""Every table of the Steward; a part adds its own in its ``tables.py``."""

POSTGRESQL = "postgresql+psycopg"
SQLITE = "sqlite"

_BUSY_S = 10.0
_ATTEMPTS = 8
_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATE of serialisation failure, deadlock, lock not available (PostgreSQL, appendix A)."""

_WRITES = "enarx_writes"
_writer = sa.Table("steward_writer", metadata, sa.Column("holder", sa.Integer))
"""Has no rows: to hold its lock is to be the one who writes (PostgreSQL)."""


def open_engine(url: str, *, connections: int = 8) -> Engine:
    """The database at *url*: ``sqlite:////absolute/path`` or ``postgresql+psycopg://…``.

    The file of an SQLite database is made, for its owner only, where there is none.  Nothing else
    is asked of the database before the first transaction.

    Raises:
        MisconfiguredError: *url* is neither.
        UnavailableError: the file cannot be made.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise MisconfiguredError("database", "the URL cannot be read", hints=_URLS) from error
    if parsed.drivername == SQLITE and Path(parsed.database or "").is_absolute():
        _make_private(str(parsed.database))
        engine = sa.create_engine(
            parsed, pool_size=connections, max_overflow=0, connect_args={"timeout": _BUSY_S}
        )
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begin)
        return engine
    if parsed.drivername == POSTGRESQL:
        return sa.create_engine(
            parsed, pool_size=connections, max_overflow=0, pool_pre_ping=True, pool_timeout=_BUSY_S
        )
    raise MisconfiguredError("database", f"got {parsed.drivername}", hints=_URLS)


_URLS = ("sqlite:////absolute/path, or postgresql+psycopg://user@host/database",)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction in which nobody else writes: all of the block, or nothing of it.

    What it did is on the disk when the block has been left.  Read, decide and write inside; a
    block may be run again by `retrying`, so it must have no effect but on the connection.

    Raises:
        UnavailableError: the database does not answer, or is busy for too long.
    """
    with available(engine), engine.connect() as connection:
        marked = connection.execution_options(**{_WRITES: True})
        with marked.begin():
            if engine.dialect.name == "postgresql":
                marked.exec_driver_sql(f"LOCK TABLE {_writer.name} IN EXCLUSIVE MODE")
            yield marked


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One state of all tables, in which nothing can be written.

    Raises:
        UnavailableError: the database does not answer.
    """
    with available(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(  # noqa: PLW2901 - the same one, marked
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection.begin():
            yield connection


def retrying(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    """The result of *work* in a committed transaction, tried anew where others were faster.

    Raises:
        UnavailableError: the database does not answer, or never let this transaction through.
        Exception: whatever *work* raises; then nothing was written.
    """
    for left in reversed(range(_ATTEMPTS)):
        try:
            with writing(engine) as connection:
                return work(connection)
        except UnavailableError as error:
            if not left or not _may_try_again(error.__cause__):
                raise
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


@contextmanager
def available(engine: Engine) -> Iterator[None]:
    """Tell failures of the database from mistakes in what it was asked, which are bugs.

    Raises:
        UnavailableError: it does not answer.
        MisconfiguredError: its user may not do what a Steward must.
    """
    what = engine.url.render_as_string(hide_password=True)
    try:
        yield
    except (IntegrityError, ProgrammingError) as error:
        if getattr(error.orig, "sqlstate", None) != _FORBIDDEN:
            raise
        raise MisconfiguredError(what, _first_line(error), hints=(_OWNER,)) from error
    except (DBAPIError, sa.exc.TimeoutError) as error:
        raise UnavailableError(what, _first_line(error)) from error


_FORBIDDEN = "42501"
"""SQLSTATE of insufficient privilege (PostgreSQL, appendix A)."""

_OWNER = "let its user own the database: ALTER DATABASE name OWNER TO user"


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0].lower() if lines else "no answer"


def _may_try_again(cause: BaseException | None) -> bool:
    if not isinstance(cause, DatabaseError):
        return False
    state = getattr(cause.orig, "sqlstate", None)
    return state in _AGAIN or "database is locked" in str(cause.orig)


def _connected(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    """Every commit is on the disk when it returns; transactions begin where we say (SQLite)."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.cursor().execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_private(path: str) -> None:
    """Make an empty file if there is none.

    One that is there is not opened: to close it would drop the locks of every other connection
    that this process has to it (fcntl(2)), and SQLite relies on them.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise UnavailableError(path, os.strerror(errno.EINVAL).lower()) from None
    except OSError as error:
        raise UnavailableError(path, (error.strerror or str(error)).lower()) from error
