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
from enarx.keep.vfs.package import package_tree, subdirectory
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
            info.mtime = 1_000
            tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


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
    """Regular files, folders, links and hard links arrive with names and contents."""
    long = "long/" + "n" * 90 + "/" + "m" * 60
    root = package_tree(
        archive(
            ("www/index.html", b"<p>"),
            member("empty/", tarfile.DIRTYPE),
            member("www/link", tarfile.SYMTYPE, "../www/index.html"),
            member("hard", tarfile.LNKTYPE, "www/index.html"),
            (long, b"x" * 1000),
            form=form,
        )
    )
    assert read(root, b"www/link") == b"<p>"
    assert read(root, long.encode()) == b"x" * 1000
    assert subdirectory(root, b"empty") is not None
    assert root.lookup(b"hard").stat().nlink == 2
    assert root.lookup(b"hard").stat().mtim == 1_000 * 10**9
    assert isinstance(resolve(root, b"www/link", follow=False).node, Symlink)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_longer_than_a_header_field(form: int) -> None:
    """Paths and targets of thousands of bytes come in extended headers."""
    path = "/".join(["d" * 200] * 10)
    target = "/".join(["t" * 200] * 10)
    root = package_tree(archive((path, b"1"), member("link", tarfile.SYMTYPE, target), form=form))
    assert read(root, path.encode()) == b"1"
    link = root.lookup(b"link")
    assert isinstance(link, Symlink)
    assert link.readlink() == target.encode()


def test_names_beyond_ascii() -> None:
    """UTF-8 names come through."""
    assert read(package_tree(archive(("großer/Käse", b"1"))), "großer/Käse".encode()) == b"1"


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


def test_dot_slash_and_folders_named_after_their_files() -> None:
    """ "tar -c ." begins with "./", and other archives name a folder after what is in it."""
    root = package_tree(
        archive(
            member("./", tarfile.DIRTYPE),
            ("./a/file", b"1"),
            member("./a/", tarfile.DIRTYPE),
        )
    )
    assert read(root, b"a/file") == b"1"


def test_a_folder_of_the_package_can_be_found() -> None:
    """ "from" of a mount names one; links and files are none."""
    root = package_tree(archive(("a/b/file", b"1"), member("l", tarfile.SYMTYPE, "a")))
    assert subdirectory(root, b"") is root
    assert subdirectory(root, b"/a/b/") is not None
    for path in (b"a/b/file", b"l", b"missing", b"a/.."):
        assert subdirectory(root, path) is None


HOSTILE = {
    "absolute": archive(("/etc/passwd", b"")),
    "dot-dot": archive(("a/../../etc/passwd", b"")),
    "dot": archive(("a/./b", b"")),
    "empty component": archive(("a//b", b"")),
    "twice": archive(("a", b"1"), ("a", b"2")),
    "twice by dot-slash": archive(("a", b"1"), ("./a", b"2")),
    "folder twice": archive(member("a/", tarfile.DIRTYPE), member("a/", tarfile.DIRTYPE)),
    "folder over file": archive(("a", b""), member("a/", tarfile.DIRTYPE)),
    "file over folder": archive(("a/b", b""), ("a", b"")),
    "file as folder": archive(("a", b""), ("a/b", b"")),
    "link as folder": archive(
        member("d/", tarfile.DIRTYPE), member("a", tarfile.SYMTYPE, "d"), ("a/b", b"")
    ),
    "character device": archive(member("a", tarfile.CHRTYPE)),
    "block device": archive(member("a", tarfile.BLKTYPE)),
    "fifo": archive(member("a", tarfile.FIFOTYPE)),
    "absolute link": archive(member("a", tarfile.SYMTYPE, "/etc/passwd")),
    "link out": archive(member("a/b", tarfile.SYMTYPE, "../../x")),
    "link out and in": archive(member("a", tarfile.SYMTYPE, "../a")),
    "empty link": archive(member("a", tarfile.SYMTYPE, "")),
    "hard link out": archive(member("a", tarfile.LNKTYPE, "../x")),
    "hard link to later": archive(member("a", tarfile.LNKTYPE, "b"), ("b", b"")),
    "hard link to link": archive(
        member("b", tarfile.SYMTYPE, "c"), member("a", tarfile.LNKTYPE, "b")
    ),
    "name too long": archive(("n" * 256, b"")),
    "path too long": archive(("/".join(["d" * 200] * 30), b"")),
    "no archive": b"not a tar archive".ljust(1024, b"."),
    "empty": b"",
    "no end": archive(("a", b""))[:512],
    "cut off": archive(("a", b"x" * 600))[:1024],
    "data after the end": archive(("a", b"")) + b"x" * 512,
    "latin-1 name": archive(("\udce4", b""), form=tarfile.GNU_FORMAT),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives_are_refused(data: bytes) -> None:
    """As a whole, and by name."""
    with pytest.raises(MalformedError) as failure:
        package_tree(data, where="files layer")
    assert str(failure.value).startswith("files layer")


def patched(offset: int, value: bytes) -> bytes:
    """An archive of one file with a header field replaced and the checksum made right."""
    block = bytearray(archive(("a", b"x"), form=tarfile.USTAR_FORMAT))
    block[offset : offset + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


@pytest.mark.parametrize(
    "data",
    [
        patched(124, b"99999999999\0"),
        patched(124, b"77777777777\0"),
        patched(124, b"\x80" + b"\x7f" * 11),
        patched(136, b"\x80" + b"\x7f" * 11),
        patched(156, b"7"),
        patched(257, b"nostar\0\0"),
        patched(148, b"0000000\0")[:512].replace(b"a", b"b", 1) + bytes(1024),
    ],
    ids=["not octal", "too big", "huge", "late", "contiguous", "magic", "checksum"],
)
def test_damaged_headers_are_refused(data: bytes) -> None:
    """Numbers out of range, unknown types and wrong checksums are malformed."""
    with pytest.raises(MalformedError):
        package_tree(data)


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
