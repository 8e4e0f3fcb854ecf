"""The launch digest of AMD SEV-SNP: a chain of SHA-384 over what was put into memory, in order.

Source: AMD 56860 rev. 1.58, section 8.17 (SNP_LAUNCH_UPDATE), table "Layout of the PAGE_INFO
structure" (0x70 bytes):

    0x00  DIGEST_CUR   48    the digest so far
    0x30  CONTENTS     48    SHA-384 of the page, or zeros where the type has no contents
    0x60  LENGTH        2    0x70
    0x62  PAGE_TYPE     1
    0x63  IMI_PAGE      1    bit 0
    0x64  VMPL3, VMPL2, VMPL1 permissions, 1 each;  0x67 reserved, 1
    0x68  GPA           8    the page's guest physical address
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

from enarx.measure.pages import PAGE_BYTES

DIGEST_BYTES = 48
VMSA_GPA = 0xFFFF_FFFF_F000
"""Where the firmware measures every VMSA."""

_PAGE_INFO_BYTES = 0x70
_NOTHING = bytes(DIGEST_BYTES)


class PageType(IntEnum):
    """PAGE_TYPE."""

    NORMAL = 1
    VMSA = 2
    ZERO = 3
    UNMEASURED = 4
    SECRETS = 5
    CPUID = 6


class LaunchDigest:
    """The digest of a guest that is being put together.

    Args:
        start: the digest so far, such as one that was computed for a firmware; zeros at first.
    """

    def __init__(self, start: bytes = _NOTHING) -> None:
        if len(start) != DIGEST_BYTES:
            raise ValueError(f"start: need {DIGEST_BYTES} bytes, got {len(start)}")
        self.value = start

    def page(self, gpa: int, content: bytes, kind: PageType = PageType.NORMAL) -> None:
        """A page whose content is measured: code, data, or a VMSA."""
        if len(content) != PAGE_BYTES:
            raise ValueError(f"content: need {PAGE_BYTES} bytes, got {len(content)}")
        self._update(gpa, kind, hashlib.sha384(content).digest())

    def without_content(self, gpa: int, kind: PageType) -> None:
        """A page of which only the address and type are measured: zeros, secrets, CPUID."""
        self._update(gpa, kind, _NOTHING)

    def _update(self, gpa: int, kind: PageType, contents: bytes) -> None:
        info = (
            self.value
            + contents
            + _PAGE_INFO_BYTES.to_bytes(2, "little")
            + bytes((kind, 0, 0, 0, 0, 0))
            + gpa.to_bytes(8, "little")
        )
        self.value = hashlib.sha384(info).digest()
