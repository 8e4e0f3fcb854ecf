"""EAT Attestation Results: the claims set that says what an appraisal found, for other programs.

Made for accepted and for refused evidence.  It names what failed and what was left out, but not
what the policy wanted instead: a peer is not told the values that it failed against.

Source: draft-ietf-rats-ear-04, sections 3 and 4; RFC 9711 (``eat_profile``, ``eat_nonce``,
``submods``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from enarx.appraisal.comparison import shown
from enarx.appraisal.trust_vector import (
    LEAST,
    MOST,
    VECTOR_KEYS,
    status_of,
    trust_vector,
)
from enarx.errors import MalformedError
from enarx.wire import document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.appraisal.trust_vector import Tier
    from enarx.appraisal.verdict import Verdict
    from enarx.tee.claims import Authentic, ClaimValue

PROFILE = "tag:github.com,2026:enarx/ear"
PROFILES = (
    PROFILE,
    "tag:github.com,2023:veraison/ear",
    "tag:github.com,2024:confidential-containers/Trustee",
)
"""Ours, which is what we write, and those that we read as well."""

DEVELOPER = "https://enarx.dev"
TIERS: tuple[Tier, ...] = ("none", "affirming", "warning", "contraindicated")
_MODULES = {"nvgpu": "gpu0"}
_MAX_MODULES = 64
_MAX_TEXT = 1000
_MAX_TIME = 253_402_300_799  # the end of the year 9999, in seconds since 1970
_KNOWN = (
    "eat_profile", "iat", "exp", "nbf", "eat_nonce", "ear.verifier-id", "submods",
)  # fmt: skip
NONCE_CHARACTERS = (8, 88)
"""The least and the most of a nonce, RFC 9711 section 4.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """One sub-module's result.

    Args:
        vector: the trustworthiness vector's claims that are stated; empty where it is not.
        policy_id: the URI of the policy; empty where it is not stated.
        extensions: whatever else is there, as JSON has it.
    """

    status: Tier
    vector: Mapping[str, int]
    policy_id: str
    extensions: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationResult:
    """A claims set, read.  Who signed it is ``ear_token``'s business.

    Args:
        issued_at, expires, not_before: None where they are not stated; *issued_at* always is.
        nonce: what the relying party gave; empty where there was none.
        submods: by the name of the sub-module; at least one.
        extensions: whatever else is there.
    """

    profile: str
    issued_at: datetime
    expires: datetime | None
    not_before: datetime | None
    nonce: str
    developer: str
    build: str
    submods: Mapping[str, Appraisal]
    extensions: Mapping[str, object]


def claims_set(
    authentic: Authentic,
    verdict: Verdict,
    *,
    build: str,
    nonce: str = "",
    expires: datetime | None = None,
) -> dict[str, object]:
    """The claims set of a result, accepted or refused; JSON values throughout.

    Args:
        build: the verifier's version, as in "enarx 0.8.0".
        nonce: the relying party's, 8 to 88 characters; empty for none.
        expires: after which nobody should rely on it.
    """
    claims = authentic.claims
    vector = trust_vector(claims, verdict)
    module = _MODULES.get(claims.platform, "cpu0")
    result: dict[str, object] = {
        "eat_profile": PROFILE,
        "iat": _seconds(verdict.at),
        "ear.verifier-id": {"developer": DEVELOPER, "build": build},
    }
    if expires is not None:
        result["exp"] = _seconds(expires)
    if nonce:
        result["eat_nonce"] = nonce
    result["submods"] = {
        module: {
            "ear.status": status_of(vector),
            "ear.trustworthiness-vector": dict(vector),
            "ear.appraisal-policy-id": policy_id(verdict),
            "ear.veraison.annotated-evidence": annotated(authentic),
            "ear.enarx.failed": [check.claim for check in verdict.failed],
            "ear.enarx.unchecked": {check.claim: check.reason for check in verdict.unchecked},
        }
    }
    return result


def policy_id(verdict: Verdict) -> str:
    """The policy as a URI, by name and digest."""
    return f"{_POLICY}{verdict.policy}@sha256:{verdict.policy_sha256.hex()}"


_POLICY = "tag:github.com,2026:enarx/policy/"


def annotated(authentic: Authentic) -> dict[str, object]:
    """The evidence's claims as JSON: bytes in hexadecimal, instants in RFC 3339."""
    claims = authentic.claims
    return {
        "platform": claims.platform,
        "simulated": claims.simulated,
        "measurements": {name: value.hex() for name, value in claims.measurements.items()},
        "report_data": claims.report_data.hex(),
        "fields": {name: json_value(value) for name, value in claims.fields.items()},
    }


