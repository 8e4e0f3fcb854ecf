"""Canonical JSON: one value has one spelling, and no other is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire import canonical
from enarx.wire.canonical import MOST

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST, MOST) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES))
def test_what_is_written_is_read_and_no_other_spelling(value: dict[str, object]) -> None:
    """A round trip gives the same bytes; one blank more is refused."""
    data = canonical.encode(value)
    assert json.loads(data) == value
    assert canonical.encode(json.loads(data)) == data
    if "\0" not in str(value):
        canonical.decode(data, "x")
    with pytest.raises(MalformedError):
        canonical.decode(data + b" ", "x")


def test_keys_are_sorted_by_utf_16() -> None:
    """RFC 8785, section 3.2.3: its own example, in which code points sort otherwise."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    found = list(json.loads(canonical.encode(dict.fromkeys(keys, 1))))
    assert found == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_texts_are_escaped_as_little_as_possible() -> None:
    """RFC 8785, section 3.2.2.2: short escapes, lower-case digits, everything else as it is."""
    text = '\u20ac$\x0f\nA\'B"\\\\"/\x7f'
    assert canonical.encode({"a": text}) == (
        '{"a":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"}'.encode()
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}', b'{ "a":1}', b'{"a":1}\n', b'{"a":1.0}', b'{"a":1e2}', b'{"a":-0}',
        b'{"a":"\\u0041"}', b'{"a":"\\/"}', b'{"a":9007199254740992}', b'{"a":1,"a":1}',
        b'{"a":"\\ud800"}', b"[]", b"1", b"", b"\xff", b'{"a":NaN}',
    ],
)  # fmt: skip
def test_other_spellings_are_malformed(data: bytes) -> None:
    """Another order, blanks, escapes, numbers, or no object at all."""
    with pytest.raises(MalformedError):
        canonical.decode(data, "x")


@pytest.mark.parametrize("value", [1.5, b"x", {1: 2}, [1.0], {"a": {"b": object()}}])
def test_values_of_other_types_are_a_mistake_of_ours(value: object) -> None:
    """Floats, bytes and keys that are no text."""
    with pytest.raises(TypeError):
        canonical.encode(value)


@pytest.mark.parametrize("value", [MOST + 1, -MOST - 1, "\ud800"])
def test_values_that_not_every_reader_keeps(value: object) -> None:
    """Integers beyond a double, and text that is no Unicode."""
    with pytest.raises(ValueError, match=r"every reader|surrogates"):
        canonical.encode([value])


@pytest.mark.parametrize("depth", [64, 600, 990, 100_000])
def test_deep_nesting_is_malformed(depth: int) -> None:
    """Attack: as deep as the reader can follow, but not the writer, or deeper."""
    canonical.decode(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}", "x")
    with pytest.raises(MalformedError, match="nested too deeply"):
        canonical.decode(b'{"a":' + b"[" * depth + b"]" * depth + b"}", "x")
