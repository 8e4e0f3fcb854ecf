"""SEV-SNP on described machines: what is missing, and what to do first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.host.doctor.machines import (
    QEMU_9,
    Host,
    cpu,
    genoa,
    log,
    of,
    steps,
)

from enarx.host.doctor.facts import Device


def test_a_genoa_that_is_set_up(host: Host) -> None:
    """Nothing is left to do, and nothing is unknown."""
    found = of(host.facts(genoa(), QEMU_9), "snp")
    assert (found.ready, found.possible, found.steps, found.unknown) == (True, True, (), ())


def test_snp_is_off_in_the_setup(host: Host) -> None:
    """What the kernel complains of is the first step, or all that belongs to it; KVM follows."""
    facts = host.facts(
        genoa(
            **{
                "/proc/cpuinfo": cpu("AuthenticAMD", "AMD EPYC 9354", 25, 17, "svm sev sev_es"),
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/dev/kmsg": log("SEV-SNP: Memory for the RMP table has not been reserved by BIOS"),
            }
        ),
        QEMU_9,
    )
    facts = replace(facts, sev=replace(facts.sev, initialized=False, rmp=False))
    found = steps(facts, "snp")
    assert next(iter(found)) == "RMP table"
    assert "SNP Memory (RMP Table) Coverage to Enabled" in found["RMP table"]
    assert "follow the steps before this one" in found["Kernel: SEV-SNP host"]
    assert not of(facts, "snp").ready
    silent = steps(replace(facts, log=replace(facts.log, found={})), "snp")
    assert "SEV-SNP Support to Enabled" in silent["SEV-SNP"]


def test_a_kernel_without_snp_hosts(host: Host) -> None:
    """Linux 6.8 neither shows SEV-SNP nor offers it: a newer one is the step, not the setup."""
    files = genoa(
        **{
            "/proc/cpuinfo": cpu("AuthenticAMD", "AMD EPYC 9354", 25, 17, "svm sev sev_es"),
            "/proc/sys/kernel/osrelease": "6.8.0-45-generic",
            "/boot/config-6.8.0-45-generic": "CONFIG_KVM_AMD_SEV=y\nCONFIG_CRYPTO_DEV_SP_PSP=m\n",
            "/dev/kmsg": log(),
        }
    )
    del files["/sys/module/kvm_amd/parameters/sev_snp"]
    found = steps(host.facts(files, QEMU_9), "snp")
    assert found["SEV-SNP"].startswith("boot Linux 6.11 or later")
    assert found["Kernel: SEV-SNP host"].startswith("boot Linux 6.11 or later")
    assert "6.8.0-45-generic has no SEV-SNP hosts" in found["Kernel: SEV-SNP host"]


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        (
            {"/sys/module/kvm_amd/parameters/sev_snp": "N"},
            "Kernel: SEV-SNP host",
            "options kvm_amd sev=1 sev_es=1 sev_snp=1",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/proc/cmdline": "ro kvm_amd.sev_snp=0 quiet",
            },
            "Kernel: SEV-SNP host",
            "take kvm_amd.sev_snp=0 out of the kernel's command line",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/boot/config-6.12.48+deb13-amd64": "CONFIG_CRYPTO_DEV_SP_PSP=y\n",
            },
            "Kernel: SEV-SNP host",
            "boot a kernel with CONFIG_KVM_AMD_SEV",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/proc/cmdline": "ro iommu=pt",
                "/dev/kmsg": log("AMD-Vi: SNP: IOMMU disabled or configured in passthrough mode"),
            },
            "IOMMU",
            "take iommu=pt out",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/dev/kmsg": log("AMD-Vi: SNP: IOMMU is configured with V2 page table mode, SNP"),
            },
            "IOMMU",
            "amd_iommu=pgtbl_v1",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/dev/kmsg": log("AMD-Vi: SNP: IOMMU SNP feature not enabled, SNP cannot be"),
            },
            "IOMMU",
            "set IOMMU to Enabled",
        ),
        (
            {
                "/sys/module/kvm_amd/parameters/sev_snp": "N",
                "/dev/kmsg": log(
                    "SEV-SNP: Memory reserved for the RMP table does not cover full system RAM"
                ),
            },
            "RMP table",
            "for the whole memory",
        ),
    ],
)
def test_what_keeps_kvm_from_snp(host: Host, changes: dict[str, str], name: str, text: str) -> None:
    """Each cause that the kernel tells has its own step."""
    facts = host.facts(genoa(**changes), QEMU_9)
    facts = replace(facts, sev=replace(facts.sev, rmp=False))
    assert text in steps(facts, "snp")[name]
    assert not of(facts, "snp").ready


def test_no_module(host: Host) -> None:
    """A kernel that can, and has not loaded it."""
    files = {k: v for k, v in genoa().items() if not k.startswith("/sys/module/kvm_amd")}
    assert (
        steps(host.facts(files, QEMU_9), "snp")["Kernel: SEV-SNP host"] == "sudo modprobe kvm_amd"
    )


@pytest.mark.parametrize(
    ("group", "text"), [("kvm", "--groups kvm $USER"), ("", 'KERNEL=="sev", GROUP="kvm"')]
)
def test_no_permission_on_the_device(host: Host, group: str, text: str) -> None:
    """Join its group, or give it to one if it is root's alone; the firmware is then unknown."""
    facts = host.facts(genoa(), QEMU_9)
    devices = {**facts.devices, "/dev/sev": Device(usable=False, group=group)}
    sev = replace(facts.sev, api="", problem="permission denied")
    logged = replace(facts.log, found={})
    facts = replace(facts, devices=devices, sev=sev, log=logged)
    assert text in steps(facts, "snp")["Device /dev/sev"]
    (unknown,) = of(facts, "snp").unknown
    assert unknown[0] == "SEV-SNP firmware"
    assert unknown[1].startswith("/dev/sev: permission denied; ask again as root: sudo enarx")


