"""The log in its database: what is appended, signed, proven and remembered."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine

from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.steward.log import tables
from enarx.steward.log.log import Log
from enarx.steward.log.memory import FileMemory
from enarx.steward.records.database import open_engine, retrying, writing
from enarx.steward.records.migrations import migrate
from enarx.transparency.checkpoint import open_checkpoint
from enarx.transparency.proof import check
from enarx.transparency.tree import leaf_hash, root_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "steward.example/log"


def entries_of(begin: int, end: int, word: str = "entry") -> list[bytes]:
    """Entries that can be told apart."""
    return [f"{word} {n}".encode() for n in range(begin, end)]


def append(log: Log, engine: Engine, entries: list[bytes]) -> list[int]:
    """Append in a transaction of its own."""
    return list(retrying(engine, lambda connection: log.append(connection, entries)))


@pytest.fixture
def log(engine: Engine) -> Log:
    """An empty log."""
    migrate(engine)
    return Log(engine, ORIGIN, KEY)


def test_an_empty_log_has_a_checkpoint(log: Log) -> None:
    """Of no entries, with the root of nothing."""
    found = open_checkpoint(log.checkpoint(), ORIGIN, (log.verifier,))
    assert (found.size, found.root) == (0, root_of(()))


def test_checkpoints_have_the_root_of_what_was_appended(log: Log, engine: Engine) -> None:
    """At every size, in whatever pieces the entries came."""
    done: list[bytes] = []
    for size in (1, 1, 2, 5, 0, 9, 20):
        new = entries_of(len(done), len(done) + size)
        assert append(log, engine, new) == list(range(len(done), len(done) + size))
        done += new
        found = open_checkpoint(log.checkpoint(), ORIGIN, (log.verifier,))
        assert (found.size, found.root) == (len(done), root_of([leaf_hash(e) for e in done]))


def test_appending_twice_in_one_transaction(log: Log, engine: Engine) -> None:
    """Works that share a transaction follow one another in the log."""
    with writing(engine) as connection:
        numbers = [list(log.append(connection, entries_of(n, n + 3))) for n in (0, 3)]
    assert numbers == [[0, 1, 2], [3, 4, 5]]
    found = open_checkpoint(log.checkpoint(), ORIGIN, (log.verifier,))
    assert found.root == root_of([leaf_hash(e) for e in entries_of(0, 6)])


def test_what_is_undone_is_not_in_the_log(log: Log, engine: Engine) -> None:
    """A transaction that fails takes its entries with it; the next has their numbers."""
    append(log, engine, entries_of(0, 3))

    def fail(connection: Connection) -> None:
        log.append(connection, entries_of(3, 9, "undone"))
        raise KeyError

    with pytest.raises(KeyError):
        retrying(engine, fail)
    assert append(log, engine, entries_of(3, 5)) == [3, 4]
    found = open_checkpoint(log.checkpoint(), ORIGIN, (log.verifier,))
    assert found.root == root_of([leaf_hash(e) for e in entries_of(0, 5)])


def test_every_entry_is_proven_by_one_checkpoint(log: Log, engine: Engine) -> None:
    """Proofs in the order of the question, each for its entry."""
    entries = entries_of(0, 21)
    append(log, engine, entries)
    wanted = [20, 0, 7, 7]
    proofs = log.proofs(wanted)
    for index, proof in zip(wanted, proofs, strict=True):
        assert check(entries[index], proof, ORIGIN, (log.verifier,)).size == 21
        assert proof.endswith(log.checkpoint())
        assert log.entry(index) == entries[index]


@pytest.mark.parametrize("index", [-1, 3, 1 << 62, 1 << 80])
def test_an_entry_that_is_not_there(log: Log, engine: Engine, index: int) -> None:
    """Has no proof and no bytes."""
    append(log, engine, entries_of(0, 3))
    with pytest.raises(ValueError, match="no entry"):
        log.proofs([index])
    with pytest.raises(ValueError, match="no entry"):
        log.entry(index)


def test_an_entry_that_fits_no_bundle(log: Log, engine: Engine) -> None:
    """Is refused, with all that came along."""
    with pytest.raises(ValueError, match="at most"):
        append(log, engine, [b"", bytes(1 << 16)])
    append(log, engine, [b"", bytes((1 << 16) - 1)])


def test_a_name_that_no_signature_line_has(engine: Engine) -> None:
    """Is refused at the start, not with the first checkpoint."""
    with pytest.raises(MalformedError):
        Log(engine, "two words", KEY)


def test_a_node_that_is_lost_is_noticed(log: Log, engine: Engine) -> None:
    """A damaged database gives no checkpoint and takes no entry."""
    append(log, engine, entries_of(0, 2))
    with writing(engine) as connection:
        connection.execute(sa.delete(tables.nodes).where(tables.nodes.c.position == 1))
    with pytest.raises(MisconfiguredError, match="missing"):
        log.checkpoint()
    with pytest.raises(MisconfiguredError, match="missing"):
        append(log, engine, [b"more"])


def cut(engine: Engine, size: int) -> None:
    """Put the database back to where it had *size* entries."""
    with writing(engine) as connection:
        connection.execute(sa.delete(tables.entries).where(tables.entries.c.number >= size))
        kept = {
            tables.position(level, index) for level in range(8) for index in range(size >> level)
        }
        connection.execute(sa.delete(tables.nodes).where(tables.nodes.c.position.not_in(kept)))


def test_a_database_that_was_put_back_is_noticed(log: Log, engine: Engine, tmp_path: Path) -> None:
    """Attack: an old backup; at the next start, while running, and after the log grew anew."""
    log.remember(FileMemory(tmp_path / "remembered"))
    append(log, engine, entries_of(0, 9))
    seen = log.checkpoint()
    cut(engine, 6)
    with pytest.raises(MisconfiguredError, match="got 6 entries, want at least the 9"):
        log.checkpoint()
    with pytest.raises(MisconfiguredError, match="got 6 entries") as error:
        Log(engine, ORIGIN, KEY).remember(FileMemory(tmp_path / "remembered"))
    assert "backup" in error.value.hints[0]
    append(log, engine, entries_of(6, 12, "other"))
    with pytest.raises(MisconfiguredError, match="the first 9 entries are others"):
        log.proofs([0])
    with pytest.raises(MisconfiguredError, match="the first 9 entries are others"):
        Log(engine, ORIGIN, KEY).remember(FileMemory(tmp_path / "remembered"))
    cut(engine, 6)
    append(log, engine, entries_of(6, 9, "other"))
    with pytest.raises(MisconfiguredError, match="the first 9 entries are others"):
        log.checkpoint()
    cut(engine, 6)
    append(log, engine, entries_of(6, 9))
    assert log.checkpoint() == seen


def test_a_copied_database_is_noticed(tmp_path: Path) -> None:
    """Attack: the file of the database itself, from before."""
    file = tmp_path / "steward.sqlite"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    log = Log(engine, ORIGIN, KEY)
    log.remember(FileMemory(tmp_path / "remembered"))
    append(log, engine, entries_of(0, 3))
    with sqlite3.connect(file) as source, sqlite3.connect(tmp_path / "backup") as target:
        source.backup(target)
    append(log, engine, entries_of(3, 4))
    log.checkpoint()
    old = open_engine(f"sqlite:///{tmp_path}/backup")
    with pytest.raises(MisconfiguredError, match="got 3 entries, want at least the 4"):
        Log(old, ORIGIN, KEY).remember(FileMemory(tmp_path / "remembered"))
    old.dispose()
    engine.dispose()


def test_a_log_that_grew_is_the_same(log: Log, engine: Engine, tmp_path: Path) -> None:
    """Another instance goes on where the first one was, and each remembers for the other."""
    file = tmp_path / "remembered"
    log.remember(FileMemory(file))
    append(log, engine, entries_of(0, 5))
    log.checkpoint()
    other = Log(engine, ORIGIN, KEY)
    other.remember(FileMemory(file))
    append(other, engine, entries_of(5, 8))
    newest = other.checkpoint()
    assert file.read_bytes() == newest == log.checkpoint()


def test_the_memory_never_goes_back(log: Log, engine: Engine, tmp_path: Path) -> None:
    """A slower instance does not overwrite what a faster one showed."""
    memory = FileMemory(tmp_path / "remembered")
    assert memory.load() is None
    old = log.checkpoint()
    append(log, engine, entries_of(0, 5))
    new = log.checkpoint()
    (tmp_path / "remembered.new").write_bytes(b"of somebody who was stopped")
    for checkpoint in (old, new, old):
        memory.save(checkpoint)
    assert memory.load() == new
    assert (tmp_path / "remembered").stat().st_mode & 0o777 == 0o600


def test_a_memory_of_another_log(log: Log, engine: Engine, tmp_path: Path) -> None:
    """With another key or origin, or damaged: the log does not start."""
    memory = FileMemory(tmp_path / "remembered")
    memory.save(log.checkpoint())
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    for changed in (Log(engine, ORIGIN, other), Log(engine, "other.example", KEY)):
        with pytest.raises(MisconfiguredError, match="not this log's"):
            changed.remember(memory)
    (tmp_path / "remembered").write_bytes(b"\xff")
    with pytest.raises(MisconfiguredError, match="no checkpoint"):
        log.remember(memory)


def test_a_memory_that_cannot_be_written(log: Log, tmp_path: Path) -> None:
    """Then nobody gets a checkpoint."""
    log.remember(FileMemory(tmp_path / "missing" / "remembered"))
    with pytest.raises(UnavailableError, match="no such file"):
        log.checkpoint()
