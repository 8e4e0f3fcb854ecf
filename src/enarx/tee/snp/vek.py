"""Certificates of the keys that sign reports: VCEK (of one chip) and VLEK (of a cloud provider).

Both say in extensions of AMD's for which product and TCB their key was derived; a VCEK also for
which chip.  Parsed by content; who signed them is decided by ``trust``.

The hwID extension holds the chip's identifier itself, not DER.  A parser that guesses breaks on
identifiers that begin like DER (0x16 is a tag), so nothing is guessed.

Source: AMD 57230 "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface
Specification" rev. 1.00, section 3 (certificate profile and extensions).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.asn1 import IA5String
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError
from enarx.tee.snp.products import Product, product_of_name
from enarx.tee.snp.tcb import compose
from enarx.tee.x509 import Certificate, key_of, load_certificate
from enarx.wire.der import decode, encode

Signer = Literal["vcek", "vlek"]

AMD_ARC = "1.3.6.1.4.1.3704.1."
STRUCT_VERSION = AMD_ARC + "1"
PRODUCT_NAME = AMD_ARC + "2"
HW_ID = AMD_ARC + "4"
CSP_ID = AMD_ARC + "5"

SPL: dict[str, str] = {  # component of the TCB: extension
    "bootloader": AMD_ARC + "3.1",
    "tee": AMD_ARC + "3.2",
    "snp": AMD_ARC + "3.3",
    "microcode": AMD_ARC + "3.8",
    "fmc": AMD_ARC + "3.9",
}
RESERVED_SPL: tuple[str, ...] = tuple(f"{AMD_ARC}3.{n}" for n in (4, 5, 6, 7))

SPL_PARAMETERS: dict[str, str] = {  # component of the TCB: AMD's name, in URLs too
    "bootloader": "blSPL",
    "tee": "teeSPL",
    "snp": "snpSPL",
    "microcode": "ucodeSPL",
    "fmc": "fmcSPL",
}

HWID_BYTES: dict[Product, int] = {"Milan": 64, "Genoa": 64, "Turin": 8}

_KNOWN = frozenset((STRUCT_VERSION, PRODUCT_NAME, HW_ID, CSP_ID, *SPL.values(), *RESERVED_SPL))
_STRUCT_VERSIONS = (0, 1)  # 1 came with Turin
_MAX_SPL = 0xFF
_NUMBERS = {encode(number): number for number in range(_MAX_SPL + 1)}
"""A level fits one byte, so there are few of them; DER has one spelling of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vek:
    """What a VCEK's or VLEK's certificate says; nothing of it is proven.

    Args:
        certificate: the certificate itself.
        sha256: its fingerprint.
        subject: its name, RFC 4514.
        key: its P-384 key.
        signer: of a chip or of a cloud provider.
        product: whose layout *tcb* has.
        product_name: as certified ("Milan-B0").
        tcb: TCB_VERSION for which the key was derived, 8 bytes.
        hwid: the chip, 64 bytes, 8 on Turin; empty for a VLEK.
        csp_id: the cloud provider's name; empty for a VCEK.
    """

    certificate: Certificate
    sha256: bytes
    subject: str
    key: ec.EllipticCurvePublicKey
    signer: Signer
    product: Product
    product_name: str
    tcb: bytes
    hwid: bytes
    csp_id: str


def is_vek(certificate: Certificate) -> bool:
    """Whether *certificate* claims to be of a VCEK or VLEK."""
    return any(e.oid.dotted_string == STRUCT_VERSION for e in certificate.extensions)


def load_vek(der: bytes, where: str) -> Vek:
    """What the certificate in *der* says as a VCEK or VLEK.

    Raises:
        MalformedError: it is no certificate of AMD's profile, or its key is not of P-384.
    """
    return read_vek(load_certificate(der, where), hashlib.sha256(der).digest(), where)


def read_vek(certificate: Certificate, sha256: bytes, where: str) -> Vek:
    """What *certificate*, whose fingerprint is *sha256*, says as a VCEK or VLEK.

    Raises:
        MalformedError: it is not of AMD's profile, or its key is not of P-384.
    """
    found = _amd_extensions(certificate, where)
    if (version := _integer(found, STRUCT_VERSION, where)) not in _STRUCT_VERSIONS:
        raise MalformedError(where, f"got structVersion {version}, want 0 or 1")
    name = _ia5(found, PRODUCT_NAME, where)
    product = product_of_name(name, where)
    signer, hwid, csp_id = _owner(found, product, where)
    return Vek(
        certificate=certificate,
        sha256=sha256,
        subject=certificate.subject.rfc4514_string(),
        key=_p384(certificate, where),
        signer=signer,
        product=product,
        product_name=name,
        tcb=_tcb(found, product, where),
        hwid=hwid,
        csp_id=csp_id,
    )


def _amd_extensions(certificate: Certificate, where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for extension in certificate.extensions:
        oid = extension.oid.dotted_string
        if oid in _KNOWN:
            found[oid] = extension.value.public_bytes()
        elif oid.startswith(AMD_ARC):
            raise MalformedError(where, f"unknown extension {oid}")
    return found


def _owner(found: dict[str, bytes], product: Product, where: str) -> tuple[Signer, bytes, str]:
    """Whose key it is: ``(signer, hwID, CSP id)``."""
    if (HW_ID in found) == (CSP_ID in found):
        raise MalformedError(where, "want either a hwID (VCEK) or a CSP id (VLEK)")
    if CSP_ID in found:
        return "vlek", b"", _ia5(found, CSP_ID, where)
    hwid, want = found[HW_ID], HWID_BYTES[product]
    if len(hwid) != want:
        raise MalformedError(where, f"got a hwID of {len(hwid)} bytes, want {want} as on {product}")
    return "vcek", hwid, ""


def _tcb(found: dict[str, bytes], product: Product, where: str) -> bytes:
    for oid in RESERVED_SPL:
        if oid in found and (level := _integer(found, oid, where)):
            raise MalformedError(where, f"reserved extension {oid}: got {level}, want zero")
    numbers = {name: _integer(found, oid, where) for name, oid in SPL.items() if oid in found}
    return compose(product, numbers, where)


def _integer(found: dict[str, bytes], oid: str, where: str) -> int:
    value = _NUMBERS.get(der := _present(found, oid, where))
    if value is None:
        problem = f"got {der.hex()}, want the DER of an integer from 0 to {_MAX_SPL}"
        raise MalformedError(f"{where}: {oid}", problem)
    return value


def _ia5(found: dict[str, bytes], oid: str, where: str) -> str:
    return decode(IA5String, _present(found, oid, where), f"{where}: {oid}").as_str()


def _present(found: dict[str, bytes], oid: str, where: str) -> bytes:
    if oid not in found:
        raise MalformedError(where, f"extension {oid} is missing")
    return found[oid]


def _p384(certificate: Certificate, where: str) -> ec.EllipticCurvePublicKey:
    key = key_of(certificate, where)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp384r1":
        raise MalformedError(where, "want a key of P-384, got another")
    return key
