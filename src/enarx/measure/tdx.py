"""MRTD of Intel TDX: SHA-384 over what was added to a trust domain before it was finalised.

    TDH.MEM.PAGE.ADD   a block of 128 bytes: "MEM.PAGE.ADD", zeros, the page's address at 16
    TDH.MR.EXTEND      a block of 128 bytes: "MR.EXTEND", zeros, the chunk's address at 16;
                       then the chunk of 256 bytes

The virtual machine monitor chooses the order, so whoever computes must follow the same one.

Source: Intel TDX Module ABI (344425), TDH.MEM.PAGE.ADD and TDH.MR.EXTEND; Intel TDX Module base
architecture specification, section "Measurement".
"""

from __future__ import annotations

import hashlib

from enarx.measure.pages import PAGE_BYTES

CHUNK_BYTES = 256

_BLOCK_BYTES = 128
_ADD = b"MEM.PAGE.ADD".ljust(16, b"\0")
_EXTEND = b"MR.EXTEND".ljust(16, b"\0")


class MrTd:
    """The register of a trust domain that is being built."""

    def __init__(self) -> None:
        self._digest = hashlib.sha384()

    @property
    def value(self) -> bytes:
        """The register after TDH.MR.FINALIZE: 48 bytes."""
        return self._digest.digest()

    def add(self, gpa: int) -> None:
        """A page is added at *gpa*; what is in it is not measured by that."""
        self._digest.update(_block(_ADD, gpa))

    def extend(self, gpa: int, page: bytes) -> None:
        """The content of the page at *gpa* is measured, chunk by chunk."""
        if len(page) != PAGE_BYTES:
            raise ValueError(f"page: need {PAGE_BYTES} bytes, got {len(page)}")
        for at in range(0, PAGE_BYTES, CHUNK_BYTES):
            self._digest.update(_block(_EXTEND, gpa + at))
            self._digest.update(page[at : at + CHUNK_BYTES])


def _block(name: bytes, gpa: int) -> bytes:
    return (name + gpa.to_bytes(8, "little")).ljust(_BLOCK_BYTES, b"\0")
