"""Versions, proposals and dry runs as JSON, for the API and for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from enarx.errors import Failure
    from enarx.steward.policies.approvers import Approvers
    from enarx.steward.policies.document import StewardPolicy
    from enarx.steward.policies.dry_run import Compared, Outcome, Result
    from enarx.steward.policies.store import Proposal

    Json = dict[str, object]


def proposal_document(one: Proposal) -> Json:
    """A proposal or version; ``unapproved`` where it counts and nobody approved it."""
    return {
        "number": one.number,
        "kind": one.kind,
        "version": one.version,
        "sha256": one.sha256,
        "previous": one.previous,
        "follows": one.follows,
        "note": one.note,
        "by": one.by,
        "time": one.time,
        "activated": one.activated,
        "log_index": one.log_index,
        "unapproved": one.version is not None and not one.approvals,
        "approvals": [
            {
                "name": approval.name,
                "key": to_base64url(approval.key),
                "signature": to_base64url(approval.signature),
                "time": approval.time,
            }
            for approval in one.approvals
        ],
    }


def policy_document(policy: StewardPolicy) -> Json:
    """What a policy is about, in short."""
    return {
        "name": policy.appraisal.name,
        "platforms": list(policy.appraisal.platforms),
        "appraisal_sha256": policy.appraisal.sha256.hex(),
        "lifetime_s": policy.issue.lifetime_s,
        "dns_names": list(policy.issue.dns_names),
        "any_workload": policy.issue.any_workload,
        "require_workload": policy.issue.require_workload,
        "workloads": len(policy.workloads),
    }


def approvers_document(approvers: Approvers) -> Json:
    """Who approves."""
    keys = {name: to_base64url(key) for name, key in approvers.keys.items()}
    return {"threshold": approvers.threshold, "keys": keys}


def result_document(result: Result) -> Json:
    """A dry run: the numbers, and every decision that would change or cannot be looked at."""
    listed = [_compared(one) for one in result.compared if one.changes or one.error]
    return {
        "decisions": len(result.compared),
        "newly_refused": result.newly_refused,
        "newly_accepted": result.newly_accepted,
        "given_otherwise": result.given_otherwise,
        "unverified": result.unverified,
        "reasons": dict(result.reasons),
        "changes": listed,
    }


def _compared(one: Compared) -> Json:
    return {
        "decision": one.decision,
        "time": one.time,
        "platform": one.technology,
        "workload": one.workload,
        "recorded": one.recorded,
        "error": one.error,
        "current": None if one.error else _outcome(one.current),
        "proposed": None if one.error else _outcome(one.proposed),
    }


def _outcome(outcome: Outcome) -> Json:
    return {
        "accepted": outcome.accepted,
        "dns_names": list(outcome.names),
        "secrets": list(outcome.secrets),
        "failures": [_failure(failure) for failure in outcome.failures],
    }


def _failure(failure: Failure) -> Json:
    return {"claim": failure.claim, "want": failure.want, "got": failure.got}
