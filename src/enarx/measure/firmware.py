"""What a UEFI firmware for SEV says about itself: a table of GUIDs at its end, and SEV metadata.

The table is read backwards from 32 bytes before the end of the firmware, each entry being

    data | length of the entry, 2 bytes, with these 18 | GUID, 16 bytes

and its first entry (the last in memory) is the table's own, with the length of all of it.  The
firmware ends at 4 GiB.

Sources: EDK II, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm (the table) and
OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm (the metadata); numbers are little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
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
_RESET_BLOCK = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
_HASH_TABLE = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
_METADATA = UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
_BEHIND_TABLE = 32
_ENTRY_BYTES = 18
_ITEM_BYTES = 12
_SIGNATURE = b"ASEV"
_VERSION = 1
_MAX_SECTIONS = 256
_MAX_SECTION_BYTES = 256 * 1024 * 1024


class SectionType(IntEnum):
    """Of a section of the SEV metadata."""

    SEC_MEM = 1
    SECRETS = 2
    CPUID = 3
    SVSM_CAA = 4
    KERNEL_HASHES = 0x10


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Memory that the VMM prepares for the firmware: *size* bytes, whole pages, from *gpa*."""

    gpa: int
    size: int
    kind: SectionType


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """A firmware and what it says.

    Args:
        image: its bytes.
        reset_eip: where processors but the first one begin; None if it does not say.
        hash_table_gpa: where it looks for the hashes of the kernel; None if it does not.
        sections: in the order in which they are measured.
    """

    image: bytes
    reset_eip: int | None
    hash_table_gpa: int | None
    sections: tuple[Section, ...]

    @property
    def gpa(self) -> int:
        """Where it lies in the guest's memory."""
        return TOP - len(self.image)


def parse(image: bytes, where: str = "firmware") -> Firmware:
    """What the firmware in *image* says.

    Raises:
        MalformedError: it is no whole number of pages, or its tables are damaged.
    """
    if not 0 < len(image) <= MAX_BYTES or len(image) % PAGE_BYTES:
        problem = f"got {len(image)} bytes, want whole pages of {PAGE_BYTES}, at most {MAX_BYTES}"
        raise MalformedError(where, problem)
    entries = _table(image, where)
    reset, table = entries.get(_RESET_BLOCK), entries.get(_HASH_TABLE)
    return Firmware(
        image=image,
        reset_eip=None if reset is None else _number(reset, f"{where}: reset block"),
        hash_table_gpa=None if table is None else _number(table, f"{where}: hash table"),
        sections=_sections(image, entries[_METADATA], where) if _METADATA in entries else (),
    )


def _table(image: bytes, where: str) -> Mapping[UUID, bytes]:
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


def _number(data: bytes, where: str) -> int:
    """The first number of an entry; what is behind it belongs to others."""
    return Reader(data, where).uint(4, "address")


def _sections(image: bytes, entry: bytes, where: str) -> tuple[Section, ...]:
    where = f"{where}: SEV metadata"
    begin = len(image) - _number(entry, where)
    if not 0 <= begin < len(image):
        raise MalformedError(where, "lies outside the firmware")
    reader = Reader(image[begin:], where)
    signature, size = reader.take(4, "signature"), reader.uint(4, "size")
    version, count = reader.uint(4, "version"), reader.uint(4, "number of sections")
    if signature != _SIGNATURE or version != _VERSION or count > _MAX_SECTIONS:
        got = f"{signature!r}, version {version}, {count} sections"
        raise MalformedError(where, f"got {got}, want ASEV, version 1, at most {_MAX_SECTIONS}")
    if size < 16 + count * _ITEM_BYTES:
        raise MalformedError(where, f"got {size} bytes for {count} sections")
    return tuple(_section(reader, where) for _ in range(count))


def _section(reader: Reader, where: str) -> Section:
    at = reader.offset
    gpa, size, kind = (reader.uint(4, name) for name in ("address", "size", "type"))
    if kind not in tuple(SectionType):
        raise MalformedError(where, f"a section of the unknown type {kind:#x}", offset=at)
    if gpa % PAGE_BYTES or size % PAGE_BYTES or not 0 < size <= _MAX_SECTION_BYTES:
        problem = f"a section of {size:#x} bytes at {gpa:#x}, want whole pages"
        raise MalformedError(where, problem, offset=at)
    return Section(gpa=gpa, size=size, kind=SectionType(kind))
