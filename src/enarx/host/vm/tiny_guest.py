"""A guest of a few instructions that says whether an accelerator can run Linux.

It enters 64-bit mode with paging, uses SSE2 registers, and BMI2 where the processor shows it, then
ends QEMU through a debugging device.  Where KVM is itself emulated, real mode works and one of
these does not.

Source: Intel 325383, vol. 2, SHLX; vol. 3, section 10.8.5 (entering IA-32e mode).
"""

from __future__ import annotations

PORT = 0xF4
"""Of the device isa-debug-exit."""
PASSED = 33
"""QEMU's exit status when the guest has done everything: twice what it writes, and 1."""

_BYTES = 1 << 16
_RESET = 0xFFF0
_START = bytes.fromhex("ea000000f0")  # jmp 0xf000:0, where the firmware is seen again
_CODE = bytes.fromhex(
    # 16 bits, at 0xF0000: cli; lgdt; CR0.PE = 1; far jump
    "fa 2e660f0116d000 0f20c0 0c01 0f22c0 66ea18000f000800"
    # 32 bits: data segment; page tables at 0x1000 that map the first 2 MiB
    "b810000000 8ed8 c7050010000003200000 c7050020000003300000 c7050030000083000000"
    # CR3; CR4: PAE, OSFXSR, OSXMMEXCPT; EFER.LME; CR0: PG, ET, MP, PE; far jump
    "b800100000 0f22d8 b820060000 0f22e0 b9800000c0 0f32 0d00010000 0f30"
    "b813000080 0f22c0 ea6a000f001800"
    # 64 bits: pcmpeqb xmm0, xmm0; pmovmskb eax, xmm0; its 16 bits are ones, or fail
    "660f74c0 660fd7c0 3dffff0000 7530"
    # cpuid 0: is there leaf 7?  cpuid 7: bit 8 of EBX is BMI2
    "31c0 0fa2 83f807 7223 b807000000 31c9 0fa2 0fbae308 7314"
    # shlx eax, edx, ecx of 3 and 4 is 48, or fail
    "ba03000000 b904000000 c4e271f7c2 83f830 7504"
    # passed: al = 16; failed: al = 17; out 0xf4, al; hlt for ever
    "b010 eb02 b011 e6f4 f4 ebfd"
    # descriptors, as used ones since they cannot be written: none, code 32, data, code 64
    "0000000000000000 ffff0000009bcf00 ffff00000093cf00 ffff0000009baf00"
    # their limit and address
    "1f00 b0000f00"
)


def firmware() -> bytes:
    """What QEMU loads with ``-bios``."""
    image = bytearray(_CODE.ljust(_BYTES, b"\xf4"))
    image[_RESET : _RESET + len(_START)] = _START
    return bytes(image)
