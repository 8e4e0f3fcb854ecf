"""A measured figure, the competitor's beside it, and whether its budget is met (DESIGN 15)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median

WIDTH = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound on our figure, or where *relative* on its ratio to the competitor's."""

    bound: float
    most: bool
    relative: bool = True
    unit: str = ""

    def holds(self, figure: Figure) -> bool:
        """Whether *figure* is inside."""
        return self._inside(figure.ratio if self.relative else figure.ours)

    def out_of_reach(self, figure: Figure) -> bool:
        """Whether the competitor itself, without our part, is outside: the machine is too slow."""
        return not self.relative and figure.theirs is not None and not self._inside(figure.theirs)

    def _inside(self, value: float | None) -> bool:
        if value is None:
            return False
        return value <= self.bound if self.most else value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.most else "≥"
        return f"{sign} {self.bound:g}" + (" times" if self.relative else f" {self.unit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the report."""

    what: str
    unit: str
    ours: float
    theirs: float | None = None
    competitor: str = ""
    budget: Budget | None = None
    native: bool = False
    """Whether the competitor does the same work with nothing of ours in between."""

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self) -> str:
        """``met``, ``NOT MET``, ``out of reach``, or nothing where there is no budget."""
        if self.budget is None:
            return ""
        if self.budget.holds(self):
            return "met"
        if self.native and self.budget.out_of_reach(self):
            return f"out of reach, {self.competitor} misses it here too"
        return "NOT MET"

    def line(self) -> str:
        """The figure as it is printed."""
        text = f"  {self.what:{WIDTH}} {_number(self.ours)} {self.unit}"
        if self.theirs is not None:
            text += f"   {self.competitor} {_number(self.theirs)}   ratio {self.ratio:.2f}"
        if self.budget is not None:
            text += f"   budget {self.budget}: {self.verdict}"
        return text

    def as_dict(self) -> dict[str, object]:
        """The figure for ``--json``."""
        budget = str(self.budget) if self.budget else None
        return {**asdict(self), "ratio": self.ratio, "budget": budget, "verdict": self.verdict}


class Skipped(Exception):  # noqa: N818 - not an error: a tool is missing, and the report says which
    """A benchmark that cannot run here, and why."""


def at_most(bound: float, unit: str = "") -> Budget:
    """At most *bound* times the competitor; with a *unit*, at most that much."""
    return Budget(bound=bound, most=True, relative=not unit, unit=unit)


def at_least(bound: float, unit: str = "") -> Budget:
    """At least *bound* times the competitor; with a *unit*, at least that much."""
    return Budget(bound=bound, most=False, relative=not unit, unit=unit)


def percentile(values: Iterable[float], percent: int) -> float:
    """The value that *percent* of *values* do not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]


def medians(*columns: list[float]) -> tuple[float, ...]:
    """The median of each column."""
    return tuple(median(column) for column in columns)


def _number(value: float) -> str:
    """Three digits that mean something, with thin groups for large numbers."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
