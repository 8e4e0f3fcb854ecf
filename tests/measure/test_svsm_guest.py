"""Guests with an SVSM, and guests before SNP: what changes their digest, and what none has."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tests.measure.firmwares import SECTIONS, entries, firmware, svsm

from enarx.errors import MisconfiguredError
from enarx.measure import sev_guest
from enarx.measure.firmware import parse
from enarx.measure.processor_models import SIGNATURES, signature
from enarx.measure.snp_guest import Boot, Processors
from enarx.measure.svsm_guest import launch_digest
from enarx.measure.vmsa import svsm_vmsa

OVMF = parse(firmware())
SVSM = parse(svsm())
KERNEL = Boot(kernel=b"kernel", initrd=b"initrd", command_line="console=ttyS0")


def test_an_svsm_says_where_it_begins() -> None:
    """A firmware says nothing of the kind."""
    assert (SVSM.svsm_entry, OVMF.svsm_entry) == (0x40, None)


def test_every_input_changes_the_digest() -> None:
    """Attack: one byte of the firmware or the SVSM; its pages, its place, its processors."""
    changed = bytearray(firmware())
    changed[0] ^= 1
    other = bytearray(svsm())
    other[0] ^= 1
    digests = [
        launch_digest(OVMF, SVSM, Processors()),
        launch_digest(parse(bytes(changed)), SVSM, Processors()),
        launch_digest(OVMF, parse(bytes(other)), Processors()),
        launch_digest(OVMF, parse(svsm(SECTIONS[1:])), Processors()),
        launch_digest(OVMF, parse(svsm(entry_at=0x44)), Processors()),
        launch_digest(OVMF, SVSM, Processors(), variables_size=4096),
        launch_digest(OVMF, SVSM, Processors(count=2)),
        launch_digest(OVMF, SVSM, Processors(signature=1)),
        launch_digest(OVMF, SVSM, Processors(features=3)),
    ]
    assert len(set(digests)) == len(digests)


def test_processors_begin_in_the_svsm() -> None:
    """In flat protected mode, at its address."""
    page = svsm_vmsa(0xFFE0_0040, signature=0x800F12, features=1)
    assert len(page) == 4096
    assert page[0x178:0x180] == b"\x40\0\xe0\xff" + bytes(4)  # RIP
    assert page[0x158] == 0x11  # CR0
    assert page[0x010:0x018] == b"\x08\0\x9b\x0c\xff\xff\xff\xff"  # CS


@pytest.mark.parametrize(
    ("found", "processors", "size", "problem"),
    [
        (OVMF, Processors(), 0, "does not say where an SVSM begins"),
        (SVSM, Processors(count=0), 0, "got 0 processors"),
        (SVSM, Processors(vmm="gce"), 0, "got gce, want qemu"),
        (SVSM, Processors(), 100, "want a whole page"),
        (SVSM, Processors(), (1 << 32) - 2 * 8192 + 4096, "with room for 8192 bytes"),
    ],
)
def test_what_cannot_be_launched_is_not_measured(
    found: object, processors: Processors, size: int, problem: str
) -> None:
    """A digest of something that no machine starts would be of no use."""
    with pytest.raises(MisconfiguredError, match=problem):
        launch_digest(OVMF, found, processors, variables_size=size)  # type: ignore[arg-type]


def test_older_guests_by_their_definition() -> None:
    """SHA-256 of the firmware; with a kernel its table of hashes too, with SEV-ES the VMSAs."""
    assert sev_guest.launch_digest(OVMF) == hashlib.sha256(firmware()).digest()
    digests = [
        sev_guest.launch_digest(OVMF),
        sev_guest.launch_digest(OVMF, KERNEL),
        sev_guest.launch_digest(OVMF, replace(KERNEL, kernel=b"kernem")),
        sev_guest.launch_digest(OVMF, replace(KERNEL, initrd=b"initre")),
        sev_guest.launch_digest(OVMF, replace(KERNEL, command_line="console=ttyS1")),
        sev_guest.launch_digest(OVMF, KERNEL, Processors()),
        sev_guest.launch_digest(OVMF, KERNEL, Processors(count=2)),
        sev_guest.launch_digest(OVMF, KERNEL, Processors(signature=1)),
    ]
    assert len(set(digests)) == len(digests)
    without = Processors(features=33)
    assert sev_guest.launch_digest(OVMF, KERNEL, without) == digests[5]
    with pytest.raises(MisconfiguredError, match="checks no kernel"):
        sev_guest.launch_digest(parse(firmware(entries(hashes=0))), KERNEL)


def test_models_have_their_signature() -> None:
    """Family, model and stepping as CPUID spells them; all versions of a model have the same."""
    assert signature(23, 1, 2) == SIGNATURES["EPYC"] == SIGNATURES["EPYC-IBPB"] == 0x800F12
    assert SIGNATURES["EPYC-Rome-v2"] == 0x830F10
    assert SIGNATURES["EPYC-Milan-v1"] == SIGNATURES["EPYC-Milan-v2"] == 0xA00F11
    assert SIGNATURES["EPYC-Genoa"] == 0xA10F10
    assert SIGNATURES["EPYC-Turin"] == 0xB00F00
    assert signature(6, 0x55, 4) == 0x50654
