"""The records on the disk: what several connections of one process do to each other."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from enarx.errors import UnavailableError
from enarx.host.records import ledger
from enarx.host.records.database import FILE, open_database


def offers(path: Path) -> int:
    """How many another process sees, which opens and closes the records as the last one would."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(path)
        found = connection.execute("SELECT count(*) FROM offers").fetchone()[0]
        connection.close()
        os.write(writer, bytes((found,)))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    found = os.read(reader, 1)[0]
    os.close(reader)
    return found


def test_connections_of_one_process_keep_their_locks(tmp_path: Path) -> None:
    """Else another process that closes takes itself for the last, and removes the log of writes."""
    first, second = open_database(str(tmp_path)), open_database(str(tmp_path))
    path = tmp_path / FILE
    assert offers(path) == 0
    for number, connection in enumerate((first, second), 1):
        ledger.issue(connection, "keep", bytes((number,)), 0.0)
        assert offers(path) == number
    first.close()
    ledger.issue(second, "keep", b"3", 0.0)
    assert offers(path) == 3
    second.close()


def test_records_that_are_no_file_are_refused(tmp_path: Path) -> None:
    """A link could lead anywhere."""
    (tmp_path / FILE).symlink_to("/dev/null")
    with pytest.raises(UnavailableError, match="no regular file"):
        open_database(str(tmp_path))
