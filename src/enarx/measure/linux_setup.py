"""A Linux kernel as QEMU hands it to a firmware that does not ask for the file itself.

QEMU fills in the kernel's setup header as a boot loader does, so that the firmware measures other
bytes than the file has; where the initial RAM disk lies depends on the size of the memory.

QEMU before 10.0 has nothing else to hand over; since then the file ``etc/boot/kernel`` is offered
as well, as it is, and EDK II since edk2-stable202502 takes that one.  QEMU itself has TDX since
10.1.

Sources: QEMU, hw/i386/x86-common.c (``x86_load_linux``) and hw/i386/pc.c (``acpi_data_size``);
Linux, Documentation/arch/x86/boot.rst.  Numbers are little-endian.
"""

from __future__ import annotations

from enarx.errors import MalformedError, MisconfiguredError
from enarx.measure.td_hob import below_4g
from enarx.wire.reader import Reader

_LEAST_BYTES = 0x1000
_MAGIC_AT, _MAGIC = 0x202, b"HdrS"
_PROTOCOL_AT, _LEAST_PROTOCOL = 0x206, 0x20C
_LOAD_FLAGS_AT, _LOADED_HIGH, _CAN_USE_HEAP = 0x211, 0x01, 0x80
_XLOAD_FLAGS_AT, _ABOVE_4G = 0x236, 0x02
_TYPE_OF_LOADER_AT, _QEMU = 0x210, b"\xb0"
_INITRD_AT = 0x218
_HEAP_END_AT, _HEAP_END = 0x224, b"\x00\xfe"  # up to the command line at 0x20000
_COMMAND_LINE_AT, _COMMAND_LINE = 0x228, b"\x00\x00\x02\x00"
_INITRD_MAX_AT = 0x22C
_ACPI_BYTES = 0x2_8000  # that QEMU leaves for ACPI tables
_PAGE_MASK = 4095


def patched(kernel: bytes, initrd_size: int, command_line: str, memory: int) -> bytes:
    """*kernel* with the header that QEMU makes for a machine of type q35.

    Args:
        initrd_size: bytes of the initial RAM disk; 0 for none.
        memory: of the machine, in bytes.

    Raises:
        MalformedError: it is no such kernel.
        MisconfiguredError: the disk does not fit, or the command line asks for a video mode, which
            would change the header in ways that are not known here.
    """
    protocol = _protocol(kernel)
    flags = kernel[_LOAD_FLAGS_AT]
    if protocol < _LEAST_PROTOCOL or not flags & _LOADED_HIGH:
        problem = f"got boot protocol {protocol >> 8}.{protocol & 0xFF}, want 2.12, loaded high"
        raise MalformedError("kernel", problem, offset=_PROTOCOL_AT)
    if "vga=" in command_line:
        raise MisconfiguredError(
            "command line", "got vga=, of which QEMU makes a header unknown here"
        )
    made = bytearray(kernel)
    made[_TYPE_OF_LOADER_AT : _TYPE_OF_LOADER_AT + 1] = _QEMU
    made[_LOAD_FLAGS_AT] = flags | _CAN_USE_HEAP
    made[_HEAP_END_AT : _HEAP_END_AT + 2] = _HEAP_END
    made[_COMMAND_LINE_AT : _COMMAND_LINE_AT + 4] = _COMMAND_LINE
    if initrd_size:
        above = kernel[_XLOAD_FLAGS_AT] & _ABOVE_4G
        most = 0xFFFF_FFFF if above else _number(kernel, _INITRD_MAX_AT, 4)
        last = min(most, below_4g(memory) - _ACPI_BYTES - 1)
        if initrd_size >= last:
            problem = f"got {initrd_size} bytes, want less than {max(last, 0)} for this memory"
            raise MisconfiguredError("initial RAM disk", problem)
        begin = (last - initrd_size) & ~_PAGE_MASK
        for offset, value in ((0, begin), (4, initrd_size)):
            at = _INITRD_AT + offset
            made[at : at + 4] = value.to_bytes(4, "little")
    return bytes(made)


def _protocol(kernel: bytes) -> int:
    if len(kernel) < _LEAST_BYTES or kernel[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        raise MalformedError("kernel", "is no Linux kernel of x86", offset=_MAGIC_AT)
    return _number(kernel, _PROTOCOL_AT, 2)


def _number(kernel: bytes, at: int, size: int) -> int:
    return Reader(kernel[at : at + size], "kernel").uint(size, "setup header")
