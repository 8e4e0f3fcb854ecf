"""Documents of enclaves that do not exist, signed under an authority of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import NameOID

from enarx.tee.anchors import TrustAnchor
from enarx.wire import cbor

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
NAMES = {
    "root": "SIMULATED aws.nitro-enclaves",
    "zone": "SIMULATED 0123.us-east-1.aws.nitro-enclaves",
    "instance": "SIMULATED i-01.us-east-1.aws.nitro-enclaves",
    "leaf": "SIMULATED i-01-enc01.us-east-1.aws",
}
ORDER = tuple(NAMES)
ZERO = bytes(48)


def key(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of an authority or an enclave; the same in every run."""
    return ec.derive_private_key(20 + ORDER.index(name), ec.SECP384R1())


def subject(name: str) -> x509.Name:
    """A name as AWS's certificates have it."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Amazon"),
            x509.NameAttribute(NameOID.COMMON_NAME, NAMES[name]),
        ]
    )


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Certificates and documents; every part can be made wrong."""

    now: datetime = NOW
    key = staticmethod(key)

    @property
    def anchors(self) -> tuple[TrustAnchor, ...]:
        """The tests' root."""
        spki = (
            key("root")
            .public_key()
            .public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return (
            TrustAnchor(
                vendor="aws",
                name=NAMES["root"],
                subject=f"CN={NAMES['root']},O=Amazon",
                spki=spki,
                simulated=True,
            ),
        )

    def certificate(
        self, name: str = "leaf", *, signs: bool = True, authority: bool | None = None
    ) -> bytes:
        """One certificate of the chain, signed by the next one up; the leaf lives three hours."""
        above = ORDER[max(ORDER.index(name) - 1, 0)]
        is_authority = name != "leaf" if authority is None else authority
        usage = [False] * 9
        usage[0], usage[5], usage[6] = signs, is_authority, name in ("root", "zone")
        begin, end = NOW - timedelta(minutes=1), NOW + timedelta(hours=3)
        builder = (
            x509.CertificateBuilder(
                subject(above),
                subject(name),
                key(name).public_key(),
                100 + ORDER.index(name),
                begin if name == "leaf" else NOW - timedelta(days=9),
                end if name == "leaf" else LATER,
            )
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(*usage), critical=True)
        )
        signed = builder.sign(key(above), hashes.SHA384(), ecdsa_deterministic=True)
        return signed.public_bytes(serialization.Encoding.DER)

    def crl(
        self, name: str, *revoked: int, begin: datetime = NOW, until: datetime = LATER
    ) -> bytes:
        """A list of the authority *name*."""
        builder = x509.CertificateRevocationListBuilder(subject(name), begin, until)
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder(serial, NOW).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(key(name), hashes.SHA384()).public_bytes(serialization.Encoding.DER)

    def payload(self, **change: object) -> dict[str, object]:
        """What an enclave's document says; a change to ``...`` leaves a key out."""
        whole = {
            "module_id": "i-01-enc01",
            "digest": "SHA384",
            "timestamp": int(NOW.timestamp()) * 1000 + 346,
            "pcrs": {i: bytes((i + 1,)) * 48 if i < 3 else ZERO for i in range(16)},
            "certificate": self.certificate(),
            "cabundle": [self.certificate(name) for name in ORDER[:-1]],
            "public_key": None,
            "user_data": b"u" * 64,
            "nonce": b"n" * 32,
            **change,
        }
        return {name: value for name, value in whole.items() if value is not ...}

    def document(
        self,
        payload: object = None,
        *,
        header: bytes = b"\xa1\x01\x38\x22",
        tagged: bool = False,
        signer: str = "leaf",
    ) -> bytes:
        """A signed document around *payload*, by default an enclave's."""
        body = payload if isinstance(payload, bytes) else cbor.encode(payload or self.payload())
        signed = cbor.encode(("Signature1", header, b"", body))
        r, s = decode_dss_signature(key(signer).sign(signed, ec.ECDSA(hashes.SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
        message = cbor.encode((header, {}, body, signature))
        return b"\xd2" + message if tagged else message


@pytest.fixture(scope="session")
def make() -> Maker:
    """Makes documents of enclaves that do not exist."""
    return Maker()
