"""A fresh keep's keys and offer, and a package for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.protocol.claims import OfferClaims
from enarx.seal.envelope import Content
from enarx.seal.offer import Offer
from enarx.seal.suite import KEMS, OneTimeKey

NONCE = bytes(range(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What a keep in ``offering`` holds."""

    keys: Mapping[str, OneTimeKey]
    channel: ec.EllipticCurvePrivateKey
    nonce: bytes = NONCE

    @property
    def spki(self) -> bytes:
        """The channel's key, DER."""
        public = self.channel.public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def offer(self) -> Offer:
        """The offer that it makes for its nonce; the evidence is anything here."""
        publics = {kem: key.public for kem, key in self.keys.items()}
        return Offer(OfferClaims(self.nonce, publics, self.spki).encode(), b"evidence")


@pytest.fixture
def keep() -> Keep:
    """A fresh one."""
    keys = {kem: OneTimeKey(kem) for kem in KEMS}
    return Keep(keys=keys, channel=ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def content() -> Content:
    """A package with everything that can come with one."""
    return Content(
        manifest=b"{}",
        blobs=(b"config", b"\0asm"),
        owner_spki=b"owner",
        secrets={"token": b"hunter2"},
        arguments=("--verbose", "x"),
        environment={"HOME": "/"},
        options={"logs_bytes": 65536},
    )
