"""Prove that an SGX quote was made for an enclave on a genuine platform, and how current it is.

All steps are those of every quote (``dcap.proof``, ``dcap.status``): SGX adds none.  Whether the
enclave can be debugged is a claim for policy: its quote is no less authentic.

Source: Intel's quote verification library, commit d12717e: TcbLevelCheck.cpp (4.1.2.5.18).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.tee.claims import Authentic, Claims
from enarx.tee.dcap.bag import open_bag
from enarx.tee.dcap.fields import Fields
from enarx.tee.dcap.proof import QuoteProof, find_pck, prove
from enarx.tee.dcap.status import TcbVerdict, sgx_verdict
from enarx.tee.dcap.tcb import tcb_claim
from enarx.tee.dcap.trust import TrustedCollateral, trust_collateral
from enarx.tee.sgx.fields import CLAIMS

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.dcap.enclave import EnclaveReport
    from enarx.tee.dcap.quote import Quote
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.sgx.evidence import SgxEvidence


def authenticate(
    evidence: SgxEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """Prove where *evidence* is from, with *endorsements* and those that it carries.

    The caller must still appraise what it says.

    Args:
        now: aware; certificates must be valid then, and collateral current.

    Raises:
        UnauthenticError: a step failed.
        MalformedError: a certificate in the quote is damaged.
    """
    return authenticate_with(evidence, trust(evidence, endorsements, anchors, now), now)


def trust(
    evidence: SgxEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> TrustedCollateral:
    """Verify the collateral for *evidence* and others of its platform's model.

    Raises:
        UnauthenticError: it is missing, not current or not Intel's.
        MalformedError: a certificate in the quote is damaged.
    """
    bag = open_bag(endorsements + evidence.carried)
    pck = find_pck(evidence.quote, bag.certificates)
    return trust_collateral(pck, bag, anchors, now, tee="sgx")


def authenticate_with(
    evidence: SgxEvidence, trusted: TrustedCollateral, now: datetime
) -> Authentic:
    """Prove where *evidence* is from, with collateral that was verified before.

    The caller must still appraise what it says.

    Args:
        now: aware; within the validity of *trusted*, which must be verified anew after that.

    Raises:
        UnauthenticError: a step failed.
        MalformedError: a certificate in the quote is damaged.
    """
    quote = evidence.quote
    proof = prove(quote, trusted, now)
    verdict = sgx_verdict(proof.pck, quote.qe.isv_svn, trusted.info, trusted.identity)
    proven = _Proven(quote=quote, report=evidence.report, proof=proof, verdict=verdict)
    return Authentic(
        claims=_claims(proven),
        evidence=evidence.raw,
        chain=proof.chain,
        anchor=trusted.anchor.name,
        collateral_issued=trusted.issued,
        not_after=proof.not_after,
        verified_at=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    """Where the getters of ``fields`` find everything."""

    quote: Quote
    report: EnclaveReport
    proof: QuoteProof
    verdict: TcbVerdict


def _claims(proven: _Proven) -> Claims:
    report, proof, verdict = proven.report, proven.proof, proven.verdict
    configuration = proof.pck.configuration
    getters = CLAIMS[
        proven.quote.header.version, verdict.date is not None, configuration is not None
    ]
    measurements = {"mr_enclave": report.mr_enclave, "mr_signer": report.mr_signer}
    return Claims(
        platform="sgx",
        simulated=proof.trusted.anchor.simulated,
        measurements=MappingProxyType(measurements),
        report_data=report.report_data,
        debug=report.flags.debug,
        migratable=None,
        smt=None if configuration is None else configuration.smt,
        instance=proof.pck.ppid,
        tcb=tcb_claim(proof, verdict),
        revocation=proof.trusted.revocation,
        fields=Fields(getters, proven),
    )
