"""Strict reading of JSON objects from untrusted hands.

Decides shape only: UTF-8, one object, no duplicate, unknown or missing key, no value of the wrong
type or size.  Knows no message and no format.  Both ends of every link use it, because neither
trusts the other, and so do the readers of collateral and tokens; it imports nothing but ``json``
since a keep loads it before every start.
"""

from __future__ import annotations

import json

from enarx.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import NoReturn

MAX_TEXT = 1 << 20
"""Longest single string, in characters; nothing in a message needs more than a manifest does."""


def load(data: bytes, where: str) -> Fields:
    """Decode one JSON object; the caller must read every key and then call ``done``.

    Raises:
        MalformedError: *data* is not exactly one JSON object in UTF-8 without duplicate keys.
    """
    return Fields(load_any(data, where), where)


def load_list(data: bytes, where: str, *, most: int) -> tuple[Fields, ...]:
    """Decode one JSON array of at most *most* objects, each to be read and ``done``.

    Raises:
        MalformedError: *data* is not exactly that in UTF-8, without duplicate keys.
    """
    value = load_any(data, where)
    if not isinstance(value, list):
        raise MalformedError(where, f"got {_kind(value)}, want an array")
    if len(value) > most:
        raise MalformedError(where, f"got {len(value)} elements, want at most {most}")
    return tuple(Fields(item, f"{where}[{i}]") for i, item in enumerate(value))


def load_any(data: bytes, where: str) -> object:
    """Decode one JSON value, for formats that may begin with an array; types are unchecked.

    Raises:
        MalformedError: *data* is not exactly one JSON value in UTF-8 without duplicate keys.
    """
    try:
        value: object = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise MalformedError(where, "is not UTF-8", offset=error.start) from error
    except ValueError as error:
        raise MalformedError(where, f"is not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedError(where, "is nested too deeply") from error
    return value


def dump(value: object) -> bytes:
    """Encode *value* as compact ASCII JSON; surrogate escapes in strings survive the round trip."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


class Fields:
    """One JSON object of which every key must be read exactly once."""

    __slots__ = ("_left", "where")

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise MalformedError(where, f"got {_kind(value)}, want an object")
        self._left = dict(value)
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str) -> object:
        """Return the value of *key*, which must exist; its type is still unchecked."""
        try:
            return self._left.pop(key)
        except KeyError:
            raise MalformedError(self.where, f"key {key!r} is missing") from None

    def done(self) -> None:
        """Refuse whatever was not read."""
        if self._left:
            raise MalformedError(self.where, f"unknown key {min(self._left)[:_SHOWN]!r}")

    def text(self, key: str, *, most: int = MAX_TEXT, least: int = 0, escaped: bool = False) -> str:
        """Return a string of *least* to *most* characters without NUL.

        With *escaped* it may stand for bytes that are not UTF-8 (surrogate escapes), as a
        command line can hold.
        """
        return check_text(
            self.take(key), f"{self.where}: {key}", most=most, least=least, escaped=escaped
        )

    def integer(self, key: str, least: int, most: int) -> int:
        """Return an integer in ``least..most``; true and false are not integers."""
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(key, f"got {_kind(value)}, want an integer")
        if not least <= value <= most:
            self.refuse(key, f"got {value}, want {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float) -> float:
        """Return a finite number in ``least..most``."""
        value = self.take(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.refuse(key, f"got {_kind(value)}, want a number")
        if not least <= value <= most:  # also refuses what overflowed to infinity
            self.refuse(key, f"got {value}, want {least} to {most}")
        return float(value)

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            self.refuse(key, f"got {_kind(value)}, want true or false")
        return value

    def hexadecimal(self, key: str, digits: int) -> str:
        """Return exactly *digits* lower-case hexadecimal digits."""
        value = self.text(key, most=digits, least=digits)
        if not set(value) <= _HEXADECIMAL:
            self.refuse(key, "want lower-case hexadecimal digits")
        return value

    def one_of(self, key: str, known: Collection[str]) -> str:
        """Return a string that is one of *known*."""
        value = self.text(key, most=200)
        if value not in known:
            self.refuse(key, f"got {value!r}, want one of {', '.join(sorted(known))}")
        return value

    def array(self, key: str, most: int) -> Sequence[object]:
        """Return an array of at most *most* unchecked values."""
        value = self.take(key)
        if not isinstance(value, list):
            self.refuse(key, f"got {_kind(value)}, want an array")
        if len(value) > most:
            self.refuse(key, f"got {len(value)} elements, want at most {most}")
        return value

    def texts(
        self, key: str, *, most: int, longest: int = MAX_TEXT, escaped: bool = False
    ) -> tuple[str, ...]:
        """Return an array of strings."""
        return tuple(
            check_text(value, f"{self.where}: {key}[{i}]", most=longest, escaped=escaped)
            for i, value in enumerate(self.array(key, most))
        )

    def table(self, key: str, most: int) -> tuple[tuple[str, str], ...]:
        """Return an object of strings, as pairs in their order."""
        value = self.take(key)
        where = f"{self.where}: {key}"
        if not isinstance(value, dict):
            self.refuse(key, f"got {_kind(value)}, want an object")
        if len(value) > most:
            self.refuse(key, f"got {len(value)} entries, want at most {most}")
        return tuple(
            (check_text(k, where, escaped=True), check_text(v, f"{where}.{k}", escaped=True))
            for k, v in value.items()
        )

    def objects(self, key: str, most: int) -> tuple[Fields, ...]:
        """Return an array of objects, each to be read and ``done`` like this one."""
        return tuple(
            Fields(value, f"{self.where}: {key}[{i}]")
            for i, value in enumerate(self.array(key, most))
        )

    def object(self, key: str) -> Fields:
        """Return one inner object, to be read and ``done`` like this one."""
        return Fields(self.take(key), f"{self.where}: {key}")

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise MalformedError about *key*."""
        raise MalformedError(f"{self.where}: {key}", problem)


def check_text(
    value: object, where: str, *, most: int = MAX_TEXT, least: int = 0, escaped: bool = False
) -> str:
    """Return *value* if it is a string of *least* to *most* characters without NUL."""
    if not isinstance(value, str):
        raise MalformedError(where, f"got {_kind(value)}, want a string")
    if not least <= len(value) <= most:
        raise MalformedError(where, f"got {len(value)} characters, want {least} to {most}")
    if "\0" in value:
        raise MalformedError(where, "contains a NUL character")
    try:
        value.encode("utf-8", "surrogateescape" if escaped else "strict")
    except UnicodeEncodeError as error:
        raise MalformedError(where, "contains a lone surrogate") from error
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object and refuse a key that occurs twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        problem = "a key occurs twice"
        raise ValueError(problem)
    return found


def _no_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which are not JSON."""
    problem = f"{name} is not a number"
    raise ValueError(problem)


def _kind(value: object) -> str:
    """Name the JSON type of *value*."""
    return _KINDS.get(type(value), "an object")


_SHOWN = 60
"""Characters of a stranger's key in an error."""

_HEXADECIMAL = frozenset("0123456789abcdef")
_KINDS = {
    bool: "a boolean",
    float: "a number",
    int: "an integer",
    list: "an array",
    str: "a string",
    type(None): "null",
}
