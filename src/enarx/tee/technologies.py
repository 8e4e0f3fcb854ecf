"""The registry of technologies: a new one is a folder and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.azure.technology import AZURE_SNP, AZURE_TDX
from enarx.tee.cca.technology import CCA
from enarx.tee.dcap.roots import ANCHORS as INTEL_ROOTS
from enarx.tee.nitro.roots import ANCHORS as AWS_ROOTS
from enarx.tee.nitro.technology import NITRO
from enarx.tee.nvgpu.roots import ANCHORS as NVIDIA_ROOTS
from enarx.tee.nvgpu.technology import NVGPU
from enarx.tee.sgx.technology import SGX
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX

if TYPE_CHECKING:
    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.technology import Technology

TECHNOLOGIES: tuple[Technology, ...] = (
    SNP,
    TDX,
    SGX,
    NITRO,
    CCA,
    NVGPU,
    AZURE_SNP,
    AZURE_TDX,
)

VENDOR_ANCHORS: tuple[TrustAnchor, ...] = (*AMD_ROOTS, *INTEL_ROOTS, *AWS_ROOTS, *NVIDIA_ROOTS)
"""The vendors' own roots; Arm has none (``cca.roots``)."""
