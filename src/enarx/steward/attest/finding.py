"""What a Steward finds about an applicant: proven, judged, and what it might be given.

The stages are those of ``attestation``; here is only what a Steward adds: which workloads its
policy admits, and which names they may have.  Pure but for what proves evidence, which
remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enarx import attestation
from enarx.appraisal.appraise import judge
from enarx.errors import Failure, RejectedError, UnacceptableError, UnauthenticError
from enarx.steward.attest.remembering import Remembering

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Accepted, Authentic, Parsed
    from enarx.steward.attest.applicant import Applicant
    from enarx.steward.policies.document import StewardPolicy
    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.endorsements import Endorsements


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """With what evidence is authenticated.

    Args:
        anchors: whom to believe.
        accept_simulated: accept what proves no hardware, where the policy allows it too.
        endorse: finds what evidence needs beside what came along, as of an instant; raises
            UnavailableError if that is too old, or cannot be had.
    """

    anchors: tuple[TrustAnchor, ...]
    accept_simulated: bool
    endorse: Callable[[Parsed, datetime], Endorsements]
    proving: Remembering = field(init=False, repr=False, compare=False)
    """Proves it, and remembers what was proven."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "proving", Remembering(self.anchors, self.endorse))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result.

    Args:
        authentic: None if nothing is proven.
        verdict: of the appraisal; None without it.
        accepted: what may release something; None if anything failed.
        failures: everything that did.
        endorsements: with which it was verified, beside what came along.
        names: the DNS names that it is given.
        path: of the SPIFFE ID that it is given.
    """

    authentic: Authentic | None
    verdict: Verdict | None
    accepted: Accepted | None
    failures: tuple[Failure, ...]
    endorsements: Endorsements
    names: tuple[str, ...]
    path: str

    @property
    def platform(self) -> str:
        """Whose evidence it is; empty if that is not proven."""
        return self.authentic.claims.platform if self.authentic else ""

    @property
    def instance(self) -> str:
        """The machine, hexadecimal; empty if it is masked, or not proven."""
        return self.authentic.claims.instance.hex() if self.authentic else ""

    @property
    def simulated(self) -> bool:
        """No hardware was proven."""
        return self.authentic is None or self.authentic.claims.simulated


def find(applicant: Applicant, policy: StewardPolicy, means: Means, now: datetime) -> Finding:
    """Prove and judge *applicant*; never raises for what it finds.

    Raises:
        UnavailableError: endorsements that are needed are too old, or cannot be had.
    """
    authentic, endorsements = means.proving.authenticate(applicant.parsed, now)
    if isinstance(authentic, RejectedError):
        return Finding(
            authentic=None,
            verdict=None,
            accepted=None,
            failures=_failures(authentic),
            endorsements=endorsements,
            names=(),
            path="",
        )
    return _judged(applicant, authentic, endorsements, policy, means=means)


def _judged(
    applicant: Applicant,
    authentic: Authentic,
    endorsements: Endorsements,
    policy: StewardPolicy,
    *,
    means: Means,
) -> Finding:
    """The third stage, and what a Steward adds."""
    if applicant.parsed.opened.binding is None:
        raise TypeError("an applicant's evidence is bound to something")
    given: dict[str, Any] = {
        "now": authentic.verified_at,
        "accept_simulated": means.accept_simulated,
        "report_data": authentic.claims.report_data,  # bound: the second stage insisted
    }
    names, failures = _granted(applicant, policy)
    accepted = None
    try:
        accepted = attestation.appraise(authentic, policy.appraisal, **given)
        verdict = accepted.verdict
    except UnacceptableError as error:
        failures = (*error.failures, *failures)
        verdict = judge(authentic, policy.appraisal, **given)
    return Finding(
        authentic=authentic,
        verdict=verdict,
        accepted=None if failures else accepted,
        failures=failures,
        endorsements=endorsements,
        names=names,
        path=policy.spiffe_path(applicant.workload_digest, authentic.claims.platform),
    )


def _failures(error: RejectedError) -> tuple[Failure, ...]:
    """What was wrong, as failures; a step's hints are the first failure's."""
    if isinstance(error, UnauthenticError):
        return tuple(
            Failure(f"{error.step}: {one.claim}", want=one.want, got=one.got, hint=one.hint)
            for one in error.failures
        )
    return (Failure("endorsements", want="well-formed ones", got=error.message),)


def _granted(
    applicant: Applicant, policy: StewardPolicy
) -> tuple[tuple[str, ...], tuple[Failure, ...]]:
    """The names that it is given, and what it asks for in vain.

    Whoever asks for none is given all that the policy has for its workload.
    """
    refusal = policy.refusal(applicant.workload_digest)
    if refusal is not None:
        return (), (refusal,)
    allowed = policy.names(applicant.workload_digest)
    wanted = (*applicant.names.dns, *applicant.names.addresses)
    hint = "ask for no name, or have the policy give this one to the workload"
    failures = tuple(
        Failure("name", want=f"one of {', '.join(allowed) or 'none'}", got=name[:100], hint=hint)
        for name in wanted
        if name not in allowed
    )
    return (applicant.names.dns or allowed), failures
