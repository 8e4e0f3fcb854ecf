"""TDX on described machines: what is missing, and what to do first."""

from __future__ import annotations

import pytest
from tests.host.doctor.machines import (
    QEMU_9,
    QEMU_10,
    Host,
    cpu,
    emerald,
    log,
    of,
    steps,
)


def test_an_emerald_rapids_that_is_set_up(host: Host) -> None:
    """TDX and SGX have nothing left to do."""
    facts = host.facts(emerald(), QEMU_10)
    for platform in ("tdx", "sgx"):
        found = of(facts, platform)
        assert (found.ready, found.steps, found.unknown) == (True, (), ()), platform


def test_a_sapphire_rapids_without_tdx(host: Host) -> None:
    """The setup is worth a look, but of that generation few have TDX at all: both are said."""
    files = emerald(
        **{
            "/proc/cpuinfo": cpu("GenuineIntel", "Xeon Platinum 8480+", 6, 143, "vmx tme sgx"),
            "/sys/module/kvm_intel/parameters/tdx": "N",
            "/dev/kmsg": log("x86/tme: enabled by BIOS"),
        }
    )
    found = of(host.facts(files, QEMU_10), "tdx")
    assert (found.ready, found.possible, found.steps[0].name) == (False, True, "TDX")
    assert "only some models for clouds have TDX" in found.steps[0].text


def test_an_ice_lake_has_no_tdx(host: Host) -> None:
    """A processor of the 3rd generation needs no list of steps."""
    files = emerald(**{"/proc/cpuinfo": cpu("GenuineIntel", "Xeon 8380", 6, 106, "vmx tme sgx")})
    files["/dev/kmsg"] = log()
    assert not of(host.facts(files, QEMU_10), "tdx").possible


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        (
            {"/sys/module/kvm_intel/parameters/tdx": "N", "/proc/cmdline": "ro"},
            "KVM: TDX",
            "options kvm_intel tdx=1",
        ),
        (
            {"/sys/module/kvm_intel/parameters/tdx": "N", "/proc/cmdline": "ro kvm_intel.tdx=0"},
            "KVM: TDX",
            "take kvm_intel.tdx=0 out",
        ),
        (
            {
                "/sys/module/kvm_intel/parameters/tdx": "N",
                "/proc/cmdline": "ro",
                "/dev/kmsg": log(
                    "virt/tdx: BIOS enabled: private KeyID range [64, 128)",
                    "virt/tdx: initialization failed: Hibernation support is enabled",
                ),
            },
            "No hibernation",
            "add nohibernate to GRUB_CMDLINE_LINUX",
        ),
        (
            {
                "/sys/module/kvm_intel/parameters/tdx": "N",
                "/dev/kmsg": log("virt/tdx: module not loaded"),
            },
            "TDX module",
            "brings Intel's TDX module",
        ),
        (
            {
                "/sys/module/kvm_intel/parameters/tdx": "N",
                "/dev/kmsg": log("virt/tdx: initialization failed: TDMRs exhausted."),
            },
            "TDX module",
            "TDX Enabling Guide",
        ),
        (
            {"/boot/config-6.17.0-8-generic": "CONFIG_X86_SGX=y\n"},
            "Kernel: TDX host",
            "boot Linux 6.16 or later with CONFIG_INTEL_TDX_HOST",
        ),
    ],
)
def test_what_keeps_kvm_from_tdx(host: Host, changes: dict[str, str], name: str, text: str) -> None:
    """Each cause that the kernel tells has its own step."""
    facts = host.facts(emerald(**changes), QEMU_10)
    assert text in steps(facts, "tdx")[name]
    assert not of(facts, "tdx").ready


def test_tdx_without_its_quoting_service(host: Host) -> None:
    """Guests would start, and could not prove themselves."""
    files = emerald()
    del files["/var/run/tdx-qgs/qgs.socket"]
    del files["/etc/sgx_default_qcnl.conf"]
    found = of(host.facts(files, QEMU_10), "tdx")
    assert [(s.name, s.optional) for s in found.steps] == [
        ("Quote generation service", False),
        ("Provisioning certificates (PCCS)", True),
    ]
    assert "systemctl enable --now qgsd" in found.steps[0].text
    assert not found.ready


def test_tdx_with_an_old_qemu(host: Host) -> None:
    """What is enough for SEV-SNP is not for TDX."""
    assert "9.2.0, and 10.1" in steps(host.facts(emerald(), QEMU_9), "tdx")["QEMU"]
