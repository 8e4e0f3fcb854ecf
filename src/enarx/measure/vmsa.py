"""The state in which a virtual processor starts, as the page that SNP measures of each.

VMMs differ in some registers: QEMU with KVM, Amazon's EC2, and Google's Compute Engine.

Sources: AMD 24593 rev. 3.42, appendix B, table B-4 (offsets); QEMU, target/i386/cpu.c
(``x86_cpu_reset``); what EC2 and GCE start with is known from their published measurements.
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


def vmsa(eip: int, *, vmm: Vmm, signature: int, features: int) -> bytes:
    """The page, 4096 bytes.

    Args:
        eip: where the processor begins.
        signature: CPUID 1, EAX, of the processor's model, as the VMM sets it.
        features: SEV_FEATURES.
    """
    start = _STARTS[vmm]
    page = bytearray(PAGE_BYTES)

    def put(offset: int, size: int, value: int) -> None:
        page[offset : offset + size] = value.to_bytes(size, "little")

    def segment(offset: int, attributes: int, *, base: int = 0, selector: int = 0) -> None:
        put(offset, 2, selector)
        put(offset + 2, 2, attributes)
        put(offset + 4, 4, 0xFFFF)  # limit
        put(offset + 8, 8, base)

    code = start.first_code if eip == RESET_VECTOR else start.code
    segment(0x010, code, base=eip & 0xFFFF_0000, selector=0xF000)  # CS
    segment(0x020, start.stack)  # SS
    for offset in (0x000, 0x030, 0x040, 0x050):  # ES, DS, FS, GS
        segment(offset, _DATA)
    for offset, attributes in ((0x060, 0), (0x070, 0x82), (0x080, 0), (0x090, start.task)):
        segment(offset, attributes)  # GDTR, LDTR, IDTR, TR
    put(0x0D0, 8, 0x1000)  # EFER: SVME
    put(0x148, 8, 0x40)  # CR4: MCE
    put(0x158, 8, 0x10)  # CR0: ET
    put(0x160, 8, 0x400)  # DR7
    put(0x168, 8, 0xFFFF_0FF0)  # DR6
    put(0x170, 8, 0x2)  # RFLAGS
    put(0x178, 8, eip & 0xFFFF)  # RIP
    put(0x268, 8, start.g_pat)
    put(0x310, 8, signature if start.rdx is None else start.rdx)  # RDX
    put(0x3B0, 8, features)
    put(0x3E8, 8, 0x1)  # XCR0
    put(0x408, 4, start.mxcsr)
    put(0x410, 2, start.x87_fcw)
    return bytes(page)
