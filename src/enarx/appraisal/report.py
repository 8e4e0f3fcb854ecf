"""A verdict for people, as lines, and for programs, as a JSON document.

Says what was proven, by which chain, how current the machine is, what failed, and what nobody
looked at.  Whoever prints the lines escapes them: evidence is an attacker's text.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from enarx.appraisal.comparison import shown
from enarx.appraisal.ear import json_value, policy_id
from enarx.appraisal.trust_vector import status_of, trust_vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from enarx.appraisal.verdict import Check, Verdict
    from enarx.tee.claims import Authentic, ChainLink

_WIDTH = 14


def lines(authentic: Authentic, verdict: Verdict) -> tuple[str, ...]:
    """The verdict as text: the outcome first, then failures, what is proven, what is left out."""
    return (
        _outcome(verdict),
        *_simulated(authentic),
        *_failed(verdict),
        *_proven(authentic),
        *_tcb(authentic),
        *_unchecked(verdict),
        *_passed(verdict),
    )


def document(authentic: Authentic, verdict: Verdict) -> dict[str, object]:
    """The verdict as JSON values."""
    claims, tcb = authentic.claims, authentic.claims.tcb
    vector = trust_vector(claims, verdict)
    return {
        "accepted": verdict.accepted,
        "simulated": claims.simulated,
        "policy": {
            "name": verdict.policy,
            "sha256": verdict.policy_sha256.hex(),
            "id": policy_id(verdict),
        },
        "at": shown(verdict.at),
        "platform": claims.platform,
        "measurements": {name: value.hex() for name, value in claims.measurements.items()},
        "report_data": claims.report_data.hex(),
        "debug": claims.debug,
        "migratable": claims.migratable,
        "smt": claims.smt,
        "instance": claims.instance.hex(),
        "tcb": {
            "status": tcb.status,
            "date": _instant(tcb.date),
            "evaluation_number": tcb.evaluation_number,
            "advisories": list(tcb.advisories),
            "components": dict(tcb.components),
        },
        "revocation": {
            "lists": list(claims.revocation.lists),
            "unchecked": list(claims.revocation.unchecked),
        },
        "anchor": authentic.anchor,
        "chain": [_link(link) for link in authentic.chain],
        "collateral_issued": _instant(authentic.collateral_issued),
        "not_after": _instant(authentic.not_after),
        "verified_at": shown(authentic.verified_at),
        "fields": {name: json_value(value) for name, value in claims.fields.items()},
        "checks": [_check(check) for check in verdict.checks],
        "trustworthiness": {"status": status_of(vector), "vector": dict(vector)},
    }


def _outcome(verdict: Verdict) -> str:
    failed, unchecked = len(verdict.failed), len(verdict.unchecked)
    done = f"{failed + len(verdict.passed)} checks, {unchecked} left out"
    if verdict.accepted:
        return f"accepted by policy {verdict.policy} ({done})"
    return f"refused by policy {verdict.policy}: {failed} failed ({done})"


def _simulated(authentic: Authentic) -> Iterator[str]:
    if authentic.claims.simulated:
        yield "SIMULATED: a development root signed this; no hardware is proven"


def _failed(verdict: Verdict) -> Iterator[str]:
    if verdict.failed:
        yield ""
        yield "failed"
    for check in verdict.failed:
        yield f"  {check.claim}: got {check.got}, want {check.want}"
        yield f"    {check.hint}"


def _proven(authentic: Authentic) -> Iterator[str]:
    claims = authentic.claims
    yield ""
    yield "proven"
    yield _row("platform", claims.platform)
    for name, value in claims.measurements.items():
        yield _row(name, shown(value))
    yield _row("report data", shown(claims.report_data))
    yield _row("debug", shown(claims.debug))
    yield _row("migration", shown(claims.migratable))
    yield _row("smt", shown(claims.smt))
    yield _row("machine", shown(claims.instance or None))
    yield _row("at", shown(authentic.verified_at))
    yield _row("until", shown(authentic.not_after) if authentic.not_after else "no end is stated")
    yield _row("by", authentic.anchor)
    for link in authentic.chain:
        yield f"    {link.subject}, sha256 {link.sha256.hex()}{_validity(link)}"


def _validity(link: ChainLink) -> str:
    if link.not_before is None or link.not_after is None:
        return ""
    return f", {link.not_before:%Y-%m-%d} to {link.not_after:%Y-%m-%d}"


def _tcb(authentic: Authentic) -> Iterator[str]:
    tcb = authentic.claims.tcb
    yield ""
    yield "trusted computing base"
    if tcb.status:
        yield _row("status", tcb.status)
        yield _row("date", shown(tcb.date))
        yield _row("evaluation", shown(tcb.evaluation_number))
        yield _row("advisories", shown(tcb.advisories))
    else:
        yield _row("status", "this vendor has no words for it")
    if tcb.components:
        numbers = ", ".join(f"{name} {number}" for name, number in tcb.components.items())
        yield _row("components", numbers)
    issued = authentic.collateral_issued
    yield _row("collateral", f"issued {shown(issued)}" if issued else "none with a date was used")


def _unchecked(verdict: Verdict) -> Iterator[str]:
    grouped: dict[str, list[str]] = {}
    for check in verdict.unchecked:
        grouped.setdefault(check.reason, []).append(check.claim)
    if grouped:
        yield ""
        yield "not checked"
    for reason, claims in grouped.items():
        text = f"{', '.join(claims)}: {reason}"
        yield from textwrap.wrap(
            text, 96, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )


def _passed(verdict: Verdict) -> Iterator[str]:
    yield ""
    yield "passed"
    for check in verdict.passed:
        yield f"  {check.claim}: {check.got} (want {check.want})"


def _row(name: str, value: str) -> str:
    return f"  {name:<{_WIDTH}}{value}" if len(name) < _WIDTH else f"  {name} {value}"


def _check(check: Check) -> Mapping[str, str]:
    return {
        "claim": check.claim,
        "key": check.key,
        "concern": check.concern,
        "outcome": check.outcome,
        "want": check.want,
        "got": check.got,
        "reason": check.reason,
        "hint": check.hint,
    }


def _link(link: ChainLink) -> Mapping[str, object]:
    return {
        "subject": link.subject,
        "sha256": link.sha256.hex(),
        "not_before": _instant(link.not_before),
        "not_after": _instant(link.not_after),
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else shown(value)
