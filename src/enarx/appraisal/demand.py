"""What a policy demands of one property, and how it is judged.

Most demands compare one claim (``Compared``); those that need more than one claim, or more than
the claims, judge by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from enarx.appraisal.comparison import AtLeast, Comparison, OneOf, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from enarx.appraisal.comparison import Got
    from enarx.appraisal.verdict import Outcome
    from enarx.tee.claims import Authentic


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged, and what the caller knows.

    Args:
        authentic: the evidence.
        now: the instant of the appraisal.
        report_data: what the evidence must be bound to; None where the caller expects nothing.
        accept_simulated: the caller was told to accept what proves no hardware.
    """

    authentic: Authentic
    now: datetime
    report_data: bytes | None
    accept_simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim, judged.  The fields are those of ``verdict.Check``."""

    claim: str
    outcome: Outcome
    want: str
    got: str
    reason: str = ""


class Demand(Protocol):
    """What is demanded of one property."""

    def want(self) -> str:
        """What would pass, for people."""
        ...

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """Every claim that it looks at; at least one."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """One claim compared with one value."""

    claim: str
    fact: Callable[[Case], Got]
    comparison: Comparison

    def want(self) -> str:
        """The comparison's."""
        return self.comparison.want()

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """One finding."""
        return (compare(self.claim, self.fact(case), self.comparison),)


@dataclass(frozen=True, slots=True)
class Binding:
    """The evidence is bound to what the caller expects."""

    def want(self) -> str:
        """Whatever the caller gives."""
        return "what the caller expects, which must be given"

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """A caller who expects nothing is refused."""
        got = case.authentic.claims.report_data
        if case.report_data is None:
            return (_finding("report_data", self.want(), shown(got), passed=False),)
        comparison = OneOf(frozenset({case.report_data}))
        return (compare("report_data", got, comparison),)


@dataclass(frozen=True, slots=True)
class EachOneOf:
    """Several registers, each with the values that it may have.

    Args:
        prefix: of the claims' names.
        values: by register.
    """

    prefix: str
    values: Mapping[str, frozenset[bytes]]

    def want(self) -> str:
        """Each register with its values."""
        return "; ".join(f"{name} {OneOf(v).want()}" for name, v in self.values.items())

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """A finding for each register."""
        fields = case.authentic.claims.fields
        names = {name: f"{self.prefix}{name}" for name in self.values}
        return tuple(
            compare(names[name], fields.get(names[name]), OneOf(values))
            for name, values in self.values.items()
        )


@dataclass(frozen=True, slots=True)
class MinimumTcb:
    """No security version number below the product's minimum.

    Args:
        tcb: the claims' prefix ("snp.reported_tcb").
        minimum: by product and component.
    """

    tcb: str
    minimum: Mapping[str, Mapping[str, int]]

    def want(self) -> str:
        """Each product with its numbers."""
        return "; ".join(
            f"on {product} at least {', '.join(f'{name} {n}' for name, n in parts.items())}"
            for product, parts in self.minimum.items()
        )

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """The product must have a minimum, and each component must reach it."""
        fields = case.authentic.claims.fields
        product = fields.get("snp.product")
        found = [compare("snp.product", product, OneOf(frozenset(self.minimum)))]
        for name, number in self.minimum.get(str(product), {}).items():
            claim = f"{self.tcb}.{name}"
            found.append(compare(claim, fields.get(claim), AtLeast(number)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class RealUnlessTold:
    """A policy that tolerates a simulation, where the caller was told to accept it as well."""

    def want(self) -> str:
        """No simulation, or the caller's word."""
        return "off, unless the caller accepts simulated evidence"

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """The policy alone is not enough."""
        simulated = case.authentic.claims.simulated
        passed = not simulated or case.accept_simulated
        return (_finding("simulated", self.want(), shown(simulated), passed=passed),)


@dataclass(frozen=True, slots=True)
class RevocationLooked:
    """Every certificate of the chain was looked up in a current revocation list.

    Args:
        required: False where a missing list is reported and not refused.
    """

    required: bool

    def want(self) -> str:
        """Current lists."""
        text = "every issuer's current revocation list"
        return text if self.required else f"{text}, where there is one"

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """What was not looked up fails, or is reported as unchecked."""
        missing = case.authentic.claims.revocation.unchecked
        if not missing:
            lists = ", ".join(case.authentic.claims.revocation.lists)
            return (
                _finding("revocation", self.want(), lists or "nothing can be revoked", passed=True),
            )
        got = "; ".join(missing)
        if self.required:
            return (_finding("revocation", self.want(), got, passed=False),)
        reason = f"no current list: {got}"
        return (unchecked("revocation", got, reason),)


def compare(claim: str, got: Got, comparison: Comparison) -> Finding:
    """One claim, compared."""
    outcome: Outcome = "passed" if comparison.holds(got) else "failed"
    return Finding(claim=claim, outcome=outcome, want=comparison.want(), got=shown(got))


def unchecked(claim: str, got: str, reason: str) -> Finding:
    """A claim that was left out."""
    return Finding(claim=claim, outcome="unchecked", want=NOT_CHECKED, got=got, reason=reason)


NOT_CHECKED = "not checked"


def _finding(claim: str, want: str, got: str, *, passed: bool) -> Finding:
    return Finding(claim=claim, outcome="passed" if passed else "failed", want=want, got=got)
