"""The launch digest of a guest on SEV-SNP that starts an SVSM: that at VMPL 0, the rest below.

Firmware, then the SVSM, which ends where the firmware's variables begin; the pages that the *SVSM*
asks for; and one VMSA for each processor, all of which begin in the SVSM.  Firmware and SVSM are
measured; a kernel is not, and is to be checked by what the SVSM starts.

This is how Coconut's QEMU launches, with the SVSM as a file of its own.  Launched from one file in
the format IGVM, a guest has another digest, which is not computed here.

Sources: Coconut's QEMU, target/i386/sev.c; AMD 58019 "Secure VM Service Module" rev. 1.00, section
4; virtee/sev-snp-measure, mode ``snp:svsm``, whose digests were compared with launched guests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.measure.pages import PAGE_BYTES
from enarx.measure.snp import VMSA_GPA, PageType
from enarx.measure.snp_guest import (
    firmware_only,
    measure_image,
    measure_sections,
    must_be_possible,
)
from enarx.measure.vmsa import svsm_vmsa

if TYPE_CHECKING:
    from enarx.measure.firmware import Firmware
    from enarx.measure.snp_guest import Processors

_WHAT = "SVSM"


def launch_digest(
    firmware: Firmware, svsm: Firmware, processors: Processors, *, variables_size: int = 0
) -> bytes:
    """The launch digest, 48 bytes.

    Args:
        svsm: as ``firmware.parse`` read it.
        variables_size: bytes between the SVSM and the firmware: the variables, where they are a
            file of their own.

    Raises:
        MisconfiguredError: *svsm* is none, there is no room for it, or no such guest can start.
    """
    must_be_possible(processors)
    if processors.vmm != "qemu":
        raise MisconfiguredError(_WHAT, f"got {processors.vmm}, want qemu, which alone starts one")
    if svsm.svsm_entry is None:
        raise MisconfiguredError(_WHAT, "the file does not say where an SVSM begins")
    svsm = _placed(svsm, firmware.gpa - variables_size)
    digest = firmware_only(firmware)
    measure_image(digest, svsm)
    measure_sections(digest, svsm, None, "qemu")
    page = svsm_vmsa(
        svsm.gpa + (svsm.svsm_entry or 0),
        signature=processors.signature,
        features=processors.features,
    )
    for _ in range(processors.count):
        digest.page(VMSA_GPA, page, PageType.VMSA)
    return digest.value


def _placed(svsm: Firmware, end: int) -> Firmware:
    if end % PAGE_BYTES or end < len(svsm.image):
        problem = f"would end at {end:#x}, want a whole page with room for {len(svsm.image)} bytes"
        raise MisconfiguredError(_WHAT, problem)
    return replace(svsm, end=end)
