"""The host's durable facts: one SQLite file in a directory that is the operator's alone.

The standard library's sqlite3, without a layer above: the file belongs to one machine, what
counts are its pragmas and where a transaction begins, and a host needs no other database.  Every
commit is on the disk when it returns (WAL, synchronous=FULL): what is recorded as used stays used,
whatever is killed and whenever.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import contextmanager

from enarx.errors import MisconfiguredError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "host.sqlite"
VERSION = 1

_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE keeps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    image TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    workload_digest TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    ended REAL
) STRICT;
CREATE INDEX keeps_by_tenant ON keeps (tenant, number);
CREATE INDEX keeps_alive ON keeps (tenant) WHERE ended IS NULL;
CREATE TABLE offers (
    number INTEGER PRIMARY KEY,
    claims_sha256 BLOB NOT NULL UNIQUE,
    keep TEXT NOT NULL,
    issued REAL NOT NULL
) STRICT;
CREATE INDEX offers_by_keep ON offers (keep, number);
CREATE TABLE consumed (
    keep TEXT PRIMARY KEY,
    envelope_sha256 BLOB NOT NULL UNIQUE,
    claims_sha256 BLOB NOT NULL,
    consumed REAL NOT NULL,
    receipt BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE refusals (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    tenant TEXT NOT NULL,
    keep TEXT NOT NULL,
    envelope_sha256 BLOB NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    created REAL NOT NULL,
    expires REAL,
    revoked REAL
) STRICT, WITHOUT ROWID;
"""


def open_database(directory: str) -> sqlite3.Connection:
    """Open the records in *directory*, which must be private; they are made if need be.

    The connection may be used from any thread, by one at a time.

    Raises:
        UnavailableError: they cannot be opened.
        MisconfiguredError: they are of another version, or no database.
    """
    path = os.path.join(directory, FILE)
    try:
        _make_private(path)
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise UnavailableError(path, problem.lower()) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise MisconfiguredError(
            path, str(error).lower(), hints=("move the file away to begin anew",)
        ) from error
    except MisconfiguredError:
        connection.close()
        raise
    return connection


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
            raise OSError(errno.EINVAL, "no regular file") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it, and on the disk afterwards; nobody writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise MisconfiguredError(
                path,
                f"got version {version}, want {VERSION}",
                hints=("it was written by another version of enarx",),
            )
