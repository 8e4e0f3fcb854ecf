"""The cache of compiled code gives back what it was given, and trusts nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.aot_store import Directory, default_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "ab" * 32 + "-01"
OTHER = "cd" * 32 + "-01"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is; it is not there yet."""
    return tmp_path / "enarx" / "aot"


@pytest.fixture
def store(path: Path) -> Directory:
    """A store of the usual size."""
    return Directory(str(path))


@pytest.fixture
def save() -> Iterator[Callable[..., str]]:
    """Save some bytes: their sha256."""
    fds: list[int] = []

    def write(store: Directory, key: str, data: bytes, *, sha256: str = "", size: int = 0) -> str:
        fds.append(os.memfd_create("code"))
        os.write(fds[-1], data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        store.save(key, digest, size or len(data), fds[-1])
        return digest

    yield write
    for fd in fds:
        os.close(fd)


def content(store: Directory, key: str) -> bytes | None:
    """What is filed under a key."""
    found = store.find(key)
    if found is None:
        return None
    with open(found[1], "rb") as file:  # noqa: PTH123 - a descriptor
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == found[0]
    return data


def files(path: Path, ending: str) -> list[Path]:
    """The files of one kind."""
    return sorted(path.glob(f"*{ending}"))


def test_what_was_saved_is_found(store: Directory, save: Callable[..., str]) -> None:
    """Code comes back under its key, with its sha256."""
    assert content(store, KEY) is None
    save(store, KEY, b"native")
    assert content(store, KEY) == b"native"
    assert content(store, OTHER) is None


def test_a_second_save_replaces_the_first(store: Directory, save: Callable[..., str]) -> None:
    """The newest code of a key counts."""
    save(store, KEY, b"one")
    save(store, KEY, b"two")
    assert content(store, KEY) == b"two"


def test_another_process_finds_it(path: Path, save: Callable[..., str]) -> None:
    """A store is what is in its directory."""
    save(Directory(str(path)), KEY, b"native")
    assert content(Directory(str(path)), KEY) == b"native"


def test_nobody_else_can_read_or_write(path: Path, save: Callable[..., str]) -> None:
    """Directory and files are the user's alone."""
    save(Directory(str(path)), KEY, b"native")
    assert path.stat().st_mode & 0o077 == 0
    assert {file.stat().st_mode & 0o077 for file in path.iterdir()} == {0}


def test_a_wrong_sha256_is_not_kept(path: Path, save: Callable[..., str]) -> None:
    """What a keep claims about its code is checked before it is kept."""
    store = Directory(str(path))
    save(store, KEY, b"native", sha256="00" * 32)
    save(store, OTHER, b"short", size=100)
    assert content(store, KEY) is None
    assert files(path, ".cwasm") == files(path, ".partial") == []


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "code cut": lambda code, _: os.truncate(code, 3),
    "code gone": lambda code, _: code.unlink(),
    "code writable by others": lambda code, _: code.chmod(0o666),
    "code a link": lambda code, _: (code.rename(code.with_name("x")), code.symlink_to("x")),
    "code a folder": lambda code, _: (code.unlink(), code.mkdir()),
    "note not JSON": lambda _, note: note.write_text("{"),
    "note empty": lambda _, note: note.write_text(""),
    "note huge": lambda _, note: note.write_text(" " * 10_000),
    "note a list": lambda _, note: note.write_text("[]"),
    "note with another size": lambda _, note: _change(note, size=3),
    "note with another sha256": lambda _, note: _change(note, sha256="00" * 32),
    "note with another MAC": lambda _, note: _change(note, mac="00" * 32),
    "note with a path": lambda _, note: _change(note, sha256="../../x"),
    "note with a true size": lambda _, note: _change(note, size=True),
    "note with odd characters": lambda _, note: _change(note, mac="ü"),
    "note writable by others": lambda _, note: note.chmod(0o622),
    "note a link": lambda _, note: (note.rename(note.with_name("x")), note.symlink_to("x")),
    "key gone": lambda _, note: note.with_name("key").unlink(),
    "key readable by others": lambda _, note: note.with_name("key").chmod(0o644),
    "key short": lambda _, note: os.truncate(note.with_name("key"), 8),
}


def _change(note: Path, **fields: object) -> None:
    note.write_text(json.dumps({**json.loads(note.read_text()), **fields}))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_a_miss_and_can_be_replaced(
    path: Path, save: Callable[..., str], damage: str
) -> None:
    """Whatever was done to an entry, it is not loaded, and the next save works."""
    store = Directory(str(path))
    save(store, KEY, b"native")
    [code], [note] = files(path, ".cwasm"), files(path, ".json")
    DAMAGES[damage](code, note)
    assert content(store, KEY) is None
    assert not note.exists()
    save(store, KEY, b"another")
    assert content(store, KEY) == b"another"


def test_an_entry_cannot_be_moved_under_another_key(path: Path, save: Callable[..., str]) -> None:
    """The name is under the MAC too."""
    store = Directory(str(path))
    save(store, KEY, b"native")
    for file in files(path, ".cwasm") + files(path, ".json"):
        file.rename(file.with_name(file.name.replace(KEY, OTHER)))
    assert content(store, OTHER) is None


