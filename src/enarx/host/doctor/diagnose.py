"""From facts to next steps: what is missing for each platform, in the order in which to do it.

Pure: the same facts give the same diagnosis, on whichever machine they were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.host.platforms import examine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enarx.host.doctor.facts import Facts
    from enarx.host.platforms import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    Args:
        name: of the check that failed.
        text: what to do, or what to type.
        optional: the platform works without it, more weakly or more slowly.
    """

    name: str
    text: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is missing for one platform.

    Args:
        platform: its name.
        isolation: what it isolates with.
        command: what starts keeps on it; empty if nothing of this version can.
        possible: whatever is missing can be changed.
        ready: nothing that is known is missing on the machine.
        steps: what is left to do, in this order.
        unknown: what could not be found out, and why: ``(name, reason)``.
    """

    platform: str
    isolation: str
    command: str
    possible: bool
    ready: bool
    steps: tuple[Step, ...]
    unknown: tuple[tuple[str, str], ...]

    @property
    def usable(self) -> bool:
        """Keeps can be started on it, on that machine, by this version."""
        return bool(self.command) and self.ready


def diagnose(facts: Facts) -> tuple[Diagnosis, ...]:
    """What is missing for each platform, strongest isolation first."""
    return tuple(
        Diagnosis(
            platform=finding.platform.name,
            isolation=finding.platform.isolation,
            command=finding.platform.command,
            possible=not any(check.hopeless for check in finding.of_machine),
            ready=not any(check.blocks for check in finding.of_machine),
            steps=tuple(_steps(finding.of_machine, optional=False)),
            unknown=tuple(_unknown(finding.of_machine)),
        )
        for finding in examine(facts)
    )


def _steps(checks: Iterable[Check], *, optional: bool) -> Iterator[Step]:
    for check in checks:
        weak = optional or check.optional
        if check.passed is False and check.mesg:
            yield Step(name=check.name, text=check.mesg, optional=weak)
        yield from _steps(check.data, optional=weak)


def _unknown(checks: Iterable[Check]) -> Iterator[tuple[str, str]]:
    for check in checks:
        if check.passed is None:
            yield check.name, check.mesg or "it was not said why"
        yield from _unknown(check.data)
