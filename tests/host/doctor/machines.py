"""Machines that are described by a tree of files, for whoever asks what they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from enarx.host.doctor.collect import collect
from enarx.host.doctor.diagnose import Diagnosis, diagnose
from enarx.host.doctor.facts import Facts
from enarx.host.doctor.report import decode, encode
from enarx.host.doctor.sev import read_status
from enarx.host.machine import Machine

LOG = "0,{number},0,-;{line}"


def describe(
    root: Path, files: Mapping[str, str], programs: Mapping[str, str] | None = None
) -> Machine:
    """A machine whose files are *files*, and whose *programs* say that when asked for a version."""
    for name, text in files.items():
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    for name, says in (programs or {}).items():
        (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (folder / name).chmod(0o755)
    return Machine(root=str(root), path=str(folder))


def cpu(vendor: str, name: str, family: int, model: int, flags: str) -> str:
    """/proc/cpuinfo of two processors."""
    one = (
        f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n"
        f"model name\t: {name}\nflags\t\t: fpu {flags}\n"
    )
    return f"{one}\n{one}"


def log(*lines: str) -> str:
    """/dev/kmsg from the kernel's start."""
    every = ("Linux version 6.16.0", *lines)
    return "".join(LOG.format(number=n, line=line) + "\n" for n, line in enumerate(every))


def genoa(**changes: str) -> dict[str, str]:
    """An EPYC 9004 on which SEV-SNP is set up, with other contents of some files."""
    return {
        "/proc/cpuinfo": cpu(
            "AuthenticAMD", "AMD EPYC 9354 32-Core Processor", 25, 17, "svm sev sev_es sev_snp"
        ),
        "/proc/sys/kernel/osrelease": "6.12.48+deb13-amd64",
        "/proc/sys/kernel/arch": "x86_64",
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=0 ro quiet",
        "/boot/config-6.12.48+deb13-amd64": "CONFIG_KVM_AMD_SEV=y\nCONFIG_CRYPTO_DEV_SP_PSP=y\n",
        "/sys/module/kvm_amd/parameters/npt": "Y",
        "/sys/module/kvm_amd/parameters/sev": "Y",
        "/sys/module/kvm_amd/parameters/sev_es": "Y",
        "/sys/module/kvm_amd/parameters/sev_snp": "Y",
        "/dev/sev": "",
        "/dev/kvm": "",
        "/etc/os-release": 'ID=debian\nVERSION_ID="13"\n',
        "/usr/share/ovmf/OVMF.amdsev.fd": "",
        "/dev/kmsg": log(
            "SEV-SNP: RMP table physical range [0x0000000035600000 - 0x0000000075bfffff]",
            "AMD-Vi: IOMMU SNP support enabled.",
            "ccp 0000:22:00.5: SEV-SNP API:1.55 build:29",
            "kvm_amd: SEV-SNP enabled (ASIDs 1 - 99)",
        ),
        **changes,
    }


def emerald(**changes: str) -> dict[str, str]:
    """A 5th generation Xeon on which TDX is set up."""
    return {
        "/proc/cpuinfo": cpu(
            "GenuineIntel", "INTEL(R) XEON(R) GOLD 6548Y+", 6, 207,
            "vmx tme sgx sgx_lc tdx_host_platform",
        ),
        "/proc/sys/kernel/osrelease": "6.17.0-8-generic",
        "/proc/sys/kernel/arch": "x86_64",
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz nohibernate kvm_intel.tdx=1",
        "/boot/config-6.17.0-8-generic": (
            "CONFIG_INTEL_TDX_HOST=y\nCONFIG_KVM_INTEL_TDX=y\nCONFIG_X86_SGX=y\n"
        ),
        "/sys/module/kvm_intel/parameters/ept": "Y",
        "/sys/module/kvm_intel/parameters/tdx": "Y",
        "/dev/kvm": "",
        "/dev/sgx_enclave": "",
        "/dev/sgx_provision": "",
        "/etc/os-release": "ID=ubuntu\nID_LIKE=debian\n",
        "/usr/share/ovmf/OVMF.inteltdx.fd": "",
        "/var/run/tdx-qgs/qgs.socket": "",
        "/var/run/aesmd/aesm.socket": "",
        "/etc/sgx_default_qcnl.conf": "{}",
        "/dev/kmsg": log(
            "virt/tdx: BIOS enabled: private KeyID range [64, 128)",
            "sgx: EPC section 0x107f800000-0x10ffffffff",
            "virt/tdx: 1050644 KB allocated for PAMT",
            "virt/tdx: module initialized",
        ),
        **changes,
    }  # fmt: skip


QEMU_9 = {"qemu-system-x86_64": "QEMU emulator version 9.2.0 (Debian 1:9.2.0+ds-5)"}
QEMU_10 = {
    "qemu-system-x86_64": "QEMU emulator version 10.1.0 (Debian 1:10.1.0+ds-5)",
    "gramine-sgx": "",
}

SEV = read_status(bytes((1, 55, 1, 1)) + bytes(28))
"""What an initialized security processor answers."""


class Host:
    """A described machine, on which KVM works and the security processor answers."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def facts(self, files: Mapping[str, str], programs: Mapping[str, str] | None = None) -> Facts:
        """Its facts; what a file cannot play is as on a machine that works."""
        found = collect(describe(self._root, files, programs))
        sev = SEV if "/dev/sev" in found.devices else found.sev
        return replace(found, kvm_problem="", sev=sev)


def of(facts: Facts, platform: str) -> Diagnosis:
    """The diagnosis of one platform, from a report that another machine would print."""
    direct, reported = (
        next(d for d in diagnose(f) if d.platform == platform)
        for f in (facts, decode(encode(facts)))
    )
    assert direct == reported
    return direct


def steps(facts: Facts, platform: str) -> dict[str, str]:
    """What is to be done, in its order."""
    return {step.name: step.text for step in of(facts, platform).steps}
