"""Machines whose measurement nobody could compute are refused, and the others are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.host.vm.conftest import plain
from tests.measure import firmwares
from tests.measure.test_efi_variables import KEYS, volume
from tests.measure.test_tdvf import CODE, made

from enarx.errors import EnarxError, MalformedError, MisconfiguredError
from enarx.host.vm.keep import Artefacts, Machines
from enarx.host.vm.measurable import check
from enarx.host.vm.shape import SnpLaunch, TdxLaunch, Vm
from enarx.measure import firmware as sev
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.snp_guest import Boot, Processors, launch_digest

KERNEL = b"kernel"


def snp(**options: object) -> Vm:
    """A machine with SNP."""
    given = {"technology": "snp", "accelerator": "kvm", "cpu_model": "EPYC-v4", "snp": SnpLaunch()}
    return plain(**(given | options))


def tdx(**options: object) -> Vm:
    """A trust domain."""
    given = {"technology": "tdx", "accelerator": "kvm", "cpu_model": "host", "tdx": TdxLaunch()}
    return plain(**(given | options))


def test_what_is_accepted_can_be_computed() -> None:
    """A machine that passes has a launch digest, for every model of processor that is known."""
    image = firmwares.firmware()
    for model in SIGNATURES:
        vm = snp(cpu_model=model, processors=3)
        check(vm, image, KERNEL)
        processors = Processors(count=vm.processors, signature=SIGNATURES[model])
        assert launch_digest(sev.parse(image), processors, Boot(kernel=KERNEL))


def test_a_plain_machine_takes_any_firmware() -> None:
    """Without a technology the host measures the files themselves, whatever they are."""
    check(plain(), b"anything", b"")


@pytest.mark.parametrize("model", ["host", "max", "EPYC-v4,+avx512f", "Haswell", "epyc"])
def test_a_processor_without_a_known_signature(model: str) -> None:
    """SNP measures the processor's signature: one that is the host's, or unknown, is refused."""
    with pytest.raises(MisconfiguredError) as refused:
        check(snp(cpu_model=model), firmwares.firmware(), KERNEL)
    assert f"cpu_model: got {model}" in str(refused.value)
    assert ("the host's own" in str(refused.value)) is (model in ("host", "max"))
    assert "EPYC-Milan" in refused.value.hints[0]


@pytest.mark.parametrize("vm", [snp(), tdx()])
def test_a_machine_without_a_kernel(vm: Vm) -> None:
    """What a firmware would find by itself is not measured."""
    with pytest.raises(MisconfiguredError, match="kernel: no kernel is given"):
        check(vm, firmwares.firmware(), b"")


def test_a_firmware_that_checks_no_hashes() -> None:
    """Without the page for the hashes, or the place for it, any kernel would run."""
    without = firmwares.metadata([s for s in firmwares.SECTIONS if s[2] != 0x10])
    tables = firmwares.entries()
    silent = firmwares.firmware((tables[0], *tables[2:]))
    for image in (firmwares.firmware(data=without), silent):
        with pytest.raises(MisconfiguredError, match="firmware: checks no hashes of a kernel"):
            check(snp(), image, KERNEL)


def test_a_firmware_that_starts_one_processor() -> None:
    """Where it does not say where further ones begin, only one can be measured."""
    image = firmwares.firmware(firmwares.entries()[1:])
    check(snp(processors=1), image, KERNEL)
    with pytest.raises(MisconfiguredError, match="where further processors begin"):
        check(snp(processors=2), image, KERNEL)


def test_a_firmware_for_something_else() -> None:
    """A firmware without SEV's metadata cannot start such a guest, nor one without TDX's."""
    with pytest.raises(MisconfiguredError, match="firmware: has no SEV metadata"):
        check(snp(), bytes(1 << 16), KERNEL)
    with pytest.raises(MisconfiguredError, match="is no firmware for TDX"):
        check(tdx(), bytes(1 << 16), KERNEL)


def test_a_damaged_firmware() -> None:
    """What is no whole number of pages is no firmware."""
    for vm in (snp(), tdx()):
        with pytest.raises(MalformedError):
            check(vm, b"short", KERNEL)


def test_a_trust_domain_with_a_model() -> None:
    """The TDX module decides what a trust domain sees of the processor; a model would be a lie."""
    with pytest.raises(MisconfiguredError, match="cpu_model: got EPYC, want host"):
        check(tdx(cpu_model="EPYC"), bytes(1 << 16), KERNEL)


def test_a_firmware_that_starts_signed_kernels_only() -> None:
    """It would refuse ours, and the registers that were computed would be no guest's."""
    keys = volume(KEYS)
    image = bytearray(made(CODE, (0, len(keys), 0xFFFF_E000, 4096, 1, 0)))
    check(tdx(), bytes(made(CODE)), KERNEL)
    image[: len(keys)] = keys
    with pytest.raises(MisconfiguredError, match="starts signed kernels only"):
        check(tdx(), bytes(image), KERNEL)


def test_a_published_firmware_for_tdx(shared: Path) -> None:
    """The firmware of which the registers were recorded is taken for TDX, and not for SNP."""
    image = (shared / "vectors/measure/tdx-mrtd-ovmf-inteltdx/OVMF.inteltdx.fd").read_bytes()
    check(tdx(), image, KERNEL)
    with pytest.raises(EnarxError):
        check(snp(), image, KERNEL)


def test_it_is_refused_before_anything_starts() -> None:
    """A launcher for what cannot be measured is never made; an initrd needs a kernel."""
    artefacts = Artefacts(firmware=bytes(1 << 16), kernel=KERNEL)
    with pytest.raises(MisconfiguredError):
        Machines("/usr/bin/qemu", snp(), artefacts)
    with pytest.raises(MisconfiguredError, match="initrd: needs a kernel"):
        Artefacts(firmware=b"f", initrd=b"i")
