"""Files and folders of a component over the keep's trees, without a guest."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enarx.keep.component import filesystem
from enarx.keep.component.files import Descriptor
from enarx.keep.component.streams import FileOutput, StreamClosedError
from enarx.keep.system import System
from enarx.keep.vfs import host
from enarx.keep.vfs.memory import scratch

NOTHING: frozenset[str] = frozenset()
CREATE = frozenset({"create"})
READ_WRITE = frozenset({"read", "write"})
NO_CHANGE = ("no-change", None)


@pytest.fixture
def root(system: System) -> Descriptor:
    """An empty pre-opened folder."""
    tree = scratch(1 << 20, device=1, clock=lambda: 5)
    system.preopens = ((b"/data", tree),)
    preopens = filesystem.INTERFACES[1].bind(system)["get-directories"].call()
    assert [path for _, path in preopens] == ["/data"]
    return preopens[0][0]  # type: ignore[no-any-return]


def make(root: Descriptor, name: str = "file", data: bytes = b"") -> Descriptor:
    """A new file, open for both."""
    made = root.open_at(NOTHING, name, CREATE, READ_WRITE)
    assert made.write(data, 0) == len(data)
    return made


def refused(code: int, operation: Callable[[], object]) -> None:
    """The operation fails with *code*."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        operation()
    assert failure.value.errno == code


def test_reading_and_writing_at_offsets(root: Descriptor) -> None:
    """Offsets are given; the end is told."""
    file = make(root, data=b"hello")
    assert (bytes(file.read(3, 1)[0]), file.read(3, 1)[1]) == (b"ell", False)
    assert (bytes(file.read(3, 5)[0]), file.read(3, 5)[1]) == (b"", True)
    file.set_size(2)
    assert file.stat()[2] == 2
    refused(errno.EINVAL, lambda: file.read(1, 1 << 63))
    refused(errno.EINVAL, lambda: file.set_size(1 << 63))


def test_streams_have_their_own_positions(root: Descriptor) -> None:
    """Two streams of one file do not move each other; appending finds the end."""
    file = make(root, data=b"abcdef")
    first, second = file.read_via_stream(0), file.read_via_stream(4)
    assert bytes(first.read(2)) == b"ab"
    assert bytes(second.read(9)) == b"ef"
    assert bytes(first.blocking_read(2)) == b"cd"
    appending, writing = file.append_via_stream(), file.write_via_stream(1)
    for stream, data in ((appending, b"1"), (writing, b"2"), (appending, b"3"), (writing, b"4")):
        stream.blocking_write_and_flush(data)
    assert bytes(file.read(99, 0)[0]) == b"a24def13"
    assert bytes(second.read(9)) == b"13"
    with pytest.raises(StreamClosedError):
        second.read(9)


def test_a_stream_outlives_its_descriptor(root: Descriptor, system: System) -> None:
    """The file is closed with its last user."""
    file = make(root, data=b"abc")
    stream = file.read_via_stream(0)
    file.close()
    assert bytes(stream.read(9)) == b"abc"
    before = len(system.descriptors)
    stream.close()
    assert len(system.descriptors) == before - 1


def test_what_it_was_not_opened_for_is_refused(root: Descriptor) -> None:
    """Reading needs read, writing needs write, a folder has no bytes and a file no entries."""
    make(root).close()
    reading = root.open_at(NOTHING, "file", NOTHING, NOTHING)
    assert reading.get_flags() == {"read"}
    refused(errno.EBADF, lambda: reading.write(b"a", 0))
    refused(errno.EBADF, reading.append_via_stream)
    writing = root.open_at(NOTHING, "file", NOTHING, frozenset({"write"}))
    refused(errno.EBADF, lambda: writing.read_via_stream(0))
    refused(errno.EISDIR, lambda: root.read(1, 0))
    refused(errno.ENOTDIR, reading.read_directory)
    refused(errno.ENOTDIR, lambda: reading.stat_at(NOTHING, "x"))
    refused(errno.EISDIR, lambda: root.open_at(NOTHING, ".", NOTHING, READ_WRITE))


def test_opening(root: Descriptor) -> None:
    """Create, exclusive, truncate and directory mean what they mean elsewhere."""
    make(root, data=b"abc").close()
    exclusive = frozenset({"create", "exclusive"})
    refused(errno.EEXIST, lambda: root.open_at(NOTHING, "file", exclusive, READ_WRITE))
    refused(errno.ENOENT, lambda: root.open_at(NOTHING, "none", NOTHING, READ_WRITE))
    folder = frozenset({"directory"})
    refused(errno.ENOTDIR, lambda: root.open_at(NOTHING, "file", folder, NOTHING))
    refused(errno.EINVAL, lambda: root.open_at(NOTHING, "x", folder | CREATE, READ_WRITE))
    cut = root.open_at(NOTHING, "file", frozenset({"truncate"}), READ_WRITE)
    assert cut.stat()[2] == 0
    refused(errno.EPERM, lambda: root.open_at(NOTHING, "../file", NOTHING, NOTHING))
    refused(errno.EPERM, lambda: root.open_at(NOTHING, "/file", NOTHING, NOTHING))


