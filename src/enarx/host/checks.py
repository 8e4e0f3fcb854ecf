"""What each platform needs of a machine, and what to do where it is missing.

Sources: Enarx 0.7, ``platform info``, for the checks it made; Linux, Documentation/x86/sgx,
arch/x86/amd-memory-encryption, arch/x86/tdx, userspace-api/landlock; QEMU, docs/system/i386.
"""

from __future__ import annotations

import ctypes
import resource

from enarx.host import kvm
from enarx.host.platforms import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.machine import Machine

_QEMU = "qemu-system-x86_64"
_KEEP_LOCKED_BYTES = 5 << 20  # as Enarx 0.7 estimates a keep
_FILES_FOR_KEEPS = 1024
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_VERSION = 1
_LANDLOCK_SIGNALS = 6
_GUEST_ADDRESS_SPACE = 16 << 30  # a guest's memory is reserved as 4 GiB and its guard regions


def snp(machine: Machine) -> tuple[Check, ...]:
    """AMD SEV-SNP on the host's side."""
    amd = machine.vendor == "AuthenticAMD"
    return (
        Check(
            "CPU",
            amd,
            info=machine.processor,
            mesg="an AMD EPYC 7003 or later is needed",
            data=(
                Check("SEV", machine.feature("sev"), mesg=_firmware(machine, "SEV")),
                Check(
                    "SEV-SNP",
                    machine.feature("sev_snp"),
                    mesg=_firmware(machine, "SEV-SNP and its RMP table"),
                ),
            )
            if amd
            else (),
        ),
        Check(
            "Kernel: SEV-SNP host",
            machine.switched_on("/sys/module/kvm_amd/parameters/sev_snp"),
            mesg="needs Linux 6.11 or later with kvm_amd.sev_snp=1",
        ),
        _device(machine, "/dev/sev", "the ccp driver makes it on hosts with SEV"),
        _kvm(machine),
        _qemu(machine, "9.1 or later, which has sev-snp-guest"),
        _locked_memory(machine),
    )


def tdx(machine: Machine) -> tuple[Check, ...]:
    """Intel TDX on the host's side."""
    intel = machine.vendor == "GenuineIntel"
    return (
        Check(
            "CPU",
            intel,
            info=machine.processor,
            mesg="a 5th generation Intel Xeon or later is needed",
            data=(
                Check(
                    "TDX",
                    machine.feature("tdx_host_platform"),
                    mesg=_firmware(machine, "TDX"),
                ),
            )
            if intel
            else (),
        ),
        Check(
            "Kernel: TDX host",
            machine.switched_on("/sys/module/kvm_intel/parameters/tdx"),
            mesg="needs Linux 6.16 or later with kvm_intel.tdx=1",
        ),
        _kvm(machine),
        _qemu(machine, "10.1 or later, which has tdx-guest"),
        Check(
            "Quote generation service",
            machine.exists("/var/run/tdx-qgs/qgs.socket"),
            info="/var/run/tdx-qgs/qgs.socket",
            mesg="install and start Intel's tdx-qgs (DCAP)",
        ),
    )


def sgx(machine: Machine) -> tuple[Check, ...]:
    """Intel SGX with Gramine."""
    return (
        Check(
            "CPU",
            machine.vendor == "GenuineIntel" and machine.feature("sgx"),
            info=machine.processor,
            mesg="an Intel processor with SGX is needed, switched on in the firmware's setup",
            data=(
                Check(
                    "Flexible launch control",
                    machine.feature("sgx_lc"),
                    mesg="switch flexible launch control on in the firmware's setup",
                ),
            ),
        ),
        _device(machine, "/dev/sgx_enclave", "needs Linux 5.11 or later with CONFIG_X86_SGX"),
        _device(machine, "/dev/sgx_provision", "join the group sgx_prv"),
        Check(
            "Gramine",
            bool(machine.program("gramine-sgx")),
            info=machine.program("gramine-sgx") or None,
            mesg="install Gramine 1.8 or later",
        ),
        Check(
            "AESM daemon socket",
            machine.exists("/var/run/aesmd/aesm.socket"),
            info="/var/run/aesmd/aesm.socket",
            mesg="install and start Intel's aesmd (sgx-aesm-service)",
        ),
    )


