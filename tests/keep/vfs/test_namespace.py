"""Several mounts as one namespace: what is pre-opened, and what mount points refuse."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enarx.errors import MisconfiguredError
from enarx.keep.vfs import host
from enarx.keep.vfs.memory import MemoryDirectory, scratch
from enarx.keep.vfs.namespace import build
from enarx.keep.vfs.node import FILETYPE_REGULAR_FILE, Directory
from enarx.keep.vfs.package import loose_files
from enarx.keep.vfs.resolve import resolve

LIMIT = 1 << 20


def tree(device: int, *folders: bytes) -> MemoryDirectory:
    """A memory tree with *folders* in it."""
    root = scratch(LIMIT, device=device)
    for folder in folders:
        root.make_directory(folder)
    return root


def at(start: Directory, path: bytes) -> Directory:
    """The directory at *path*."""
    node = resolve(start, path, follow=True).node
    assert isinstance(node, Directory)
    return node


def names(directory: Directory) -> list[bytes]:
    """Sorted names in it."""
    return sorted(name for name, _, _ in directory.entries())


def refused(code: int, operation: Callable[[], object]) -> None:
    """The operation fails with *code* and nothing else."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        operation()
    assert failure.value.errno == code


def test_nothing_mounted_opens_nothing() -> None:
    """An application without files finds no folder."""
    assert build([]) == ()


def test_the_root_is_the_only_pre_opened_folder_if_it_is_mounted() -> None:
    """All other mounts are found through it, whatever order they were given in."""
    inner, outer = tree(1), tree(2)
    preopens = build([(b"/var/data/", inner), (b"/", outer)])
    assert [path for path, _ in preopens] == [b"/"]
    assert at(preopens[0][1], b"var/data") is inner


def test_each_topmost_mount_is_pre_opened_without_a_root() -> None:
    """A mount below another one is inside it; siblings stand side by side."""
    data, below, other = tree(1), tree(2), tree(3)
    preopens = dict(build([(b"/data/x", below), (b"/data", data), (b"/other/deep", other)]))
    assert sorted(preopens) == [b"/data", b"/other/deep"]
    assert at(preopens[b"/data"], b"x") is below
    assert preopens[b"/other/deep"] is other


def test_a_mount_hides_what_the_base_has_there() -> None:
    """The entry is listed once, with the inode of what is mounted."""
    base, point = tree(1, b"x", b"y"), tree(2)
    root = build([(b"/", base), (b"/x", point)])[0][1]
    assert names(root) == [b"x", b"y"]
    assert {name: ino for name, ino, _ in root.entries()}[b"x"] == point.stat().ino


def test_folders_on_the_way_keep_what_they_have() -> None:
    """A mount far below shows the base's other entries, and the way where there was none."""
    base, point = tree(1, b"var"), tree(2)
    at(base, b"var").make_directory(b"log")
    root = build([(b"/", base), (b"/var/data", point), (b"/new/deep", point)])[0][1]
    assert names(at(root, b"var")) == [b"data", b"log"]
    assert names(at(root, b"new")) == [b"deep"]
    refused(errno.EROFS, lambda: at(root, b"new").make_directory(b"x"))


def test_mount_points_stay_where_they_are() -> None:
    """They are EBUSY to remove, rename and replace, and EEXIST to make."""
    base, point = tree(1, b"a"), tree(2, b"a")
    root = build([(b"/", base), (b"/x/y", point)])[0][1]
    refused(errno.EISDIR, lambda: root.unlink(b"x"))
    refused(errno.EBUSY, lambda: root.remove_directory(b"x"))
    refused(errno.EBUSY, lambda: at(root, b"x").remove_directory(b"y"))
    refused(errno.EBUSY, lambda: root.rename(b"x", root, b"z"))
    refused(errno.EBUSY, lambda: root.rename(b"a", root, b"x"))
    refused(errno.EBUSY, lambda: base.rename(b"a", root, b"x"))
    refused(errno.EXDEV, lambda: root.rename(b"a", at(root, b"x/y"), b"b"))
    for make in (root.make_directory, lambda name: root.make_symlink(name, b"a")):
        refused(errno.EEXIST, lambda make=make: make(b"x"))
    refused(errno.EEXIST, lambda: root.create(b"x", read=True, write=True))
    refused(errno.EEXIST, lambda: root.link(b"x", base))


def test_everything_else_happens_in_the_base() -> None:
    """Files, links and folders beside a mount point are made, moved and removed as ever."""
    base = tree(1)
    root = build([(b"/", base), (b"/x", tree(2))])[0][1]
    root.create(b"file", read=True, write=True).close()
    root.link(b"hard", root.lookup(b"file"))
    root.make_symlink(b"soft", b"file")
    root.make_directory(b"folder")
    root.rename(b"file", at(root, b"folder"), b"file")
    at(root, b"folder").rename(b"file", root, b"back")
    assert names(base) == [b"back", b"folder", b"hard", b"soft"]
    root.unlink(b"soft")
    root.remove_directory(b"folder")
    root.set_times(5, 6)
    assert names(base) == [b"back", b"hard"]
    assert (root.stat().atim, base.stat().mtim) == (5, 6)


