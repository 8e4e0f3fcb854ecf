"""Does KVM work here?  Not "is the device there": a machine is made and runs one instruction.

In nested and restricted environments the device opens and machines are created, but no guest ever
runs; only trying tells.

Source: Linux, Documentation/virt/kvm/api.rst.
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
_SET_REGS = 0x4090_AE82
_GET_SREGS = 0x8138_AE83
_SET_SREGS = 0x4138_AE84

_EXIT_REASON = 8  # offset in struct kvm_run
_EXIT_HLT = 5
_SREGS_BYTES = 312
_SEGMENT = "=QIHBBBBBBBBBB"  # struct kvm_segment: base, limit, selector, then bytes
_RFLAGS_RESERVED = 0x2
_HLT = b"\xf4"
_PAGE = 4096


def problem(device: str) -> str:
    """Return why KVM behind *device* cannot run a guest; empty if it can."""
    try:
        kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"{device}: {_text(error)}"
    try:
        version = fcntl.ioctl(kvm, _GET_API_VERSION)
        if version != _API_VERSION:
            return f"{device}: got API version {version}, want {_API_VERSION}"
        return _run_one_instruction(kvm) if platform.machine() == "x86_64" else ""
    except OSError as error:
        return f"{device}: {_text(error)}"
    finally:
        os.close(kvm)


def _run_one_instruction(kvm: int) -> str:
    """Run HLT at address 0 of a machine with one page of memory."""
    opened: list[int] = []
    memory = mmap.mmap(-1, _PAGE)
    try:
        memory[0:1] = _HLT
        machine = fcntl.ioctl(kvm, _CREATE_VM, 0)
        opened.append(machine)
        region = struct.pack("=IIQQQ", 0, 0, 0, _PAGE, _address(memory))
        fcntl.ioctl(machine, _SET_USER_MEMORY_REGION, region)
        processor = fcntl.ioctl(machine, _CREATE_VCPU, 0)
        opened.append(processor)
        shared = mmap.mmap(processor, fcntl.ioctl(kvm, _GET_VCPU_MMAP_SIZE))
        try:
            _start_at_zero(processor)
            fcntl.ioctl(processor, _RUN, 0)
            (reason,) = struct.unpack_from("=I", shared, _EXIT_REASON)
        finally:
            shared.close()
        if reason != _EXIT_HLT:
            return f"a test guest did not run (exit reason {reason}, want {_EXIT_HLT})"
        return ""
    finally:
        for fd in reversed(opened):
            os.close(fd)
        memory.close()


def _start_at_zero(processor: int) -> None:
    """Point CS:RIP at address 0; everything else stays as after a reset."""
    special = bytearray(_SREGS_BYTES)
    fcntl.ioctl(processor, _GET_SREGS, special)
    _, limit, _, *rest = struct.unpack_from(_SEGMENT, special)
    struct.pack_into(_SEGMENT, special, 0, 0, limit, 0, *rest)
    fcntl.ioctl(processor, _SET_SREGS, bytes(special))
    fcntl.ioctl(processor, _SET_REGS, struct.pack("=18Q", *([0] * 17), _RFLAGS_RESERVED))


def _address(memory: mmap.mmap) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _text(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
