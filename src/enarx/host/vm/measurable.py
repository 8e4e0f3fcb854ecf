"""Can what a machine measures be computed?  One that cannot is refused before it starts.

Sources: QEMU, target/i386/sev.c (``sev_add_kernel_loader_hashes``: without a hash table in the
firmware, or with hashes off, a kernel runs that nothing measured); Intel 344425, TDX Virtual
Firmware Design Guide, section 11 (metadata).
"""

from __future__ import annotations

from enarx.errors import MisconfiguredError
from enarx.measure import firmware as sev
from enarx.measure import tdvf
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.rtmr import must_start_any_kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.vm.shape import Vm

_WHAT = "virtual machine"
_MEASURED_BY_HOST = ("host", "max", "base")


def check(vm: Vm, firmware: bytes, kernel: bytes) -> None:
    """Refuse a machine whose measurement cannot be computed from what it loads.

    Args:
        firmware: its bytes; of any kind where the technology is "none".
        kernel: its bytes; empty if the firmware is to find one by itself.

    Raises:
        MalformedError: the firmware's tables are damaged.
        MisconfiguredError: it cannot be measured.
    """
    if vm.technology == "none":
        return
    if not kernel:
        problem = "no kernel is given: what the firmware would find is not measured"
        raise MisconfiguredError(_WHAT, problem, path="kernel")
    if vm.technology == "snp":
        _check_snp(vm, firmware)
    else:
        _check_tdx(vm, firmware)


def _check_snp(vm: Vm, image: bytes) -> None:
    if vm.cpu_model not in SIGNATURES:
        same = "the host's own: " if vm.cpu_model in _MEASURED_BY_HOST else ""
        raise MisconfiguredError(
            _WHAT,
            f"got {vm.cpu_model}, {same}its CPUID signature, which SNP measures, is not known",
            path="cpu_model",
            hints=(f"take one of {', '.join(SIGNATURES)}",),
        )
    found = sev.parse(image)
    kinds = {section.kind for section in found.sections}
    if not {sev.SectionType.SECRETS, sev.SectionType.CPUID} <= kinds:
        raise _firmware("has no SEV metadata", "AmdSev")
    if sev.SectionType.KERNEL_HASHES not in kinds or found.hash_table_gpa is None:
        raise _firmware("checks no hashes of a kernel", "AmdSev")
    if vm.processors > 1 and found.reset_eip is None:
        raise _firmware("does not say where further processors begin", "AmdSev")


def _check_tdx(vm: Vm, image: bytes) -> None:
    if vm.cpu_model != "host":
        problem = f"got {vm.cpu_model}, want host: the TDX module decides what a guest sees"
        raise MisconfiguredError(_WHAT, problem, path="cpu_model")
    must_start_any_kernel(tdvf.parse(image))


def _firmware(problem: str, package: str) -> MisconfiguredError:
    hint = f"take one that is built for it: OvmfPkg/{package}"
    return MisconfiguredError(_WHAT, problem, path="firmware", hints=(hint,))
