"""The registry of technologies: a new one is a folder and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.sgx.technology import SGX
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX

if TYPE_CHECKING:
    from enarx.tee.technology import Technology

TECHNOLOGIES: tuple[Technology, ...] = (SNP, TDX, SGX)
