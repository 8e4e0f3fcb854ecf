"""The byte format of a tunnel: records out of a byte stream, and back.

Pure: decides shape only; which record is allowed when is ``state``'s to say.  Integers are
little-endian and unsigned.

    record       u32 type, u32 channel, u32 length, then as many bytes
    HELLO        8 bytes "enarxtun", u32 version, u32 role, u32 links, u32 zero, u64 file bytes
    FRAME        u32 number of descriptors, of each u32 kind, u32 channel, u64 size; then the data
    DATA         1 to 65,536 bytes of a stream or a file
    CREDIT       u32 bytes
    END, CLOSE, RESET                       nothing

Source: docs/design/formats/tunnel.md.
"""

from __future__ import annotations

import struct

from enarx.errors import MalformedError
from enarx.protocol.launch import MAX_DESCRIPTORS, MAX_FRAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    Record: TypeAlias = tuple[int, int, memoryview]
    """Type, channel and payload; the payload is good until the next record is asked for."""

VERSION = 1
HELLO, FRAME, DATA, CREDIT, END, CLOSE, RESET = range(1, 8)
NAMES = ("", "HELLO", "FRAME", "DATA", "CREDIT", "END", "CLOSE", "RESET")

FRAMES, FILE, STREAM = range(1, 4)
"""Kinds of channels."""

HOST, KEEP = range(2)
"""Roles; also the parity of the channels that this side opens."""

MAX_DATA = 64 * 1024
"""Longest part of a stream or a file, in bytes."""

WHERE = "tunnel"

_MAGIC = b"enarxtun"
_header = struct.Struct("<3I")
_hello = struct.Struct("<8s4IQ")
_count = struct.Struct("<I")
_descriptor = struct.Struct("<IIQ")
HEADER_BYTES = _header.size
PIECE = MAX_DATA - HEADER_BYTES
"""How much a sender puts into one record: two of them fill what is read at a time."""
_MAX_FRAME_PAYLOAD = _count.size + MAX_DESCRIPTORS * _descriptor.size + MAX_FRAME

_SIZES = (
    (0, -1), (_hello.size, _hello.size), (_count.size + 1, _MAX_FRAME_PAYLOAD), (1, MAX_DATA),
    (_count.size, _count.size), (0, 0), (0, 0), (0, 0),
)  # fmt: skip
"""By type, the least and the largest payload, in bytes."""


class Hello:
    """What each side says first: its role, how many links it has, and how much it takes.

    *files_bytes*: the most bytes of files that may be on their way to it.
    """

    __slots__ = ("files_bytes", "links", "role")

    def __init__(self, role: int, links: int, files_bytes: int) -> None:
        self.role = role
        self.links = links
        self.files_bytes = files_bytes


class Descriptor:
    """What stands for one descriptor beside a frame; *size* is a file's, in bytes, or zero."""

    __slots__ = ("channel", "kind", "size")

    def __init__(self, kind: int, channel: int, size: int) -> None:
        self.kind = kind
        self.channel = channel
        self.size = size


class Splitter:
    """Puts the records of a byte stream together again, whatever pieces it comes in."""

    __slots__ = ("_missing", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of one record, and not all of it
        self._missing = HEADER_BYTES

    def feed(self, data: bytes) -> Iterator[Record]:
        """Every record that is whole now; at most one that is not is kept.

        Raises:
            MalformedError: a type that there is not, or a length that it cannot have.
        """
        if not data:
            return
        self._missing -= len(data)
        if self._missing > 0:
            self._pieces.append(data)
            return
        if self._pieces:
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
        view, at, end = memoryview(data), 0, len(data)
        missing = HEADER_BYTES
        while end - at >= missing:
            kind, channel, size = _header.unpack_from(data, at)
            _check_header(kind, size)
            begin = at + HEADER_BYTES
            if end - begin < size:
                missing += size
                break
            at = begin + size
            yield kind, channel, view[begin:at]
        if at < end:
            self._pieces.append(data[at:])
        self._missing = missing - (end - at)

    @property
    def is_between(self) -> bool:
        """Whether the stream may end here."""
        return not self._pieces


def record(kind: int, channel: int, payload: bytes = b"") -> bytes:
    """The bytes of one record."""
    return _header.pack(kind, channel, len(payload)) + payload


def header(kind: int, channel: int, size: int) -> bytes:
    """The bytes before a payload of *size* bytes."""
    return _header.pack(kind, channel, size)


def encode_hello(hello: Hello) -> bytes:
    """The record of *hello*."""
    payload = _hello.pack(_MAGIC, VERSION, hello.role, hello.links, 0, hello.files_bytes)
    return record(HELLO, 0, payload)


def decode_hello(payload: memoryview) -> Hello:
    """The payload of a HELLO.

    Raises:
        MalformedError: it is none, or of a version that is not known here.
    """
    magic, version, role, links, zero, files_bytes = _hello.unpack(payload)
    if magic != _MAGIC:
        raise MalformedError(WHERE, f"got the magic {magic.hex()}, want {_MAGIC.hex()}")
    if version != VERSION:
        raise MalformedError(WHERE, f"got version {version}, want {VERSION}")
    if role not in (HOST, KEEP) or zero:
        raise MalformedError(WHERE, f"got role {role} and reserved {zero}, want 0 or 1 and 0")
    return Hello(role, links, files_bytes)


def encode_frame(channel: int, data: bytes, descriptors: Sequence[Descriptor] = ()) -> bytes:
    """The record of one frame."""
    parts = [_count.pack(len(descriptors))]
    parts += [_descriptor.pack(one.kind, one.channel, one.size) for one in descriptors]
    return record(FRAME, channel, b"".join((*parts, data)))


def decode_frame(payload: memoryview) -> tuple[bytes, list[Descriptor]]:
    """The data of a frame, and what stands for the descriptors beside it.

    Raises:
        MalformedError: it has too many, or of no known kind, or the data is empty or too long.
    """
    (count,) = _count.unpack_from(payload)
    begin = _count.size + count * _descriptor.size
    if count > MAX_DESCRIPTORS:
        raise MalformedError(WHERE, f"got a frame with {count} descriptors")
    if not 0 < len(payload) - begin <= MAX_FRAME:
        raise MalformedError(WHERE, f"got a frame of {len(payload) - begin} bytes")
    found = [Descriptor(*one) for one in _descriptor.iter_unpack(payload[_count.size : begin])]
    for one in found:
        if one.kind not in (FRAMES, FILE, STREAM) or (one.kind != FILE and one.size):
            raise MalformedError(WHERE, f"got a descriptor of kind {one.kind}, size {one.size}")
    return bytes(payload[begin:]), found


def encode_credit(channel: int, amount: int) -> bytes:
    """The record that grants *amount* more bytes."""
    return record(CREDIT, channel, _count.pack(amount))


def decode_credit(payload: memoryview) -> int:
    """The payload of a CREDIT: bytes, at least one.

    Raises:
        MalformedError: it grants nothing.
    """
    amount: int = _count.unpack(payload)[0]
    if not amount:
        raise MalformedError(WHERE, "got a credit of nothing")
    return amount


def _check_header(kind: int, size: int) -> None:
    """Refuse a record before its payload is waited for."""
    if not HELLO <= kind <= RESET:
        raise MalformedError(WHERE, f"got a record of type {kind}")
    least, most = _SIZES[kind]
    if not least <= size <= most:
        problem = f"got {size} bytes in a record {NAMES[kind]}, want {least} to {most}"
        raise MalformedError(WHERE, problem)