def test_names(root: Descriptor) -> None:
    """Folders, links, renaming and removing."""
    make(root, "file", b"abc").close()
    root.create_directory_at("folder")
    folder = root.open_at(NOTHING, "folder", NOTHING, NOTHING)
    assert (folder.get_type(), root.get_type()) == ("directory", "directory")
    root.rename_at("file", folder, "moved")
    root.link_at(NOTHING, "folder/moved", root, "hard")
    root.symlink_at("folder/moved", "soft")
    assert root.readlink_at("soft") == "folder/moved"
    refused(errno.EPERM, lambda: root.symlink_at("/etc/passwd", "out"))
    follow = frozenset({"symlink-follow"})
    assert root.stat_at(follow, "soft")[:3] == ("regular-file", 2, 3)
    assert root.stat_at(NOTHING, "soft")[0] == "symbolic-link"
    refused(errno.ELOOP, lambda: root.open_at(NOTHING, "soft", NOTHING, NOTHING))
    entries = root.read_directory()
    listed = []
    while entry := entries.read_directory_entry():
        listed.append(entry)
    assert sorted(listed) == [
        ("directory", "folder"),
        ("regular-file", "hard"),
        ("symbolic-link", "soft"),
    ]
    same = root.metadata_hash_at(NOTHING, "hard")
    assert same == root.metadata_hash_at(follow, "soft") != root.metadata_hash()
    opened = root.open_at(NOTHING, "hard", NOTHING, NOTHING)
    assert opened.is_same_object(root.open_at(follow, "soft", NOTHING, NOTHING))
    refused(errno.ENOTEMPTY, lambda: root.remove_directory_at("folder"))
    for name in ("hard", "soft", "folder/moved"):
        root.unlink_file_at(name)
    root.remove_directory_at("folder")


def test_times(root: Descriptor) -> None:
    """Given, now, or left alone."""
    file = make(root)
    file.set_times(("timestamp", (3, 7)), NO_CHANGE)
    assert file.stat()[3] == (3, 7)
    root.set_times_at(NOTHING, "file", NO_CHANGE, ("now", None))
    seconds = file.stat()[4][0]  # type: ignore[index]
    assert seconds > 1_700_000_000
    refused(errno.EINVAL, lambda: file.set_times(("timestamp", (3, 1_000_000_000)), NO_CHANGE))
    refused(errno.EOVERFLOW, lambda: file.set_times(("timestamp", (1 << 60, 0)), NO_CHANGE))


def test_hints_and_durability(root: Descriptor) -> None:
    """They are taken, from files and folders."""
    file = make(root)
    file.advise(0, 1 << 63, "will-need")
    for descriptor in (file, root):
        descriptor.sync()
        descriptor.sync_data()


def test_a_full_tree_is_no_space(root: Descriptor) -> None:
    """The quota's end reaches the stream."""
    file = make(root)
    stream = file.write_via_stream(0)
    assert isinstance(stream, FileOutput)

    def fill() -> None:
        while True:
            stream.blocking_write_and_flush(bytes(4096))

    refused(errno.ENOSPC, fill)


def test_two_listings_of_one_folder(root: Descriptor) -> None:
    """A listing goes on as it began when another begins after an entry was removed."""
    for name in ("a", "b"):
        make(root, name).close()
    first = root.read_directory()
    assert first.read_directory_entry() == ("regular-file", "a")
    root.unlink_file_at("a")
    second = root.read_directory()
    assert second.read_directory_entry() == ("regular-file", "b")
    assert first.read_directory_entry() == ("regular-file", "b")
    assert (first.read_directory_entry(), second.read_directory_entry()) == (None, None)


def test_a_time_before_1970(tmp_path: Path, system: System) -> None:
    """A host's file can be older than the interface can tell: it is from 1970 then."""
    (tmp_path / "old").write_bytes(b"")
    os.utime(tmp_path / "old", ns=(-5, -(10**18)))
    tree = host.mount(os.open(tmp_path, os.O_RDONLY), writable=False)
    system.preopens = ((b"/old", tree),)
    ((folder, _),) = filesystem.INTERFACES[1].bind(system)["get-directories"].call()
    assert folder.stat_at(NOTHING, "old")[3:5] == ((0, 0), (0, 0))
