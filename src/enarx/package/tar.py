"""Tar archives: written one way only, read strictly.

The bytes of a files layer are part of a workload's identity, so they are made here and not by
a library whose output may change: ustar headers, a pax header where a path does not fit, owner
0, time 0.  Knows nothing of what the members mean.

Source: IEEE Std 1003.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIRECTORY, FILE, SYMLINK = "directory", "file", "symlink"

_BLOCK = 512
_TYPES = {FILE: b"0", SYMLINK: b"2", DIRECTORY: b"5"}
_KINDS = {b"0": FILE, b"\0": FILE, b"2": SYMLINK, b"5": DIRECTORY}
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_MAX_HEADER_DATA = 64 * 1024  # of a pax or GNU long-name header: paths are below 4 KiB each
_MAX_OCTAL_SIZE = 8**11  # what the size field of a ustar header can say


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member: a path without leading or trailing slash, and its contents.

    Args:
        data: a file's contents; empty otherwise.
        target: a symbolic link's; empty otherwise.
    """

    path: str
    kind: str
    executable: bool = False
    data: bytes | memoryview = b""
    target: str = ""


def write(members: Iterable[Member]) -> bytes:
    """The archive of *members*, in their order."""
    parts: list[bytes | memoryview] = []  # joined once: an archive can have 2 GiB
    for member in members:
        path = f"{member.path}/" if member.kind == DIRECTORY else member.path
        records = _pax_records(path, member.target, len(member.data))
        if records:
            header = _header(b"././@PaxHeader", _PAX, len(records), 0o644, b"")
            parts += (header, records, _padding(records))
        mode = 0o755 if member.kind == DIRECTORY or member.executable else 0o644
        size = min(len(member.data), _MAX_OCTAL_SIZE - 1)
        kind = _TYPES[member.kind]
        header = _header(path.encode()[:100], kind, size, mode, member.target.encode()[:100])
        parts += (header, member.data, _padding(member.data))
    parts.append(bytes(2 * _BLOCK))
    return b"".join(parts)


def read(archive: bytes | memoryview, where: str) -> Iterator[Member]:
    """The members of *archive*, in their order; files' ``data`` are views of it.

    Reads ustar, pax and GNU long names.  The caller checks the paths: they may be absolute,
    hold ``..``, or come twice.

    Raises:
        MalformedError: damaged, cut off, or a member that is no file, directory or link.
    """
    view = memoryview(archive)
    at = 0
    extra: dict[str, str] = {}
    while at < len(view):
        header = bytes(view[at : at + _BLOCK])
        if not header.strip(b"\0"):
            _check_end(view[at:], extra, where, at)
            return
        _check_header(header, where, at)
        kind, size = header[156:157], _size(header, extra, where, at)
        body = view[at + _BLOCK : at + _BLOCK + size]
        if len(body) < size:
            problem = f"cut off (want {size} bytes, got {len(body)})"
            raise MalformedError(where, problem, offset=at)
        if kind in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            extra.update(_extension(kind, body, where, at))
        else:
            yield _member(header, extra, body, f"{where} at 0x{at:x}")
            extra = {}
        at += _BLOCK + size + -size % _BLOCK
    raise MalformedError(where, "cut off: the end of the archive is missing", offset=len(view))


def _member(header: bytes, extra: dict[str, str], body: memoryview, where: str) -> Member:
    kind = _KINDS.get(header[156:157])
    path = extra.get("path") or _ustar_path(header, where)
    if kind is None:
        shown = header[156:157].decode("latin-1")
        problem = f"{path!r} has type {shown!r} (want a file, a directory or a symbolic link)"
        raise MalformedError(where, problem)
    if kind == FILE and path.endswith("/"):
        kind = DIRECTORY  # how archives older than ustar wrote one
    target = extra.get("linkpath") or _text(header[157:257], where)
    if kind != SYMLINK:
        target = ""
    return Member(
        path=path.rstrip("/") if kind == DIRECTORY else path,
        kind=kind,
        executable=kind == FILE and bool(_number(header[100:108], where) & 0o100),
        data=body if kind == FILE else b"",
        target=target,
    )


