"""Which VEK signed a report: what its certificate must say, and every way in which it does not fit.

Of a bag of certificates those are candidates that fit in kind, product, chip and TCB; where none
fits, the nearest one tells what is wrong (another machine's, another firmware's).

A zero CHIP_ID is what hosts have with MASK_CHIP_ID.  Then a VCEK fits by its TCB, and whether it is
the right one is proven by the signature alone; that the chip is masked is left to policy
(``snp.chip_id_masked``, and an empty ``instance``).

Source: AMD 57230 rev. 1.00, section 3; AMD 56860 rev. 1.58, section 3.6 and table 23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.chain import name_of
from enarx.tee.snp.tcb import components, interpret
from enarx.tee.snp.vek import SPL_PARAMETERS, Vek, is_vek, read_vek

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.tee.snp.evidence import SnpEvidence
    from enarx.tee.x509 import Certificate

STEP = "certificate of the signing key"
MAX_CANDIDATES = 64
"""That are tried: endorsements can hold any number of certificates that pretend to fit, which would
cost two signatures' verification each."""

_FETCH = "fetch the certificate for this chip and TCB: enarx endorsements fetch"


def misfits(evidence: SnpEvidence, vek: Vek) -> tuple[Failure, ...]:
    """Every way in which *vek* cannot have signed *evidence*; none: it can."""
    report, found = evidence.report, list[Failure]()
    if report.signer_info.signing_key != vek.signer:
        want = f"{report.signer_info.signing_key}, as SIGNING_KEY says"
        found.append(Failure("snp.vek.signer", want=want, got=vek.signer))
    if evidence.product not in (None, vek.product):
        want = f"{evidence.product}, as CPUID says"
        found.append(Failure("snp.vek.product_name", want=want, got=vek.product_name))
    if vek.signer == "vcek" and report.chip_id.strip(b"\0"):
        chip = vek.hwid.ljust(len(report.chip_id), b"\0")
        if chip != report.chip_id:
            want = f"CHIP_ID {report.chip_id.hex()}"
            hint = f"the certificate is another chip's: {_FETCH}"
            found.append(Failure("snp.vek.hwid", want=want, got=vek.hwid.hex(), hint=hint))
    if vek.tcb != report.reported_tcb:
        found += _levels(report.reported_tcb, vek)
    return tuple(found)


def candidates(evidence: SnpEvidence, certificates: Iterable[Certificate]) -> tuple[Vek, ...]:
    """The VEKs among *certificates* that can have signed *evidence*, the newest first, not all.

    Raises:
        UnauthenticError: there is none; its failures are those of the nearest.
    """
    fitting: list[Vek] = []
    refused: list[tuple[Failure, ...]] = []
    for certificate in certificates:
        if not is_vek(certificate):
            continue
        try:
            sha256 = certificate.fingerprint(hashes.SHA256())
            vek = read_vek(certificate, sha256, name_of(certificate))
        except MalformedError as e:
            refused.append((Failure(e.where, want="AMD's profile", got=e.problem),))
            continue
        if failures := misfits(evidence, vek):
            refused.append(failures)
        else:
            fitting.append(vek)
    if fitting:
        return tuple(sorted(fitting, key=_issued, reverse=True)[:MAX_CANDIDATES])
    if not refused:
        raise UnauthenticError(STEP, _missing(evidence))
    raise UnauthenticError(STEP, *min(refused, key=len))


def _levels(reported: bytes, vek: Vek) -> list[Failure]:
    """The components in which the key's TCB is not *reported*."""
    try:
        want = components(interpret(reported, vek.product, "report.reported_tcb"))
    except MalformedError as e:
        return [Failure("snp.reported_tcb", want=f"a TCB of {vek.product}", got=e.problem)]
    got = components(interpret(vek.tcb, vek.product, "VEK"))
    hint = f"the certificate is for another firmware: {_FETCH}"
    return [
        Failure(
            f"snp.vek.{SPL_PARAMETERS[name]}",
            want=f"{want[name]}, as REPORTED_TCB says",
            got=str(got[name]),
            hint=hint,
        )
        for name in want
        if want[name] != got[name]
    ]


def _missing(evidence: SnpEvidence) -> Failure:
    report = evidence.report
    signer = report.signer_info.signing_key
    whose = f" of chip {report.chip_id.hex()}" if signer == "vcek" else ""
    want = f"the {signer.upper()} certificate{whose} for TCB {report.reported_tcb.hex()}"
    return Failure("snp.vek", want=want, got="none", hint=_FETCH)


def _issued(vek: Vek) -> float:
    return vek.certificate.not_valid_before_utc.timestamp()
