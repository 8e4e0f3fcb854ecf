"""Reference values from a file: what it says of an image, and what it may not leave unsaid."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from enarx.appraisal.image import ImageName, ReferenceValue
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.wire.shape_check import Problems

    References = dict[tuple[ImageName, str], tuple[ReferenceValue, ...]]

MEASUREMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cca": ("rim", "rem_0", "rem_1", "rem_2", "rem_3"),
        "sgx": ("mr_enclave", "mr_signer"),
        "snp": ("measurement",),
        "tdx": ("mr_td", "rtmr_0", "rtmr_1", "rtmr_2", "rtmr_3"),
    }
)
"""What every reference value of a platform states or leaves out with a reason.

On the other platforms it depends on the machine; there evidence fails with what a reference value
forgot.
"""


def reference_values(values: Mapping[str, object], problems: Problems) -> References:
    """The reference values in a file that was read as its shape; alternatives stay together."""
    found: References = {}
    entries = cast("tuple[Mapping[str, str], ...]", values.get("reference_values", ()))
    for number, entry in enumerate(entries):
        image = ImageName(entry["name"], entry["version"])
        measurements = _measurements(entry, f"reference_values[{number}].measurements", problems)
        one = ReferenceValue(image=image, platform=entry["platform"], measurements=measurements)
        key = (image, one.platform)
        found[key] = (*found.get(key, ()), one)
    return found


def _measurements(
    entry: Mapping[str, object], path: str, problems: Problems
) -> Mapping[str, frozenset[bytes] | Unchecked]:
    given = cast("Mapping[str, tuple[str, ...] | Unchecked]", entry["measurements"])
    for name in MEASUREMENTS.get(cast("str", entry["platform"]), ()):
        if name not in given:
            hint = f'state it, or leave it out: {name} = {{ unchecked = "reason" }}'
            problems.add(f"{path}.{name}", "is missing", hint)
    if all(isinstance(value, Unchecked) for value in given.values()):
        problems.add(path, "nothing is measured: every measurement is left out")
    return {
        name: value if isinstance(value, Unchecked) else frozenset(map(bytes.fromhex, value))
        for name, value in given.items()
    }
