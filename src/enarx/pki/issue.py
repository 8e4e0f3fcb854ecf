"""Certificates of a Steward: its root, its intermediates, and those of keeps.

A keep's certificate names nobody but the workload: an empty subject, and in critical alternative
names the SPIFFE identity and whatever DNS names the policy gives.  What the Steward says beside the
names is a conceptual message wrapper in the extension id-pe-cmw: the workload digest, and the proof
that the decision is in the log.  A simulated keep is called SIMULATED in its subject.

Sources: RFC 5280, section 4; X509-SVID (SPIFFE), sections 2 to 5; draft-ietf-rats-msg-wrap-23,
section 4.4; docs/design/formats/certificate.md.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from enarx.wire import cbor, der

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from enarx.pki.signing import PublicKey, Signer
    from enarx.wire.cbor import Value

CREDENTIAL = "tag:enarx.dev,2026:credential"
"""The type of the collection in a certificate."""
PROOF_TYPE = "application/vnd.enarx.log-proof.v1"
WORKLOAD_TYPE = "application/vnd.enarx.workload-digest.v1"
SIMULATED = "SIMULATED, no protection"
SERIAL_BYTES = 16

_CMW = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")  # id-pe-cmw


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a keep's certificate says.

    Args:
        spki: the key, SubjectPublicKeyInfo in DER.
        serial: positive, at most 20 octets, never used before.
        not_before, not_after: aware.
        spiffe_id: the URI.
        dns_names: checked by ``names.dns_name``.
        addresses: IP addresses, as text.
        workload_digest: "sha256:…", or empty.
        proof: that the decision is in the log; empty for none.
        crl_url: where revoked certificates are listed; empty for nowhere.
        simulated: no hardware was proven.
    """

    spki: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    spiffe_id: str
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    workload_digest: str = ""
    proof: bytes = b""
    crl_url: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What the certificate of an authority says.

    Args:
        name: its common name.
        serial: as of ``Leaf``.
        trust_domain: of SPIFFE, without the scheme.
        path_length: how many authorities may stand between it and a keep.
        crl_url: as of ``Leaf``.
    """

    name: str
    serial: int
    not_before: datetime
    not_after: datetime
    trust_domain: str
    path_length: int
    crl_url: str = ""


def leaf(wanted: Leaf, issuer: x509.Certificate, signer: Signer) -> bytes:
    """The certificate, DER, signed by *signer*, whose certificate *issuer* is.

    The caller has proven that the key is a keep's, and that the keep may have the names.

    Raises:
        ValueError: *wanted* is no certificate: a key of an unknown kind, times in no order.
    """
    key = load_der_public_key(wanted.spki)
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        raise ValueError("want a key of an elliptic curve, Ed25519 or RSA")
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED)] * wanted.simulated
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(wanted.serial)
        .not_valid_before(wanted.not_before)
        .not_valid_after(wanted.not_after)
    )
    for extension, critical in _leaf_extensions(wanted, issuer):
        builder = builder.add_extension(extension, critical=critical)
    return signer.certificate(builder)


def root(wanted: Authority, signer: Signer) -> bytes:
    """The certificate of an authority on itself, DER."""
    name = _name(wanted)
    builder = _authority(wanted, signer.public_key, name, _key_id(signer.public_key))
    return signer.certificate(builder)


def intermediate(
    wanted: Authority, key: PublicKey, issuer: x509.Certificate, signer: Signer
) -> bytes:
    """The certificate of an authority below *issuer*, DER."""
    return signer.certificate(_authority(wanted, key, issuer.subject, _key_id_of(issuer)))


def credential(certificate: bytes) -> dict[str, bytes]:
    """What the Steward put beside the names: "workload" and "log"; empty if it put nothing.

    The caller has verified the certificate.
    """
    parsed = x509.load_der_x509_certificate(certificate)
    try:
        found = parsed.extensions.get_extension_for_oid(_CMW).value
    except x509.ExtensionNotFound:
        return {}
    if not isinstance(found, x509.UnrecognizedExtension):
        return {}
    match cbor.decode(der.decode(bytes, found.value, "certificate"), "certificate"):
        case {"__cmwc_t": kind, **items} if kind == CREDENTIAL:
            return {
                str(label): item[1]
                for label, item in items.items()
                if isinstance(item, tuple) and len(item) > 1 and isinstance(item[1], bytes)
            }
    return {}


def _authority(
    wanted: Authority, key: PublicKey, issuer: x509.Name, issuer_id: bytes
) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=wanted.path_length)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(wanted))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(wanted.serial)
        .not_valid_before(wanted.not_before)
        .not_valid_after(wanted.not_after)
        .add_extension(constraints, critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(issuer_id, None, None), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(f"spiffe://{wanted.trust_domain}")]
            ),
            critical=False,
        )
    )
    for extension in _crl(wanted.crl_url):
        builder = builder.add_extension(extension, critical=False)
    return builder


def _leaf_extensions(
    wanted: Leaf, issuer: x509.Certificate
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield _usage(certificates=False), True
    yield _EXTENDED_USAGE, False
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(wanted.spiffe_id)]
    names += [x509.DNSName(name) for name in wanted.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in wanted.addresses]
    yield x509.SubjectAlternativeName(names), not wanted.simulated  # critical if no subject
    yield x509.AuthorityKeyIdentifier(_key_id_of(issuer), None, None), False
    for extension in _crl(wanted.crl_url):
        yield extension, False
    if wanted.workload_digest or wanted.proof:
        yield x509.UnrecognizedExtension(_CMW, der.encode(_collection(wanted))), False


def _collection(wanted: Leaf) -> bytes:
    found: dict[Value, Value] = {"__cmwc_t": CREDENTIAL}
    if wanted.workload_digest:
        found["workload"] = (WORKLOAD_TYPE, wanted.workload_digest.encode("ascii"))
    if wanted.proof:
        found["log"] = (PROOF_TYPE, wanted.proof)
    return cbor.encode(found)


def _crl(url: str) -> tuple[x509.CRLDistributionPoints, ...]:
    if not url:
        return ()
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return (x509.CRLDistributionPoints([point]),)


def _name(wanted: Authority) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.name)])


def _key_id(key: PublicKey) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def _key_id_of(issuer: x509.Certificate) -> bytes:
    return issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        key_encipherment=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


_EXTENDED_USAGE = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)
