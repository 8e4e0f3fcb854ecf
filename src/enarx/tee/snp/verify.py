"""Prove that a report was made by AMD's firmware on a genuine processor.

What authenticity means here, in the order of the steps:

1. The firmware signed at all: SIGNING_KEY names a key, and the signature is not the zeros that it
   writes with MASK_CHIP_KEY.
2. A VEK's certificate fits the report: kind of key, product, chip, and every component of
   REPORTED_TCB (``fitting``).
3. That certificate leads over the ASK or ASVK of the same product to a pinned ARK, every signature
   RSASSA-PSS, every date of the time of verification, nothing revoked (``trust``).
4. The VEK's key made the signature over the bytes that arrived.
5. What the firmware upholds by itself holds: COMMITTED_TCB and REPORTED_TCB are nowhere above
   CURRENT_TCB, the committed version is not above the current one, and that is at least what the
   guest's policy demands.  Where it does not, whoever holds the key is no such firmware.

Not of authenticity, because the firmware allows every order: REPORTED_TCB above COMMITTED_TCB (it
starts as CURRENT_TCB, and firmware may be provisional), and LAUNCH_TCB against any other (a guest
may arrive by migration, a provisional firmware may be rolled back).  These are claims for policy.

Source: AMD 56860 rev. 1.58, sections 3.6 (keys that sign), 7.3 (report), 8.7 (SNP_CONFIG).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from enarx.errors import Failure, RejectedError, UnauthenticError
from enarx.tee.claims import Authentic, Claims, Tcb
from enarx.tee.ecdsa import is_signed
from enarx.tee.snp.evidence import SnpEvidence, tcbs_of
from enarx.tee.snp.fields import ReportFields
from enarx.tee.snp.fitting import STEP as FITTING
from enarx.tee.snp.fitting import candidates, misfits
from enarx.tee.snp.tcb import TcbVersion, above, components
from enarx.tee.snp.trust import TrustedVek, load, trust_vek_in

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.snp.report import AttestationReport

_SHA384 = hashes.SHA384()
_SECOND = "%Y-%m-%dT%H:%M:%SZ"


def authenticate(
    evidence: SnpEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """Prove where *evidence* is from, with *endorsements* and those that it carries.

    The caller must still appraise what it says.

    Args:
        now: aware; certificates must be valid then, and lists current.

    Raises:
        UnauthenticError: a step failed; of several certificates that fit, the newest one's.
        MalformedError: a TCB has not the layout of the product that the certificate names.
    """
    _must_be_signed(evidence)
    pool = load(endorsements + evidence.carried)
    refusals: list[RejectedError] = []
    for vek in candidates(evidence, pool.certificates):
        try:
            return authenticate_with(evidence, trust_vek_in(vek, pool, anchors, now), now)
        except RejectedError as e:  # another certificate of the bag may be the genuine one
            refusals.append(e)
    raise refusals[0]


def trust(
    evidence: SnpEvidence,
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> TrustedVek:
    """Verify the certificates of the key that may have signed *evidence*; not its signature.

    Raises:
        UnauthenticError: there is none that fits, or a step failed.
        MalformedError: a TCB has not the layout of the product that the certificate names.
    """
    _must_be_signed(evidence)
    pool = load(endorsements + evidence.carried)
    return trust_vek_in(candidates(evidence, pool.certificates)[0], pool, anchors, now)


def authenticate_with(evidence: SnpEvidence, trusted: TrustedVek, now: datetime) -> Authentic:
    """Prove where *evidence* is from, with a key whose certificates were verified before.

    The caller must still appraise what it says.

    Args:
        now: aware; within the validity of *trusted*, which must be verified anew after that.

    Raises:
        UnauthenticError: a step failed.
        MalformedError: a TCB has not the layout of the product that the certificate names.
    """
    _must_be_signed(evidence)
    _must_be_current(trusted, now)
    if failures := misfits(evidence, trusted.vek):
        raise UnauthenticError(FITTING, *failures)
    _must_be_signature(evidence, trusted)
    reported = _must_be_consistent(evidence, trusted)
    return Authentic(
        claims=_claims(evidence.report, trusted, reported),
        evidence=evidence.raw,
        chain=trusted.chain,
        anchor=trusted.anchor.name,
        collateral_issued=trusted.collateral_issued,
        not_after=trusted.not_after,
        verified_at=now,
    )


def _must_be_signed(evidence: SnpEvidence) -> None:
    """Step 1."""
    info, signature = evidence.report.signer_info, evidence.signature
    blank = not signature.r.strip(b"\0") or not signature.s.strip(b"\0")
    if info.signing_key == "none" or blank:
        got = "SIGNING_KEY none" if info.signing_key == "none" else "zeros"
        hint = "the host masks the chip's key (MASK_CHIP_KEY) and has no VLEK: use another host"
        failure = Failure("snp.signature", want="a signature", got=got, hint=hint)
        raise UnauthenticError("report signature", failure)


def _must_be_current(trusted: TrustedVek, now: datetime) -> None:
    if not trusted.not_before <= now <= trusted.not_after:
        want = f"a time from {trusted.not_before:{_SECOND}} to {trusted.not_after:{_SECOND}}"
        hint = "verify the key's certificates anew, with current lists"
        failure = Failure("trusted VEK", want=want, got=f"{now:{_SECOND}}", hint=hint)
        raise UnauthenticError("certificate validity", failure)


def _must_be_signature(evidence: SnpEvidence, trusted: TrustedVek) -> None:
    """Step 4."""
    numbers = evidence.signature.r[::-1] + evidence.signature.s[::-1]  # they came little-endian
    if not is_signed(evidence.signed, numbers, trusted.vek.key, _SHA384):
        want = f"a signature by the {trusted.vek.signer.upper()} of the certificate"
        hint = "the report was changed after it was signed, or another key signed it"
        failure = Failure("snp.signature", want=want, got="another", hint=hint)
        raise UnauthenticError("report signature", failure)


def _must_be_consistent(evidence: SnpEvidence, trusted: TrustedVek) -> TcbVersion:
    """Step 5; returns REPORTED_TCB."""
    report = evidence.report
    tcbs = evidence.tcbs or tcbs_of(report, trusted.vek.product)
    current, reported = tcbs[report.current_tcb], tcbs[report.reported_tcb]
    failures = [
        *_not_above("committed_tcb", tcbs[report.committed_tcb], current),
        *_not_above("reported_tcb", reported, current),
        *_versions(report),
    ]
    if failures:
        raise UnauthenticError("firmware's own order of versions", *failures)
    return reported


def _not_above(name: str, tcb: TcbVersion, current: TcbVersion) -> tuple[Failure, ...]:
    if tcb is current:
        return ()
    ours, limit = components(tcb), components(current)
    return tuple(
        Failure(f"snp.{name}.{part}", want=_at_most(str(limit[part])), got=str(ours[part]))
        for part in above(tcb, current)
    )


def _versions(report: AttestationReport) -> tuple[Failure, ...]:
    current = (report.current_major, report.current_minor, report.current_build)
    committed = (report.committed_major, report.committed_minor, report.committed_build)
    demanded = (report.policy.abi_major, report.policy.abi_minor)
    want = _at_most(_dotted(current))
    failures = []
    if committed > current:
        failures.append(Failure("snp.committed_version", want=want, got=_dotted(committed)))
    if demanded > current[:2]:
        failures.append(Failure("snp.policy.abi", want=want, got=_dotted(demanded)))
    return tuple(failures)


def _at_most(current: str) -> str:
    return f"at most {current}, the current"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _claims(report: AttestationReport, trusted: TrustedVek, reported: TcbVersion) -> Claims:
    policy = report.policy
    return Claims(
        platform="snp",
        simulated=trusted.anchor.simulated,
        measurements=MappingProxyType({"measurement": report.measurement}),
        report_data=report.report_data,
        debug=policy.debug,
        migratable=policy.migrate_ma,
        smt=policy.smt,
        instance=report.chip_id if report.chip_id.strip(b"\0") else b"",
        tcb=Tcb(components=MappingProxyType(components(reported))),
        revocation=trusted.revocation,
        fields=ReportFields(report, trusted.vek.product, trusted.vek),
    )
