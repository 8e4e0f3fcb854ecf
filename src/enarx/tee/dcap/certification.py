"""Certification data: how a quote gives, or only names, the certificate of the key behind it.

Types 1 to 3 name the PCK certificate by the platform and its SVNs; 4 gives it, 5 gives its chain
(in PEM, as the specification has it, or in DER, as Intel's own TDX sample does; in any order, since
two recorded quotes have the root before its subordinate), and 7 gives a platform manifest, from
which a provisioning service would make one.  Type 6 is the envelope of versions 4 and 5, and never
inside another.

Sources: as ``layout``; the table "QE certification data".
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat import asn1

from enarx.errors import MalformedError
from enarx.tee.dcap.layout import PpidClear, PpidClearShort, PpidRsa2048, PpidRsa3072
from enarx.wire import der
from enarx.wire.record import size_of, unpack
from enarx.wire.text import is_pem, pem_blocks

PPID_CLEAR = 1
PPID_RSA_2048 = 2
PPID_RSA_3072 = 3
PCK_LEAF = 4
PCK_CHAIN = 5
QE_REPORT = 6
PLATFORM_MANIFEST = 7

MAX_CERTIFICATES = 8
"""In a chain, which has three; some tools add the other edition of the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PckNamed:
    """Types 1 to 3: who the PCK certificate belongs to, by its platform and SVNs.

    Args:
        type: 1, 2 or 3.
        ppid: 16 bytes; empty unless *type* is 1.
        encrypted_ppid: 256 or 384 bytes; empty if *type* is 1.
        cpu_svn: 16 bytes.
        pce_id: 2 bytes, or empty where it is left out.
    """

    type: int
    ppid: bytes = b""
    encrypted_ppid: bytes = b""
    cpu_svn: bytes
    pce_svn: int
    pce_id: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PckGiven:
    """Types 4 and 5: the PCK certificate, alone or with those above it.

    Args:
        type: 4 or 5.
        certificates: DER, at least one, in the order in which they came.
    """

    type: int
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformManifest:
    """Type 7: what a registration service would make a PCK certificate from; opaque."""

    type: int
    manifest: bytes


Certification = PckNamed | PckGiven | PlatformManifest


def parse_certification(kind: int, data: bytes, where: str) -> Certification:
    """Certification data of a type that stands by itself: 1 to 5, or 7.

    Certificates are split, not read: a damaged one is found by who uses it.

    Raises:
        MalformedError: unknown type, another length than the type has, not certificates.
    """
    if kind == PPID_CLEAR:
        return _named_clear(data, where)
    if kind == PPID_RSA_2048:
        rsa2048 = unpack(PpidRsa2048, data, where)
        return PckNamed(
            type=kind,
            encrypted_ppid=rsa2048.encrypted_ppid,
            cpu_svn=rsa2048.cpu_svn,
            pce_svn=rsa2048.pce_svn,
            pce_id=rsa2048.pce_id,
        )
    if kind == PPID_RSA_3072:
        rsa3072 = unpack(PpidRsa3072, data, where)
        return PckNamed(
            type=kind,
            encrypted_ppid=rsa3072.encrypted_ppid,
            cpu_svn=rsa3072.cpu_svn,
            pce_svn=rsa3072.pce_svn,
            pce_id=rsa3072.pce_id,
        )
    if kind in {PCK_LEAF, PCK_CHAIN}:
        return PckGiven(type=kind, certificates=_certificates(kind, data, where))
    if kind == PLATFORM_MANIFEST:
        return PlatformManifest(type=kind, manifest=data)
    raise MalformedError(f"{where}.type", f"got {kind}, want 1 to 5 or 7")


def _named_clear(data: bytes, where: str) -> PckNamed:
    if len(data) == size_of(PpidClearShort):
        short = unpack(PpidClearShort, data, where)
        return PckNamed(
            type=PPID_CLEAR, ppid=short.ppid, cpu_svn=short.cpu_svn, pce_svn=short.pce_svn
        )
    named = unpack(PpidClear, data, where)
    return PckNamed(
        type=PPID_CLEAR,
        ppid=named.ppid,
        cpu_svn=named.cpu_svn,
        pce_svn=named.pce_svn,
        pce_id=named.pce_id,
    )


def _certificates(kind: int, data: bytes, where: str) -> tuple[bytes, ...]:
    most = 1 if kind == PCK_LEAF else MAX_CERTIFICATES
    found = _of_pem(data, where, most) if is_pem(data) else _of_der(data, where)
    if not 1 <= len(found) <= most:
        raise MalformedError(where, f"got {len(found)} certificates, want 1 to {most}")
    return found


def _of_pem(data: bytes, where: str, most: int) -> tuple[bytes, ...]:
    blocks = pem_blocks(data, where, most=most)
    for label, _ in blocks:
        if label != "CERTIFICATE":
            raise MalformedError(where, f"got a PEM block {label!r}, want 'CERTIFICATE'")
    return tuple(content for _, content in blocks)


@asn1.sequence
class _Elements:
    items: list[asn1.TLV]


def _of_der(data: bytes, where: str) -> tuple[bytes, ...]:
    elements = der.decode(_Elements, der.sequence(der.sequence(data)), where)
    return tuple(der.element(item) for item in elements.items)
