"""From a verdict to AR4SI's trustworthiness vector: one table, each row with its reason.

For each claim of the vector the first row that applies counts.  Nothing affirms by default: what
nobody looked at is no claim, or a warning where an attacker could use it.

Source: draft-ietf-rats-ar4si, section 2.3; the values as veraison/ear has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.appraisal.catalogue import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.appraisal.verdict import Concern, Verdict
    from enarx.tee.claims import Claims

Tier = Literal["none", "affirming", "warning", "contraindicated"]

VECTOR_KEYS = (
    "instance-identity", "configuration", "executables", "file-system", "hardware",
    "runtime-opaque", "storage-opaque", "sourced-data",
)  # fmt: skip
"""The claims of a vector, in the draft's order."""

LEAST, MOST = -128, 127
_NONE, _AFFIRMING, _WARNING = (-1, 1), (-32, 31), (-96, 95)  # each without the one before it


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the table's conditions look at."""

    claims: Claims
    verdict: Verdict

    def failed(self, concern: Concern, *keys: str) -> bool:
        """Whether a check of *concern* failed; with *keys*, one of these properties."""
        return any(
            check.concern == concern and (not keys or _name(check.key) in keys)
            for check in self.verdict.failed
        )

    def unchecked(self, *keys: str) -> bool:
        """Whether one of these properties was left out."""
        return any(_name(check.key) in keys for check in self.verdict.unchecked)

    def passed(self, key: str) -> bool:
        """Whether this property was checked and passed."""
        return any(_name(check.key) == key for check in self.verdict.passed)


_CURRENT = (
    "tcb.statuses",
    "minimum_reported_tcb",
    "minimum_firmware",
    "component_measurements",
    "driver_versions",
    "vbios_versions",
)
"""Properties of which one says how current the firmware is; Nitro has none, nobody sees its."""

_Row = tuple[str, int, "Callable[[_Seen], bool]", str]

TABLE: tuple[_Row, ...] = (
    (
        "instance-identity",
        97,
        lambda seen: seen.claims.simulated,
        "a simulation has no identity of hardware",
    ),
    (
        "instance-identity",
        97,
        lambda seen: seen.failed("instance-identity", "instances"),
        "the machine is none that the policy lists",
    ),
    (
        "instance-identity",
        96,
        lambda seen: seen.failed("instance-identity"),
        "the evidence is bound to something else, or not fresh",
    ),
    (
        "instance-identity",
        2,
        lambda seen: seen.passed("instances"),
        "the machine is one that the policy lists",
    ),
    (
        "configuration",
        96,
        lambda seen: seen.failed("configuration"),
        "a setting is not as the policy demands",
    ),
    (
        "configuration",
        32,
        lambda seen: seen.claims.debug or seen.claims.migratable is True,
        "the policy tolerates debugging or migration",
    ),
    (
        "configuration",
        32,
        lambda seen: seen.unchecked("debug", "migration"),
        "debugging or migration was left out",
    ),
    ("configuration", 2, lambda _seen: True, "every setting that the policy states is as demanded"),
    (
        "executables",
        96,
        lambda seen: seen.failed("executables"),
        "the image is none that the policy accepts",
    ),
    (
        "executables",
        33,
        lambda seen: not seen.passed("image"),
        "no reference value was compared, so the image is not recognised",
    ),
    (
        "executables",
        2,
        lambda seen: seen.claims.platform == "sgx",
        "everything in the enclave is measured before it runs",
    ),
    ("executables", 3, lambda _seen: True, "what was loaded at boot has its reference values"),
    (
        "hardware",
        97,
        lambda seen: seen.claims.simulated,
        "a development root signed: no hardware is proven",
    ),
    (
        "hardware",
        97,
        lambda seen: seen.failed("hardware", "platforms"),
        "the platform is none that the policy accepts",
    ),
    (
        "hardware",
        96,
        lambda seen: seen.failed("hardware"),
        "firmware, status or endorsements are not as the policy demands",
    ),
    (
        "hardware",
        32,
        lambda seen: seen.claims.tcb.status not in ("", "UpToDate"),
        "the vendor's status is less than up to date, and the policy tolerates it",
    ),
    (
        "hardware",
        32,
        lambda seen: seen.unchecked("revocation") or bool(seen.claims.revocation.unchecked),
        "nobody looked whether a certificate is revoked",
    ),
    (
        "hardware",
        32,
        lambda seen: not any(seen.passed(key) for key in _CURRENT),
        "how current the firmware is was left out",
    ),
    ("hardware", 2, lambda _seen: True, "genuine, current as the policy demands, not revoked"),
    (
        "runtime-opaque",
        96,
        lambda seen: seen.claims.simulated,
        "a simulation's memory is the host's",
    ),
    (
        "runtime-opaque",
        96,
        lambda seen: seen.claims.debug,
        "the host can read the memory",
    ),
    (
        "runtime-opaque",
        32,
        lambda seen: seen.claims.platform == "nitro",
        "isolated by the hypervisor, not encrypted by the processor",
    ),
    ("runtime-opaque", 2, lambda _seen: True, "the processor encrypts the memory"),
)
"""Claim of the vector, value, condition, reason.

Claims of the vector without a row are 0: nothing is said about files, storage and sourced data.
"""


def trust_vector(claims: Claims, verdict: Verdict) -> Mapping[str, int]:
    """The vector of *verdict*, every claim of it."""
    rows = _rows(claims, verdict)
    return {key: rows[key][1] if key in rows else 0 for key in VECTOR_KEYS}


def reasons(claims: Claims, verdict: Verdict) -> Mapping[str, str]:
    """Why each claim of the vector has its value; those without a row are not in it."""
    return {key: row[3] for key, row in _rows(claims, verdict).items()}


def tier_of(value: int) -> Tier:
    """The band of a value in ``LEAST..MOST``; negative ones are a verifier's own."""
    if _NONE[0] <= value <= _NONE[1]:
        return "none"
    if _AFFIRMING[0] <= value <= _AFFIRMING[1]:
        return "affirming"
    return "warning" if _WARNING[0] <= value <= _WARNING[1] else "contraindicated"


def status_of(vector: Mapping[str, int]) -> Tier:
    """The worst tier of *vector*; "none" only if it says nothing."""
    tiers = {tier_of(value) for value in vector.values()}
    order: tuple[Tier, ...] = ("contraindicated", "warning", "affirming")
    return next((tier for tier in order if tier in tiers), "none")


def _rows(claims: Claims, verdict: Verdict) -> dict[str, _Row]:
    seen = _Seen(claims, verdict)
    found: dict[str, _Row] = {}
    for row in TABLE:
        if row[0] not in found and row[2](seen):
            found[row[0]] = row
    return found


def _name(key: str) -> str:
    """The property's key without its platform's section."""
    section, _, rest = key.partition(".")
    return rest if section in SECTIONS else key
