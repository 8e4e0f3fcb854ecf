"""Several processes on one log, some of which are killed: it has each entry once, in one order."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.steward.log.conftest import Kept

from enarx.steward.log.memory import FileMemory
from enarx.transparency.audit import recompute
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint

APPEND = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from enarx.steward.log.log import Log
from enarx.steward.log.memory import FileMemory
from enarx.steward.records.database import open_engine, retrying
url, origin, word, count, memory = sys.argv[1:]
engine = open_engine(url)
log = Log(engine, origin, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
log.remember(FileMemory(Path(memory)))
for n in range(int(count)):
    entries = [f"{word} {n} {part}".encode() for part in range(3)]
    numbers = retrying(engine, lambda connection: log.append(connection, entries))
    log.proofs(numbers)
    print(*numbers, flush=True)
"""


def start(url: str, kept: Kept, word: str, count: int, memory: Path) -> subprocess.Popen[str]:
    """An instance that appends three entries at a time, and then says their numbers."""
    arguments = [url, kept.log.origin, word, str(count), str(memory)]
    return subprocess.Popen(
        [sys.executable, "-c", APPEND, *arguments], stdout=subprocess.PIPE, text=True
    )


def checked(kept: Kept, known: Checkpoint | None = None) -> Checkpoint:
    """The log's head, once every entry and tile was seen to be what it says."""
    head = open_checkpoint(kept.log.checkpoint(), kept.log.origin, (kept.log.verifier,))
    recompute(head, lambda tile: kept.log.tile(tile) or b"", known)
    return head


@pytest.mark.slow
def test_instances_share_a_log(kept: Kept, database_url: str, tmp_path: Path) -> None:
    """Every number is given once, and the entries of one transaction stand together."""
    memory = tmp_path / "remembered"
    running = {
        word: start(database_url, kept, word, 40, memory) for word in ("one", "two", "three")
    }
    said = {word: process.communicate(timeout=100)[0] for word, process in running.items()}
    assert [process.returncode for process in running.values()] == [0, 0, 0]
    head = checked(kept)
    assert head.size == 3 * 40 * 3
    numbers = []
    for word, lines in said.items():
        for n, line in enumerate(lines.splitlines()):
            found = [int(number) for number in line.split()]
            for part, number in enumerate(found):
                assert kept.log.entry(number) == f"{word} {n} {part}".encode()
            numbers += found
    assert sorted(numbers) == list(range(head.size))
    assert FileMemory(memory).load() == kept.log.checkpoint()


@pytest.mark.slow
def test_instances_that_are_killed(kept: Kept, database_url: str, tmp_path: Path) -> None:
    """Whenever SIGKILL comes: what was said to be in the log is, whole, and it goes on."""
    memory = tmp_path / "remembered"
    known = None
    for round_, lines in enumerate((0, 1, 4, 9, 13)):
        process = start(database_url, kept, f"round {round_}", 10_000, memory)
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        rest = process.communicate()[0].splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL
        for n, line in enumerate(line for line in [*said, *rest] if line.endswith("\n")):
            for part, number in enumerate(line.split()):
                assert kept.log.entry(int(number)) == f"round {round_} {n} {part}".encode()
        kept.log.remember(FileMemory(memory))
        head = checked(kept, known)
        assert head.size % 3 == 0  # a transaction is there as a whole or not at all
        known = head
    assert known is not None
    assert known.size >= 3 * (1 + 4 + 9 + 13)
    assert kept.append(b"and on") == [known.size]
    checked(kept, known)
