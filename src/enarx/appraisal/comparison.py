"""Comparisons of a policy: each type carries what it means, so that none is compared as another.

A bit mask is no number, a list is a set, a TCB is ordered component by component.  None, a claim
that the platform does not state, holds only where nothing is demanded.  Knows no claim and no
policy file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from enarx.tee.claims import ClaimValue

NOT_STATED = "not stated by this platform"


class Dated(NamedTuple):
    """An instant, and the one as of which its age counts."""

    instant: datetime
    now: datetime


Version = tuple[int, ...]
"""Numbers of a version, the most significant first."""

Got = ClaimValue | Dated | Version | None
"""What a claim says; None where the platform does not say."""


class Comparison(Protocol):
    """One way to compare a claim with what a policy says."""

    def want(self) -> str:
        """What would hold, as in "got 3, want …"."""
        ...

    def holds(self, got: Got) -> bool:
        """Whether *got* is as it must be; what has another type is not."""
        ...


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number that is not smaller."""

    number: int

    def want(self) -> str:
        """At least the number."""
        return f"at least {self.number}"

    def holds(self, got: Got) -> bool:
        """A boolean is not a number."""
        return isinstance(got, int) and not isinstance(got, bool) and got >= self.number


@dataclass(frozen=True, slots=True)
class AtLeastEach:
    """Bytes of which none is smaller: security version numbers side by side, no order by place."""

    numbers: bytes

    def want(self) -> str:
        """At least, byte by byte."""
        return f"in each byte at least {self.numbers.hex()}"

    def holds(self, got: Got) -> bool:
        """Another length has other components."""
        return (
            isinstance(got, bytes)
            and len(got) == len(self.numbers)
            and all(have >= need for have, need in zip(got, self.numbers, strict=True))
        )


@dataclass(frozen=True, slots=True)
class AtLeastVersion:
    """A version that is not older, compared number by number from the left."""

    version: Version

    def want(self) -> str:
        """At least the version."""
        return f"at least {shown(self.version)}"

    def holds(self, got: Got) -> bool:
        """Another number of parts is another kind of version."""
        if not isinstance(got, tuple):
            return False
        numbers = tuple(part for part in got if isinstance(part, int))
        return len(got) == len(numbers) == len(self.version) and numbers >= self.version


@dataclass(frozen=True, slots=True)
class AtMostAge:
    """An instant that is not in the future and not longer ago than this."""

    age: timedelta

    def want(self) -> str:
        """At most so old."""
        return f"at most {_age(self.age)} old"

    def holds(self, got: Got) -> bool:
        """Counted up to the instant of the appraisal."""
        return isinstance(got, Dated) and timedelta() <= got.now - got.instant <= self.age


@dataclass(frozen=True, slots=True)
class Either:
    """A setting about which nothing is demanded: the operator said so."""

    def want(self) -> str:
        """Either."""
        return "on or off"

    def holds(self, _got: Got) -> bool:
        """Always, and where the platform does not say too."""
        return True


@dataclass(frozen=True, slots=True)
class HasBits:
    """A bit mask in which these bits are set; others may be."""

    bits: frozenset[int]

    def want(self) -> str:
        """The bits by number."""
        listed = ", ".join(map(str, sorted(self.bits)))
        return f"bits {listed} set" if self.bits else "any bits"

    def holds(self, got: Got) -> bool:
        """A larger number does not have more bits."""
        if not isinstance(got, int) or isinstance(got, bool):
            return False
        return all(got >> bit & 1 for bit in self.bits)


@dataclass(frozen=True, slots=True)
class Masked:
    """Bytes that have this value where *mask* has ones, both in the order of the evidence."""

    mask: bytes
    value: bytes

    def want(self) -> str:
        """The value under the mask."""
        return f"{self.value.hex()} in the bits of {self.mask.hex()}"

    def holds(self, got: Got) -> bool:
        """What *mask* leaves out does not count."""
        return (
            isinstance(got, bytes)
            and len(got) == len(self.mask)
            and all(g & m == v for g, m, v in zip(got, self.mask, self.value, strict=True))
        )


@dataclass(frozen=True, slots=True)
class NotBefore:
    """An instant that is not earlier."""

    instant: datetime

    def want(self) -> str:
        """That instant or a later one."""
        return f"{shown(self.instant)} or later"

    def holds(self, got: Got) -> bool:
        """The age does not count."""
        return isinstance(got, Dated) and got.instant >= self.instant


@dataclass(frozen=True, slots=True)
class Off:
    """A setting that must be off."""

    def want(self) -> str:
        """Off."""
        return "off"

    def holds(self, got: Got) -> bool:
        """False and nothing else."""
        return got is False


@dataclass(frozen=True, slots=True)
class On:
    """A setting that must be on."""

    def want(self) -> str:
        """On."""
        return "on"

    def holds(self, got: Got) -> bool:
        """True and nothing else."""
        return got is True


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value that is listed.

    Args:
        or_unstated: a platform that does not say passes too.
    """

    values: frozenset[bytes] | frozenset[int] | frozenset[str]
    or_unstated: bool = False

    def want(self) -> str:
        """The values; there is no order among them."""
        listed = ", ".join(sorted(shown(value) for value in self.values))
        text = f"one of {listed}" if len(self.values) > 1 else listed or "nothing that exists"
        return f"{text}, or none stated" if self.or_unstated else text

    def holds(self, got: Got) -> bool:
        """Equal in type too."""
        if got is None:
            return self.or_unstated
        return not isinstance(got, bool) and got in self.values


@dataclass(frozen=True, slots=True)
class Within:
    """A set of words of which none is missing in the list."""

    allowed: frozenset[str]

    def want(self) -> str:
        """The list."""
        if not self.allowed:
            return "none"
        return f"none but {', '.join(sorted(self.allowed))}"

    def holds(self, got: Got) -> bool:
        """Nothing at all is within every list."""
        return isinstance(got, tuple) and self.allowed.issuperset(got)


def shown(value: Got) -> str:
    """*value* for a message: bytes in hexadecimal, instants in RFC 3339, settings as on and off."""
    match value:
        case None:
            return NOT_STATED
        case bool():
            return "on" if value else "off"
        case bytes():
            return value.hex() or "empty"
        case Dated():
            return f"{shown(value.instant)}, {_age(value.now - value.instant)} ago"
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case tuple():
            numbers = value and isinstance(value[0], int)
            return (".".join if numbers else ", ".join)(map(str, value)) or "none"
        case _:
            return str(value) or "nothing"


def _age(age: timedelta) -> str:
    hours = age // timedelta(hours=1)
    return f"{age // timedelta(days=1)} d" if abs(hours) >= _SHOWN_IN_HOURS else f"{hours} h"


_SHOWN_IN_HOURS = 72
