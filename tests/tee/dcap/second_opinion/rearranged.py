"""The same items in the order and at the places at which dcap-qvl looks for them.

We take certificates and lists by what they say, wherever they lie; dcap-qvl wants each list at its
place, the leaf of each chain first, and each chain whole.  If that is why it refuses what we
accept, then it accepts this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding
from tests.tee.dcap.second_opinion.quotes import take_apart

from enarx.errors import MalformedError
from enarx.tee.dcap.certification import PCK_CHAIN, PckGiven
from enarx.tee.dcap.p256 import has_signed
from enarx.tee.dcap.pck import is_pck
from enarx.tee.dcap.quote import parse_quote
from enarx.tee.x509 import Certificate, is_signed_by, key_of, load_certificate, load_crl
from enarx.wire.text import to_pem

if TYPE_CHECKING:
    from tests.tee.dcap.second_opinion.opinions import Case, Collateral

T = TypeVar("T")


def rearranged(case: Case) -> Case | None:
    """*case*, whose quote we accept, in dcap-qvl's order.

    None if it is in that order, or if an item is not there at all.
    """
    certification, found = parse_quote(case.quote).certification, case.collateral
    if not isinstance(certification, PckGiven):
        return None
    given = (*certification.certificates, *found.signers, *found.issuers)
    pool = tuple(readable(_with_a_key, given))
    root = load_certificate(case.root, "root")
    pck = next(filter(is_pck, pool))
    issuer = next(
        one
        for one in pool
        if one.subject == pck.issuer
        and is_signed_by(pck, _key(one))
        and is_signed_by(one, _key(root))
    )
    signer = next((c for c in pool if signed_both(c, found)), None)
    if signer is None:
        return None
    chain = tuple(der(one) for one in (pck, issuer, root))
    text = b"".join(to_pem("CERTIFICATE", one) for one in chain)
    parts = take_apart(case.quote)
    collateral = replace(
        found,
        signers=(der(signer), der(root)),
        issuers=chain[1:],
        pck_crl=list_of(issuer, found),
        root_crl=list_of(root, found),
    )
    if collateral == found and parts.text.strip(b"\0\n") == text.strip():
        return None
    quote = replace(parts, kind=PCK_CHAIN, chain=chain, text=text).assemble()
    return replace(case, quote=quote, collateral=collateral)


def readable(load: Callable[[bytes, str], T], items: Iterable[bytes]) -> Iterator[T]:
    """What *load* can read of *items*."""
    for item in items:
        with suppress(MalformedError):
            yield load(item, "item")


def signed_both(certificate: Certificate, collateral: Collateral) -> bool:
    """Whether its key made the signatures of TCB info and QE identity."""
    items = (collateral.tcb_info, collateral.qe_identity)
    return all(has_signed(_key(certificate), one.body, one.signature) for one in items)


def list_of(issuer: Certificate, collateral: Collateral) -> bytes:
    """The list that *issuer* signed, from either place; empty if there is none."""
    for one in (collateral.pck_crl, collateral.root_crl):
        for crl in readable(load_crl, (one,)):
            if crl.issuer == issuer.subject and is_signed_by(crl, _key(issuer)):
                return one
    return b""


def der(certificate: Certificate) -> bytes:
    """Its bytes."""
    return certificate.public_bytes(Encoding.DER)


def _with_a_key(item: bytes, where: str) -> Certificate:
    certificate = load_certificate(item, where)
    key_of(certificate, where)
    return certificate


def _key(certificate: Certificate):  # noqa: ANN202 - a public key of any kind
    return key_of(certificate, "certificate")
