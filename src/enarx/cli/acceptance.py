"""A keep's evidence, appraised for an owner: nothing goes to a keep before this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.appraisal.appraise import judge
from enarx.attestation import appraise, parse
from enarx.cli.authentication import Means, authenticate

if TYPE_CHECKING:
    from enarx.appraisal.policy import Policy
    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Accepted, Authentic


_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What an owner demands of a keep: how its evidence is proven, and what it must say."""

    means: Means
    policy: Policy

    def judge(self, evidence: bytes, report_data: bytes) -> tuple[Authentic, Verdict]:
        """Prove *evidence* and judge it, bound to *report_data*; never raises for a verdict.

        Raises:
            RejectedError: it is not authentic, or not evidence.
            UnavailableError: a service that had to be asked does not answer.
        """
        authentic = authenticate(parse(evidence, "the keep's evidence"), self.means)
        verdict = judge(
            authentic,
            self.policy,
            now=self.means.at,
            accept_simulated=self.means.accept_simulated,
            report_data=report_data,
        )
        return authentic, verdict

    def accept(self, authentic: Authentic, report_data: bytes) -> Accepted:
        """Insist that *authentic* is acceptable.

        Raises:
            UnacceptableError: the policy does not accept it; with every failure.
        """
        return appraise(
            authentic,
            self.policy,
            now=self.means.at,
            accept_simulated=self.means.accept_simulated,
            report_data=report_data,
        )


def summary(authentic: Authentic, verdict: Verdict) -> tuple[str, ...]:
    """What was proven, in a few lines for people."""
    claims = authentic.claims
    status = f", TCB {claims.tcb.status}" if claims.tcb.status else ""
    word = "accepted" if verdict.accepted else "refused"
    measured = ", ".join(
        f"{name} {value.hex()[:16]}…" for name, value in claims.measurements.items() if any(value)
    )
    unchecked = [check.claim for check in verdict.unchecked]
    left = ", ".join(unchecked[:_SHOWN]) or "nothing"
    if len(unchecked) > _SHOWN:
        left += f" and {len(unchecked) - _SHOWN} more"
    return (
        f"{word} by policy {verdict.policy}: {claims.platform}{status}, by {authentic.anchor}",
        f"  image     {measured or 'zeros'}",
        f"  left out  {left}",
    )