def test_an_entry_of_another_machine_s_key_is_foreign(
    tmp_path: Path, save: Callable[..., str]
) -> None:
    """A directory copied from elsewhere without its key is worth nothing."""
    save(Directory(str(tmp_path / "there")), KEY, b"native")
    save(Directory(str(tmp_path / "here")), OTHER, b"own")
    for file in (tmp_path / "there").glob("ab*"):
        file.rename(tmp_path / "here" / file.name)
    assert content(Directory(str(tmp_path / "here")), KEY) is None


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_others_may_write_is_not_used(
    path: Path, save: Callable[..., str], mode: int
) -> None:
    """Others could put code there."""
    store = Directory(str(path))
    save(store, KEY, b"native")
    path.chmod(mode)
    assert content(store, KEY) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_directory_or_file_of_another_user_is_not_used(
    path: Path, save: Callable[..., str]
) -> None:
    """Ownership is checked, not only permissions."""
    store = Directory(str(path))
    save(store, KEY, b"native")
    os.chown(path, 12345, 12345)
    assert content(store, KEY) is None
    os.chown(path, 0, 0)
    assert content(store, KEY) == b"native"
    os.chown(files(path, ".cwasm")[0], 12345, 12345)
    assert content(store, KEY) is None


def test_a_directory_that_is_a_link_is_not_used(tmp_path: Path, save: Callable[..., str]) -> None:
    """Someone else may have chosen where it leads."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    save(Directory(str(tmp_path / "link")), KEY, b"native")
    assert list((tmp_path / "real").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_no_error(tmp_path: Path, save: Callable[..., str]) -> None:
    """Enarx works without one."""
    (tmp_path / "file").write_text("")
    store = Directory(str(tmp_path / "file" / "aot"))
    save(store, KEY, b"native")
    assert content(store, KEY) is None


def test_the_code_used_longest_ago_goes_first(path: Path, save: Callable[..., str]) -> None:
    """The directory stays within its size; what was used lately stays."""
    store = Directory(str(path), limit=250)
    for age, key in ((300, "aa" * 32), (200, "bb" * 32)):
        save(store, key, key[:1].encode() * 100)
        [code] = path.glob(f"{key}*.cwasm")
        os.utime(code, (code.stat().st_mtime - age,) * 2)
    assert content(store, "aa" * 32) is not None  # used now: it becomes the younger one
    save(store, "cc" * 32, b"c" * 100)
    assert content(store, "bb" * 32) is None
    assert content(store, "aa" * 32) == b"a" * 100
    assert content(store, "cc" * 32) == b"c" * 100


def test_code_larger_than_the_cache_is_not_kept(path: Path, save: Callable[..., str]) -> None:
    """It would only push out everything else."""
    store = Directory(str(path), limit=10)
    save(store, KEY, b"x" * 11)
    assert content(store, KEY) is None


def test_what_a_crash_left_is_swept_up_after_a_while(path: Path, save: Callable[..., str]) -> None:
    """Half-written files go once no writer can still be at work on them."""
    store = Directory(str(path))
    save(store, KEY, b"native")
    names = ("old.partial", "old.0123.cwasm", "new.partial")
    for name in names:
        (path / name).write_text("half")
    for name in names[:2]:
        os.utime(path / name, (0, 0))
    save(store, OTHER, b"native")
    assert [name for name in names if (path / name).exists()] == ["new.partial"]


def test_only_memory_files_are_read(path: Path) -> None:
    """A keep that hands over something slow instead cannot stall its host."""
    read, write = os.pipe()
    Directory(str(path)).save(KEY, "00" * 32, 1, read)
    os.close(read)
    os.close(write)
    assert content(Directory(str(path)), KEY) is None


def test_a_key_cannot_leave_the_directory(store: Directory, save: Callable[..., str]) -> None:
    """Even if the protocol's own check were gone."""
    for key in ("../x", "", "a/b", ".hidden", "a" * 300):
        save(store, key, b"native")
        assert store.find(key) is None


def test_writers_at_the_same_time_do_not_disturb_each_other(path: Path) -> None:
    """Whoever is last wins, and nobody finds a mixture."""
    program = (
        "import hashlib, os, sys\n"
        "from enarx.adapters.aot_store import Directory\n"
        "store = Directory(sys.argv[1])\n"
        "for n in range(40):\n"
        "    data = (sys.argv[2] + str(n)).encode() * 1000\n"
        "    fd = os.memfd_create('x'); os.write(fd, data)\n"
        "    store.save('ab', hashlib.sha256(data).hexdigest(), len(data), fd)\n"
        "    os.close(fd)\n"
        "    found = store.find('ab')\n"
        "    if found:\n"
        "        got = os.read(found[1], 10_000_000); os.close(found[1])\n"
        "        assert hashlib.sha256(got).hexdigest() == found[0]\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert content(Directory(str(path)), "ab") is not None
    assert files(path, ".partial") == []


def test_the_cache_is_where_the_specification_puts_it() -> None:
    """XDG_CACHE_HOME if it is absolute, else ~/.cache."""
    assert default_directory({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == "/c/enarx/aot"
    assert default_directory({"XDG_CACHE_HOME": "c", "HOME": "/h"}) == "/h/.cache/enarx/aot"
    assert default_directory({"HOME": "/h"}) == "/h/.cache/enarx/aot"
