"""The state in which a virtual processor starts, as the page that SNP measures of each.

VMMs differ in some registers: QEMU with KVM, Amazon's EC2, and Google's Compute Engine.  Under an
SVSM every processor begins in the SVSM.

Sources: AMD 24593 rev. 3.42, appendix B, table B-4 (offsets); QEMU, target/i386/cpu.c
(``x86_cpu_reset``); Coconut's QEMU, target/i386/sev.c (SVSM); what EC2 and GCE start with is known
from their published measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from enarx.measure.pages import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

Vmm = Literal["qemu", "ec2", "gce"]
RESET_VECTOR = 0xFFFF_FFF0
"""Where the first processor begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What VMMs do differently.

    Args:
        code, first_code: attributes of CS, and the same of the first processor.
        stack, task: attributes of SS and TR.
        rdx: None for the processor's signature.
    """

    code: int = 0x9B
    first_code: int = 0x9B
    stack: int = 0x93
    task: int = 0x8B
    rdx: int | None = None
    mxcsr: int = 0
    x87_fcw: int = 0
    g_pat: int = 0x0007_0406_0007_0406


_STARTS: Mapping[Vmm, _Start] = MappingProxyType(
    {
        "qemu": _Start(mxcsr=0x1F80, x87_fcw=0x37F),
        "ec2": _Start(first_code=0x9A, stack=0x92, task=0x83, rdx=0x600),
        "gce": _Start(rdx=0x600, g_pat=0x0007_0106),
    }
)
_DATA = 0x93  # attributes of DS, ES, FS, GS
_FLAT_DATA = 0xC93
_FLAT_CODE = 0xC9B
_FLAT_LIMIT = 0xFFFF_FFFF
_CS, _SS, _GS, _TR = 0x010, 0x020, 0x050, 0x090
_DATA_SEGMENTS = (0x000, 0x030, 0x040)  # ES, DS, FS

_Register = tuple[int, int, int]  # offset, size in bytes, value
_ALWAYS: tuple[_Register, ...] = (
    (0x0D0, 8, 0x1000),  # EFER: SVME
    (0x148, 8, 0x40),  # CR4: MCE
    (0x160, 8, 0x400),  # DR7
    (0x168, 8, 0xFFFF_0FF0),  # DR6
    (0x170, 8, 0x2),  # RFLAGS
    (0x3E8, 8, 0x1),  # XCR0
)


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment register, 16 bytes."""

    attributes: int
    base: int = 0
    selector: int = 0
    limit: int = 0xFFFF

    def encoded(self) -> bytes:
        sizes = ((self.selector, 2), (self.attributes, 2), (self.limit, 4), (self.base, 8))
        return b"".join(value.to_bytes(size, "little") for value, size in sizes)


_TABLES: dict[int, _Segment] = {  # GDTR, LDTR, IDTR
    0x060: _Segment(0),
    0x070: _Segment(0x82),
    0x080: _Segment(0),
}


def vmsa(eip: int, *, vmm: Vmm, signature: int, features: int) -> bytes:
    """The page, 4096 bytes.

    Args:
        eip: where the processor begins.
        signature: CPUID 1, EAX, of the processor's model, as the VMM sets it.
        features: SEV_FEATURES.
    """
    start = _STARTS[vmm]
    code = start.first_code if eip == RESET_VECTOR else start.code
    data = _Segment(_DATA)
    return _page(
        {
            **dict.fromkeys(_DATA_SEGMENTS, data),
            _GS: data,
            _CS: _Segment(code, base=eip & 0xFFFF_0000, selector=0xF000),
            _SS: _Segment(start.stack),
            _TR: _Segment(start.task),
        },
        (
            (0x158, 8, 0x10),  # CR0: ET
            (0x178, 8, eip & 0xFFFF),  # RIP
            (0x268, 8, start.g_pat),
            (0x310, 8, signature if start.rdx is None else start.rdx),  # RDX
            (0x3B0, 8, features),
            (0x408, 4, start.mxcsr),
            (0x410, 2, start.x87_fcw),
        ),
    )


def svsm_vmsa(eip: int, *, signature: int, features: int) -> bytes:
    """The page of a processor that begins in an SVSM: in 32-bit protected mode, flat.

    Its x87 control word is zero, in contrast to what QEMU gives to other guests.
    """
    start = _STARTS["qemu"]
    data = _Segment(_FLAT_DATA, selector=0x10, limit=_FLAT_LIMIT)
    return _page(
        {
            **dict.fromkeys(_DATA_SEGMENTS, data),
            _GS: _Segment(_DATA),
            _CS: _Segment(_FLAT_CODE, selector=0x08, limit=_FLAT_LIMIT),
            _SS: data,
            _TR: _Segment(start.task),
        },
        (
            (0x158, 8, 0x11),  # CR0: ET, PE
            (0x178, 8, eip),  # RIP
            (0x268, 8, start.g_pat),
            (0x310, 8, signature),  # RDX
            (0x3B0, 8, features),
            (0x408, 4, start.mxcsr),
        ),
    )


def _page(segments: dict[int, _Segment], registers: tuple[_Register, ...]) -> bytes:
    page = bytearray(PAGE_BYTES)
    for offset, segment in (_TABLES | segments).items():
        page[offset : offset + 16] = segment.encoded()
    for offset, size, value in (*_ALWAYS, *registers):
        page[offset : offset + size] = value.to_bytes(size, "little")
    return bytes(page)
