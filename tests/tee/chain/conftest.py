"""Authorities that issue whatever a test asks for, right or wrong, with keys that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from enarx.tee.anchors import TrustAnchor, Vendor
from enarx.tee.x509 import Certificate, Crl, load_certificate, load_crl
from enarx.wire import der

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def usage(*, issues: bool, revokes: bool) -> x509.KeyUsage:
    """A key usage with nothing but these two."""
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=revokes,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a certificate says about its subject; by default an authority's of today."""

    ca: bool | None = True
    path_length: int | None = None
    issues: bool | None = True
    revokes: bool = True
    start: datetime = NOW - YEAR
    end: datetime = NOW + YEAR
    serial: int = 0x1234
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()


LEAF = Role(ca=False, issues=False, revokes=False)


@dataclass(frozen=True, kw_only=True)
class Party:
    """Somebody with a name and a key; two parties can have one name."""

    name: str
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    organisation: str = ""

    @property
    def subject(self) -> x509.Name:
        """Its whole name; empty for a party called nothing."""
        parts = (
            (x509.NameOID.ORGANIZATION_NAME, self.organisation),
            (x509.NameOID.COMMON_NAME, self.name),
        )
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])

    @property
    def spki(self) -> bytes:
        """Its public key."""
        return self.key.public_key().public_bytes(DER, SPKI)

    def issue(self, subject: Party, role: Role = LEAF, **signing: object) -> Certificate:
        """A certificate of *subject*, signed by this party's key."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject.subject)
            .issuer_name(self.subject)
            .public_key(subject.key.public_key())
            .serial_number(role.serial)
            .not_valid_before(role.start)
            .not_valid_after(role.end)
        )
        if role.ca is not None:
            basic = x509.BasicConstraints(ca=role.ca, path_length=role.path_length)
            builder = builder.add_extension(basic, critical=True)
        if role.issues is not None:
            uses = usage(issues=role.issues, revokes=role.revokes)
            builder = builder.add_extension(uses, critical=True)
        for value, critical in role.extensions:
            builder = builder.add_extension(value, critical=critical)
        algorithm = signing.pop("algorithm", hashes.SHA256())
        made = builder.sign(self.key, algorithm, **signing)  # type: ignore[arg-type]
        return load_certificate(made.public_bytes(DER), subject.name)

    def crl(
        self,
        *revoked: int,
        start: datetime = NOW - timedelta(days=1),
        end: datetime | None = NOW + timedelta(days=30),
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> Crl:
        """A list of these serial numbers; without *end* one that never says when it ends."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.subject)
            .last_update(start)
            .next_update(end or PLACEHOLDER)
        )
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
            builder = builder.add_revoked_certificate(entry.build())
        for value, critical in extensions:
            builder = builder.add_extension(value, critical=critical)
        made = builder.sign(self.key, hashes.SHA256())
        if end is None:
            return load_crl(self._without_end(made), "CRL")
        return load_crl(made.public_bytes(DER), "CRL")

    def _without_end(self, crl: x509.CertificateRevocationList) -> bytes:
        """The same list without ``nextUpdate``, which the library's builder insists on."""
        whole = crl.tbs_certlist_bytes
        before, found, after = whole[2 if whole[1] < 0x80 else 3 :].partition(PLACEHOLDER_DER)
        assert found
        body = der.sequence(before + after)
        return assembled(body, self.key.sign(body, ec.ECDSA(hashes.SHA256())))  # type: ignore[call-arg, arg-type]

    def anchor(self, vendor: Vendor = "intel") -> TrustAnchor:
        """This party as a pinned key."""
        return TrustAnchor(
            vendor=vendor, name=self.name, spki=self.spki, subject=self.subject.rfc4514_string()
        )


def assembled(signed: bytes, signature: bytes) -> bytes:
    """A certificate or list of what was signed by ECDSA with SHA-256, and the signature."""
    bits = b"\3" + bytes((len(signature) + 1,)) + b"\0" + signature
    return der.sequence(signed, bytes.fromhex("300a06082a8648ce3d040302"), bits)


PLACEHOLDER = datetime(2049, 12, 31, tzinfo=UTC)
PLACEHOLDER_DER = b"\x17\x0d491231000000Z"


class World:
    """A pinned root, an authority below it and a device below that, at one instant."""

    now = NOW

    def __init__(self) -> None:
        self.root, self.middle, self.device = (
            self.party("Root"),
            self.party("Middle"),
            self.party("Device"),
        )

    def party(self, name: str, **more: Any) -> Party:  # noqa: ANN401 - Party's
        """Somebody with that name and a new key."""
        return Party(name=name, **more)

    def role(self, **more: Any) -> Role:  # noqa: ANN401 - Role's
        """What a certificate says about its subject: an authority's unless told otherwise."""
        return Role(**more)

    def reassembled(self, signed: bytes, signature: bytes) -> Certificate:
        """A certificate of its signed part and an ECDSA signature."""
        return load_certificate(assembled(signed, signature), "it")


@pytest.fixture
def w() -> World:
    """Everybody whom a test needs, with new keys."""
    return World()
