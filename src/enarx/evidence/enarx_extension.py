"""The extensions in which Enarx 0.7 put evidence into certification requests.

Each holds the evidence with what its verification needs, and binds it to the request's key: by
SHA-256 of the SubjectPublicKeyInfo on SGX, by SHA-384 on SNP, filled up with zeros.  A KVM keep's
extension is empty.

Source: Enarx 0.7 and its Steward as they were (arc 1.3.6.1.4.1.58270.1); recorded requests.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat import asn1

from enarx.errors import MalformedError
from enarx.evidence.opened import Content, KeyBinding, Piece
from enarx.tee.endorsements import Endorsements
from enarx.wire import der

KVM = "1.3.6.1.4.1.58270.1.1"
SGX = "1.3.6.1.4.1.58270.1.2"
SNP = "1.3.6.1.4.1.58270.1.3"

MAX_ITEMS = 16
"""Lists or certificates in one extension; recorded ones have three."""


@asn1.sequence
class _Crl:
    url: str
    crl: asn1.TLV


@asn1.sequence
class _Crls:
    items: list[_Crl]


@asn1.sequence
class _Vcek:
    certificate: asn1.TLV
    crls: _Crls


@asn1.sequence
class _Snp:
    vcek: _Vcek
    report: bytes


@asn1.sequence
class _TcbInfo:
    certificates: list[asn1.TLV]
    info: bytes


@asn1.sequence
class _Sgx:
    quote: bytes
    crls: _Crls
    tcb: _TcbInfo


def snp(value: bytes, spki: bytes, where: str) -> Content:
    """Report, VCEK and AMD's revocation lists.

    Raises:
        MalformedError: it is not that.
    """
    found = der.decode(_Snp, value, where)
    endorsements = Endorsements(
        certificates=(der.element(found.vcek.certificate),),
        crls=_at_most([item.crl for item in found.vcek.crls.items], where),
    )
    binding = KeyBinding(
        rule="report_data = SHA-384(SubjectPublicKeyInfo)",
        spki=spki,
        accepted=(hashlib.sha384(spki).digest(),),
    )
    return Content(
        evidence=(Piece(data=found.report, technology="snp"),),
        endorsements=endorsements,
        containers=("Enarx SNP extension",),
        binding=binding,
    )


def sgx(value: bytes, spki: bytes, where: str) -> Content:
    """Quote, Intel's revocation lists, and the TCB info with its signer's certificates.

    Raises:
        MalformedError: it is not that.
    """
    found = der.decode(_Sgx, value, where)
    endorsements = Endorsements(
        certificates=_at_most(found.tcb.certificates, where),
        crls=_at_most([item.crl for item in found.crls.items], where),
        tcb_infos=(found.tcb.info,),
    )
    binding = KeyBinding(
        rule="report_data = SHA-256(SubjectPublicKeyInfo)",
        spki=spki,
        accepted=(hashlib.sha256(spki).digest(),),
    )
    return Content(
        evidence=(Piece(data=found.quote, technology="sgx"),),
        endorsements=endorsements,
        containers=("Enarx SGX extension",),
        binding=binding,
    )


def _at_most(items: list[asn1.TLV], where: str) -> tuple[bytes, ...]:
    if len(items) > MAX_ITEMS:
        raise MalformedError(where, f"got {len(items)} elements, want at most {MAX_ITEMS}")
    return tuple(der.element(item) for item in items)
