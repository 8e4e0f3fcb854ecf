"""The keep's own key and certificate, made inside it and never written anywhere.

A keep is forked from a zygote whose random state all its siblings share, so this runs after the
fork and never before.  The key object stays in this process; only the certificate leaves.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    Prove: TypeAlias = Callable[[bytes], bytes]


class Identity:
    """A private key and the chain that certifies it, leaf first."""

    __slots__ = ("chain", "key")

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, chain: tuple[x509.Certificate, ...]
    ) -> None:
        self.key = key
        self.chain = chain

    def __repr__(self) -> str:
        return f"Identity({self.chain[0].subject.rfc4514_string()!r}, key hidden)"

    def pem(self) -> str:
        """The chain as PEM, for the "certificate" event."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return "".join(each.public_bytes(Encoding.PEM).decode() for each in self.chain)


def make_identity(now_s: float, prove: Prove | None = None) -> Identity:
    """A fresh P-256 key with a self-signed certificate.

    Args:
        now_s: seconds since 1970.
        prove: gives evidence for the key, and the claims that it is bound to; the certificate
            carries both.

    Raises:
        OSError: there is no evidence.
    """
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from enarx.pki.self_signed import SERIAL_BYTES, self_signed

    key = ec.generate_private_key(ec.SECP256R1())
    evidence = b""
    if prove is not None:
        form = PublicFormat.SubjectPublicKeyInfo
        evidence = prove(key.public_key().public_bytes(Encoding.DER, form))
    now = datetime.fromtimestamp(now_s, UTC)
    serial = os.urandom(SERIAL_BYTES)
    return Identity(key, (self_signed(key, now=now, serial=serial, evidence=evidence),))
