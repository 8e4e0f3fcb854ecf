"""Every property there is, by platform, and the shape of the files that state them.

A file's tables follow from the properties: neutral ones stand at the top, a platform's in its
section, which may state neutral ones as well.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from enarx.appraisal.intel_properties import SGX, TDX
from enarx.appraisal.neutral import IMAGE_KEYS, NEUTRAL, SIMULATED, TCB
from enarx.appraisal.other_properties import AZURE, CCA, NITRO, NVGPU
from enarx.appraisal.property import Property, hexadecimal
from enarx.appraisal.snp_properties import SNP
from enarx.wire.shape import Many, Named, Shape, Stated, Table, Text, Whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECTIONS: Mapping[str, tuple[Property, ...]] = MappingProxyType(
    {
        "snp": SNP,
        "tdx": TDX,
        "sgx": SGX,
        "nitro": NITRO,
        "cca": CCA,
        "azure-snp": (*AZURE, *SNP),
        "azure-tdx": (*AZURE, *TDX),
        "nvgpu": NVGPU,
    }
)
"""What each platform has beside the neutral properties."""

PLATFORMS: tuple[str, ...] = tuple(SECTIONS)
EVALUATED = frozenset({"tdx", "sgx", "azure-tdx"})
"""The platforms whose vendor has words for the state of a TCB."""

POLICY_VERSION = 1
MAX_INCLUDES = 16
"""In one file."""


def neutral(platform: str) -> tuple[Property, ...]:
    """The neutral properties that *platform* has."""
    return (*NEUTRAL, *TCB) if platform in EVALUATED else NEUTRAL


def _section(platform: str) -> Table:
    about = f"What only {platform} has, and neutral properties that it states differently."
    return _nested(about, (*SECTIONS[platform], *neutral(platform)))


def _nested(about: str, properties: Iterable[Property]) -> Table:
    """The table in which these properties stand; a dot in a key is a table within."""
    keys: dict[str, Shape] = {}
    inner: dict[str, dict[str, Shape]] = {}
    for found in properties:
        shape = found.value if found.key == SIMULATED else Stated(found.value)
        table, dot, key = found.key.partition(".")
        if dot:
            inner.setdefault(table, {})[key] = shape
        else:
            keys[table] = shape
    return Table(about, {**keys, **{name: Table("", shapes) for name, shapes in inner.items()}})


_FILE_NAME = Text(
    wanted="the path of a file, from this file's folder", pattern=r"^[^\u0000-\u001f\u007f]{1,400}$"
)
_VERSION = Whole("The version of this format.", POLICY_VERSION, POLICY_VERSION)

_MEASUREMENTS = Named(
    "By measurement, the values that it may have.",
    Text(wanted="a measurement's name", pattern=r"^[a-z0-9_.]{1,60}$"),
    Stated(Many("The values, in hexadecimal.", hexadecimal(0), least=1)),
)
_REFERENCE_VALUE = Table(
    "What one image measures on one platform.",
    {
        **IMAGE_KEYS,
        "platform": Text(about="Where.", choices=PLATFORMS),
        "measurements": _MEASUREMENTS,
    },
    required=("name", "version", "platform", "measurements"),
)
_REFERENCE_VALUES = Many("What images measure.", _REFERENCE_VALUE)

REFERENCE_FILE = Table(
    "A file of reference values.",
    {"version": _VERSION, "reference_values": _REFERENCE_VALUES},
    required=("version", "reference_values"),
)

POLICY_FILE = Table(
    "A policy, or a part of one that others include.",
    {
        "version": _VERSION,
        "name": Text(
            about="What results call the policy.",
            wanted="a name of letters, digits and ._-",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        ),
        "include": Many("Files that come first; what stands here overrides them.", _FILE_NAME),
        "platforms": Many(
            "The platforms that are accepted.", Text(choices=PLATFORMS), least=1, default=None
        ),
        "reference_values": _REFERENCE_VALUES,
        "reference_value_files": Many("Files of reference values, TOML or JSON.", _FILE_NAME),
        **_nested("", (*NEUTRAL, *TCB)).keys,
        **{platform: _section(platform) for platform in SECTIONS},
    },
    required=("version",),
)

LISTS = ("include", "platforms", "reference_values", "reference_value_files")
"""The lists in a policy that are no properties."""


PROPERTY_KEYS: tuple[str, ...] = (
    *(one.key for one in (*NEUTRAL, *TCB)),
    *(f"{p}.{one.key}" for p in SECTIONS for one in (*SECTIONS[p], *neutral(p))),
)
"""Every property by its whole key."""


def stated(values: Mapping[str, object]) -> dict[str, object]:
    """The properties that a file states, by their whole keys ("snp.policy.single_socket").

    Args:
        values: a file, read as ``POLICY_FILE``.
    """
    found = _flat("", (*NEUTRAL, *TCB), values)
    for platform in SECTIONS:
        section = cast("Mapping[str, object]", values.get(platform, {}))
        properties = (*SECTIONS[platform], *neutral(platform))
        found |= _flat(f"{platform}.", properties, section)
    return found


def _flat(
    prefix: str, properties: Iterable[Property], values: Mapping[str, object]
) -> dict[str, object]:
    found = {}
    for one in properties:
        table, dot, key = one.key.partition(".")
        place = cast("Mapping[str, object]", values.get(table, {})) if dot else values
        if (key or table) in place:
            found[f"{prefix}{one.key}"] = place[key or table]
    return found
