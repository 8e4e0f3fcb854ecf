"""What a simulated platform measures of an ordinary virtual machine: what it was really given.

The algorithms are those of the hardware.  What they are applied to is laid out here, because such a
machine's firmware has none of the tables that say where a TEE's firmware wants things:

    snp   the firmware's pages below 4 GiB; a page with the hashes of kernel, initial RAM disk and
          command line, at ``HASHES``; the state of each processor, all at the reset vector
    tdx   MRTD: the firmware's pages, added and measured; RTMR 1: the kernel; RTMR 2: the command
          line with its NUL, then the initial RAM disk; RTMR 0 and 3: nothing

No real machine has these values, for none starts this firmware in a TEE.

Source: docs/design/adr/0025-virtual-machines.md.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from enarx.measure import kernel_hashes
from enarx.measure.guid_table import TOP
from enarx.measure.pages import PAGE_BYTES
from enarx.measure.snp import VMSA_GPA, LaunchDigest, PageType
from enarx.measure.snp_guest import SNP_ACTIVE
from enarx.measure.tdx import MrTd
from enarx.measure.vmsa import RESET_VECTOR, vmsa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.measure.snp_guest import Boot

HASHES = 0x81_0000
"""Guest physical address of the page with the hashes."""

_NO_REGISTER = bytes(48)


def snp(firmware: bytes, boot: Boot, *, processors: int) -> Mapping[str, bytes]:
    """The launch digest, by the name that reference values have for it.

    Raises:
        ValueError: *firmware* is no whole number of pages.
    """
    digest = LaunchDigest()
    for gpa, page in _pages(firmware):
        digest.page(gpa, page)
    hashes = kernel_hashes.table(boot.kernel, boot.initrd, boot.command_line)
    digest.page(HASHES, kernel_hashes.page(hashes, 0))
    state = vmsa(RESET_VECTOR, vmm="qemu", signature=0, features=SNP_ACTIVE)
    for _ in range(processors):
        digest.page(VMSA_GPA, state, PageType.VMSA)
    return {"measurement": digest.value}


def tdx(firmware: bytes, boot: Boot) -> Mapping[str, bytes]:
    """The registers, by the names that reference values have for them.

    Raises:
        ValueError: *firmware* is no whole number of pages.
    """
    register = MrTd()
    for gpa, page in _pages(firmware):
        register.add(gpa)
        register.extend(gpa, page)
    return {
        "mr_td": register.value,
        "rtmr_0": _NO_REGISTER,
        "rtmr_1": _extended(boot.kernel),
        "rtmr_2": _extended(boot.command_line.encode() + b"\0", boot.initrd),
        "rtmr_3": _NO_REGISTER,
    }


def _pages(firmware: bytes) -> Iterator[tuple[int, bytes]]:
    if not firmware or len(firmware) % PAGE_BYTES:
        raise ValueError(f"firmware: got {len(firmware)} bytes, want whole pages of {PAGE_BYTES}")
    for at in range(0, len(firmware), PAGE_BYTES):
        yield TOP - len(firmware) + at, firmware[at : at + PAGE_BYTES]


def _extended(*measured: bytes) -> bytes:
    register = _NO_REGISTER
    for data in measured:
        register = hashlib.sha384(register + hashlib.sha384(data).digest()).digest()
    return register
