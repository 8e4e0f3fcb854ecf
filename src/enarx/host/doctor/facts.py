"""The facts about a machine that decide which platforms it can be, and nothing else about it.

What is looked at is listed here: a report of these facts can be handed to others, so there is no
serial number, no chip id, no address, no host name and no path of a user's in it.  A fact that
could not be found out says why; it is never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enarx.host.vm.probe import FIRMWARE, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping

FEATURES = frozenset(
    (
        "hypervisor", "sev", "sev_es", "sev_snp", "sgx", "sgx_lc", "svm", "tdx_guest",
        "tdx_host_platform", "tme", "vmx",
    )
)  # fmt: skip
"""Of /proc/cpuinfo."""

PARAMETERS = frozenset(
    ("kvm_amd.npt", "kvm_amd.sev", "kvm_amd.sev_es", "kvm_amd.sev_snp", "kvm_intel.ept",
     "kvm_intel.tdx")
)  # fmt: skip
"""Of loaded modules; npt and ept are always there, and tell that the module is."""

CONFIG = frozenset(
    ("CONFIG_CRYPTO_DEV_SP_PSP", "CONFIG_INTEL_TDX_HOST", "CONFIG_KVM_AMD_SEV",
     "CONFIG_KVM_INTEL_TDX", "CONFIG_X86_SGX")
)  # fmt: skip
"""Of the kernel's configuration."""

COMMAND_LINE = frozenset(
    (
        "amd_iommu=off", "iommu=off", "iommu=pt", "kvm_amd.sev=0", "kvm_amd.sev_es=0",
        "kvm_amd.sev_snp=0", "kvm_intel.tdx=0", "kvm_intel.tdx=1", "nohibernate", "nosgx",
    )
)  # fmt: skip
"""Words of the kernel's command line."""

DEVICES = (
    "/dev/kvm", "/dev/sev", "/dev/sev-guest", "/dev/sgx_enclave", "/dev/sgx_provision",
    "/dev/tdx_guest",
)  # fmt: skip

PROGRAMS = ("gramine-sgx", PROGRAM)

QGS_SOCKET = "/var/run/tdx-qgs/qgs.socket"
AESM_SOCKET = "/var/run/aesmd/aesm.socket"
QCNL = "/etc/sgx_default_qcnl.conf"
FILES = (*FIRMWARE["snp"], *FIRMWARE["tdx"], QGS_SOCKET, AESM_SOCKET, QCNL)

MARKERS = frozenset(
    ("sgx_bios", "sgx_epc_mib", "sgx_locked", "snp_api", "snp_iommu", "snp_kvm", "snp_rmp",
     "tdx_bios", "tdx_failed", "tdx_module")
)  # fmt: skip
"""What the kernel's log is searched for (``kernel_log``)."""

_VERSION = re.compile(r"([0-9]+)\.([0-9]+)")


def version_of(text: str) -> tuple[int, int]:
    """Major and minor version at the start of *text*; zeros if there is none."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Linux as it runs.

    Args:
        release: as ``uname -r`` shows it.
        architecture: as ``uname -m`` shows it.
        parameters: of modules; what is not there is left out.
        config: what was chosen ("y", "m", "n"); None if the configuration is not to be found.
        command_line: those of ``COMMAND_LINE`` that were given.
    """

    release: str = ""
    architecture: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] | None = None
    command_line: frozenset[str] = frozenset()

    def says_yes(self, parameter: str) -> bool:
        """Is a module's parameter on?"""
        return self.parameters.get(parameter, "") in ("1", "Y", "y")

    def lacks(self, option: str) -> bool:
        """Is it known to be built without *option*?"""
        return self.config is not None and self.config.get(option, "n") == "n"

    def is_before(self, major: int, minor: int) -> bool:
        """Is it known to be older?"""
        return (0, 0) < version_of(self.release) < (major, minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """The first processor; *family* and *model* are 0 where they are unknown."""

    vendor: str = ""
    name: str = ""
    family: int = 0
    model: int = 0
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that exists.

    Args:
        usable: by the user who asked, for reading and writing.
        group: who it belongs to, where that is not root's.
    """

    usable: bool
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that is installed; *version* is empty where it did not say."""

    path: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLog:
    """What was found in it.

    Args:
        problem: why it could not be read; empty if it was.
        complete: it reaches back to the start of the kernel, so what is not found was not said.
        found: markers, and what the kernel said there.
    """

    problem: str = ""
    complete: bool = False
    found: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SevFirmware:
    """What AMD's security processor says of SEV-SNP (SNP_PLATFORM_STATUS).

    Args:
        problem: why it was not asked, or did not answer; empty if it did.
        api: version of its interface ("1.55").
        initialized: SNP_INIT was done.
        rmp: the RMP table is initialized.
    """

    problem: str = ""
    api: str = ""
    build: int = 0
    initialized: bool = False
    rmp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the user who asked, in bytes and descriptors; -1 is none."""

    address_space: int = -1
    locked_memory: int = -1
    open_files: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What a process keep needs of this Python and this kernel.

    Args:
        engine: version of the WebAssembly engine; empty if it is not installed.
        seccomp: libseccomp can be loaded.
        landlock: version of its interface; 0 is none.
    """

    engine: str = ""
    seccomp: bool = False
    landlock: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One machine.

    Args:
        guest: what kind of guest it is itself: "snp", "tdx", "vm", or empty.
        packages: which program installs packages: "apt", "dnf", or empty.
        devices: those of ``DEVICES`` that exist.
        programs: those of ``PROGRAMS`` that are installed.
        files: those of ``FILES`` that exist.
        kvm_problem: why a test guest did not run by KVM; empty if it did.
    """

    kernel: Kernel = Kernel()
    processor: Processor = Processor()
    guest: str = ""
    packages: str = ""
    devices: Mapping[str, Device] = field(default_factory=dict)
    programs: Mapping[str, Program] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    log: KernelLog = KernelLog()
    sev: SevFirmware = SevFirmware()
    kvm_problem: str = ""
    limits: Limits = Limits()
    sandbox: Sandbox = Sandbox()

    def has(self, *features: str) -> bool:
        """Does the kernel list one of these processor features?"""
        return not self.processor.features.isdisjoint(features)


GUESTS = ("", "snp", "tdx", "vm")
PACKAGES = ("", "apt", "dnf")
