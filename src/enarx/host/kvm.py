"""Does KVM work here?  Not "is the device there": a machine is made, and runs in 64-bit mode.

In nested and restricted environments the device opens and machines are created, but no guest ever
runs; or KVM is emulated itself, and stops at the first instruction that it does not know.  Only
trying tells.

Sources: Linux, Documentation/virt/kvm/api.rst; Intel 325383, volume 3, section 4.5 (4-level
paging).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import platform
import struct

_API_VERSION = 12
_GET_API_VERSION = 0xAE00
_CREATE_VM = 0xAE01
_GET_VCPU_MMAP_SIZE = 0xAE04
_CREATE_VCPU = 0xAE41
_SET_USER_MEMORY_REGION = 0x4020_AE46
_RUN = 0xAE80
_GET_SUPPORTED_CPUID = 0xC008_AE05
_SET_CPUID2 = 0x4008_AE90
_SET_REGS = 0x4090_AE82
_GET_SREGS = 0x8138_AE83
_SET_SREGS = 0x4138_AE84

_EXIT_REASON = 8  # offset in struct kvm_run
_EXIT_HLT = 5
_SREGS_BYTES = 312
_SEGMENT = (
    "=QIHBBBBBBBBBB"  # struct kvm_segment: base, limit, selector, type, present, dpl, db, s, l
)
_CODE_SEGMENT = (0, 0xFFFF_FFFF, 8, 0xB, 1, 0, 0, 1, 1, 1, 0, 0, 0)
_CONTROL = 224  # offset of CR0, CR2, CR3, CR4, CR8, EFER in struct kvm_sregs
_CR0 = 0x8000_0013  # PG, ET, MP, PE
_CR4 = 0x220  # OSFXSR, PAE
_EFER = 0x500  # LMA, LME
_RFLAGS_RESERVED = 0x2
_PAGE = 4096
_PML4, _PDPT, _PD = 1 * _PAGE, 2 * _PAGE, 3 * _PAGE
_TABLE, _LARGE_PAGE = 0x3, 0x83  # present and writable; of 2 MiB as well
_MEMORY = 4 * _PAGE
_CPUID_ENTRIES = 256
_CPUID_BYTES = 40
_GUEST = bytes.fromhex(
    "660f74c0 660fd7c0"  # pcmpeqb xmm0, xmm0; pmovmskb eax, xmm0
    "3dffff0000 7501 f4 0f0b"  # cmp eax, 0xffff; jne to ud2; hlt; ud2
)


def problem(device: str, *, guest: bytes = _GUEST) -> str:
    """Return why KVM behind *device* cannot run a guest; empty if it can.

    Args:
        guest: its code, which ends with HLT if all is well.
    """
    try:
        kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"{device}: {_text(error)}"
    try:
        version = fcntl.ioctl(kvm, _GET_API_VERSION)
        if version != _API_VERSION:
            return f"{device}: got API version {version}, want {_API_VERSION}"
        return _run_guest(kvm, guest) if platform.machine() == "x86_64" else ""
    except OSError as error:
        return f"{device}: {_text(error)}"
    finally:
        os.close(kvm)


def _run_guest(kvm: int, guest: bytes) -> str:
    """Run *guest* at address 0, in 64-bit mode with the first 2 MiB mapped."""
    opened: list[int] = []
    memory = mmap.mmap(-1, _MEMORY)
    try:
        memory[: len(guest)] = guest
        for at, entry in ((_PML4, _PDPT | _TABLE), (_PDPT, _PD | _TABLE), (_PD, _LARGE_PAGE)):
            struct.pack_into("=Q", memory, at, entry)
        machine = fcntl.ioctl(kvm, _CREATE_VM, 0)
        opened.append(machine)
        region = struct.pack("=IIQQQ", 0, 0, 0, _MEMORY, _address(memory))
        fcntl.ioctl(machine, _SET_USER_MEMORY_REGION, region)
        processor = fcntl.ioctl(machine, _CREATE_VCPU, 0)
        opened.append(processor)
        shared = mmap.mmap(processor, fcntl.ioctl(kvm, _GET_VCPU_MMAP_SIZE))
        try:
            _start_at_zero(kvm, processor)
            fcntl.ioctl(processor, _RUN, 0)
            (reason,) = struct.unpack_from("=I", shared, _EXIT_REASON)
        finally:
            shared.close()
        if reason != _EXIT_HLT:
            return (
                f"a test guest in 64-bit mode did not run (exit reason {reason}, want {_EXIT_HLT})"
            )
        return ""
    finally:
        for fd in reversed(opened):
            os.close(fd)
        memory.close()


def _start_at_zero(kvm: int, processor: int) -> None:
    """Show the guest every feature, and begin in 64-bit mode at address 0."""
    features = bytearray(8 + _CPUID_ENTRIES * _CPUID_BYTES)
    struct.pack_into("=I", features, 0, _CPUID_ENTRIES)
    fcntl.ioctl(kvm, _GET_SUPPORTED_CPUID, features)
    fcntl.ioctl(processor, _SET_CPUID2, features)
    special = bytearray(_SREGS_BYTES)
    fcntl.ioctl(processor, _GET_SREGS, special)
    struct.pack_into(_SEGMENT, special, 0, *_CODE_SEGMENT)
    struct.pack_into("=6Q", special, _CONTROL, _CR0, 0, _PML4, _CR4, 0, _EFER)
    fcntl.ioctl(processor, _SET_SREGS, special)
    fcntl.ioctl(processor, _SET_REGS, struct.pack("=18Q", *([0] * 17), _RFLAGS_RESERVED))


def _address(memory: mmap.mmap) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _text(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
