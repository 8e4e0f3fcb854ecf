"""The launch digest of a virtual machine on SEV-SNP, computed from what it is launched with.

Firmware, the pages that it asks for, the hashes of a kernel, and the state of each processor, in
the order in which VMMs hand them to the firmware of the security processor.

Sources: AMD 56860 rev. 1.58, section 8.17; QEMU, target/i386/sev.c (``sev_snp_launch_finish`` and
its order); EDK II, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm.
"""

from __future__ import annotations

from dataclasses import dataclass

from enarx.errors import MisconfiguredError
from enarx.measure import kernel_hashes
from enarx.measure.firmware import Firmware, Section, SectionType
from enarx.measure.pages import PAGE_BYTES
from enarx.measure.snp import VMSA_GPA, LaunchDigest, PageType
from enarx.measure.vmsa import RESET_VECTOR, Vmm, vmsa

SNP_ACTIVE = 1
"""SEV_FEATURES of a guest that has SNP and nothing else."""
MAX_PROCESSORS = 4096

_WHAT = "SNP guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What a firmware is to start, and what it checks before.

    Args:
        kernel, initrd: their bytes; an empty *initrd* for none.
        command_line: without its final NUL.
    """

    kernel: bytes
    initrd: bytes = b""
    command_line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processors:
    """The virtual processors.

    Args:
        count: how many.
        signature: CPUID 1, EAX, of their model.
        features: SEV_FEATURES.
        vmm: who starts them.
    """

    count: int = 1
    signature: int = 0
    features: int = SNP_ACTIVE
    vmm: Vmm = "qemu"


def launch_digest(
    firmware: Firmware,
    processors: Processors,
    boot: Boot | None = None,
    *,
    firmware_digest: bytes | None = None,
) -> bytes:
    """The launch digest, 48 bytes.

    Args:
        boot: what is started directly; None for a firmware that finds something by itself.
        firmware_digest: the digest of the firmware alone, where only its tables are at hand.

    Raises:
        MisconfiguredError: the firmware cannot check a kernel, or such processors cannot start.
    """
    must_be_possible(processors)
    digest = firmware_only(firmware) if firmware_digest is None else LaunchDigest(firmware_digest)
    measure_sections(digest, firmware, boot, processors.vmm)
    for number in range(processors.count):
        eip = RESET_VECTOR if not number else reset_eip(firmware)
        page = vmsa(
            eip,
            vmm=processors.vmm,
            signature=processors.signature,
            features=processors.features,
        )
        digest.page(VMSA_GPA, page, PageType.VMSA)
    return digest.value


def firmware_only(firmware: Firmware) -> LaunchDigest:
    """The digest after the firmware itself."""
    digest = LaunchDigest()
    measure_image(digest, firmware)
    return digest


def measure_image(digest: LaunchDigest, firmware: Firmware) -> None:
    """Into *digest*: the bytes of a firmware, or of an SVSM, where they lie."""
    for at in range(0, len(firmware.image), PAGE_BYTES):
        digest.page(firmware.gpa + at, firmware.image[at : at + PAGE_BYTES])


def must_be_possible(processors: Processors) -> None:
    """Raises MisconfiguredError for a number of processors that no guest has."""
    if not 0 < processors.count <= MAX_PROCESSORS:
        problem = f"got {processors.count} processors, want 1 to {MAX_PROCESSORS}"
        raise MisconfiguredError(_WHAT, problem)


def measure_sections(digest: LaunchDigest, firmware: Firmware, boot: Boot | None, vmm: Vmm) -> None:
    """Into *digest*: the pages that *firmware* asks for, in its order.

    Raises:
        MisconfiguredError: it cannot check a kernel.
    """
    sections = firmware.sections
    if boot is not None and not any(s.kind == SectionType.KERNEL_HASHES for s in sections):
        hint = "take one that is built for it: OvmfPkg/AmdSev"
        problem = "the firmware checks no kernel"
        raise MisconfiguredError(_WHAT, problem, hints=(hint,))
    if vmm == "ec2":  # which hands over the CPUID page last
        last = [section for section in sections if section.kind == SectionType.CPUID]
        sections = (*(s for s in sections if s.kind != SectionType.CPUID), *last)
    for section in sections:
        if section.kind == SectionType.KERNEL_HASHES and boot is not None:
            digest.page(section.gpa, _hashes(firmware, boot))
        elif vmm == "gce" and section.kind == SectionType.SEC_MEM:  # which does not clear it
            _without_content(digest, section, PageType.UNMEASURED)
        else:
            _without_content(digest, section, _TYPES[section.kind])


def _hashes(firmware: Firmware, boot: Boot) -> bytes:
    if firmware.hash_table_gpa is None:
        raise MisconfiguredError(_WHAT, "the firmware does not say where it looks for hashes")
    found = kernel_hashes.table(boot.kernel, boot.initrd, boot.command_line)
    return kernel_hashes.page(found, firmware.hash_table_gpa % PAGE_BYTES)


def _without_content(digest: LaunchDigest, section: Section, kind: PageType) -> None:
    for gpa in range(section.gpa, section.gpa + section.size, PAGE_BYTES):
        digest.without_content(gpa, kind)


def reset_eip(firmware: Firmware) -> int:
    """Where further processors begin.

    Raises:
        MisconfiguredError: the firmware does not say.
    """
    if firmware.reset_eip is None:
        problem = "the firmware does not say where further processors begin"
        raise MisconfiguredError(_WHAT, problem)
    return firmware.reset_eip


_TYPES = {
    SectionType.SEC_MEM: PageType.ZERO,
    SectionType.SECRETS: PageType.SECRETS,
    SectionType.CPUID: PageType.CPUID,
    SectionType.SVSM_CAA: PageType.ZERO,
    SectionType.KERNEL_HASHES: PageType.ZERO,
}
