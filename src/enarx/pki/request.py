"""Certification requests: those that keeps write, and which names a request asks for.

Source: RFC 2986; RFC 2985, section 5.4.2; draft-ietf-rats-msg-wrap-23, section 4.4.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from enarx.errors import MalformedError
from enarx.wire import der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

MAX_BYTES = 1 << 20
MAX_NAMES = 64

_UNREADABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_CMW = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")  # id-pe-cmw


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a request wants to be called; nothing of it is granted yet."""

    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


_NONE = Names()


def make(key: ec.EllipticCurvePrivateKey, evidence: bytes, names: Names = _NONE) -> bytes:
    """A request for *key*, P-256, with *evidence*, a wrapper in CBOR; DER."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.UnrecognizedExtension(_CMW, der.encode(evidence)), critical=False)
    )
    if names.dns:
        wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names.dns])
        builder = builder.add_extension(wanted, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def names_of(data: bytes, where: str = "request") -> Names:
    """The names that the request in *data*, DER, asks for.

    Its signature is not checked here: ``evidence.pkix`` does, for whoever takes the evidence out.

    Raises:
        MalformedError: it is no request, or asks for a name of another kind.
    """
    try:
        extensions = x509.load_der_x509_csr(data).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names()
    except _UNREADABLE as e:
        raise MalformedError(where, f"its names cannot be read ({str(e)[:120]})") from e
    if len(list(found)) > MAX_NAMES:
        raise MalformedError(where, f"asks for more than {MAX_NAMES} names")
    for name in found:
        if not (isinstance(name, x509.DNSName) or _is_one_address(name)):
            kind = type(name).__name__
            raise MalformedError(where, f"asks for a name of kind {kind}, want DNS names")
    return Names(
        dns=tuple(found.get_values_for_type(x509.DNSName)),
        addresses=tuple(str(ip) for ip in found.get_values_for_type(x509.IPAddress)),
    )


def _is_one_address(name: x509.GeneralName) -> bool:
    """A machine's address, and not a network, which stands in constraints of names only."""
    return isinstance(name, x509.IPAddress) and isinstance(
        name.value, ipaddress.IPv4Address | ipaddress.IPv6Address
    )