def test_dot_dot_comes_back_over_a_mount_point() -> None:
    """The way back is the way one came, also from a host folder."""
    base = tree(1, b"a")
    fd = os.open(Path(__file__).parent, os.O_PATH | os.O_DIRECTORY)
    root = build([(b"/", base), (b"/x/y", host.mount(fd, writable=False))])[0][1]
    assert at(root, b"x/y/../../a") is base.lookup(b"a")
    refused(errno.EPERM, lambda: at(root, b"x/y/../../.."))


def test_a_single_file_stands_among_what_its_folder_has() -> None:
    """It hides a file of its name, reads as it is, and cannot be written, moved or removed."""
    base = tree(1, b"etc")
    at(base, b"etc").create(b"key", read=True, write=True).close()
    at(base, b"etc").make_directory(b"other")
    files = loose_files({"/etc/key": b"one"})
    root = build([(b"/", base)], files=files)[0][1]
    folder = at(root, b"etc")
    found = folder.lookup(b"key")
    assert found is files[0][1]
    assert (b"key", found.stat().ino, FILETYPE_REGULAR_FILE) in folder.entries()
    assert names(folder) == [b"key", b"other"]
    handle = files[0][1].open(read=True, write=False)
    room = bytearray(8)
    assert handle.read_at([memoryview(room)], 0) == 3
    assert room[:3] == b"one"
    refused(errno.EROFS, lambda: files[0][1].open(read=True, write=True))
    refused(errno.EBUSY, lambda: folder.unlink(b"key"))
    refused(errno.ENOTDIR, lambda: folder.remove_directory(b"key"))
    refused(errno.EBUSY, lambda: folder.rename(b"key", folder, b"z"))
    refused(errno.EBUSY, lambda: folder.rename(b"other", folder, b"key"))
    refused(errno.EEXIST, lambda: folder.create(b"key", read=True, write=True))
    refused(errno.EXDEV, lambda: folder.link(b"copy", found))


def test_a_single_file_that_is_in_no_mount_opens_its_folder() -> None:
    """Once for all files in it, with what is mounted below; the folder cannot be written."""
    data = tree(1)
    files = loose_files({"/run/a/deep": b"1", "/run/b": b"2", "/c/d": b"3", "/data/e": b"4"})
    preopens = dict(build([(b"/data", data), (b"/run/data", tree(2))], files=files))
    assert sorted(preopens) == [b"/c", b"/data", b"/run"]
    assert names(preopens[b"/run"]) == [b"a", b"b", b"data"]
    assert names(at(preopens[b"/run"], b"a")) == [b"deep"]
    assert names(preopens[b"/data"]) == [b"e"]
    refused(errno.EROFS, lambda: preopens[b"/c"].make_directory(b"x"))
    (alone,) = build([], files=loose_files({"/top": b""}))
    assert (alone[0], names(alone[1])) == (b"/", [b"top"])


@pytest.mark.parametrize("folder", [b"/a/key", b"/a/key/below"])
def test_no_folder_is_mounted_on_a_single_file(folder: bytes) -> None:
    """Neither on it nor below it, nor another file."""
    with pytest.raises(MisconfiguredError, match=r"twice|at once"):
        build([(folder, tree(1))], files=loose_files({"/a/key": b""}))
    with pytest.raises(MisconfiguredError, match=r"twice|at once"):
        build([], files=loose_files({"/a/key": b"", f"{folder.decode()}/": b""}))


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (b"data", "absolute"),
        (b"", "absolute"),
        (b"/a/../b", "plain"),
        (b"/./a", "plain"),
        (b"/a\0b", "plain"),
        (b"/" + b"n" * 256, "plain"),
        (b"/\xff", "UTF-8"),
        (b"/aa" * 2000, "long"),
    ],
)
def test_paths_that_cannot_be_mounted_at_are_the_operators_fault(path: bytes, problem: str) -> None:
    """Relative, dotted, over-long and unprintable paths name the mount in the message."""
    with pytest.raises(MisconfiguredError) as failure:
        build([(path, tree(1))])
    assert problem in failure.value.problem


def test_one_path_cannot_be_mounted_twice() -> None:
    """Which of the two would win is not a question to guess at."""
    with pytest.raises(MisconfiguredError) as failure:
        build([(b"/a", tree(1)), (b"/a/", tree(2))])
    assert failure.value.path == "/a/"
