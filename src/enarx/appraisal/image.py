"""Reference values: which measurements an image has on a platform, and whether evidence has them.

An image is known by name and version.  For one platform it can have several reference values, each
a set of measurements with the values that they may have; evidence must have every measurement of
one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from enarx.appraisal.comparison import OneOf, shown
from enarx.appraisal.demand import Finding, compare, unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.appraisal.demand import Case
    from enarx.wire.shape import Unchecked


class ImageName(NamedTuple):
    """An image as a policy names it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceValue:
    """What one image measures on one platform.

    Args:
        image: whose it is.
        platform: the technology's name.
        measurements: by the specification's name; at least one is not left out.
    """

    image: ImageName
    platform: str
    measurements: Mapping[str, frozenset[bytes] | Unchecked]


@dataclass(frozen=True, slots=True)
class Image:
    """The measurements of one of these reference values, all of the platform that is judged."""

    references: tuple[ReferenceValue, ...]

    def want(self) -> str:
        """The images by name."""
        names = dict.fromkeys(str(reference.image) for reference in self.references)
        return f"one of {', '.join(names)}" if len(names) > 1 else "".join(names)

    def judge(self, case: Case) -> tuple[Finding, ...]:
        """The findings of the reference value that fits, or of the one that nearly does."""
        measured = case.authentic.claims.measurements
        tried = [_against(reference, measured) for reference in self.references]
        best = min(tried, key=_failures)
        if len(tried) == 1:
            return best
        others = f"the nearest of {len(tried)} reference values of {self.want()}"
        return tuple(
            replace(f, want=f"{f.want} ({others})") if f.outcome == "failed" else f for f in best
        )


def _failures(findings: tuple[Finding, ...]) -> int:
    return sum(finding.outcome == "failed" for finding in findings)


def _against(reference: ReferenceValue, measured: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """A finding for each measurement of either side: what the reference forgets fails as well."""
    names = dict.fromkeys((*reference.measurements, *measured))
    return tuple(_measurement(name, reference, measured.get(name)) for name in names)


def _measurement(name: str, reference: ReferenceValue, got: bytes | None) -> Finding:
    claim = f"image.{name}"
    accepted = reference.measurements.get(name)
    if accepted is None:
        want = f"a reference value of {name} for {reference.image}, or a reason for none"
        return Finding(claim=claim, outcome="failed", want=want, got=shown(got))
    if not isinstance(accepted, frozenset):
        return unchecked(claim, shown(got), accepted.reason)
    found = compare(claim, got, OneOf(accepted))
    return replace(found, want=f"{found.want} of {reference.image}")
