"""The vocabulary in which a configuration file is declared, once, for parser and JSON Schema.

Each shape says what a value may be; ``shape_check`` reads values against shapes and
``shape_schema`` writes them down for editors.  Knows no keys.  Named tuples and no dataclasses:
a keep with an Enarx.toml loads this at its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Text(NamedTuple):
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


class Whole(NamedTuple):
    """An integer."""

    about: str
    minimum: int
    maximum: int
    default: int | None = None


class Truth(NamedTuple):
    """True or false."""

    about: str
    default: bool | None = None


class Size(NamedTuple):
    """A number of bytes: an integer, or a string with a unit ("64MiB").  Read as bytes."""

    about: str
    minimum: int
    maximum: int
    default: str | None = None


class Duration(NamedTuple):
    """A time: a number of seconds, or a string with a unit ("30s").  Read as seconds."""

    about: str
    maximum_s: int
    default: str | None = None


class Many(NamedTuple):
    """An array of one shape.

    Args:
        least: how many items it must have.
    """

    about: str
    item: Shape
    default: tuple[str, ...] | None = ()
    examples: tuple[tuple[str, ...], ...] = ()
    least: int = 0


class Table(NamedTuple):
    """A table with known keys.

    Args:
        requires: pairs ``(key, other)``: *key* may be given only together with *other*.
        one_of: keys of which exactly one must be given, if there are any.
    """

    about: str
    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
    one_of: tuple[str, ...] = ()


class Named(NamedTuple):
    """A table whose keys are the user's names, all of one shape."""

    about: str
    key: Text
    item: Shape


class Tagged(NamedTuple):
    """A table whose known keys depend on the value of one of them, the tag."""

    about: str
    tag: Text
    tag_name: str
    variants: Mapping[str, Table]


class Unchecked(NamedTuple):
    """What a file says instead of a value that is to be left out, and why."""

    reason: str


class Stated(NamedTuple):
    """A value, or in its place ``{ unchecked = "reason" }``, read as ``Unchecked``."""

    value: Shape


Shape = Text | Whole | Truth | Size | Duration | Many | Table | Named | Tagged | Stated
