"""The entries of a tar archive, without copying the files in it.

Python's ``tarfile`` would do, but importing it takes longer than a whole start of a keep, and it
reads more than packages may hold.  Accepted are regular files, directories, links and hard links
in ustar, pax and GNU form; anything else, and anything after the archive's end, is malformed.

Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar's manual,
"Basic Tar Format".
"""

from __future__ import annotations

import struct

from enarx.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

REGULAR, HARD_LINK, SYMLINK, DIRECTORY = b"0", b"1", b"2", b"5"

_BLOCK = 512
_EMPTY = bytes(_BLOCK)
# name, size, mtime, checksum, type, link name, magic and version, prefix; x are mode, owner, device
_header = struct.Struct("100s24x12s12s8sc100s8s80x155s12x")
_CHECKSUM = slice(148, 156)
_BLANKS = 8 * 0x20  # the checksum is computed with blanks in its own field
_USTAR = b"ustar\x0000"
_GNU = b"ustar  \x00"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_OLD_REGULAR = b"\0"
# A pax header or GNU name holds a path or two, and at most some attributes of other systems.
_MAX_EXTENSION = 1 << 20
_NANOSECONDS = 10**9
_MAX_MTIME = 2**63 // _NANOSECONDS  # seconds; nanoseconds are a signed 64-bit number in the kernel


class Entry:
    """One member.

    Attributes:
        offset: of its header in the archive, for messages.
        kind: REGULAR, HARD_LINK, SYMLINK or DIRECTORY.
        path: as the archive has it, unexamined.
        target: of a link or hard link, unexamined.
        data: a file's bytes, a view of the archive.
        mtim: time of last change in nanoseconds.
    """

    __slots__ = ("data", "kind", "mtim", "offset", "path", "target")

    def __init__(
        self,
        *,
        offset: int,
        kind: bytes,
        path: bytes,
        target: bytes,
        data: memoryview,
        mtim: int,
    ) -> None:
        self.offset = offset
        self.kind = kind
        self.path = path
        self.target = target
        self.data = data
        self.mtim = mtim


def entries(archive: memoryview, where: str) -> Iterator[Entry]:
    """Give the members of *archive* in order.

    Args:
        archive: the whole of it, format ``B``.
        where: what to call it in an error.

    Raises:
        MalformedError: while iterating.
    """
    extensions: dict[bytes, bytes] = {}
    at = 0
    while True:
        block = archive[at : at + _BLOCK]
        if len(block) < _BLOCK:
            raise MalformedError(where, "the archive ends without its end mark", offset=at)
        if block == _EMPTY:
            break
        header = _Header(block, where, at)
        size = header.size if b"size" not in extensions else _decimal(extensions, where, at)
        data = _content(archive, at, size, where)
        if header.kind in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            _extend(extensions, header.kind, data, where, at)
        else:
            yield _entry(header, extensions, data, where)
            extensions = {}
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    if extensions:
        raise MalformedError(where, "an extended header belongs to no member", offset=at)
    if archive[at:].tobytes().strip(b"\0"):
        raise MalformedError(where, "there is data after the end mark", offset=at)


class _Header:
    """A header block, its numbers read and its checksum checked."""

    __slots__ = ("kind", "link", "mtime", "offset", "path", "size")

    def __init__(self, block: memoryview, where: str, offset: int) -> None:
        name, size, mtime, checksum, kind, link, magic, prefix = _header.unpack(block)
        if _octal(checksum, where, offset) != sum(block) - sum(block[_CHECKSUM]) + _BLANKS:
            raise MalformedError(where, "the checksum of a header is wrong", offset=offset)
        if magic not in (_USTAR, _GNU):
            raise MalformedError(where, "not a ustar, pax or GNU tar header", offset=offset)
        self.offset = offset
        self.kind = REGULAR if kind == _OLD_REGULAR else kind
        self.size = _octal(size, where, offset)
        self.mtime = _octal(mtime, where, offset)
        if self.mtime > _MAX_MTIME:
            raise MalformedError(where, "a time is out of range", offset=offset)
        self.link = _text(link)
        self.path = _text(name)
        if magic == _USTAR and prefix[0]:
            self.path = _text(prefix) + b"/" + self.path


def _entry(header: _Header, extensions: dict[bytes, bytes], data: memoryview, where: str) -> Entry:
    """Put a member together from its header and what extended headers said about it."""
    if header.kind not in (REGULAR, HARD_LINK, SYMLINK, DIRECTORY):
        kind = header.kind.decode("ascii", "backslashreplace")
        problem = f"only files, directories and links are allowed (got type {kind!r})"
        raise MalformedError(where, problem, offset=header.offset)
    if header.kind != REGULAR and len(data):
        raise MalformedError(where, "a directory or link has content", offset=header.offset)
    return Entry(
        offset=header.offset,
        kind=header.kind,
        path=extensions.get(b"path", header.path),
        target=extensions.get(b"linkpath", header.link),
        data=data,
        mtim=header.mtime * _NANOSECONDS,
    )


def _content(archive: memoryview, at: int, size: int, where: str) -> memoryview:
    """Return the *size* bytes after the header at *at*."""
    start = at + _BLOCK
    if size > len(archive) - start:
        problem = f"a member is cut off (got {len(archive) - start} bytes, want {size})"
        raise MalformedError(where, problem, offset=at)
    return archive[start : start + size]


def _extend(
    extensions: dict[bytes, bytes], kind: bytes, data: memoryview, where: str, at: int
) -> None:
    """Note what an extended header says about the next member."""
    if len(data) > _MAX_EXTENSION:
        raise MalformedError(where, "an extended header is too long", offset=at)
    if kind == _GNU_NAME:
        extensions[b"path"] = _text(bytes(data))
    elif kind == _GNU_LINK:
        extensions[b"linkpath"] = _text(bytes(data))
    elif kind == _PAX:
        extensions.update(_records(bytes(data), where, at))
    elif {b"path", b"linkpath", b"size"} & dict(_records(bytes(data), where, at)).keys():
        # Legal, but nobody writes it, and each member would change its name without a trace.
        raise MalformedError(where, "a global header renames members", offset=at)


def _records(data: bytes, where: str, at: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the records "length key=value" of a pax header."""
    begin = 0
    while begin < len(data):
        digits, space, _ = data[begin : begin + 8].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = data[begin + len(digits) + 1 : begin + length]
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not record.endswith(b"\n") or begin + length > len(data):
            raise MalformedError(where, "a record of a pax header is broken", offset=at)
        if key.startswith(b"GNU.sparse"):
            raise MalformedError(where, "sparse files are not allowed", offset=at)
        yield key, value
        begin += length


def _decimal(extensions: dict[bytes, bytes], where: str, at: int) -> int:
    """Return the size a pax header gave."""
    digits = extensions[b"size"]
    if not digits.isdigit() or len(digits) > 18:
        raise MalformedError(where, "the size in a pax header is no number", offset=at)
    return int(digits)


def _octal(field: bytes, where: str, offset: int) -> int:
    """Return the number in a header field: octal digits, or GNU's base-256 with the top bit set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits and digits.strip(b"01234567"):
        raise MalformedError(where, "a number in a header is not octal", offset=offset)
    return int(digits or b"0", 8)


def _text(field: bytes) -> bytes:
    """Return what stands before the first NUL."""
    return field.partition(b"\0")[0]
