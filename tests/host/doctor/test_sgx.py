"""SGX on described machines: what is missing, and what to do first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.host.doctor.machines import (
    QEMU_10,
    Host,
    cpu,
    emerald,
    log,
    of,
    steps,
)

from enarx.host.doctor.facts import Device


@pytest.mark.parametrize(
    ("flags", "changes", "first", "text"),
    [
        ("vmx", {}, "SGX", "SW Guard Extensions (SGX) to Enabled"),
        ("vmx", {"/proc/cmdline": "nosgx"}, "SGX", "take nosgx out"),
        (
            "vmx",
            {"/dev/kmsg": log("x86/cpu: SGX Launch Control is locked. Disable SGX.")},
            "SGX",
            "SGX Launch Control Policy to Unlocked",
        ),
        ("vmx sgx", {}, "Flexible launch control", "SGX Launch Control Policy to Unlocked"),
    ],
)
def test_sgx_that_is_off(
    host: Host, flags: str, changes: dict[str, str], first: str, text: str
) -> None:
    """Off, switched off by hand, and locked: three different steps."""
    processor = {"/proc/cpuinfo": cpu("GenuineIntel", "Xeon", 6, 207, flags)}
    found = of(host.facts(emerald(**processor, **changes), QEMU_10), "sgx")
    assert (found.ready, found.steps[0].name) == (False, first)
    assert text in found.steps[0].text


def test_sgx_without_its_programs(host: Host) -> None:
    """Gramine, then the service that quotes."""
    files = emerald()
    del files["/var/run/aesmd/aesm.socket"]
    found = steps(host.facts(files), "sgx")
    assert list(found) == ["Gramine", "AESM daemon socket"]
    assert found["AESM daemon socket"].startswith("sudo apt install sgx-aesm-service")


def test_sgx_without_its_devices(host: Host) -> None:
    """Provisioning belongs to a group of its own."""
    facts = host.facts(emerald(), QEMU_10)
    devices = {**facts.devices, "/dev/sgx_provision": Device(usable=False, group="sgx_prv")}
    assert (
        "sgx_prv $USER"
        in steps(replace(facts, devices=devices), "sgx")["Device /dev/sgx_provision"]
    )
    del devices["/dev/sgx_enclave"]
    assert (
        "CONFIG_X86_SGX" in steps(replace(facts, devices=devices), "sgx")["Device /dev/sgx_enclave"]
    )
