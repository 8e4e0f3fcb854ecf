"""An image's reference values: every byte that is loaded counts, on every platform."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.measure import firmwares, kernels
from tests.measure.test_efi_variables import KEYS, volume
from tests.measure.test_tdvf import CODE, MEMORY, made

from enarx.errors import MalformedError, MisconfiguredError
from enarx.image.image import Manifest
from enarx.image.references import PLATFORMS, firmware_of, references
from enarx.measure import firmware, tdvf, vm
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.rtmr import boot_registers
from enarx.measure.snp_guest import Boot, Processors, launch_digest
from enarx.wire.shape import Unchecked

MANIFEST = Manifest(name="enarx-vm", version="1", command_line="quiet", files={})
BOOT = Boot(kernel=b"kernel", initrd=b"initrd", command_line="quiet")
FIRMWARE = bytes(4096) + b"\x01".ljust(4096, b"\0")


def simulated(boot: Boot = BOOT, image: bytes = FIRMWARE) -> list[object]:
    """What both simulations measure."""
    return [
        references(MANIFEST, name, boot, image, counts=(1,)).measurements
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
    assert all(a != b for a, b in zip(simulated(), simulated(image=other), strict=True))


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


def test_hardware_measures_what_its_firmware_checks() -> None:
    """SNP a digest for each number and model of processors; TDX the firmware in both orders."""
    sev = firmwares.firmware()
    found = references(MANIFEST, "snp", BOOT, sev, counts=(1, 2)).measurements
    parsed = firmware.parse(sev)
    assert found["measurement"] == {
        launch_digest(parsed, Processors(count=count, signature=signature), BOOT)
        for count in (1, 2)
        for signature in SIGNATURES.values()
    }
    boot = replace(BOOT, kernel=kernels.kernel())
    two_pages = (4096, 4096, 0xFFFF_D000, 8192, 0, 1)
    image = made(two_pages, MEMORY)
    tdx = references(MANIFEST, "tdx", boot, image).measurements
    sections = tdvf.parse(image)
    orders = {tdvf.mr_td(sections, "page"), tdvf.mr_td(sections, "section")}
    assert tdx["mr_td"] == orders
    assert len(orders) == 2
    assert isinstance(tdx["rtmr_0"], Unchecked)
    first, second = boot_registers(boot)
    assert (tdx["rtmr_1"], tdx["rtmr_2"]) == ({first}, {second})


def test_a_firmware_that_starts_signed_kernels_only() -> None:
    """What its keys would refuse has a measurement that no guest ever has."""
    keys = volume(KEYS)
    image = bytearray(made(CODE, (0, len(keys), 0xFFFF_E000, 4096, 1, 0)))
    image[: len(keys)] = keys
    with pytest.raises(MisconfiguredError, match="starts signed kernels only"):
        references(MANIFEST, "tdx", BOOT, bytes(image))


@pytest.mark.parametrize("image", [b"", bytes(4095)])
def test_a_firmware_is_whole_pages(image: bytes) -> None:
    """Half a page has no place in memory."""
    with pytest.raises(ValueError, match="want whole pages"):
        vm.snp(image, BOOT, processors=1)
