"""Launch digests of virtual machines: recorded ones, and what changes them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measure import firmwares
from tests.measure.firmwares import OTHER, RESET, TABLE, entries, entry, firmware, metadata, u32

from enarx.errors import MalformedError, MisconfiguredError
from enarx.measure import kernel_hashes
from enarx.measure.firmware import SectionType, parse
from enarx.measure.snp_guest import Boot, Processors, firmware_only, launch_digest
from enarx.measure.vmsa import RESET_VECTOR, vmsa

KERNEL = Boot(kernel=b"kernel", initrd=b"initrd", command_line="console=ttyS0")


def test_a_firmware_says_what_it_needs() -> None:
    """Addresses, and the sections in their order."""
    found = parse(firmware())
    assert (found.gpa, found.reset_eip) == ((1 << 32) - 8192, 0x80B004)
    assert found.hash_table_gpa == 0x805400
    assert [(s.gpa, s.size, int(s.kind)) for s in found.sections] == list(firmwares.SECTIONS)
    plain = parse(bytes(4096))
    assert (plain.reset_eip, plain.hash_table_gpa, plain.sections) == (None, None, ())
    assert parse(firmware(entries(hashes=0))).hash_table_gpa is None


def test_every_input_changes_the_digest() -> None:
    """One byte of firmware, kernel, RAM disk or command line; number and model of processors."""
    found = parse(firmware())
    changed = bytearray(firmware())
    changed[0] ^= 1
    digests = [
        launch_digest(found, Processors(), KERNEL),
        launch_digest(parse(bytes(changed)), Processors(), KERNEL),
        launch_digest(found, Processors()),
        launch_digest(found, Processors(), replace(KERNEL, kernel=b"kernem")),
        launch_digest(found, Processors(), replace(KERNEL, initrd=b"initrc")),
        launch_digest(found, Processors(), replace(KERNEL, command_line="console=ttyS1")),
        launch_digest(found, Processors(count=2), KERNEL),
        launch_digest(found, Processors(signature=1), KERNEL),
        launch_digest(found, Processors(features=33), KERNEL),
        launch_digest(found, Processors(vmm="ec2"), KERNEL),
        launch_digest(found, Processors(vmm="gce"), KERNEL),
    ]
    assert len(set(digests)) == len(digests)
    known = firmware_only(found).value
    assert launch_digest(found, Processors(), KERNEL, firmware_digest=known) == digests[0]


def test_the_page_of_hashes() -> None:
    """As QEMU lays it out: command line with its NUL, RAM disk, kernel."""
    table = kernel_hashes.table(b"k", b"", "")
    assert len(table) == kernel_hashes.TABLE_BYTES
    assert hashlib.sha256(b"\0").digest() == table[36:68]
    assert hashlib.sha256(b"").digest() == table[86:118]
    assert hashlib.sha256(b"k").digest() == table[136:168]
    page = kernel_hashes.page(table, 0x400)
    assert (len(page), page[0x400 : 0x400 + len(table)]) == (4096, table)
    with pytest.raises(ValueError, match="offset"):
        kernel_hashes.page(table, 4000)


def test_processors_begin_where_they_are_told() -> None:
    """The first at the reset vector, others where the firmware says; one page each."""
    first = vmsa(RESET_VECTOR, vmm="qemu", signature=0x800F12, features=1)
    other = vmsa(0x80B004, vmm="qemu", signature=0x800F12, features=1)
    assert len(first) == len(other) == 4096
    assert first[0x178:0x17A] == b"\xf0\xff"
    assert other[0x178:0x17A] == b"\x04\xb0"
    assert other[0x18:0x1C] == b"\0\0\x80\0"


@pytest.mark.parametrize(
    ("processors", "boot", "image", "problem"),
    [
        (Processors(count=0), None, firmware(), "got 0 processors"),
        (Processors(count=5000), None, firmware(), "got 5000 processors"),
        (Processors(count=2), None, bytes(4096), "where further processors begin"),
        (Processors(), KERNEL, bytes(4096), "checks no kernel"),
        (Processors(), KERNEL, firmware([entries()[3]]), "where it looks for hashes"),
    ],
)
def test_what_cannot_be_launched_is_not_measured(
    processors: Processors, boot: Boot | None, image: bytes, problem: str
) -> None:
    """A digest of something that no machine starts would be of no use."""
    with pytest.raises(MisconfiguredError, match=problem):
        launch_digest(parse(image), processors, boot)


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (b"", "want whole pages"),
        (bytes(4095), "want whole pages"),
        (firmware(total=17), "a table of 17 bytes"),
        (firmware(total=9000), "a table of 9000 bytes"),
        (firmware([b"short"]), "ends in an entry"),
        (firmware([entry(OTHER, b"", 17)]), "of 17 bytes"),
        (firmware([entry(OTHER, b"", 400)]), "of 400 bytes"),
        (firmware([entry(RESET, u32(1)), entry(RESET, u32(2))]), "entry 00f771de"),
        (firmware([entry(RESET, b"\1")]), "reset block"),
        (firmware([entry(firmwares.METADATA, u32(9000))]), "outside"),
        (firmware([entry(firmwares.METADATA, u32(0))]), "outside"),
        (firmware(data=b"ASEX" + u32(16, 1, 0)), "want ASEV"),
        (firmware(data=b"ASEV" + u32(16, 2, 0)), "want ASEV"),
        (firmware(data=b"ASEV" + u32(16, 1, 1)), "16 bytes for 1 sections"),
        (firmware(data=metadata(count=300)), "at most 256"),
        (firmware(data=metadata([(0, 4096, 9)])), "unknown type 0x9"),
        (firmware(data=metadata([(1, 4096, 1)])), "want whole pages"),
        (firmware(data=metadata([(0, 1, 1)])), "want whole pages"),
        (firmware(data=metadata([(0, 0, 1)])), "want whole pages"),
    ],
)
def test_damaged_firmware_is_refused(image: bytes, problem: str) -> None:
    """Whoever hands over a firmware decides every byte of it."""
    with pytest.raises(MalformedError, match=problem):
        parse(image)


@given(st.binary(max_size=200), st.integers(0, 8000))
def test_junk_raises_only_our_error(junk: bytes, at: int) -> None:
    """In the table, in the metadata, anywhere."""
    image = bytearray(firmware())
    image[at : at + len(junk)] = junk
    with suppress(MalformedError):
        assert all(s.kind in SectionType for s in parse(bytes(image[:8192])).sections)
    tail = bytes(8192 - 32 - len(junk)) + junk + bytes(32)
    with suppress(MalformedError):
        parse(tail)
    assert TABLE
