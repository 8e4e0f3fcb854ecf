"""Prove that a TDX quote was made for a trust domain on a genuine platform, and how current it is.

Steps 1 to 6 are those of every quote (``dcap.proof``).  What TDX adds:

7. The TDX module is one that Intel signed: MRSIGNERSEAM and SEAMATTRIBUTES are those that the TCB
   info has for the module's line, and the attributes are zero.  A line that the TCB info does not
   know is none of Intel's as far as anybody can tell.
8. The status of platform, TDX module and quoting enclave (``dcap.status``) is a claim.

Debug, profiling, migration, SEPT_VE_DISABLE and bound service domains are claims for policy: the
quote of a trust domain that can be debugged is no less authentic.

Source: Intel's quote verification library, commit d12717e: QuoteVerifier.cpp (4.1.2.5.12),
TcbLevelCheck.cpp (4.1.2.5.19, 4.1.2.5.1.20).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.errors import Failure, UnauthenticError
from enarx.tee.claims import Authentic, Claims
from enarx.tee.dcap.bag import open_bag
from enarx.tee.dcap.fields import Fields
from enarx.tee.dcap.proof import QuoteProof, find_pck, prove
from enarx.tee.dcap.status import TcbVerdict, module_of, tdx_verdict
from enarx.tee.dcap.tcb import tcb_claim
from enarx.tee.dcap.trust import TrustedCollateral, trust_collateral
from enarx.tee.tdx.fields import CLAIMS
from enarx.tee.tdx.report import TdReport, TdReport10

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.dcap.collateral import TcbInfo
    from enarx.tee.dcap.quote import Quote
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.tdx.evidence import TdxEvidence

_ZEROS = bytes(8)


def authenticate(
    evidence: TdxEvidence,
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
    evidence: TdxEvidence,
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
    return trust_collateral(pck, bag, anchors, now, tee="tdx")


def authenticate_with(
    evidence: TdxEvidence, trusted: TrustedCollateral, now: datetime
) -> Authentic:
    """Prove where *evidence* is from, with collateral that was verified before.

    The caller must still appraise what it says.

    Args:
        now: aware; within the validity of *trusted*, which must be verified anew after that.

    Raises:
        UnauthenticError: a step failed.
        MalformedError: a certificate in the quote is damaged.
    """
    proof = prove(evidence.quote, trusted, now)
    report = evidence.report
    _must_be_intels_module(report, trusted.info)
    svns = report.tee_tcb_svn, _svn_of_now(report)
    verdict = tdx_verdict(
        proof.pck, evidence.quote.qe.isv_svn, svns, trusted.info, trusted.identity
    )
    source = _Proven(quote=evidence.quote, report=report, proof=proof, verdict=verdict)
    return Authentic(
        claims=_claims(source),
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
    report: TdReport
    proof: QuoteProof
    verdict: TcbVerdict


def _svn_of_now(report: TdReport) -> bytes | None:
    """TEE TCB SVN 2, of the module that runs now; reports for TDX 1.0 have none."""
    return None if isinstance(report, TdReport10) else report.tee_tcb_svn2


def _must_be_intels_module(report: TdReport, info: TcbInfo) -> None:
    """Step 7."""
    module = module_of(info, report.tee_tcb_svn)
    if module is None:
        known = ", ".join(one.name for one in info.modules) or "none"
        got = f"version {report.tee_tcb_svn[1]}, of tee_tcb_svn {report.tee_tcb_svn.hex()}"
        want = f"a line of modules that the TCB info has ({known})"
        hint = "the TCB info may be older than the module: enarx endorsements fetch"
        raise UnauthenticError("TDX module", Failure("tdx.module", want=want, got=got, hint=hint))
    pairs = (
        ("mrsigner_seam", module.mr_signer, report.mr_signer_seam),
        ("seam_attributes", module.attributes, report.seam_attributes),
        ("seam_attributes", _ZEROS, report.seam_attributes),
    )
    failures = {
        claim: Failure(f"tdx.quote.body.{claim}", want=want.hex(), got=got.hex())
        for claim, want, got in pairs
        if want != got
    }
    if failures:
        raise UnauthenticError("TDX module", *failures.values())


def _claims(proven: _Proven) -> Claims:
    report, proof, verdict = proven.report, proven.proof, proven.verdict
    configuration = proof.pck.configuration
    getters = CLAIMS[
        proven.quote.header.version,
        type(report),
        verdict.date is not None,
        configuration is not None,
        bool(verdict.module),
    ]
    return Claims(
        platform="tdx",
        simulated=proof.trusted.anchor.simulated,
        measurements=MappingProxyType(
            {
                "mr_td": report.mr_td,
                "rtmr_0": report.rtmr_0,
                "rtmr_1": report.rtmr_1,
                "rtmr_2": report.rtmr_2,
                "rtmr_3": report.rtmr_3,
            }
        ),
        report_data=report.report_data,
        debug=report.td_attributes.under_debug,
        migratable=report.td_attributes.migratable,
        smt=None if configuration is None else configuration.smt,
        instance=proof.pck.ppid,
        tcb=tcb_claim(proof, verdict, report.tee_tcb_svn),
        revocation=proof.trusted.revocation,
        fields=Fields(getters, proven),
    )
