"""What SEV-SNP needs of a host, in the order in which it is set up.

Sources: AMD 58207 "Using SEV with AMD EPYC Processors" (setup of the host); AMDESE/AMDSEV, branch
snp-latest; virtee/snphost, ``ok``; Linux, Documentation/virt/kvm/x86/amd-memory-encryption.rst,
arch/x86/virt/svm/sev.c, drivers/iommu/amd/init.c, drivers/crypto/ccp/sev-dev.c (least firmware).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.checks import advice
from enarx.host.checks.vm import device, firmware, kvm, qemu
from enarx.host.doctor.facts import version_of
from enarx.host.platforms import Check

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts

_PARAMETER = "kvm_amd.sev_snp"
_MILAN = 0x19
"""The first family with SEV-SNP."""
_LEAST_API = (1, 51)  # SNP_MIN_API_MAJOR, SNP_MIN_API_MINOR
_LINUX = (6, 11)
_WHO_HAS = "Debian 13, Ubuntu 25.04 and Fedora 41 have it"
_KEEP_LOCKED_BYTES = 5 << 20  # as Enarx 0.7 estimates a keep
_RMP = "SNP Memory (RMP Table) Coverage to Enabled, for the whole memory"
_SETTINGS = (
    "SMEE to Enabled, SEV Control to Enabled, SEV-ES ASID Space Limit above 1, SEV-SNP Support to"
    f" Enabled, {_RMP}, IOMMU to Enabled"
)


def snp(facts: Facts) -> tuple[Check, ...]:
    """AMD SEV-SNP on the host's side; what nothing can change is the last check."""
    processor = _processor(facts)
    if not processor.passed:
        return (processor,)
    return (
        processor,
        _table(facts),
        _iommu(facts),
        _kernel(facts),
        device(facts, "/dev/sev", _no_device(facts), "kvm"),
        _firmware(facts),
        kvm(facts),
        qemu(facts, "snp", _WHO_HAS),
        firmware(facts, "snp"),
        locked_memory(facts),
    )


def locked_memory(facts: Facts) -> Check:
    """How much this user may keep out of swap."""
    limit = facts.limits.locked_memory
    keeps = limit // _KEEP_LOCKED_BYTES
    return Check(
        "Locked memory",
        limit < 0 or keeps > 0,
        info="unlimited" if limit < 0 else f"enough for about {keeps} keeps",
        mesg="raise it with: ulimit -l unlimited",
    )


def _processor(facts: Facts) -> Check:
    cpu = facts.processor
    if reason := advice.guest(facts):
        return advice.hopeless(facts, reason)
    if cpu.vendor != "AuthenticAMD":
        return advice.hopeless(facts, "an AMD EPYC 7003 or later is needed")
    if facts.has("hypervisor") and not facts.has("sev_snp"):
        return advice.hopeless(facts, advice.VIRTUAL)
    if 0 < cpu.family < _MILAN:
        reason = "an AMD EPYC 7003 or later is needed: this one has no SEV-SNP, whatever is set"
        return advice.hopeless(facts, reason)
    missing = "it is off, or this processor or this kernel does not know it: "
    return Check(
        "CPU",
        passed=True,
        info=advice.processor(facts),
        data=(
            Check("SEV", facts.has("sev"), mesg=missing + advice.setup(_SETTINGS)),
            Check("SEV-SNP", facts.has("sev_snp"), mesg=_no_feature(facts, missing)),
        ),
    )


def _no_feature(facts: Facts, missing: str) -> str | None:
    """The step for SEV-SNP; none where another one brings it."""
    if not facts.has("sev") or facts.log.found.get("snp_rmp") == "missing":
        return None
    if facts.kernel.is_before(*_LINUX):
        return f"boot Linux 6.11 or later ({_WHO_HAS}), which shows it"
    return missing + advice.setup(_SETTINGS)


def _table(facts: Facts) -> Check:
    """The reverse map table, for which the firmware must keep memory free."""
    said = facts.log.found.get("snp_rmp", "")
    if facts.sev.rmp or facts.kernel.says_yes(_PARAMETER):
        return Check("RMP table", passed=True, info="reserved")
    if said in ("missing", "small"):
        info = "no memory is reserved for it" if said == "missing" else "does not cover the memory"
        return Check("RMP table", passed=False, info=info, mesg=advice.setup(_RMP))
    if said:
        return Check("RMP table", passed=True, info="reserved")
    return Check("RMP table", passed=None, mesg=unsaid(facts, "SEV-SNP: RMP table"))


