"""What a policy can state, described once per property: parser, judge, text and template use it.

The functions below describe the common kinds; what is special about a platform is in its table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from enarx.appraisal.comparison import (
    AtLeast,
    Either,
    Masked,
    Off,
    On,
    OneOf,
)
from enarx.appraisal.demand import Compared
from enarx.wire.shape import Many, Shape, Table, Text, Unchecked, Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.appraisal.comparison import Comparison, Got
    from enarx.appraisal.demand import Case, Demand
    from enarx.appraisal.verdict import Concern

NO_POLICY = Unchecked("no policy was given")
"""Stands in the built-in policy for what can only be judged with values of the operator's."""

U32_MAX = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of evidence that a policy must state or leave out with a reason.

    Args:
        key: its name in a policy, inside the section ("guest_svn", "tcb.statuses").
        about: what it is, as the subject of a sentence ("the guest's security version number").
        value: the values that a policy can state.
        demand: what such a value demands.
        claim: the name under which its checks are listed.
        fact: what the evidence says; for display where the demand judges by itself.
        concern: what it is about.
        risk: what can happen where it is not checked.
        hint: what can be done where it failed.
        baseline: what the built-in policy states.
        starter: the value in a file of ``enarx policy init``, as TOML writes it.
    """

    key: str
    about: str
    value: Shape
    demand: Callable[[Any], Demand]
    claim: str
    fact: Callable[[Case], Got]
    concern: Concern = "configuration"
    risk: str
    hint: str
    baseline: object = NO_POLICY
    starter: str


def field(name: str) -> Callable[[Case], Got]:
    """The claim that is a field of the evidence; None where this evidence does not have it."""

    def fact(case: Case) -> Got:
        return case.authentic.claims.fields.get(name)

    return fact


def compared(
    claim: str, fact: Callable[[Case], Got], comparison: Callable[[Any], Comparison]
) -> Callable[[Any], Demand]:
    """Values of a policy to demands about one claim."""

    def demand(value: Any) -> Demand:  # noqa: ANN401 - of the property's shape
        return Compared(claim, fact, comparison(value))

    return demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the description of a property says to people."""

    about: str
    risk: str
    hint: str


def setting(
    key: str,
    claim: str,
    words: Words,
    *,
    starter: Literal["required", "forbidden", "allowed"],
    baseline: object = NO_POLICY,
) -> Property:
    """A bit that a policy requires, forbids or allows."""
    fact = field(claim)
    return Property(
        key=key,
        about=words.about,
        value=Text(about=words.about, choices=tuple(SETTINGS)),
        demand=compared(claim, fact, setting_comparison),
        claim=claim,
        fact=fact,
        risk=words.risk,
        hint=words.hint,
        baseline=baseline,
        starter=f'"{starter}"',
    )


SETTINGS: dict[str, Comparison] = {"required": On(), "forbidden": Off(), "allowed": Either()}


def setting_comparison(value: str) -> Comparison:
    """What the word for a setting compares."""
    return SETTINGS[value]


def minimum(key: str, claim: str, words: Words, *, most: int, leave: str) -> Property:
    """A number that must not be smaller."""
    fact = field(claim)
    return Property(
        key=key,
        about=words.about,
        value=Whole(words.about, 0, most),
        demand=compared(claim, fact, AtLeast),
        claim=claim,
        fact=fact,
        risk=words.risk,
        hint=words.hint,
        starter=left_out(leave),
    )


def listed_bytes(
    key: str,
    claim: str,
    words: Words,
    *,
    size: int,
    leave: str,
    concern: Concern = "configuration",
) -> Property:
    """Bytes that must be one of a list, of *size* each; of any size where that is 0."""
    fact = field(claim)
    return Property(
        key=key,
        about=words.about,
        value=Many(words.about, hexadecimal(size), least=1),
        demand=compared(claim, fact, one_of_bytes),
        claim=claim,
        fact=fact,
        concern=concern,
        risk=words.risk,
        hint=words.hint,
        starter=left_out(leave),
    )


def listed_numbers(
    key: str, claim: str, words: Words, *, most: int, leave: str, baseline: object = NO_POLICY
) -> Property:
    """A number that must be one of a list."""
    fact = field(claim)
    return Property(
        key=key,
        about=words.about,
        value=Many(words.about, Whole(words.about, 0, most), least=1),
        demand=compared(claim, fact, one_of),
        claim=claim,
        fact=fact,
        risk=words.risk,
        hint=words.hint,
        baseline=baseline,
        starter=left_out(leave),
    )


def listed_words(
    key: str,
    claim: str,
    words: Words,
    *,
    choices: tuple[str, ...] = (),
    starter: str,
    concern: Concern,
) -> Property:
    """A word that must be one of a list; with *choices*, only these can be listed."""
    fact = field(claim)
    return Property(
        key=key,
        about=words.about,
        value=Many(words.about, Text(choices=choices, pattern=PRINTABLE), least=1),
        demand=compared(claim, fact, one_of),
        claim=claim,
        fact=fact,
        concern=concern,
        risk=words.risk,
        hint=words.hint,
        starter=starter,
    )


def masked(key: str, claim: str, words: Words, *, leave: str) -> Property:
    """A bit mask of 8 bytes that must have a value in some of its bits; as evidence shows it."""
    fact = field(claim)
    bits = Text(wanted="16 hexadecimal digits", pattern=_BITS_64)
    return Property(
        key=key,
        about=words.about,
        value=Table(words.about, {"mask": bits, "value": bits}, required=("mask", "value")),
        demand=compared(claim, fact, _masked),
        claim=claim,
        fact=fact,
        risk=words.risk,
        hint=words.hint,
        starter=left_out(leave),
    )


def one_of_bytes(values: tuple[str, ...]) -> OneOf:
    """A list of hexadecimal strings, as a set of bytes."""
    return OneOf(frozenset(bytes.fromhex(value) for value in values))


def one_of(values: tuple[Any, ...]) -> OneOf:
    """A list as a set."""
    return OneOf(frozenset(values))


def hexadecimal(size: int) -> Text:
    """The shape of *size* bytes in hexadecimal; of one byte or more where that is 0."""
    pattern = rf"^[0-9a-fA-F]{{{2 * size}}}$" if size else r"^([0-9a-fA-F]{2})+$"
    return Text(wanted=f"{2 * size or 'some'} hexadecimal digits", pattern=pattern)


def left_out(reason: str) -> str:
    """TOML for a property that is left out."""
    return f'{{ unchecked = "{reason}" }}'


PRINTABLE = r"^[\u0020-\u007e]{1,200}$"
_BITS_64 = r"^[0-9a-fA-F]{16}$"


def _masked(value: dict[str, str]) -> Masked:
    """Masks as the file has them.

    Raises:
        ValueError: the value has a one where the mask has none, which nothing could have.
    """
    mask, wanted = bytes.fromhex(value["mask"]), bytes.fromhex(value["value"])
    if any(bits & ~allowed for bits, allowed in zip(wanted, mask, strict=True)):
        problem = "the value has bits that the mask leaves out"
        raise ValueError(problem)
    return Masked(mask, wanted)
