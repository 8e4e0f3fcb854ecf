"""Canonical JSON: one value, one spelling, so that a digest names a meaning.

RFC 8785 without floating-point numbers, which nothing of ours has: texts, integers, true, false,
null, arrays, objects.  Keys are sorted by UTF-16 code units; there is no white space.

Source: RFC 8785, sections 3.2 (serialization) and 3.2.3 (sorting).
"""

from __future__ import annotations

import json

from enarx.errors import MalformedError
from enarx.wire.document import Fields, load_any

MOST = (1 << 53) - 1
"""The largest integer, and its negative the least, that every reader of JSON keeps exactly."""
MAX_DEPTH = 64
"""Most values inside each other, so that no depth of a stranger's choice is walked."""


def encode(value: object) -> bytes:
    """The one spelling of *value*.

    Raises:
        TypeError: it has a value of another type.
        ValueError: an integer is out of range, a text is no Unicode, or it is nested too deeply.
    """
    _check(value, MAX_DEPTH)
    text = json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def decode(data: bytes, where: str) -> Fields:
    """The object that *data* spells; the caller must read every key and then call ``done``.

    Raises:
        MalformedError: it is no JSON object, or not in its one spelling.
    """
    value = load_any(data, where)
    fields = Fields(value, where)
    try:
        spelled = encode(value)
    except (TypeError, ValueError) as e:
        raise MalformedError(where, f"is not canonical JSON ({e})") from e
    if spelled != data:
        raise MalformedError(where, "is not canonical JSON (RFC 8785): spelled otherwise")
    return fields


def _check(value: object, depth: int) -> None:
    if not depth:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of type {type(key).__name__}")
            _check(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, int):
        if not -MOST <= value <= MOST:
            raise ValueError("an integer that not every reader keeps")
    elif value is not None and not isinstance(value, str):
        raise TypeError(f"a value of type {type(value).__name__}")


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _sorted(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value