def _iommu(facts: Facts) -> Check:
    """The IOMMU, which must check what devices write."""
    said = facts.log.found.get("snp_iommu", "")
    words = facts.kernel.command_line & {"amd_iommu=off", "iommu=off", "iommu=pt"}
    if facts.kernel.says_yes(_PARAMETER) or said == "enabled":
        return Check("IOMMU", passed=True)
    if words:
        return Check("IOMMU", passed=False, mesg=advice.unboot(" and ".join(sorted(words))))
    if said == "v2":
        return Check("IOMMU", passed=False, mesg=advice.boot("amd_iommu=pgtbl_v1"))
    if said:
        return Check("IOMMU", passed=False, mesg=advice.setup("IOMMU to Enabled"))
    return Check("IOMMU", passed=None, mesg=unsaid(facts, "IOMMU SNP support"))


def _kernel(facts: Facts) -> Check:
    on = facts.kernel.says_yes(_PARAMETER)
    info = facts.kernel.release or None
    return Check("Kernel: SEV-SNP host", on, info=info, mesg=None if on else _kernel_step(facts))


def _kernel_step(facts: Facts) -> str:
    kernel = facts.kernel
    words = kernel.command_line & {"kvm_amd.sev=0", "kvm_amd.sev_es=0", "kvm_amd.sev_snp=0"}
    if kernel.lacks("CONFIG_KVM_AMD_SEV") or kernel.lacks("CONFIG_CRYPTO_DEV_SP_PSP"):
        return (
            "boot a kernel with CONFIG_KVM_AMD_SEV and CONFIG_CRYPTO_DEV_SP_PSP, Linux 6.11 or"
            f" later ({_WHO_HAS})"
        )
    if _PARAMETER not in kernel.parameters:
        if "kvm_amd.npt" in kernel.parameters or kernel.is_before(*_LINUX):
            return f"boot Linux 6.11 or later: {_WHO_HAS}; {kernel.release} has no SEV-SNP hosts"
        return "sudo modprobe kvm_amd"
    if words:
        return advice.unboot(" and ".join(sorted(words)))
    if not facts.has("sev_snp"):
        return "follow the steps before this one: KVM offers SEV-SNP where firmware and IOMMU do"
    options = "options kvm_amd sev=1 sev_es=1 sev_snp=1"
    return (
        f"echo '{options}' | sudo tee /etc/modprobe.d/90-sev-snp.conf && sudo modprobe -r kvm_amd"
        " && sudo modprobe kvm_amd"
    )


def _no_device(facts: Facts) -> str:
    if facts.kernel.lacks("CONFIG_CRYPTO_DEV_SP_PSP"):
        return "boot a kernel with CONFIG_CRYPTO_DEV_SP_PSP, whose driver makes it"
    return "sudo modprobe ccp, which makes it on hosts with SEV; then see: sudo dmesg | grep ccp"


def _firmware(facts: Facts) -> Check:
    """The security processor's own firmware."""
    api = facts.sev.api or facts.log.found.get("snp_api", "")
    if not api:
        if "/dev/sev" not in facts.devices:
            return Check("SEV-SNP firmware", passed=None, mesg="/dev/sev is not there yet")
        problem = facts.sev.problem or "it did not say its version"
        mesg = f"/dev/sev: {problem}; ask again as root: sudo enarx platform doctor --platform snp"
        return Check("SEV-SNP firmware", passed=None, mesg=mesg)
    update = "update the machine's firmware (BIOS), or amd/amd_sev_fam*.sbin of linux-firmware"
    if version_of(api) < _LEAST_API:
        mesg = f"its interface is {api}, and Linux needs 1.51: {update}"
        return Check("SEV-SNP firmware", passed=False, info=f"API {api}", mesg=mesg)
    ready = facts.sev.initialized or not facts.sev.api
    mesg = f"it was not initialized (SNP_INIT): see sudo dmesg | grep -i ccp; {update}"
    return Check("SEV-SNP firmware", ready, info=f"API {api}", mesg=mesg)


def unsaid(facts: Facts, words: str) -> str:
    """Why the kernel's log does not tell."""
    if facts.log.problem:
        return f"the kernel's log: {facts.log.problem}; see: sudo dmesg | grep '{words}'"
    if not facts.log.complete:
        return f"the kernel's log no longer begins at its start; see: journalctl -kb -g '{words}'"
    return f"the kernel's log does not speak of it ('{words}')"
