"""X.509 certificates and revocation lists: loading, and the one check that X issued Y.

``cryptography``'s own path validation refuses RSASSA-PSS, which every AMD chain uses, and knows no
revocation lists; so the chains of this field, which have a fixed depth and pinned ends, are walked
here (``chain``).  Everything of ASN.1 is the library's.

Sources: RFC 5280; RFC 4055 (RSASSA-PSS); AMD 57230 rev. 1.00, section 3; Intel, PCK Certificate and
Certificate Revocation List Profile Specification, rev. 1.9.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.utils import CryptographyDeprecationWarning

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

Certificate = x509.Certificate
Crl = x509.CertificateRevocationList
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

MAX_BYTES = 64 * 1024
"""Of one certificate; the largest recorded one has 2 KiB."""

MAX_CRL_BYTES = 8 * 1024 * 1024
"""Of one revocation list; Intel's largest recorded one has 20 KiB, and it grows."""


def load_certificate(der: bytes, where: str) -> Certificate:
    """One certificate from its DER.

    Raises:
        MalformedError: it is not one, or larger than one can be.
    """
    if len(der) > MAX_BYTES:
        raise MalformedError(where, f"got {len(der)} bytes, want at most {MAX_BYTES}")
    try:
        with warnings.catch_warnings():
            # AMD's VCEKs and VLEKs have the serial number 0; cryptography announces that a later
            # release will refuse it, which is why that release is excluded in pyproject.toml.
            warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)
            found = x509.load_der_x509_certificate(der)
            _ = found.subject, found.issuer, found.serial_number, found.extensions
            return found
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as e:
        raise MalformedError(where, f"not a certificate ({_first_line(e)})") from e


def load_crl(der: bytes, where: str) -> Crl:
    """One revocation list from its DER.

    Raises:
        MalformedError: it is not one, or larger than one can be.
    """
    if len(der) > MAX_CRL_BYTES:
        raise MalformedError(where, f"got {len(der)} bytes, want at most {MAX_CRL_BYTES}")
    try:
        found = x509.load_der_x509_crl(der)
        _ = found.issuer, found.extensions, found.next_update_utc, found.last_update_utc
        return found
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as e:
        raise MalformedError(where, f"not a revocation list ({_first_line(e)})") from e


def load_public_key(spki: bytes, where: str) -> PublicKey:
    """A public key from its SubjectPublicKeyInfo.

    Raises:
        MalformedError: it is not one, or of a kind that nobody signs evidence with.
    """
    try:
        found = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise MalformedError(where, f"not a public key ({_first_line(e)})") from e
    if not isinstance(found, PublicKey):
        raise MalformedError(where, f"a public key of another kind ({type(found).__name__})")
    return found


def subject_public_key_info(certificate: Certificate) -> bytes:
    """The certificate's SubjectPublicKeyInfo, DER."""
    return key_of(certificate, "certificate").public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_of(certificate: Certificate, where: str) -> PublicKey:
    """The certificate's public key.

    Raises:
        MalformedError: it is damaged, or of a kind that nobody signs evidence with.
    """
    try:
        found = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as e:
        raise MalformedError(where, f"no usable public key ({_first_line(e)})") from e
    if not isinstance(found, PublicKey):
        raise MalformedError(where, f"a public key of another kind ({type(found).__name__})")
    return found


def common_name(name: x509.Name) -> str:
    """The common name, empty if there is none or more than one."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def extension(certificate: Certificate, oid: str) -> bytes | None:
    """The content of the extension *oid* that ``cryptography`` leaves uninterpreted, or None."""
    for found in certificate.extensions:
        if found.oid.dotted_string == oid and isinstance(found.value, x509.UnrecognizedExtension):
            return found.value.value
    return None


def is_signed_by(signed: Certificate | Crl, key: PublicKey) -> bool:
    """Whether *key* made the signature on *signed*, over the bytes that arrived.

    Only ECDSA and RSA (PKCS #1 v1.5 and PSS) with SHA-256 and larger count as signatures.
    """
    try:
        hash_algorithm = signed.signature_hash_algorithm
        parameters = signed.signature_algorithm_parameters
    except (ValueError, UnsupportedAlgorithm):
        return False
    if hash_algorithm is None or hash_algorithm.name not in _HASHES:
        return False
    body = (
        signed.tbs_certificate_bytes
        if isinstance(signed, Certificate)
        else signed.tbs_certlist_bytes
    )
    try:
        return _verify(key, signed.signature, body, parameters, hash_algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False


_HASHES = {"sha256", "sha384", "sha512"}


def _verify(
    key: PublicKey,
    signature: bytes,
    body: bytes,
    parameters: object,
    hash_algorithm: hashes.HashAlgorithm,
) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(signature, body, parameters)
        return True
    if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, padding.PSS | padding.PKCS1v15):
        key.verify(signature, body, parameters, hash_algorithm)
        return True
    return False


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
