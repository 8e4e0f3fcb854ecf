"""What a quote needs beside itself to be verified, and which of it is missing.

Endorsements are judged by what they claim, not by signatures, which need anchors: an item that only
pretends to fit hides a need, and the verification then says that it does not verify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from enarx.errors import RejectedError
from enarx.tee.dcap.bag import open_bag
from enarx.tee.dcap.certification import PckNamed
from enarx.tee.dcap.pck import pck_identity
from enarx.tee.dcap.proof import find_pck
from enarx.tee.dcap.trust import SIGNER_NAME
from enarx.tee.endorsements import (
    IntelRootCrlNeed,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
)
from enarx.tee.x509 import common_name, issuer_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cryptography import x509

    from enarx.tee.dcap.bag import Bag
    from enarx.tee.dcap.collateral import QeIdentity, TcbInfo
    from enarx.tee.dcap.quote import Quote
    from enarx.tee.endorsements import Endorsements, Need
    from enarx.tee.x509 import Certificate


def needs_of(quote: Quote, endorsements: Endorsements, now: datetime) -> tuple[Need, ...]:
    """What is missing at *now*, with *endorsements* and those that *quote* carries.

    Of a platform whose certificate is not there yet, the model is unknown: its collateral is asked
    for once the certificate is.  Nothing, if nothing would help.
    """
    bag = open_bag(endorsements + quote.carried)
    try:
        pck = find_pck(quote, bag.certificates)
        platform = pck_identity(pck, "PCK certificate")
    except RejectedError:
        return _certificate_need(quote)
    missing: list[Need] = []
    can_sign = any(_is_signer(certificate, now) for certificate in bag.certificates)
    if not (can_sign and _any_current(bag.infos_of(platform, quote.tee), now)):
        missing.append(TcbInfoNeed(tee=quote.tee, fmspc=platform.fmspc))
    if not (can_sign and _any_current(bag.identities_of(quote.tee), now)):
        missing.append(QeIdentityNeed(tee=quote.tee))
    authorities = [c for c in bag.certificates if c.subject == pck.issuer]
    if not (authorities and _has_list(bag, pck.issuer, now)):
        missing.append(PckCrlNeed(ca=_kind(pck)))
    if not any(_has_list(bag, authority.issuer, now) for authority in authorities):
        missing.append(IntelRootCrlNeed())
    return tuple(missing)


def _certificate_need(quote: Quote) -> tuple[Need, ...]:
    named = quote.certification
    if not isinstance(named, PckNamed):
        return ()
    need = PckNeed(
        encrypted_ppid=named.encrypted_ppid,
        cpu_svn=named.cpu_svn,
        pce_svn=named.pce_svn,
        pce_id=named.pce_id,
        qe_id=quote.qe_id,
    )
    return (need,)


def _is_signer(certificate: Certificate, now: datetime) -> bool:
    named = common_name(certificate.subject).endswith(SIGNER_NAME)
    return named and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _any_current(items: Iterable[TcbInfo | QeIdentity], now: datetime) -> bool:
    return any(item.issued <= now <= item.next_update for item in items)


def _has_list(bag: Bag, issuer: x509.Name, now: datetime) -> bool:
    ends = (
        crl.next_update_utc
        for crl in bag.crls
        if issuer_of(crl) == issuer and crl.last_update_utc <= now
    )
    return any(end is not None and now <= end for end in ends)


def _kind(pck: Certificate) -> Literal["processor", "platform"]:
    return "processor" if "Processor" in common_name(pck.issuer) else "platform"