def _header(path: bytes, kind: bytes, size: int, mode: int, target: bytes) -> bytes:
    fields = [
        path.ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0,  # uid
        b"%07o\0" % 0,  # gid
        b"%011o\0" % size,
        b"%011o\0" % 0,  # mtime
        b" " * 8,  # checksum, summed as blanks
        kind,
        target.ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),  # user and group names
        b"%07o\0" % 0 * 2,  # device numbers
        bytes(155 + 12),  # prefix, unused: a long path has a pax header; and padding
    ]
    header = b"".join(fields)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _pax_records(path: str, target: str, size: int) -> bytes:
    records = b""
    for key, value in (("linkpath", target), ("path", path)):
        if len(value.encode()) > 100 or not value.isascii():  # noqa: PLR2004 - the field's size
            records += _pax_record(key, value)
    if size >= _MAX_OCTAL_SIZE:
        records += _pax_record("size", str(size))
    return records


def _pax_record(key: str, value: str) -> bytes:
    rest = b" %s=%s\n" % (key.encode(), value.encode())
    length = len(rest)
    while length != len(rest) + len(str(length)):  # the length counts its own digits
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _padding(data: bytes | memoryview) -> bytes:
    return bytes(-len(data) % _BLOCK)


def _check_end(rest: memoryview, extra: dict[str, str], where: str, at: int) -> None:
    if len(rest) < 2 * _BLOCK or bytes(rest).strip(b"\0"):
        problem = "the archive does not end in zeros (want two blocks of them, and nothing else)"
        raise MalformedError(where, problem, offset=at)
    if extra:
        raise MalformedError(where, "pax header without a member", offset=at)


def _check_header(header: bytes, where: str, at: int) -> None:
    if len(header) < _BLOCK:
        raise MalformedError(where, f"cut off (want {_BLOCK} bytes, got {len(header)})", offset=at)
    want = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    got = _number(header[148:156], f"{where} at 0x{at:x}")
    if got != want:
        raise MalformedError(where, f"damaged header: checksum {got}, want {want}", offset=at)


def _size(header: bytes, extra: dict[str, str], where: str, at: int) -> int:
    kind = header[156:157]
    if kind in _KINDS and "size" in extra:
        text = extra["size"]
        if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - 64 bits
            raise MalformedError(where, f"size is not a number: {text[:40]!r}", offset=at)
        return int(text)
    size = _number(header[124:136], f"{where} at 0x{at:x}")
    if kind in (b"2", b"5"):
        return 0  # some writers put the target's size there
    if kind not in _KINDS and size > _MAX_HEADER_DATA:
        problem = f"header of {size} bytes (want at most {_MAX_HEADER_DATA})"
        raise MalformedError(where, problem, offset=at)
    return size


def _extension(kind: bytes, body: memoryview, where: str, at: int) -> dict[str, str]:
    place = f"{where} at 0x{at:x}"
    if kind == _GNU_NAME:
        return {"path": _text(bytes(body), place)}
    if kind == _GNU_LINK:
        return {"linkpath": _text(bytes(body), place)}
    values = _pax_values(bytes(body), place)
    if kind == _PAX_GLOBAL and values:  # git archive's is a comment, and changes no member
        raise MalformedError(place, f"pax header sets {min(values)} for all members")
    return values


def _pax_values(body: bytes, where: str) -> dict[str, str]:
    values: dict[str, str] = {}
    at = 0
    while at < len(body):
        digits, space, _ = body[at : at + 7].partition(b" ")
        if not space or not digits.isdigit():
            raise MalformedError(where, "pax record without a length")
        record = body[at + len(digits) + 1 : at + int(digits)]
        at += max(int(digits), 1)
        key, equals, value = record.partition(b"=")
        if at > len(body) or not equals or not value.endswith(b"\n"):
            raise MalformedError(where, "pax record is not key=value")
        if key in (b"path", b"linkpath", b"size"):
            values[key.decode()] = _decoded(value[:-1], where)
        elif key.startswith(b"GNU.sparse"):
            raise MalformedError(where, "sparse file (want an ordinary one)")
    return values


def _ustar_path(header: bytes, where: str) -> str:
    name = _text(header[:100], where)
    prefix = _text(header[345:500], where) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _number(field: bytes, where: str) -> int:
    if field[0] & 0x80:  # GNU's base 256, for what octal cannot say
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    text = field.strip(b" \0")
    if text.strip(b"01234567"):
        raise MalformedError(where, f"not an octal number: {field.hex()}")
    return int(text or b"0", 8)


def _text(field: bytes, where: str) -> str:
    return _decoded(field.partition(b"\0")[0], where)


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as e:
        raise MalformedError(where, f"path is not UTF-8: {raw[:40].hex()}") from e
