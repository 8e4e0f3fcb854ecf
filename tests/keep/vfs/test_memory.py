"""The memory tree: names, bytes, quota and frozenness."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable

import pytest

from enarx.keep.vfs.content import MemoryFile
from enarx.keep.vfs.memory import MemoryDirectory, scratch
from enarx.keep.vfs.node import Handle
from enarx.keep.vfs.tree import NAME_CHARGE, NODE_CHARGE

LIMIT = 1 << 20
DIGITS = memoryview(b"0123456789")


def new(limit: int = LIMIT) -> MemoryDirectory:
    """A scratch tree whose clock stands still."""
    return scratch(limit, device=1, clock=lambda: 1_000)


def make(root: MemoryDirectory, name: bytes = b"file", data: bytes = b"") -> Handle:
    """A new file with *data* in it, open for both."""
    handle = root.create(name, read=True, write=True)
    handle.write_at([memoryview(data)], 0)
    return handle


def read(handle: Handle, size: int = 100, offset: int = 0) -> bytes:
    """What the handle reads."""
    buffer = memoryview(bytearray(size))
    return bytes(buffer[: handle.read_at([buffer], offset)])


def refused(code: int, operation: Callable[[], object]) -> None:
    """The operation fails with *code* and nothing else."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        operation()
    assert failure.value.errno == code


def test_reads_fill_several_views_and_stop_at_the_end() -> None:
    """One read scatters over its views; the last one is filled as far as the file goes."""
    handle = make(new(), data=b"0123456789")
    first, second = memoryview(bytearray(4)), memoryview(bytearray(20))
    assert handle.read_at([first, second], 1) == 9
    assert bytes(first) == b"1234"
    assert bytes(second[:5]) == b"56789"
    assert handle.read_at([first], 10) == 0
    assert handle.read_at([first], 1 << 62) == 0


def test_writes_overwrite_straddle_and_extend() -> None:
    """A write may lie inside the file, cross its end, or start behind it, leaving zeros."""
    handle = make(new(), data=b"abcdef")
    assert handle.write_at([DIGITS[:2], DIGITS[2:3]], 1) == 3
    assert read(handle) == b"a012ef"
    assert handle.write_at([DIGITS[:4]], 4) == 4
    assert read(handle) == b"a0120123"
    assert handle.write_at([DIGITS[:1]], 10) == 1
    assert read(handle) == b"a0120123\0\x000"


def test_large_files_survive_all_sizes_of_view() -> None:
    """Views above and below the size that is copied differently give the same bytes."""
    data = bytes(range(256)) * 100
    handle = make(new(), data=data)
    for size in (1, 4096, 4097, len(data)):
        assert read(handle, size) == data[:size]


def test_append_writes_at_the_end() -> None:
    """Appending ignores where others wrote."""
    handle = make(new(), data=b"ab")
    assert handle.append([memoryview(b"cd"), memoryview(b"ef")]) == 4
    assert read(handle) == b"abcdef"


def test_truncate_and_allocate_change_the_size() -> None:
    """Truncation cuts and extends with zeros; allocation only extends."""
    handle = make(new(), data=b"abcdef")
    handle.truncate(2)
    handle.truncate(4)
    assert read(handle) == b"ab\0\0"
    handle.allocate(0, 3)
    assert handle.size() == 4
    handle.allocate(3, 3)
    assert handle.size() == 6


def test_a_handle_does_only_what_it_was_opened_for() -> None:
    """Reading a write-only handle is EBADF, as is writing a read-only one; truncation EINVAL."""
    root = new()
    make(root, data=b"x").close()
    file = root.lookup(b"file")
    assert isinstance(file, MemoryFile)
    reader, writer = file.open(read=True, write=False), file.open(read=False, write=True)
    refused(errno.EBADF, lambda: read(writer))
    refused(errno.EBADF, lambda: reader.write_at([DIGITS], 0))
    refused(errno.EBADF, lambda: reader.allocate(0, 1))
    refused(errno.EINVAL, lambda: reader.truncate(0))


def test_an_unlinked_file_lives_until_it_is_closed() -> None:
    """The bytes stay readable and charged while a handle is open, and are given back after."""
    root = new()
    empty = root.tree.used
    handle = make(root, data=b"x" * 1000)
    root.unlink(b"file")
    assert handle.stat().nlink == 0
    assert read(handle, 3) == b"xxx"
    assert root.tree.used == empty + NODE_CHARGE + 1000
    handle.close()
    handle.close()
    assert root.tree.used == empty


def test_the_quota_bounds_bytes_nodes_names_and_links() -> None:
    """Each way to take memory ends in ENOSPC, and what was refused is not charged."""
    root = new(NODE_CHARGE * 2 + 100)
    handle = make(root, data=b"x" * 50)
    refused(errno.ENOSPC, lambda: handle.write_at([memoryview(bytes(NODE_CHARGE * 2))], 0))
    refused(errno.ENOSPC, lambda: handle.truncate(1 << 62))
    refused(errno.ENOSPC, lambda: handle.write_at([DIGITS], 1 << 62))
    root.make_directory(b"directory")
    used = root.tree.used
    refused(errno.ENOSPC, lambda: root.make_directory(b"another"))
    refused(errno.ENOSPC, lambda: root.make_symlink(b"link", b"x"))
    refused(errno.ENOSPC, lambda: root.create(b"another", read=True, write=True))
    refused(errno.ENOSPC, lambda: root.link(b"another", root.lookup(b"file")))
    assert root.tree.used == used
    assert len(root.entries()) == 2


