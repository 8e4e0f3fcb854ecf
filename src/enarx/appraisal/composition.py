"""Policies made of several files: which files are needed, in which order they count, what remains.

Included files come first, in the order in which they are named; what a file states itself overrides
them, property by property.  Reference values are overridden by image and platform.  Reads nothing:
whoever calls ``wanted`` reads what it names, until it names nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from enarx.appraisal.catalogue import (
    LISTS,
    MAX_INCLUDES,
    POLICY_FILE,
    PROPERTY_KEYS,
    REFERENCE_FILE,
    stated,
)
from enarx.appraisal.reference_values import reference_values
from enarx.errors import MalformedError
from enarx.wire import document
from enarx.wire.shape_check import Problems, read
from enarx.wire.toml import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.appraisal.image import ImageName, ReferenceValue
    from enarx.errors import MisconfiguredError
    from enarx.wire.shape import Table

MAX_BYTES = 1_000_000
"""Of one file; a reference value of TDX takes a kilobyte."""
MAX_DEPTH = 8
MAX_FILES = 64
"""Inclusions together, so that files that include each other twice do not multiply."""


class Unread(NamedTuple):
    """Stands for a file that could not be read."""

    problem: str


_NOT_GIVEN = Unread("was not read")


class Stated(NamedTuple):
    """A property's value, and the file that states it."""

    value: object
    source: str


