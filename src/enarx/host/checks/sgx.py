"""What SGX needs of a machine, in the order in which it is set up.

Sources: Linux, Documentation/arch/x86/sgx.rst and arch/x86/kernel/cpu/feat_ctl.c; Gramine,
documentation, "Install Gramine"; Intel SGX SDK and DCAP, installation guide for Linux.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.checks import advice
from enarx.host.checks.vm import device
from enarx.host.doctor.facts import AESM_SOCKET
from enarx.host.platforms import Check

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts

_LINUX = (5, 11)
_LEAST_EPC_MIB = 64


def sgx(facts: Facts) -> tuple[Check, ...]:
    """Intel SGX with Gramine; what nothing can change is the last check."""
    processor = _processor(facts)
    if not processor.passed:
        return (processor,)
    return (
        processor,
        _kernel(facts),
        _memory(facts),
        device(facts, "/dev/sgx_enclave", _no_device(facts), "sgx"),
        device(facts, "/dev/sgx_provision", _no_device(facts), "sgx_prv"),
        _gramine(facts),
        _service(facts),
    )


def _processor(facts: Facts) -> Check:
    if facts.processor.vendor != "GenuineIntel":
        return advice.hopeless(facts, "an Intel processor with SGX is needed")
    if facts.has("hypervisor") and not facts.has("sgx"):
        return advice.hopeless(facts, f"there is no SGX here: {advice.VIRTUAL}")
    return Check(
        "CPU",
        passed=True,
        info=advice.processor(facts),
        data=(
            Check("SGX", facts.has("sgx"), mesg=_no_sgx(facts)),
            Check("Flexible launch control", facts.has("sgx_lc"), mesg=_no_control(facts)),
        ),
    )


def _no_sgx(facts: Facts) -> str:
    if "nosgx" in facts.kernel.command_line:
        return advice.unboot("nosgx")
    if "sgx_locked" in facts.log.found:
        return advice.setup("SGX Launch Control Policy to Unlocked")
    step = advice.setup("SW Guard Extensions (SGX) to Enabled, and a PRMRR size above 0")
    return f"{step}; where the setup has no such entry, the processor has no SGX"


def _no_control(facts: Facts) -> str | None:
    """The step for launch control; none while the one for SGX is to be done."""
    if not facts.has("sgx"):
        return None
    return advice.setup("SGX Launch Control Policy to Unlocked") + (
        "; a processor without flexible launch control cannot run Gramine's enclaves"
    )


def _kernel(facts: Facts) -> Check:
    kernel = facts.kernel
    lacks = kernel.lacks("CONFIG_X86_SGX") or kernel.is_before(*_LINUX)
    mesg = "boot Linux 5.11 or later with CONFIG_X86_SGX"
    return Check("Kernel: SGX", not lacks, info=kernel.release or None, mesg=mesg)


def _memory(facts: Facts) -> Check:
    """The encrypted page cache."""
    said = facts.log.found.get("sgx_epc_mib", "")
    if not said:
        mesg = "the kernel's log does not say how large it is; see: sudo dmesg | grep 'EPC section'"
        return Check("Enclave memory (EPC)", passed=None, mesg=mesg, optional=True)
    return Check(
        "Enclave memory (EPC)",
        int(said) >= _LEAST_EPC_MIB,
        info=f"{said} MiB",
        mesg=advice.setup("the PRMRR size as large as it offers"),
        optional=True,
    )


def _no_device(facts: Facts) -> str:
    if not facts.has("sgx") or not facts.has("sgx_lc"):
        return "follow the steps before this one: Linux makes it where SGX is on and not locked"
    return "boot Linux 5.11 or later with CONFIG_X86_SGX, which makes it"


def _gramine(facts: Facts) -> Check:
    found = facts.programs.get("gramine-sgx")
    step = advice.install(facts, apt="gramine", dnf="gramine", otherwise="Gramine 1.9 or later")
    return Check(
        "Gramine",
        found is not None,
        info=found.path if found else None,
        mesg=f"{step}; 1.9 or later, from Gramine's own package repository",
    )


def _service(facts: Facts) -> Check:
    """Intel's service that makes quotes for enclaves."""
    packages = "sgx-aesm-service libsgx-aesm-quote-ex-plugin"
    step = advice.install(
        facts, apt=packages, dnf=packages, otherwise="Intel's aesmd (sgx-aesm-service)"
    )
    return Check(
        "AESM daemon socket",
        AESM_SOCKET in facts.files,
        info=AESM_SOCKET if AESM_SOCKET in facts.files else None,
        mesg=f"{step} from Intel's package repository, and sudo systemctl enable --now aesmd",
    )
