"""X.509 certificates and revocation lists: loading, and the one check that X issued Y.

``cryptography``'s own path validation refuses RSASSA-PSS, which every AMD chain uses, and knows no
revocation lists; so the chains of this field, which have a fixed depth and pinned ends, are walked
here (``chain``).  Everything of ASN.1 is the library's.

Sources: RFC 5280; RFC 4055 (RSASSA-PSS); AMD 57230 rev. 1.00, section 3; Intel, PCK Certificate and
Certificate Revocation List Profile Specification, rev. 1.9.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.hazmat.primitives import hashes

A = TypeVar("A")
T = TypeVar("T")

Certificate = x509.Certificate
Crl = x509.CertificateRevocationList
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

# cryptography warns about certificates that break RFC 5280: a serial number of 0, which AMD's VCEKs
# and VLEKs have (a later release will refuse it, which is why that release is excluded in
# pyproject.toml), or the length of a name's part.  Nobody can act on that.  A filter for what this
# module calls, made once: one around every call would not be safe with threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"enarx\.tee\.x509$")

_UNREADABLE = (
    TypeError,  # about a bit string in a name
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""All that ``cryptography`` raises about bytes that it cannot read."""

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
        found, serial = _quietly(_read_certificate, der)
    except _UNREADABLE as e:
        raise MalformedError(where, f"not a certificate ({_first_line(e)})") from e
    if serial < 0:
        raise MalformedError(where, "a serial number below zero")
    _must_end_in_whole_bytes(der, found.signature, where)
    return found


def load_crl(der: bytes, where: str) -> Crl:
    """One revocation list from its DER.

    Raises:
        MalformedError: it is not one, or larger than one can be.
    """
    if len(der) > MAX_CRL_BYTES:
        raise MalformedError(where, f"got {len(der)} bytes, want at most {MAX_CRL_BYTES}")
    try:
        found = _quietly(_read_crl, der)
    except _UNREADABLE as e:
        raise MalformedError(where, f"not a revocation list ({_first_line(e)})") from e
    _must_end_in_whole_bytes(der, found.signature, where)
    return found


def usable_certificates(items: Iterable[bytes]) -> Iterator[Certificate]:
    """What of a bag of endorsements is a certificate; the rest is someone else's."""
    for item in items:
        with suppress(MalformedError):
            yield load_certificate(item, "endorsement")


def usable_crls(items: Iterable[bytes]) -> Iterator[Crl]:
    """What of a bag of endorsements is a revocation list; the rest is someone else's."""
    for item in items:
        with suppress(MalformedError):
            yield load_crl(item, "endorsement")


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


def serial_number(certificate: Certificate) -> int:
    """Its serial number, without a warning where it is 0, as in AMD's VCEKs and VLEKs."""
    return _quietly(lambda it: it.serial_number, certificate)


def issuer_of(crl: Crl) -> x509.Name:
    """The name of its issuer, without a warning about it; read anew at each call (10 µs)."""
    return _quietly(lambda it: it.issuer, crl)


def common_name(name: x509.Name) -> str:
    """The common name, empty if there is none or more than one."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def signs_lists(certificate: Certificate) -> bool:
    """Whether its key usage lets *certificate* issue revocation lists; yes where it has none."""
    for found in certificate.extensions:
        if isinstance(found.value, x509.KeyUsage):
            return found.value.crl_sign
    return True


def extension(certificate: Certificate, oid: str) -> bytes | None:
    """The content of the extension *oid* that ``cryptography`` leaves uninterpreted, or None."""
    for found in certificate.extensions:
        if found.oid.dotted_string == oid and isinstance(found.value, x509.UnrecognizedExtension):
            return found.value.value
    return None


def is_signed_by(signed: Certificate | Crl, key: PublicKey) -> bool:
    """Whether *key* made the signature on *signed*, over the bytes that arrived.

    Only ECDSA and RSA (PKCS #1 v1.5 and PSS) with SHA-256 and larger count as signatures, and PSS
    only with the same hash inside and a salt of its size, as AMD's profile has it.
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
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    if isinstance(parameters, padding.PSS):
        mask = padding.MGF1(hash_algorithm)
        usual = padding.PSS(mgf=mask, salt_length=hash_algorithm.digest_size)
        key.verify(signature, body, usual, hash_algorithm)
        return True
    if isinstance(parameters, padding.PKCS1v15):
        key.verify(signature, body, parameters, hash_algorithm)
        return True
    return False


def _read_certificate(der: bytes) -> tuple[Certificate, int]:
    found = x509.load_der_x509_certificate(der)
    _ = found.subject, found.issuer, found.extensions
    return found, found.serial_number


def _read_crl(der: bytes) -> Crl:
    found = x509.load_der_x509_crl(der)
    _ = found.issuer, found.extensions, found.next_update_utc, found.last_update_utc
    return found


def _must_end_in_whole_bytes(der: bytes, signature: bytes, where: str) -> None:
    """Insist that no bit of the last BIT STRING, the *signature*, is left out.

    ``cryptography`` takes a number of unused bits there, so that a signature that ends in zero bits
    would have further spellings; OpenSSL and webpki refuse them.
    """
    if not der.endswith(b"\0" + signature):
        raise MalformedError(where, "a signature that is no whole number of bytes")


def _quietly(ask: Callable[[A], T], argument: A) -> T:
    try:
        return ask(argument)
    except UserWarning:  # whoever runs us has made errors of warnings since
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ask(argument)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
