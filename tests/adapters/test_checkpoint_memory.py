"""What is remembered of logs: private, one file for each, never overwritten unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from enarx.adapters.checkpoint_memory import CheckpointMemory, default_directory
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.transparency.note import MAX_BYTES


@pytest.fixture
def memory(tmp_path: Path) -> CheckpointMemory:
    """An empty memory, whose directory is not there yet."""
    return CheckpointMemory(str(tmp_path / "state" / "checkpoints"))


def test_each_log_has_a_file_of_its_own(memory: CheckpointMemory) -> None:
    """Whatever its name is, which the log chose; only the user reads it."""
    names = ("a.example/log", "b.example/log", "../../etc", "x" * 300)
    for name in names:
        assert memory.load(name) is None
        assert memory.save(name, name.encode(), instead_of=None)
    for name in names:
        assert memory.load(name) == name.encode()
        assert Path(memory.path(name)).stat().st_mode & 0o777 == 0o600


def test_what_another_command_remembered_is_not_overwritten(memory: CheckpointMemory) -> None:
    """Only who has seen what is there replaces it."""
    assert memory.save("log", b"1", instead_of=None)
    assert not memory.save("log", b"2", instead_of=None)
    assert not memory.save("log", b"2", instead_of=b"0")
    assert memory.load("log") == b"1"
    assert memory.save("log", b"2", instead_of=b"1")
    assert memory.load("log") == b"2"


def test_both_sides_of_a_fork_are_kept(memory: CheckpointMemory) -> None:
    """Under names that another fork does not take."""
    first = memory.keep("log", b"known", b"shown")
    second = memory.keep("log", b"known", b"shown too")
    assert [Path(path).read_bytes() for path in first] == [b"known", b"shown"]
    assert [Path(path).read_bytes() for path in second] == [b"known", b"shown too"]


def test_what_others_may_write_is_not_believed(memory: CheckpointMemory) -> None:
    """Attack: another user of the machine puts the memory back."""
    memory.save("log", b"1", instead_of=None)
    path = Path(memory.path("log"))
    path.chmod(0o622)
    with pytest.raises(UnavailableError, match="not the user's alone"):
        memory.load("log")
    path.chmod(0o600)
    path.parent.chmod(0o777)
    with pytest.raises(UnavailableError, match="not the user's alone"):
        memory.load("log")


def test_a_file_that_is_too_long(memory: CheckpointMemory) -> None:
    """No checkpoint is as long as that."""
    memory.save("log", b"", instead_of=None)
    Path(memory.path("log")).write_bytes(bytes(MAX_BYTES + 1))
    with pytest.raises(MisconfiguredError, match="too long"):
        memory.load("log")


def test_where_it_is(tmp_path: Path) -> None:
    """As the XDG base directory specification has it."""
    found = default_directory({"XDG_STATE_HOME": str(tmp_path)})
    assert found == f"{tmp_path}/enarx/checkpoints"
    assert default_directory({"HOME": "/home/x"}) == "/home/x/.local/state/enarx/checkpoints"
