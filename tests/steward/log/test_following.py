"""A log that is followed for long, and by several at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.steward.log.conftest import Keep, Kept

from enarx.adapters.checkpoint_memory import CheckpointMemory
from enarx.adapters.http_fetch import open_fetch
from enarx.adapters.log_source import LogSource
from enarx.adapters.system_clock import SystemClock, chance
from enarx.cli.log_following import Following
from enarx.errors import UnauthenticError
from enarx.steward.log.export import export
from enarx.steward.records.database import open_engine

PROGRAM = """
from enarx.cli import main, program
program.COMMANDS.setdefault("log", ("enarx.cli.transparency", ""))
main.entry()
"""


@pytest.fixture
def log(keep: Keep, tmp_path: Path) -> Iterator[Kept]:
    """An empty log."""
    engine = open_engine(f"sqlite:///{tmp_path}/log.sqlite")
    yield keep(engine)
    engine.dispose()


@pytest.fixture
def forked(keep: Keep, tmp_path: Path) -> Iterator[Kept]:
    """Another with the same name and key."""
    engine = open_engine(f"sqlite:///{tmp_path}/forked.sqlite")
    yield keep(engine)
    engine.dispose()


@pytest.mark.slow
def test_a_watcher_ends_when_the_log_forks(log: Kept, forked: Kept, tmp_path: Path) -> None:
    """It prints what is new as it comes, outlives an absence, and ends with status 1."""
    place, state = tmp_path / "log", tmp_path / "state"
    log.append(b"first")
    export(log.log, place)
    watching = subprocess.Popen(
        [
            sys.executable, "-c", PROGRAM,
            "log", "watch", str(place), "--key", str(log.log.verifier), "--interval", "1",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"XDG_STATE_HOME": str(state), "PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stderr is not None
    assert "beginning at 1 entries" in watching.stderr.readline()
    log.append(b"second")
    export(log.log, place)
    assert watching.stdout.readline().startswith("1 - unknown sha256:")
    shutil.rmtree(place)
    while "is not there" not in (line := watching.stderr.readline()):
        assert line
    forked.append(b"first", b"other", b"third")
    export(forked.log, place)
    rest, errors = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert not rest
    assert "consistency of the log" in errors
    notes = {path.read_bytes() for path in state.rglob("*.fork-*")}
    assert notes == {log.log.checkpoint(), forked.log.checkpoint()}


def test_two_commands_remember_at_once(log: Kept, tmp_path: Path) -> None:
    """The newer checkpoint stays, whoever comes last; neither overwrites what it has not seen."""
    memory = CheckpointMemory(str(tmp_path / "memory"))
    with open_fetch(clock=SystemClock(), chance=chance) as fetch:
        (tmp_path / "log").mkdir()
        source = LogSource(str(tmp_path / "log"), fetch)
        slow = Following(source, log.log.verifier, memory)
        fast = Following(source, log.log.verifier, memory)
        notes = []
        for entry in (b"0", b"1", b"2"):
            log.append(entry)
            export(log.log, tmp_path / "log")
            notes.append(slow.newest())
        fast.remember(None, notes[1])
        slow.remember(None, notes[0])
        assert slow.known() == notes[1]
        slow.remember(None, notes[2])
        assert fast.known() == notes[2]
        slow.remember(notes[2], notes[2])


def test_two_commands_were_shown_different_logs(log: Kept, forked: Kept, tmp_path: Path) -> None:
    """Attack: a fork that begins between reading what is remembered and writing it."""
    memory = CheckpointMemory(str(tmp_path / "memory"))
    log.append(b"0")
    forked.append(b"other", b"1")
    export(log.log, tmp_path / "log")
    with open_fetch(clock=SystemClock(), chance=chance) as fetch:
        following = Following(LogSource(str(tmp_path / "log"), fetch), log.log.verifier, memory)
        following.remember(None, following.opened(forked.log.checkpoint()))
        export(forked.log, tmp_path / "forked")
        lied_to = Following(LogSource(str(tmp_path / "forked"), fetch), log.log.verifier, memory)
        with pytest.raises(UnauthenticError, match="consistency"):
            lied_to.remember(None, following.newest())
    assert len(list((tmp_path / "memory").glob("*.fork-*"))) == 2