def json_value(value: ClaimValue) -> object:
    """A claim as JSON has it: the types of JSON stay, others become text."""
    match value:
        case bool() | int() | str():
            return value
        case bytes():
            return value.hex()
        case tuple():
            return list(value)
        case _:
            return shown(value)


def parse(data: bytes, where: str = "attestation result") -> AttestationResult:
    """A claims set in JSON, of our profile or of one that we know.

    Raises:
        MalformedError: it is not one; a status is better than its vector.
    """
    fields = document.load(data, where)
    verifier = fields.object("ear.verifier-id")
    developer, build = (verifier.text(key, most=_MAX_TEXT) for key in ("developer", "build"))
    verifier.done()
    return AttestationResult(
        profile=fields.one_of("eat_profile", PROFILES),
        issued_at=_instant(fields, "iat"),
        expires=_instant(fields, "exp") if "exp" in fields else None,
        not_before=_instant(fields, "nbf") if "nbf" in fields else None,
        nonce=_nonce(fields),
        developer=developer,
        build=build,
        submods=parse_submods(fields.take("submods"), f"{where}: submods"),
        extensions=_rest(data, _KNOWN, where),
    )


def parse_submods(value: object, where: str) -> Mapping[str, Appraisal]:
    """The sub-modules of a claims set, which some verifiers also write alone.

    Raises:
        MalformedError: it is no object of appraisals.
    """
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX_MODULES:
        raise MalformedError(where, f"want an object of 1 to {_MAX_MODULES} sub-modules")
    return {
        document.check_text(name, where, most=_MAX_TEXT): _appraisal(item, f"{where}.{name}")
        for name, item in value.items()
    }


def to_json(result: AttestationResult) -> dict[str, object]:
    """The claims set of *result*, for writing it again."""
    found: dict[str, object] = {
        "eat_profile": result.profile,
        "iat": _seconds(result.issued_at),
        "ear.verifier-id": {"developer": result.developer, "build": result.build},
    }
    for key, instant in (("exp", result.expires), ("nbf", result.not_before)):
        if instant is not None:
            found[key] = _seconds(instant)
    if result.nonce:
        found["eat_nonce"] = result.nonce
    submods = {name: submod_to_json(item) for name, item in result.submods.items()}
    return {**found, "submods": submods, **result.extensions}


def submod_to_json(item: Appraisal) -> dict[str, object]:
    """One sub-module's claims, for writing them again."""
    found: dict[str, object] = {"ear.status": item.status}
    if item.vector:
        found["ear.trustworthiness-vector"] = dict(item.vector)
    if item.policy_id:
        found["ear.appraisal-policy-id"] = item.policy_id
    return {**found, **item.extensions}


def _appraisal(value: object, where: str) -> Appraisal:
    fields = document.Fields(value, where)
    status = cast("Tier", fields.one_of("ear.status", TIERS))
    vector: Mapping[str, int] = {}
    if "ear.trustworthiness-vector" in fields:
        vector = _vector(fields.object("ear.trustworthiness-vector"))
    policy = ""
    if "ear.appraisal-policy-id" in fields:
        policy = fields.text("ear.appraisal-policy-id", most=_MAX_TEXT)
    if TIERS.index(status) < TIERS.index(status_of(vector)):
        fields.refuse("ear.status", f"got {status}, but the vector is {status_of(vector)}")
    known = ("ear.status", "ear.trustworthiness-vector", "ear.appraisal-policy-id")
    kept = cast("dict[str, object]", value)
    extensions = {key: kept[key] for key in kept if key not in known}
    return Appraisal(status=status, vector=vector, policy_id=policy, extensions=extensions)


def _vector(fields: document.Fields) -> Mapping[str, int]:
    found = {key: fields.integer(key, LEAST, MOST) for key in VECTOR_KEYS if key in fields}
    fields.done()
    if not found:
        raise MalformedError(fields.where, "says nothing")
    return found


def _nonce(fields: document.Fields) -> str:
    if "eat_nonce" not in fields:
        return ""
    return fields.text("eat_nonce", least=NONCE_CHARACTERS[0], most=NONCE_CHARACTERS[1])


def _instant(fields: document.Fields, key: str) -> datetime:
    return datetime.fromtimestamp(fields.integer(key, 0, _MAX_TIME), UTC)


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _rest(data: bytes, known: tuple[str, ...], where: str) -> Mapping[str, object]:
    whole = cast("dict[str, object]", document.load_any(data, where))
    return {key: whole[key] for key in whole if key not in known}
