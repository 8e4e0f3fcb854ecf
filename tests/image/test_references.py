"""An image's reference values: every byte that is loaded counts, on every platform."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enarx.errors import MalformedError, MisconfiguredError
from enarx.image.image import Manifest
from enarx.image.references import PLATFORMS, firmware_of, references
from enarx.measure import vm
from enarx.measure.snp_guest import Boot

MANIFEST = Manifest(name="enarx-vm", version="1", command_line="quiet", files={})
BOOT = Boot(kernel=b"kernel", initrd=b"initrd", command_line="quiet")
FIRMWARE = bytes(4096) + b"\x01".ljust(4096, b"\0")


def simulated(boot: Boot = BOOT, firmware: bytes = FIRMWARE) -> list[object]:
    """What both simulations measure."""
    return [
        references(MANIFEST, name, boot, firmware, counts=(1,)).measurements
        for name in ("vm-snp", "vm-tdx")
    ]


@pytest.mark.parametrize(
    "changed",
    [
        replace(BOOT, kernel=b"kernem"),
        replace(BOOT, initrd=b"initre"),
        replace(BOOT, initrd=b""),
        replace(BOOT, command_line="quies"),
        replace(BOOT, command_line="quiet "),
    ],
)
def test_another_byte_is_another_measurement(changed: Boot) -> None:
    """Attack: kernel, initial RAM disk or command line are other ones."""
    assert all(a != b for a, b in zip(simulated(), simulated(changed), strict=True))


def test_another_firmware_is_another_measurement() -> None:
    """Attack: it does not start what it was given."""
    other = FIRMWARE[:-1] + b"\x01"
    assert all(a != b for a, b in zip(simulated(), simulated(firmware=other), strict=True))


def test_each_number_of_processors_is_accepted() -> None:
    """The digest has the state of each."""
    one = references(MANIFEST, "vm-snp", BOOT, FIRMWARE, counts=(1, 2))
    assert one.measurements["measurement"] == {
        vm.snp(FIRMWARE, BOOT, processors=count)["measurement"] for count in (1, 2)
    }


def test_a_platform_has_its_firmware() -> None:
    """Simulated machines start another one than real ones."""
    assert {name: firmware_of(name) for name in PLATFORMS} == {
        "snp": "OVMF.amdsev.fd",
        "tdx": "OVMF.inteltdx.fd",
        "vm-snp": "bios-256k.bin",
        "vm-tdx": "bios-256k.bin",
    }


@pytest.mark.parametrize("platform", ["snp", "tdx"])
def test_a_firmware_that_checks_nothing_is_refused(platform: str) -> None:
    """What it would start is not measured."""
    with pytest.raises((MalformedError, MisconfiguredError)):
        references(MANIFEST, platform, BOOT, FIRMWARE)


@pytest.mark.parametrize("firmware", [b"", bytes(4095)])
def test_a_firmware_is_whole_pages(firmware: bytes) -> None:
    """Half a page has no place in memory."""
    with pytest.raises(ValueError, match="want whole pages"):
        vm.snp(firmware, BOOT, processors=1)
