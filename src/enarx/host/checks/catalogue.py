"""The checks of each platform, by its name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.host.checks.process import process
from enarx.host.checks.sgx import sgx
from enarx.host.checks.snp import snp
from enarx.host.checks.tdx import tdx
from enarx.host.checks.vm import vm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.host.doctor.facts import Facts
    from enarx.host.platforms import Check

CHECKS: Mapping[str, Callable[[Facts], tuple[Check, ...]]] = MappingProxyType(
    {"process": process, "sgx": sgx, "snp": snp, "tdx": tdx, "vm": vm}
)
