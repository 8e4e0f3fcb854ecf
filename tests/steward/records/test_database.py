"""Transactions and migrations, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.steward.records.database import metadata, open_engine, reading, retrying, writing
from enarx.steward.records.migrations import STEPS, Step, migrate

COUNTER = sa.text("CREATE TABLE counter (value INTEGER NOT NULL)")
ZERO = sa.text("INSERT INTO counter VALUES (0)")
VALUE = sa.text("SELECT value FROM counter")


def prepare(engine: Engine) -> None:
    """The Steward's tables, and a counter of the test's own."""
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(COUNTER)
        connection.execute(ZERO)


def increment(connection: Connection) -> int:
    """Read, compute, write: what loses counts where two do it at once."""
    value = int(connection.scalars(VALUE).one()) + 1
    connection.execute(sa.text("UPDATE counter SET value = :value"), {"value": value})
    return value


def fail(connection: Connection) -> None:
    """Write, and then do not get through."""
    increment(connection)
    raise KeyError


def test_what_was_written_can_be_read(engine: Engine) -> None:
    """A transaction that was left without an exception is seen by the next reader."""
    prepare(engine)
    retrying(engine, increment)
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 1


def test_an_exception_undoes_the_whole_transaction(engine: Engine) -> None:
    """Nothing of a block that raised is there afterwards."""
    prepare(engine)
    with pytest.raises(KeyError):
        retrying(engine, fail)
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 0


def test_a_reader_cannot_write(engine: Engine) -> None:
    """The database itself refuses a write in a reading transaction, and forgets that it did."""
    prepare(engine)
    with pytest.raises((UnavailableError, sa.exc.DBAPIError)), reading(engine) as connection:
        increment(connection)
    assert retrying(engine, increment) == 1


def test_a_reader_sees_one_state(engine: Engine) -> None:
    """What others commit meanwhile stays invisible until the reader has finished."""
    prepare(engine)
    with reading(engine) as connection:
        before = connection.scalars(VALUE).one()
        with ThreadPoolExecutor(1) as other:
            other.submit(retrying, engine, increment).result()
        assert connection.scalars(VALUE).one() == before


def test_threads_lose_no_count(engine: Engine) -> None:
    """Read-compute-write of several threads of one process gives every number once."""
    prepare(engine)
    with ThreadPoolExecutor(6) as threads:
        got = list(threads.map(lambda _: retrying(engine, increment), range(60)))
    assert sorted(got) == list(range(1, 61))


PROGRAM = """
import sys
import sqlalchemy as sa
from enarx.steward.records.database import open_engine, retrying
engine = open_engine(sys.argv[1])
def increment(connection):
    value = connection.scalars(sa.text("SELECT value FROM counter")).one() + 1
    connection.execute(sa.text(f"UPDATE counter SET value = {value}"))
for _ in range(25):
    retrying(engine, increment)
"""


@pytest.mark.slow
def test_processes_lose_no_count(engine: Engine, database_url: str) -> None:
    """The same with processes, as two instances of the Steward are."""
    prepare(engine)
    running = [subprocess.Popen([sys.executable, "-c", PROGRAM, database_url]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 75


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    """A database in the newest form stays as it is, with what is in it."""
    prepare(engine)
    retrying(engine, increment)
    migrate(engine)
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 1
        steps = connection.scalars(sa.text("SELECT step FROM steward_versions")).all()
    assert steps == [step.name for step in STEPS]


def test_two_instances_migrate_once(engine: Engine, database_url: str) -> None:
    """Instances that start at the same time on an empty database both come up."""
    other = open_engine(database_url)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(migrate, (engine, other)))
    other.dispose()
    with reading(engine) as connection:
        assert connection.scalars(sa.text("SELECT count(*) FROM steward_versions")).one() == 1


def test_a_step_is_taken_once(engine: Engine) -> None:
    """An older database gets the step that it lacks, one time."""
    prepare(engine)
    steps = (*STEPS, Step(name="2", apply=increment))
    migrate(engine, steps)
    migrate(engine, steps)
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 1


def test_a_step_that_fails_leaves_no_trace(engine: Engine) -> None:
    """A migration is one transaction: the database stays in the form that it had."""
    prepare(engine)
    with pytest.raises(KeyError):
        migrate(engine, (*STEPS, Step(name="2", apply=fail)))
    with reading(engine) as connection:
        assert connection.scalars(VALUE).one() == 0
    migrate(engine)


def test_a_newer_database_is_refused(engine: Engine) -> None:
    """A database that had a step of a later version is not touched."""
    migrate(engine, (*STEPS, Step(name="9", apply=metadata.create_all)))
    with pytest.raises(MisconfiguredError, match="got step 9, which this version does not know"):
        migrate(engine)


def test_a_table_of_another_form_is_refused(engine: Engine) -> None:
    """A table that has other columns than the code names stops the start, not a request."""
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("ALTER TABLE steward_versions ADD COLUMN more INTEGER"))
    with pytest.raises(MisconfiguredError, match=r"steward_versions: got columns \['more', 'step'"):
        migrate(engine)


def test_a_database_file_is_private(tmp_path: Path) -> None:
    """The file of an SQLite database is readable by its owner only."""
    open_engine(f"sqlite:///{tmp_path}/new.sqlite").dispose()
    assert stat.S_IMODE((tmp_path / "new.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://x/y", "sqlite:///relative", "sqlite://", "postgresql://x/y"]
)
def test_another_url_is_refused(url: str) -> None:
    """Only the two kinds of database that are tested can be asked for."""
    with pytest.raises(MisconfiguredError, match="database"):
        open_engine(url)


def test_a_directory_that_is_missing_is_said(tmp_path: Path) -> None:
    """The reason names the path, before any transaction."""
    with pytest.raises(UnavailableError, match="no such file or directory"):
        open_engine(f"sqlite:///{tmp_path}/missing/x.sqlite")


def test_a_directory_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    """Something that is no regular file is not opened as a database."""
    with pytest.raises(UnavailableError, match="invalid argument"):
        open_engine(f"sqlite:///{tmp_path}")


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    """The error says what was asked, without the password of its URL."""
    engine = open_engine(f"postgresql+psycopg://enarx:secret@/x?host={tmp_path}")
    with pytest.raises(UnavailableError, match="connection to server on socket") as caught:
        retrying(engine, increment)
    assert "secret" not in str(caught.value)
    engine.dispose()


def test_a_database_that_is_not_ones_own_is_said(new_postgres: Callable[[], str]) -> None:
    """A user who may make no tables is told so, and what to do about it."""
    url = new_postgres()
    owner = open_engine(url)
    with owner.begin() as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS guest"))
        connection.execute(sa.text("CREATE ROLE guest LOGIN"))
    owner.dispose()
    guest = open_engine(url.replace("enarx@", "guest@"))
    with pytest.raises(MisconfiguredError, match="permission denied") as caught:
        migrate(guest)
    guest.dispose()
    assert "OWNER TO" in caught.value.hints[0]


def test_a_server_that_is_not_there_is_said() -> None:
    """The first thing that a service does with its database fails in one line."""
    engine = open_engine("postgresql+psycopg://steward@127.0.0.1:1/steward")
    with pytest.raises(UnavailableError, match="connection refused"):
        migrate(engine)
