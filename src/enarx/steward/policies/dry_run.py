"""What a proposed policy would have decided about the last evidence, and why.

The evidence is verified anew as of the instant of its decision, with the endorsements of then, and
appraised by both policies: what counted then is on record, what counts now and what is proposed are
compared on the same ground.  Reads only; nothing is issued, and nothing is written down.

That evidence was bound to its key and its nonce was checked when it was decided about; a policy
does not change that, so it counts as bound here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.appraisal.appraise import judge
from enarx.attestation import authenticate, parse
from enarx.errors import EnarxError
from enarx.steward.records import evidence
from enarx.steward.records.tables import decisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from enarx.attestation import Authentic
    from enarx.errors import Failure
    from enarx.steward.policies.document import StewardPolicy
    from enarx.steward.records.evidence import Kept
    from enarx.tee.anchors import TrustAnchor

MAX_DECISIONS = 500
"""In one run; a verification takes milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A decision of which the evidence is still there.

    Args:
        workload: "sha256:…", empty where the claims named none.
    """

    kept: Kept
    workload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a policy says about one piece of evidence.

    Args:
        failures: empty where it is accepted.
        names: the DNS names that it would be given.
        secrets: likewise, names of secrets.
    """

    failures: tuple[Failure, ...] = ()
    names: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One decision under two policies.

    Args:
        decision: its identifier.
        time: seconds since 1970.
        recorded: what was decided then, for whatever reason.
        error: why the evidence could not be verified anew; then neither policy was asked.
    """

    decision: str
    time: int
    technology: str
    workload: str
    recorded: bool
    current: Outcome = field(default_factory=Outcome)
    proposed: Outcome = field(default_factory=Outcome)
    error: str = ""

    @property
    def changes(self) -> bool:
        """Whether the two policies decide otherwise, or give otherwise."""
        accepted = self.current.accepted, self.proposed.accepted
        return not self.error and (accepted[0] != accepted[1] or (all(accepted) and self.gives))

    @property
    def gives(self) -> bool:
        """Whether other names or secrets are given."""
        current, proposed = self.current, self.proposed
        return (set(current.names), set(current.secrets)) != (
            set(proposed.names),
            set(proposed.secrets),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A dry run.

    Args:
        compared: the newest first.
        newly_refused, newly_accepted: how many.
        given_otherwise: accepted by both, with other names or secrets.
        unverified: how many could not be verified anew.
        reasons: how often each claim, that the current policy lets pass, fails now.
    """

    compared: tuple[Compared, ...]
    newly_refused: int
    newly_accepted: int
    given_otherwise: int
    unverified: int
    reasons: Mapping[str, int]


def past(connection: Connection, most: int = MAX_DECISIONS) -> tuple[Past, ...]:
    """The last decisions whose evidence is kept, the newest first."""
    kept = evidence.last(connection, min(most, MAX_DECISIONS))
    rows = connection.execute(
        sa.select(decisions.c.id, decisions.c.workload).where(
            decisions.c.id.in_([one.decision for one in kept])
        )
    )
    workloads = {row.id: row.workload for row in rows}
    return tuple(Past(kept=one, workload=workloads[one.decision]) for one in kept)


def compare(
    decided: Sequence[Past],
    *,
    current: StewardPolicy,
    proposed: StewardPolicy,
    anchors: tuple[TrustAnchor, ...],
    accept_simulated: bool = False,
) -> Result:
    """Both policies over the same evidence; no transaction is needed.

    Args:
        anchors: whom the Steward believes.
        accept_simulated: whether the Steward accepts simulations, where the policy does too.
    """
    found = tuple(
        _compare(one, (current, proposed), anchors, accept_simulated=accept_simulated)
        for one in decided
    )
    return _summary(found)


def _compare(
    one: Past,
    policies: tuple[StewardPolicy, StewardPolicy],
    anchors: tuple[TrustAnchor, ...],
    *,
    accept_simulated: bool,
) -> Compared:
    kept = one.kept
    now = datetime.fromtimestamp(kept.time, UTC)
    outcomes = [Outcome(), Outcome()]
    error = ""
    try:
        authentic = authenticate(
            parse(kept.evidence, kept.decision), kept.endorsements, anchors=anchors, now=now
        )
    except EnarxError as e:
        error = e.message
    else:
        outcomes = [
            _outcome(authentic, policy, one.workload, now, accept_simulated=accept_simulated)
            for policy in policies
        ]
    return Compared(
        decision=kept.decision,
        time=kept.time,
        technology=kept.technology,
        workload=one.workload,
        recorded=kept.accepted,
        current=outcomes[0],
        proposed=outcomes[1],
        error=error,
    )


def _outcome(
    authentic: Authentic,
    policy: StewardPolicy,
    workload: str,
    now: datetime,
    *,
    accept_simulated: bool,
) -> Outcome:
    verdict = judge(
        authentic,
        policy.appraisal,
        now=now,
        accept_simulated=accept_simulated,
        report_data=authentic.claims.report_data,
    )
    refusal = policy.refusal(workload)
    failures = (*(check.failure() for check in verdict.failed), *((refusal,) if refusal else ()))
    return Outcome(
        failures=failures,
        names=() if failures else policy.names(workload),
        secrets=() if failures else policy.secrets(workload),
    )


def _summary(found: tuple[Compared, ...]) -> Result:
    known = [one for one in found if not one.error]
    refused = [one for one in known if one.current.accepted and not one.proposed.accepted]
    accepted = [one for one in known if one.proposed.accepted and not one.current.accepted]
    both = [one for one in known if one.current.accepted and one.proposed.accepted]
    return Result(
        compared=found,
        newly_refused=len(refused),
        newly_accepted=len(accepted),
        given_otherwise=sum(one.gives for one in both),
        unverified=len(found) - len(known),
        reasons=_reasons(known),
    )


def _reasons(known: Iterable[Compared]) -> Mapping[str, int]:
    """The claims that only the proposed policy finds wrong, the most frequent first."""
    counted: Counter[str] = Counter()
    for one in known:
        before = {failure.claim for failure in one.current.failures}
        counted.update({failure.claim for failure in one.proposed.failures} - before)
    return dict(counted.most_common())
