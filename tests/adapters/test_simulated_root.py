"""A machine has one development root, the user's own, whoever asks for it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from enarx.adapters.simulated_root import default_directory, load
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.tee.simulated.root import SimulatedRoot

KEPT = Path(__file__).parent.parent / "tee" / "development-root.pem"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory that holds a root."""
    found = tmp_path / "simulated"
    found.mkdir(mode=0o700)
    file = found / "root.pem"
    file.write_bytes(KEPT.read_bytes())
    file.chmod(0o600)
    return found


def test_the_directory_is_where_users_keep_data() -> None:
    """XDG_DATA_HOME, or its default below the home directory."""
    assert default_directory({"XDG_DATA_HOME": "/data"}) == "/data/enarx/simulated"
    assert default_directory({"HOME": "/home/u"}) == "/home/u/.local/share/enarx/simulated"


def test_a_root_that_is_there_is_used(directory: Path) -> None:
    """What is in the file is the root, and the file stays as it is."""
    assert load(str(directory)).seed == bytes(range(32))
    assert (directory / "root.pem").read_bytes() == KEPT.read_bytes()


@pytest.mark.slow
def test_the_first_use_makes_a_root(tmp_path: Path) -> None:
    """The root is made in a private file of a private directory, and is the same the next time."""
    directory = tmp_path / "a" / "b"
    made = load(str(directory))
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "root.pem").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in directory.iterdir()] == ["root.pem"]
    assert load(str(directory)).to_bytes() == made.to_bytes()
    assert SimulatedRoot.from_bytes(KEPT.read_bytes()).anchors() != made.anchors()


@pytest.mark.slow
def test_two_first_uses_at_once_agree(tmp_path: Path) -> None:
    """Of processes that make a root at the same time, one wins and all return its root."""
    program = (
        "import sys\n"
        "from enarx.adapters.simulated_root import load\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(load(sys.argv[1]).anchors()[0].sha256.hex())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "simulated")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    outcomes = {process.communicate("\n", timeout=100)[0] for process in processes}
    assert len(outcomes) == 1
    assert outcomes == {load(str(tmp_path / "simulated")).anchors()[0].sha256.hex() + "\n"}
    assert [file.name for file in (tmp_path / "simulated").iterdir()] == ["root.pem"]


@pytest.mark.parametrize("content", [b"", KEPT.read_bytes()[:1000], bytes(70_000)])
def test_a_damaged_root_is_not_replaced(directory: Path, content: bytes) -> None:
    """Whoever relies on the old root must decide: the message says what to remove."""
    file = directory / "root.pem"
    file.write_bytes(content)
    with pytest.raises(MisconfiguredError, match="no development root") as caught:
        load(str(directory))
    assert caught.value.source == str(file)
    assert f"remove {file} to get a new root" in caught.value.hints[0]
    assert file.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_root_that_others_can_read_is_refused(directory: Path, mode: int) -> None:
    """It would be everybody's root."""
    (directory / "root.pem").chmod(mode)
    with pytest.raises(MisconfiguredError, match="not the user's alone") as caught:
        load(str(directory))
    assert f"chmod 600 {directory / 'root.pem'}" in caught.value.hints[0]


def test_a_directory_that_others_can_enter_is_refused(directory: Path) -> None:
    """It holds a secret; nobody else has any business there."""
    directory.chmod(0o755)
    with pytest.raises(MisconfiguredError, match="not the user's alone") as caught:
        load(str(directory))
    assert f"chmod 700 {directory}" in caught.value.hints[0]


def test_a_link_is_not_followed(directory: Path) -> None:
    """A root behind a symbolic link may be anybody's."""
    (directory / "root.pem").rename(directory / "elsewhere.pem")
    (directory / "root.pem").symlink_to("elsewhere.pem")
    with pytest.raises(UnavailableError, match="symbolic links"):
        load(str(directory))


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file in the place of a directory is an error of the world's, with its name."""
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="not a directory"):
        load(str(tmp_path / "file" / "simulated"))
