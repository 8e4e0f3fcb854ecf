"""What a report needs beside itself to be verified, and which of it is missing.

Endorsements are judged by what they claim, not by signatures, which need anchors: so an item that
only pretends to fit hides a need, and the verification then says that it does not verify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.endorsements import AmdChainNeed, AmdCrlNeed, Endorsements, Need, VekNeed
from enarx.tee.snp.fitting import candidates
from enarx.tee.snp.tcb import components, interpret
from enarx.tee.snp.trust import load
from enarx.tee.snp.vek import HWID_BYTES, SPL_PARAMETERS, Signer, Vek
from enarx.tee.x509 import Certificate, Crl, common_name, issuer_of

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.snp.evidence import SnpEvidence
    from enarx.tee.snp.products import Product

_PRODUCTS_OF_VERSION_2: tuple[Product, ...] = ("Milan", "Genoa", "Turin")
"""By how likely they are: reports of version 2 are old, and Turin is new."""


def needs(evidence: SnpEvidence, endorsements: Endorsements, now: datetime) -> tuple[Need, ...]:
    """What is missing at *now*, with *endorsements* and those that *evidence* carries.

    Nothing, if nothing would help: the report is not signed, or no product has such a TCB.
    """
    signer = evidence.report.signer_info.signing_key
    if signer == "none":
        return ()
    pool = load(endorsements + evidence.carried)
    veks = _fitting(evidence, tuple(c for c in pool.certificates if _is_valid(c, now)))
    products = tuple(dict.fromkeys(v.product for v in veks)) or _products(evidence)
    if not products:
        return ()
    missing: list[Need] = []
    if not veks:
        missing.append(_vek_need(evidence, signer, products))
    if not any(_is_valid(c, now) and _is_authority(c, products, signer) for c in pool.certificates):
        missing.append(AmdChainNeed(products=products, signer=signer))
    if not any(_is_current(crl, now) and _is_of_root(crl, products) for crl in pool.crls):
        missing.append(AmdCrlNeed(products=products, signer=signer))
    return tuple(missing)


def _fitting(evidence: SnpEvidence, certificates: tuple[Certificate, ...]) -> tuple[Vek, ...]:
    try:
        return candidates(evidence, certificates)
    except UnauthenticError:
        return ()


def _products(evidence: SnpEvidence) -> tuple[Product, ...]:
    """Those that can have made the report: their layout fits the TCB, their size the chip."""
    if evidence.product is not None:
        return (evidence.product,)
    return tuple(p for p in _PRODUCTS_OF_VERSION_2 if _is_possible(evidence, p))


def _is_possible(evidence: SnpEvidence, product: Product) -> bool:
    chip = evidence.report.chip_id.rstrip(b"\0")
    if chip and (len(chip) <= HWID_BYTES["Turin"]) != (product == "Turin"):
        return False
    try:
        interpret(evidence.report.reported_tcb, product, "report.reported_tcb")
    except MalformedError:
        return False
    return True


def _vek_need(evidence: SnpEvidence, signer: Signer, products: tuple[Product, ...]) -> VekNeed:
    report = evidence.report
    masked = not report.chip_id.strip(b"\0")
    size = HWID_BYTES[products[0]]
    hwid = b"" if signer == "vlek" or masked else report.chip_id[:size]
    return VekNeed(
        products=products,
        signer=signer,
        hwid=hwid,
        tcb=tuple(_parameters(report.reported_tcb, product) for product in products),
    )


def _parameters(reported: bytes, product: Product) -> tuple[tuple[str, int], ...]:
    numbers = components(interpret(reported, product, "report.reported_tcb"))
    return tuple((SPL_PARAMETERS[name], number) for name, number in numbers.items())


def _is_valid(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _is_current(crl: Crl, now: datetime) -> bool:
    ends = crl.next_update_utc
    return crl.last_update_utc <= now and ends is not None and now <= ends


def _is_authority(certificate: Certificate, products: tuple[Product, ...], signer: Signer) -> bool:
    """Whether it is named like the ASK or ASVK of a product."""
    line = "SEV-VLEK-" if signer == "vlek" else "SEV-"
    return common_name(certificate.subject).endswith(tuple(f"{line}{p}" for p in products))


def _is_of_root(crl: Crl, products: tuple[Product, ...]) -> bool:
    return common_name(issuer_of(crl)).endswith(tuple(f"ARK-{product}" for product in products))
