"""Keeps that ask a Steward: real evidence of simulated machines, bound to real keys."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.adapters.keep_image import read_image
from enarx.host.simulated_processor import Launched, machine
from enarx.host.spawn import search_path
from enarx.pki import request
from enarx.pki.request import Names
from enarx.protocol.claims import IdentityClaims, beside, report_data
from enarx.tee.simulated.root import SimulatedRoot

Platform = Literal["snp", "tdx", "sgx"]
ROOT = Path(__file__).parents[1] / "tee" / "development-root.pem"
WORKLOAD = "sha256:" + "ab" * 32


@functools.cache
def development_root() -> SimulatedRoot:
    """The root of all simulated machines of the tests."""
    return SimulatedRoot.from_bytes(ROOT.read_bytes())


@functools.cache
def image() -> Mapping[str, bytes]:
    """The installed keep image."""
    return read_image(search_path())


@functools.cache
def launched(platform: Platform, now: datetime) -> Launched:
    """A machine that runs the installed image, with endorsements as of *now*."""
    return machine(platform, development_root(), now).launch(image())


@dataclass(frozen=True, kw_only=True)
class Keep:
    """A keep on a simulated machine.

    Args:
        made: when its machine's endorsements were.
    """

    platform: Platform = "snp"
    workload: str = WORKLOAD
    made: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def spki(self) -> bytes:
        """Its key."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(Encoding.DER, form)

    def quote(self, data: bytes) -> bytes:
        """Evidence bound to *data*, in a wrapper."""
        return launched(self.platform, self.made.replace(minute=0, second=0)).quote(data)

    def evidence(self, nonce: bytes, spki: bytes | None = None) -> bytes:
        """Evidence and identity claims, in a wrapper.

        Args:
            spki: the key that the claims name, if it is not its own.
        """
        claims = IdentityClaims(nonce, spki or self.spki, self.workload).encode()
        return beside(claims, self.quote(report_data(claims)))

    def request(self, nonce: bytes, *names: str) -> bytes:
        """A certification request that asks for *names*."""
        return request.make(self.key, self.evidence(nonce), Names(dns=names))
