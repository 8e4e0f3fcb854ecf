"""A UEFI firmware for TDX, and the register MRTD of a trust domain that starts with it.

    "TDVF" | length, 4 | version, 4 | number of sections, 4
    offset of the data, 4 | its size, 4 | address, 8 | size in memory, 8 | type, 4 | attributes, 4

numbers little-endian.  Every section's pages are added, unless its attribute PAGE.AUG says that the
guest will ask for them; contents are measured of those with the attribute MR.EXTEND.

VMMs differ in their order: QEMU measures each page's content after it has added the page; others
add all pages of a section first.

Source: Intel TDX Virtual Firmware Design Guide (344991-004), section 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from enarx.errors import MalformedError, MisconfiguredError
from enarx.measure import guid_table
from enarx.measure.pages import PAGE_BYTES
from enarx.measure.tdx import MrTd

if TYPE_CHECKING:
    from enarx.wire.reader import Reader

Order = Literal["page", "section"]

_METADATA = UUID("e47a6535-984a-4798-865e-4685a7bf8ec2")
_SIGNATURE = b"TDVF"
_VERSION = 1
_HEAD_BYTES = 16
_ITEM_BYTES = 32
_MAX_SECTIONS = 64
_MAX_SECTION_BYTES = 256 * 1024 * 1024
_EXTEND = 1  # MR.EXTEND
_AUGMENT = 2  # PAGE.AUG
_KNOWN = _EXTEND | _AUGMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Memory that a trust domain starts with.

    Args:
        data: of the firmware, at its begin; the rest is zeros.
        gpa, size: where it lies, whole pages.
        kind: the section's type, as its number.
        is_measured: the content is measured.
        is_added: its pages are there from the start.
    """

    data: bytes
    gpa: int
    size: int
    kind: int
    is_measured: bool
    is_added: bool


def parse(image: bytes, where: str = "firmware") -> tuple[Section, ...]:
    """The sections of the firmware in *image*.

    Raises:
        MalformedError: its tables are damaged.
        MisconfiguredError: it is none for TDX.
    """
    entries = guid_table.entries(image, where)
    if _METADATA not in entries:
        hint = "take one that is built for it: OvmfPkg/IntelTdx"
        raise MisconfiguredError(where, "is no firmware for TDX", hints=(hint,))
    where = f"{where}: TDVF metadata"
    reader, _ = guid_table.behind(image, entries[_METADATA], where)
    signature, length = reader.take(4, "signature"), reader.uint(4, "length")
    version, count = reader.uint(4, "version"), reader.uint(4, "number of sections")
    if signature != _SIGNATURE or version != _VERSION or not 0 < count <= _MAX_SECTIONS:
        got = f"{signature!r}, version {version}, {count} sections"
        raise MalformedError(where, f"got {got}, want TDVF, version 1, 1 to {_MAX_SECTIONS}")
    if length < _HEAD_BYTES + count * _ITEM_BYTES:
        raise MalformedError(where, f"got {length} bytes for {count} sections")
    return tuple(_section(image, reader, where) for _ in range(count))


def mr_td(sections: tuple[Section, ...], order: Order = "page") -> bytes:
    """The register after the trust domain was finalised, 48 bytes.

    Args:
        order: "page" measures each page when it was added, "section" after all of its section.
    """
    made = MrTd()
    for section in sections:
        if not section.is_added:
            continue
        content = section.data.ljust(section.size, b"\0")
        pages = range(0, section.size, PAGE_BYTES)
        for at in pages:
            made.add(section.gpa + at)
            if order == "page" and section.is_measured:
                made.extend(section.gpa + at, content[at : at + PAGE_BYTES])
        if order == "section" and section.is_measured:
            for at in pages:
                made.extend(section.gpa + at, content[at : at + PAGE_BYTES])
    return made.value


def _section(image: bytes, reader: Reader, where: str) -> Section:
    at = reader.offset
    offset, raw = reader.uint(4, "offset of the data"), reader.uint(4, "size of the data")
    gpa, size = reader.uint(8, "address"), reader.uint(8, "size")
    kind, attributes = reader.uint(4, "type"), reader.uint(4, "attributes")
    if attributes & ~_KNOWN:
        raise MalformedError(where, f"unknown attributes {attributes:#x}", offset=at)
    aligned = not gpa % PAGE_BYTES and not size % PAGE_BYTES
    if not aligned or not 0 < size <= _MAX_SECTION_BYTES or raw > size:
        problem = f"a section of {size:#x} bytes at {gpa:#x}, want whole pages for its data"
        raise MalformedError(where, problem, offset=at)
    if offset + raw > len(image):
        raise MalformedError(where, "a section's data lies outside the firmware", offset=at)
    return Section(
        data=image[offset : offset + raw],
        gpa=gpa,
        size=size,
        kind=kind,
        is_measured=bool(attributes & _EXTEND),
        is_added=not attributes & _AUGMENT,
    )
