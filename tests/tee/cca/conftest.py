"""Tokens of machines that do not exist, signed by keys of the tests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from enarx.tee.anchors import TrustAnchor
from enarx.tee.cca.roots import platform_key
from enarx.wire import cbor

CPAK = ec.derive_private_key(31, ec.SECP256R1())
RAK = ec.derive_private_key(32, ec.SECP384R1())
POINT = RAK.public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
)
HASH = b"\x0a" * 32
FIRST, SECOND = "tag:arm.com,2023:realm#1.0.0", "tag:arm.com,2024:realm#2.0.0"
PLATFORM = "tag:arm.com,2023:cca_platform#1.0.0"
PLATFORM_2 = "tag:arm.com,2024:cca_platform#2.0.0"


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, as anchors hold it."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def changed(whole: dict[int, object], change: dict[int, object]) -> dict[int, object]:
    """*whole* with *change* in it; ``...`` leaves a claim out."""
    return {name: value for name, value in {**whole, **change}.items() if value is not ...}


def sign1(payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A COSE_Sign1 in its tag."""
    number, algorithm, half = (
        (-7, hashes.SHA256(), 32) if key.curve.name == "secp256r1" else (-35, hashes.SHA384(), 48)
    )
    header = cbor.encode({1: number})
    body = cbor.encode(("Signature1", header, b"", payload))
    r, s = decode_dss_signature(key.sign(body, ec.ECDSA(algorithm)))
    signature = r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return cbor.encode(cbor.Tag(18, (header, {}, payload, signature)))


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Claims, tokens and collections; every part can be made wrong."""

    first: str = FIRST
    second: str = SECOND
    second_platform: str = PLATFORM_2
    point: bytes = POINT
    rak: ec.EllipticCurvePrivateKey = RAK
    cpak: ec.EllipticCurvePrivateKey = CPAK
    spki = staticmethod(spki)
    sign1 = staticmethod(sign1)

    @property
    def cose_key(self) -> bytes:
        """The realm's key as a COSE_Key."""
        return cbor.encode({1: 2, -1: 2, -2: POINT[1:49], -3: POINT[49:]})

    @property
    def anchors(self) -> tuple[TrustAnchor, ...]:
        """The tests' platform, and one of nobody."""
        other = ec.derive_private_key(33, ec.SECP384R1())
        return (platform_key(spki(other), name="other"), platform_key(spki(CPAK), name="machine"))

    def component(self, change: dict[int, object] | None = None) -> dict[int, object]:
        """One piece of firmware."""
        return changed({1: "BL", 2: HASH, 4: "3.4.2", 5: HASH, 6: "sha-256"}, change or {})

    def platform(
        self, change: dict[int, object] | None = None, *, key: bytes = b""
    ) -> dict[int, object]:
        """Claims of a platform that vouches for *key*, by default the realm's COSE_Key."""
        whole = {
            265: PLATFORM,
            10: hashlib.sha256(key or self.cose_key).digest(),
            2396: HASH,
            256: b"\x01" + HASH,
            2401: b"\xcf",
            2395: 0x3003,
            2399: [self.component(), {2: HASH, 5: HASH}],
            2400: "verifier.example",
            2402: "sha-256",
        }
        return changed(whole, change or {})

    def realm(self, change: dict[int, object] | None = None) -> dict[int, object]:
        """Claims of a realm."""
        whole = {
            265: FIRST,
            10: b"c" * 64,
            44235: b"p" * 64,
            44236: "sha-256",
            44237: self.cose_key,
            44238: b"\x01" * 32,
            44239: [bytes((i,)) * 32 for i in range(4)],
            44240: "sha-256",
        }
        return changed(whole, change or {})

    def token(
        self,
        platform: object = None,
        realm: object = None,
        *,
        cmw: bool = False,
        signers: tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey] = (CPAK, RAK),
    ) -> bytes:
        """A collection of both tokens; what is bytes already is a payload as it is."""
        payloads = (platform or self.platform(), realm or self.realm())
        tokens = [
            sign1(payload if isinstance(payload, bytes) else cbor.encode(payload), key)
            for payload, key in zip(payloads, signers, strict=True)
        ]
        if cmw:
            records = ((263, token) for token in tokens)
            return cbor.encode(cbor.Tag(907, dict(zip((44234, 44241), records, strict=True))))
        return cbor.encode(cbor.Tag(399, dict(zip((44234, 44241), tokens, strict=True))))


@pytest.fixture(scope="session")
def make() -> Maker:
    """Makes tokens of machines that do not exist."""
    return Maker()
