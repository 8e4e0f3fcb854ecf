r"""MRENCLAVE of Intel SGX: SHA-256 over what was added to an enclave before EINIT.

Records of 64 bytes, numbers little-endian:

    ECREATE   "ECREATE\0" | SSAFRAMESIZE, pages, 4 | SIZE, bytes, 8 | zeros
    EADD      "EADD\0\0\0\0" | offset, 8 | the first 48 bytes of SECINFO
    EEXTEND   "EEXTEND\0" | offset, 8 | zeros;  then the chunk of 256 bytes

Source: Intel SDM, volume 3D, chapter 40 (ECREATE, EADD, EEXTEND), section 39.4.1 (MRENCLAVE).
"""

from __future__ import annotations

import hashlib

from enarx.measure.pages import PAGE_BYTES

CHUNK_BYTES = 256
REGULAR_RX = 0x0205
"""SECINFO.FLAGS of a regular page (page type 2) that may be read and executed."""
REGULAR_RW = 0x0203
TCS = 0x0100

_RECORD_BYTES = 64


class MrEnclave:
    """The register of an enclave that is being built.

    Args:
        size: of the enclave in bytes, a power of two.
        ssa_frame_size: in pages.
    """

    def __init__(self, size: int, ssa_frame_size: int) -> None:
        self._digest = hashlib.sha256()
        fields = ssa_frame_size.to_bytes(4, "little") + size.to_bytes(8, "little")
        self._digest.update(_record(b"ECREATE\0", fields))

    @property
    def value(self) -> bytes:
        """The register at EINIT: 32 bytes."""
        return self._digest.digest()

    def add(self, offset: int, flags: int) -> None:
        """A page is added at *offset* with SECINFO.FLAGS *flags*; its content is not measured."""
        fields = offset.to_bytes(8, "little") + flags.to_bytes(8, "little")
        self._digest.update(_record(b"EADD\0\0\0\0", fields))

    def extend(self, offset: int, page: bytes) -> None:
        """The content of the page at *offset* is measured, chunk by chunk."""
        if len(page) != PAGE_BYTES:
            raise ValueError(f"page: need {PAGE_BYTES} bytes, got {len(page)}")
        for at in range(0, PAGE_BYTES, CHUNK_BYTES):
            self.chunk(offset + at, page[at : at + CHUNK_BYTES])

    def chunk(self, offset: int, data: bytes) -> None:
        """256 bytes at *offset* are measured; an enclave may leave others out."""
        if len(data) != CHUNK_BYTES:
            raise ValueError(f"data: need {CHUNK_BYTES} bytes, got {len(data)}")
        self._digest.update(_record(b"EEXTEND\0", offset.to_bytes(8, "little")))
        self._digest.update(data)


def _record(name: bytes, fields: bytes) -> bytes:
    return (name + fields).ljust(_RECORD_BYTES, b"\0")