@dataclass(slots=True)
class Merged:
    """What several files state together; filled in the order in which they count."""

    name: str = ""
    platforms: tuple[str, ...] = ()
    properties: dict[str, Stated] = field(default_factory=dict)
    references: dict[tuple[ImageName, str], tuple[ReferenceValue, ...]] = field(
        default_factory=dict
    )
    sources: dict[str, None] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Paths whose problems are told already; the empty one stands for a whole file."""

    def is_broken(self, key: str) -> bool:
        """Whether a problem of *key*, or of what it stands in, is told already."""
        parts = key.split(".")
        outer = {".".join(parts[:count]) for count in range(len(parts) + 1)}
        return not outer.isdisjoint(self.broken)


def wanted(root: str, files: Mapping[str, bytes | Unread]) -> tuple[str, ...]:
    """The files that the policy *root* needs and *files* does not have yet."""
    walk = _Walk(root, files)
    walk.policy(root, ())
    return tuple(walk.missing)


def merge(
    root: str, files: Mapping[str, bytes | Unread]
) -> tuple[Merged, tuple[MisconfiguredError, ...]]:
    """What the policy *root* states with everything that it includes, and what is wrong with it.

    Args:
        files: every file that ``wanted`` asked for.
    """
    walk = _Walk(root, files)
    walk.policy(root, ())
    return walk.merged, tuple(walk.problems)


def beside(path: str, name: str) -> str:
    """The path of the file that *path* calls *name*."""
    folder, slash, _ = path.rpartition("/")
    return name if name.startswith("/") or not slash else f"{folder}/{name}"


class _Walk:
    """One walk over a policy and its includes."""

    __slots__ = ("files", "merged", "missing", "parsed", "problems", "visits")

    def __init__(self, root: str, files: Mapping[str, bytes | Unread]) -> None:
        self.files = files
        self.merged = Merged()
        self.missing: dict[str, None] = {}
        self.problems: list[MisconfiguredError] = []
        self.parsed: dict[tuple[str, str], Mapping[str, object]] = {}
        self.visits = 0

    def policy(self, name: str, chain: tuple[str, ...]) -> None:
        """Merge the file *name*, which the files of *chain* include, the outermost first."""
        self.visits += 1
        if not self._may_enter(name, chain):
            return
        values = self._read(name, POLICY_FILE)
        inner = (*chain, name)
        for other in self._names(values, "include", name):
            self.policy(beside(name, other), inner)
        for number, other in enumerate(self._names(values, "reference_value_files", name)):
            self._references(beside(name, other), inner, f"reference_value_files[{number}]")
        self._merge(name, values)

    def _may_enter(self, name: str, chain: tuple[str, ...]) -> bool:
        problem = ""
        if name in chain:
            problem = f"includes itself: {' > '.join((*chain, name))}"
        elif len(chain) > MAX_DEPTH:
            problem = f"more than {MAX_DEPTH} files deep: {' > '.join((*chain, name))}"
        elif self.visits == MAX_FILES + 1:
            problem = f"more than {MAX_FILES} files are included: {' > '.join((*chain, name))}"
        if problem:
            self._add(chain[-1], "include", problem)
        if problem or self.visits > MAX_FILES:
            return False
        return self._is_there(name, chain, "include")

    def _is_there(self, name: str, chain: tuple[str, ...], key: str) -> bool:
        data = self.files.get(name, _NOT_GIVEN)
        if data is _NOT_GIVEN:
            self.missing[name] = None
        if isinstance(data, Unread):
            trail = f"{' > '.join((*chain, name))}: " if chain else ""
            source, path = (chain[-1], key) if chain else (name, "")
            self._add(source, path, f"{trail}{data.problem}")
        return isinstance(data, bytes)

    def _read(self, name: str, shape: Table) -> Mapping[str, object]:
        """The file, read once; where it has problems, without the values that have them."""
        if (name, shape.about) not in self.parsed:
            problems = Problems(name)
            loaded = _loaded(cast("bytes", self.files[name]), problems)
            values = {} if problems.found else read(shape, loaded, "", problems)
            self.problems += problems.found
            broken = {_key(problem.path) for problem in problems.found}
            self.merged.broken |= broken
            kept = cast("Mapping[str, object]", values)
            self.parsed[name, shape.about] = {key: kept[key] for key in kept if key not in broken}
        return self.parsed[name, shape.about]

    def _names(self, values: Mapping[str, object], key: str, name: str) -> tuple[str, ...]:
        found = cast("tuple[str, ...]", values.get(key, ()))
        if len(found) > MAX_INCLUDES:
            self._add(name, key, f"got {len(found)} files, want at most {MAX_INCLUDES}")
        return found[:MAX_INCLUDES]

    def _references(self, name: str, chain: tuple[str, ...], key: str) -> None:
        if not self._is_there(name, chain, key):
            return
        self._merge_references(name, self._read(name, REFERENCE_FILE))

    def _merge(self, name: str, values: Mapping[str, object]) -> None:
        merged = self.merged
        merged.sources[name] = None
        merged.name = cast("str", values.get("name", merged.name))
        merged.platforms = cast("tuple[str, ...]", values.get("platforms", merged.platforms))
        for key, value in stated(values).items():
            if key not in merged.broken:
                merged.properties[key] = Stated(value, name)
        self._merge_references(name, values)

    def _merge_references(self, name: str, values: Mapping[str, object]) -> None:
        problems = Problems(name)
        self.merged.sources[name] = None
        self.merged.references |= reference_values(values, problems)
        told = {str(problem) for problem in self.problems}
        self.problems += [problem for problem in problems.found if str(problem) not in told]

    def _add(self, source: str, path: str, problem: str) -> None:
        self.merged.broken.add("")
        problems = Problems(source)
        problems.add(path, problem)
        self.problems += problems.found


def _key(path: str) -> str:
    """The property or list that a problem's *path* is in, or *path* itself."""
    for key in (*PROPERTY_KEYS, *LISTS):
        if path.startswith((f"{key}.", f"{key}[")):
            return key
    return path


def _loaded(data: bytes, problems: Problems) -> object:
    """JSON where it begins like an object, else TOML."""
    if not data.lstrip().startswith(b"{"):
        return read_toml(data, problems, most=MAX_BYTES)
    if len(data) > MAX_BYTES:
        problems.add("", f"too large (got {len(data)} bytes, want at most {MAX_BYTES})")
        return {}
    try:
        return document.load_any(data, problems.source)
    except MalformedError as e:
        problems.add("", e.problem)
        return {}