def vm(machine: Machine) -> tuple[Check, ...]:
    """An ordinary virtual machine, by KVM or by emulation."""
    hardware = _kvm(machine)
    hardware.optional = True
    if not hardware.passed:
        hardware.mesg = f"{hardware.mesg}; without KVM the machine is emulated, which is slow"
    return (_qemu(machine, "7.2 or later"), hardware)


def process(machine: Machine) -> tuple[Check, ...]:
    """A sandboxed process."""
    version = _landlock()
    return (
        _engine(),
        Check(
            "System-call filter",
            _seccomp(),
            info="libseccomp",
            mesg="install libseccomp2 (Debian, Ubuntu) or libseccomp (Fedora)",
            optional=True,
        ),
        Check(
            "Landlock",
            version > 0,
            info=f"ABI {version}" if version else None,
            mesg="start the kernel with landlock in its lsm= list (Linux 5.13 or later)",
            optional=True,
            data=(
                Check(
                    "Signals and abstract sockets",
                    version >= _LANDLOCK_SIGNALS,
                    mesg="needs Linux 6.12 or later",
                    optional=True,
                ),
            ),
        ),
        *_limits(machine),
    )


def _limits(machine: Machine) -> tuple[Check, ...]:
    """This user's limits."""
    space = machine.limit(resource.RLIMIT_AS)
    files = machine.limit(resource.RLIMIT_NOFILE)
    return (
        Check(
            "Address space",
            space < 0 or space >= _GUEST_ADDRESS_SPACE,
            info="unlimited" if space < 0 else f"{space >> 20} MiB",
            mesg="raise it with: ulimit -v unlimited",
        ),
        Check(
            "Open files",
            files < 0 or files >= _FILES_FOR_KEEPS,
            info="unlimited" if files < 0 else str(files),
            mesg=f"raise it with: ulimit -n {_FILES_FOR_KEEPS}",
            optional=True,
        ),
    )


def _kvm(machine: Machine) -> Check:
    """KVM, tried out."""
    problem = kvm.problem(machine.locate("/dev/kvm"))
    return Check(
        "KVM",
        not problem,
        info="a test guest ran" if not problem else None,
        mesg=f"{problem}; load kvm_amd or kvm_intel, join the group kvm, or allow nesting",
    )


def _qemu(machine: Machine, version: str) -> Check:
    """QEMU's system emulator."""
    found = machine.program(_QEMU)
    return Check("QEMU", bool(found), info=found or None, mesg=f"install {_QEMU} {version}")


def _firmware(machine: Machine, feature: str) -> str:
    """How to get a processor feature that is not there."""
    if machine.feature("hypervisor"):
        return "this machine is itself virtual: only its own host can offer that"
    return f"switch {feature} on in the firmware's setup"


def _device(machine: Machine, path: str, advice: str) -> Check:
    """A device that this user must be able to use."""
    there = machine.exists(path)
    return Check(
        f"Device {path}",
        there and machine.accessible(path),
        mesg=f"not there: {advice}" if not there else f"may not be read and written: {advice}",
    )


def _locked_memory(machine: Machine) -> Check:
    """How many keeps the limit on locked memory allows."""
    limit = machine.limit(resource.RLIMIT_MEMLOCK)
    keeps = limit // _KEEP_LOCKED_BYTES
    return Check(
        "Locked memory",
        limit < 0 or keeps > 0,
        info="unlimited" if limit < 0 else f"enough for about {keeps} keeps",
        mesg="raise it with: ulimit -l unlimited",
    )


def _engine() -> Check:
    """The WebAssembly engine."""
    from importlib import metadata

    try:
        version = metadata.version("wasmtime")
    except metadata.PackageNotFoundError:
        version = ""
    return Check(
        "Engine",
        bool(version),
        info=f"wasmtime {version}" if version else None,
        mesg="install it with: pip install wasmtime",
    )


def _seccomp() -> bool:
    """Is libseccomp there to load?"""
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return True


def _landlock() -> int:
    """The kernel's version of Landlock; 0 is none."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    version: int = syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    return max(version, 0)