@pytest.mark.parametrize(
    ("says", "passed", "text"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)", False, "QEMU is 7.2.22, and 9.1"),
        ("something else", None, "QEMU did not say its version"),
        ("QEMU emulator version 9.1.0", True, ""),
    ],
)
def test_the_version_of_qemu(host: Host, says: str, passed: bool | None, text: str) -> None:  # noqa: FBT001
    """Too old is a step, silent is unknown, and new enough is right."""
    found = of(host.facts(genoa(), {"qemu-system-x86_64": says}), "snp")
    if passed is False:
        (step,) = found.steps
        assert (found.ready, step.name) == (False, "QEMU")
        assert text in step.text
    elif passed is None:
        assert found.ready
        assert [(n, t.startswith(text)) for n, t in found.unknown] == [("QEMU", True)]
    else:
        assert (found.steps, found.unknown) == ((), ())


@pytest.mark.parametrize(
    ("release", "text"),
    [
        ("ID=debian", "sudo apt install qemu-system-x86;"),
        ("ID=rocky\nID_LIKE='rhel centos fedora'", "sudo dnf install qemu-kvm;"),
        ("ID=arch", "install qemu-system-x86_64;"),
    ],
)
def test_no_qemu(host: Host, release: str, text: str) -> None:
    """What to type is said in the words of the distribution."""
    found = steps(host.facts(genoa(**{"/etc/os-release": release})), "snp")
    assert found["QEMU"].startswith(text)


def test_no_firmware_for_guests(host: Host) -> None:
    """A keep's image may bring its own, so that this is a recommendation."""
    files = {k: v for k, v in genoa().items() if not k.endswith(".fd")}
    found = of(host.facts(files, QEMU_9), "snp")
    (step,) = found.steps
    assert (found.ready, step.optional) == (True, True)
    assert step.text.startswith("sudo apt install ovmf-amdsev")


def test_no_device(host: Host) -> None:
    """Its driver is not loaded, or not built: different steps, and the firmware stays unknown."""
    files = genoa(**{"/dev/kmsg": log()})
    del files["/dev/sev"]
    facts = host.facts(files, QEMU_9)
    assert "sudo modprobe ccp" in steps(facts, "snp")["Device /dev/sev"]
    assert dict(of(facts, "snp").unknown)["SEV-SNP firmware"] == "/dev/sev is not there yet"
    lacks = replace(facts.kernel, config={})
    built = steps(replace(facts, kernel=lacks), "snp")["Device /dev/sev"]
    assert built.startswith("boot a kernel with CONFIG_CRYPTO_DEV_SP_PSP")


def test_old_and_idle_security_processors(host: Host) -> None:
    """Firmware below what Linux needs, and one that was never initialized, are to be updated."""
    facts = host.facts(genoa(), QEMU_9)
    old = replace(facts, sev=replace(facts.sev, api="1.49"))
    assert "1.49, and Linux needs 1.51" in steps(old, "snp")["SEV-SNP firmware"]
    idle = replace(facts, sev=replace(facts.sev, initialized=False))
    assert "SNP_INIT" in steps(idle, "snp")["SEV-SNP firmware"]


@pytest.mark.parametrize(("family", "name"), [(23, "AMD EPYC 7702"), (15, "AMD Opteron")])
def test_a_processor_without_snp(host: Host, family: int, name: str) -> None:
    """No setting helps an EPYC of the second generation: there is one line, and no list."""
    files = genoa(**{"/proc/cpuinfo": cpu("AuthenticAMD", name, family, 49, "svm sev sev_es")})
    found = of(host.facts(files, QEMU_9), "snp")
    assert (found.possible, [s.name for s in found.steps]) == (False, ["CPU"])
    assert "whatever is set" in found.steps[0].text
