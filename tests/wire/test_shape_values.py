"""Values of the wrong kind in declared files: what an error calls them, and what it advises."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.wire.shape import Duration, Many, Named, Shape, Size, Table, Tagged, Text, Truth, Whole
from enarx.wire.shape_check import Problems, read, shown
from enarx.wire.toml import read_toml

TEXT = Text(wanted="a word", pattern="^[a-z]+$")
EITHER = Table("", {"a": Text(), "b": Text()}, one_of=("a", "b"))
TAGGED = Tagged("", Text(choices=("a", "b")), "kind", {"a": Table("", {}), "b": Table("", {})})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "a boolean"),
        ("word", '"word"'),
        ("x" * 61, f'"{"x" * 57}..."'),
        (7, "the integer 7"),
        (1 << 64, "a huge integer"),
        (1.5, "the number 1.5"),
        (date(2026, 1, 1), "a date or time"),
        (datetime(2026, 1, 1, tzinfo=UTC), "a date or time"),
        (time(1), "a date or time"),
        ({}, "a table"),
        ([], "an array"),
    ],
)
def test_a_value_is_called_by_its_kind(value: object, name: str) -> None:
    """Short values are repeated, long and structured ones are not."""
    assert shown(value) == name


@pytest.mark.parametrize(
    ("shape", "value", "problem", "hint"),
    [
        (Size("", 1, 9), 10, "got 10 bytes, want 1 to 9 bytes", ""),
        (Size("", 1, 9), 0, "got 0 bytes, want 1 to 9 bytes", ""),
        (Duration("", 5), 0, "got 0 s, want more than 0 and at most 5 s", ""),
        (Duration("", 5), "6s", "got 6.0 s, want more than 0 and at most 5 s", ""),
        (Size("", 1, 1 << 40), "64 MB", None, 'did you mean "64MiB"?'),
        (Size("", 1, 1 << 40), "64", None, "give the unit, or a number without quotes"),
        (Size("", 1, 9), [], None, ""),
        (Many("", Text()), "x", 'got "x", want an array', ""),
        (Many("", Table("", {})), {}, "got a table, want an array", "write [[it]] instead of [it]"),
        (Many("", Text()), {}, "got a table, want an array", ""),
        (Named("", TEXT, TEXT), 1, "got the integer 1, want a table", ""),
        (Named("", TEXT, TEXT), {"A": "a"}, 'got the key "A", want a word', ""),
        (TAGGED, [], "got an array, want a table", ""),
        (TAGGED, {"kind": "c"}, 'got "c", want "a" or "b"', ""),
        (TAGGED, {}, 'is missing, want "a" or "b"', ""),
        (Table("", {}), 1, "got the integer 1, want a table", ""),
        (EITHER, {}, "got none of them, want exactly one of a, b", ""),
        (EITHER, {"a": "x", "b": "x"}, "got a and b, want exactly one of a, b", ""),
        (Truth(""), 1, "got the integer 1, want true or false", ""),
        (Truth(""), "true", 'got "true", want true or false', ""),
    ],
)
def test_a_wrong_value_is_told(shape: Shape, value: object, problem: str | None, hint: str) -> None:
    """Got and want, and how it would be written rightly where that is known."""
    problems = Problems("x.toml")
    read(shape, value, "it", problems)
    (found,) = problems.found
    assert problem is None or found.problem == problem
    assert found.hints == ((hint,) if hint else ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"x" * 101, "too large (got 101 bytes, want at most 100)"),
        (b"a = 1\nb = '\xff'", "not UTF-8 (line 2, byte 0xff)"),
        (b"a = ", "not TOML: line 1, at the end: invalid value"),
        (b"a = [" * 18, "not TOML: line 1, column 6: invalid value"),
        (b"a = '", 'not TOML: line 1, at the end: expected "\'"'),
    ],
)
def test_what_is_no_toml(text: bytes, problem: str) -> None:
    """Size, encoding and syntax, with the place."""
    problems = Problems("x.toml")
    assert read_toml(text, problems, most=100) == {}
    assert [found.problem for found in problems.found] == [problem]


@pytest.mark.parametrize("text", [b"a = " + b"[" * 20_000, b"a = " + b"9" * 20_000])
def test_toml_that_the_library_cannot_hold(text: bytes) -> None:
    """Nesting beyond the stack and numbers beyond Python's digits are problems of the file."""
    problems = Problems("x.toml")
    assert read_toml(text, problems, most=100_000) == {}
    (found,) = problems.found
    assert found.problem.startswith("not TOML: ")
    assert len(found.problem) < 100


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SHAPES = (
    TEXT, Whole("", 0, 9), Size("", 1, 9), Duration("", 5), Many("", TEXT), TAGGED,
    Named("", TEXT, TEXT), Table("", {"a": TEXT}, required=("a",)), Truth(""),
)  # fmt: skip


@given(st.sampled_from(SHAPES), VALUES)
def test_every_value_is_read_or_a_problem(shape: Shape, value: object) -> None:
    """Whatever a file holds: a value, or problems of one line each, and nothing else."""
    problems = Problems("x.toml")
    read(shape, value, "it", problems)
    assert all("\n" not in str(found) for found in problems.found)
