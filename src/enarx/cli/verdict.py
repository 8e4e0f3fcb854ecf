"""What ``enarx verify`` prints: a verdict with the evidence it is about, or why there is none."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from enarx.appraisal import report
from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence.identity import workload_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Authentic, Parsed
    from enarx.errors import RejectedError


def lines(path: str, parsed: Parsed, authentic: Authentic, verdict: Verdict) -> Iterator[str]:
    """A verdict for people: the outcome first, then what it is about, then the report."""
    outcome, *rest = report.lines(authentic, verdict)
    yield f"{path}: {outcome}"
    yield f"  {parsed.technology.title}, sha256 {sha256(authentic.evidence).hexdigest()}"
    if workload := workload_of(parsed.opened.claims):
        yield f"  workload       {workload}"
    yield from rest


def document(
    path: str, parsed: Parsed, authentic: Authentic, verdict: Verdict
) -> dict[str, object]:
    """A verdict as JSON values."""
    return {
        "authentic": True,
        "evidence": {
            "path": path,
            "technology": parsed.technology.name,
            "containers": list(parsed.opened.containers),
            "sha256": sha256(authentic.evidence).hexdigest(),
        },
        "workload_digest": workload_of(parsed.opened.claims) or None,
        **report.document(authentic, verdict),
    }


def refusal(error: RejectedError, path: str, at: datetime) -> dict[str, object]:
    """What is wrong with evidence of which nothing is proven, as JSON values."""
    return {
        "authentic": False,
        "evidence": {"path": path},
        "accepted": False,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "error": {"message": str(error), **_details(error), "hints": list(error.hints)},
    }


def _details(error: RejectedError) -> dict[str, object]:
    if isinstance(error, MalformedError):
        return {"kind": "malformed", "where": error.where, "problem": error.problem}
    if not isinstance(error, UnauthenticError):
        return {"kind": "rejected"}
    failures = [
        {"claim": f.claim, "want": f.want, "got": f.got, "hint": f.hint} for f in error.failures
    ]
    return {"kind": "unauthentic", "step": error.step, "failures": failures}
