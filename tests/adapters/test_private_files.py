"""Private files are the user's alone, and are whole or not there."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from enarx.adapters.private_files import (
    OTHERS,
    OTHERS_WRITE,
    base_directory,
    open_directory,
    open_owned,
    read_small,
    remove,
    write_small,
)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """A directory that was not there before, open until the test ends."""
    fd = open_directory(str(tmp_path / "a" / "b"), OTHERS)
    yield fd
    os.close(fd)


def test_a_new_directory_is_the_users_alone(directory: int) -> None:
    """A directory that was made here has mode 0700."""
    assert os.fstat(directory).st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_change_is_refused(tmp_path: Path) -> None:
    """Another user could plant a file in a directory with such a mode."""
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError):
        open_directory(str(tmp_path), OTHERS_WRITE)


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    """No symbolic link is followed to where somebody else writes."""
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        open_directory(str(tmp_path / "link"), OTHERS)


def test_what_was_written_is_read(directory: int, tmp_path: Path) -> None:
    """A file comes back as it was written, with mode 0600, and nothing is left aside."""
    write_small(directory, "file", b"one")
    assert read_small(directory, "file", 3, OTHERS) == b"one"
    assert (tmp_path / "a" / "b" / "file").stat().st_mode & 0o777 == 0o600
    assert os.listdir(directory) == ["file"]


def test_the_first_writer_wins_without_replace(directory: int) -> None:
    """Without replace a file that is there already stays; with it, it is replaced."""
    write_small(directory, "file", b"one")
    write_small(directory, "file", b"two", replace=False)
    assert read_small(directory, "file", 9, OTHERS) == b"one"
    write_small(directory, "file", b"two")
    assert read_small(directory, "file", 9, OTHERS) == b"two"
    assert os.listdir(directory) == ["file"]


def test_a_file_that_does_not_fit_is_not_there(directory: int) -> None:
    """Where only a part can be written, nothing is put in place or left aside."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    try:
        with pytest.raises(OSError, match="No space"):
            write_small(directory, "file", b"eight by")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(directory) == []


def test_a_file_that_is_too_long_is_refused(directory: int) -> None:
    """No more is read than the caller expects."""
    write_small(directory, "file", b"four")
    with pytest.raises(ValueError, match="too long"):
        read_small(directory, "file", 3, OTHERS)


def test_a_secret_that_others_can_read_is_refused(directory: int, tmp_path: Path) -> None:
    """A mode that only shows a file to others counts for secrets and not for the rest."""
    write_small(directory, "file", b"one")
    (tmp_path / "a" / "b" / "file").chmod(0o644)
    assert read_small(directory, "file", 3, OTHERS_WRITE) == b"one"
    with pytest.raises(PermissionError):
        read_small(directory, "file", 3, OTHERS)


def test_what_is_no_regular_file_is_refused(directory: int) -> None:
    """A pipe in the place of a file blocks nobody."""
    os.mkfifo("pipe", 0o600, dir_fd=directory)
    with pytest.raises(PermissionError, match="not a regular file"):
        open_owned(directory, "pipe", OTHERS)


def test_removing_what_is_not_there_is_no_error(directory: int) -> None:
    """Removing a file twice is as good as once."""
    write_small(directory, "file", b"one")
    remove(directory, "file")
    remove(directory, "file")
    assert os.listdir(directory) == []


def test_a_relative_base_directory_is_ignored() -> None:
    """As the XDG specification says, only absolute paths count."""
    home = {"HOME": "/home/u"}
    assert base_directory({**home, "XDG_DATA_HOME": "/d"}, "XDG_DATA_HOME", ".local") == "/d"
    assert base_directory({**home, "XDG_DATA_HOME": "d"}, "XDG_DATA_HOME", ".local/share") == (
        "/home/u/.local/share"
    )
