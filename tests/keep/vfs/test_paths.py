"""The ``path_*`` functions and their descriptors, where the wasi-testsuite does not look."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enarx.keep.system import System
from enarx.keep.vfs import host
from enarx.keep.vfs.memory import scratch
from enarx.keep.vfs.node import Directory
from enarx.keep.wasi import abi, paths
from enarx.keep.wasi.descriptors import Descriptor, DescriptorTable
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.errno import NOTCAPABLE, WasiError
from enarx.keep.wasi.stdio import Null

ROOT = 3
READ_WRITE = abi.FD_READ | abi.FD_WRITE | abi.FD_SEEK | abi.FD_TELL


@pytest.fixture(params=["memory", "host"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """A guest's world with one empty writable folder."""
    directory: Directory = scratch(1 << 20, device=1)
    if request.param == "host":
        directory = host.mount(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY), writable=True)
    return world(directory)


def world(directory: Directory, *, limit: int = 100) -> System:
    """A guest's world with *directory* pre-opened at 3."""
    table = DescriptorTable(limit)
    table.place(ROOT, DirectoryDescriptor.preopened(directory, b"/"))
    return System(args=(), env=(), descriptors=table, stdio=(Null(), Null(), Null()))


def opened(  # the parameters of path_open, with defaults
    system: System,
    path: bytes,
    oflags: int = 0,
    rights: int = READ_WRITE,
    *,
    inheriting: int = 0,
    fdflags: int = 0,
    fd: int = ROOT,
) -> Descriptor:
    """The descriptor that path_open gives."""
    number = paths.path_open(system, fd, 0, path, oflags, rights, inheriting, fdflags)
    return system.descriptors.get(number)


