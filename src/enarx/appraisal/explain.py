"""A policy in plain English: what is demanded where, what is left out, why, and what that risks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.appraisal.comparison import Either
from enarx.appraisal.demand import Compared, RealUnlessTold, RevocationLooked
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from enarx.appraisal.demand import Demand
    from enarx.appraisal.policy import Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One rule.

    Args:
        key: where the policy says it.
        platforms: where it counts.
        about: what it is about, as the subject of a sentence.
        want: what would pass; empty where it is left out.
        reason: why it is left out; empty where it is not.
        risk: what can happen because nothing is demanded; empty where something is.
    """

    key: str
    platforms: tuple[str, ...]
    about: str
    want: str = ""
    reason: str = ""
    risk: str = ""

    def __str__(self) -> str:
        where = ", ".join(self.platforms)
        risk = f" (risk: {self.risk})" if self.risk else ""
        if self.reason:
            return f"{where}: {self.about} is not checked: {self.reason}{risk}"
        may = "may" if self.risk else "must"
        return f"{where}: {self.about} {may} be {self.want}{risk}"


def explain(policy: Policy) -> tuple[Sentence, ...]:
    """Every rule of *policy* once, in the order of the catalogue; demands and what is left out."""
    rules: dict[str, Rule] = {}
    places: dict[str, list[str]] = {}
    for platform in policy.platforms:
        for rule in policy.rules[platform]:
            rules.setdefault(rule.key, rule)
            places.setdefault(rule.key, []).append(platform)
    return tuple(_sentence(rule, tuple(places[key])) for key, rule in rules.items())


def _sentence(rule: Rule, platforms: tuple[str, ...]) -> Sentence:
    about = rule.about
    if isinstance(rule.demand, Unchecked):
        return Sentence(
            key=rule.key,
            platforms=platforms,
            about=about.about,
            reason=rule.demand.reason,
            risk=about.risk,
        )
    return Sentence(
        key=rule.key,
        platforms=platforms,
        about=about.about,
        want=rule.demand.want(),
        risk=about.risk if _tolerates(rule.demand) else "",
    )


def _tolerates(demand: Demand) -> bool:
    """Whether evidence passes that the risk is about."""
    match demand:
        case Compared(comparison=Either()) | RealUnlessTold() | RevocationLooked(required=False):
            return True
        case _:
            return False
