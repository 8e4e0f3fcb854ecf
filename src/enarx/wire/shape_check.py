"""Values read from TOML, held against the declared shapes; every problem, not the first.

A problem names the key's path, what was wanted, what was found, and the nearest known key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import cast

from enarx.errors import MisconfiguredError
from enarx.wire.shape import (
    Duration,
    Many,
    Named,
    Shape,
    Size,
    Stated,
    Table,
    Tagged,
    Text,
    Truth,
    Unchecked,
    Whole,
)
from enarx.wire.sizes import duration_s, size_bytes

_MAX_SHOWN = 60


class Problems:
    """What is wrong with one file, collected in the order of finding."""

    __slots__ = ("found", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.found: list[MisconfiguredError] = []

    def add(self, path: str, problem: str, hint: str = "") -> None:
        """Add a problem of the key at *path*."""
        hints = (hint,) if hint else ()
        self.found.append(MisconfiguredError(self.source, problem, path=path, hints=hints))

    def wrong(self, path: str, want: str, got: str) -> None:
        """Add a problem of want and got."""
        self.add(path, f"got {got}, want {want}")


def read(shape: Shape, value: object, path: str, problems: Problems) -> object:
    """*value* as *shape* means it; anything where a problem was added."""
    match shape:
        case Text():
            return _text(shape, value, path, problems)
        case Whole():
            return _whole(shape, value, path, problems)
        case Truth():
            return _truth(value, path, problems)
        case Size() | Duration():
            return _quantity(shape, value, path, problems)
        case Many():
            return _many(shape, value, path, problems)
        case Named():
            return _named(shape, value, path, problems)
        case Tagged():
            return _tagged(shape, value, path, problems)
        case Table():
            return _table(shape, value, path, problems)
        case Stated():  # pragma: no branch - there are no other shapes, says mypy
            return _stated(shape, value, path, problems)


def join(path: str, key: str) -> str:
    """The path of *key* in the table at *path*, quoted where TOML would quote it."""
    name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{_escaped(key)}"'
    return f"{path}.{name}" if path else name


def nearest(key: str, known: tuple[str, ...]) -> str:
    """A hint that names the known key closest to *key*, or lists them."""
    from difflib import get_close_matches

    close = get_close_matches(key, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(known)}" if known else ""


def shown(value: object) -> str:
    """*value* for an error, on one line: its kind, and the value where it is short."""
    match value:
        case bool():
            return "a boolean"
        case str():
            cut = value if len(value) <= _MAX_SHOWN else f"{value[: _MAX_SHOWN - 3]}..."
            return f'"{_escaped(cut)}"'
        case int():
            return f"the integer {value}" if abs(value) < 1 << 64 else "a huge integer"
        case float():
            return f"the number {value}"
        case date() | datetime() | time():
            return "a date or time"
        case Mapping():
            return "a table"
        case _:
            return "an array"


def _text(shape: Text, value: object, path: str, problems: Problems) -> object:
    want = _choices(shape) if shape.choices else shape.wanted
    if not isinstance(value, str):
        problems.wrong(path, want, _hidden(value) if shape.secret else shown(value))
    elif shape.choices and value not in shape.choices:
        problems.add(path, f"got {shown(value)}, want {want}", _choice_hint(value, shape.choices))
    elif shape.pattern and not re.fullmatch(shape.pattern, value):
        if shape.problem:
            problems.add(path, f"{shape.problem} (got {shown(value)})")
        else:
            problems.wrong(path, want, "another string" if shape.secret else shown(value))
    return value


def _whole(shape: Whole, value: object, path: str, problems: Problems) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        want = f"an integer from {shape.minimum} to {shape.maximum}"
        problems.wrong(path, want, shown(value))
    elif not shape.minimum <= value <= shape.maximum:
        problems.wrong(path, f"an integer from {shape.minimum} to {shape.maximum}", shown(value))
    return value


def _truth(value: object, path: str, problems: Problems) -> object:
    if not isinstance(value, bool):
        problems.wrong(path, "true or false", shown(value))
    return value


def _quantity(shape: Size | Duration, value: object, path: str, problems: Problems) -> object:
    is_size = isinstance(shape, Size)
    want = (
        'bytes, or a string with a unit such as "64MiB"'
        if is_size
        else 'seconds, or a string with a unit such as "30s"'
    )
    amount: float | None = None
    if isinstance(value, str):
        amount = size_bytes(value) if is_size else duration_s(value)
    elif isinstance(value, int if is_size else (int, float)) and not isinstance(value, bool):
        amount = cast("float", value)
    if amount is None or not math.isfinite(amount):
        hint = _unit_hint(value, is_size=is_size)
        problems.add(path, f"got {shown(value)}, want {want}", hint)
        return 0
    _check_range(shape, amount, path, problems)
    return amount if is_size else float(amount)


def _check_range(shape: Size | Duration, amount: float, path: str, problems: Problems) -> None:
    if isinstance(shape, Size):
        if not shape.minimum <= amount <= shape.maximum:
            want = f"{shape.minimum} to {shape.maximum} bytes"
            problems.wrong(path, want, f"{amount} bytes")
    elif not 0 < amount <= shape.maximum_s:
        problems.wrong(path, f"more than 0 and at most {shape.maximum_s} s", f"{amount} s")


def _many(shape: Many, value: object, path: str, problems: Problems) -> object:
    if not isinstance(value, list):
        hint = ""
        if isinstance(value, dict) and isinstance(shape.item, (Table, Tagged)):
            hint = f"write [[{path}]] instead of [{path}]"
        problems.add(path, f"got {shown(value)}, want an array", hint)
        return ()
    if len(value) < shape.least:
        problems.wrong(path, f"an array of {shape.least} or more", shown(value))
    return tuple(
        read(shape.item, item, f"{path}[{index}]", problems) for index, item in enumerate(value)
    )


def _named(shape: Named, value: object, path: str, problems: Problems) -> object:
    if not isinstance(value, dict):
        problems.wrong(path, "a table", shown(value))
        return {}
    found: dict[str, object] = {}
    for key, item in value.items():
        if not re.fullmatch(shape.key.pattern, key):
            problems.wrong(path, shape.key.wanted, f"the key {shown(key)}")
        found[key] = read(shape.item, item, join(path, key), problems)
    return found


def _tagged(shape: Tagged, value: object, path: str, problems: Problems) -> object:
    if not isinstance(value, dict):
        problems.wrong(path, "a table", shown(value))
        return {}
    tag = value.get(shape.tag_name, shape.tag.default)
    place = join(path, shape.tag_name)
    if tag is None:
        want = _choices(shape.tag)
        near = nearest_given(shape.tag_name, tuple(value))
        problems.add(place, f"is missing, want {want}", near)
        return {}
    before = len(problems.found)
    read(shape.tag, tag, place, problems)
    if len(problems.found) > before:
        return {}
    found = _table(shape.variants[tag], value, path, problems)
    return {**found, shape.tag_name: tag}


def _table(shape: Table, value: object, path: str, problems: Problems) -> dict[str, object]:
    if not isinstance(value, dict):
        problems.wrong(path, "a table", shown(value))
        return {}
    found: dict[str, object] = {}
    for key, item in value.items():
        known = shape.keys.get(key)
        if known is None:
            hint = nearest(key, tuple(shape.keys))
            problems.add(join(path, key), "unknown key", hint)
        else:
            found[key] = read(known, item, join(path, key), problems)
    unknown = tuple(key for key in value if key not in shape.keys)
    for key in shape.required:
        if key not in value:
            problems.add(join(path, key), "is missing", nearest_given(key, unknown))
    for key, other in shape.requires:
        if key in value and other not in value:
            problems.add(join(path, other), f"is missing, and {key} needs it")
    _check_one_of(shape.one_of, tuple(value), path, problems)
    return found


def _check_one_of(
    choices: tuple[str, ...], given: tuple[object, ...], path: str, problems: Problems
) -> None:
    found = [key for key in choices if key in given]
    if choices and len(found) != 1:
        got = " and ".join(found) or "none of them"
        problems.wrong(path, f"exactly one of {', '.join(choices)}", got)


def _stated(shape: Stated, value: object, path: str, problems: Problems) -> object:
    if not (isinstance(value, dict) and _UNCHECKED in value):
        return read(shape.value, value, path, problems)
    found = _table(_UNCHECKED_TABLE, value, path, problems)
    reason = found.get(_UNCHECKED)
    if isinstance(reason, str) and not reason.strip():
        problems.add(join(path, _UNCHECKED), "the reason is empty", "say why it may be left out")
    return Unchecked(str(reason))


def nearest_given(key: str, given: tuple[str, ...]) -> str:
    """A hint when *key* is missing but one of the *given* keys looks like it."""
    from difflib import get_close_matches

    close = get_close_matches(key, given, n=1)
    return f"{close[0]!r} looks like it" if close else ""


def _choices(shape: Text) -> str:
    *first, last = (f'"{choice}"' for choice in shape.choices)
    return f"{', '.join(first)} or {last}" if first else last


def _choice_hint(value: str, choices: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(value.lower(), choices, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _unit_hint(value: object, *, is_size: bool) -> str:
    if not isinstance(value, str):
        return ""
    if is_size and re.fullmatch(r"\s*[0-9]+\s*[kKMGT](i?[bB])?\s*", value):
        number = re.sub(r"[^0-9]", "", value)
        unit = value.strip(" 0123456789\t")[0].upper()
        return f'did you mean "{number}{unit}iB"?'
    if re.fullmatch(r"[0-9]+", value):
        return "give the unit, or a number without quotes"
    return ""


def _hidden(value: object) -> str:
    return shown(value) if isinstance(value, (bool, list, dict)) else "a number or date"


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode().replace('"', '\\"')


_UNCHECKED = "unchecked"
_UNCHECKED_TABLE = Table("", {_UNCHECKED: Text(wanted="the reason, a string")})