def refused(code: int, operation: Callable[[], object]) -> None:
    """The operation fails with *code* and nothing else."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        operation()
    assert failure.value.errno == code


def not_capable(operation: Callable[[], object]) -> None:
    """The operation fails for want of a right."""
    with pytest.raises(WasiError) as failure:
        operation()
    assert failure.value.code == NOTCAPABLE


def text(descriptor: Descriptor) -> bytes:
    """All of a file."""
    buffer = memoryview(bytearray(1000))
    return bytes(buffer[: descriptor.pread([buffer], 0)])


FOLDER = abi.PATH_CREATE_DIRECTORY, lambda s, fd: paths.path_create_directory(s, fd, b"new")
NEEDED: list[tuple[int, Callable[[System, int], object]]] = [
    FOLDER,
    (abi.PATH_FILESTAT_GET, lambda s, fd: paths.path_filestat_get(s, fd, 0, b"file")),
    (
        abi.PATH_FILESTAT_SET_TIMES,
        lambda s, fd: paths.path_filestat_set_times(s, fd, 0, b"file", 1, 1),
    ),
    (abi.PATH_LINK_SOURCE, lambda s, fd: paths.path_link(s, fd, 0, b"file", ROOT, b"new")),
    (abi.PATH_LINK_TARGET, lambda s, fd: paths.path_link(s, ROOT, 0, b"file", fd, b"new")),
    (abi.PATH_OPEN, lambda s, fd: paths.path_open(s, fd, 0, b"file", 0, 0, 0, 0)),
    (
        abi.PATH_OPEN | abi.PATH_CREATE_FILE,
        lambda s, fd: paths.path_open(s, fd, 0, b"new", abi.O_CREAT, 0, 0, 0),
    ),
    (
        abi.PATH_OPEN | abi.PATH_FILESTAT_SET_SIZE,
        lambda s, fd: paths.path_open(s, fd, 0, b"file", abi.O_TRUNC, 0, 0, 0),
    ),
    (abi.PATH_READLINK, lambda s, fd: paths.path_readlink(s, fd, b"link")),
    (abi.PATH_REMOVE_DIRECTORY, lambda s, fd: paths.path_remove_directory(s, fd, b"folder")),
    (abi.PATH_RENAME_SOURCE, lambda s, fd: paths.path_rename(s, fd, b"file", ROOT, b"new")),
    (abi.PATH_RENAME_TARGET, lambda s, fd: paths.path_rename(s, ROOT, b"file", fd, b"new")),
    (abi.PATH_SYMLINK, lambda s, fd: paths.path_symlink(s, b"x", fd, b"new")),
    (abi.PATH_UNLINK_FILE, lambda s, fd: paths.path_unlink_file(s, fd, b"file")),
]


@pytest.mark.parametrize(("rights", "operation"), NEEDED)
def test_each_function_needs_exactly_its_rights(
    system: System, rights: int, operation: Callable[[System, int], object]
) -> None:
    """With all rights but one of these it is NOTCAPABLE; with these alone it works."""
    opened(system, b"file", abi.O_CREAT).close()
    paths.path_create_directory(system, ROOT, b"folder")
    paths.path_symlink(system, b"file", ROOT, b"link")
    folder = system.descriptors.get(ROOT)
    assert isinstance(folder, DirectoryDescriptor)
    for bit in range(30):
        if rights & 1 << bit:
            poor = DirectoryDescriptor(folder.directory, abi.RIGHTS_ALL & ~(1 << bit))
            number = system.descriptors.insert(poor)
            not_capable(lambda number=number: operation(system, number))
    operation(system, system.descriptors.insert(DirectoryDescriptor(folder.directory, rights)))


def test_rights_shrink_on_the_way_down(system: System) -> None:
    """What a folder does not hand on, nothing below it has."""
    paths.path_create_directory(system, ROOT, b"folder")
    reading = abi.FD_READ | abi.PATH_OPEN | abi.PATH_CREATE_FILE
    number = paths.path_open(system, ROOT, 0, b"folder", abi.O_DIRECTORY, reading, reading, 0)
    folder = system.descriptors.get(number)
    assert folder.rights_base == abi.PATH_OPEN | abi.PATH_CREATE_FILE
    file = opened(system, b"file", abi.O_CREAT, abi.RIGHTS_ALL, fd=number)
    assert file.rights_base == abi.FD_READ
    refused(errno.EBADF, lambda: file.write([memoryview(b"x")]))


def test_durable_flags_need_the_right_to_synchronise(system: System) -> None:
    """SYNC, RSYNC and DSYNC ask for what the folder must hand on."""
    folder = system.descriptors.get(ROOT)
    folder.restrict(folder.rights_base, folder.rights_inheriting & ~abi.FD_SYNC)
    not_capable(lambda: opened(system, b"file", abi.O_CREAT, fdflags=abi.SYNC))
    not_capable(lambda: opened(system, b"file", abi.O_CREAT, fdflags=abi.RSYNC))
    file = opened(system, b"file", abi.O_CREAT, fdflags=abi.DSYNC)
    assert file.write([memoryview(b"abc")]) == 3


def test_asking_for_the_right_to_resize_is_no_request_to_write() -> None:
    """Go asks for it to read; a read-only tree must not refuse that."""
    root = scratch(1 << 20, device=1)
    root.create(b"file", read=True, write=True).close()
    root.tree.freeze()
    rights = abi.FD_READ | abi.FD_FILESTAT_SET_SIZE | abi.FD_ALLOCATE
    assert text(opened(world(root), b"file", 0, rights)) == b""
    refused(errno.EROFS, lambda: opened(world(root), b"file"))
    refused(errno.EROFS, lambda: opened(world(root), b"new", abi.O_CREAT, abi.FD_READ))


@pytest.mark.parametrize(
    ("path", "oflags", "rights", "code"),
    [
        (b"file", 16, 0, errno.EINVAL),
        (b"folder", abi.O_DIRECTORY | abi.O_CREAT, 0, errno.EINVAL),
        (b"folder", 0, abi.FD_WRITE, errno.EISDIR),
        (b"folder", abi.O_TRUNC, 0, errno.EISDIR),
        (b"folder", abi.O_CREAT, 0, errno.EISDIR),
        (b"folder", abi.O_CREAT | abi.O_EXCL, 0, errno.EEXIST),
        (b"file", abi.O_CREAT | abi.O_EXCL, 0, errno.EEXIST),
        (b"link", abi.O_CREAT | abi.O_EXCL, 0, errno.EEXIST),
        (b"file", abi.O_DIRECTORY, 0, errno.ENOTDIR),
        (b"link", abi.O_DIRECTORY, 0, errno.ENOTDIR),
        (b"link", 0, 0, errno.ELOOP),
        (b"new/", abi.O_CREAT, 0, errno.EISDIR),
        (b"new", 0, 0, errno.ENOENT),
    ],
)
def test_what_cannot_be_opened(
    system: System, path: bytes, oflags: int, rights: int, code: int
) -> None:
    """Each reason has its errno."""
    opened(system, b"file", abi.O_CREAT).close()
    paths.path_create_directory(system, ROOT, b"folder")
    paths.path_symlink(system, b"file", ROOT, b"link")
    refused(code, lambda: opened(system, path, oflags, rights))


def test_unknown_flags_are_invalid(system: System) -> None:
    """A flag of a later version must not be silently ignored."""
    refused(errno.EINVAL, lambda: opened(system, b".", fdflags=32, rights=0))
    refused(errno.EINVAL, lambda: paths.path_open(system, ROOT, 2, b".", 0, 0, 0, 0))
    refused(errno.EINVAL, lambda: paths.path_filestat_get(system, ROOT, 2, b"."))
    opened(system, b"file", abi.O_CREAT).close()
    refused(errno.EINVAL, lambda: paths.path_link(system, ROOT, 1, b"file", ROOT, b"new"))
    refused(errno.EINVAL, lambda: paths.path_readlink(system, ROOT, b"file"))


def test_a_path_below_a_file_descriptor_is_enotdir(system: System) -> None:
    """Paths start at folders."""
    number = paths.path_open(system, ROOT, 0, b"file", abi.O_CREAT, READ_WRITE, 0, 0)
    refused(errno.ENOTDIR, lambda: paths.path_filestat_get(system, number, 0, b"x"))
    refused(errno.EBADF, lambda: paths.path_filestat_get(system, 99, 0, b"x"))


def test_a_full_table_closes_what_was_opened() -> None:
    """EMFILE, and the handle does not keep the file's bytes."""
    root = scratch(1 << 20, device=1)
    system = world(root, limit=1)
    refused(errno.EMFILE, lambda: opened(system, b"file", abi.O_CREAT))
    empty = root.tree.used
    root.unlink(b"file")
    assert root.tree.used < empty


