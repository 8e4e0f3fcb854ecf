"""Firmware for TDX: what it starts with, and the register that measures it."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measure.firmwares import AT, SIZE, entry, firmware, u32

from enarx.errors import MalformedError, MisconfiguredError
from enarx.measure.tdvf import mr_td, parse

METADATA = UUID("e47a6535-984a-4798-865e-4685a7bf8ec2")
TABLE = (entry(METADATA, u32(SIZE - AT)),)
FOLDER = "vectors/measure/tdx-mrtd-ovmf-inteltdx"

Item = tuple[int, int, int, int, int, int]
CODE: Item = (4096, 4096, 0xFFFF_F000, 4096, 0, 1)
VARIABLES: Item = (0, 100, 0xFFFF_E000, 4096, 1, 0)
MEMORY: Item = (0, 0, 0x80_0000, 8192, 3, 0)
LATER: Item = (0, 0, 0x100_0000, 4096, 4, 2)


def metadata(*items: Item, head: bytes | None = None) -> bytes:
    """TDVF metadata."""
    begin = b"TDVF" + u32(16 + 32 * len(items), 1, len(items)) if head is None else head
    rows = (
        u32(item[0], item[1]) + item[2].to_bytes(8, "little") + item[3].to_bytes(8, "little")
        + u32(item[4], item[5])
        for item in items
    )  # fmt: skip
    return begin + b"".join(rows)


def made(*items: Item, head: bytes | None = None) -> bytes:
    """A firmware with these sections."""
    return firmware(TABLE, data=metadata(*items, head=head))


def block(name: bytes, gpa: int) -> bytes:
    """What the TDX module hashes for one call."""
    return name.ljust(16, b"\0") + gpa.to_bytes(8, "little") + bytes(104)


def test_a_recorded_firmware(shared: Path) -> None:
    """Sections and both orders of a published OVMF; computed twice, seen on no machine."""
    expected = json.loads((shared / FOLDER / "manifest.json").read_text())["expected"]
    sections = parse((shared / FOLDER / "OVMF.inteltdx.fd").read_bytes())
    found = [(s.gpa, s.size, s.kind, s.is_measured) for s in sections]
    assert found == [
        (one["gpa"], one["mem_size"], one["type"], bool(one["attributes"] & 1))
        for one in expected["sections"]
    ]
    assert mr_td(sections).hex() == expected["mrtd_page_add_then_extend"]
    assert mr_td(sections, "section").hex() == expected["mrtd_all_add_then_extend"]


def test_the_register_by_the_definition() -> None:
    """Added, measured, and what the guest asks for itself left out; in both orders."""
    image = made(CODE, VARIABLES, MEMORY, LATER)
    code = image[4096:]
    extended = b"".join(
        block(b"MR.EXTEND", 0xFFFF_F000 + at) + code[at : at + 256] for at in range(0, 4096, 256)
    )
    whole = block(b"MEM.PAGE.ADD", 0xFFFF_F000) + extended
    for gpa in (0xFFFF_E000, 0x80_0000, 0x80_1000):
        whole += block(b"MEM.PAGE.ADD", gpa)
    sections = parse(image)
    assert mr_td(sections) == hashlib.sha384(whole).digest()
    assert mr_td(sections, "section") == mr_td(sections)  # of one page each
    large = (0, 8192, 0xFFFF_E000, 8192, 0, 1)
    assert mr_td(parse(made(large))) != mr_td(parse(made(large)), "section")


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (made(CODE, head=b"TDVX" + u32(48, 1, 1)), "want TDVF"),
        (made(CODE, head=b"TDVF" + u32(48, 2, 1)), "version 2"),
        (made(head=b"TDVF" + u32(16, 1, 0)), "0 sections"),
        (made(head=b"TDVF" + u32(9999, 1, 65)), "65 sections"),
        (made(CODE, head=b"TDVF" + u32(47, 1, 1)), "47 bytes for 1 sections"),
        (made((*CODE[:5], 4)), "unknown attributes 0x4"),
        (made((0, 0, 1, 4096, 3, 0)), "want whole pages"),
        (made((0, 0, 0, 1, 3, 0)), "want whole pages"),
        (made((0, 0, 0, 0, 3, 0)), "want whole pages"),
        (made((0, 4097, 0, 4096, 3, 0)), "want whole pages"),
        (made((8000, 4096, 0, 4096, 3, 0)), "outside"),
    ],
)
def test_damaged_firmware_is_refused(image: bytes, problem: str) -> None:
    """By name of what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        parse(image)


def test_firmware_for_other_machines_is_refused() -> None:
    """It says nothing to TDX."""
    with pytest.raises(MisconfiguredError, match="no firmware for TDX"):
        parse(firmware())


@given(st.binary(max_size=200), st.integers(0, 8000))
def test_junk_raises_only_our_errors(junk: bytes, at: int) -> None:
    """Wherever it stands."""
    image = bytearray(made(CODE, MEMORY))
    image[at : at + len(junk)] = junk
    with suppress(MalformedError, MisconfiguredError):
        parse(bytes(image[:SIZE]))
