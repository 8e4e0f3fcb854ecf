"""The realm token's claims: the virtual machine, and the key that signed for it.

Sources: Arm DEN0137 (Realm Management Monitor specification) 1.0-rel0 and 2.0, section A7.2.3.1
(Realm claims); draft-ffm-rats-cca-token-00 and -03.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError
from enarx.tee import cose
from enarx.tee.cca.claims import HASH_NAMES, HASH_SIZES, ClaimSet, octets
from enarx.wire import cbor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.tee.claims import ClaimValue

LEGACY_PROFILE = ""
"""Before there were profiles the claim was absent, and the key a bare point of P-384."""
FIRST_PROFILE, SECOND_PROFILE = "tag:arm.com,2023:realm#1.0.0", "tag:arm.com,2024:realm#2.0.0"

_PROFILE, _CHALLENGE = 265, 10
_RPV, _HASH, _KEY, _RIM, _REMS, _KEY_HASH, _MEC = 44235, 44236, 44237, 44238, 44239, 44240, 44243
_REGISTERS = 4
_MEC_POLICIES = ("private", "shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """The claims.

    Args:
        profile: empty for tokens from before there were profiles.
        challenge: 64 bytes of whoever asked.
        personalization_value: 64 bytes of whoever launched the realm.
        initial_measurement: of what the realm was launched with.
        extensible_measurements: four registers.
        public_key: the realm's key (RAK) as the claim holds it: what the platform hashed.
        key: the same, to verify with.
        mec_policy: "private" or "shared" encryption context; empty before profile 2.
    """

    profile: str
    challenge: bytes
    personalization_value: bytes
    hash_algo_id: str
    public_key: bytes
    key: ec.EllipticCurvePublicKey
    public_key_hash_algo_id: str
    initial_measurement: bytes
    extensible_measurements: tuple[bytes, ...]
    mec_policy: str

    def fields(self) -> Iterator[tuple[str, ClaimValue]]:
        """Every claim by name."""
        if self.profile:
            yield "profile", self.profile
        yield "challenge", self.challenge
        yield "personalization_value", self.personalization_value
        yield "initial_measurement", self.initial_measurement
        for number, value in enumerate(self.extensible_measurements):
            yield f"extensible_measurement_{number}", value
        yield "hash_algo_id", self.hash_algo_id
        yield "public_key", self.public_key
        yield "public_key_hash_algo_id", self.public_key_hash_algo_id
        if self.mec_policy:
            yield "mec_policy", self.mec_policy


def parse(value: cbor.Value, where: str) -> Realm:
    """The claims of a realm token.

    Raises:
        MalformedError: one is missing, unknown, or not of its form; the key is none.
    """
    claims = ClaimSet(value, where)
    profile = LEGACY_PROFILE
    if _PROFILE in claims:
        profile = claims.text(_PROFILE, "profile", known=(FIRST_PROFILE, SECOND_PROFILE))
    public_key = claims.octets(_KEY, "public-key")
    second = profile == SECOND_PROFILE
    found = Realm(
        profile=profile,
        challenge=claims.octets(_CHALLENGE, "challenge", sizes=(64,)),
        personalization_value=claims.octets(_RPV, "personalization-value", sizes=(64,)),
        hash_algo_id=claims.text(_HASH, "hash-algo-id", known=HASH_NAMES),
        public_key=public_key,
        key=_key(public_key, profile, f"{where}: public-key"),
        public_key_hash_algo_id=claims.text(_KEY_HASH, "public-key-hash-algo-id", known=HASH_NAMES),
        initial_measurement=claims.octets(_RIM, "initial-measurement", sizes=HASH_SIZES),
        extensible_measurements=_registers(claims),
        mec_policy=claims.text(_MEC, "mec-policy", known=_MEC_POLICIES) if second else "",
    )
    claims.done()
    return found


def _key(data: bytes, profile: str, where: str) -> ec.EllipticCurvePublicKey:
    if profile == LEGACY_PROFILE:
        return cose.point(data, ec.SECP384R1(), where)
    return cose.ec2_key(cbor.decode(data, where), where)


def _registers(claims: ClaimSet) -> tuple[bytes, ...]:
    where = f"{claims.where}: extensible-measurements"
    items = claims.items(_REMS, "extensible-measurements", most=_REGISTERS)
    if len(items) != _REGISTERS:
        raise MalformedError(where, f"got {len(items)}, want {_REGISTERS}")
    return tuple(octets(item, where) for item in items)
