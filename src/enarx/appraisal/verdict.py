"""What an appraisal found: every check that was made, and every one that was left out and why.

The same for evidence that is accepted and that is refused; text, JSON and attestation results are
made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.errors import Failure

if TYPE_CHECKING:
    from datetime import datetime

Outcome = Literal["passed", "failed", "unchecked"]

Concern = Literal["configuration", "executables", "hardware", "instance-identity"]
"""What a check is about, in the words of AR4SI's trustworthiness vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check.

    Args:
        claim: what was looked at ("snp.reported_tcb.snp", "debug").
        key: the policy's key that asks for it ("snp.minimum_reported_tcb"); empty where no policy
            can leave it out.
        concern: what it is about.
        outcome: "unchecked" is neither: nothing was demanded.
        want: what would have passed, or "not checked".
        got: what the evidence says.
        reason: why it was not checked; empty otherwise.
        hint: what can be done where it failed; empty otherwise.
    """

    claim: str
    key: str
    concern: Concern
    outcome: Outcome
    want: str
    got: str
    reason: str = ""
    hint: str = ""

    def failure(self) -> Failure:
        """The same as errors carry it."""
        return Failure(self.claim, want=self.want, got=self.got, hint=self.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of an appraisal.

    Args:
        policy: its name.
        policy_sha256: the digest of what it demands, independent of how it is written.
        at: the instant of the appraisal.
        checks: in the order of the policy's properties; never empty.
    """

    policy: str
    policy_sha256: bytes
    at: datetime
    checks: tuple[Check, ...]

    @property
    def accepted(self) -> bool:
        """Whether something was checked and nothing failed."""
        return bool(self.passed) and not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return self._with("failed")

    @property
    def passed(self) -> tuple[Check, ...]:
        """The checks that passed."""
        return self._with("passed")

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """The checks that were left out, each with a reason."""
        return self._with("unchecked")

    def _with(self, outcome: Outcome) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.outcome == outcome)
