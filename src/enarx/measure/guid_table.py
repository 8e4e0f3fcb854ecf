"""The table of GUIDs at the end of a UEFI firmware, which says where other things are.

It is read backwards from 32 bytes before the end of the firmware, each entry being

    data | length of the entry, 2 bytes, with these 18 | GUID, 16 bytes

and its first entry (the last in memory) is the table's own, with the length of all of it.  Numbers
are little-endian.

Source: EDK II, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from enarx.errors import MalformedError
from enarx.measure.pages import PAGE_BYTES
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 * 1024 * 1024
TOP = 1 << 32
"""Where a firmware ends in the guest's memory."""

_TABLE = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
_BEHIND_TABLE = 32
_ENTRY_BYTES = 18


def entries(image: bytes, where: str) -> Mapping[UUID, bytes]:
    """Every entry's data by its GUID; empty if there is no table.

    Raises:
        MalformedError: it is no whole number of pages, or its table is damaged.
    """
    if not 0 < len(image) <= MAX_BYTES or len(image) % PAGE_BYTES:
        problem = f"got {len(image)} bytes, want whole pages of {PAGE_BYTES}, at most {MAX_BYTES}"
        raise MalformedError(where, problem)
    end = len(image) - _BEHIND_TABLE
    total, guid = _tail(image, end, where)
    if guid != _TABLE:
        return MappingProxyType({})
    begin = end - total
    if total < _ENTRY_BYTES or begin < 0:
        raise MalformedError(where, f"a table of {total} bytes", offset=end)
    found: dict[UUID, bytes] = {}
    at = end - _ENTRY_BYTES
    while at > begin:
        if at - begin < _ENTRY_BYTES:
            raise MalformedError(where, "the table ends in an entry", offset=begin)
        size, guid = _tail(image, at, where)
        if not _ENTRY_BYTES <= size <= at - begin or guid in found:
            raise MalformedError(where, f"entry {guid} of {size} bytes", offset=at)
        found[guid] = image[at - size : at - _ENTRY_BYTES]
        at -= size
    return MappingProxyType(found)


def _tail(image: bytes, end: int, where: str) -> tuple[int, UUID]:
    """Length and name of the entry that ends at *end*."""
    reader = Reader(image[end - _ENTRY_BYTES : end], where)
    return reader.uint(2, "length"), UUID(bytes_le=reader.take(16, "GUID"))


def number(data: bytes, where: str) -> int:
    """The first number of an entry; what is behind it belongs to others."""
    return Reader(data, where).uint(4, "address")


def behind(image: bytes, entry: bytes, where: str) -> tuple[Reader, int]:
    """A reader from where *entry* points to, and that place.

    An entry's number counts back from the firmware's end.

    Raises:
        MalformedError: it points outside.
    """
    begin = len(image) - number(entry, where)
    if not 0 <= begin < len(image):
        raise MalformedError(where, "lies outside the firmware")
    return Reader(image[begin:], where), begin
