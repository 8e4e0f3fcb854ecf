"""Reports of devices that do not exist, signed under an authority of the tests."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import NameOID, ObjectIdentifier

from enarx.tee.anchors import TrustAnchor
from enarx.tee.endorsements import Endorsements
from enarx.wire import der

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NONCE = bytes(range(32))
FWID = b"\x07" * 48
SHA384 = "2.16.840.1.101.3.4.2.2"
NAMES = {
    "root": "SIMULATED NVIDIA Device Identity CA",
    "identity": "SIMULATED NVIDIA GH100 Identity",
    "ica": "SIMULATED NVIDIA GH100 Provisioner ICA 1",
    "brom": "SIMULATED GH100 A01 GSP BROM",
    "leaf": "SIMULATED GH100 A01 GSP FMC LF",
}
ORDER = tuple(NAMES)
LIST_BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


@asn1.sequence
class Digest:
    """FWID of TCG DICE."""

    algorithm: ObjectIdentifier
    digest: bytes


def key(name: str, device: int = 0) -> ec.EllipticCurvePrivateKey:
    """The key of an authority or a device; the same in every run."""
    number = 10 + ORDER.index(name) + (100 * (device + 1) if name in ("brom", "leaf") else 0)
    return ec.derive_private_key(number, ec.SECP384R1())


def composite(digest: bytes = FWID) -> x509.UnrecognizedExtension:
    """CompositeDeviceID, as Hopper's certificates carry it."""
    spki = (
        key("leaf")
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    fwid = der.encode(Digest(algorithm=ObjectIdentifier(SHA384), digest=digest))
    value = der.sequence(der.encode(1), spki, fwid)
    return x509.UnrecognizedExtension(ObjectIdentifier("2.23.133.5.4.1"), value)


def tcb_info(*digests: bytes) -> x509.UnrecognizedExtension:
    """TcbInfo, as Blackwell's certificates carry it; without a list if there is no digest."""
    listed = b"".join(
        der.encode(Digest(algorithm=ObjectIdentifier(SHA384), digest=digest)) for digest in digests
    )
    fwids = b"\xa6" + der.sequence(listed)[1:] if digests else b""
    value = der.sequence(b"\x80\x06NVIDIA", b"\x83\x01\x01", fwids)
    return x509.UnrecognizedExtension(ObjectIdentifier("2.23.133.5.4.1.1"), value)


def other_name(value: bytes, oid: str = "1.3.6.1.4.1.412.274.1") -> x509.SubjectAlternativeName:
    """A device's name in its certificate."""
    return x509.SubjectAlternativeName([x509.OtherName(ObjectIdentifier(oid), value)])


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Certificates, transcripts and lists; every part can be made wrong."""

    now: datetime = NOW
    nonce: bytes = NONCE
    fwid: bytes = FWID
    end: datetime = END
    composite = staticmethod(composite)
    tcb_info = staticmethod(tcb_info)
    other_name = staticmethod(other_name)
    key = staticmethod(key)
    anchors: tuple[TrustAnchor, ...] = field(
        default_factory=lambda: (
            TrustAnchor(
                vendor="nvidia",
                name=NAMES["root"],
                subject=f"CN={NAMES['root']},O=NVIDIA",
                spki=key("root")
                .public_key()
                .public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                ),
                simulated=True,
            ),
        )
    )

    def certificate(
        self,
        name: str = "leaf",
        *,
        device: int = 0,
        common_name: str = "",
        extensions: tuple[x509.ExtensionType, ...] | None = None,
        signs: bool = True,
        authority: bool | None = None,
        public_key: CertificatePublicKeyTypes | None = None,
        until: datetime = END,
    ) -> bytes:
        """One certificate of the chain, signed by the next one up."""
        device = device if name in ("brom", "leaf") else 0
        above = ORDER[max(ORDER.index(name) - 1, 0)]
        is_authority = name != "leaf" if authority is None else authority
        builder = x509.CertificateBuilder(
            self._name(NAMES[above]),
            self._name(common_name or NAMES[name]),
            public_key or key(name, device).public_key(),
            1000 * (device + 1) + ORDER.index(name),
            BEGIN,
            until,
        )
        if is_authority:
            builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)  # noqa: FBT003
        usage = [False] * 9
        usage[0], usage[5], usage[6] = (
            signs and not is_authority,
            is_authority,
            is_authority and name != "brom",
        )
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
        if extensions is None:
            extensions = (
                (composite(), other_name(der.encode(f"NVIDIA:GH100:{device:016X}")))
                if name == "leaf"
                else ()
            )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(
            key(above, device), hashes.SHA384(), ecdsa_deterministic=True
        ).public_bytes(serialization.Encoding.DER)

    def chain(self, *, device: int = 0, leaf: bytes | None = None) -> tuple[bytes, ...]:
        """The chain of a device, leaf first."""
        upper = tuple(self.certificate(name, device=device) for name in reversed(ORDER[:-1]))
        return (self.certificate(device=device) if leaf is None else leaf, *upper)

    def crl(self, name: str, *revoked: int, until: datetime, begin: datetime = LIST_BEGIN) -> bytes:
        """A list of the authority *name*."""
        builder = x509.CertificateRevocationListBuilder(self._name(NAMES[name]), begin, until)
        for serial in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(serial, datetime(2026, 5, 1, tzinfo=UTC)).build()
            )
        return builder.sign(key(name), hashes.SHA384()).public_bytes(serialization.Encoding.DER)

    def block(self, index: int = 1, value: bytes = b"\x11" * 48, **change: int) -> bytes:
        """One measurement block."""
        size = change.get("size", len(value) + 3)
        head = bytes((index, change.get("specification", 1))) + size.to_bytes(2, "little")
        return (
            head
            + bytes((change.get("kind", 1),))
            + change.get("value_size", len(value)).to_bytes(2, "little")
            + value
        )

    def opaque(self, *pairs: tuple[int, bytes]) -> bytes:
        """Opaque data."""
        return b"".join(
            kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
            for kind, value in pairs
        )

    @property
    def usual(self) -> tuple[tuple[int, bytes], ...]:
        """Opaque fields of an ordinary device."""
        return (
            (6, bytes.fromhex("0074009620000000")),
            (3, b"580.159.03\0"),
            (20, FWID),
            (34, b"\x01\x00"),
            (28, b"\x2a"),
        )

    def transcript(
        self,
        *,
        device: int = 0,
        nonce: bytes = NONCE,
        request: bytes = b"\x11\xe0\x01\xff",
        response: bytes = b"\x11\x60\x00\x00",
        slot: int = 0,
        blocks: tuple[bytes, ...] | None = None,
        count: int | None = None,
        opaque: bytes | None = None,
    ) -> bytes:
        """Request and response, signed by the device."""
        if blocks is None:
            blocks = (self.block(), self.block(2, b"\x22" * 48))
        record = b"".join(blocks)
        opaque = self.opaque(*self.usual) if opaque is None else opaque
        body = (
            request
            + nonce
            + bytes((slot,))
            + response
            + bytes((len(blocks) if count is None else count,))
            + len(record).to_bytes(3, "little")
            + record
            + b"\xaa" * 32
            + len(opaque).to_bytes(2, "little")
            + opaque
        )
        der_signature = key("leaf", device).sign(body, ec.ECDSA(hashes.SHA384()))
        r, s = decode_dss_signature(der_signature)
        return body + r.to_bytes(48, "big") + s.to_bytes(48, "big")

    def item(self, *, device: int = 0, **change: object) -> dict[str, object]:
        """One object of the SDK's list."""
        pem = b"".join(
            b"-----BEGIN CERTIFICATE-----\n"
            + base64.encodebytes(c)
            + b"-----END CERTIFICATE-----\n"
            for c in self.chain(device=device)
        )
        return {
            "arch": "HOPPER",
            "certificate": base64.b64encode(pem).decode(),
            "evidence": base64.b64encode(self.transcript(device=device)).decode(),
            "nonce": NONCE.hex(),
            **change,
        }

    def listed(self, *items: dict[str, object]) -> bytes:
        """The SDK's list."""
        return json.dumps(items).encode()

    def endorsed(self, *certificates: bytes, crls: tuple[bytes, ...] = ()) -> Endorsements:
        """A bag with some junk in it."""
        return Endorsements(certificates=(*certificates, b"junk"), crls=(*crls, b"junk"))

    def _name(self, common_name: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "NVIDIA"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )


@pytest.fixture(scope="session")
def make() -> Maker:
    """Makes evidence of devices that do not exist."""
    return Maker()
