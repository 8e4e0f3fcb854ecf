"""Backups: what is in them, and what comes back, from and into either database."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from tests.steward.records.backups import (
    MANY,
    TABLES,
    dumped,
    fill,
    lines,
    restored,
    rows_in,
    value,
)

from enarx.errors import MisconfiguredError
from enarx.steward.log.log import Log
from enarx.steward.records import denials
from enarx.steward.records.backup_format import KINDS
from enarx.steward.records.database import metadata, open_engine, reading, retrying, writing
from enarx.steward.records.migrations import migrate


def test_the_same_rows_are_the_same_file_in_either_database(engine: Engine, example: bytes) -> None:
    """Byte by byte, whatever order the database itself gives to text."""
    assert dumped(fill(engine)) == example


def test_the_language_of_a_database_does_not_matter(
    new_postgres: Callable[[], str], example: bytes
) -> None:
    """One that sorts like a dictionary gives the same file."""
    url = new_postgres()
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {admin.url.database}_en TEMPLATE template0 "
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"
        )
    admin.dispose()
    engine = open_engine(url.replace("?", "_en?"))
    try:
        assert dumped(fill(engine)) == example
    finally:
        engine.dispose()


def test_a_backup_comes_back_whole(engine: Engine, example: bytes) -> None:
    """What was written on SQLite is in either database afterwards, and is the same backup again."""
    rows = restored(engine, example)
    assert set(rows.values()) == {MANY}
    assert dumped(engine) == example


def test_everything_is_in_a_backup(example: bytes) -> None:
    """The header names every table there is but the lock and the migrations, with all columns."""
    tables = json.loads(lines(example)[0])["tables"]
    assert sorted(t["name"] for t in tables) == sorted(set(TABLES) - {"steward_versions"})
    for table in tables:
        assert [name for name, _ in table["columns"]] == metadata.tables[table["name"]].c.keys()


@pytest.mark.parametrize("name", TABLES)
def test_every_column_can_be_written(name: str) -> None:
    """A table with a type that has no form in a backup fails here, and not on the day of need."""
    assert {c.type.python_type for c in metadata.tables[name].columns} <= set(KINDS)


def test_an_empty_database_has_a_backup_too(engine: Engine, empty: Engine) -> None:
    """It restores to nothing."""
    assert set(restored(engine, dumped(empty)).values()) == {0}
    assert rows_in(engine) == 0


def test_numbers_go_on_after_a_restore(engine: Engine, example: bytes) -> None:
    """The next entry of the deny list gets a number that none had."""
    restored(engine, example)
    retrying(
        engine, lambda c: denials.deny(c, "key", "ab" * 32, reason="", by="me", now=1_800_000_000)
    )
    with reading(engine) as connection:
        assert denials.every(connection)[-1].number == MANY + 1


def test_the_log_is_the_same_log(engine: Engine, empty: Engine) -> None:
    """After a restore it has the checkpoint that was shown before, proves the same, and grows."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    before, after = Log(empty, "example.org/log", key), Log(engine, "example.org/log", key)
    retrying(empty, lambda c: before.append(c, [b"%d" % n for n in range(300)]))
    restored(engine, dumped(empty))
    assert after.checkpoint() == before.checkpoint()
    assert after.proofs([0, 255, 299]) == before.proofs([0, 255, 299])
    for log, database in ((before, empty), (after, engine)):
        assert list(retrying(database, partial(log.append, entries=[b"more"]))) == [300]
    assert after.checkpoint() == before.checkpoint()


def test_a_snapshot_is_of_one_moment(engine: Engine) -> None:
    """What is committed after the first row was read, before the last one, is not in a backup."""
    fill(engine, 8)
    before = dumped(engine)
    tables = metadata.tables
    late = [value(c, 100) for c in tables["steward_tokens"].columns]
    wrote: list[str] = []

    def interfere(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        """Commit a row to a table just before it is read."""
        if "FROM steward_tokens" in statement and not wrote:
            wrote.append(statement)
            with writing(engine) as connection:
                connection.execute(sa.insert(tables["steward_tokens"]).values(late))

    sa.event.listen(engine, "before_cursor_execute", interfere)
    assert dumped(engine) == before
    assert wrote
    assert dumped(engine) != before


def test_a_database_with_rows_is_refused(engine: Engine, example: bytes) -> None:
    """Whatever they are; and they stay as they were."""
    fill(engine, 1)
    before = dumped(engine)
    with pytest.raises(MisconfiguredError, match="is not empty"):
        restored(engine, example)
    assert dumped(engine) == before


def test_a_table_of_others_is_not_left_out_silently(engine: Engine) -> None:
    """A part that this version lacks has tables; a backup without them would be none."""
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE steward_of_tomorrow (x INTEGER)"))
    with pytest.raises(MisconfiguredError, match="steward_of_tomorrow: a table that is not known"):
        dumped(engine)
