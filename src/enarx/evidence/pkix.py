"""X.509 certificates and PKCS#10 requests as carriers: their key and their extensions.

A certificate is taken apart here and not by ``tee.x509``: RA-TLS libraries write what a strict
loader refuses (``self_signature``), and nothing of such a certificate is believed but what its
evidence proves.  If it names itself as its issuer, it must have signed itself; what the signature
of another issuer is worth is decided by nobody here.  A request is signed by its key in any case.

Sources: RFC 5280, sections 4.1 and 4.2; RFC 2986, section 4; RFC 2985, section 5.4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.evidence import self_signature
from enarx.wire import der

MAX_EXTENSIONS = 64
"""In one certificate or request."""

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_SEQUENCE = b"\x30"
_INTEGER = b"\x02"


@asn1.sequence
class _Extension:
    oid: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]  # noqa: FBT003 - the library's signature
    value: bytes


@asn1.sequence
class _Extensions:
    items: list[_Extension]


@asn1.sequence
class _Tbs:
    version: Annotated[int | None, asn1.Explicit(0)]
    serial: asn1.TLV
    algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    spki: asn1.TLV
    issuer_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class _Certificate:
    tbs: _Tbs
    algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class _Attribute:
    oid: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _RequestInfo:
    version: int
    subject: asn1.TLV
    spki: asn1.TLV
    attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]


@asn1.sequence
class _Request:
    info: _RequestInfo
    algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class _Signed:
    body: asn1.TLV
    algorithm: asn1.TLV
    signature: asn1.BitString


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """What a certificate or request names and carries.

    Args:
        kind: "X.509 certificate" or "PKCS#10 request".
        spki: SubjectPublicKeyInfo, DER, the bytes that arrived.
        items: extensions (of a request: those it asks for), and a request's attributes, by their
            dotted identifiers; the content of each.
    """

    kind: str
    spki: bytes
    items: dict[str, bytes]


def is_der(data: bytes) -> bool:
    """Whether *data* begins like a certificate or a request; ``read`` decides."""
    return data[:1] == _SEQUENCE


def read(data: bytes, where: str) -> Carrier:
    """A certificate or a request, whichever *data* is.

    The caller must not believe anything a certificate says: its maker is not known.

    Raises:
        MalformedError: it is neither, or an extension or attribute occurs twice.
        UnauthenticError: a request, or a certificate that names itself as issuer, is not signed by
            the key that it names.
    """
    body = der.decode(_Signed, data, where).body
    if bytes(body.data)[:1] == _INTEGER:
        return _request(data, where)
    return _certificate(data, der.element(body), where)


def _certificate(data: bytes, body: bytes, where: str) -> Carrier:
    found = der.decode(_Certificate, data, where)
    tbs, algorithm = found.tbs, der.element(found.algorithm)
    if algorithm != der.element(tbs.algorithm):
        raise MalformedError(where, "names two signature algorithms")
    items = _extensions(tbs.extensions or [], where)
    spki = der.element(tbs.spki)
    if der.element(tbs.issuer) == der.element(tbs.subject):
        self_signature.check(body, algorithm, found.signature.as_bytes(), spki, where)
    return Carrier(kind="X.509 certificate", spki=spki, items=items)


def _request(data: bytes, where: str) -> Carrier:
    info = der.decode(_Request, data, where).info
    if info.version:
        raise MalformedError(where, f"got version {info.version} of a request, want 0")
    items: dict[str, bytes] = {}
    for attribute in info.attributes.as_list():
        oid = attribute.oid.dotted_string
        values = attribute.values.as_list()
        if oid in items or len(values) != 1:
            raise MalformedError(where, f"got several values of attribute {oid}, want one")
        items[oid] = der.element(values[0])
    _must_be_signed(data, where)
    if requested := items.pop(_EXTENSION_REQUEST, b""):
        extensions = _extensions(
            der.decode(_Extensions, der.sequence(requested), where).items, where
        )
        if both := extensions.keys() & items.keys():
            raise MalformedError(where, f"{min(both)} is an attribute and an extension")
        items |= extensions
    return Carrier(kind="PKCS#10 request", spki=der.element(info.spki), items=items)


def _extensions(found: list[_Extension], where: str) -> dict[str, bytes]:
    if len(found) > MAX_EXTENSIONS:
        raise MalformedError(where, f"got {len(found)} extensions, want at most {MAX_EXTENSIONS}")
    items = {item.oid.dotted_string: item.value for item in found}
    if len(items) != len(found):
        raise MalformedError(where, "an extension occurs twice")
    return items


def _must_be_signed(data: bytes, where: str) -> None:
    """Insist that the request's key signed it, with a hash that still means something."""
    try:
        request = x509.load_der_x509_csr(data)
        used = request.signature_hash_algorithm
        valid = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as e:
        raise MalformedError(where, f"no usable request ({str(e)[:120]})") from e
    if used is not None and used.name not in _HASHES:
        raise MalformedError(where, f"signed with {used.name}, want one of {sorted(_HASHES)}")
    if not valid:
        failure = Failure(
            "signature",
            want="a signature of the key in the request",
            got="a signature of another key, or over another request",
        )
        raise UnauthenticError("certification request", failure)
