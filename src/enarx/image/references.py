"""The reference values of a keep image: what it measures wherever it may run, computed.

For the same image there are several, one for each platform, number of processors and model of
processor; a policy that names the image accepts each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.image import ImageName, ReferenceValue
from enarx.image.image import FIRMWARE
from enarx.measure import firmware, tdvf, vm
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.rtmr import boot_registers, must_start_any_kernel
from enarx.measure.snp_guest import Processors, launch_digest
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from enarx.image.image import Manifest
    from enarx.measure.snp_guest import Boot

    Measurements = Mapping[str, frozenset[bytes] | Unchecked]

PLATFORMS = ("snp", "tdx", "vm-snp", "vm-tdx")
COUNTS = (1, 2, 4, 8)
"""Numbers of processors, unless others are asked for."""

_ORDERS: tuple[tdvf.Order, ...] = ("page", "section")
"""Releases of QEMU differ."""
_RTMR_0 = "what the firmware measures of the host's tables differs from host to host"


def references(
    manifest: Manifest,
    platform: str,
    boot: Boot,
    firmware_image: bytes,
    *,
    counts: Sequence[int] = COUNTS,
) -> ReferenceValue:
    """What evidence of the image on *platform* states.

    Args:
        platform: one of ``PLATFORMS``.
        firmware_image: the image's own for that platform.

    Raises:
        MalformedError, MisconfiguredError: the firmware is none for the platform.
    """
    return ReferenceValue(
        image=ImageName(manifest.name, manifest.version),
        platform=platform.removeprefix("vm-"),
        measurements=_MEASUREMENTS[platform](boot, firmware_image, counts),
    )


def firmware_of(platform: str) -> str:
    """The name of the image's file with the firmware for *platform*."""
    return FIRMWARE["vm" if platform.startswith("vm-") else platform]


def _snp(boot: Boot, image: bytes, counts: Sequence[int]) -> Measurements:
    parsed = firmware.parse(image, FIRMWARE["snp"])
    digests = {
        launch_digest(parsed, Processors(count=count, signature=signature), boot)
        for count in counts
        for signature in set(SIGNATURES.values())
    }
    return {"measurement": frozenset(digests)}


def _tdx(boot: Boot, image: bytes, _counts: Sequence[int]) -> Measurements:
    sections = tdvf.parse(image, FIRMWARE["tdx"])
    must_start_any_kernel(sections, FIRMWARE["tdx"])
    first, second = boot_registers(boot)
    return {
        "mr_td": frozenset(tdvf.mr_td(sections, order) for order in _ORDERS),
        "rtmr_0": Unchecked(_RTMR_0),
        "rtmr_1": frozenset((first,)),
        "rtmr_2": frozenset((second,)),
        "rtmr_3": frozenset((bytes(48),)),
    }


def _simulated_snp(boot: Boot, image: bytes, counts: Sequence[int]) -> Measurements:
    found = (vm.snp(image, boot, processors=count)["measurement"] for count in counts)
    return {"measurement": frozenset(found)}


def _simulated_tdx(boot: Boot, image: bytes, _counts: Sequence[int]) -> Measurements:
    return {name: frozenset((value,)) for name, value in vm.tdx(image, boot).items()}


_MEASUREMENTS: Mapping[str, Callable[[Boot, bytes, Sequence[int]], Measurements]] = {
    "snp": _snp,
    "tdx": _tdx,
    "vm-snp": _simulated_snp,
    "vm-tdx": _simulated_tdx,
}
