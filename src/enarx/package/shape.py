"""The vocabulary in which a configuration file is declared, once, for parser and JSON Schema.

Each shape says what a value may be; ``config_check`` reads values against shapes and
``json_schema`` writes them down for editors.  Knows no keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string.

    Args:
        about: for people and editors.
        wanted: what an error says was wanted.
        choices: the only values, if any.
        pattern: a regular expression (the part common to Python and ECMA 262) it must match.
        problem: said instead of wanted-and-got when *pattern* does not match.
        default: what a missing key means, for editors.
        secret: the value never appears in an error.
    """

    about: str = ""
    wanted: str = "a string"
    choices: tuple[str, ...] = ()
    pattern: str = ""
    problem: str = ""
    default: str | None = None
    examples: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An integer."""

    about: str
    minimum: int
    maximum: int
    default: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A number of bytes: an integer, or a string with a unit ("64MiB").  Read as bytes."""

    about: str
    minimum: int
    maximum: int
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A time: a number of seconds, or a string with a unit ("30s").  Read as seconds."""

    about: str
    maximum_s: int
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """An array of one shape."""

    about: str
    item: Shape
    default: tuple[str, ...] | None = ()
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with known keys.

    Args:
        requires: ``{key: other}``: *key* may be given only together with *other*.
    """

    about: str
    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    requires: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A table whose keys are the user's names, all of one shape."""

    about: str
    key: Text
    item: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A table whose known keys depend on the value of one of them, the tag."""

    about: str
    tag: Text
    tag_name: str
    variants: Mapping[str, Table]


Shape = Text | Whole | Size | Duration | Many | Table | Named | Tagged
