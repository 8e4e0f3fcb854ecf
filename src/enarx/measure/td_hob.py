"""The list of hand-off blocks (TD HOB) with which QEMU tells a TDX firmware about the memory.

The firmware measures it first of all into RTMR 0, without the block that ends the list.  QEMU names
every range of the memory: those that it added before the start (TD HOB and temporary memory) and
those between, which the guest has to accept.

    PHIT       type 1, 2 | length 56, 2 | zeros, 4 | version 9, 4 | boot mode, 4 | zeros, 32
               address behind the list, 8
    resource   type 3, 2 | length 48, 2 | zeros, 4 | owner, 16 | kind, 4 | attributes, 4
               begin, 8 | length, 8

numbers little-endian.

Sources: QEMU, hw/i386/tdvf-hob.c, target/i386/kvm/tdx.c (``tdx_accept_ram_range``) and
hw/i386/pc_q35.c (memory below 4 GiB); UEFI PI specification 1.8, volume 3, chapter 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.measure.guid_table import TOP
from enarx.measure.pages import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enarx.measure.tdvf import Section

    Range = tuple[int, int, int]  # begin, end, kind

MAX_MEMORY = 1 << 46
_TD_HOB, _TEMP_MEM = 2, 3  # types of a TDVF section
_SYSTEM_MEMORY, _UNACCEPTED = 0, 7
_PRESENT_INITIALIZED_TESTED = 7
_PHIT_BYTES, _RESOURCE_BYTES, _END_BYTES = 56, 48, 8
_HANDOFF_VERSION = 9
_LEAST_SPLIT = 0xB000_0000
_LOW_OF_SPLIT = 0x8000_0000


def below_4g(memory: int) -> int:
    """Bytes of a machine of type q35 with *memory* bytes that lie below 4 GiB."""
    return _LOW_OF_SPLIT if memory >= _LEAST_SPLIT else memory


def measured(sections: Sequence[Section], memory: int) -> bytes:
    """The bytes that the firmware with *sections* measures on a machine of *memory* bytes.

    Raises:
        MisconfiguredError: the firmware takes no list, or has no room in the memory.
    """
    if memory % PAGE_BYTES or not 0 < memory <= MAX_MEMORY:
        problem = f"got {memory} bytes, want whole pages, at most {MAX_MEMORY}"
        raise MisconfiguredError("memory of the TDX guest", problem)
    added = sorted((s.gpa, s.gpa + s.size) for s in sections if s.kind in (_TD_HOB, _TEMP_MEM))
    places = [section for section in sections if section.kind == _TD_HOB]
    if len(places) != 1:
        problem = f"got {len(places)} sections for the TD HOB, want 1"
        raise MisconfiguredError("TDX firmware", problem)
    ranges = (*_low(added, below_4g(memory)), *_high(memory))
    size = _PHIT_BYTES + _RESOURCE_BYTES * len(ranges)
    if size + _END_BYTES > places[0].size:
        raise MisconfiguredError("TDX firmware", "the TD HOB has no room in its section")
    return _phit(places[0].gpa + size + _END_BYTES) + b"".join(map(_resource, ranges))


def _low(added: Sequence[tuple[int, int]], end: int) -> Iterator[Range]:
    at = 0
    for first, last in added:
        if not at <= first < last <= end:
            problem = f"needs memory at {first:#x} that is not there, or twice"
            raise MisconfiguredError("TDX firmware", problem)
        if at < first:
            yield at, first, _UNACCEPTED
        yield first, last, _SYSTEM_MEMORY
        at = last
    if at < end:
        yield at, end, _UNACCEPTED


def _high(memory: int) -> Iterator[Range]:
    if more := memory - below_4g(memory):
        yield TOP, TOP + more, _UNACCEPTED


def _phit(end: int) -> bytes:
    head = _numbers((1, 2), (_PHIT_BYTES, 2), (0, 4), (_HANDOFF_VERSION, 4), (0, 4))
    return head + bytes(32) + _numbers((end, 8))


def _resource(found: Range) -> bytes:
    begin, end, kind = found
    head = _numbers((3, 2), (_RESOURCE_BYTES, 2), (0, 4)) + bytes(16)
    return head + _numbers(
        (kind, 4), (_PRESENT_INITIALIZED_TESTED, 4), (begin, 8), (end - begin, 8)
    )


def _numbers(*pairs: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value, size in pairs)
