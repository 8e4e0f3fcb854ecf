"""The certificate of a keep that no Steward vouches for.

The profile of Enarx 0.7 (issuer and subject CN=localhost, 365 days, key usage, not a CA, for
servers and clients), with the subject alternative names that today's clients insist on, and with
evidence where there is some.  Pure: the key, the instant and the serial number are arguments.

Sources: enarx 0.7.1, crates/exec-wasmtime/src/runtime/identity/mod.rs, `selfsigned`;
draft-ietf-rats-msg-wrap-23, section 4.4 (the CMW extension).
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from enarx.wire import der

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

VALIDITY = timedelta(days=365)
SKEW = timedelta(minutes=5)  # a client whose clock is behind by less still finds it valid
SERIAL_BYTES = 16

_CMW = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")  # id-pe-cmw
_NAMES = x509.SubjectAlternativeName(
    [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
        x509.IPAddress(ipaddress.IPv6Address("::1")),
    ]
)


def self_signed(
    key: ec.EllipticCurvePrivateKey, *, now: datetime, serial: bytes, evidence: bytes = b""
) -> x509.Certificate:
    """A certificate for *key*, valid for a year that began five minutes before *now*.

    Args:
        key: P-256 (signed with SHA-256).
        now: aware.
        serial: 16 random bytes, of which the top bit is not used (RFC 5280, section 4.1.2.2:
            positive, at most 20 octets).
        evidence: a conceptual message wrapper, in CBOR or JSON, put in as it is.

    Raises:
        ValueError: *serial* is not 16 bytes, or has no bit that counts.
    """
    if len(serial) != SERIAL_BYTES:
        raise ValueError(f"serial: need {SERIAL_BYTES} bytes, got {len(serial)}")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    number = int.from_bytes(serial, "big") & ~(1 << (8 * SERIAL_BYTES - 1))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(now - SKEW)
        .not_valid_after(now - SKEW + VALIDITY)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_EXTENDED_KEY_USAGE, critical=False)
        .add_extension(_NAMES, critical=False)
    )
    if evidence:
        builder = builder.add_extension(_wrapped(evidence), critical=False)
    return builder.sign(key, hashes.SHA256())


def _wrapped(evidence: bytes) -> x509.UnrecognizedExtension:
    """``CMW ::= CHOICE { json UTF8String, cbor OCTET STRING }``."""
    value: str | bytes = evidence.decode() if evidence[:1] in (b"[", b"{") else evidence
    return x509.UnrecognizedExtension(_CMW, der.encode(value))


_EXTENDED_KEY_USAGE = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
