"""A policy: what it demands of evidence from each platform that it accepts.

Nothing is unchecked by omission: a property that a platform has is stated, or it is left out with a
reason, or the policy is refused with everything that is missing.

Source: DESIGN section 6; the list of properties is ``catalogue``'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from enarx.appraisal.catalogue import POLICY_VERSION, SECTIONS, neutral
from enarx.appraisal.composition import merge
from enarx.appraisal.image import ImageName
from enarx.appraisal.neutral import IMAGE, NEUTRAL, SIMULATED
from enarx.wire import document
from enarx.wire.shape import Unchecked
from enarx.wire.shape_check import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.appraisal.composition import Merged, Unread
    from enarx.appraisal.demand import Demand
    from enarx.appraisal.image import ReferenceValue
    from enarx.appraisal.property import Property
    from enarx.errors import MisconfiguredError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One property, and what the policy says about it.

    Args:
        key: where the policy says it ("debug", "snp.guest_svn").
        demand: what it demands, or why nothing.
    """

    key: str
    about: Property
    demand: Demand | Unchecked


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is demanded of evidence.

    Args:
        name: as results call it.
        source: the file, empty for the built-in one.
        sha256: of everything it states; comments, order and division into files do not count.
        platforms: those that are accepted.
        rules: for each of them, every property that it has.
        otherwise: the neutral rules, by which evidence of other platforms is judged beside being
            refused.
        sources: every file that it was made of.
    """

    name: str
    source: str
    sha256: bytes
    platforms: tuple[str, ...]
    rules: Mapping[str, tuple[Rule, ...]]
    otherwise: tuple[Rule, ...]
    sources: tuple[str, ...] = ()


def load(root: str, files: Mapping[str, bytes | Unread]) -> Policy:
    """The policy in the file *root*.

    Args:
        files: the texts of *root* and of everything that ``composition.wanted`` asked for.

    Raises:
        MisconfiguredError: the first problem; a hint says how many more there are.
    """
    policy, problems = examine(root, files)
    if policy is not None:
        return policy
    first = problems[0]
    if len(problems) > 1:
        first.hints = (*first.hints, f"{len(problems) - 1} more: enarx policy check {root}")
    raise first


def examine(
    root: str, files: Mapping[str, bytes | Unread]
) -> tuple[Policy | None, tuple[MisconfiguredError, ...]]:
    """The policy in the file *root*, or every problem with it."""
    merged, problems = merge(root, files)
    policy, missing = _compile(merged, root)
    found = (*problems, *missing)
    return (None, found) if found else (policy, ())


def compiled(
    properties: Mapping[str, object],
    *,
    name: str,
    platforms: Iterable[str],
    references: Iterable[ReferenceValue] = (),
) -> Policy:
    """A policy from values; for the built-in one, whose values are known to be complete."""
    from enarx.appraisal.composition import Merged, Stated

    merged = Merged(name=name, platforms=tuple(platforms))
    merged.properties |= {key: Stated(value, "") for key, value in properties.items()}
    for one in references:
        key = (one.image, one.platform)
        merged.references[key] = (*merged.references.get(key, ()), one)
    policy, problems = _compile(merged, "")
    if policy is None:
        raise problems[0]
    return policy


def _compile(merged: Merged, root: str) -> tuple[Policy | None, tuple[MisconfiguredError, ...]]:
    made = _Compiler(merged, root)
    rules = {platform: made.rules(platform) for platform in merged.platforms}
    otherwise = made.otherwise()
    made.must_be_named()
    if made.problems:
        return None, tuple(made.problems)
    policy = Policy(
        name=merged.name,
        source=root,
        sha256=_digest(merged, made.used),
        platforms=tuple(sorted(set(merged.platforms))),
        rules=MappingProxyType(rules),
        otherwise=otherwise,
        sources=tuple(merged.sources),
    )
    return policy, ()


class _Compiler:
    """Turns what files state into rules, and notes what is missing."""

    __slots__ = ("merged", "problems", "root", "used")

    def __init__(self, merged: Merged, root: str) -> None:
        self.merged, self.root = merged, root
        self.problems: list[MisconfiguredError] = []
        self.used: dict[str, None] = {}

    def must_be_named(self) -> None:
        """The two keys that no property is."""
        if not self.merged.name and not self.merged.is_broken("name"):
            self._add(self.root, "name", "is missing, want what results call this policy")
        if not self.merged.platforms and not self.merged.is_broken("platforms"):
            hint = f"known: {', '.join(SECTIONS)}"
            self._add(self.root, "platforms", "is missing, want the accepted platforms", hint)

    def rules(self, platform: str) -> tuple[Rule, ...]:
        """What counts for an accepted platform."""
        found = [self._neutral(one, platform) for one in neutral(platform)]
        own = [one for one in SECTIONS[platform] if f"{platform}.{one.key}" in self._stated]
        if own or self.merged.is_broken(platform):
            found += [
                self._rule(f"{platform}.{one.key}", one, platform) for one in SECTIONS[platform]
            ]
        else:
            hint = f"see what it needs: enarx policy init --platform {platform} FILE"
            self._add(
                self.root, platform, f"the section is missing, and {platform} is accepted", hint
            )
        return tuple(rule for rule in found if rule is not None)

    def otherwise(self) -> tuple[Rule, ...]:
        """What counts for a platform that is refused anyway: no image of it can be known."""
        named = [one for one in NEUTRAL if one.key != IMAGE and one.key in self._stated]
        found = [self._rule(one.key, one, "") for one in named]
        return tuple(rule for rule in found if rule is not None)

    @property
    def _stated(self) -> Mapping[str, object]:
        return self.merged.properties

    def _neutral(self, one: Property, platform: str) -> Rule | None:
        own = f"{platform}.{one.key}"
        return self._rule(own if own in self._stated else one.key, one, platform)

    def _rule(self, key: str, one: Property, platform: str) -> Rule | None:
        if self.merged.is_broken(key):
            return None
        if key not in self.merged.properties:
            hint = "" if one.key == SIMULATED else f'leave it out with {key}.unchecked = "reason"'
            self._add(self.root, key, "is missing", hint)
            return None
        self.used[key] = None
        value, source = self.merged.properties[key]
        if isinstance(value, Unchecked) and one.key != SIMULATED:
            return Rule(key=key, about=one, demand=value)
        if one.key == IMAGE:
            value = self._references(key, cast("tuple[Mapping[str, str], ...]", value), platform)
        try:
            return Rule(key=key, about=one, demand=one.demand(value))
        except ValueError as e:
            self._add(source, key, str(e))
            return None

    def _references(
        self, key: str, images: tuple[Mapping[str, str], ...], platform: str
    ) -> tuple[ReferenceValue, ...]:
        found: list[ReferenceValue] = []
        for number, named in enumerate(images):
            image = ImageName(named["name"], named["version"])
            values = self.merged.references.get((image, platform), ())
            if not values and not self.merged.is_broken("reference_values"):
                source = self.merged.properties[key].source
                hint = "add [[reference_values]] or reference_value_files"
                problem = f"no reference value of {image} for {platform}"
                self._add(source, f"{key}[{number}]", problem, hint)
            found += values
        return tuple(found)

    def _add(self, source: str, path: str, problem: str, hint: str = "") -> None:
        problems = Problems(source)
        problems.add(path, problem, hint)
        if str(problems.found[0]) not in {str(known) for known in self.problems}:
            self.problems += problems.found


def _digest(merged: Merged, used: Iterable[str]) -> bytes:
    """SHA-256 of what counts, in one spelling: sorted keys, and lists, which are sets, sorted."""
    references = [
        [*image, platform, [_plain(one.measurements) for one in values]]
        for (image, platform), values in merged.references.items()
        if platform in merged.platforms
    ]
    stated = {
        "name": merged.name,
        "platforms": sorted(set(merged.platforms)),
        "properties": {key: _plain(merged.properties[key].value) for key in sorted(used)},
        "reference_values": _plain(references),
        "version": POLICY_VERSION,
    }
    return hashlib.sha256(document.dump(stated)).digest()


def _plain(value: object) -> object:
    match value:
        case Unchecked():
            return {"unchecked": value.reason}
        case Mapping():
            return {key: _plain(value[key]) for key in sorted(value)}
        case bytes():
            return value.hex()
        case tuple() | list() | frozenset():
            return sorted(map(_plain, value), key=document.dump)
        case _:
            return value
