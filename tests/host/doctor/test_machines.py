"""Machines that are no hosts, and what cannot be found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.host.doctor.machines import (
    QEMU_9,
    Host,
    cpu,
    describe,
    genoa,
    log,
    of,
    steps,
)

from enarx.host.doctor.collect import collect
from enarx.host.doctor.diagnose import diagnose
from enarx.host.doctor.facts import Device
from enarx.host.machine import Machine


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"/dev/sev-guest": ""}, "itself an SEV-SNP guest"),
        ({"/dev/tdx_guest": ""}, "itself a TDX guest"),
        (
            {"/proc/cpuinfo": cpu("AuthenticAMD", "AMD EPYC", 25, 1, "hypervisor")},
            "itself virtual",
        ),
    ],
)
def test_inside_a_guest(host: Host, files: dict[str, str], text: str) -> None:
    """A guest, confidential or not, is told that its host is the place."""
    changed = {**genoa(), **files}
    found = of(host.facts(changed, QEMU_9), "snp")
    assert not found.possible
    assert text in found.steps[0].text


def test_an_arm_machine(host: Host) -> None:
    """No vendor in /proc/cpuinfo, no KVM for x86: said for each platform, in one line each."""
    facts = host.facts(
        {
            "/proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\n",
            "/proc/sys/kernel/osrelease": "6.12.0",
            "/proc/sys/kernel/arch": "aarch64",
        },
        QEMU_9,
    )
    facts = replace(facts, kvm_problem="/dev/kvm: no such file or directory")
    for platform in ("snp", "tdx", "sgx"):
        assert not of(facts, platform).possible
    assert "cannot run them" in steps(facts, "vm")["KVM"]
    assert of(facts, "vm").ready


@pytest.mark.parametrize(
    ("flags", "devices", "text"),
    [
        ("svm", {}, "sudo modprobe kvm_amd"),
        ("vmx", {}, "sudo modprobe kvm_intel"),
        ("", {}, "virtualization (AMD SVM, Intel VT-x) to Enabled"),
        ("hypervisor", {}, "allow nested virtualization"),
        ("svm", {"/dev/kvm": Device(usable=False, group="kvm")}, "--groups kvm $USER"),
        ("svm", {"/dev/kvm": Device(usable=False)}, 'KERNEL=="kvm"'),
        ("svm", {"/dev/kvm": Device(usable=True)}, "does not run guests"),
    ],
)
def test_no_kvm(host: Host, flags: str, devices: dict[str, Device], text: str) -> None:
    """Each cause has its step, and a virtual machine is emulated without it."""
    facts = host.facts({"/proc/cpuinfo": cpu("AuthenticAMD", "AMD", 25, 1, flags)}, QEMU_9)
    facts = replace(facts, devices=devices, kvm_problem="/dev/kvm: problem")
    assert text in steps(facts, "vm")["KVM"]
    assert of(facts, "vm").ready


@pytest.mark.parametrize(
    ("kmsg", "reason"),
    [
        (None, "the kernel's log: no such file or directory; see: sudo dmesg"),
        ("6,900,1,-;usb 1-1: new device\n", "no longer begins at its start; see: journalctl -kb"),
        (log(), "does not speak of it"),
    ],
)
def test_what_the_log_does_not_tell_is_unknown(host: Host, kmsg: str | None, reason: str) -> None:
    """Unreadable, overwritten, and silent: none of them is taken for a fault."""
    files = genoa(**{"/sys/module/kvm_amd/parameters/sev_snp": "N"})
    files.pop("/dev/kmsg")
    if kmsg is not None:
        files["/dev/kmsg"] = kmsg
    facts = host.facts(files, QEMU_9)
    facts = replace(facts, sev=replace(facts.sev, rmp=False))
    unknown = dict(of(facts, "snp").unknown)
    assert reason in unknown["RMP table"]
    assert reason in unknown["IOMMU"]


def test_this_machine_has_a_diagnosis() -> None:
    """Whatever runs this test: every failure has a step, every unknown a reason."""
    facts = collect(Machine())
    assert [d.platform for d in diagnose(facts)] == ["snp", "tdx", "sgx", "vm", "process"]
    for found in diagnose(facts):
        assert found.ready or found.steps
        assert all(reason for _, reason in found.unknown)
        assert of(facts, found.platform) == found


def test_groups_are_those_of_the_machine(tmp_path: Path) -> None:
    """A device's group is found by its number; root's, and one without a name, is none."""
    machine = describe(tmp_path, {"/dev/sev": "", "/etc/group": ""})
    number = (tmp_path / "dev/sev").stat().st_gid
    (tmp_path / "etc/group").write_text(f"root:x:0:\nkvm:x:{number or 1}:\n")
    assert machine.group("/dev/sev") == ("kvm" if number else "")
    assert machine.group("/dev/none") == ""
