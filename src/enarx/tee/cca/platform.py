"""The platform token's claims: the machine, its state, and the firmware below every realm.

Sources: Arm DEN0137 (Realm Management Monitor specification) 1.0-rel0 and 2.0, sections A7.2.3.2
and A7.2.3.3 (CCA platform claims); draft-ffm-rats-cca-token-00 and -03.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.cca.claims import HASH_NAMES, HASH_SIZES, ClaimSet, octets
from enarx.wire import cbor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.tee.claims import ClaimValue

FIRST_PROFILES = ("http://arm.com/CCA-SSD/1.0.0", "tag:arm.com,2023:cca_platform#1.0.0")
SECOND_PROFILE = "tag:arm.com,2024:cca_platform#2.0.0"

SECURED = "secured"
LIFECYCLES = {
    0x00: "unknown",
    0x10: "assembly-and-test",
    0x20: "cca-platform-rot-provisioning",
    0x30: SECURED,
    0x40: "non-cca-platform-rot-debug",
    0x50: "recoverable-cca-platform-rot-debug",
    0x60: "decommissioned",
}
"""By the upper byte of the claim; the lower one is the implementation's own."""

_PROFILE, _CHALLENGE, _INSTANCE = 265, 10, 256
_CLIENT, _LIFECYCLE, _IMPLEMENTATION = 2394, 2395, 2396
_COMPONENTS, _SERVICE, _CONFIG, _HASH = 2399, 2400, 2401, 2402
_MANUFACTURING, _EXTENSION, _ROTPK, _PEERS = 2403, 2404, 2405, 2406
_KIND, _MEASUREMENT, _VERSION, _SIGNER = 1, 2, 4, 5  # in a software component
_OWN_HASH, _LIVE, _COUNTERSIGNERS = 6, 7, 8
_REALM_MANAGEMENT = 1
_UEID_SIZE, _UEID_RANDOM = 33, b"\x01"
_KNOWN_LIFECYCLES = frozenset(state << 8 | own for state in LIFECYCLES for own in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One piece of firmware, with what it was measured as and who signed it."""

    kind: str
    measurement: bytes
    version: str
    signer_id: bytes
    hash_algo_id: str
    live_activation: bool | None
    countersigners: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The claims; optional ones are empty where they are absent.

    Args:
        challenge: hash of the realm's key.
        lifecycle: one of ``LIFECYCLES`` in the upper byte.
        extension, rotpk: of profile 2, in CBOR as they came apart.
    """

    profile: str
    challenge: bytes
    implementation_id: bytes
    instance_id: bytes
    config: bytes
    lifecycle: int
    components: tuple[Component, ...]
    verification_service: str
    hash_algo_id: str
    manufacturing_config: bytes
    extension: bytes
    rotpk: bytes
    peer_signers: bytes

    @property
    def state(self) -> str:
        """The lifecycle state by name."""
        return LIFECYCLES[self.lifecycle >> 8]

    def fields(self) -> Iterator[tuple[str, ClaimValue]]:
        """Every claim by name."""
        yield "profile", self.profile
        yield "challenge", self.challenge
        yield "implementation_id", self.implementation_id
        yield "instance_id", self.instance_id
        yield "config", self.config
        yield "lifecycle", self.lifecycle
        yield "lifecycle_state", self.state
        for number, component in enumerate(self.components):
            for name, value in _shown(component):
                yield f"sw_component{number}.{name}", value
        yield "verification_service", self.verification_service
        yield "hash_algo_id", self.hash_algo_id
        if self.profile == SECOND_PROFILE:
            yield "manufacturing_config", self.manufacturing_config
            yield "extension", self.extension
            yield "tbb_rotpk", self.rotpk
            yield "peer_signers", self.peer_signers


def parse(value: cbor.Value, where: str) -> Platform:
    """The claims of a platform token.

    Raises:
        MalformedError: one is missing, unknown, or not of its form.
    """
    claims = ClaimSet(value, where)
    profile = claims.text(_PROFILE, "profile", known=(*FIRST_PROFILES, SECOND_PROFILE))
    second = profile == SECOND_PROFILE
    if second:
        claims.integer(_CLIENT, "client-id", known=(_REALM_MANAGEMENT,))
    found = Platform(
        profile=profile,
        challenge=claims.octets(_CHALLENGE, "challenge", sizes=HASH_SIZES),
        implementation_id=claims.octets(_IMPLEMENTATION, "implementation-id", sizes=(32,)),
        instance_id=_ueid(claims),
        config=claims.octets(_CONFIG, "config"),
        lifecycle=claims.integer(_LIFECYCLE, "lifecycle", known=_KNOWN_LIFECYCLES),
        components=tuple(
            _component(item, f"{where}: sw-components[{i}]")
            for i, item in enumerate(claims.items(_COMPONENTS, "sw-components"))
        ),
        verification_service=_text_if(claims, _SERVICE, "verification-service"),
        hash_algo_id=claims.text(_HASH, "hash-algo-id", known=HASH_NAMES),
        manufacturing_config=_octets_if(claims, _MANUFACTURING, "manufacturing-config", second),
        extension=_encoded_if(claims, _EXTENSION, "extension", second),
        rotpk=_encoded_if(claims, _ROTPK, "tbb-rotpk", second),
        peer_signers=_octets_if(claims, _PEERS, "peer-signers", second),
    )
    claims.done()
    return found


def _ueid(claims: ClaimSet) -> bytes:
    found = claims.octets(_INSTANCE, "instance-id", sizes=(_UEID_SIZE,))
    if not found.startswith(_UEID_RANDOM):
        raise MalformedError(f"{claims.where}: instance-id", "does not begin with 01 (RAND)")
    return found


def _component(value: cbor.Value, where: str) -> Component:
    claims = ClaimSet(value, where)
    has_own_hash, has_live = _OWN_HASH in claims, _LIVE in claims
    found = Component(
        kind=_text_if(claims, _KIND, "type"),
        measurement=claims.octets(_MEASUREMENT, "measurement", sizes=HASH_SIZES),
        version=_text_if(claims, _VERSION, "version"),
        signer_id=claims.octets(_SIGNER, "signer-id", sizes=HASH_SIZES),
        hash_algo_id=claims.text(_OWN_HASH, "hash-algo-id", known=HASH_NAMES)
        if has_own_hash
        else "",
        live_activation=claims.boolean(_LIVE, "live-activation") if has_live else None,
        countersigners=_countersigners(claims),
    )
    claims.done()
    return found


def _countersigners(claims: ClaimSet) -> tuple[bytes, ...]:
    if _COUNTERSIGNERS not in claims:
        return ()
    items = claims.items(_COUNTERSIGNERS, "countersigners")
    return tuple(octets(item, f"{claims.where}: countersigners") for item in items)


def _shown(component: Component) -> Iterator[tuple[str, ClaimValue]]:
    yield "type", component.kind
    yield "measurement", component.measurement
    yield "version", component.version
    yield "signer_id", component.signer_id
    if component.hash_algo_id:
        yield "hash_algo_id", component.hash_algo_id
    if component.live_activation is not None:
        yield "live_activation", component.live_activation
    for number, signer in enumerate(component.countersigners):
        yield f"countersigner{number}", signer


def _text_if(claims: ClaimSet, label: int, name: str) -> str:
    return claims.text(label, name) if label in claims else ""


def _octets_if(claims: ClaimSet, label: int, name: str, known: bool) -> bytes:  # noqa: FBT001
    return claims.octets(label, name) if known and label in claims else b""


def _encoded_if(claims: ClaimSet, label: int, name: str, known: bool) -> bytes:  # noqa: FBT001
    """A nested claim as bytes: its parts are the business of whoever has its reference values."""
    return cbor.encode(claims.items(label, name)) if known and label in claims else b""
