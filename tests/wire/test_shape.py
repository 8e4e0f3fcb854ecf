"""What the vocabulary of declared files says beyond Enarx.toml: values that may be left out."""

from __future__ import annotations

import pytest

from enarx.wire.shape import Many, Stated, Table, Text, Truth, Unchecked, Whole
from enarx.wire.shape_check import Problems, read
from enarx.wire.shape_schema import json_schema

SHAPE = Table(
    "",
    {
        "svn": Stated(Whole("A number.", 0, 9)),
        "keys": Stated(Many("Keys.", Text(), least=1)),
    },
)


def problems_of(value: object) -> tuple[object, list[tuple[str, str]]]:
    """What *value* is read as, and each problem's path and text."""
    problems = Problems("x.toml")
    found = read(SHAPE, value, "", problems)
    return found, [(p.path, p.problem) for p in problems.found]


def test_a_value_may_be_left_out_with_a_reason() -> None:
    """A table with nothing but a reason stands for a value."""
    found = problems_of({"svn": {"unchecked": "why"}, "keys": ["a"]})
    assert found == ({"svn": Unchecked("why"), "keys": ("a",)}, [])


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ({"svn": {"unchecked": ""}}, "svn.unchecked", "the reason is empty"),
        ({"svn": {"unchecked": " \t"}}, "svn.unchecked", "the reason is empty"),
        (
            {"svn": {"unchecked": True}},
            "svn.unchecked",
            "got a boolean, want the reason, a string",
        ),
        ({"svn": {"unchecked": "why", "other": 1}}, "svn.other", "unknown key"),
        ({"svn": {}}, "svn", "got a table, want an integer from 0 to 9"),
        ({"svn": "unchecked"}, "svn", 'got "unchecked", want an integer from 0 to 9'),
        ({"keys": []}, "keys", "got an array, want an array of 1 or more"),
    ],
)
def test_nothing_else_leaves_a_value_out(value: object, path: str, problem: str) -> None:
    """An empty reason, no reason, or more than a reason is a problem, and so is an empty list."""
    assert problems_of(value)[1] == [(path, problem)]


def test_the_schema_knows_both_ways() -> None:
    """For editors, such a value is one of two things."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema(SHAPE, "x"))
    for good in ({"svn": 1}, {"svn": {"unchecked": "why"}}, {"keys": ["a"]}):
        assert validator.is_valid(good)
    for bad in ({"svn": {"unchecked": " "}}, {"svn": {"unchecked": "a", "b": 1}}, {"keys": []}):
        assert not validator.is_valid(bad)


def test_a_truth_is_a_boolean_in_file_and_schema() -> None:
    """True and false are read as they are, and an editor accepts nothing else."""
    jsonschema = pytest.importorskip("jsonschema")
    problems = Problems("x.toml")
    assert read(Truth("Whether.", default=False), value=True, path="", problems=problems) is True
    assert not problems.found
    validator = jsonschema.Draft202012Validator(json_schema(Truth("Whether.", default=False), "x"))
    assert validator.is_valid(instance=False)
    assert not validator.is_valid(0)
