"""What some platforms cannot say, and why; starters and the built-in policy leave it out there."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_MIGRATION = "the platform does not say, and knows no migration"

UNSTATED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("sgx", "migration"): _NO_MIGRATION,
        ("nitro", "migration"): _NO_MIGRATION,
        ("cca", "migration"): _NO_MIGRATION,
        ("nvgpu", "migration"): _NO_MIGRATION,
        ("nvgpu", "debug"): "cannot be known without NVIDIA's reference manifests; counts as on",
        ("azure-tdx", "sept_ve_disable"): "Azure's paravisor handles such exceptions",
    }
)
"""By platform and the property's key."""

WITHOUT_LISTS = frozenset({"nitro", "cca", "nvgpu"})
"""Platforms whose vendor publishes no list for every certificate of a chain."""
