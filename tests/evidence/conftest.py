"""Evidence of made-up technologies, and certificates and requests that carry it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError
from enarx.tee.claims import Claims, Revocation, Tcb
from enarx.tee.technology import Technology
from enarx.wire import der

NAMES = ("snp", "sgx", "tdx", "nitro", "cca")

Key = ec.EllipticCurvePrivateKey


def technology(name: str, begin: bytes) -> Technology:
    """Evidence that begins with *begin*; only looked at, never parsed."""

    def never(*_: object) -> object:
        raise MalformedError(name, "is not parsed by a container")

    return Technology(
        name=name,
        title=f"made-up {name}",
        vendor="amd",
        recognises=lambda data: data.startswith(begin),
        parse=never,
        needs=never,  # type: ignore[arg-type]
        authenticate=never,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def evidence() -> dict[str, bytes]:
    """Of each technology something that begins, and is as long, as its evidence."""
    signature = b"signature data"
    sized = len(signature).to_bytes(4, "little") + signature
    return {
        "snp": b"\x02\0\0\0" + bytes(range(200)) + bytes(980),
        "sgx": b"\x03\0\x02\0" + bytes(44) + bytes(384) + sized,
        "tdx": b"\x04\0\x02\0" + bytes(44) + bytes(584) + sized,
        "nitro": b"\x84\x44\xa1\x01\x38\x22" + bytes(100),
        "cca": b"\xd9\x01\x8f\xa0" + bytes(50),
    }


@pytest.fixture(scope="session")
def technologies() -> tuple[Technology, ...]:
    """Technologies that recognise the evidence above."""
    begins = (
        b"\x02\0\0\0", b"\x03\0\x02\0", b"\x04\0\x02\0", b"\x84\x44\xa1\x01\x38", b"\xd9\x01\x8f",
    )  # fmt: skip
    return tuple(map(technology, NAMES, begins))


@pytest.fixture(scope="session")
def key() -> Key:
    """The key in a certificate or request."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def other_key() -> Key:
    """Somebody else's key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def spki() -> Callable[[Key], bytes]:
    """The SubjectPublicKeyInfo of a key."""

    def encode(private: Key) -> bytes:
        return private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    return encode


def tagged(tag: int, *elements: bytes) -> bytes:
    """DER with a tag of one byte around elements that are DER already."""
    return bytes((tag,)) + der.sequence(*elements)[1:]


def dotted(oid: str) -> bytes:
    """The DER of an object identifier."""
    return der.encode(x509.ObjectIdentifier(oid))


@pytest.fixture(scope="session")
def request_with() -> Callable[..., bytes]:
    """A certification request of a key: extensions by identifier, attributes with their values."""

    def build(
        private: Key,
        extensions: Sequence[tuple[str, bytes]] = (),
        attributes: Sequence[tuple[str, bytes]] = (),
        *,
        signer: Key | None = None,
        hash_algorithm: hashes.HashAlgorithm | None = None,
    ) -> bytes:
        used = hash_algorithm or hashes.SHA256()
        asked = [der.sequence(dotted(oid), der.encode(value)) for oid, value in extensions]
        held = [(EXTENSION_REQUEST, der.sequence(*asked))] if asked else []
        sets = [der.sequence(dotted(oid), tagged(0x31, v)) for oid, v in (*held, *attributes)]
        spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        info = der.sequence(der.encode(0), der.sequence(), spki, tagged(0xA0, *sorted(sets)))
        signature = (signer or private).sign(info, ec.ECDSA(used))
        return der.sequence(
            info, der.sequence(dotted(ALGORITHMS[used.name])), tagged(0x03, b"\0" + signature)
        )

    return build


EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
ALGORITHMS = {"sha224": "1.2.840.10045.4.3.1", "sha256": "1.2.840.10045.4.3.2"}


@pytest.fixture(scope="session")
def certificate_with() -> Callable[..., bytes]:
    """A self-signed certificate of a key, with extensions by identifier."""

    def build(private: Key, extensions: Sequence[tuple[str, bytes]] = ()) -> bytes:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keep")])
        begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(1)
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(days=1))
        )
        for oid, value in extensions:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
            builder = builder.add_extension(unknown, critical=False)
        made = builder.sign(private, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    return build


@pytest.fixture(scope="session")
def claims_of() -> Callable[..., Claims]:
    """Claims with a report data and fields, and nothing else of interest."""

    def build(report_data: bytes, fields: Mapping[str, bytes] | None = None) -> Claims:
        return Claims(
            platform="snp",
            simulated=True,
            measurements={},
            report_data=report_data,
            debug=False,
            migratable=None,
            smt=None,
            instance=b"",
            tcb=Tcb(components={}),
            revocation=Revocation(unchecked=()),
            fields=fields or {},
        )

    return build


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """Two keys, and what is made with keys."""

    key: Key
    other_key: Key
    spki: Callable[[Key], bytes]
    request: Callable[..., bytes]
    certificate: Callable[..., bytes]
    claims: Callable[..., Claims]


@pytest.fixture(scope="session")
def pki(request: pytest.FixtureRequest) -> Pki:
    """All of the above in one hand."""
    return Pki(
        key=request.getfixturevalue("key"),
        other_key=request.getfixturevalue("other_key"),
        spki=request.getfixturevalue("spki"),
        request=request.getfixturevalue("request_with"),
        certificate=request.getfixturevalue("certificate_with"),
        claims=request.getfixturevalue("claims_of"),
    )
