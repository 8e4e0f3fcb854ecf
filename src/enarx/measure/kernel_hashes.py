"""The page with the hashes of kernel, initial RAM disk and command line, for measured direct boot.

    GUID | length, 2 bytes | three of (GUID | length, 2 bytes | SHA-256) | zeros to 16 bytes

in the order command line, RAM disk, kernel.  The command line is hashed with its final NUL; one
that is absent is a NUL alone, and an absent RAM disk is empty.

Source: QEMU, target/i386/sev.c, ``SevHashTable`` and ``build_kernel_loader_hashes``.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from enarx.measure.pages import PAGE_BYTES

_TABLE = UUID("9438d606-4f22-4cc9-b479-a793d411fd21")
_COMMAND_LINE = UUID("97d02dd8-bd20-4c94-aa78-e7714d36ab2a")
_INITRD = UUID("44baf731-3a2f-4bd7-9af1-41e29169781d")
_KERNEL = UUID("4de79437-abd2-427f-b835-d5b172d2045b")
_HEAD_BYTES = 18
_ENTRY_BYTES = 50
TABLE_BYTES = 176


def table(kernel: bytes, initrd: bytes, command_line: str) -> bytes:
    """The table, 176 bytes."""
    line = command_line.encode() + b"\0"
    parts = ((_COMMAND_LINE, line), (_INITRD, initrd), (_KERNEL, kernel))
    entries = b"".join(
        guid.bytes_le + _ENTRY_BYTES.to_bytes(2, "little") + hashlib.sha256(data).digest()
        for guid, data in parts
    )
    size = _HEAD_BYTES + len(entries)
    made = _TABLE.bytes_le + size.to_bytes(2, "little") + entries
    return made.ljust(TABLE_BYTES, b"\0")


def page(found: bytes, offset: int) -> bytes:
    """A page with the table *found* at *offset*.

    Raises:
        ValueError: it does not fit there.
    """
    if not 0 <= offset <= PAGE_BYTES - len(found):
        raise ValueError(f"offset: a table of {len(found)} bytes at {offset:#x}")
    return (bytes(offset) + found).ljust(PAGE_BYTES, b"\0")
