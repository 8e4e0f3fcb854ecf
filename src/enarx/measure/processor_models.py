"""The models of AMD's processors that a VMM can show to a guest: what CPUID 1 gives in EAX.

A guest's VMSA holds it (RDX), so that the digest of a guest depends on its processors' model.

Sources: QEMU, target/i386/cpu.c (``builtin_x86_defs``); AMD 25481 "CPUID Specification", function
Fn0000_0001.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONG = 0xF  # a family above it, and a model above it, are continued in other bits
_VERSIONS = {"EPYC": 5, "EPYC-Rome": 5, "EPYC-Milan": 3, "EPYC-Genoa": 2, "EPYC-Turin": 1}
_MODELS = {  # family, model, stepping; all versions of a model have the same
    "EPYC": (23, 1, 2),
    "EPYC-Rome": (23, 49, 0),
    "EPYC-Milan": (25, 1, 1),
    "EPYC-Genoa": (25, 17, 0),
    "EPYC-Turin": (26, 0, 0),
}


def signature(family: int, model: int, stepping: int) -> int:
    """CPUID 1, EAX."""
    low, high = (_LONG, family - _LONG) if family > _LONG else (family, 0)
    return high << 20 | (model >> 4) << 16 | low << 8 | (model & 0xF) << 4 | stepping


SIGNATURES: Mapping[str, int] = MappingProxyType(
    {
        name: signature(*numbers)
        for model, numbers in _MODELS.items()
        for name in (
            model,
            *(f"{model}-v{version}" for version in range(1, _VERSIONS[model] + 1)),
            *(("EPYC-IBPB",) if model == "EPYC" else ()),
        )
    }
)
"""By the name that QEMU's ``-cpu`` takes."""
