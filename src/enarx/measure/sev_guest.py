"""The launch digest of a guest on SEV or SEV-ES: one SHA-256 over all that is measured.

Firmware, the table of a kernel's hashes, and on SEV-ES the state of each processor, one behind
another; addresses are not measured.  Enarx starts no such guest, because the memory's integrity is
not protected; the digest is for those who compare.

Sources: AMD 55766 "Secure Encrypted Virtualization API" rev. 3.24, commands LAUNCH_UPDATE_DATA,
LAUNCH_UPDATE_VMSA and LAUNCH_MEASURE; QEMU, target/i386/sev.c.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.measure import kernel_hashes
from enarx.measure.snp_guest import must_be_possible, reset_eip
from enarx.measure.vmsa import RESET_VECTOR, vmsa

if TYPE_CHECKING:
    from enarx.measure.firmware import Firmware
    from enarx.measure.snp_guest import Boot, Processors


def launch_digest(
    firmware: Firmware, boot: Boot | None = None, processors: Processors | None = None
) -> bytes:
    """The launch digest, 32 bytes.

    Args:
        processors: on SEV-ES, where their state is measured, but not SEV_FEATURES; None on SEV.

    Raises:
        MisconfiguredError: the firmware cannot check a kernel, or such processors cannot start.
    """
    digest = hashlib.sha256(firmware.image)
    if boot is not None:
        if firmware.hash_table_gpa is None:
            hint = "take one that is built for it: OvmfPkg/AmdSev"
            raise MisconfiguredError("SEV guest", "the firmware checks no kernel", hints=(hint,))
        digest.update(kernel_hashes.table(boot.kernel, boot.initrd, boot.command_line))
    if processors is not None:
        must_be_possible(processors)
        for number in range(processors.count):
            eip = reset_eip(firmware) if number else RESET_VECTOR
            digest.update(vmsa(eip, vmm=processors.vmm, signature=processors.signature, features=0))
    return digest.digest()
