"""Comparisons: what holds, what does not, and that a stricter one never holds for more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.appraisal.comparison import (
    NOT_STATED,
    AtLeast,
    AtLeastEach,
    AtLeastVersion,
    AtMostAge,
    Comparison,
    Dated,
    Either,
    Got,
    HasBits,
    Masked,
    NotBefore,
    Off,
    On,
    OneOf,
    Within,
    shown,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def dated(days: float) -> Dated:
    """An instant so many days before it is looked at."""
    return Dated(THEN, THEN + days * DAY)


HOLDS: list[tuple[Comparison, list[Any], list[Any]]] = [
    (AtLeast(3), [3, 4, 1 << 70], [2, 0, -1, True, "3", b"\x03", None]),
    (AtLeast(1), [1], [True]),
    (
        AtLeastEach(b"\x01\x02"),
        [b"\x01\x02", b"\x02\x02", b"\x01\xff"],
        [b"\x00\xff", b"\xff\x01", b"\x01\x02\x03", b"\x05", b"", 258, None],
    ),
    (
        AtLeastVersion((1, 55, 21)),
        [(1, 55, 21), (1, 55, 22), (1, 56, 0), (2, 0, 0)],
        [(1, 55, 20), (1, 54, 99), (0, 99, 99), (1, 55), (2, 0), (2, 0, 0, 0), "1.55.21", None],
    ),
    (AtLeastVersion((1, 2)), [(1, 2)], [dated(1), ("1", "2"), ("9", "9")]),
    (
        AtMostAge(30 * DAY),
        [dated(0), dated(29.9), dated(30)],
        [dated(30.01), dated(-0.01), THEN, None],
    ),
    (Either(), [True, False, None, 3], []),
    (HasBits(frozenset({0, 5})), [0b100001, 0b111111], [0b100000, 1, 0b11111, b"!", True, None]),
    (HasBits(frozenset({0})), [1, 3], [True, 2, 1 << 63]),
    (HasBits(frozenset()), [0, 7], [None]),
    (
        Masked(b"\xf0\x01", b"\x10\x00"),
        [b"\x10\x00", b"\x1f\xfe"],
        [b"\x20\x00", b"\x10\x01", b"\x10", b"\x10\x00\x00", 0x10, None],
    ),
    (NotBefore(THEN), [Dated(THEN, THEN), Dated(THEN + DAY, THEN)], [Dated(THEN - DAY, THEN)]),
    (NotBefore(THEN), [], [THEN, None]),
    (Off(), [False], [True, 0, "", None]),
    (On(), [True], [False, 1, "on", None]),
    (OneOf(frozenset({b"\x01", b"\x02"})), [b"\x01", b"\x02"], [b"\x03", b"", 1, None]),
    (OneOf(frozenset({0, 1})), [0, 1], [2, False, True, b"\x00", None]),
    (OneOf(frozenset({"a"})), ["a"], ["b", "", None]),
    (OneOf(frozenset({b"\x00"}), or_unstated=True), [b"\x00", None], [b"\x01"]),
    (OneOf(frozenset[bytes]()), [], [b"", None]),
    (Within(frozenset({"a", "b"})), [(), ("a",), ("a", "b"), ("a", "a")], [("c",), ("a", "c")]),
    (Within(frozenset({"a"})), [()], ["a", None, dated(1)]),
]


@pytest.mark.parametrize(("comparison", "good", "bad"), HOLDS)
def test_a_comparison_holds_for_what_it_means(
    comparison: Comparison, good: list[Any], bad: list[Any]
) -> None:
    """Values that are as they must be hold; others, of another type, or not stated, do not."""
    assert [got for got in good if not comparison.holds(got)] == []
    assert [got for got in bad if comparison.holds(got)] == []


@pytest.mark.parametrize(
    ("comparison", "want"),
    [
        (AtLeast(3), "at least 3"),
        (AtLeastEach(b"\x01\x02"), "in each byte at least 0102"),
        (AtLeastVersion((1, 55)), "at least 1.55"),
        (AtMostAge(30 * DAY), "at most 30 d old"),
        (AtMostAge(timedelta(hours=36)), "at most 36 h old"),
        (AtMostAge(timedelta(hours=71)), "at most 71 h old"),
        (AtMostAge(timedelta(hours=72)), "at most 3 d old"),
        (Either(), "on or off"),
        (HasBits(frozenset({5, 0})), "bits 0, 5 set"),
        (HasBits(frozenset()), "any bits"),
        (Masked(b"\xf0", b"\x10"), "10 in the bits of f0"),
        (NotBefore(THEN), "2026-01-01T00:00:00Z or later"),
        (Off(), "off"),
        (On(), "on"),
        (OneOf(frozenset({b"\x02", b"\x01"})), "one of 01, 02"),
        (OneOf(frozenset({"a"})), "a"),
        (OneOf(frozenset({"a"}), or_unstated=True), "a, or none stated"),
        (OneOf(frozenset[int]()), "nothing that exists"),
        (Within(frozenset()), "none"),
        (Within(frozenset({"b", "a"})), "none but a, b"),
    ],
)
def test_a_comparison_says_what_it_wants(comparison: Comparison, want: str) -> None:
    """The text of errors, the same whatever the order of sets."""
    assert comparison.want() == want


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NOT_STATED),
        (True, "on"),
        (False, "off"),
        (b"", "empty"),
        (b"\x01\xff", "01ff"),
        (0, "0"),
        ("", "nothing"),
        ("UpToDate", "UpToDate"),
        (THEN, "2026-01-01T00:00:00Z"),
        (dated(40), "2026-01-01T00:00:00Z, 40 d ago"),
        (dated(1), "2026-01-01T00:00:00Z, 24 h ago"),
        (dated(-40), "2026-01-01T00:00:00Z, -40 d ago"),
        ((), "none"),
        (("a", "b"), "a, b"),
        ((1, 55, 21), "1.55.21"),
    ],
)
def test_values_are_shown_in_one_way(value: Got, text: str) -> None:
    """Bytes in hexadecimal, settings as on and off, instants in RFC 3339, versions with dots."""
    assert shown(value) == text


NUMBERS = st.integers(0, 20)
SETS = st.frozensets(st.integers(0, 9), max_size=6)
BYTES = st.binary(min_size=3, max_size=3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_larger_minimum_accepts_no_more(less: int, more: int, got: int) -> None:
    """AtLeast is monotone."""
    if less <= more and AtLeast(more).holds(got):
        assert AtLeast(less).holds(got)


@given(BYTES, BYTES, BYTES)
def test_larger_minima_accept_no_more(one: bytes, other: bytes, got: bytes) -> None:
    """AtLeastEach is monotone in each byte, and two minima together are the larger of each."""
    both = bytes(map(max, one, other))
    together = AtLeastEach(one).holds(got) and AtLeastEach(other).holds(got)
    assert AtLeastEach(both).holds(got) is together


@given(SETS, SETS, st.integers(0, 9))
def test_a_shorter_list_accepts_no_more(
    one: frozenset[int], other: frozenset[int], got: int
) -> None:
    """OneOf is monotone, and two lists together are what both have."""
    together = OneOf(one).holds(got) and OneOf(other).holds(got)
    assert OneOf(one & other).holds(got) is together


@given(SETS, SETS, st.integers(0, 1023))
def test_more_bits_accept_no_more(one: frozenset[int], other: frozenset[int], got: int) -> None:
    """HasBits is monotone; a larger number has not more bits."""
    together = HasBits(one).holds(got) and HasBits(other).holds(got)
    assert HasBits(one | other).holds(got) is together


@given(st.frozensets(st.sampled_from("abcd")), st.frozensets(st.sampled_from("abcd")), st.data())
def test_fewer_words_accept_no_more(
    one: frozenset[str], other: frozenset[str], data: st.DataObject
) -> None:
    """Within is monotone."""
    got = tuple(data.draw(st.lists(st.sampled_from("abcd"), max_size=4)))
    together = Within(one).holds(got) and Within(other).holds(got)
    assert Within(one & other).holds(got) is together


@given(st.integers(0, 100), st.integers(0, 100), st.integers(-5, 100))
def test_a_smaller_age_accepts_no_more(one: int, other: int, days: int) -> None:
    """AtMostAge is monotone."""
    got = dated(days)
    together = AtMostAge(one * DAY).holds(got) and AtMostAge(other * DAY).holds(got)
    assert AtMostAge(min(one, other) * DAY).holds(got) is together