def test_append_mode_can_be_switched(system: System) -> None:
    """It moves the position to the end; pwrite goes where it was told to."""
    file = opened(system, b"file", abi.O_CREAT, fdflags=abi.APPEND)
    assert file.write([memoryview(b"ab"), memoryview(b"cd")]) == 4
    file.seek(0, abi.WHENCE_SET)
    file.write([memoryview(b"ef")])
    assert (file.tell(), text(file)) == (6, b"abcdef")
    file.pwrite([memoryview(b"X")], 0)
    file.set_flags(abi.SYNC)
    file.seek(1, abi.WHENCE_SET)
    file.write([memoryview(b"Y")])
    assert (file.tell(), text(file)) == (2, b"XYcdef")


def test_seeking(system: System) -> None:
    """From the start, the position and the end; before the start and beyond 2**63 is EINVAL."""
    file = opened(system, b"file", abi.O_CREAT)
    file.write([memoryview(b"0123456789")])
    assert file.seek(-4, abi.WHENCE_CUR) == 6
    assert file.seek(-1, abi.WHENCE_END) == 9
    assert file.seek(100, abi.WHENCE_SET) == 100
    refused(errno.EINVAL, lambda: file.seek(-1, abi.WHENCE_SET))
    refused(errno.EINVAL, lambda: file.seek(2**63 - 1, abi.WHENCE_CUR))
    refused(errno.EINVAL, lambda: file.seek(0, 3))
    assert file.tell() == 100
    assert file.read([memoryview(bytearray(4))]) == 0
    assert file.poll_ready(write=False) == 0
    file.seek(4, abi.WHENCE_SET)
    assert file.poll_ready(write=False) == 6


