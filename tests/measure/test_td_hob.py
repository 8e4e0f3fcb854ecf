"""The list of memory that a TDX firmware measures first."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MisconfiguredError
from enarx.evidence import event_log
from enarx.measure import tdvf
from enarx.measure.td_hob import MAX_MEMORY, below_4g, measured
from enarx.measure.tdvf import Section

GIB = 1 << 30
FIRMWARE = "vectors/measure/tdx-mrtd-ovmf-inteltdx/OVMF.inteltdx.fd"
LOGS = "vectors/eventlog/trustee-ccel"


def section(gpa: int, size: int, kind: int) -> Section:
    """Memory without data."""
    return Section(data=b"", gpa=gpa, size=size, kind=kind, is_measured=False, is_added=True)


HOB = section(0x80_9000, 0x2000, 2)
TEMPORARY = section(0x81_0000, 0x10000, 3)
CODE = section(0xFFE0_0000, 0x20_0000, 0)


@pytest.mark.parametrize(("log", "memory"), [("CCEL_data_ovmf", 2), ("CCEL_data_grub", 10)])
def test_recorded_guests(shared: Path, log: str, memory: int) -> None:
    """Logs of two guests on QEMU, of 2 and of 10 GiB, begin with the digest that is computed."""
    first = event_log.parse((shared / LOGS / log).read_bytes())[0]
    sections = tdvf.parse((shared / FIRMWARE).read_bytes())
    made = measured(sections, memory * GIB)
    assert hashlib.sha384(made).digest() == first.digests["sha384"]


def test_a_list_by_its_definition() -> None:
    """Where it ends, then every range: what was added, what is to be accepted."""
    made = measured((TEMPORARY, HOB, CODE), 4 * GIB)
    rows = [made[at : at + 48] for at in range(56, len(made), 48)]
    assert made[:16] == b"\1\0\x38\0\0\0\0\0\x09\0\0\0\0\0\0\0"
    assert made[16:48] == bytes(32)
    assert int.from_bytes(made[48:56], "little") == 0x80_9000 + len(made) + 8
    assert all(row[:24] == b"\3\0\x30\0" + bytes(20) and row[28] == 7 for row in rows)
    numbers = [(row[24], int.from_bytes(row[32:40], "little")) for row in rows]
    sizes = [int.from_bytes(row[40:48], "little") for row in rows]
    begins = [(7, 0), (0, 0x80_9000), (7, 0x80_B000), (0, 0x81_0000), (7, 0x82_0000), (7, 4 * GIB)]
    assert numbers == begins
    assert sizes == [0x80_9000, 0x2000, 0x5000, 0x1_0000, 2 * GIB - 0x82_0000, 2 * GIB]


@given(st.integers(0x1000, 1 << 22).map(lambda pages: pages * 4096))
def test_all_memory_is_told_once(memory: int) -> None:
    """Ranges follow each other without holes up to the end of low memory; the rest from 4 GiB."""
    made = measured((HOB, TEMPORARY), memory)
    rows = [made[at : at + 48] for at in range(56, len(made), 48)]
    ranges = [tuple(int.from_bytes(r[n : n + 8], "little") for n in (32, 40)) for r in rows]
    low = [one for one in ranges if one[0] < 4 * GIB]
    assert [0, *(begin + size for begin, size in low)] == [*(b for b, _ in low), below_4g(memory)]
    assert sum(size for _, size in ranges) == memory


@pytest.mark.parametrize(
    ("sections", "memory", "problem"),
    [
        ((HOB,), 0, "got 0 bytes"),
        ((HOB,), 4095, "whole pages"),
        ((HOB,), MAX_MEMORY + 4096, "at most"),
        ((TEMPORARY,), GIB, "got 0 sections for the TD HOB"),
        ((HOB, HOB), GIB, "got 2 sections for the TD HOB"),
        ((HOB,), 0x80_A000, "needs memory at 0x809000"),
        ((HOB, section(0x80_A000, 0x1000, 3)), GIB, "or twice"),
        ((section(0x80_9000, 16, 2),), GIB, "has no room"),
    ],
)
def test_what_no_machine_has_is_refused(
    sections: tuple[Section, ...], memory: int, problem: str
) -> None:
    """Sizes of memory, and firmware that would not start."""
    with pytest.raises(MisconfiguredError, match=problem):
        measured(sections, memory)


def test_no_range_is_empty() -> None:
    """Nothing is to be accepted between neighbours, or behind what ends with the memory."""
    made = measured((HOB, section(0x80_B000, 0x1000, 3)), 0x80_C000)
    assert len(made) == 56 + 3 * 48
