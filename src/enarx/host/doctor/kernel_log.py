"""What the kernel's log says about TEEs: a few words of it, never its lines.

Sources: Linux, arch/x86/virt/svm/sev.c, drivers/iommu/amd/init.c, drivers/crypto/ccp/sev-dev.c,
arch/x86/kvm/svm/sev.c, arch/x86/virt/vmx/tdx/tdx.c, arch/x86/kernel/cpu/feat_ctl.c and
sgx/main.c; Documentation/ABI/testing/dev-kmsg.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from enarx.host.doctor.facts import KernelLog

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECORD = re.compile(r"[0-9]+,([0-9]+),[^;]*;(.*)")  # priority, number, time; text

_SAYINGS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (marker, means, re.compile(pattern))
    for marker, means, pattern in (
        ("sgx_bios", "disabled", r"SGX disabled (?:or unsupported )?by BIOS"),
        ("sgx_locked", "locked", r"SGX Launch Control is locked"),
        ("snp_api", r"\1.\2", r"SEV-SNP API:([0-9]+\.[0-9]+) build:([0-9]+)"),
        ("snp_iommu", "passthrough", r"SNP: IOMMU (?:is )?disabled"),
        ("snp_iommu", "feature", r"SNP: IOMMU SNP feature (?:is )?not enabled"),
        ("snp_iommu", "v2", r"SNP: IOMMU is configured with V2 page table"),
        ("snp_iommu", "enabled", r"IOMMU SNP support enabled"),
        ("snp_kvm", r"\1", r"SEV-SNP (enabled|disabled|unusable) \(ASIDs"),
        ("snp_rmp", "missing", r"Memory for the RMP table has not been reserved by BIOS"),
        ("snp_rmp", "small", r"RMP table does not cover full system RAM"),
        ("snp_rmp", "reserved", r"SEV-SNP: RMP table physical range"),
        ("tdx_bios", "enabled", r"virt/tdx: BIOS enabled"),
        (
            "tdx_failed",
            r"\1",
            r"virt/tdx: (?:TDX-Module )?initialization failed[:.]* *([ -~]{0,80})",
        ),
        ("tdx_module", "initialized", r"virt/tdx: (?:TDX-)?[Mm]odule initialized"),
        ("tdx_module", "not loaded", r"virt/tdx: (?:TDX-)?[Mm]odule not loaded"),
    )
)
_EPC = re.compile(r"sgx: EPC section 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})")


def read_log(text: str, problem: str = "") -> KernelLog:
    """The markers in *text*: records of /dev/kmsg, or lines of dmesg.

    Args:
        problem: why there is no more of it.
    """
    found: dict[str, str] = {}
    epc = 0
    first = None
    for number, line in _lines(text):
        first = number if first is None else first
        for marker, means, pattern in _SAYINGS:
            if said := pattern.search(line):
                found[marker] = said.expand(means)
        if section := _EPC.search(line):
            epc += max(0, int(section[2], 16) - int(section[1], 16) + 1)
    if epc:
        found["sgx_epc_mib"] = str(epc >> 20)
    return KernelLog(problem=problem, complete=first == 0 and not problem, found=found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line and its number, which is the kernel's where the kernel gives one."""
    for at, line in enumerate(text.splitlines()):
        record = _RECORD.match(line)
        yield (int(record[1]), record[2]) if record else (at, line)