def test_sizes(system: System) -> None:
    """Allocation grows, truncation both; an empty range is EINVAL and a huge one EFBIG."""
    file = opened(system, b"file", abi.O_CREAT)
    file.allocate(10, 10)
    assert file.stat().size == 20
    file.truncate(3)
    assert file.stat().size == 3
    refused(errno.EINVAL, lambda: file.allocate(0, 0))
    refused(errno.EFBIG, lambda: file.allocate(2**62, 2**62))
    for advice in range(6):
        file.advise(0, 0, advice)
    system.descriptors.get(ROOT).sync(data_only=False)
    file.sync(data_only=True)
    file.sync(data_only=False)


def test_times_are_set_one_at_a_time(system: System) -> None:
    """The other one keeps its nanoseconds; for files, folders, links and open files."""
    file = opened(system, b"file", abi.O_CREAT)
    paths.path_create_directory(system, ROOT, b"folder")
    paths.path_symlink(system, b"file", ROOT, b"link")
    for path in (b"file", b"folder", b"link"):
        paths.path_filestat_set_times(system, ROOT, 0, path, 123_456_789, None)
        paths.path_filestat_set_times(system, ROOT, 0, path, None, 987_654_321)
        found = paths.path_filestat_get(system, ROOT, 0, path)
        assert (found.atim, found.mtim) == (123_456_789, 987_654_321)
    file.set_times(1, None)
    assert (file.stat().atim, file.stat().mtim) == (1, 987_654_321)
    folder = system.descriptors.get(ROOT)
    folder.set_times(2, 3)
    assert (folder.stat().atim, folder.stat().mtim) == (2, 3)


def test_a_listing_is_stable_while_one_reads_it(system: System) -> None:
    """Names made and removed meanwhile neither shift nor repeat the rest; cookie 0 starts anew."""
    for name in (b"a", b"b", b"c"):
        paths.path_create_directory(system, ROOT, name)
    folder = system.descriptors.get(ROOT)
    listing = folder.readdir(0)
    first = [next(listing) for _ in range(3)]
    assert [name for name, _, _, _ in first[:2]] == [b".", b".."]
    assert first[0][1] == folder.stat().ino
    for name in (b"a", b"b", b"c"):
        paths.path_remove_directory(system, ROOT, name)
    paths.path_create_directory(system, ROOT, b"d")
    rest = list(folder.readdir(first[-1][3]))
    assert sorted(name for name, _, _, _ in [first[2], *rest]) == [b"a", b"b", b"c"]
    assert list(folder.readdir(rest[-1][3])) == []
    assert list(folder.readdir(2**64 - 1)) == []
    assert [name for name, _, _, _ in folder.readdir(0)] == [b".", b"..", b"d"]


def test_a_cookie_without_a_listing_makes_one(system: System) -> None:
    """A guest may come back to a folder that it opened anew."""
    paths.path_create_directory(system, ROOT, b"a")
    assert [name for name, _, _, _ in system.descriptors.get(ROOT).readdir(2)] == [b"a"]


def test_inodes_agree_between_listing_and_attributes(system: System) -> None:
    """C programs identify files by device and inode."""
    for name in (b"a", b"b"):
        opened(system, name, abi.O_CREAT).close()
    listed = {name: ino for name, ino, _, _ in system.descriptors.get(ROOT).readdir(0)}
    found = [paths.path_filestat_get(system, ROOT, 0, name) for name in (b"a", b"b")]
    assert [listed[b"a"], listed[b"b"]] == [about.ino for about in found]
    assert found[0].dev == found[1].dev
    assert found[0].ino != found[1].ino


def test_an_unlinked_file_can_be_read_and_written_on(system: System) -> None:
    """Temporary files live without a name."""
    file = opened(system, b"file", abi.O_CREAT)
    paths.path_unlink_file(system, ROOT, b"file")
    file.write([memoryview(b"data")])
    assert (text(file), file.stat().nlink) == (b"data", 0)
    refused(errno.ENOENT, lambda: paths.path_filestat_get(system, ROOT, 0, b"file"))


def test_names_that_are_not_utf_8_are_not_listed(tmp_path: Path) -> None:
    """WASI could not name them."""
    (tmp_path / os.fsdecode(b"\xff")).touch()
    (tmp_path / "käse").touch()
    mounted = host.mount(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY), writable=True)
    assert [name for name, _, _ in mounted.entries()] == ["käse".encode()]
