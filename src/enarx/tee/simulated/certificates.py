"""Certificates and revocation lists of simulated authorities, each marked as such three times.

The common name begins with SIMULATED, the organisational unit says it in words, and the
organisation is ours and never the vendor's.  Otherwise they have the vendors' algorithms, roles and
extensions, since the same verifier reads them.  There is no extension of our own: we have no
registered arc, and other verifiers cannot read the identifiers below 2.25, which need none.

Sources: AMD 57230 rev. 1.00, section 3; Intel, PCK Certificate and Certificate Revocation List
Profile Specification, rev. 1.9.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from enarx.tee.anchors import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOTICE = "SIMULATED: made by a development root, proves no hardware"
"""The organisational unit of every subject."""

ORGANISATION = "Enarx development root"

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
_SERIAL_BYTES = 18
_PEM_LINE = 64
_SERIAL_1 = bytes.fromhex("a003020102 020101")  # version 3, then the serial number
_SERIAL_0 = bytes.fromhex("a003020102 020100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when to when something counts; both aware, both inclusive, to the second."""

    not_before: datetime
    not_after: datetime


def valid_for(issued: datetime, days: int) -> Validity:
    """From *issued* on, for *days*."""
    return Validity(not_before=issued, not_after=issued + timedelta(days=days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who has a certificate: a name and a private key.

    Args:
        title: the vendor's common name, without the mark ("ARK-Genoa").
        serial: of its certificate; 0 as AMD's VCEKs have it, None for one made from the key.
    """

    title: str
    key: PrivateKey
    serial: int | None = None

    @property
    def common_name(self) -> str:
        """Its title with the mark."""
        return MARK + self.title

    @property
    def name(self) -> x509.Name:
        """Its subject."""
        attributes = (
            (x509.NameOID.ORGANIZATION_NAME, ORGANISATION),
            (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, NOTICE),
            (x509.NameOID.COMMON_NAME, self.common_name),
        )
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])

    @property
    def spki(self) -> bytes:
        """Its SubjectPublicKeyInfo, DER."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def serial_number(self) -> int:
        """Of its certificate, by which a revocation list names it."""
        if self.serial is not None:
            return self.serial
        return int(_key_id(self).digest[:_SERIAL_BYTES].hex(), 16)


def certify(
    subject: Party,
    issuer: Party,
    validity: Validity,
    *,
    roles: tuple[x509.ExtensionType, ...] = (),
    extensions: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """A certificate of *subject*, DER.

    Args:
        roles: critical extensions (``authority``, ``signer``); with any, both key identifiers are
            there too.  AMD's VCEKs have none of these.
        extensions: object identifiers and contents, not critical.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(issuer.name)
        .public_key(subject.key.public_key())
        .serial_number(subject.serial_number or 1)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )
    for role in roles:
        builder = builder.add_extension(role, critical=True)
    if roles:
        builder = builder.add_extension(_authority_key(issuer), critical=False)
        builder = builder.add_extension(_key_id(subject), critical=False)
    for oid, content in extensions:
        found = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), content)
        builder = builder.add_extension(found, critical=False)
    made = _sign(builder, issuer.key)
    if subject.serial_number == 0 and isinstance(issuer.key, rsa.RSAPrivateKey):
        return _with_serial_0(made, issuer.key)
    return made


def revoke(issuer: Party, revoked: Iterable[Party], validity: Validity) -> bytes:
    """The revocation list of *issuer*, on which are the certificates of *revoked*, DER."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.name)
        .last_update(validity.not_before)
        .next_update(validity.not_after)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(_authority_key(issuer), critical=False)
    )
    for party in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(party.serial_number)
            .revocation_date(validity.not_before)
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        )
        builder = builder.add_revoked_certificate(entry.build())
    return _sign(builder, issuer.key)


def authority(path_length: int) -> tuple[x509.ExtensionType, ...]:
    """May issue, with *path_length* authorities below it, and may revoke."""
    return _usage(issues=True), x509.BasicConstraints(ca=True, path_length=path_length)


def signer() -> tuple[x509.ExtensionType, ...]:
    """May sign data, and may not issue."""
    return _usage(issues=False), x509.BasicConstraints(ca=False, path_length=None)


def pem(label: str, content: bytes) -> bytes:
    """*content* as one PEM block, as its bytes are in files and quotes."""
    text = base64.b64encode(content).decode("ascii")
    lines = "\n".join(text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode("ascii")


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=not issues,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _key_id(party: Party) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(party.key.public_key())


def _authority_key(issuer: Party) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_key_id(issuer))


def _sign(
    builder: x509.CertificateBuilder | x509.CertificateRevocationListBuilder, key: PrivateKey
) -> bytes:
    """Sign as the vendors do: AMD with RSASSA-PSS and SHA-384, Intel with ECDSA and SHA-256.

    An ECDSA signature is the same every time; a PSS signature has a random salt.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        made = builder.sign(key, hashes.SHA384(), rsa_padding=_PSS)
    else:
        made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def _with_serial_0(made: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """*made*, which has serial number 1, with the 0 of AMD's VCEKs, and signed anew.

    The builder refuses 0, as RFC 5280, section 4.1.2.2, does.
    """
    old = x509.load_der_x509_certificate(made).tbs_certificate_bytes
    new = old.replace(_SERIAL_1, _SERIAL_0, 1)
    signature = key.sign(new, _PSS, hashes.SHA384())
    return made.replace(old, new, 1)[: -len(signature)] + signature
