"""Each way of breaking a module breaks what it is meant to, and leaves alone what is no check."""

from __future__ import annotations

import ast

import pytest
from tests.mutation.operators import mutants


def broken(source: str) -> list[tuple[str, str]]:
    """What was there and what is there now, for each mutant."""
    return [(mutant.before, mutant.after) for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("a == b", [("a == b", "a != b")]),
        ("a <= b", [("a <= b", "a < b")]),
        ("a not in b", [("a not in b", "a in b")]),
        ("a and b and c", [("a and b and c", x) for x in ("b and c", "a and c", "a and b")]),
        ("not a", [("not a", "a")]),
        ("a - b", [("a - b", "a + b")]),
        ("a = 7", [("7", "8")]),
        ("a = True", [("True", "False")]),
        ("max(a)", [("max(a)", "pass"), ("max", "min")]),
        ("raise E('x' + 1)", [("raise E('x' + 1)", "pass")]),
        ("b = [x for x in a if x]", [("for x in a if x", "for x in a")]),
        ("b = c if a else d", [("c if a else d", f"c if {x} else d") for x in (True, False)]),
    ],
)
def test_a_check_is_broken(source: str, changes: list[tuple[str, str]]) -> None:
    """Every operator makes the mutants that it should, in their order."""
    assert broken(source) == changes


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "x: Literal[3]",
        "def f(x: Literal[3]) -> Literal[4]: return x",
        "t = f'{a == 3}'",
        "if TYPE_CHECKING:\n    a = 3",
        "@dataclass(frozen=True)\nclass A: ...",
        "zip(a, b, strict=True).x",
    ],
)
def test_what_decides_nothing_is_left_alone(source: str) -> None:
    """Texts, annotations and declarations for readers are no mutants: nobody could notice."""
    assert broken(source) == []


def test_a_mutant_is_one_change_of_the_whole() -> None:
    """Each mutant is the whole module with one difference, and names its line."""
    source = "a = 1\nb = a == 2\n"
    found = list(mutants(source))
    assert [mutant.line for mutant in found] == [1, 2, 2]
    assert [ast.unparse(mutant.module) for mutant in found] == [
        "a = 2\nb = a == 2", "a = 1\nb = a != 2", "a = 1\nb = a == 3",
    ]  # fmt: skip
