"""Kernels as QEMU hands them over: what it writes into the header, and where the disk lies."""

from __future__ import annotations

import pytest
from tests.measure.kernels import image, kernel

from enarx.errors import EnarxError, MalformedError, MisconfiguredError
from enarx.measure.linux_setup import patched

GIB = 1 << 30
XLOAD = kernel()


def at(data: bytes, offset: int, size: int = 4) -> int:
    """A number of the header."""
    return int.from_bytes(data[offset : offset + size], "little")


def test_what_qemu_writes() -> None:
    """Loader, heap, command line, and the disk below the tables at the end of low memory."""
    made = patched(XLOAD, 0x12345, "quiet", 2 * GIB)
    assert made[0x210] == 0xB0
    assert made[0x211] == 0x81
    assert at(made, 0x224, 2) == 0xFE00
    assert at(made, 0x228) == 0x20000
    assert at(made, 0x218) == (0x8000_0000 - 0x28000 - 1 - 0x12345) & ~0xFFF
    assert at(made, 0x21C) == 0x12345
    rest = {0x210, 0x211, *range(0x218, 0x220), 0x224, 0x225, *range(0x228, 0x22C)}
    assert {n for n, (a, b) in enumerate(zip(made, XLOAD, strict=True)) if a != b} <= rest
    assert at(patched(XLOAD, 0, "", GIB), 0x218) == 0


@pytest.mark.parametrize(
    ("memory", "begin"),
    [
        (GIB, 0x3FFD_6000), (2 * GIB, 0x7FFD_6000), (0xAFFF_F000, 0xAFFD_5000),
        (0xB000_0000, 0x7FFD_6000), (512 * GIB, 0x7FFD_6000),
    ],
)  # fmt: skip
def test_where_the_disk_lies(memory: int, begin: int) -> None:
    """As high as it can below 4 GiB; from 2.75 GiB on a machine has 2 GiB there."""
    assert at(patched(XLOAD, 4096, "", memory), 0x218) == begin


def test_bounds_are_where_qemu_has_them() -> None:
    """The least kernel, the oldest protocol, the largest disk, one that ends with its page."""
    last = GIB - 0x28000 - 1
    assert patched(XLOAD[:4096], 0, "", GIB)[0x210] == 0xB0
    assert patched(kernel(protocol=0x20C), 0, "", GIB)[0x210] == 0xB0
    assert at(patched(XLOAD, 0xFFF, "", GIB), 0x218) == last - 0xFFF == 0x3FFD_7000
    assert at(patched(XLOAD, last - 1, "", GIB), 0x218) == 0
    with pytest.raises(MisconfiguredError, match=f"want less than {last}"):
        patched(XLOAD, last, "", GIB)


def test_an_older_kernel_wants_the_disk_lower() -> None:
    """One that cannot have it above 4 GiB gets it below 896 MiB."""
    made = patched(kernel(above_4g=False), 4096, "", 4 * GIB)
    assert at(made, 0x218) == (0x37FF_FFFF - 4096) & ~0xFFF


@pytest.mark.parametrize(
    ("data", "size", "line", "error", "problem"),
    [
        (b"", 0, "", MalformedError, "no Linux kernel of x86"),
        (image(), 0, "", MalformedError, "no Linux kernel of x86"),
        (kernel(protocol=0x20B), 0, "", MalformedError, "got boot protocol 2.11"),
        (kernel(flags=0), 0, "", MalformedError, "loaded high"),
        (XLOAD, 0, "vga=791", MisconfiguredError, "got vga="),
        (XLOAD, GIB, "", MisconfiguredError, "want less than"),
    ],
)
def test_what_qemu_would_do_otherwise_is_refused(
    data: bytes, size: int, line: str, error: type[EnarxError], problem: str
) -> None:
    """A register that no guest has would be of no use."""
    with pytest.raises(error, match=problem):
        patched(data, size, line, GIB)
