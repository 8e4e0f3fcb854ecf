"""What a UEFI firmware for SEV says about itself: addresses, and the pages that it needs.

The firmware ends at 4 GiB, an SVSM (which says the same about itself) below the firmware; numbers
are little-endian.

Sources: EDK II, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm (addresses) and
OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm (pages); Coconut's QEMU, target/i386/sev.c (SVSM).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from enarx.errors import MalformedError
from enarx.measure import guid_table
from enarx.measure.guid_table import TOP
from enarx.measure.pages import PAGE_BYTES

if TYPE_CHECKING:
    from enarx.wire.reader import Reader

_RESET_BLOCK = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
_HASH_TABLE = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
_SVSM_INFO = UUID("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd")
_METADATA = UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
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
        end: the address behind its last byte.
        reset_eip: where processors but the first one begin; None if it does not say.
        hash_table_gpa: where it looks for the hashes of the kernel; None if it does not.
        svsm_entry: where an SVSM begins, in bytes from its first one; None if it is none.
        sections: in the order in which they are measured.
    """

    image: bytes
    end: int = TOP
    reset_eip: int | None
    hash_table_gpa: int | None
    svsm_entry: int | None = None
    sections: tuple[Section, ...]

    @property
    def gpa(self) -> int:
        """Where it lies in the guest's memory."""
        return self.end - len(self.image)


def parse(image: bytes, where: str = "firmware") -> Firmware:
    """What the firmware in *image* says.

    Raises:
        MalformedError: it is no whole number of pages, or its tables are damaged.
    """
    found = guid_table.entries(image, where)

    def number(guid: UUID, what: str) -> int | None:
        return guid_table.number(found[guid], f"{where}: {what}") if guid in found else None

    return Firmware(
        image=image,
        reset_eip=number(_RESET_BLOCK, "reset block"),
        hash_table_gpa=number(_HASH_TABLE, "hash table") or None,  # 0 in one that checks none
        svsm_entry=number(_SVSM_INFO, "SVSM info"),
        sections=_sections(image, found[_METADATA], where) if _METADATA in found else (),
    )


def _sections(image: bytes, entry: bytes, where: str) -> tuple[Section, ...]:
    where = f"{where}: SEV metadata"
    reader, _ = guid_table.behind(image, entry, where)
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
