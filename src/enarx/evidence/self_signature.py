"""The signature of a certificate on itself, read more leniently than a chain's.

It proves that the certificate is whole and that its maker held the key, nothing about a TEE.  It
has its own reader because RA-TLS libraries write algorithm parameters that a strict loader refuses:
mbed TLS puts NULL after ecdsa-with-SHA256, which RFC 5758, section 3.2, forbids.

Sources: RFC 5758 (ECDSA), RFC 4055 (RSA, PKCS #1 v1.5), RFC 8410 (Ed25519).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.x509 import load_public_key
from enarx.wire import der

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.x509 import PublicKey

STEP = "certificate signature"

_ED25519 = "1.3.101.112"
_ECDSA: Mapping[str, hashes.HashAlgorithm] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_RSA: Mapping[str, hashes.HashAlgorithm] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}


@asn1.sequence
class _Algorithm:
    oid: ObjectIdentifier
    parameters: asn1.Null | None


def check(body: bytes, algorithm: bytes, signature: bytes, spki: bytes, where: str) -> None:
    """Insist that the key *spki* made *signature* on *body*.

    Args:
        body: TBSCertificate, the bytes that arrived.
        algorithm: AlgorithmIdentifier, DER.

    Raises:
        MalformedError: an algorithm or key of another kind.
        UnauthenticError: another key made it, or it is on something else.
    """
    oid = der.decode(_Algorithm, algorithm, where).oid.dotted_string
    if oid not in (_ED25519, *_ECDSA, *_RSA):
        want = ", ".join((*_ECDSA, *_RSA, _ED25519))
        raise MalformedError(where, f"signed with {oid}, want one of {want}")
    try:
        right = _verify(load_public_key(spki, where), oid, signature, body)
    except (InvalidSignature, ValueError):
        right = False
    if not right:
        failure = Failure(
            "signature",
            want="a signature of the key in the certificate, which names itself as issuer",
            got="a signature of another key, or over another certificate",
        )
        raise UnauthenticError(STEP, failure)


def _verify(key: PublicKey, oid: str, signature: bytes, body: bytes) -> bool:
    """Whether the algorithm is one of the key's; raises if the signature is wrong."""
    if isinstance(key, ec.EllipticCurvePublicKey) and oid in _ECDSA:
        key.verify(signature, body, ec.ECDSA(_ECDSA[oid]))
    elif isinstance(key, rsa.RSAPublicKey) and oid in _RSA:
        key.verify(signature, body, padding.PKCS1v15(), _RSA[oid])
    elif isinstance(key, ed25519.Ed25519PublicKey) and oid == _ED25519:
        key.verify(signature, body)
    else:
        return False
    return True