def test_a_write_is_short_when_the_quota_ends_between_views() -> None:
    """What fitted is reported; only a write of nothing at all is ENOSPC."""
    root = new(NODE_CHARGE + 10)
    handle = make(root)
    assert handle.write_at([DIGITS, DIGITS], 0) == 10
    refused(errno.ENOSPC, lambda: handle.write_at([DIGITS], 10))


def test_everything_removed_leaves_nothing_charged() -> None:
    """After links, directories and replacements are gone, the quota is as it was."""
    root = new()
    empty = root.tree.used
    make(root, data=b"data").close()
    root.link(b"other", root.lookup(b"file"))
    assert root.tree.used == empty + NODE_CHARGE + NAME_CHARGE + 4
    root.make_symlink(b"link", b"target")
    make(root, b"victim", b"more").close()
    root.rename(b"file", root, b"victim")
    root.make_directory(b"a")
    root.make_directory(b"b")
    root.rename(b"a", root, b"b")
    for name in (b"other", b"victim", b"link"):
        root.unlink(name)
    root.remove_directory(b"b")
    assert root.tree.used == empty
    assert root.entries() == []


def test_inode_numbers_are_never_reused() -> None:
    """A new file is not mistaken for a removed one."""
    root = new()
    make(root).close()
    first = root.lookup(b"file").stat().ino
    root.unlink(b"file")
    make(root).close()
    assert root.lookup(b"file").stat().ino != first


def test_hard_links_are_counted() -> None:
    """Two names are one inode with two links."""
    root = new()
    make(root, data=b"data").close()
    root.link(b"other", root.lookup(b"file"))
    one, two = root.lookup(b"file").stat(), root.lookup(b"other").stat()
    assert (one.ino, one.nlink) == (two.ino, two.nlink) == (one.ino, 2)


def test_a_directory_cannot_be_linked_nor_moved_into_itself() -> None:
    """EPERM and EINVAL; otherwise a loop would have no root."""
    root = new()
    root.make_directory(b"a")
    a = root.lookup(b"a")
    assert isinstance(a, MemoryDirectory)
    a.make_directory(b"b")
    b = a.lookup(b"b")
    assert isinstance(b, MemoryDirectory)
    refused(errno.EPERM, lambda: root.link(b"x", a))
    refused(errno.EINVAL, lambda: root.rename(b"a", b, b"c"))
    refused(errno.EINVAL, lambda: root.rename(b"a", a, b"a"))


def test_two_trees_do_not_mix() -> None:
    """Renaming or linking into another tree is EXDEV."""
    one, two = new(), scratch(LIMIT, device=2)
    make(one).close()
    refused(errno.EXDEV, lambda: one.rename(b"file", two, b"file"))
    refused(errno.EXDEV, lambda: two.link(b"file", one.lookup(b"file")))


def test_a_removed_directory_takes_nothing_new() -> None:
    """A guest that still has it open gets ENOENT."""
    root = new()
    root.make_directory(b"a")
    a = root.lookup(b"a")
    assert isinstance(a, MemoryDirectory)
    root.remove_directory(b"a")
    refused(errno.ENOENT, lambda: a.make_directory(b"b"))
    make(root).close()
    refused(errno.ENOENT, lambda: root.rename(b"file", a, b"file"))
    assert a.stat().nlink == 0


def test_a_frozen_tree_refuses_every_change() -> None:
    """EROFS, but EEXIST and ENOENT come first: mkdir -p relies on it."""
    root = new()
    make(root, data=b"data").close()
    root.make_directory(b"directory")
    file = root.lookup(b"file")
    assert isinstance(file, MemoryFile)
    root.tree.freeze()
    refused(errno.EROFS, lambda: root.create(b"new", read=True, write=False))
    refused(errno.EROFS, lambda: root.make_directory(b"new"))
    refused(errno.EROFS, lambda: root.make_symlink(b"new", b"x"))
    refused(errno.EROFS, lambda: root.link(b"new", file))
    refused(errno.EROFS, lambda: root.unlink(b"file"))
    refused(errno.EROFS, lambda: root.remove_directory(b"directory"))
    refused(errno.EROFS, lambda: root.rename(b"file", root, b"new"))
    refused(errno.EROFS, lambda: file.set_times(1, 1))
    refused(errno.EROFS, lambda: file.open(read=True, write=True))
    refused(errno.EROFS, lambda: file.open(read=True, write=False, truncate=True))
    refused(errno.EEXIST, lambda: root.make_directory(b"directory"))
    refused(errno.ENOENT, lambda: root.unlink(b"new"))
    assert read(file.open(read=True, write=False)) == b"data"


NO_MEMORY = """
import resource
from enarx.keep.vfs.memory import scratch
root = scratch(1 << 40, device=1)
handle = root.create(b"file", read=True, write=True)
handle.write_at([memoryview(b"data")], 0)
used = root.tree.used
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
for operation in (
    lambda: handle.truncate(1 << 30),
    lambda: handle.write_at([memoryview(b"x")], 1 << 30),
):
    try:
        operation()
    except OSError as e:
        print(e.errno, handle.size(), root.tree.used - used)
"""


def test_a_quota_beyond_the_real_memory_is_enospc() -> None:
    """The guest learns of it as of a full disk, and nothing has changed."""
    run = subprocess.run(
        [sys.executable, "-c", NO_MEMORY], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [f"{errno.ENOSPC} 4 0"] * 2
