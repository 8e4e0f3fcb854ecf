"""What a device says of itself in its opaque data, by NVIDIA's numbers.

Source: NVIDIA, attestation-sdk (nv-attestation-sdk-cpp), GpuOpaqueDataType and
SwitchOpaqueDataType; nvtrust, spdm_msrt_resp_msg.py.  The types with numbers between those lists'
exist in devices' reports and have no published name.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.tee.claims import ClaimValue

DRIVER_VERSION, VBIOS_VERSION, FWID, OPAQUE_DATA_VERSION = 3, 6, 20, 34

NAMES: Mapping[int, str] = MappingProxyType(
    {
        1: "cert_issuer_name",
        2: "cert_authority_key_identifier",
        3: "driver_version",
        4: "gpu_info",
        5: "sku",
        6: "vbios_version",
        7: "manufacturer_id",
        8: "tamper_detection",
        9: "smc",
        10: "vpr",
        11: "nvdec0_status",
        12: "msrscnt",
        13: "cprinfo",
        14: "board_id",
        15: "chip_sku",
        16: "chip_sku_mod",
        17: "project",
        18: "project_sku",
        19: "project_sku_mod",
        20: "fwid",
        21: "protected_pcie_status",
        22: "device_pdi",
        23: "disabled_ports",
        24: "switch_position_id",
        25: "switch_lock_status",
        26: "switch_gpu_pdis",
        27: "switch_ports",
        32: "gpu_link_conn",
        33: "sys_enable_status",
        34: "opaque_data_version",
        35: "chip_info",
        36: "feature_flag",
    }
)
_KNOWN = range(1, 37)
_NEWEST_VERSION = 1
_TEXTS = frozenset({3, 15, 16, 17, 18, 19, 35})
_FWID_SIZE = 48
_GPU_VBIOS = 8
"""A GPU's VBIOS version has 8 bytes, a switch's is text."""


def check(opaque: Mapping[int, bytes], where: str) -> None:
    """Insist that every opaque field is of a known number, and those that we read of their form.

    Raises:
        MalformedError: an unknown type, a newer layout, or a firmware identity of another size.
    """
    if unknown := set(opaque) - set(_KNOWN):
        raise MalformedError(where, f"unknown opaque data type {min(unknown)}")
    version = opaque.get(OPAQUE_DATA_VERSION, b"")
    if (found := Reader(version, where).uint(len(version), "version")) > _NEWEST_VERSION:
        raise MalformedError(where, f"opaque data version {found}, newest known {_NEWEST_VERSION}")
    if FWID in opaque and len(opaque[FWID]) != _FWID_SIZE:
        raise MalformedError(where, f"FWID of {len(opaque[FWID])} bytes, want {_FWID_SIZE}")


def shown(opaque: Mapping[int, bytes]) -> Iterator[tuple[str, ClaimValue]]:
    """Every opaque field by name; texts as text where they are ASCII, the rest as bytes."""
    for kind, value in opaque.items():
        name = NAMES.get(kind, f"opaque_{kind}")
        if kind in _TEXTS or (kind == VBIOS_VERSION and len(value) != _GPU_VBIOS):
            yield name, _text(value)
        elif kind == VBIOS_VERSION:
            yield name, _vbios(value)
        else:
            yield name, value


def _text(value: bytes) -> ClaimValue:
    text = value.rstrip(b"\0")
    return text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() else value


def _vbios(value: bytes) -> str:
    """A GPU's version as NVIDIA prints it: 0074009620000000 is 96.00.74.00.20."""
    reader = Reader(value, "vbios")
    major, minor = reader.take(4, "major"), reader.take(1, "minor")
    return ".".join(f"{number:02X}" for number in (*reversed(major), *minor))
