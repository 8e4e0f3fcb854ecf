"""NVIDIA's evidence under the shape that all technologies share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.nvgpu import evidence, verify
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need


def needs(_: evidence.NvgpuEvidence, __: Endorsements, ___: datetime) -> tuple[Need, ...]:
    """Nothing: no service hands out what is missing.

    A report without a list needs its chain, which only the device has; NVIDIA's revocation is
    asked online (OCSP), and its reference manifests are not read.
    """
    return ()


NVGPU = Technology(
    name="nvgpu",
    title="NVIDIA GPU or switch report",
    vendor="nvidia",
    recognises=evidence.recognises,
    parse=evidence.parse,
    needs=needs,
    authenticate=verify.authenticate,
)
