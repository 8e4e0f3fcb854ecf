"""What a process keep measures, as each simulated platform would: its image, page by page.

The pages of the image lie one behind another from ``BASE`` on.  The algorithms are those of the
hardware; what is laid out is a list of files, since a process has no firmware and no kernel of its
own.  One list gives three measurements, one for each platform.

Source: docs/design/adr/0022-measured-files.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from enarx.measure.pages import PAGE_BYTES, pages
from enarx.measure.sgx import REGULAR_RX, MrEnclave
from enarx.measure.snp import LaunchDigest
from enarx.measure.tdx import MrTd

if TYPE_CHECKING:
    from collections.abc import Mapping

    Platform = Literal["snp", "tdx", "sgx"]

BASE = 0x10_0000
"""Guest physical address of the first page; in an enclave the first offset is 0."""

SSA_FRAME_PAGES = 1
NAMES: Mapping[Platform, str] = {"snp": "measurement", "tdx": "mr_td", "sgx": "mr_enclave"}
"""The measurement that names an image, as policies and results call it."""


def measure(platform: Platform, files: Mapping[str, bytes]) -> bytes:
    """The measurement of an image on *platform*: 48 bytes, 32 for sgx."""
    return _MEASURES[platform](files)


def _snp(files: Mapping[str, bytes]) -> bytes:
    digest, gpa = LaunchDigest(), BASE
    for page in pages(files):
        digest.page(gpa, page)
        gpa += PAGE_BYTES
    return digest.value


def _tdx(files: Mapping[str, bytes]) -> bytes:
    register, gpa = MrTd(), BASE
    for page in pages(files):
        register.add(gpa)
        register.extend(gpa, page)
        gpa += PAGE_BYTES
    return register.value


def _sgx(files: Mapping[str, bytes]) -> bytes:
    laid_out = tuple(pages(files))
    size = 1 << (len(laid_out) * PAGE_BYTES - 1).bit_length()
    register = MrEnclave(size, SSA_FRAME_PAGES)
    for number, page in enumerate(laid_out):
        register.add(number * PAGE_BYTES, REGULAR_RX)
        register.extend(number * PAGE_BYTES, page)
    return register.value


_MEASURES = {"snp": _snp, "tdx": _tdx, "sgx": _sgx}
