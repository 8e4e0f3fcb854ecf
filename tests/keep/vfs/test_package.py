"""A package's files: what an archive may hold, and what becomes of it."""

from __future__ import annotations

import errno
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.keep.vfs.content import MemoryFile
from enarx.keep.vfs.memory import MemoryDirectory
from enarx.keep.vfs.node import Symlink
from enarx.keep.vfs.package import flat_tree, package_tree, subdirectory
from enarx.keep.vfs.resolve import resolve

FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def archive(*members: tarfile.TarInfo | tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive; a pair is a regular file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def folder(name: str) -> tarfile.TarInfo:
    """A folder."""
    return member(name, tarfile.DIRTYPE)


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member without content."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def read(root: MemoryDirectory, path: bytes) -> bytes:
    """A file's content."""
    node = resolve(root, path, follow=True).node
    assert isinstance(node, MemoryFile)
    handle = node.open(read=True, write=False)
    buffer = memoryview(bytearray(handle.size()))
    handle.read_at([buffer], 0)
    return bytes(buffer)


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
def test_files_folders_and_links_of_each_format(form: int) -> None:
    """Regular files, folders and links arrive with names, contents and no times."""
    long = "n" * 90 + "/" + "m" * 60
    root = package_tree(
        archive(
            folder("www/"),
            ("www/index.html", b"<p>"),
            folder("empty/"),
            member("www/link", tarfile.SYMTYPE, "../www/index.html"),
            folder("n" * 90 + "/"),
            (long, b"x" * 1000),
            form=form,
        )
    )
    assert read(root, b"www/link") == b"<p>"
    assert read(root, long.encode()) == b"x" * 1000
    assert subdirectory(root, b"empty") is not None
    assert root.lookup(b"www").stat().mtim == 0
    assert isinstance(resolve(root, b"www/link", follow=False).node, Symlink)


def test_names_beyond_ascii() -> None:
    """UTF-8 names come through."""
    root = package_tree(archive(folder("großer"), ("großer/Käse", b"1")))
    assert read(root, "großer/Käse".encode()) == b"1"


def test_files_are_views_of_the_archive() -> None:
    """No byte of a package is in memory twice."""
    data = archive(("file", b"content"))
    file = package_tree(data).lookup(b"file")
    assert isinstance(file, MemoryFile)
    assert isinstance(file.data, memoryview)
    assert file.data.obj is data


def test_the_tree_is_read_only() -> None:
    """Nothing in a package can be changed."""
    root = package_tree(archive(("file", b"content")))
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        root.unlink(b"file")
    assert failure.value.errno == errno.EROFS


def test_secrets_are_files_that_nobody_changes() -> None:
    """A tree of named bytes holds them, read-only, empty ones too."""
    tree = flat_tree({"token": b"secret", "empty": b""})
    assert {name: tree.lookup(name).size() for name, _, _ in tree.entries()} == {
        b"token": 6,
        b"empty": 0,
    }
    with pytest.raises(OSError, check=lambda e: e.errno == errno.EROFS):
        tree.create(b"more", read=True, write=True)


def test_a_folder_of_the_package_can_be_found() -> None:
    """The key "from" of a mount names one; links and files are none."""
    root = package_tree(
        archive(folder("a"), folder("a/b"), ("a/b/file", b"1"), member("l", tarfile.SYMTYPE, "a"))
    )
    assert subdirectory(root, b"") is root
    assert subdirectory(root, b"/a/b/") is not None
    for path in (b"a/b/file", b"l", b"missing", b"a/.."):
        assert subdirectory(root, path) is None


HOSTILE = {
    "absolute": archive(("/etc/passwd", b"")),
    "dot-dot": archive(folder("a"), ("a/../../etc/passwd", b"")),
    "dot": archive(folder("a"), ("a/./b", b"")),
    "empty component": archive(folder("a"), ("a//b", b"")),
    "twice": archive(("a", b"1"), ("a", b"2")),
    "folder twice": archive(folder("a/"), folder("a/")),
    "folder over file": archive(("a", b""), folder("a/")),
    "file over folder": archive(folder("a"), ("a", b"")),
    "folder missing": archive(("a/b", b"")),
    "file as folder": archive(("a", b""), ("a/b", b"")),
    "link as folder": archive(folder("d/"), member("a", tarfile.SYMTYPE, "d"), ("a/b", b"")),
    "character device": archive(member("a", tarfile.CHRTYPE)),
    "block device": archive(member("a", tarfile.BLKTYPE)),
    "fifo": archive(member("a", tarfile.FIFOTYPE)),
    "absolute link": archive(member("a", tarfile.SYMTYPE, "/etc/passwd")),
    "link out": archive(folder("a"), member("a/b", tarfile.SYMTYPE, "../../x")),
    "link out and in": archive(member("a", tarfile.SYMTYPE, "../a")),
    "empty link": archive(member("a", tarfile.SYMTYPE, "")),
    "hard link": archive(("b", b""), member("a", tarfile.LNKTYPE, "b")),
    "hard link out": archive(member("a", tarfile.LNKTYPE, "../x")),
    "name too long": archive(("n" * 256, b"")),
    "no archive": b"not a tar archive".ljust(1024, b"."),
    "empty": b"",
    "no end": archive(("a", b""))[:512],
    "cut off": archive(("a", b"x" * 600))[:1024],
    "latin-1 name": archive(("\udce4", b""), form=tarfile.GNU_FORMAT),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives_are_refused(data: bytes) -> None:
    """As a whole, and by name."""
    with pytest.raises(MalformedError) as failure:
        package_tree(data, where="files layer")
    assert str(failure.value).startswith("files layer")


def success_or_malformed(operation: Callable[[], object]) -> None:
    """Anything but these two is a bug."""
    try:
        operation()
    except MalformedError:
        return


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2048))
def test_junk_is_malformed_or_fine(data: bytes) -> None:
    """Whatever the bytes, the reader answers or says malformed."""
    success_or_malformed(lambda: package_tree(data))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_archives_are_malformed_or_fine(data: st.DataObject) -> None:
    """Bytes changed anywhere, with checksums repaired, raise nothing else."""
    whole = bytearray(
        archive(
            folder("a" * 40),
            ("a" * 40 + "/" + "n" * 80, b"x" * 20),
            member("link", tarfile.SYMTYPE, "a"),
            member("b/", tarfile.DIRTYPE),
            form=data.draw(st.sampled_from(sorted(FORMATS.values()))),
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 512 * 9))
        if at < len(whole):
            whole[at] = data.draw(st.integers(0, 255))
            start = at // 512 * 512
            if data.draw(st.booleans()):
                whole[start + 148 : start + 156] = b" " * 8
                total = sum(whole[start : start + 512])
                whole[start + 148 : start + 156] = b"%06o\0 " % total
    success_or_malformed(lambda: package_tree(bytes(whole)))
