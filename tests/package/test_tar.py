"""Tar archives of others: what is understood, and what is refused with its place."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.package import tar
from enarx.package.tar import FILE, SYMLINK, Member

END = bytes(1024)


def extended(kind: bytes, body: bytes) -> bytes:
    """An extension header with *body*, a file `x`, and the end of the archive."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(body)
    return (
        info.tobuf(tarfile.USTAR_FORMAT)
        + body
        + bytes(-len(body) % 512)
        + tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
        + END
    )


def record(key: str, value: str) -> bytes:
    """One pax record."""
    return tarfile.TarInfo._create_pax_generic_header({key: value}, b"x", "utf-8")[512:].strip(  # type: ignore[attr-defined]
        b"\0"
    )


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_tarfile_reads_what_we_write(path: str) -> None:
    """Any path and target we write is what the standard library reads."""
    out = tar.write([Member(path=path.strip("/") or "x", kind=SYMLINK, target=path)])
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        (found,) = archive.getmembers()
    assert (found.name, found.linkname) == (path.strip("/") or "x", path)


@pytest.mark.parametrize(
    ("archive", "want"),
    [
        (extended(b"x", record("path", "päth")), "päth"),
        (extended(b"x", record("mtime", "1.5")), "x"),
        (extended(b"g", record("comment", "abc")), "x"),
        (extended(b"L", b"long\0"), "long"),
    ],
)
def test_extensions_are_understood(archive: bytes, want: str) -> None:
    """Pax paths, harmless pax keys, global comments and GNU long names."""
    assert [member.path for member in tar.read(archive, "t")] == [want]


@pytest.mark.parametrize(
    ("archive", "want"),
    [
        (extended(b"g", record("path", "all")), "sets path for all members"),
        (extended(b"x", record("GNU.sparse.major", "1")), "sparse file"),
        (extended(b"x", record("size", "1e3")), "size is not a number"),
        (extended(b"x", b"path=x\n"), "without a length"),
        (extended(b"x", b"99 path=x\n"), "is not key=value"),
        (extended(b"x", b"0 "), "is not key=value"),
        (extended(b"x", b"9 pathx\n"), "is not key=value"),
        (extended(b"x", b"10 path=\xff\n"), "is not UTF-8"),
        (extended(b"x", b"x" * 65_537), "header of 65537 bytes"),
        (extended(b"x", record("path", "p"))[:1024] + END, "pax header without a member"),
        (tar.write([])[:512], "does not end in zeros"),
        (tar.write([]) + b"x", "does not end in zeros"),
        (tarfile.TarInfo("x").tobuf()[:100], "cut off"),
        (tarfile.TarInfo("x").tobuf() + b"", "the end of the archive is missing"),
    ],
)
def test_what_is_not_understood_is_refused(archive: bytes, want: str) -> None:
    """Nothing is skipped in silence, and nothing after the end is ignored."""
    with pytest.raises(MalformedError, match=want):
        list(tar.read(archive, "t"))


def test_large_sizes_are_read() -> None:
    """A pax size and GNU's base 256 are understood; the data must be there."""
    for size in (8**11, 5):
        info = tarfile.TarInfo("x")
        info.size = size
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            with pytest.raises(MalformedError, match=rf"cut off \(want {size} bytes, got 4\)"):
                list(tar.read(info.tobuf(form) + b"abcd", "t"))


def test_a_file_with_a_slash_is_a_directory() -> None:
    """Archives older than ustar mark a directory by a slash at its end."""
    info = tarfile.TarInfo("d/")
    (member,) = tar.read(info.tobuf() + END, "t")
    assert (member.path, member.kind) == ("d", tar.DIRECTORY)


def test_a_number_must_be_one() -> None:
    """A mode that is not octal is refused even under a valid checksum."""
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    header[100:108] = b"9999999\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(MalformedError, match="not an octal number"):
        list(tar.read(bytes(header) + END, "t"))


def test_contents_are_views() -> None:
    """A file's bytes are not copied."""
    archive = tar.write([Member(path="a", kind=FILE, data=b"abc")])
    (member,) = tar.read(archive, "t")
    assert isinstance(member.data, memoryview)
    assert member.data.obj is archive
