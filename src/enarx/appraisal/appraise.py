"""The third stage: authentic claims against a policy.

Every property is judged, whatever failed before it, so that one run tells everything that is wrong.
``Accepted`` is made here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.appraisal.comparison import OneOf, shown
from enarx.appraisal.demand import Binding, Case, Finding, compare, unchecked
from enarx.appraisal.verdict import Check, Verdict
from enarx.errors import UnacceptableError
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from enarx.appraisal.policy import Policy, Rule
    from enarx.tee.claims import Authentic


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Evidence that is genuine and that a policy accepts: what may release a secret.

    Args:
        authentic: the evidence, with its claims.
        policy: the policy's name.
        policy_sha256: the digest of what it demands.
        verdict: every check, also what was left out and why.
        at: the instant of the appraisal; what may be done later, another policy decides.
    """

    authentic: Authentic
    policy: str
    policy_sha256: bytes
    verdict: Verdict
    at: datetime


def appraise(
    authentic: Authentic,
    policy: Policy,
    *,
    now: datetime,
    accept_simulated: bool = False,
    report_data: bytes | None = None,
) -> Accepted:
    """Accept *authentic*, or say everything that *policy* finds wrong with it.

    Args: as of ``judge``.

    Raises:
        UnacceptableError: something that *policy* demands does not hold; with every failure.
    """
    verdict = judge(
        authentic, policy, now=now, accept_simulated=accept_simulated, report_data=report_data
    )
    must_be_accepted(verdict)
    return Accepted(
        authentic=authentic,
        policy=policy.name,
        policy_sha256=policy.sha256,
        verdict=verdict,
        at=now,
    )


def must_be_accepted(verdict: Verdict) -> None:
    """Insist that nothing failed.

    Raises:
        UnacceptableError: something did; with every failure.
    """
    if not verdict.accepted:
        failures = (check.failure() for check in verdict.failed)
        raise UnacceptableError(f"policy {verdict.policy}", *failures)


def judge(
    authentic: Authentic,
    policy: Policy,
    *,
    now: datetime,
    accept_simulated: bool = False,
    report_data: bytes | None = None,
) -> Verdict:
    """Check *authentic* against everything that *policy* states; never raises for what it finds.

    Args:
        now: aware; endorsements that ended before it fail.
        accept_simulated: accept what proves no hardware, where the policy allows it too.
        report_data: what the evidence must be bound to, as the attester's format pads it; compared
            even where the policy leaves it out.
    """
    case = Case(
        authentic=authentic, now=now, report_data=report_data, accept_simulated=accept_simulated
    )
    return Verdict(
        policy=policy.name,
        policy_sha256=policy.sha256,
        at=now,
        checks=(*_always(case, policy), *_by_rules(case, policy)),
    )


def _always(case: Case, policy: Policy) -> Iterator[Check]:
    """What no policy can leave out."""
    platforms = OneOf(frozenset(policy.platforms))
    found = compare("platform", case.authentic.claims.platform, platforms)
    hint = _advice("run it on a platform that the policy accepts", "platforms", policy)
    yield _check(found, key="platforms", hint=hint)
    begin, end = case.authentic.verified_at, case.authentic.not_after
    want = f"from {shown(begin)}" + (f" to {shown(end)}" if end else "")
    within = begin <= case.now and (end is None or case.now <= end)
    found = Finding(
        claim="endorsements",
        outcome="passed" if within else "failed",
        want=want,
        got=shown(case.now),
    )
    yield _check(found, key="", hint="verify the evidence anew, with current endorsements")


def _check(found: Finding, *, key: str, hint: str) -> Check:
    return Check(
        claim=found.claim,
        key=key,
        concern="hardware",
        outcome=found.outcome,
        want=found.want,
        got=found.got,
        hint=hint if found.outcome == "failed" else "",
    )


def _by_rules(case: Case, policy: Policy) -> Iterator[Check]:
    for rule in policy.rules.get(case.authentic.claims.platform, policy.otherwise):
        for found in _findings(rule, case):
            failed = found.outcome == "failed"
            yield Check(
                claim=found.claim,
                key=rule.key,
                concern=rule.about.concern,
                outcome=found.outcome,
                want=found.want,
                got=found.got,
                reason=found.reason,
                hint=_advice(rule.about.hint, rule.key, policy) if failed else "",
            )


def _findings(rule: Rule, case: Case) -> tuple[Finding, ...]:
    if isinstance(rule.demand, Unchecked):
        if rule.about.claim == "report_data" and case.report_data is not None:
            return Binding().judge(case)  # a caller who expects something is not left in the dark
        got = shown(rule.about.fact(case))
        return (unchecked(rule.about.claim, got, rule.demand.reason),)
    return rule.demand.judge(case)


def _advice(hint: str, key: str, policy: Policy) -> str:
    where = f"in {policy.source}" if policy.source else "in a policy of your own (--policy)"
    return f"{hint}; or change {key} {where}"
