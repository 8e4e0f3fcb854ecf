"""Who signs certificates and revocation lists: a key that we hold, or one that only signs for us.

A certificate is put together by ``cryptography``, which signs with keys of its own only.  For a key
that never leaves its module, a stand-in of the same kind signs first; what it signed is then signed
by the real one, and the signature is exchanged.

Source: RFC 5280, sections 4.1 and 5.1: both are SEQUENCE { what is signed, algorithm, signature }.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from enarx.wire import der

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@asn1.sequence
class _Signed:
    body: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString


class Signer(Protocol):
    """The key of an authority."""

    @property
    def public_key(self) -> PublicKey:
        """Who checks what it signs."""
        ...

    def certificate(self, builder: x509.CertificateBuilder) -> bytes:
        """The DER of what *builder* has, signed."""
        ...

    def revocation_list(self, builder: x509.CertificateRevocationListBuilder) -> bytes:
        """The same for a list of revoked certificates."""
        ...


class HeldKey:
    """A signer whose key is in our memory: P-256 with SHA-256, P-384 with SHA-384, or Ed25519."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._hash = hash_for(key.public_key())

    def __repr__(self) -> str:
        return "HeldKey(hidden)"

    @property
    def public_key(self) -> PublicKey:
        """Who checks what it signs."""
        return self._key.public_key()

    def certificate(self, builder: x509.CertificateBuilder) -> bytes:
        """The DER of what *builder* has, signed."""
        return builder.sign(self._key, self._hash).public_bytes(_DER)

    def revocation_list(self, builder: x509.CertificateRevocationListBuilder) -> bytes:
        """The same for a list of revoked certificates."""
        return builder.sign(self._key, self._hash).public_bytes(_DER)


class DistantKey:
    """A signer whose key is elsewhere, in a hardware module.

    Args:
        public_key: of that key.
        stand_in: any key of the same kind; it signs nothing that leaves this object.
        sign: what the other key signs: bytes in, a signature as X.509 has it out (DER of r and s
            for elliptic curves).
    """

    def __init__(
        self, public_key: PublicKey, stand_in: PrivateKey, sign: Callable[[bytes], bytes]
    ) -> None:
        if hash_for(public_key) != hash_for(stand_in.public_key()):
            raise TypeError("the stand-in is of another kind than the key")
        self._public_key = public_key
        self._held = HeldKey(stand_in)
        self._sign = sign

    @property
    def public_key(self) -> PublicKey:
        """Who checks what it signs."""
        return self._public_key

    def certificate(self, builder: x509.CertificateBuilder) -> bytes:
        """The DER of what *builder* has, signed."""
        return self._exchange(self._held.certificate(builder))

    def revocation_list(self, builder: x509.CertificateRevocationListBuilder) -> bytes:
        """The same for a list of revoked certificates."""
        return self._exchange(self._held.revocation_list(builder))

    def _exchange(self, signed: bytes) -> bytes:
        found = der.decode(_Signed, signed, "signed by the stand-in")
        body = der.element(found.body)
        signature = asn1.BitString(data=self._sign(body), padding_bits=0)
        return der.sequence(body, der.element(found.algorithm), der.encode(signature))


def hash_for(key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | None:
    """What is hashed with before *key* checks; None where the algorithm does it itself.

    Raises:
        ValueError: no authority of ours has such a key.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return None
    if isinstance(key.curve, ec.SECP256R1):
        return _SHA256
    if isinstance(key.curve, ec.SECP384R1):
        return _SHA384
    raise ValueError(f"got a key of {key.curve.name}, want P-256, P-384 or Ed25519")


_DER = Encoding.DER
_SHA256 = hashes.SHA256()
_SHA384 = hashes.SHA384()
