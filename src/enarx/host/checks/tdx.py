"""What TDX needs of a host, in the order in which it is set up.

Sources: Intel, TDX Enabling Guide (hardware setup, host OS setup, infrastructure setup); canonical,
tdx (setup of the host and of its attestation); Linux, Documentation/arch/x86/tdx.rst and
arch/x86/kvm/vmx/tdx.c (6.16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.checks import advice
from enarx.host.checks.snp import unsaid
from enarx.host.checks.vm import device, firmware, kvm, qemu
from enarx.host.doctor.facts import QCNL, QGS_SOCKET
from enarx.host.platforms import Check

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts

_PARAMETER = "kvm_intel.tdx"
_LINUX = (6, 16)
_WHO_HAS = "Ubuntu 25.10 and Fedora 43 have it"
_SAPPHIRE_RAPIDS = (6, 0x8F)
_SINCE = {(6, model) for model in (0x8F, 0xAD, 0xAE, 0xAF, 0xCF, 0xDD)}
"""Families and models that can have TDX: Sapphire, Emerald and Granite Rapids, two Forests."""
_SETTINGS = (
    "Memory Encryption (TME), Total Memory Encryption Multi-Tenant (TME-MT), Trust Domain Extension"
    " (TDX), TDX Secure Arbitration Mode Loader (SEAM Loader) and SW Guard Extensions (SGX) to"
    " Enabled, TME-MT memory integrity to Disabled, TME-MT/TDX key split to more than 0"
)
_MODULE = (
    "update the machine's firmware (BIOS), which brings Intel's TDX module, or put a newer one"
    " on the EFI partition as the TDX Enabling Guide says"
)


def tdx(facts: Facts) -> tuple[Check, ...]:
    """Intel TDX on the host's side; what nothing can change is the last check."""
    processor = _processor(facts)
    if not processor.passed:
        return (processor,)
    enclave = device(
        facts, "/dev/sgx_enclave", advice.setup("SW Guard Extensions (SGX) to Enabled"), "sgx"
    )
    enclave.optional = True  # the quoting enclave may run on behalf of another machine's service
    return (
        processor,
        _kernel_has(facts),
        _hibernation(facts),
        _kernel(facts),
        _module(facts),
        kvm(facts),
        qemu(facts, "tdx", _WHO_HAS),
        firmware(facts, "tdx"),
        enclave,
        _service(facts),
        _collateral(facts),
    )


def _processor(facts: Facts) -> Check:
    cpu = facts.processor
    needed = "a 5th generation Intel Xeon or later is needed"
    found = facts.has("tdx_host_platform") or facts.log.found.get("tdx_bios") == "enabled"
    if reason := advice.guest(facts):
        return advice.hopeless(facts, reason)
    if cpu.vendor != "GenuineIntel":
        return advice.hopeless(facts, needed)
    if not found and facts.has("hypervisor"):
        return advice.hopeless(facts, advice.VIRTUAL)
    if not found and cpu.family and (cpu.family, cpu.model) not in _SINCE:
        return advice.hopeless(facts, f"{needed}: this one has no TDX, whatever is set")
    memory = Check("Memory encryption (TME)", facts.has("tme") or found, mesg=_no_tdx(facts))
    on = Check("TDX", found, mesg=_no_tdx(facts) if memory.passed else None)
    return Check("CPU", passed=True, info=advice.processor(facts), data=(memory, on))


def _no_tdx(facts: Facts) -> str:
    cpu = facts.processor
    step = advice.setup(_SETTINGS)
    if (cpu.family, cpu.model) == _SAPPHIRE_RAPIDS:
        return f"{step}; of the 4th generation only some models for clouds have TDX at all"
    return step


def _kernel_has(facts: Facts) -> Check:
    """The kernel's support, which tells also whether the firmware has switched TDX on."""
    kernel = facts.kernel
    lacks = kernel.lacks("CONFIG_INTEL_TDX_HOST") or kernel.lacks("CONFIG_KVM_INTEL_TDX")
    absent = _PARAMETER not in kernel.parameters
    old = absent and ("kvm_intel.ept" in kernel.parameters or kernel.is_before(*_LINUX))
    return Check(
        "Kernel: TDX host",
        not lacks and not old,
        info=kernel.release or None,
        mesg="boot Linux 6.16 or later with CONFIG_INTEL_TDX_HOST and CONFIG_KVM_INTEL_TDX:"
        f" {_WHO_HAS}",
    )


def _hibernation(facts: Facts) -> Check:
    """TDX does not survive hibernation, so Linux offers one or the other."""
    failed = facts.log.found.get("tdx_failed", "")
    hibernates = "ibernation" in failed and "nohibernate" not in facts.kernel.command_line
    return Check("No hibernation", not hibernates, mesg=advice.boot("nohibernate"))


def _kernel(facts: Facts) -> Check:
    kernel = facts.kernel
    on = kernel.says_yes(_PARAMETER)
    if on or _PARAMETER not in kernel.parameters:
        loaded = "kvm_intel.ept" in kernel.parameters
        mesg = "follow the step before this one" if loaded else "sudo modprobe kvm_intel tdx=1"
        return Check("KVM: TDX", on, mesg=mesg)
    if "kvm_intel.tdx=0" in kernel.command_line:
        return Check("KVM: TDX", passed=False, mesg=advice.unboot("kvm_intel.tdx=0"))
    step = (
        "echo 'options kvm_intel tdx=1' | sudo tee /etc/modprobe.d/90-tdx.conf && sudo modprobe -r"
        " kvm_intel && sudo modprobe kvm_intel; if it stays off: sudo dmesg | grep -i tdx"
    )
    return Check("KVM: TDX", passed=False, mesg=step)


def _module(facts: Facts) -> Check:
    """Intel's module, which the firmware loads and Linux initializes."""
    said = facts.log.found.get("tdx_module", "")
    failed = facts.log.found.get("tdx_failed", "")
    if facts.kernel.says_yes(_PARAMETER) or said == "initialized":
        return Check("TDX module", passed=True, info="initialized")
    if said == "not loaded":
        return Check("TDX module", passed=False, info=said, mesg=_MODULE)
    if failed and "ibernation" not in failed:
        return Check("TDX module", passed=False, info=failed, mesg=_MODULE)
    return Check("TDX module", passed=None, mesg=unsaid(facts, "virt/tdx"))


def _service(facts: Facts) -> Check:
    """Intel's service that turns a guest's report into a quote."""
    step = advice.install(
        facts, apt="tdx-qgs", dnf="tdx-qgs", otherwise="Intel's tdx-qgs (DCAP 1.22 or later)"
    )
    return Check(
        "Quote generation service",
        QGS_SOCKET in facts.files,
        info=QGS_SOCKET if QGS_SOCKET in facts.files else None,
        mesg=f"{step} from Intel's package repository, and sudo systemctl enable --now qgsd",
    )


def _collateral(facts: Facts) -> Check:
    """Where the service gets the machine's certificates from."""
    step = advice.install(
        facts,
        apt="sgx-dcap-pccs libsgx-dcap-default-qpl",
        dnf="sgx-dcap-pccs libsgx-dcap-default-qpl",
        otherwise="Intel's sgx-dcap-pccs and libsgx-dcap-default-qpl",
    )
    return Check(
        "Provisioning certificates (PCCS)",
        QCNL in facts.files,
        info=QCNL if QCNL in facts.files else None,
        mesg=f"{step}, and name the PCCS (pccs_url) in {QCNL}; the machine must be registered once",
        optional=True,
    )
